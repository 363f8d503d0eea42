"""What only an engine of the test's own can show: a full disk, and that it leaves the usual engine's network alone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from runners import loading
from runners.faults import EngineRefused
from tests.acceptance.own_engine import OwnEngine
from tests.archives import layer_of
from tests.bundles import FakeImage

pytestmark = [pytest.mark.engine, pytest.mark.timeout(180)]


@pytest.fixture
def own() -> Iterator[OwnEngine]:
    made = OwnEngine(disk_mib=48)
    try:
        made.start()
        yield made
    finally:
        made.stop()


def test_an_image_that_does_not_fit_on_the_engines_disk_is_the_hosts_fault(own: OwnEngine, tmp_path: Path) -> None:
    large = FakeImage(layers=[layer_of(("weights", os.urandom(60 * 2**20)))], tags=None)
    small = FakeImage(tags=None)
    with closing(own.engine()) as engine:
        with pytest.raises(EngineRefused, match="no space left on device"):
            loading.load_submitted(engine, large.image_id, large.write(tmp_path / "large.tar"))
        assert loading.load_submitted(engine, small.image_id, small.write(tmp_path / "small.tar"))


def test_a_second_engine_leaves_the_network_of_the_first_alone() -> None:
    assert "docker0" in psutil.net_if_addrs(), "the usual engine has lost its bridge: restart it"
    own = OwnEngine()
    try:
        own.start()
    finally:
        own.stop()
    assert "docker0" in psutil.net_if_addrs()
