"""After the last hostile test the machine is compared with what it was before the first one."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest

from tests.hostile.machine import Snapshot, left_over

FOLDER = Path(__file__).parent
_before: list[Snapshot] = []


def _is_hostile(item: pytest.Item) -> bool:
    return item.path.parent == FOLDER and item.get_closest_marker("engine") is not None


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, None, None]:
    """Look at the machine before the first test that starts containers here."""
    if _is_hostile(item) and not _before:
        _before.append(Snapshot.take())
    return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, None, None]:
    """Compare it after the last one, when its fixtures are gone as well; what is left fails the run, with names."""
    result = yield
    if _is_hostile(item) and _before and not _comes_later(item):
        left = left_over(_before.pop(), item.config._tmp_path_factory.getbasetemp())
        if left:
            pytest.fail("The hostile tests left on this machine:\n  " + "\n  ".join(left), pytrace=False)
    return result


def _comes_later(item: pytest.Item) -> bool:
    items = item.session.items
    return any(_is_hostile(other) for other in items[items.index(item) + 1 :])
