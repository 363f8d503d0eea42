"""Attacks on files: writing and executing where that is not meant, devices, settings of the host, setuid programs."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any


def _tried(action: Callable[[], Any]) -> str:
    """Return `done`, or the name of the error."""
    try:
        action()
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, str(error.errno))
    return "done"


def write(paths: Sequence[str]) -> dict[str, str]:
    """Make or overwrite files with one letter."""
    return {path: _tried(lambda path=path: Path(path).write_text("x", encoding="ascii")) for path in paths}


def unlock(paths: Sequence[str]) -> dict[str, str]:
    """Open files for writing, and write nothing: what could be written to would hurt the host."""
    return {path: _tried(lambda path=path: os.close(os.open(path, os.O_WRONLY))) for path in paths}


def execute(folders: Sequence[str]) -> dict[str, str]:
    """Copy a program into each folder and run it."""

    def run(folder: str) -> None:
        target = Path(folder) / "program"
        shutil.copyfile("/bin/true", target)
        target.chmod(0o755)
        subprocess.run([target], check=True)

    return {folder: _tried(lambda folder=folder: run(folder)) for folder in folders}


def peek(paths: Sequence[str]) -> dict[str, str]:
    """Read files of the kernel, the beginnings of them."""
    seen = {}
    for path in paths:
        try:
            with Path(path).open(encoding="utf-8", errors="replace") as file:
                seen[path] = file.read(20_000)
        except OSError as error:
            seen[path] = errno.errorcode.get(error.errno or 0, "")
    return seen


def devices(paths: Sequence[str]) -> dict[str, str]:
    """Open devices, and make nodes for them."""
    seen = {path: _tried(lambda path=path: os.close(os.open(path, os.O_RDONLY))) for path in paths}
    for name, number, kind in (("mem", os.makedev(1, 1), stat.S_IFCHR), ("disk", os.makedev(254, 0), stat.S_IFBLK)):
        path = f"/tmp/{name}"  # noqa: S108 - inside the container
        seen[f"mknod {name}"] = _tried(lambda path=path, kind=kind, number=number: os.mknod(path, 0o666 | kind, number))
        seen[f"open {name}"] = _tried(lambda path=path: os.close(os.open(path, os.O_RDONLY)))
    return seen


def setuid(program: str) -> dict[str, Any]:
    """Run a program that belongs to root and has the setuid bit; it prints who it is."""
    ran = subprocess.run([program, "-u"], capture_output=True, text=True, check=False)
    return {"euid": int(ran.stdout or -1), "own": os.geteuid(), "setuid": bool(os.stat(program).st_mode & stat.S_ISUID)}  # noqa: PTH116


def whoami() -> dict[str, Any]:
    """Say who this process is, what its environment names, and which libraries are mapped into it."""
    maps = Path("/proc/self/maps").read_text(encoding="utf-8").splitlines()
    return {
        "uid": os.getuid(),
        "gid": os.getgid(),
        "groups": os.getgroups(),
        "environment": dict(os.environ),
        "libraries": sorted({line.split()[-1] for line in maps if ".so" in line}),
    }


PLAYS: dict[str, Callable[..., Any]] = {
    play.__name__: play for play in (write, unlock, execute, peek, devices, setuid, whoami)
}
