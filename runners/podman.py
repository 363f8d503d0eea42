"""The sandbox for Podman: the same request in Podman's own terms, and whether its OCI runtime was handed that.

Podman's imitation of the Docker API leaves settings out: masked paths and unset variables are ignored, `/run` and
`/var/tmp` become writable, an image whose program is called `init` gets a different sandbox, and its inspection tells
of none of these. So the request is given to Podman's own API, at the same address, and what is compared is the bundle:
the OCI configuration that Podman wrote for the runtime when it set the container up, before anything of the image ran.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from runners.compare import differ, plain, said
from runners.faults import SandboxRefused
from runners.policy import INPUT, seccomp_of, with_short_profile

_NANO = 1_000_000_000
_CPU_PERIOD = 100_000
_SIGKILL = 9
_SHM = "/dev/shm"  # noqa: S108 - inside the container
# Where versions of Podman put the init program that they run as process 1.
_INITS = ("/run/podman-init", "/dev/init")
_NAMESPACES = ("cgroup", "ipc", "mount", "network", "pid", "uts")
# Podman's default; without a network of its own it opens nothing.
_SYSCTL = {"net.ipv4.ping_group_range": "0 0"}
# File systems of every container: type, and the options that each must have at least.
_SYSTEM: Mapping[str, tuple[str, frozenset[str]]] = {
    "/proc": ("proc", frozenset({"nosuid", "noexec", "nodev"})),
    "/sys": ("sysfs", frozenset({"nosuid", "noexec", "nodev", "ro"})),
    "/sys/fs/cgroup": ("cgroup", frozenset({"nosuid", "noexec", "nodev", "ro"})),
    "/dev": ("tmpfs", frozenset({"nosuid", "noexec", "mode=755"})),
    "/dev/pts": ("devpts", frozenset({"nosuid", "noexec", "newinstance"})),
    "/dev/mqueue": ("mqueue", frozenset({"nosuid", "noexec", "nodev"})),
}
# Files and one folder that Podman makes for the container and binds into it.
_OF_PODMAN: Mapping[str, frozenset[str]] = {
    _SHM: frozenset({"nosuid", "noexec", "nodev"}),
    "/run/.containerenv": frozenset({"ro", "nosuid", "noexec", "nodev"}),
    "/etc/hostname": frozenset({"ro", "nosuid", "noexec", "nodev"}),
}
# Any other part of a bundle, such as hooks, devices or labels, refuses the run.
_KNOWN: Mapping[str, frozenset[str]] = {
    "": frozenset({"ociVersion", "process", "root", "hostname", "mounts", "annotations", "linux"}),
    "process": frozenset(
        {"user", "args", "env", "cwd", "capabilities", "rlimits", "noNewPrivileges", "oomScoreAdj", "apparmorProfile"}
    ),
    "process.user": frozenset({"uid", "gid", "umask", "additionalGids"}),
    "linux": frozenset(
        {"sysctl", "resources", "cgroupsPath", "namespaces", "seccomp", "maskedPaths", "readonlyPaths"}
    ),
}  # fmt: skip


def specification(request: Mapping[str, Any], profile: str) -> dict[str, Any]:
    """Return a request of `SandboxPolicy` as the body of Podman's own create request.

    Args:
        request: What `SandboxPolicy.request` gave.
        profile: The path, on Podman's host, of a file with the request's seccomp profile.
    """
    host = request["HostConfig"]
    env, removed = _environment(request)
    return {
        "image": request["Image"],
        **({"entrypoint": request["Entrypoint"], "command": []} if "Entrypoint" in request else {}),
        "user": request["User"],
        "hostname": request["Hostname"],
        "env": env,
        "unsetenv": removed,
        "httpproxy": False,
        "stdin": request["OpenStdin"],
        "terminal": request["Tty"],
        "labels": dict(request["Labels"]),
        "stop_signal": _SIGKILL,
        "healthconfig": dict(request["Healthcheck"]),
        "log_configuration": {"driver": host["LogConfig"]["Type"]},
        "restart_policy": host["RestartPolicy"]["Name"],
        "oci_runtime": host["Runtime"],
        "systemd": "false",
        "init": host["Init"],
        "netns": {"nsmode": host["NetworkMode"]},
        "use_image_hosts": True,
        "use_image_resolve_conf": True,
        "manage_password": False,
        **{name: {"nsmode": "private"} for name in ("pidns", "utsns", "ipcns", "cgroupns")},
        **({"cgroup_parent": host["CgroupParent"]} if host["CgroupParent"] else {}),
        "read_only_filesystem": host["ReadonlyRootfs"],
        "read_write_tmpfs": False,
        "image_volume_mode": "ignore",
        "mounts": [*_binds(host), *_scratch(host)],
        "volumes": _volumes(host),
        "shm_size": host["ShmSize"],
        "mask": list(host["MaskedPaths"]),
        "cap_drop": list(host["CapDrop"]),
        "no_new_privileges": True,
        "seccomp_profile_path": profile,
        "r_limits": _rlimits(host, prefix=""),
        "oom_score_adj": host["OomScoreAdj"],
        "resource_limits": _resources(host),
    }


def read_back_bundle(
    request: Mapping[str, Any], inspected: Mapping[str, Any], bundle: Mapping[str, Any]
) -> dict[str, Any]:
    """Compare the container that Podman set up with the request for it, and return the sandbox's manifest.

    Args:
        request: What `SandboxPolicy.request` gave.
        inspected: What Podman's own inspection says of the container.
        bundle: The OCI configuration with which the runtime made it.

    Returns:
        `requested` and `observed` settings, JSON-ready; of the environment only the names, of the seccomp profile its
        SHA-256.

    Raises:
        SandboxRefused: Podman left out, changed or added a setting; the message names each.
    """
    found = [
        *_inspection(request, inspected),
        *_unknown(bundle),
        *_process(request, bundle["process"]),
        *_mounts(request, str(inspected["Id"]), bundle),
        *_kernel(request, bundle),
    ]
    if found:
        msg = "Podman did not take the sandbox as asked: " + "; ".join(found)
        raise SandboxRefused(msg)
    profile = json.dumps(bundle["linux"]["seccomp"], sort_keys=True)
    names = [entry.split("=", 1)[0] for entry in bundle["process"]["env"]]
    kept = {
        **bundle,
        "process": {**bundle["process"], "env": names},
        "linux": {**bundle["linux"], "seccomp": {"sha256": hashlib.sha256(profile.encode()).hexdigest()}},
    }
    host = {key: inspected["HostConfig"].get(key) for key in request["HostConfig"]}
    return {
        "requested": with_short_profile(request),
        "observed": {"Image": inspected["Image"], "HostConfig": host, "Bundle": kept},
    }


def _inspection(request: Mapping[str, Any], inspected: Mapping[str, Any]) -> Iterator[str]:
    """What concerns Podman rather than the runtime, and is therefore in no bundle."""
    asked, took, config = request["HostConfig"], inspected["HostConfig"], inspected["Config"]
    labels = config.get("Labels") or {}
    pairs = {
        "Image": (request["Image"].removeprefix("sha256:"), str(inspected.get("Image")).removeprefix("sha256:")),
        "Runtime": (asked["Runtime"], inspected.get("OCIRuntime")),
        "Pod": ("", inspected.get("Pod")),
        "Config.OpenStdin": (request["OpenStdin"], config.get("OpenStdin")),
        "Config.StopSignal": (_SIGKILL, config.get("StopSignal")),
        "Config.Healthcheck": (request["Healthcheck"], config.get("Healthcheck")),
        "Config.SystemdMode": (False, config.get("SystemdMode")),
        "Config.Labels": (request["Labels"], {key: labels.get(key) for key in request["Labels"]}),
        "HostConfig.LogConfig.Type": (asked["LogConfig"]["Type"], (took.get("LogConfig") or {}).get("Type")),
        **{
            f"HostConfig.{key}": (asked[key], took.get(key))
            for key in ("NetworkMode", "ShmSize", "RestartPolicy", "AutoRemove", "Privileged", "CgroupParent", "Init")
        },
        **{f"HostConfig.{key}": (None, took.get(key)) for key in ("VolumesFrom", "PortBindings", "CapAdd", "Devices")},
    }
    return (said(where, a, t) for where, (a, t) in pairs.items() if differ(a, t))


def _unknown(bundle: Mapping[str, Any]) -> Iterator[str]:
    """Whatever nobody asked for and this version does not know."""
    for where, known in _KNOWN.items():
        part: Any = bundle
        for step in where.split(".") if where else ():
            part = part[step]
        for key, value in part.items():
            if key not in known and plain(value) is not None:
                yield said(f"{where}.{key}".lstrip("."), None, value)


def _process(request: Mapping[str, Any], process: Mapping[str, Any]) -> Iterator[str]:
    """Who the container is, and what it may do."""
    host, user = request["HostConfig"], process["user"]
    uid, gid = map(int, request["User"].split(":"))
    others = [group for group in user.get("additionalGids") or [] if group != gid]
    pairs = {
        "user": ([uid, gid], [user.get("uid"), user.get("gid")]),
        "user.additionalGids": ([], others),
        "capabilities": ({}, process.get("capabilities")),
        "noNewPrivileges": (True, process.get("noNewPrivileges")),
        "oomScoreAdj": (host["OomScoreAdj"], process.get("oomScoreAdj")),
        "rlimits": (_rlimits(host, prefix="RLIMIT_"), process.get("rlimits")),
    }
    yield from (said(f"process.{where}", a, t) for where, (a, t) in pairs.items() if differ(a, t))
    if process["args"][:1] not in [[path] for path in _INITS] or process["args"][1:2] != ["--"]:
        yield said("process.args", [*_INITS[:1], "--"], process["args"][:2])
    env, removed = _environment(request)
    names = [entry.split("=", 1)[0] for entry in process["env"]]
    for name, value in env.items():
        if f"{name}={value}" not in process["env"] or names.count(name) != 1:
            yield said("process.env", f"{name}={value}", "something else")
    yield from (said("process.env", f"no {name}", name) for name in removed if name in names)


def _mounts(request: Mapping[str, Any], container: str, bundle: Mapping[str, Any]) -> Iterator[str]:
    """What the container sees beside its image: all that was asked, and nothing else but Podman's own few."""
    host = request["HostConfig"]
    mounts = {mount["destination"]: mount for mount in bundle["mounts"]}
    asked = {mount["destination"]: mount for mount in (*_binds(host), *_scratch(host))}
    if len(mounts) != len(bundle["mounts"]):
        yield said("mounts", "each destination once", sorted(mount["destination"] for mount in bundle["mounts"]))
    yield from (said(f"mounts {path}", mount, None) for path, mount in asked.items() if path not in mounts)
    if _SHM not in mounts:
        yield said(f"mounts {_SHM}", "a bind of Podman's", None)
    volumes = {volume["Dest"]: volume for volume in _volumes(host)}
    yield from (said(f"mounts {path}", volume, None) for path, volume in volumes.items() if path not in mounts)
    for path, mount in mounts.items():
        if path in volumes:
            if not _is_volume(mount, volumes[path]):
                yield said(f"mounts {path}", volumes[path], mount)
            continue
        if not _is_as_asked(mount, asked.get(path), container):
            yield said(f"mounts {path}", asked.get(path), mount)


def _is_volume(mount: Mapping[str, Any], volume: Mapping[str, Any]) -> bool:
    """Whether a mount is the folder at which Podman mounted a volume."""
    options = frozenset(mount.get("options") or ())
    least = {"rw", "nosuid", "nodev", "noexec"}
    return mount.get("type") == "bind" and least <= options and f"/{volume['Name']}/" in str(mount.get("source"))


def _is_as_asked(mount: Mapping[str, Any], asked: Mapping[str, Any] | None, container: str) -> bool:
    path, kind, options = mount["destination"], mount.get("type"), frozenset(mount.get("options") or ())
    if asked is not None:
        wanted = frozenset(asked["options"]) - {"notmpcopyup"} | {"rprivate"}
        same_source = kind == "tmpfs" or mount.get("source") == asked["source"]
        return kind == asked["type"] and same_source and options == wanted
    if path in _SYSTEM:
        system, least = _SYSTEM[path]
        return kind == system and least <= options
    if path in _OF_PODMAN:
        return kind == "bind" and f"/{container}/userdata/" in mount["source"] and _OF_PODMAN[path] <= options
    return path in _INITS and kind == "bind" and "ro" in options


def _kernel(request: Mapping[str, Any], bundle: Mapping[str, Any]) -> Iterator[str]:
    """What the kernel is told of the container: limits, namespaces, system calls and hidden paths."""
    host, linux = request["HostConfig"], bundle["linux"]
    pairs = {
        "root.readonly": (True, bundle["root"].get("readonly")),
        "hostname": ("arena", bundle.get("hostname")),
        "linux.resources": ({**_resources(host), "devices": [{"allow": False, "access": "rwm"}]}, linux["resources"]),
        "linux.namespaces": ([{"type": name} for name in _NAMESPACES], linux.get("namespaces")),
        "linux.sysctl": ({}, {key: v for key, v in (linux.get("sysctl") or {}).items() if _SYSCTL.get(key) != v}),
        "linux.maskedPaths": ([], sorted(set(host["MaskedPaths"]) - set(linux.get("maskedPaths") or ()))),
        "linux.readonlyPaths": ([], sorted(set(host["ReadonlyPaths"]) - set(linux.get("readonlyPaths") or ()))),
    }
    yield from (said(where, a, t) for where, (a, t) in pairs.items() if differ(a, t))
    if differ(json.loads(seccomp_of(request)), linux.get("seccomp")):
        yield said("linux.seccomp", "Arena's profile", linux.get("seccomp"))
    parent, path = str(host["CgroupParent"]).strip("/"), str(linux.get("cgroupsPath")).lstrip("/")
    if parent and not path.startswith((f"{parent}/", f"{parent}:")):
        yield said("linux.cgroupsPath", parent, path)


def _environment(request: Mapping[str, Any]) -> tuple[dict[str, str], list[str]]:
    """Return the variables that are set, and the names of those that are removed."""
    entries = [entry.partition("=") for entry in request["Env"]]
    return {name: value for name, equals, value in entries if equals}, [n for n, equals, _ in entries if not equals]


def _binds(host: Mapping[str, Any]) -> list[dict[str, Any]]:
    options = ["ro", "rbind", "rprivate", "nosuid", "nodev", "noexec"]
    return [
        {"destination": INPUT, "type": "bind", "source": mount["Source"], "options": options}
        for mount in host["Mounts"]
        if mount["Type"] == "bind"
    ]


def _volumes(host: Mapping[str, Any]) -> list[dict[str, Any]]:
    options = ["rw", "nosuid", "nodev", "noexec", "nocopy"]
    return [
        {"Name": mount["Source"], "Dest": mount["Target"], "Options": options}
        for mount in host["Mounts"]
        if mount["Type"] == "volume"
    ]


def _scratch(host: Mapping[str, Any]) -> list[dict[str, Any]]:
    # Podman would copy into a tmpfs what the image has in its place.
    return [
        {"destination": path, "type": "tmpfs", "source": "tmpfs", "options": [*options.split(","), "notmpcopyup"]}
        for path, options in host["Tmpfs"].items()
    ]


def _rlimits(host: Mapping[str, Any], *, prefix: str) -> list[dict[str, Any]]:
    """Podman is asked for `nofile`, and tells its runtime `RLIMIT_NOFILE`."""
    return [
        {
            "type": prefix + (each["Name"].upper() if prefix else each["Name"]),
            "soft": each["Soft"],
            "hard": each["Hard"],
        }
        for each in host["Ulimits"]
    ]


def _resources(host: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "memory": {"limit": host["Memory"], "swap": host["MemorySwap"]},
        "cpu": {
            "quota": round(host["NanoCpus"] * _CPU_PERIOD / _NANO),
            "period": _CPU_PERIOD,
            "cpus": host["CpusetCpus"],
        },
        "pids": {"limit": host["PidsLimit"]},
    }
