"""Attacks on the kernel and the network: system calls that a container has no business with, and who can be reached."""

from __future__ import annotations

import ctypes
import errno
import os
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

_LIBC = ctypes.CDLL(None, use_errno=True)
_SOCKETS = {
    "raw": (socket.AF_INET, socket.SOCK_RAW, 1),
    "packet": (17, socket.SOCK_RAW, 0x0300),
    "vsock": (40, socket.SOCK_STREAM, 0),
    "netlink": (16, socket.SOCK_RAW, 0),
    "alg": (38, socket.SOCK_SEQPACKET, 0),
}
_HELD: list[socket.socket] = []
_NEW_USER = 0x10000000
_NEW_NETWORK = 0x40000000
_TRACE_ME = 0


def reach(targets: Sequence[tuple[str, int]]) -> dict[str, str]:
    """Connect to addresses and look up a name; say what came of each."""
    seen = {}
    for host, port in targets:
        try:
            socket.create_connection((host, port), timeout=1).close()
        except OSError as error:
            seen[host] = errno.errorcode.get(error.errno or 0, type(error).__name__)
        else:
            seen[host] = "reached"
    try:
        socket.getaddrinfo("example.org", 80)
    except OSError as error:
        seen["name"] = type(error).__name__
    else:
        seen["name"] = "reached"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagram:
        for host, _ in targets:
            with suppress(OSError):
                datagram.sendto(b"arena", (host, 53))
    return seen


def sockets() -> dict[str, str]:
    """Open one socket of each kind that leads elsewhere, and keep it."""
    seen = {}
    for name, (family, kind, protocol) in _SOCKETS.items():
        try:
            _HELD.append(socket.socket(family, kind, protocol))
        except OSError as error:
            seen[name] = errno.errorcode.get(error.errno or 0, str(error.errno))
        else:
            seen[name] = "opened"
    return seen


def _call(number: int, *values: int | bytes | None) -> str:
    """Make a system call in a child of its own; return its error, or `done`."""
    receiving, sending = os.pipe()
    child = os.fork()
    if child == 0:
        ctypes.set_errno(0)
        given = [value if isinstance(value, bytes) or value is None else ctypes.c_long(value) for value in values]
        result = _LIBC.syscall(ctypes.c_long(number), *given)
        why = errno.errorcode.get(ctypes.get_errno(), "?") if result < 0 else "done"
        os.write(sending, why.encode())
        os._exit(0)
    os.close(sending)
    said = os.read(receiving, 64).decode()
    os.close(receiving)
    os.waitpid(child, 0)
    return said


def namespaces(without: Sequence[str] = ()) -> dict[str, str]:
    """Ask for namespaces, mounts and other roots."""
    asked: dict[str, Callable[[], str]] = {
        "unshare user": lambda: _call(272, _NEW_USER),
        "unshare network": lambda: _call(272, _NEW_NETWORK),
        "mount": lambda: _call(165, b"none", b"/tmp", b"tmpfs", 0, None),
        "pivot_root": lambda: _call(155, b"/tmp", b"/tmp"),
        "setns": lambda: _call(308, os.open("/proc/self/ns/net", os.O_RDONLY), 0),
        "chroot": lambda: _call(161, b"/tmp"),
    }
    return {name: ask() for name, ask in asked.items() if name not in without}


def calls() -> dict[str, str]:
    """Ask for what the kernel keeps for debuggers, tracers, keys and its own programs."""
    return {
        "bpf": _call(321, 0, None, 0),
        "userfaultfd": _call(323, 0),
        "perf_event_open": _call(298, None, 0, -1, -1, 0),
        "keyctl": _call(250, 0, -3, 0),
        "io_uring_setup": _call(425, 1, None),
        "ptrace": _call(101, _TRACE_ME, 0, 0, 0),
        "init_module": _call(175, None, 0, b""),
        "kexec_load": _call(246, 0, 0, None, 0),
    }


def release() -> str:
    """Return the kernel's release, as it tells a container."""
    return os.uname().release


PLAYS: dict[str, Callable[..., Any]] = {play.__name__: play for play in (reach, sockets, namespaces, calls, release)}
