"""What stays behind of a container whose start failed, although the engine has removed it.

Between Docker's daemon and a runtime stands a shim, a process for each container. Where gVisor fails to start one, its
shim stays for good, and so do its empty control groups (seen with Docker 20.10 and runsc 20221219). Both name the
container's id, which is ours alone.
"""

from __future__ import annotations

import logging
import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_log = logging.getLogger(__name__)
_PROC = Path("/proc")
_GROUPS = Path("/sys/fs/cgroup")
_NAME = "containerd-shim"
_GRACE_SECONDS = 1.0
_PAUSE_SECONDS = 0.05
_CLEARING_SECONDS = 10.0


def shims_of(container: str, *, proc: Path = _PROC) -> list[int]:
    """Return the shims of a container by its id, as far as they can be seen from here."""
    return sorted(pid for pid, words in _commands(proc) if _is_shim(words) and container in words)


def reap_shims(container: str, *, grace_seconds: float = _GRACE_SECONDS) -> list[int]:
    """Kill the shims of a container that the engine has removed; return those that had to be killed.

    A shim that ends in good order is given a moment. Where this account may not kill one, the log says so.
    """
    left = _left_after(container, grace_seconds)
    for pid in left:
        try:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        except PermissionError:
            _log.warning("Process %s, a shim of a container that is gone, stays: it may not be killed from here.", pid)
    if left:  # containerd then starts another one for a moment, to clear up
        _left_after(container, _CLEARING_SECONDS)
    return left


def remove_groups(container: str, *, groups: Path = _GROUPS) -> list[Path]:
    """Remove the empty control groups of a container that the engine has removed; return them.

    They lie below a parent, of each controller or of all. Where this account may not remove one, the log says so.
    """
    removed = []
    for folder in sorted({*groups.glob(f"*/{container}"), *groups.glob(f"*/*/{container}")}):
        try:
            folder.rmdir()
        except FileNotFoundError:
            continue
        except OSError as error:
            _log.warning("The control group %s of a container that is gone stays: %s", folder, error.strerror)
        else:
            removed.append(folder)
    return removed


def _left_after(container: str, seconds: float) -> list[int]:
    """Return a container's shims once there is none, or after so long."""
    deadline = time.monotonic() + seconds
    while (left := shims_of(container)) and time.monotonic() < deadline:
        time.sleep(_PAUSE_SECONDS)
    return left


def _commands(proc: Path) -> Iterator[tuple[int, list[str]]]:
    for folder in proc.iterdir():
        if folder.name.isdigit():
            with suppress(OSError):  # gone, or not ours to read
                yield int(folder.name), (folder / "cmdline").read_text(errors="replace").split("\0")


def _is_shim(words: list[str]) -> bool:
    return Path(words[0]).name.startswith(_NAME)
