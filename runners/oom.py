"""Whether the kernel killed something of a container for memory, read from the kernel's own counter.

Podman does not tell reliably: its monitor notes the kill as a file `oom` in the folder that it was started in, and
Podman 4.3, which looks for that file elsewhere, then reports a container that was killed by signal 9.
"""

from __future__ import annotations

from pathlib import Path
from typing import IO

_PROC = Path("/proc")
_GROUPS = Path("/sys/fs/cgroup")


class OomCounter:
    """The counter of one container's memory control group; kept open, as the group goes soon after the container."""

    def __init__(self, pid: int, *, proc: Path = _PROC, groups: Path = _GROUPS) -> None:
        """Find the group that a process of this host is in; where there is none to be read, nothing is ever counted."""
        self._file: IO[bytes] | None = None
        try:
            self._file = _counter(proc / str(pid) / "cgroup", groups).open("rb", buffering=0)
        except OSError:  # another host's process, or not ours to read: the engine's own word has to do
            return

    def has_killed(self) -> bool:
        """Whether anything was killed so far; False when the group is gone."""
        if self._file is None:
            return False
        try:
            self._file.seek(0)
            fields = dict(line.split() for line in self._file.read().splitlines())
        except OSError:  # the group is gone
            return False
        return int(fields.get(b"oom_kill", 0)) > 0

    def close(self) -> None:
        """Close the counter."""
        if self._file is not None:
            self._file.close()
            self._file = None


def _counter(membership: Path, groups: Path) -> Path:
    """Name the file with the counter: that of the controller of version 1 where there is one, else of version 2."""
    paths: dict[str, str] = {}
    for line in membership.read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        paths |= dict.fromkeys(controllers.split(","), path.lstrip("/"))
    if "memory" in paths:
        return groups / "memory" / paths["memory"] / "memory.oom_control"
    return groups / paths.get("", "") / "memory.events"
