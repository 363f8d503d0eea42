"""What the kernel's own counters say of a container's end for memory: whether it was, and whose limit had been reached.

Podman does not tell reliably that it was: its monitor notes the kill as a file `oom` in the folder that it was started
in, and Podman 4.3, which looks for that file elsewhere, then reports a container that was killed by signal 9. And no
engine tells whose limit it was. A container that is killed without having reached its own limit died of its
neighbours': all containers together had too much, or the host had.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import IO

_PROC = Path("/proc")
_GROUPS = Path("/sys/fs/cgroup")
_BATCH_BYTES = 64 * 4096
"""What the kernel takes of a limit at once, so that a group may come no nearer to it."""


@dataclass(frozen=True, slots=True)
class _Files:
    """The kernel's files: a container's kills, how often it came to its limit, and how often the group above it did.

    `peaks` are the most that it has used, each with the limit.
    """

    kills: Path
    own: Path
    above: Path
    peaks: tuple[tuple[Path, Path], ...] = ()


class OomCounter:
    """The counters of one container's memory control group; kept open, as the group goes soon after the container."""

    def __init__(self, pid: int, container: str, *, proc: Path = _PROC, groups: Path = _GROUPS) -> None:
        """Find the group that a process of this host is in; where there is none to be read, nothing is ever counted.

        Args:
            pid: A process of the container, by the engine's word.
            container: The container's id, by which the process is known to be the container's.
            proc: Where the kernel shows processes.
            groups: Where it shows control groups.
        """
        self._kills: IO[bytes] | None = None
        self._own: IO[bytes] | None = None
        self._peaks: list[tuple[IO[bytes], int]] = []
        self._above: Path | None = None
        self._above_before: int | None = None
        try:
            if (files := _files(proc / str(pid) / "cgroup", container, groups)) is not None:
                self._above, self._above_before = files.above, _count(_read(files.above))
                self._kills, self._own = (each.open("rb", buffering=0) for each in (files.kills, files.own))
                for peak, limit in files.peaks:
                    if (at_most := _count(_read(limit))) is not None:
                        self._peaks.append((peak.open("rb", buffering=0), at_most))
        except OSError:  # another host's process, or not ours to read: the engine's own word has to do
            return

    def has_killed(self) -> bool:
        """Whether anything was killed so far; False when the group is gone."""
        return bool(_count(_again(self._kills), b"oom_kill"))

    def was_for_others(self) -> bool:
        """Whether the memory that was missing was not the container's own.

        Where the container's group tells that its limit was never reached, it was another's. Where the group is gone
        already, it was if the group above came to its limit since the beginning.
        """
        own = _count(_again(self._own))
        if own is not None:
            return own == 0 and not self._came_to_its_limit()
        if self._above is None or self._above_before is None:
            return False
        now = _count(_read(self._above))
        return now is not None and now > self._above_before

    def _came_to_its_limit(self) -> bool:
        return any((_count(_again(peak)) or 0) > limit - _BATCH_BYTES for peak, limit in self._peaks)

    def close(self) -> None:
        """Close the counters."""
        for file in (self._kills, self._own, *(peak for peak, _ in self._peaks)):
            if file is not None:
                file.close()
        self._kills = self._own = None
        self._peaks = []


def _files(membership: Path, container: str, groups: Path) -> _Files | None:
    """Name the counters: those of the controller of version 1 where there is one, else of version 2."""
    paths: dict[str, str] = {}
    for line in membership.read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if container in path:
            paths |= dict.fromkeys(controllers.split(","), path.lstrip("/"))
    if "memory" in paths:
        folder = groups / "memory" / paths["memory"]
        # Where the limit of memory with swap is that of memory it is come to first, and Linux 6.18 then counts neither.
        # Podman sets both limits, Docker where it finds that the kernel counts swap.
        peaks = tuple(
            (folder / f"{which}.max_usage_in_bytes", folder / f"{which}.limit_in_bytes")
            for which in ("memory", "memory.memsw")
        )
        return _Files(folder / "memory.oom_control", folder / "memory.failcnt", folder.parent / "memory.failcnt", peaks)
    if "" not in paths:
        return None
    folder = groups / paths[""]
    # The events of a group above are counted with those of all below it, but for the file of its own events.
    return _Files(folder / "memory.events", folder / "memory.events", folder.parent / "memory.events.local")


def _again(file: IO[bytes] | None) -> bytes:
    """Read an open file of the kernel's from its beginning; nothing where its group is gone."""
    if file is None:
        return b""
    try:
        file.seek(0)
        return file.read()
    except OSError:
        return b""


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _count(text: bytes, name: bytes = b"oom") -> int | None:
    """Return a counter of that name, or the only one; None where it is not there."""
    if text.strip().isdigit():
        return int(text)
    fields = dict(line.split() for line in text.splitlines())
    return int(fields[name]) if name in fields else None
