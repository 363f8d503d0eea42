"""Which processes are the shims of a container of ours: by the program's name and the container's whole id."""

from pathlib import Path

import pytest

from runners.shims import remove_groups, shims_of

OURS = "a" * 64


def process(proc: Path, pid: str, *words: str) -> None:
    (proc / pid).mkdir()
    (proc / pid / "cmdline").write_text("\0".join(words))


def test_only_a_shim_that_names_the_whole_id_is_taken(tmp_path: Path) -> None:
    process(tmp_path, "10", "/usr/bin/containerd-shim-runc-v2", "-namespace", "moby", "-id", OURS)
    process(tmp_path, "11", "/usr/bin/containerd-shim-runc-v2", "-namespace", "moby", "-id", "b" * 64)
    process(tmp_path, "12", "/usr/bin/containerd-shim-runc-v2", "-id", OURS + "c")
    process(tmp_path, "13", "/bin/sh", "-c", "containerd-shim", OURS)
    process(tmp_path, "self", "/usr/bin/containerd-shim-runc-v2", "-id", OURS)
    (tmp_path / "14").mkdir()
    assert shims_of(OURS, proc=tmp_path) == [10]


def test_empty_control_groups_of_a_container_are_removed_and_no_others(tmp_path: Path) -> None:
    another = "b" * 64
    for controller in ("memory", "pids"):
        (tmp_path / controller / "docker" / OURS).mkdir(parents=True)
        (tmp_path / controller / "docker" / another).mkdir()
    (tmp_path / "arena.slice" / OURS).mkdir(parents=True)
    assert len(remove_groups(OURS, groups=tmp_path)) == 3
    assert [path.name for path in tmp_path.glob("*/*/*")] == [another, another]
    assert list((tmp_path / "arena.slice").iterdir()) == []


def test_a_control_group_that_cannot_be_removed_is_told_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "memory" / "docker" / OURS / "inner").mkdir(parents=True)
    assert remove_groups(OURS, groups=tmp_path) == []
    assert "stays" in caplog.text
