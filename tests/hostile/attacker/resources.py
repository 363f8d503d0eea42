"""Attacks on what a container may use: processes, memory, files in memory, CPU, time, and what the host keeps of it."""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

MIB = 1 << 20


def _why(error: OSError) -> str:
    return errno.errorcode.get(error.errno or 0, str(error.errno))


def fork(count: int) -> dict[str, Any]:
    """Fork that many children, which wait; say how many there were at once, and end them."""
    children: list[int] = []
    why = None
    try:
        for _ in range(count):
            child = os.fork()
            if child == 0:
                signal.pause()
                os._exit(0)
            children.append(child)
    except OSError as error:
        why = _why(error)
    return {"made": len(children), "why": why}


def bomb() -> None:
    """Let every process fork for ever."""
    while True:
        with contextlib.suppress(OSError):
            os.fork()


def threads(count: int) -> dict[str, Any]:
    """Start that many threads, which wait; say how many there were at once."""
    threading.stack_size(64 * 1024)
    made = 0
    for _ in range(count):
        try:
            threading.Thread(target=time.sleep, args=(3600,), daemon=True).start()
        except RuntimeError:
            break
        made += 1
    return {"made": made}


def eat(mib: int) -> dict[str, Any]:
    """Take that much memory and touch all of it."""
    held = [b"x" * MIB for _ in range(mib)]
    return {"mib": len(held)}


def memfd(mib: int, files: int = 1) -> dict[str, Any]:
    """Write that much to each of so many anonymous files in memory."""
    sizes, why = [], None
    for _ in range(files):
        descriptor = os.memfd_create("arena")
        try:
            for _ in range(mib):
                os.write(descriptor, b"x" * MIB)
        except OSError as error:
            why = _why(error)
        sizes.append(os.fstat(descriptor).st_size // MIB)
    return {"mib": sizes, "why": why}


def fill(folder: str, mib: int) -> dict[str, Any]:
    """Write files of 1 MiB until there are so many or no more fit."""
    written, why = 0, None
    try:
        for number in range(mib):
            with (Path(folder) / f"fill{number}").open("wb", buffering=0) as file:
                written += file.write(b"x" * MIB)
    except OSError as error:
        why = _why(error)
    return {"mib": written // MIB, "why": why}


def inodes(folder: str, count: int) -> dict[str, Any]:
    """Make that many empty files."""
    made, why = 0, None
    try:
        for made in range(count):
            os.close(os.open(f"{folder}/n{made}", os.O_CREAT | os.O_WRONLY))
        made += 1
    except OSError as error:
        why = _why(error)
    return {"made": made, "why": why}


def sparse(folder: str) -> dict[str, Any]:
    """Make a file of 1 TiB without a block, and then as large a full one as it gets."""
    path = Path(folder) / "sparse"
    with path.open("wb", buffering=0) as file:
        try:
            file.truncate(1 << 40)
        except OSError as error:
            why: str | None = _why(error)
        else:
            why = None
        tib = path.stat().st_size == 1 << 40
        file.truncate(0)
        full = None
        try:
            for _ in range(32):
                file.write(b"x" * MIB)
        except OSError as error:
            full = _why(error)
        size = path.stat().st_size // MIB
    path.unlink()
    return {"tib": tib, "why": why, "mib": size, "full": full}


def limits(count: int) -> dict[str, Any]:
    """Open that many files at once, and raise the limit of core files."""
    opened: list[int] = []
    why = None
    try:
        for _ in range(count):
            opened.append(os.open("/dev/null", os.O_RDONLY))  # noqa: PERF401 - what was opened has to be known
    except OSError as error:
        why = _why(error)
    made = len(opened)
    for descriptor in opened:
        os.close(descriptor)
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (MIB, MIB))
    except (OSError, ValueError):
        return {"files": made, "why": why, "core": 0}
    return {"files": made, "why": why, "core": resource.getrlimit(resource.RLIMIT_CORE)[0]}


def burn(processes: int, seconds: float) -> dict[str, Any]:
    """Keep that many processes busy for so long."""
    until = time.monotonic() + seconds
    children = []
    for _ in range(processes):
        child = os.fork()
        if child == 0:
            while time.monotonic() < until:
                pass
            os._exit(0)
        children.append(child)
    for child in children:
        os.waitpid(child, 0)
    return {"burners": len(children)}


def ignore() -> None:
    """Ignore every signal that can be ignored, and sleep for ever."""
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        with contextlib.suppress(OSError, ValueError):
            signal.signal(number, signal.SIG_IGN)
    while True:
        time.sleep(3600)


def deaf() -> str:
    """Answer, having arranged that every signal is ignored."""
    threading.Thread(target=time.sleep, args=(3600,), daemon=True).start()
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD}:
        with contextlib.suppress(OSError, ValueError):
            signal.signal(number, signal.SIG_IGN)
    return "deaf"


def daemon() -> str:
    """Leave a process that has no parent here, and no terminal."""
    child = os.fork()
    if child == 0:
        os.setsid()
        if os.fork() == 0:
            for descriptor in range(3):
                with contextlib.suppress(OSError):
                    os.close(descriptor)
            while True:
                time.sleep(3600)
        os._exit(0)
    os.waitpid(child, 0)
    return "left"


def flood(mib: int = 1 << 20) -> None:
    """Write to stdout without end, or so much, and then stay."""
    left = mib * MIB
    while left > 0:
        left -= os.write(1, b"x" * 65536)  # a pipe may take less
    signal.pause()


def log(marker: str, line_mib: int) -> str:
    """Write to stderr what hurts who shows it: control bytes, markup, a line without end, and what stands for pixels."""
    os.write(2, b"\0\x1b[2J\x1b]0;title\x07<img src=x onerror=alert(1)>\n" + marker.encode() + b"\n")
    for _ in range(line_mib * 16):
        os.write(2, b"x" * 65536)
    os.write(2, b"\n")
    return "logged"


def crash(code: int, after: float = 0.0) -> None:
    """Exit with that code, after so many seconds."""
    time.sleep(after)
    sys.stdout.flush()
    os._exit(code)


def dentries(count: int, pipes: int, folder: str) -> dict[str, Any]:
    """Ask for that many names that do not exist, and fill so many pipes."""
    for number in range(count):
        with contextlib.suppress(OSError):
            os.stat(f"{folder}/none{number}")  # noqa: PTH116 - as fast as it goes
    filled = 0
    with contextlib.suppress(OSError):
        for _ in range(pipes):
            _, end = os.pipe()
            os.set_blocking(end, False)
            filled += os.write(end, b"x" * 65536)
    return {"piped": filled}


PLAYS: dict[str, Callable[..., Any]] = {
    play.__name__: play
    for play in (
        fork, bomb, threads, eat, memfd, fill, inodes, sparse, limits, burn, ignore, deaf, daemon, flood, log, crash,
        dentries,
    )
}  # fmt: skip
