"""What a canary tries from inside a container: one request line names it, one line answers with what came of it.

Handed to the base image's Python as text, so that no image has to be built. Nothing but the standard library; whatever
it says is taken for a claim, never for a fact that speaks for the sandbox where the host can look itself.
"""

# ruff: noqa: PTH101, PTH108, PTH123, PTH211, S103, S108, S606
# A program of its own on whatever Python an image has, in a world of its own.

from __future__ import annotations

import contextlib
import ctypes
import errno
import json
import os
import signal
import socket
import sys
import time
from typing import Any

MIB = 1 << 20
ADDRESSES = (("192.0.2.1", 80), ("169.254.169.254", 80), ("172.17.0.1", 2375), ("10.88.0.1", 80), ("2001:db8::1", 80))
UNWRITABLE = ("/canary", "/etc/canary", "/usr/canary", "/run/canary", "/var/tmp/canary", "/input/canary", "/sys/canary")
CLONE_NEWUSER = 0x10000000


def network(_given: dict[str, Any]) -> dict[str, Any]:
    """Try to reach somebody."""
    reached = []
    for address in ADDRESSES:
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_STREAM) as tried:
            tried.settimeout(1.0)
            tried.connect(address)
            reached.append(address[0])
    with contextlib.suppress(OSError):
        reached.append(socket.gethostbyname("example.org"))
    with open("/proc/net/dev") as lines:
        interfaces = [line.split(":")[0].strip() for line in lines if ":" in line]
    return {"reached": reached, "interfaces": interfaces}


def fill(path: str, most: int) -> int:
    """Write up to so many bytes; return how many could be written."""
    written = 0
    with contextlib.suppress(OSError), open(path, "wb", buffering=0) as file:
        while written < most:
            written += file.write(b"x" * MIB)
    with contextlib.suppress(OSError):
        os.unlink(path)
    return written


def disk(given: dict[str, Any]) -> dict[str, Any]:
    """Write where nothing may be written, and more than may be where something may."""
    opened = []
    for path in UNWRITABLE:
        with contextlib.suppress(OSError):
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))
            opened.append(path)
    sizes = {folder: fill(folder + "/canary", given["bytes"]) for folder in ("/tmp", "/dev/shm")}
    return {"opened": opened, "bytes": sizes, "runs_from_tmp": runs_from_tmp()}


def output(given: dict[str, Any]) -> dict[str, Any]:
    """Leave a plain file, a link to the host's and a pipe in /output, then fill it."""
    with open("/output/plain", "w") as file:
        file.write("plain")
    os.symlink(given["target"], "/output/link")
    with contextlib.suppress(OSError):  # our filter of system calls refuses it, gVisor does not
        os.mkfifo("/output/pipe")
    return {"bytes": fill("/output/flood", given["bytes"])}


def runs_from_tmp() -> bool:
    """Whether a program in /tmp can be run."""
    path = "/tmp/canary"
    with open(path, "w") as file:
        file.write("#!/bin/sh\nexit 0\n")
    os.chmod(path, 0o755)
    child = os.fork()
    if child == 0:
        with contextlib.suppress(OSError):
            os.execv(path, [path])
        os._exit(9)
    status = os.waitpid(child, 0)[1]
    os.unlink(path)
    return status == 0


def cpu(given: dict[str, Any]) -> dict[str, Any]:
    """Burn with two processes; return the CPU seconds that were had for each second."""
    began = time.monotonic()
    child = os.fork()
    while time.monotonic() < began + given["seconds"]:
        pass
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    spent = os.times()
    return {"cpus": (spent.user + spent.system + spent.children_user + spent.children_system) / given["seconds"]}


def privileges(_given: dict[str, Any]) -> dict[str, Any]:
    """Say who this is, and which calls into the kernel go through."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open("/proc/self/status") as lines:
        status = dict(line.rstrip("\n").split(":\t", 1) for line in lines if ":\t" in line)
    uid = os.getuid()
    through = []
    for name, family, kind in (("netlink", 16, 3), ("packet", 17, 3), ("vsock", 40, 1), ("alg", 38, 5)):
        with contextlib.suppress(OSError):
            socket.socket(family, kind).close()
            through.append(name)
    calls: dict[str, tuple[Any, ...]] = {
        "unshare": (272, CLONE_NEWUSER), "keyctl": (250, 0, -3, 1), "ptrace": (101, 0, 0, 0, 0),
        "io_uring": (425, 1, None), "inotify": (294, 0),
    }  # fmt: skip
    for name, (number, *values) in calls.items():
        done = libc.syscall(ctypes.c_long(number), *(ctypes.c_void_p(value) for value in values))
        if done >= 0 or ctypes.get_errno() not in (errno.EPERM, errno.ENOSYS):
            through.append(name)
    return {"uid": uid, "capabilities": int(status["CapEff"], 16), "through": through}


def fork(given: dict[str, Any]) -> dict[str, Any]:
    """Make children that sleep, until there may be no more."""
    children: list[int] = []
    with contextlib.suppress(OSError):
        while len(children) < given["most"]:
            child = os.fork()
            if child == 0:
                signal.pause()
            children.append(child)
    for child in children:
        os.kill(child, signal.SIGKILL)
    return {"children": len(children)}


def memory(given: dict[str, Any]) -> dict[str, Any]:
    """Use memory up to so many MiB; whoever answers was not stopped."""
    held = [os.urandom(4096) * 256 for _ in range(given["mib"])]
    return {"mib": len(held)}


def main() -> None:
    """Answer requests until their end."""
    tries = {each.__name__: each for each in (network, disk, output, cpu, privileges, fork, memory)}
    os.write(1, b'{"ready": true}\n')
    for line in sys.stdin:
        request = json.loads(line)
        os.write(1, json.dumps(tries[request["try"]](request)).encode() + b"\n")


if __name__ == "__main__":
    main()
