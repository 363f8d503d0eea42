"""Which processes are the shims of a container of ours: by the program's name and the container's whole id."""

from pathlib import Path

from runners.shims import shims_of

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
