"""The sandbox as one frozen value, what it asks of the engine, and whether the engine took it.

`SandboxPolicy` holds what is the same for every container of a challenge version and host, and has a digest;
`Placement` holds what differs from run to run. Together they give the one request that makes a container. After the
engine has created it and before it is started, `read_back` compares what the engine took with what was asked: any
difference, and any setting that nobody asked for, refuses the run. docs/sandbox.md gives the reason of each setting.
"""

from __future__ import annotations

import hashlib
import json
import math
import secrets
from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from runners.compare import differ, plain, said
from runners.faults import ContainerCannotStart, SandboxRefused
from runners.values import Limits

RUNNER_LABEL = "arena.runner"
ATTEMPT_LABEL = "arena.attempt"
INPUT = "/input"

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
    # what tells one container about the host's load, disks, kernel and other containers
    "/proc/cmdline",
    "/proc/diskstats",
    "/proc/interrupts",
    "/proc/kallsyms",
    "/proc/loadavg",
    "/proc/partitions",
    "/proc/vmstat",
    "/sys",
)
_READ_ONLY = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")
_MOUNTED_BY_US = frozenset({"/tmp", "/dev/shm", INPUT})  # noqa: S108 - paths inside the container
_NO_VOLUME_UNDER = ("/proc", "/sys", "/dev", INPUT, "/tmp")  # noqa: S108
_MAX_VOLUMES = 32
_BOUNDED_LOG = {"Type": "local", "Config": {"max-size": "1m", "max-file": "1", "compress": "false"}}
# Engines list these beside what was asked; with these values they mean "nothing of the kind".
_HARMLESS: Mapping[str, tuple[Any, ...]] = {
    "ConsoleSize": ([0, 0],),
    "Isolation": ("default",),
    "VolumeDriver": ("local",),
}


@dataclass(frozen=True, slots=True)
class Placement:
    """Where and as whom one container runs: the part of the sandbox that is new for every container.

    `uid` is also the gid; `cpus` are the numbers of the CPUs that it is pinned to; `input_source` is the folder on the
    engine's host that is bound, read-only, to /input; `labels` are ours, by which leftovers are found.
    """

    uid: int
    cpus: tuple[int, ...]
    input_source: str
    labels: tuple[tuple[str, str], ...]

    @classmethod
    def fresh(cls, *, cpus: tuple[int, ...], input_source: str, runner_id: str, attempt_id: str) -> Placement:
        """Draw a random uid above every account of the host, so that no two runs share an identity."""
        labels = ((RUNNER_LABEL, runner_id), (ATTEMPT_LABEL, attempt_id))
        return cls(300_000 + secrets.randbelow(2**29), cpus, input_source, labels)


@dataclass(frozen=True, slots=True)
class SandboxPolicy:
    """Everything that holds a container in: built from a challenge's limits and the host's settings.

    `volumes` are the image's own VOLUME paths, each covered by an empty read-only file system: an engine would make
    them writable folders on the host's disk. `seccomp` is a profile as JSON text; None takes the engine's default
    profile, of which the caller has checked that it is in force.
    """

    limits: Limits
    runtime: str = "runc"
    cgroup_parent: str | None = None
    volumes: tuple[str, ...] = ()
    seccomp: str | None = None
    podman: bool = False

    @property
    def digest(self) -> str:
        """SHA-256 of the request's canonical JSON with the per-run values blanked."""
        blank = Placement(0, (), _PER_RUN, ())
        request = self.request(_PER_RUN, blank)
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
        security = ["no-new-privileges:true"] + ([f"seccomp={self.seccomp}"] if self.seccomp is not None else [])
        return {
            "NetworkMode": "none",
            "Dns": [] if self.podman else ["127.0.0.1"],
            "ReadonlyRootfs": True,
            "Privileged": False,
            "CapDrop": ["ALL"],
            "CapAdd": [],
            "SecurityOpt": security,
            "GroupAdd": [],
            "Devices": [],
            "Memory": memory,
            "MemorySwap": memory,
            "NanoCpus": round(limits.cpus * 1e9),
            "CpusetCpus": ",".join(map(str, placement.cpus)),
            "PidsLimit": limits.pids,
            "OomScoreAdj": 500,
            "OomKillDisable": False,
            "IpcMode": "private",
            "PidMode": "",
            "UTSMode": "",
            "CgroupnsMode": "private",
            "ShmSize": limits.shm_mib * _MIB,
            "Init": True,
            "Ulimits": _ulimits(limits, processes=self.podman),
            "Tmpfs": self._tmpfs(),
            "LogConfig": {"Type": "none", "Config": {}} if self.podman else deepcopy(_BOUNDED_LOG),
            "MaskedPaths": list(_MASKED),
            "ReadonlyPaths": list(_READ_ONLY),
            "CgroupParent": self.cgroup_parent or "",
            "Runtime": self.runtime,
            "RestartPolicy": {"Name": "no", "MaximumRetryCount": 0},
            "AutoRemove": False,
            "Binds": [],
            "Mounts": [{"Type": "bind", "Source": placement.input_source, "Target": INPUT, "ReadOnly": True}],
        }

    def _tmpfs(self) -> dict[str, str]:
        inodes = "" if self.podman else "nr_inodes=16k,"
        scratch = f"rw,noexec,nosuid,nodev,size={self.limits.tmp_mib}m,{inodes}mode=1777"
        covers = dict.fromkeys(self.volumes, "ro,noexec,nosuid,nodev,size=4k")
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
        strange = not plain.startswith("/") or str(PurePosixPath(plain)) != plain or ".." in PurePosixPath(plain).parts
        if strange or plain == "/" or any(plain == root or plain.startswith(root + "/") for root in _NO_VOLUME_UNDER):
            msg = "the image declares a VOLUME where none can be covered"
            raise ContainerCannotStart(msg)
        covered.append(plain)
    if len(covered) > _MAX_VOLUMES:
        msg = f"the image declares {len(covered)} volumes; {_MAX_VOLUMES} are allowed"
        raise ContainerCannotStart(msg)
    return tuple(covered)


def read_back(request: Mapping[str, Any], inspected: Mapping[str, Any]) -> dict[str, Any]:
    """Compare a created container with the request for it, and return the sandbox's manifest.

    Args:
        request: What `SandboxPolicy.request` gave.
        inspected: What the engine says of the container, before it is started.

    Returns:
        `requested` and `observed` settings, JSON-ready.

    Raises:
        SandboxRefused: The engine left out, changed or added a setting; the message names each.
    """
    differences = _differences(request, inspected)
    if differences:
        msg = "The engine did not take the sandbox as asked: " + "; ".join(differences)
        raise SandboxRefused(msg)
    config = {key: inspected["Config"].get(key) for key in request if key not in {"HostConfig", "Image", "Labels"}}
    config["Env"] = [name.split("=", 1)[0] for name in inspected["Config"].get("Env") or []]
    observed = {
        "Image": inspected.get("Image"),
        **config,
        "HostConfig": {key: inspected["HostConfig"].get(key) for key in request["HostConfig"]},
        "Mounts": inspected.get("Mounts") or [],
    }
    return {"requested": dict(request), "observed": observed}


def _differences(request: Mapping[str, Any], inspected: Mapping[str, Any]) -> list[str]:
    asked, took = request["HostConfig"], inspected.get("HostConfig") or {}
    config = inspected.get("Config") or {}
    found = [
        said(f"HostConfig.{key}", value, took.get(key)) for key, value in asked.items() if differ(value, took.get(key))
    ]
    found += [
        said(f"HostConfig.{key}", None, value)
        for key, value in took.items()
        if key not in asked and plain(value) is not None and value not in _HARMLESS.get(key, ())
    ]
    merged = {"HostConfig", "Image", "Labels", "Env"}
    found += [
        said(f"Config.{key}", value, config.get(key))
        for key, value in request.items()
        if key not in merged and differ(value, config.get(key))
    ]
    if inspected.get("Image") != request["Image"]:
        found.append(said("Image", request["Image"], inspected.get("Image")))
    found += _missing_entries(request, config)
    binds = [
        {"Type": m.get("Type"), "Destination": m.get("Destination"), "RW": m.get("RW")}
        for m in inspected.get("Mounts") or []
    ]
    expected = [{"Type": "bind", "Destination": INPUT, "RW": False}]
    # Some engines list the declared tmpfs file systems among the mounts as well.
    binds = [b for b in binds if not (b["Type"] == "tmpfs" and b["Destination"] in asked["Tmpfs"])]
    if binds != expected:
        found.append(said("Mounts", expected, binds))
    return found


def _missing_entries(request: Mapping[str, Any], config: Mapping[str, Any]) -> list[str]:
    """Compare what engines merge with the image's own values: the environment and the labels."""
    env, labels = config.get("Env") or [], config.get("Labels") or {}
    found = [said("Config.Env", entry, None) for entry in request["Env"] if entry not in env]
    wrong = {key: value for key, value in request["Labels"].items() if labels.get(key) != value}
    return found + [said(f"Config.Labels.{key}", value, labels.get(key)) for key, value in wrong.items()]


def _ulimits(limits: Limits, *, processes: bool) -> list[dict[str, Any]]:
    hard = {
        "nofile": 1024,
        "fsize": max(limits.tmp_mib, limits.shm_mib) * _MIB,
        "core": 0,
        "memlock": 64 * 1024,
        "msgqueue": 0,
        "cpu": math.ceil(limits.total_seconds * max(1.0, limits.cpus)),
    }
    hard |= {"nproc": limits.pids} if processes else {}
    return [{"Name": name, "Soft": value, "Hard": value} for name, value in hard.items()]
