"""What holds for every test: nothing is skipped in silence, nothing leaves this machine, no setting leaks in."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.built import Builds
from tests.database import database_url, postgres_server, sqlite_store, store

__all__ = ["database_url", "postgres_server", "sqlite_store", "store"]

REAL_DATA = "ARENA_REAL_DATA"
KEPT_SETTINGS = {"ARENA_BASE_IMAGE", "ARENA_CHROMIUM", "ARENA_WRITE_SCREENSHOTS", REAL_DATA}
LOOPBACK = {"127.0.0.1", "::1", "localhost"}
_builds = Builds()
_noting = pytest.MonkeyPatch()


def pytest_configure() -> None:
    """Take away settings of the person who runs the tests: a test says what it sets."""
    for name in [name for name in os.environ if name.startswith("ARENA_") and name not in KEPT_SETTINGS]:
        del os.environ[name]


def pytest_sessionstart() -> None:
    """Note the images that tests build from now on."""
    _builds.note(_noting)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Take them away again; one that cannot be removed fails the run, with the engine's reason."""
    _noting.undo()
    left = _builds.take_away()
    if left:
        sys.stderr.write("\n".join(["The tests left with the engine:", *left, ""]))
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip tests on real data where there is none: the one reason for which a test may be skipped."""
    if item.get_closest_marker("real_data") and not os.environ.get(REAL_DATA):
        pytest.skip(f"{REAL_DATA} names no folder with real data (docs/README.md says what is read there)")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Turn every other skip into a failure: a missing tool must be seen."""
    report: pytest.TestReport = yield
    if report.skipped and not hasattr(report, "wasxfail") and not item.get_closest_marker("real_data"):
        report.outcome = "failed"
        report.longrepr = f"A test may not skip itself; install what it misses. It said: {call.excinfo}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Iterator[None]:
    """Turn the skip of a whole file into a failure too."""
    report: pytest.CollectReport = yield
    if report.outcome == "skipped":
        report.outcome = "failed"
        report.longrepr = f"{collector.nodeid} skipped itself; install what it misses. It said: {report.longrepr}"
    return report


@pytest.fixture(autouse=True)
def _stay_on_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse connections to any other host."""
    connect = socket.socket.connect

    def connect_here(self: socket.socket, address: Any) -> None:
        if self.family in {socket.AF_INET, socket.AF_INET6} and address[0] not in LOOPBACK:
            raise AssertionError(f"A test reached out to {address[0]}; tests stay on this machine")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect_here)
