"""The filter of system calls, seen from inside a container: what is refused, by whom, and what works all the same."""

import errno
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from runners.container import Box
from runners.engine import Engine
from runners.policy import SandboxPolicy
from runners.seccomp import FCNTL_COMMANDS, NEW_NAMESPACES, REFUSED, SOCKET_FAMILIES, Refused, profile_text
from tests.hostile.surroundings import Bench
from tests.hostile.trying import LIMITS, ask, trying

pytestmark = pytest.mark.engine

TOLD = errno.EUCLEAN
"""An error that no call here gives by itself: whoever sees it was answered by the filter."""

CALLER = r"""
import ctypes, json, mmap, os, sys
libc = ctypes.CDLL(None, use_errno=True)

def call(number, *values):
    ctypes.set_errno(0)
    done = libc.syscall(ctypes.c_long(number), *(ctypes.c_long(value) for value in values))
    return ctypes.get_errno() if done < 0 else 0

def run(code):
    child = os.fork()
    if child == 0:
        page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
        page.write(bytes.fromhex(code))
        ctypes.CFUNCTYPE(ctypes.c_long)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()
        os._exit(0)
    return os.waitpid(child, 0)[1] & 127

print("ready", flush=True)
for line in sys.stdin:
    request = json.loads(line)
    if "code" in request:
        print(run(request["code"]), flush=True)
    else:
        print(json.dumps([call(*each) for each in request["calls"]]), flush=True)
"""

WORKER = r"""
import json, multiprocessing, os, subprocess, sys, threading
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import shared_memory
import numpy

def square(number):
    return number * number

if __name__ == "__main__":
    print("ready", flush=True)
    sys.stdin.readline()
    done = {}
    with multiprocessing.get_context("fork").Pool(2) as pool:
        done["pool"] = pool.map(square, range(4))
    queue = multiprocessing.Queue()
    child = multiprocessing.Process(target=queue.put, args=(7,))
    child.start()
    done["queue"] = queue.get(timeout=10)
    child.join()
    with ProcessPoolExecutor(2) as pool:
        done["executor"] = list(pool.map(square, [3]))
    shared = shared_memory.SharedMemory(create=True, size=64)
    done["shared"] = shared.size >= 64
    shared.close()
    shared.unlink()
    thread = threading.Thread(target=done.update, args=({"thread": True},))
    thread.start()
    thread.join()
    done["subprocess"] = subprocess.run(["sort"], input="b\na\n", capture_output=True, text=True, check=True).stdout
    done["shell"] = subprocess.run("echo $((6 * 7)) | cat", shell=True, capture_output=True, text=True).stdout
    numbers = numpy.random.default_rng(0).random((200, 200))
    done["numpy"] = bool(numpy.allclose(numbers @ numpy.linalg.inv(numbers), numpy.eye(200)))
    numpy.save("/tmp/x.npy", numbers)
    done["mapped"] = bool((numpy.load("/tmp/x.npy", mmap_mode="r") == numbers).all())
    print(json.dumps(done), flush=True)
"""


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    bench = Bench(tmp_path_factory.mktemp("seccomp"), Engine(), "test-seccomp")
    yield bench
    assert bench.left_behind() == []
    bench.engine.close()


@pytest.fixture(scope="module")
def filtered(bench: Bench) -> Iterator[Box]:
    with trying(bench.host, bench.root / "a", CALLER, policy=SandboxPolicy(LIMITS)) as box:
        yield box


@pytest.fixture(scope="module")
def told(bench: Bench) -> Iterator[Box]:
    policy = replace(SandboxPolicy(LIMITS), seccomp=profile_text(telling=TOLD))
    with trying(bench.host, bench.root / "b", CALLER, policy=policy) as box:
        yield box


def errors(box: Box, *calls: tuple[int, ...]) -> Any:
    return ask(box, {"calls": calls})


@pytest.mark.parametrize("group", REFUSED, ids=lambda group: group.name)
def test_every_call_of_a_refused_group_is_answered_by_the_filter(group: Refused, filtered: Box, told: Box) -> None:
    calls = [(number, 0, 0, 0, 0, 0) for number in group.calls.values()]
    seen = dict(zip(group.calls, errors(filtered, *calls), strict=True))
    assert seen == dict.fromkeys(group.calls, group.error)
    # A library of an engine may be older than a call: it is refused then as every call that nobody has heard of.
    by_filter = dict(zip(group.calls, errors(told, *calls), strict=True))
    assert {name: error for name, error in by_filter.items() if error != TOLD}.keys() <= {"cachestat"}


def test_only_three_families_of_sockets_open(filtered: Box) -> None:
    families = range(46)
    seen = errors(filtered, *((41, family, 1, 0) for family in families))
    assert [family for family, error in zip(families, seen, strict=True) if error != errno.EPERM] == sorted(
        SOCKET_FAMILIES.values()
    )
    assert errors(filtered, (53, 2, 1, 0, 0)) == [errno.EPERM], "a socketpair of AF_INET"


def test_clone_makes_no_namespace(filtered: Box) -> None:
    flags = [1 << bit for bit in range(32) if NEW_NAMESPACES >> bit & 1]
    assert len(flags) == 7
    assert errors(filtered, *((56, flag, 0, 0, 0, 0) for flag in flags)) == [errno.EPERM] * 7


def test_fcntl_takes_no_lock_lease_or_notification(filtered: Box) -> None:
    commands = [number for number in (*range(40), *range(1024, 1048)) if number not in FCNTL_COMMANDS]
    assert set(errors(filtered, *((72, 1, command, 0) for command in commands))) == {errno.EPERM}
    assert errors(filtered, (72, 1, 1, 0), (72, 1, 3, 0)) == [0, 0], "F_GETFD and F_GETFL"


@pytest.mark.parametrize(
    ("code", "interface"),
    [("b814000000cd80c3", "32-bit: getpid by int 0x80"), ("b8270000400f05c3", "x32: getpid by syscall")],
)
def test_the_kernels_other_interfaces_kill_who_calls_them(filtered: Box, code: str, interface: str) -> None:
    assert ask(filtered, {"code": code}) == signal.SIGSYS, interface


def test_numpy_threads_pools_and_subprocesses_work(bench: Bench) -> None:
    with trying(bench.host, bench.root / "c", WORKER, policy=SandboxPolicy(LIMITS)) as box:
        assert ask(box, None) == {
            "pool": [0, 1, 4, 9], "queue": 7, "executor": [9], "shared": True, "thread": True, "subprocess": "a\nb\n",
            "shell": "42\n", "numpy": True, "mapped": True,
        }  # fmt: skip


def test_without_the_filter_the_same_container_may_do_what_it_is_refused(bench: Bench, tmp_path: Path) -> None:
    """The guard removed: what the kernel itself would let through, so that the tests above show the filter's work."""
    everything = '{"defaultAction":"SCMP_ACT_ALLOW"}'
    policy = replace(SandboxPolicy(LIMITS), seccomp=everything)
    with trying(bench.host, tmp_path / "d", CALLER, policy=policy) as box:
        netlink, namespace, inotify, personality, io_uring = errors(
            box, (41, 16, 3, 0), (272, 0x10000000), (294, 0), (135, 0xFFFFFFFF), (425, 1, 0)
        )
    assert (netlink, inotify, personality) == (0, 0, 0)
    assert namespace in (0, errno.EPERM, errno.ENOSPC), "as the host's own setting has it"
    assert io_uring in (errno.EFAULT, errno.EPERM), "as the host's own setting has it"
