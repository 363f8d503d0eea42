"""What the kernel says of a container, read from copies of its files, and that nothing else than was asked is accepted."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runners import kernel
from runners.kernel import ELSEWHERE, ENDED, Window, differences, has_swap
from runners.policy import Placement, SandboxPolicy
from runners.values import Limits

CONTAINER = "c0ffee" * 8
PID = 4711
MIB = 1024 * 1024
POLICY = SandboxPolicy(Limits(memory_mib=64, cpus=0.5, pids=32, tmp_mib=8, shm_mib=8, total_seconds=100))
REQUEST = POLICY.request("sha256:x", Placement(333_333, (0, 1), "/runs/input", ()))

# Copied from a container under Docker 20.10 with runc 1.1.5 on Linux 6.18, shortened.
STATUS = """Name:\ttini
NSpid:\t4711\t1
Uid:\t333333\t333333\t333333\t333333
Gid:\t333333\t333333\t333333\t333333
Groups:\t333333
CapInh:\t0000000000000000
CapPrm:\t0000000000000000
CapEff:\t0000000000000000
CapBnd:\t0000000000000000
CapAmb:\t0000000000000000
NoNewPrivs:\t1
Seccomp:\t2
"""
MOUNTS = """74 49 0:39 / / ro,relatime master:2 - overlay overlay rw,lowerdir=/var/lib/docker/overlay2/l/Q
75 74 0:42 / /proc rw,nosuid,nodev,noexec,relatime - proc proc rw
76 74 0:43 / /dev rw,nosuid - tmpfs tmpfs rw,size=65536k,mode=755
78 74 0:45 / /sys ro,nosuid,nodev,noexec,relatime - sysfs sysfs ro
90 76 0:47 / /dev/shm rw,nosuid,nodev,noexec,relatime - tmpfs shm rw,size=8192k
91 74 254:0 /usr/bin/tini-static /usr/sbin/docker-init ro,relatime - ext4 /dev/vda rw,discard
92 74 0:48 / /tmp rw,nosuid,nodev,noexec,relatime - tmpfs tmpfs rw,size=8192k
93 74 254:0 /runs/input /input ro,relatime - ext4 /dev/vda rw,discard
55 75 0:43 /null /proc/keys rw,nosuid - tmpfs tmpfs rw,size=65536k,mode=755
"""
LIMITS = """Limit                     Soft Limit           Hard Limit           Units
Max cpu time              100                  100                  seconds
Max file size             8388608              8388608              bytes
Max core file size        0                    0                    bytes
Max open files            1024                 1024                 files
Max locked memory         65536                65536                bytes
Max msgqueue size         0                    0                    bytes
"""
NET = """Inter-|   Receive                            |  Transmit
 face |bytes    packets errs drop fifo frame |bytes
    lo:       0       0    0    0    0     0 0
"""
VERSION_1 = {
    "memory/docker/{}/memory.limit_in_bytes": "67108864",
    "memory/docker/{}/memory.memsw.limit_in_bytes": "67108864",
    "cpu/docker/{}/cpu.cfs_quota_us": "50000",
    "cpu/docker/{}/cpu.cfs_period_us": "100000",
    "cpuset/docker/{}/cpuset.cpus": "0-1",
    "pids/docker/{}/pids.max": "32",
}
VERSION_2 = {
    "system.slice/docker-{}.scope/memory.max": "67108864",
    "system.slice/docker-{}.scope/memory.swap.max": "0",
    "system.slice/docker-{}.scope/cpu.max": "50000 100000",
    "system.slice/docker-{}.scope/cpuset.cpus": "0-1",
    "system.slice/docker-{}.scope/pids.max": "32",
}
MEMBERSHIP_1 = "".join(
    f"{number}:{name}:/docker/{CONTAINER}\n" for number, name in enumerate(("pids", "memory", "cpuset", "cpu"), 1)
)
MEMBERSHIP_2 = f"0::/system.slice/docker-{CONTAINER}.scope\n"
SEEN_LIMITS = {
    "memory_bytes": 64 * MIB,
    "memory_and_swap_bytes": 64 * MIB,
    "cpus": 0.5,
    "cpuset": [0, 1],
    "pids": 32,
}


def window(root: Path, membership: str = MEMBERSHIP_1, groups: dict[str, str] = VERSION_1) -> Window:
    folder = root / "proc" / str(PID)
    files = {"cgroup": membership, "status": STATUS, "mountinfo": MOUNTS, "limits": LIMITS, "cmdline": "tini"}
    files |= {"net/dev": NET, "oom_score_adj": "500"}
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for number, who in enumerate((folder, root / "proc" / "self")):
        (who / "ns").mkdir(parents=True)
        for name in ("net", "ipc", "mnt", "uts", "pid", "user"):
            (who / "ns" / name).symlink_to(f"{name}:[{number if name != 'user' else 9}]")
    for name, text in groups.items():
        path = root / "groups" / name.format(CONTAINER)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    return Window(root / "proc", root / "groups")


@pytest.fixture
def seen(tmp_path: Path) -> dict[str, Any]:
    return window(tmp_path).observe(PID, CONTAINER)


def found(seen: dict[str, Any], *, gvisor: bool = False, swap: bool = True) -> list[str]:
    return differences(REQUEST, seen, gvisor=gvisor, swap=swap)


@pytest.mark.parametrize(("membership", "groups"), [(MEMBERSHIP_1, VERSION_1), (MEMBERSHIP_2, VERSION_2)])
def test_limits_are_read_from_control_groups_of_both_versions(
    tmp_path: Path, membership: str, groups: dict[str, str]
) -> None:
    seen = window(tmp_path, membership, groups).observe(PID, CONTAINER)
    assert seen["cgroup"] == SEEN_LIMITS
    assert found(seen) == []


def test_a_container_that_is_held_as_asked_is_accepted(seen: dict[str, Any]) -> None:
    assert seen["process"]["seccomp"] == 2
    assert seen["process"]["capabilities"] == "0"
    assert seen["interfaces"] == ["lo"]
    assert found(seen) == []


def test_a_manifest_keeps_no_path_of_the_host(seen: dict[str, Any]) -> None:
    assert "/var/lib" not in str(seen)
    assert "/runs" not in str(seen)


def change(*path: str | int, to: object) -> Callable[[dict[str, Any]], None]:
    def act(seen: dict[str, Any]) -> None:
        target: Any = seen
        for step in path[:-1]:
            target = target[step]
        target[path[-1]] = to

    return act


def mount(at: str, **changes: object) -> Callable[[dict[str, Any]], None]:
    def act(seen: dict[str, Any]) -> None:
        next(each for each in seen["mounts"] if each["at"] == at).update(changes)

    return act


def added(seen: dict[str, Any]) -> None:
    seen["mounts"].append({"at": "/data", "kind": "ext4", "options": ["rw"], "writable": True, "kib": None})


def without(at: str) -> Callable[[dict[str, Any]], None]:
    def act(seen: dict[str, Any]) -> None:
        seen["mounts"] = [each for each in seen["mounts"] if each["at"] != at]

    return act


@pytest.mark.parametrize(
    ("alter", "named"),
    [
        (change("cgroup", to={}), "cgroup asked"),
        (change("cgroup", "memory_bytes", to=None), "cgroup.memory_bytes"),
        (change("cgroup", "memory_and_swap_bytes", to=128 * MIB), "cgroup.memory_and_swap_bytes"),
        (change("cgroup", "cpus", to=None), "cgroup.cpus"),
        (change("cgroup", "cpuset", to=[0, 1, 2]), "cgroup.cpuset"),
        (change("cgroup", "pids", to=None), "cgroup.pids"),
        (change("process", "seccomp", to=0), "seccomp"),
        (change("process", "no_new_privileges", to=False), "no_new_privileges"),
        (change("process", "capabilities", to="00000000a80425fb"), "capabilities"),
        (change("process", "uid", to=[0]), "uid"),
        (change("process", "gid", to=[0, 333_333]), "gid"),
        (change("process", "groups", to=[0, 333_333]), "groups"),
        (change("process", "oom_score_adj", to=0), "oom_score_adj"),
        (change("process", "oom_score_adj", to=499), "oom_score_adj"),
        (change("process", "limits", "core", to=["unlimited", "unlimited"]), "limits.core"),
        (change("process", "limits", "nofile", to=[1024, 1025]), "limits.nofile"),
        (change("process", "limits", "nofile", to=["unlimited", 1024]), "limits.nofile"),
        (change("process", "limits", "cpu", to=[]), "limits.cpu"),
        (change("interfaces", to=["eth0", "lo"]), "interfaces"),
        (change("namespaces", "pid", to=False), "namespaces.pid"),
        (change("namespaces", "net", to=False), "namespaces.net"),
        (mount("/", writable=True), "mounts /"),
        (mount("/input", writable=True), "mounts /input"),
        (mount("/tmp", kib=1), "mounts /tmp"),  # noqa: S108 - inside the container
        (mount("/tmp", options=["rw", "nosuid", "nodev"]), "mounts /tmp"),  # noqa: S108 - inside the container
        (without("/dev/shm"), "mounts /dev/shm"),  # noqa: S108 - inside the container
        (added, "mounts /data"),
    ],
)
def test_whatever_the_kernel_holds_otherwise_is_named(
    seen: dict[str, Any], alter: Callable[[dict[str, Any]], None], named: str
) -> None:
    alter(seen)
    assert any(each.startswith(named) for each in found(seen)), found(seen)


@pytest.mark.parametrize(
    "alter",
    [
        change("process", "oom_score_adj", to=501),
        change("process", "oom_score_adj", to=1000),
        change("process", "limits", "nofile", to=[16, 16]),
        change("process", "limits", "nofile", to=[16, 1024]),
        change("process", "limits", "cpu", to=[0, 0]),
        change("process", "limits", "fsize", to=[0, 1]),
    ],
)
def test_what_a_container_may_worsen_for_itself_is_no_fault_of_the_host(
    seen: dict[str, Any], alter: Callable[[dict[str, Any]], None]
) -> None:
    """Its account may raise the score by which the kernel kills, and lower limits, of its first process."""
    alter(seen)
    assert found(seen) == []


def test_under_gvisor_account_and_mounts_are_its_own_and_limits_are_not(seen: dict[str, Any]) -> None:
    change("process", "uid", to=[65_534])(seen)
    change("process", "capabilities", to="0000000000240000")(seen)
    change("namespaces", "pid", to=False)(seen)
    change("namespaces", "user", to=True)(seen)
    added(seen)
    assert found(seen, gvisor=True) == []
    change("cgroup", "memory_bytes", to=None)(seen)
    assert [each.split()[0] for each in found(seen, gvisor=True)] == ["cgroup.memory_bytes"]


def test_a_process_outside_of_its_containers_group_has_no_limit(tmp_path: Path) -> None:
    """As gVisor's is where it is told to leave control groups alone: its command line still names the container."""
    looked = window(tmp_path, "4:memory:/\n3:pids:/\n")
    (tmp_path / "proc" / str(PID) / "cmdline").write_text(f"runsc-sandbox boot {CONTAINER}")
    seen = looked.observe(PID, CONTAINER)
    assert seen["cgroup"] == {}
    assert any(each.startswith("cgroup asked") for each in found(seen, gvisor=True))


def test_swap_that_the_kernel_does_not_count_matters_only_where_there_is_some(seen: dict[str, Any]) -> None:
    change("cgroup", "memory_and_swap_bytes", to=None)(seen)
    assert found(seen, swap=False) == []
    assert found(seen, swap=True) != []


def test_swap_is_there_when_the_kernel_lists_some(tmp_path: Path) -> None:
    (tmp_path / "swaps").write_text("Filename\tType\tSize\tUsed\tPriority\n")
    assert not has_swap(tmp_path)
    (tmp_path / "swaps").write_text("Filename\tType\tSize\tUsed\tPriority\n/dev/vdb partition 1 0 -2\n")
    assert has_swap(tmp_path)


@pytest.mark.parametrize(
    ("pid", "container", "reason"), [(0, CONTAINER, ENDED), (1, CONTAINER, ENDED), (PID, "b" * 64, ELSEWHERE)]
)
def test_what_cannot_be_seen_is_said_and_not_taken_for_another(
    tmp_path: Path, pid: int, container: str, reason: str
) -> None:
    seen = window(tmp_path).observe(pid, container)
    assert seen == {"seen": False, "reason": reason}
    assert found(seen) == []


def test_files_that_this_account_may_not_read_are_none_and_no_difference(tmp_path: Path) -> None:
    looked = window(tmp_path)
    for name in ("limits", "oom_score_adj", "net/dev"):
        (tmp_path / "proc" / str(PID) / name).unlink()
    (tmp_path / "proc" / str(PID) / "ns" / "net").unlink()
    seen = looked.observe(PID, CONTAINER)
    assert (seen["interfaces"], seen["namespaces"], seen["process"]["limits"]) == (None, None, None)
    assert found(seen) == []


def test_a_process_that_ends_while_it_is_read_is_one_that_has_ended(tmp_path: Path) -> None:
    looked = window(tmp_path)
    (tmp_path / "proc" / str(PID) / "status").write_text("")
    assert looked.observe(PID, CONTAINER) == {"seen": False, "reason": ENDED}


def test_a_container_whose_groups_go_before_it_is_looked_at_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = window(tmp_path)
    for path in (tmp_path / "groups").rglob("*"):
        if path.is_file():
            path.unlink()
    monkeypatch.setattr(kernel.time, "sleep", lambda _seconds: (tmp_path / "proc" / str(PID) / "status").write_text(""))
    assert looked.observe(PID, CONTAINER) == {"seen": False, "reason": ENDED}


def test_a_container_that_lives_in_groups_that_cannot_be_read_is_not_taken_for_one_that_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked, pauses = window(tmp_path), []
    for path in (tmp_path / "groups").rglob("*"):
        if path.is_file():
            path.unlink()
    monkeypatch.setattr(kernel.time, "sleep", pauses.append)
    assert {"cgroup.memory_bytes", "cgroup.pids"} <= {each.split()[0] for each in found(looked.observe(PID, CONTAINER))}
    assert sum(pauses) <= 1.0
