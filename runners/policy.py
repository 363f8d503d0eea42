"""The sandbox as one frozen value, what it asks of the engine, and whether the engine took it.

`SandboxPolicy` holds what is the same for every container of a challenge version and host, and has a digest;
`Placement` holds what differs from run to run. Together they give the one request that makes a container. After the
engine has created it and before it is started, `runners.readback` compares what the engine took with what was asked:
any difference, and any setting that nobody asked for, refuses the run. docs/sandbox.md gives each setting's reason.
"""

from __future__ import annotations

import hashlib
import json
import math
import secrets
from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import Any

from runners.faults import ContainerCannotStart
from runners.seccomp import profile_digest, profile_text
from runners.space import OUTPUT, OutputSpace, volume_mount
from runners.values import Limits

RUNNER_LABEL = "arena.runner"
ATTEMPT_LABEL = "arena.attempt"
OWNER_LABEL = "arena.owner"
"""On what belongs to a self-test: the process that made it, as `runners.owner` names it."""
INPUT = "/input"
FIRST_UID = 300_000
"""Accounts of containers begin above those of any host."""

_MIB = 1024 * 1024
_PER_RUN = "(per run)"
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "ALL_PROXY", "NO_PROXY")
_MASKED = (
    # what the engines mask by themselves
    "/proc/acpi",
    "/proc/asound",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    # what tells one container about the host's load, disks, kernel and other containers, but for what run times read
    # to find out how large they may be: /proc/cgroups, /proc/cpuinfo, /proc/meminfo, /proc/stat and /proc/uptime
    "/proc/buddyinfo",
    "/proc/cmdline",
    "/proc/diskstats",
    "/proc/interrupts",
    "/proc/kallsyms",
    "/proc/key-users",
    "/proc/loadavg",
    "/proc/locks",
    "/proc/partitions",
    "/proc/pressure",
    "/proc/schedstat",
    "/proc/softirqs",
    "/proc/swaps",
    "/proc/sys/fs/aio-nr",
    "/proc/sys/fs/dentry-state",
    "/proc/sys/fs/file-nr",
    "/proc/sys/fs/inode-nr",
    "/proc/sys/fs/inode-state",
    "/proc/vmstat",
    "/proc/zoneinfo",
    "/sys",
)
_READ_ONLY = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")
_MOUNTED_BY_US = frozenset({"/tmp", "/dev/shm", INPUT})  # noqa: S108 - paths inside the container
_OF_THE_KERNEL = ("/proc", "/sys", "/dev")
_NO_VOLUME_UNDER = (*_OF_THE_KERNEL, INPUT, "/tmp")  # noqa: S108
_MAX_VOLUMES = 32
_SECCOMP = "seccomp="
_GVISOR_PIDS = 1024
_BOUNDED_LOG = {"Type": "local", "Config": {"max-size": "1m", "max-file": "1", "compress": "false"}}


@dataclass(frozen=True, slots=True)
class Placement:
    """Where and as whom one container runs: the part of the sandbox that is new for every container.

    `uid` is also the gid; `cpus` are the numbers of the CPUs that it is pinned to; `input_source` is the folder on the
    engine's host that is bound, read-only, to /input; `labels` are ours, by which leftovers are found; `output_volume`
    is the volume that is mounted at /output, where the policy has an output.
    """

    uid: int
    cpus: tuple[int, ...]
    input_source: str
    labels: tuple[tuple[str, str], ...]
    output_volume: str = ""

    @classmethod
    def fresh(
        cls, *, cpus: tuple[int, ...], input_source: str, runner_id: str, attempt_id: str, owner: str | None = None
    ) -> Placement:
        """Draw a random uid above every account of the host, so that no two runs share an identity."""
        owned = () if owner is None else ((OWNER_LABEL, owner),)
        labels = ((RUNNER_LABEL, runner_id), (ATTEMPT_LABEL, attempt_id), *owned)
        return cls(FIRST_UID + secrets.randbelow(2**29), cpus, input_source, labels)


@dataclass(frozen=True, slots=True)
class SandboxPolicy:
    """Everything that holds a container in: built from a challenge's limits and the host's settings.

    `volumes` are the image's own VOLUME paths, each covered by an empty read-only file system: an engine would make
    them writable folders on the host's disk. `seccomp` is a profile as JSON text, by default that of
    `runners.seccomp`. Under `gvisor` the threads of gVisor's own kernel count as the container's, and few would be left
    for it: its limit of pids is at least 1,024. `output` is None where there is no /output; its number of cases is not
    part of the digest, as the last shard of a case set may have fewer.
    """

    limits: Limits
    runtime: str = "runc"
    cgroup_parent: str | None = None
    volumes: tuple[str, ...] = ()
    seccomp: str = field(default_factory=profile_text)
    podman: bool = False
    gvisor: bool = False
    output: OutputSpace | None = None

    @property
    def digest(self) -> str:
        """SHA-256 of the request's canonical JSON with the per-run values blanked."""
        blank = Placement(0, (), _PER_RUN, (), _PER_RUN)
        space = None if self.output is None else replace(self.output, cases=1)
        request = replace(self, output=space).request(_PER_RUN, blank)
        if space is not None:
            request["Output"] = space.options(0)
        request["User"] = _PER_RUN
        request["HostConfig"]["CpusetCpus"] = _PER_RUN
        canonical = json.dumps(request, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(canonical.encode()).hexdigest()

    def request(self, image_id: str, placement: Placement) -> dict[str, Any]:
        """Return the body of the engine's create request."""
        return {
            "Image": image_id,
            "User": f"{placement.uid}:{placement.uid}",
            "Hostname": "arena",
            "Domainname": "",
            "Env": environment(),
            "Healthcheck": {"Test": ["NONE"]},
            "StopSignal": "SIGKILL",
            "Tty": False,
            "OpenStdin": True,
            "StdinOnce": True,
            "AttachStdin": True,
            "AttachStdout": True,
            "AttachStderr": False,
            "NetworkDisabled": False,
            "Labels": dict(placement.labels),
            "HostConfig": self._host_config(placement),
        }

    def _host_config(self, placement: Placement) -> dict[str, Any]:
        limits = self.limits
        memory = limits.memory_mib * _MIB
        return {
            "NetworkMode": "none",
            "Dns": [] if self.podman else ["127.0.0.1"],
            "ReadonlyRootfs": True,
            "Privileged": False,
            "CapDrop": ["ALL"],
            "CapAdd": [],
            "SecurityOpt": ["no-new-privileges:true", _SECCOMP + self.seccomp],
            "GroupAdd": [],
            "Devices": [],
            "Memory": memory,
            "MemorySwap": memory,
            "NanoCpus": round(limits.cpus * 1e9),
            "CpusetCpus": ",".join(map(str, placement.cpus)),
            "PidsLimit": max(_GVISOR_PIDS, limits.pids) if self.gvisor else limits.pids,
            "OomScoreAdj": 500,
            "OomKillDisable": False,
            "IpcMode": "private",
            "PidMode": "",
            "UTSMode": "",
            "CgroupnsMode": "private",
            "ShmSize": limits.shm_mib * _MIB,
            "Init": True,
            "Ulimits": _ulimits(limits, processes=self.podman, output_mib=self.output.size_mib if self.output else 0),
            "Tmpfs": self._tmpfs(),
            "LogConfig": {"Type": "none", "Config": {}} if self.podman else deepcopy(_BOUNDED_LOG),
            "MaskedPaths": list(_MASKED),
            "ReadonlyPaths": list(_READ_ONLY),
            "CgroupParent": self.cgroup_parent or "",
            "Runtime": self.runtime,
            "RestartPolicy": {"Name": "no", "MaximumRetryCount": 0},
            "AutoRemove": False,
            "Binds": [],
            "Mounts": self._mounts(placement),
            **({"DeviceRequests": [_gpus(limits.gpus)]} if limits.gpus else {}),
        }

    def _mounts(self, placement: Placement) -> list[dict[str, Any]]:
        bind = {"Type": "bind", "Source": placement.input_source, "Target": INPUT, "ReadOnly": True}
        if self.output is None:
            return [bind]
        return [bind, dict(volume_mount(placement.output_volume, read_only=False))]

    def _tmpfs(self) -> dict[str, str]:
        inodes = "" if self.podman else "nr_inodes=16k,"
        scratch = f"rw,noexec,nosuid,nodev,size={self.limits.tmp_mib}m,{inodes}mode=1777"
        shown = [path for path in self.volumes if self.output is None or path != OUTPUT]
        covers = dict.fromkeys(shown, "ro,noexec,nosuid,nodev,size=4k")
        return {"/tmp": scratch, **covers}  # noqa: S108 - inside the container


def environment() -> list[str]:
    """Return what the container's environment gets; a name without `=` removes what the image set."""
    proxies = [name for proxy in _PROXIES for name in (proxy, proxy.lower())]
    return ["HOME=/tmp", "ARENA_CONTRACT=1", *proxies]


def volumes_to_cover(volumes: Iterable[str]) -> tuple[str, ...]:
    """Return the image's VOLUME paths that an empty file system has to cover, sorted.

    Raises:
        ContainerCannotStart: A path is not absolute and plain, or lies where the sandbox mounts its own.
    """
    covered = []
    for path in sorted(set(volumes)):
        plain = path.rstrip("/") or "/"
        if plain in _MOUNTED_BY_US:
            continue
        if not _is_plain(plain) or _is_under(plain, _NO_VOLUME_UNDER):
            msg = "the image declares a VOLUME where none can be covered"
            raise ContainerCannotStart(msg)
        covered.append(plain)
    if len(covered) > _MAX_VOLUMES:
        msg = f"the image declares {len(covered)} volumes; {_MAX_VOLUMES} are allowed"
        raise ContainerCannotStart(msg)
    return tuple(covered)


def refuse_workdir(folder: str) -> None:
    """Refuse an image's WORKDIR in the kernel's file systems: it may name what a runtime has open (CVE-2024-21626).

    Raises:
        ContainerCannotStart: It lies there, or is not plain, so that its name does not tell where it lies.
    """
    plain = folder.rstrip("/")
    if plain and (not _is_plain(plain) or _is_under(plain, _OF_THE_KERNEL)):
        msg = "the image's WORKDIR is not a plain absolute path outside of /proc, /sys and /dev"
        raise ContainerCannotStart(msg)


def _is_plain(path: str) -> bool:
    return path.startswith("/") and not {"", ".", ".."} & set(path[1:].split("/"))


def _is_under(path: str, roots: Iterable[str]) -> bool:
    return any(path == root or path.startswith(f"{root}/") for root in roots)


def with_short_profile(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings of a container with the seccomp profile's digest in place of its text."""
    host = settings["HostConfig"]
    options = [
        f"{_SECCOMP}sha256:{profile_digest(option.removeprefix(_SECCOMP))}" if option.startswith(_SECCOMP) else option
        for option in host.get("SecurityOpt") or ()
    ]
    return {**settings, "HostConfig": {**host, "SecurityOpt": options}}


def seccomp_of(request: Mapping[str, Any]) -> str:
    """Return the text of the seccomp profile that a request names."""
    options: list[str] = request["HostConfig"]["SecurityOpt"]
    return next(option.removeprefix(_SECCOMP) for option in options if option.startswith(_SECCOMP))


def _gpus(count: int) -> dict[str, Any]:
    """Ask for that many GPUs, whichever the engine picks, as `docker run --gpus` does."""
    return {"Driver": "", "Count": count, "DeviceIDs": None, "Capabilities": [["gpu"]], "Options": {}}


def _ulimits(limits: Limits, *, processes: bool, output_mib: int) -> list[dict[str, Any]]:
    hard = {
        "nofile": 1024,
        "fsize": max(limits.tmp_mib, limits.shm_mib, output_mib) * _MIB,
        "core": 0,
        "memlock": 64 * 1024,
        "msgqueue": 0,
        "cpu": math.ceil(limits.total_seconds * max(1.0, limits.cpus)),
    }
    hard |= {"nproc": limits.pids} if processes else {}
    return [{"Name": name, "Soft": value, "Hard": value} for name, value in hard.items()]
