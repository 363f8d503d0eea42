"""The sandbox in Podman's terms: what it is asked for, and that no other bundle is accepted."""

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from runners.faults import SandboxRefused
from runners.podman import read_back_bundle, specification
from runners.policy import Placement, SandboxPolicy
from runners.seccomp import profile
from runners.space import OutputSpace
from runners.values import Limits

IMAGE = "sha256:" + "a" * 64
CONTAINER = "c" * 64
LIMITS = Limits(memory_mib=256, cpus=1.5, pids=77, tmp_mib=32, shm_mib=16, total_seconds=100)
PLACEMENT = Placement(345678, (0, 1), "/runs/r/a/input", (("arena.runner", "r"), ("arena.attempt", "a")))
POLICY = SandboxPolicy(LIMITS, volumes=("/data",), podman=True, cgroup_parent="/arena")
KEPT = f"/var/lib/containers/storage/overlay-containers/{CONTAINER}/userdata"

Taken = tuple[dict[str, Any], dict[str, Any]]


def request() -> dict[str, Any]:
    return POLICY.request(IMAGE, PLACEMENT)


def as_taken() -> Taken:
    """Inspection and bundle as Podman 4.3.1 with runc 1.1.5 gives them, for a container made exactly as asked."""
    asked = specification(request(), "/tmp/profile.json")  # noqa: S108 - a name
    mounts = [
        {**mount, "options": [*dict.fromkeys(o for o in (*mount["options"], "rprivate") if o != "notmpcopyup")]}
        for mount in asked["mounts"]
    ]
    hidden = ["nosuid", "noexec", "nodev"]
    mounts += [
        {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": [*hidden, "ro"]},
        {"destination": "/proc", "type": "proc", "source": "proc", "options": hidden},
        {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "noexec", "mode=755"]},
        {"destination": "/run/podman-init", "type": "bind", "source": "/usr/bin/catatonit", "options": ["bind", "ro"]},
        {"destination": "/dev/shm", "type": "bind", "source": f"{KEPT}/shm", "options": hidden},  # noqa: S108
        {"destination": "/etc/hostname", "type": "bind", "source": f"{KEPT}/hostname", "options": [*hidden, "ro"]},
    ]
    limits = [{**each, "type": f"RLIMIT_{each['type'].upper()}"} for each in asked["r_limits"]]
    bundle = {
        "ociVersion": "1.0.2-dev",
        "process": {
            "user": {"uid": 345678, "gid": 345678, "umask": 18, "additionalGids": [345678]},
            "args": ["/run/podman-init", "--", "python3", "main.py"],
            "env": ["HOME=/tmp", "ARENA_CONTRACT=1", "MODEL=vendor-secret", "HOSTNAME=arena"],
            "cwd": "/",
            "capabilities": {},
            "rlimits": limits,
            "noNewPrivileges": True,
            "oomScoreAdj": 500,
        },
        "root": {"path": "/merged", "readonly": True},
        "hostname": "arena",
        "mounts": mounts,
        "linux": {
            "sysctl": {"net.ipv4.ping_group_range": "0 0"},
            "resources": {**asked["resource_limits"], "devices": [{"allow": False, "access": "rwm"}]},
            "cgroupsPath": f"/arena/libpod-{CONTAINER}",
            "namespaces": [{"type": name} for name in ("pid", "network", "ipc", "uts", "mount", "cgroup")],
            "seccomp": profile(),
            "maskedPaths": ["/sys/firmware", *asked["mask"]],
            "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
        },
    }
    host = {
        "NetworkMode": "none", "ShmSize": 16 * 1024 * 1024, "LogConfig": {"Type": "none", "Size": "0B"}, "Init": True,
        "RestartPolicy": {"Name": "no", "MaximumRetryCount": 0}, "AutoRemove": False, "Privileged": False,
        "CgroupParent": "/arena", "PortBindings": {}, "VolumesFrom": None, "CapAdd": [], "Devices": [],
    }  # fmt: skip
    config = {
        "OpenStdin": True, "StopSignal": 9, "Healthcheck": {"Test": ["NONE"]},
        "Labels": {"arena.runner": "r", "arena.attempt": "a", "vendor": "x"},
    }  # fmt: skip
    inspected = {"Id": CONTAINER, "Image": "a" * 64, "OCIRuntime": "runc", "Pod": "", "HostConfig": host}
    return {**inspected, "Config": config}, bundle


def test_podman_is_asked_for_the_same_sandbox_in_its_own_terms() -> None:
    asked = specification(request(), "/tmp/profile.json")  # noqa: S108 - a name
    assert asked["seccomp_profile_path"] == "/tmp/profile.json"  # noqa: S108 - a name
    assert asked["user"] == "345678:345678"
    assert asked["netns"] == {"nsmode": "none"}
    assert asked["read_only_filesystem"] is True
    assert asked["read_write_tmpfs"] is False, "Podman would make /run and /var/tmp writable"
    assert asked["image_volume_mode"] == "ignore"
    assert asked["systemd"] == "false", "an image whose program is /sbin/init would get another sandbox"
    assert asked["cap_drop"] == ["ALL"]
    assert asked["resource_limits"]["cpu"] == {"quota": 150_000, "period": 100_000, "cpus": "0,1"}
    assert {"type": "nproc", "soft": 77, "hard": 77} in asked["r_limits"], "Podman sets one of its own where none is"
    assert {"HTTP_PROXY", "https_proxy"} <= set(asked["unsetenv"])
    assert "/sys" in asked["mask"]
    options = {mount["destination"]: mount["options"] for mount in asked["mounts"]}
    assert "ro" in options["/input"]
    assert "notmpcopyup" in options["/data"], "Podman would copy into it what the image has there"


def test_podmans_rules_have_a_digest_of_their_own() -> None:
    assert POLICY.digest != replace(POLICY, podman=False).digest


def test_what_was_asked_is_accepted_and_kept_without_the_images_values() -> None:
    manifest = read_back_bundle(request(), *as_taken())
    assert manifest["observed"]["HostConfig"].keys() == request()["HostConfig"].keys()
    assert "MODEL" in manifest["observed"]["Bundle"]["process"]["env"]
    assert len(manifest["observed"]["Bundle"]["linux"]["seccomp"]["sha256"]) == 64
    assert "vendor-secret" not in str(manifest)


def put(path: str, value: object) -> Callable[[dict[str, Any]], None]:
    def change(target: dict[str, Any]) -> None:
        *steps, last = path.split("/")
        for step in steps:
            target = target[step]
        target[last] = value

    return change


def mount(destination: str, **changes: object) -> Callable[[dict[str, Any]], None]:
    def change(bundle: dict[str, Any]) -> None:
        for each in bundle["mounts"]:
            if each["destination"] == destination:
                each.update(changes)

    return change


def added(destination: str) -> Callable[[dict[str, Any]], None]:
    entry = {"destination": destination, "type": "bind", "source": "/x", "options": ["ro"]}
    return lambda bundle: bundle["mounts"].append(entry)


def without(destination: str) -> Callable[[dict[str, Any]], None]:
    def change(bundle: dict[str, Any]) -> None:
        bundle["mounts"] = [each for each in bundle["mounts"] if each["destination"] != destination]

    return change


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (put("process/user/uid", 0), "process.user"),
        (put("process/user/additionalGids", [345678, 0]), "additionalGids"),
        (put("process/user/username", "root"), "process.user.username"),
        (put("process/args", ["python3", "main.py"]), "process.args"),
        (put("process/env", ["HOME=/root", "ARENA_CONTRACT=1"]), "HOME=/tmp"),
        (put("process/env", ["HOME=/tmp", "HOME=/root", "ARENA_CONTRACT=1"]), "HOME=/tmp"),
        (put("process/env", ["HOME=/tmp", "ARENA_CONTRACT=1", "http_proxy=x"]), "no http_proxy"),
        (put("process/capabilities", {"bounding": ["CAP_KILL"]}), "capabilities"),
        (put("process/noNewPrivileges", False), "noNewPrivileges"),
        (put("process/oomScoreAdj", 0), "oomScoreAdj"),
        (put("process/rlimits", []), "rlimits"),
        (put("process/terminal", True), "process.terminal"),
        (put("process/selinuxLabel", "x"), "selinuxLabel"),
        (put("root/readonly", False), "root.readonly"),
        (put("hostname", "vm"), "hostname"),
        (put("hooks", {"prestart": [{"path": "/x"}]}), "hooks"),
        (put("linux/resources/memory", {}), "linux.resources"),
        (put("linux/resources/devices", [{"allow": True, "access": "rwm"}]), "linux.resources"),
        (put("linux/namespaces", [{"type": "pid"}]), "linux.namespaces"),
        (put("linux/sysctl", {"kernel.shm_rmid_forced": "0"}), "linux.sysctl"),
        (put("linux/seccomp", {}), "linux.seccomp"),
        (put("linux/seccomp/defaultAction", "SCMP_ACT_ALLOW"), "linux.seccomp"),
        (put("linux/seccomp/syscalls", [{"names": ["ptrace"], "action": "SCMP_ACT_ALLOW"}]), "linux.seccomp"),
        (put("linux/maskedPaths", ["/sys/firmware"]), "linux.maskedPaths"),
        (put("linux/readonlyPaths", []), "linux.readonlyPaths"),
        (put("linux/cgroupsPath", "/other/libpod"), "linux.cgroupsPath"),
        (put("linux/devices", [{"path": "/dev/kvm"}]), "linux.devices"),
        (mount("/input", source="/elsewhere"), "mounts /input"),
        (mount("/input", options=["rw", "rbind", "rprivate"]), "mounts /input"),
        (mount("/tmp", options=["rw"]), "mounts /tmp"),  # noqa: S108 - inside the container
        (mount("/sys", options=["rw"]), "mounts /sys"),
        (mount("/etc/hostname", source="/etc/shadow"), "mounts /etc/hostname"),
        (without("/data"), "mounts /data"),
        (without("/dev/shm"), "mounts /dev/shm"),  # noqa: S108 - inside the container
        (added("/run/secrets"), "mounts /run/secrets"),
        (added("/data"), "each destination once"),
    ],
)
def test_any_other_bundle_refuses_the_run(change: Callable[[dict[str, Any]], None], named: str) -> None:
    inspected, bundle = copy.deepcopy(as_taken())
    change(bundle)
    with pytest.raises(SandboxRefused, match=named):
        read_back_bundle(request(), inspected, bundle)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("Image", "b" * 64), ("OCIRuntime", "crun"), ("Pod", "p"), ("Config/Healthcheck", None),
        ("Config/StopSignal", 15), ("Config/SystemdMode", True), ("Config/Labels", {}), ("Config/OpenStdin", False),
        ("HostConfig/LogConfig", {"Type": "k8s-file"}), ("HostConfig/NetworkMode", "bridge"),
        ("HostConfig/ShmSize", 1), ("HostConfig/Privileged", True), ("HostConfig/CgroupParent", ""),
        ("HostConfig/VolumesFrom", ["x"]), ("HostConfig/RestartPolicy", {"Name": "always"}),
    ],
)  # fmt: skip
def test_any_other_inspection_refuses_the_run(path: str, value: object) -> None:
    inspected, bundle = copy.deepcopy(as_taken())
    put(path, value)(inspected)
    with pytest.raises(SandboxRefused, match=path.replace("/", ".").replace("OCIRuntime", "Runtime")):
        read_back_bundle(request(), inspected, bundle)


def test_an_output_is_podmans_volume_with_its_options_or_the_run_is_refused() -> None:
    asked = replace(POLICY, output=OutputSpace(8)).request(IMAGE, replace(PLACEMENT, output_volume="arena-0"))
    options = ["rw", "nosuid", "nodev", "noexec", "nocopy"]
    made = specification(asked, "/tmp/profile.json")  # noqa: S108 - a name
    assert made["volumes"] == [{"Name": "arena-0", "Dest": "/output", "Options": options}]
    assert [mount["destination"] for mount in made["mounts"] if mount["type"] == "bind"] == ["/input"]
    inspected, bundle = as_taken()
    mount = {
        "destination": "/output",
        "type": "bind",
        "source": "/var/lib/containers/storage/volumes/arena-0/_data",
        "options": ["rw", "nosuid", "nodev", "noexec", "rprivate", "rbind"],
    }
    for wrong in (
        [],
        [{**mount, "source": "/var/lib/containers/storage/volumes/other/_data"}],
        [{**mount, "options": ["rw", "nosuid", "nodev", "rbind"]}],
        [{**mount, "type": "tmpfs"}],
    ):
        with pytest.raises(SandboxRefused, match="mounts /output"):
            read_back_bundle(asked, inspected, {**bundle, "mounts": [*bundle["mounts"], *wrong]})
    read_back_bundle(asked, inspected, {**bundle, "mounts": [*bundle["mounts"], mount]})
