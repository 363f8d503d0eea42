"""A container that cannot be started leaves nothing on the host: neither under runc nor under gVisor."""

import time
from pathlib import Path

import pytest

from runners import shims
from runners.container import Launcher
from runners.engine import Engine
from runners.faults import ContainerCannotStart, EngineRefused
from runners.images.build import build_from_files
from runners.policy import Placement, SandboxPolicy
from tests.hostile.surroundings import BASE_IMAGE
from tests.hostile.trying import LIMITS

pytestmark = pytest.mark.engine

DOCKERFILE = b'ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\nWORKDIR /proc/self/fd/7\nENTRYPOINT ["python3"]\n'


@pytest.mark.parametrize("runtime", ["runc", "runsc"])
def test_a_failed_start_leaves_no_container_and_no_shim(
    runtime: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Engine()
    killed: list[list[int]] = []
    ids: list[str] = []

    def reap(container: str) -> list[int]:
        ids.append(container)
        killed.append(shims.reap_shims(container))
        return killed[-1]

    monkeypatch.setattr("runners.container.reap_shims", reap)
    image = build_from_files(engine, {"Dockerfile": DOCKERFILE}, "arena-test-workdir:1", BASE_IMAGE)
    launcher = Launcher(
        engine,
        SandboxPolicy(LIMITS, runtime=runtime, gvisor=runtime == "runsc"),
        image,
        lambda: Placement.fresh(cpus=(0,), input_source=str(tmp_path), runner_id="test-start", attempt_id="a"),
    )
    with pytest.raises((ContainerCannotStart, EngineRefused)):
        launcher.launch()
    assert engine.containers_of("test-start") == {}
    assert len(ids) == 1
    until = time.monotonic() + 20.0  # after a kill containerd starts one for a moment, to clear up
    while shims.shims_of(ids[0]) and time.monotonic() < until:
        time.sleep(0.1)
    assert shims.shims_of(ids[0]) == []
    if runtime == "runsc":
        assert killed[0], "without the reaper its shim would stay"
    engine.close()
