"""The sandbox manifest: what was asked of a container, what the engine took, and what the kernel held it by, in short.

It is the same for every container of an evaluation, as nothing of a single run is in it, and is kept with the
evaluation. docs/sandbox.md lists its fields.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

VERSION = 1
_NANO = 1_000_000_000
_PROFILE = "seccomp="


def sandbox_manifest(
    sandbox: Mapping[str, Any], *, isolation: str, runtime: Mapping[str, Any], engine: Mapping[str, Any], policy: str,
    all_seen: bool,
) -> dict[str, Any] | None:  # fmt: skip
    """Return the manifest, JSON-ready; None where no container was started.

    Args:
        sandbox: `requested`, `observed` and `kernel` of a started container (`runners.container.Box.manifest`).
        isolation: What the challenge asks for.
        runtime: What `runners.runtimes.Runtime.summary` gave.
        engine: What the engine says of itself.
        policy: The policy's digest.
        all_seen: Whether the kernel told of all containers of the attempt, rather than of this one.
    """
    if "kernel" not in sandbox:
        return None
    observed, kernel = sandbox["observed"], sandbox["kernel"]
    return {
        "version": VERSION,
        "isolation": isolation,
        "runtime": dict(runtime),
        "engine": {
            "name": engine.get("Engine"), "version": engine.get("ServerVersion"), "kernel": engine.get("KernelVersion"),
            "cgroup_version": engine.get("CgroupVersion"),
        },
        "policy_digest": policy,
        "requested": _settings(sandbox["requested"]),
        "engine_took": _bundle(observed["Bundle"]) if "Bundle" in observed else _settings(observed),
        "kernel_holds": {**_held(kernel, gvisor=bool(runtime["gvisor"])), "all_seen": all_seen},
    }  # fmt: skip


def _settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Read the terms of Docker's API, in which the request is as well."""
    host = settings["HostConfig"]
    options: list[str] = host["SecurityOpt"]
    return {
        "memory_bytes": host["Memory"],
        "memory_and_swap_bytes": host["MemorySwap"],
        "cpus": host["NanoCpus"] / _NANO,
        "pids": host["PidsLimit"],
        "network": host["NetworkMode"],
        "read_only_root": host["ReadonlyRootfs"],
        "capabilities_dropped": host["CapDrop"],
        "no_new_privileges": any(option.startswith("no-new-privileges") for option in options),
        "seccomp": next((option.removeprefix(_PROFILE) for option in options if option.startswith(_PROFILE)), None),
    }


def _bundle(bundle: Mapping[str, Any]) -> dict[str, Any]:
    """Read the terms of the OCI runtime, in which Podman's bundle is."""
    resources, process = bundle["linux"]["resources"], bundle["process"]
    own = {space["type"] for space in bundle["linux"]["namespaces"] if not space.get("path")}
    return {
        "memory_bytes": resources["memory"]["limit"],
        "memory_and_swap_bytes": resources["memory"]["swap"],
        "cpus": resources["cpu"]["quota"] / resources["cpu"]["period"],
        "pids": resources["pids"]["limit"],
        "network": "none" if "network" in own else "shared",
        "read_only_root": bundle["root"]["readonly"],
        "capabilities_dropped": ["ALL"] if not any((process.get("capabilities") or {}).values()) else [],
        "no_new_privileges": process["noNewPrivileges"],
        # As Podman wrote it, and so of another digest than the text that it was given.
        "seccomp": f"sha256:{bundle['linux']['seccomp']['sha256']}",
    }


def _held(kernel: Mapping[str, Any], *, gvisor: bool) -> dict[str, Any]:
    if not kernel["seen"]:
        return {"seen": False, "reason": kernel["reason"]}
    group, process = kernel["cgroup"], kernel["process"]
    held = {
        "seen": True,
        **{name: group[name] for name in ("memory_bytes", "memory_and_swap_bytes", "cpus", "pids")},
        "interfaces": kernel["interfaces"],
        "seccomp_mode": process["seccomp"],
        "no_new_privileges": process["no_new_privileges"],
    }
    if gvisor:  # the process is gVisor's, and so are its account and its mounts
        return held
    writable = [mount["at"] for mount in kernel["mounts"] if mount["writable"] and not _cover(mount["at"])]
    return {**held, "capabilities": process["capabilities"], "writable": sorted(writable)}


def _cover(path: str) -> bool:
    return path == "/dev" or path.startswith(("/proc/", "/sys/"))
