"""Which process made something, as a label that another process can read, and whether that process still lives.

A number of a process says nothing by itself: it is used again, other machines have the same ones, and so has every
other pid namespace. So the label names the place as well, by what only processes that see each other have in common:
the kernel's boot, the host's name, and the namespaces in which numbers and times count. Where place and number are
the same, the time at which the process began tells it from a later one of its number (proc(5), pid_namespaces(7)).

Who is in doubt takes a process for neither alive nor dead, but for unseen.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

_LABEL = re.compile(r"(?P<place>[0-9a-f]{32})-(?P<pid>[1-9][0-9]{0,6})-(?P<began>[0-9]{1,19})")
_PLACE_DIGITS = 32
# Fields of /proc/<pid>/stat behind the name, which may hold anything: proc(5) numbers them from 3.
_STATE, _THREADS, _BEGAN = 3 - 3, 20 - 3, 22 - 3
_ENDED = frozenset("ZX")


class Fate(StrEnum):
    """What can be said of a process."""

    LIVES = "lives"
    DEAD = "dead"
    UNSEEN = "unseen"


@dataclass(frozen=True, slots=True)
class _Stat:
    state: str
    threads: int
    began: int

    @property
    def has_ended(self) -> bool:
        """Whether all of it has ended; one whose first thread alone has ended is told by its other threads."""
        return self.state in _ENDED and self.threads <= 1


def _exists(pid: int) -> bool:
    """Ask the kernel itself: /proc may be mounted so that it hides what belongs to others (hidepid)."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


@dataclass(frozen=True, slots=True)
class Processes:
    """The processes that this one sees; tests give folders and answers of their own."""

    proc: Path = Path("/proc")
    exists: Callable[[int], bool] = _exists

    def me(self) -> str:
        """Return the label of this process; empty where its place cannot be told."""
        here = self._here()
        try:
            return "" if here is None else f"{here[0]}-{here[1]}-{self._stat(here[1]).began}"
        except (OSError, ValueError):
            return ""

    def fate(self, label: str) -> Fate:
        """Say what became of the process that a label names."""
        named, here = _LABEL.fullmatch(label), self._here()
        if named is None or here is None or named["place"] != here[0]:
            return Fate.UNSEEN
        pid = int(named["pid"])
        if not self.exists(pid):
            return Fate.DEAD
        try:
            stat = self._stat(pid)
        except (OSError, ValueError):  # it is hidden, or has ended this moment
            return Fate.UNSEEN
        return Fate.DEAD if stat.began != int(named["began"]) or stat.has_ended else Fate.LIVES

    def _here(self) -> tuple[str, int] | None:
        """Return the place of this process and its number there; None where /proc does not tell, or is another's."""
        try:
            status = (self.proc / "self/status").read_text(encoding="utf-8", errors="replace")
            numbers = next(line.split()[1:] for line in status.splitlines() if line.startswith("NSpid:"))
            kernel = self.proc / "sys/kernel"
            facts = [(kernel / name).read_text(encoding="utf-8").strip() for name in ("random/boot_id", "hostname")]
            facts += [str((self.proc / "self/ns/pid").readlink()), self._time_space()]
        except (OSError, ValueError, StopIteration):
            return None
        if len(numbers) != 1:  # the /proc of a namespace above: its numbers are not those that this process may ask for
            return None
        return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:_PLACE_DIGITS], int(numbers[0])

    def _time_space(self) -> str:
        """Return the namespace in which times since the boot count; kernels before 5.6 have one for all."""
        try:
            return str((self.proc / "self/ns/time").readlink())
        except FileNotFoundError:
            return ""

    def _stat(self, pid: int) -> _Stat:
        """Read what the kernel says of a process.

        Raises:
            OSError: It cannot be read.
            ValueError: It is not of the form that proc(5) says.
        """
        text = (self.proc / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
        fields = text.rpartition(")")[2].split()
        if len(fields) <= _BEGAN:
            msg = f"{len(fields)} fields are fewer than proc(5) says"
            raise ValueError(msg)
        return _Stat(fields[_STATE], int(fields[_THREADS]), int(fields[_BEGAN]))
