"""Limits that hold for all containers together: where they lie, that they are set, and that they are read back."""

from pathlib import Path

import pytest

from runners.faults import SandboxRefused
from runners.parent import Together, hold_together, parent_name

LIMITS = Together(memory_mib=300, pids=500)
BYTES = str(300 * 1024 * 1024)


@pytest.mark.parametrize(
    ("setting", "driver", "name"),
    [
        ("/arena", "cgroupfs", "/arena"),
        ("/arena", "systemd", "arena.slice"),
        ("/arena/gpu", "systemd", "arena-gpu.slice"),
        ("arena.slice", "systemd", "arena.slice"),
        ("arena.slice", "cgroupfs", "arena.slice"),
        (None, "systemd", None),
        ("", "cgroupfs", None),
    ],
)
def test_a_parent_is_named_as_the_engines_driver_needs_it(setting: str | None, driver: str, name: str | None) -> None:
    assert parent_name(setting, driver) == name


@pytest.fixture(autouse=True)
def _root_of_version_1(tmp_path: Path) -> None:
    (tmp_path / "cpuset").mkdir()
    (tmp_path / "cpuset" / "cpuset.cpus").write_text("0-3")
    (tmp_path / "cpuset" / "cpuset.mems").write_text("0")


def test_a_new_group_of_version_1_has_the_cpus_above_it(tmp_path: Path) -> None:
    hold_together("/arena/gpu", "cgroupfs", Together(), groups=tmp_path)
    assert (tmp_path / "cpuset/arena/gpu/cpuset.cpus").read_text() == "0-3"
    assert (tmp_path / "cpuset/arena/gpu/cpuset.mems").read_text() == "0"


def test_limits_are_set_in_groups_of_version_1(tmp_path: Path) -> None:
    hold_together("/arena", "cgroupfs", LIMITS, groups=tmp_path)
    assert (tmp_path / "memory/arena/memory.limit_in_bytes").read_text() == BYTES
    assert (tmp_path / "pids/arena/pids.max").read_text() == "500"


def test_limits_are_set_in_groups_of_version_2(tmp_path: Path) -> None:
    (tmp_path / "cgroup.controllers").write_text("memory pids")
    hold_together("/arena", "cgroupfs", LIMITS, groups=tmp_path)
    assert (tmp_path / "arena/memory.max").read_text() == BYTES
    assert (tmp_path / "arena/pids.max").read_text() == "500"


def test_a_slice_is_systemds_to_limit_and_is_read_back(tmp_path: Path) -> None:
    (tmp_path / "cgroup.controllers").write_text("memory pids")
    with pytest.raises(SandboxRefused, match=r"systemctl set-property arena-gpu.slice MemoryMax=300M TasksMax=500"):
        hold_together("arena-gpu.slice", "systemd", LIMITS, groups=tmp_path)
    folder = tmp_path / "arena.slice" / "arena-gpu.slice"
    folder.mkdir(parents=True)
    (folder / "memory.max").write_text(BYTES)
    (folder / "pids.max").write_text("500")
    hold_together("arena-gpu.slice", "systemd", LIMITS, groups=tmp_path)
    (folder / "pids.max").write_text("max")
    with pytest.raises(SandboxRefused):
        hold_together("arena-gpu.slice", "systemd", LIMITS, groups=tmp_path)


def test_limits_that_cannot_be_set_refuse_the_run(tmp_path: Path) -> None:
    (tmp_path / "memory").write_text("not a folder")
    with pytest.raises(SandboxRefused, match=r"memory.limit_in_bytes"):
        hold_together("/arena", "cgroupfs", LIMITS, groups=tmp_path)
