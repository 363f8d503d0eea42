"""Attacks that pass something on: to a container beside this one, to the next one, or to whoever waits for this one."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import socket
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

_LIBC = ctypes.CDLL(None, use_errno=True)
_KEY = 0x41524E41
_CREATE = 0o1000
_NAME = "arena-channel"
_HELD: list[Any] = []
_AT_THE_END: list[Callable[[], None]] = []
_QUEUE_NAME = f"/{_NAME}".encode()


def at_the_end() -> None:
    """Do what was put off until no more requests come."""
    for action in _AT_THE_END:
        action()


def _tried(action: Callable[[], Any]) -> str:
    try:
        _HELD.append(action())
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, str(error.errno))
    return "done"


def _checked(result: int) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), "refused")
    return result


def _abstract(join: bool) -> socket.socket:
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    if join:
        made.connect(f"\0{_NAME}")
    else:
        made.bind(f"\0{_NAME}")
        made.listen(8)
    return made


def _ways(*, join: bool) -> dict[str, Callable[[], Any]]:
    """Return the ways to meet by a name; `join` finds what somebody else has made."""
    flags = 0 if join else _CREATE | 0o666
    return {
        "abstract socket": lambda: _abstract(join),
        "/dev/shm": lambda: Path(f"/dev/shm/{_NAME}").open("rb" if join else "wb"),  # noqa: S108
        "shared memory": lambda: _checked(_LIBC.shmget(_KEY, 4096, flags)),
        "semaphore": lambda: _checked(_LIBC.semget(_KEY, 1, flags)),
        "queue": lambda: _checked(_LIBC.msgget(_KEY, flags)),
        "message queue": lambda: _checked(
            _LIBC.syscall(240, _QUEUE_NAME, 0 if join else os.O_CREAT | os.O_RDWR, 0o666, None)
        ),
    }


def meet() -> dict[str, str]:
    """Leave something by each way of meeting."""
    return {name: _tried(way) for name, way in _ways(join=False).items()}


def find() -> dict[str, str]:
    """Look for what another container has left."""
    return {name: _tried(way) for name, way in _ways(join=True).items()}


def lock(paths: Sequence[str]) -> dict[str, str]:
    """Lock files that other containers see as well, without waiting; the locks are kept."""

    def locked(path: str) -> int:
        descriptor = os.open(path, os.O_RDONLY)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return descriptor

    seen = {path: _tried(lambda path=path: locked(path)) for path in paths}
    seen["inotify"] = _tried(lambda: _checked(_LIBC.inotify_init1(0)))
    return seen


def keep(marker: str) -> dict[str, str]:
    """Write a marker wherever one can write."""
    places = ("/tmp", "/dev/shm", "/var/tmp", "/run", "/input", "/attack", "/open", "/")  # noqa: S108
    return {
        place: _tried(lambda place=place: (Path(place) / "kept").write_text(marker, encoding="ascii"))
        for place in places
    }


def recall() -> list[str]:
    """Look for the marker of an earlier evaluation."""
    places = ("/tmp", "/dev/shm", "/var/tmp", "/run", "/input", "/attack", "/open", "/")  # noqa: S108
    return [place for place in places if (Path(place) / "kept").exists()]


def _flood() -> None:
    while True:
        os.write(1, b"x" * 65536)


def stall(when: str) -> str:
    """Answer, and stall whoever reads: flood between two requests, or after the last one."""
    if when == "between":
        threading.Thread(target=lambda: (time.sleep(0.2), _flood()), daemon=True).start()
    elif when == "end":
        _AT_THE_END.append(_flood)
    else:
        _AT_THE_END.append(lambda: time.sleep(3600))
    return "stalling"


def wait(seconds: float, until: str = "") -> str:
    """Take so long for an answer, or until a file is there."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and not (until and Path(until).exists()):
        time.sleep(0.05)
    return "waited"


PLAYS: dict[str, Callable[..., Any]] = {play.__name__: play for play in (meet, find, lock, keep, recall, stall, wait)}
