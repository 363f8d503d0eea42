"""What the kernel itself says of a container that has just been started, and whether that is what was asked for.

An engine may believe that it has set a limit which its runtime has dropped. So the host looks at the container's
control groups, at its first process and at that process's mounts, right after the start. Under gVisor the process is
gVisor's own: its limits, filter and network count, its account and its mounts are not the algorithm's.

The look comes when the container runs already, so what the container may worsen by itself is no fault of the host. Its
account may do to the first process what a process may do to itself: raise `oom_score_adj`, and lower its limits, soft
and hard. Both are taken in that direction alone. Runtimes differ in whether they let it lower `oom_score_adj` as well
(runc 1.1 does, down to 0): that refuses the run, and `runners.container` finds out whose fault it is. The rest cannot
be changed from inside, or not so that it shows: control groups, mounts, namespaces and interfaces need capabilities;
those can only be dropped and are none; the account is one and the same in all its four forms, and changing groups needs
a capability too; a further filter leaves the filter's mode as it is, and neither that nor `no_new_privs` goes back;
command line and name are compared with nothing. A first process that has ended is one that was not seen.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runners.compare import said
from runners.policy import INPUT
from runners.space import OUTPUT

_PROC = Path("/proc")
_GROUPS = Path("/sys/fs/cgroup")
_FILTERED = 2
_CAPABILITIES = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")
_OWN_NAMESPACES = ("net", "ipc", "mnt", "uts", "pid")
_OWN_UNDER_GVISOR = ("net", "ipc", "mnt", "uts", "user")
_SHM = "/dev/shm"  # noqa: S108 - inside the container
_TMP = "/tmp"  # noqa: S108 - inside the container
_OF_THE_KERNEL = frozenset({"proc", "sysfs", "cgroup", "cgroup2", "devpts", "mqueue"})
_SCRATCH = frozenset({_TMP, _SHM, OUTPUT})
_LIMITS = {"Max open files": "nofile", "Max core file size": "core", "Max locked memory": "memlock",
           "Max msgqueue size": "msgqueue", "Max file size": "fsize", "Max cpu time": "cpu"}  # fmt: skip
_NANO = 1_000_000_000
_MORE_LOOKS = 10
_PAUSE_SECONDS = 0.05

ENDED = "the container ended before it could be looked at"
ELSEWHERE = "its processes are not this machine's, or not visible from here"


@dataclass(frozen=True, slots=True)
class Window:
    """Where this process looks at the kernel; other folders in tests."""

    proc: Path = _PROC
    groups: Path = _GROUPS

    def observe(self, pid: int, container: str) -> dict[str, Any]:
        """Return what is seen of a container's first process.

        Args:
            pid: The process, by the engine's word; 0 where the container has ended.
            container: The container's id, by which the process is known to be the container's.

        Returns:
            JSON-ready: `seen`, and `reason` where it is False; else `cgroup`, `process`, `namespaces`, `interfaces`
            and `mounts`. What this account may not read is None.
        """
        found = self._observe(pid, container)
        for _ in range(_MORE_LOOKS):
            # The groups of one that is just ending may be gone before it is: what becomes of it shows in a moment.
            if not found["seen"] or not found["cgroup"] or any(found["cgroup"].values()):
                break
            time.sleep(_PAUSE_SECONDS)
            found = self._observe(pid, container)
        return found

    def _observe(self, pid: int, container: str) -> dict[str, Any]:
        folder = self.proc / str(pid)
        if pid <= 0:
            return _unseen(ENDED)
        texts = {name: _text(folder / name) for name in ("cgroup", "status", "mountinfo", "cmdline")}
        if not any(container in (text or "") for text in (texts["cgroup"], texts["mountinfo"], texts["cmdline"])):
            return _unseen(ELSEWHERE if folder.exists() else ENDED)
        try:
            found = {
                "seen": True,
                "cgroup": self._limits(texts["cgroup"] or "", container),
                "process": {**_status(texts["status"] or ""), **_more(folder)},
                "namespaces": _namespaces(folder / "ns", self.proc / "self" / "ns"),
                "interfaces": _interfaces(_text(folder / "net" / "dev")),
                "mounts": _mounts(texts["mountinfo"] or ""),
            }
        except (ProcessLookupError, IndexError, KeyError):  # files that are cut short: it ended while it was read
            return _unseen(ENDED)
        # One that ended meanwhile has no mounts any more, and its groups may have been gone when they were read.
        return found if texts["mountinfo"] and _text(folder / "mountinfo") else _unseen(ENDED)

    def cpu_seconds(self, pid: int, container: str) -> float | None:
        """Return the CPU time that a container's control group has used; None where the group cannot be seen."""
        for line in (_text(self.proc / str(pid) / "cgroup") or "").splitlines():
            _, controllers, path = line.split(":", 2)
            if container in path and "cpuacct" in controllers.split(","):
                used = _number(_text(self.groups / "cpuacct" / path.lstrip("/") / "cpuacct.usage"))
                return None if used is None else used / _NANO
            if container in path and not controllers:
                stat = _text(self.groups / path.lstrip("/") / "cpu.stat") or ""
                fields = dict(entry.split() for entry in stat.splitlines())
                if "usage_usec" in fields:
                    return int(fields["usage_usec"]) / 1_000_000
        return None

    def _limits(self, membership: str, container: str) -> dict[str, Any]:
        """Read the limits of the container's own groups, of either version; a group that is not its own counts not."""
        paths: dict[str, str] = {}
        for line in membership.splitlines():
            _, controllers, path = line.split(":", 2)
            if container in path:
                paths |= dict.fromkeys(controllers.split(","), path.lstrip("/"))

        def read(controller: str, name: str) -> str | None:
            if controller in paths:
                return _text(self.groups / controller / paths[controller] / name)
            return None

        if "memory" in paths or "pids" in paths:
            quota, period = read("cpu", "cpu.cfs_quota_us"), read("cpu", "cpu.cfs_period_us")
            return {
                "memory_bytes": _number(read("memory", "memory.limit_in_bytes")),
                "memory_and_swap_bytes": _number(read("memory", "memory.memsw.limit_in_bytes")),
                "cpus": _cpus(quota, period),
                "cpuset": _set(read("cpuset", "cpuset.cpus")),
                "pids": _number(read("pids", "pids.max")),
            }
        if "" not in paths:
            return {}
        paths = {"": paths[""]}
        memory, swap = _number(read("", "memory.max")), _number(read("", "memory.swap.max"))
        quota, _, period = (read("", "cpu.max") or "").partition(" ")
        return {
            "memory_bytes": memory,
            "memory_and_swap_bytes": None if memory is None or swap is None else memory + swap,
            "cpus": _cpus(quota, period),
            "cpuset": _set(read("", "cpuset.cpus")),
            "pids": _number(read("", "pids.max")),
        }


def differences(request: Mapping[str, Any], seen: Mapping[str, Any], *, gvisor: bool, swap: bool) -> list[str]:
    """Compare what the kernel says with the request for a container; in words, empty when all is as asked.

    Args:
        request: What `SandboxPolicy.request` gave.
        seen: What `Window.observe` gave; a container that was not seen has no differences.
        gvisor: Whether the process is gVisor's.
        swap: Whether this machine has swap: where it has none, a kernel need not count it.
    """
    if not seen["seen"]:
        return []
    found = [*_group_differences(request["HostConfig"], seen["cgroup"], swap=swap), *_shared(request, seen, gvisor)]
    return found if gvisor else [*found, *_process_differences(request, seen), *_mount_differences(request, seen)]


def has_swap(proc: Path = _PROC) -> bool:
    """Whether this machine has any swap."""
    return len((_text(proc / "swaps") or "").splitlines()) > 1


def _group_differences(host: Mapping[str, Any], group: Mapping[str, Any], *, swap: bool) -> Iterator[str]:
    if not group:
        yield said("cgroup", "a group of its own", None)
        return
    asked: dict[str, Any] = {
        "memory_bytes": host["Memory"],
        "memory_and_swap_bytes": host["MemorySwap"],
        "cpus": host["NanoCpus"] / _NANO,
        "cpuset": sorted(_set(host["CpusetCpus"]) or ()) or group["cpuset"],
        "pids": host["PidsLimit"],
    }
    for name, value in asked.items():
        uncounted = name == "memory_and_swap_bytes" and group[name] is None and not swap
        if group[name] != value and not uncounted:
            yield said(f"cgroup.{name}", value, group[name])


def _shared(request: Mapping[str, Any], seen: Mapping[str, Any], gvisor: bool) -> Iterator[str]:
    """What holds of an algorithm's process as of gVisor's."""
    process, own = seen["process"], seen["namespaces"]
    if process["seccomp"] != _FILTERED:
        yield said("seccomp", _FILTERED, process["seccomp"])
    if process["no_new_privileges"] is not True:
        yield said("no_new_privileges", True, process["no_new_privileges"])
    if seen["interfaces"] not in (None, ["lo"]):
        yield said("interfaces", ["lo"], seen["interfaces"])
    for name in _OWN_UNDER_GVISOR if gvisor else _OWN_NAMESPACES:
        if own is not None and own[name] is not True:
            yield said(f"namespaces.{name}", "its own", "the host's")
    wanted, took = request["HostConfig"]["OomScoreAdj"], process["oom_score_adj"]
    if not gvisor and took is not None and took < wanted:
        yield said("oom_score_adj", wanted, took)


def _process_differences(request: Mapping[str, Any], seen: Mapping[str, Any]) -> Iterator[str]:
    process = seen["process"]
    uid, gid = map(int, request["User"].split(":"))
    pairs: dict[str, tuple[Any, Any]] = {
        "capabilities": ("0", process["capabilities"]),
        "uid": ([uid], process["uid"]),
        "gid": ([gid], process["gid"]),
        "groups": ([], [group for group in process["groups"] if group != gid]),
    }
    for each in request["HostConfig"]["Ulimits"]:
        name = each["Name"]
        asked_limits = [each["Soft"], each["Hard"]]
        if process["limits"] is not None and name in process["limits"]:
            took_limits = process["limits"][name]
            pairs[f"limits.{name}"] = (asked_limits, _own_worsening(asked_limits, took_limits))
    yield from (said(name, asked, took) for name, (asked, took) in pairs.items() if asked != took)


def _own_worsening(asked: list[int], took: list[Any]) -> list[Any]:
    """Return what was asked where the limits are no higher, as a process may make them for itself; else these."""
    lower = len(took) == len(asked) and all(
        isinstance(is_, int) and is_ <= was for is_, was in zip(took, asked, strict=True)
    )
    return asked if lower else took


def _mount_differences(request: Mapping[str, Any], seen: Mapping[str, Any]) -> Iterator[str]:
    host = request["HostConfig"]
    mounts: list[Mapping[str, Any]] = seen["mounts"]
    at = {mount["at"]: mount for mount in mounts}  # the last one hides those below it
    for path in ("/", INPUT):
        if path not in at or at[path]["writable"]:
            yield said(f"mounts {path}", "read-only", at.get(path))
    size = {_SHM: host["ShmSize"] // 1024, _TMP: _tmpfs_kib(host["Tmpfs"][_TMP])}
    for path, kib in size.items():
        if path not in at or at[path]["kib"] != kib:
            yield said(f"mounts {path}", f"{kib} KiB", at.get(path))
    for path in _SCRATCH & at.keys():
        missing = {"nosuid", "nodev", "noexec"} - set(at[path]["options"])
        if missing or at[path]["kind"] != "tmpfs":
            yield said(f"mounts {path}", "tmpfs,nosuid,nodev,noexec", at[path])
    for mount in mounts:
        # Engines cover parts of /proc and /sys with empty file systems or with /dev/null; all are root's.
        cover = mount["kind"] == "tmpfs" and f"{mount['at']}/".startswith(("/proc/", "/sys/", "/dev/"))
        if "DeviceRequests" in host:  # the nodes of the GPUs that were asked for
            cover |= mount["kind"] == "devtmpfs" and mount["at"].startswith("/dev/nvidia")
        if mount["writable"] and not cover and mount["at"] not in _SCRATCH:
            yield said(f"mounts {mount['at']}", "nothing writable", mount)


def _tmpfs_kib(options: str) -> int:
    size = next(option.removeprefix("size=") for option in options.split(",") if option.startswith("size="))
    return int(size.removesuffix("m")) * 1024


def _unseen(reason: str) -> dict[str, Any]:
    return {"seen": False, "reason": reason}


def _text(path: Path) -> str | None:
    """Return a small file of the kernel; None where it is gone or not ours to read."""
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return None


def _status(text: str) -> dict[str, Any]:
    fields = {key: value.strip() for key, _, value in (line.partition(":") for line in text.splitlines())}
    held = sum(int(fields[name], 16) for name in _CAPABILITIES)
    return {
        "seccomp": int(fields["Seccomp"]),
        "no_new_privileges": fields["NoNewPrivs"] == "1",
        "capabilities": "0" if held == 0 else fields["CapEff"],
        "uid": sorted(set(map(int, fields["Uid"].split()))),
        "gid": sorted(set(map(int, fields["Gid"].split()))),
        "groups": sorted(map(int, fields["Groups"].split())),
    }


def _more(folder: Path) -> dict[str, Any]:
    limits = _text(folder / "limits")
    return {
        "oom_score_adj": _number(_text(folder / "oom_score_adj")),
        "limits": None if limits is None else dict(_ulimits(limits)),
    }


def _ulimits(text: str) -> Iterator[tuple[str, list[int | str]]]:
    for line in text.splitlines():
        for words, name in _LIMITS.items():
            if line.startswith(words):
                values = line.removeprefix(words).split()[:2]
                yield name, [int(value) if value.isdigit() else value for value in values]


def _namespaces(own: Path, ours: Path) -> dict[str, bool] | None:
    """Say of each namespace whether it is another one than this process's."""
    try:
        return {name: os.readlink(own / name) != os.readlink(ours / name) for name in (*_OWN_NAMESPACES, "user")}  # noqa: PTH115
    except OSError:
        return None


def _interfaces(text: str | None) -> list[str] | None:
    return None if text is None else sorted(line.split(":")[0].strip() for line in text.splitlines() if ":" in line)


def _mounts(text: str) -> list[dict[str, Any]]:
    """Return the mounts that hold files; what the kernel makes up, such as /proc, is the engine's to mask."""
    found = [_mount(line) for line in text.splitlines()]
    return [mount for mount in found if mount["kind"] not in _OF_THE_KERNEL]


def _mount(line: str) -> dict[str, Any]:
    """Read a line of mountinfo (proc_pid_mountinfo(5)); of the host's paths nothing is kept."""
    before, _, after = line.partition(" - ")
    point, options = before.split()[4:6]
    kind, _, above = after.split(" ", 2)
    held, whole = options.split(","), above.split(",")
    size = next((option.removeprefix("size=") for option in whole if option.startswith("size=")), None)
    return {
        "at": point,
        "kind": kind,
        "options": held,
        "writable": "rw" in held and "rw" in whole,
        "kib": int(size.removesuffix("k")) if size is not None and size.endswith("k") else None,
    }


def _number(text: str | None) -> int | None:
    """Return a limit; None for `max`, for no answer, and for the kernel's way to say none at all."""
    return int(text) if text is not None and text.lstrip("-").isdigit() else None


def _cpus(quota: str | None, period: str | None) -> float | None:
    limit, span = _number(quota), _number(period)
    return None if limit is None or limit < 0 or not span else round(limit / span, 4)


def _set(text: str | None) -> list[int] | None:
    if not text:
        return None
    ranges = [part.partition("-") for part in text.split(",")]
    return sorted(cpu for first, _, last in ranges for cpu in range(int(first), int(last or first) + 1))
