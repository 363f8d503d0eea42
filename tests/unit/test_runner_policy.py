"""The sandbox as a value: what it asks for, and that nothing else is accepted."""

import copy
from dataclasses import replace
from typing import Any

import pytest

from runners.faults import ContainerCannotStart, SandboxRefused
from runners.policy import Placement, SandboxPolicy, refuse_workdir, volumes_to_cover
from runners.readback import read_back
from runners.seccomp import profile_digest, profile_text
from runners.values import Limits

IMAGE = "sha256:" + "a" * 64
LIMITS = Limits(memory_mib=256, cpus=1.5, pids=77, tmp_mib=32, shm_mib=16, total_seconds=100)
PLACEMENT = Placement(345678, (0, 1), "/runs/r/a/input", (("arena.runner", "r"), ("arena.attempt", "a")))
POLICY = SandboxPolicy(LIMITS, volumes=("/data",))


def request() -> dict[str, Any]:
    return POLICY.request(IMAGE, PLACEMENT)


def as_taken() -> dict[str, Any]:
    """What an engine says of a container that it made exactly as asked, with an image that adds its own."""
    asked = copy.deepcopy(request())
    host = asked.pop("HostConfig")
    asked["Env"] = [*asked["Env"], "MODEL=vendor-secret"]
    asked["Labels"] = {**asked["Labels"], "vendor": "x"}
    host |= {"Binds": None, "VolumesFrom": None, "ConsoleSize": [0, 0], "Isolation": "", "PublishAllPorts": False}
    mounts = [{"Type": "bind", "Source": "/runs/r/a/input", "Destination": "/input", "Mode": "", "RW": False}]
    return {"Image": IMAGE, "Config": asked, "HostConfig": host, "Mounts": mounts}


def test_the_request_holds_the_container_in() -> None:
    asked = request()
    host = asked["HostConfig"]
    assert asked["User"] == "345678:345678"
    assert host["NetworkMode"] == "none"
    assert host["ReadonlyRootfs"] is True
    assert host["CapDrop"] == ["ALL"]
    assert host["SecurityOpt"] == ["no-new-privileges:true", f"seccomp={profile_text()}"]
    assert host["Memory"] == host["MemorySwap"] == 256 * 1024 * 1024
    assert host["NanoCpus"] == 1_500_000_000
    assert host["CpusetCpus"] == "0,1"
    assert host["PidsLimit"] == 77
    assert host["Tmpfs"] == {
        "/tmp": "rw,noexec,nosuid,nodev,size=32m,nr_inodes=16k,mode=1777",  # noqa: S108 - inside the container
        "/data": "ro,noexec,nosuid,nodev,size=4k",
    }
    assert host["Mounts"] == [{"Type": "bind", "Source": "/runs/r/a/input", "Target": "/input", "ReadOnly": True}]
    assert host["LogConfig"] == {"Type": "local", "Config": {"max-size": "1m", "max-file": "1", "compress": "false"}}
    assert "/sys" in host["MaskedPaths"]
    assert {"Name": "core", "Soft": 0, "Hard": 0} in host["Ulimits"]


def test_the_environment_is_fixed_and_names_no_proxy() -> None:
    env = request()["Env"]
    assert "HOME=/tmp" in env
    assert "ARENA_CONTRACT=1" in env
    assert {"HTTP_PROXY", "https_proxy", "no_proxy", "ALL_PROXY"} <= set(env), "a bare name unsets it"


def test_a_profile_of_our_own_is_asked_for_by_its_text() -> None:
    assert replace(POLICY, seccomp="{}")._host_config(PLACEMENT)["SecurityOpt"] == [
        "no-new-privileges:true",
        "seccomp={}",
    ]


def test_a_manifest_names_the_profile_by_its_digest() -> None:
    named = ["no-new-privileges:true", f"seccomp=sha256:{profile_digest(profile_text())}"]
    manifest = read_back(request(), as_taken())
    assert manifest["requested"]["HostConfig"]["SecurityOpt"] == named
    assert manifest["observed"]["HostConfig"]["SecurityOpt"] == named


def test_gvisors_own_threads_do_not_use_up_the_algorithms() -> None:
    few = replace(POLICY, gvisor=True)
    many = replace(POLICY, gvisor=True, limits=replace(LIMITS, pids=2000))
    assert [each._host_config(PLACEMENT)["PidsLimit"] for each in (few, many)] == [1024, 2000]


def test_two_containers_never_share_an_identity() -> None:
    drawn = {Placement.fresh(cpus=(0,), input_source="/x", runner_id="r", attempt_id=str(i)).uid for i in range(200)}
    assert len(drawn) == 200
    assert min(drawn) >= 300_000


def test_the_digest_is_that_of_the_rules_and_not_of_the_run() -> None:
    assert POLICY.digest == SandboxPolicy(replace(LIMITS), volumes=("/data",)).digest
    others = [
        replace(POLICY, limits=replace(LIMITS, memory_mib=257)),
        replace(POLICY, runtime="runsc"),
        replace(POLICY, volumes=()),
        replace(POLICY, seccomp="{}"),
        replace(POLICY, cgroup_parent="/arena"),
    ]
    assert len({POLICY.digest, *(other.digest for other in others)}) == 6


def test_what_was_asked_is_accepted_and_kept_without_the_images_values() -> None:
    manifest = read_back(request(), as_taken())
    assert manifest["observed"]["HostConfig"]["NetworkMode"] == "none"
    assert "MODEL" in manifest["observed"]["Env"]
    assert "vendor-secret" not in str(manifest)


CHANGED_HOST = [
    ("NetworkMode", "bridge"), ("ReadonlyRootfs", False), ("CapDrop", None), ("CapAdd", ["SYS_ADMIN"]),
    ("SecurityOpt", []), ("SecurityOpt", ["no-new-privileges:true", "seccomp=unconfined"]), ("Privileged", True),
    ("Memory", 0), ("MemorySwap", -1), ("NanoCpus", 0), ("CpusetCpus", ""), ("PidsLimit", None), ("IpcMode", "host"),
    ("PidMode", "host"), ("ShmSize", 67108864), ("Ulimits", []), ("Tmpfs", {}), ("MaskedPaths", []),
    ("ReadonlyPaths", []), ("LogConfig", {"Type": "json-file", "Config": {}}), ("Runtime", "other"),
    ("Binds", ["/:/host"]), ("Devices", [{"PathOnHost": "/dev/kvm"}]), ("GroupAdd", ["0"]), ("OomKillDisable", True),
    ("VolumesFrom", ["another"]), ("UsernsMode", "host"), ("DeviceRequests", [{"Count": -1}]), ("Sysctls", {"a": "b"}),
    ("CgroupnsMode", "host"), ("Init", False), ("NobodyKnowsThis", "yet"),
]  # fmt: skip


@pytest.mark.parametrize(("key", "value"), CHANGED_HOST)
def test_any_other_host_setting_refuses_the_run(key: str, value: object) -> None:
    taken = as_taken()
    taken["HostConfig"][key] = value
    with pytest.raises(SandboxRefused, match=f"HostConfig.{key}"):
        read_back(request(), taken)


@pytest.mark.parametrize(
    ("key", "value"),
    [("User", "0:0"), ("User", "345678"), ("Tty", True), ("Healthcheck", None), ("StopSignal", "SIGTERM"),
     ("Env", ["HOME=/root"]), ("Labels", {"arena.runner": "other"}), ("Hostname", "vm")],
)  # fmt: skip
def test_any_other_container_setting_refuses_the_run(key: str, value: object) -> None:
    taken = as_taken()
    taken["Config"][key] = value
    with pytest.raises(SandboxRefused, match=f"Config.{key}"):
        read_back(request(), taken)


def test_what_an_engine_adds_of_the_image_s_own_to_a_check_that_is_off_is_nothing() -> None:
    taken = as_taken()
    taken["Config"]["Healthcheck"] = {
        "Test": ["NONE"],
        "Interval": 30_000_000_000,
        "Timeout": 3_000_000_000,
        "Retries": 3,
    }
    read_back(request(), taken)
    taken["Config"]["Healthcheck"]["Test"] = ["CMD", "true"]
    with pytest.raises(SandboxRefused, match="Healthcheck asked"):
        read_back(request(), taken)


def test_another_image_refuses_the_run() -> None:
    with pytest.raises(SandboxRefused, match="Image"):
        read_back(request(), as_taken() | {"Image": "sha256:" + "b" * 64})


@pytest.mark.parametrize(
    "mounts",
    [
        [],
        [{"Type": "bind", "Destination": "/input", "RW": True}],
        [
            {"Type": "bind", "Destination": "/input", "RW": False},
            {"Type": "volume", "Destination": "/data", "RW": True},
        ],
    ],
)
def test_a_missing_writable_or_added_mount_refuses_the_run(mounts: list[dict[str, object]]) -> None:
    with pytest.raises(SandboxRefused, match="Mounts"):
        read_back(request(), as_taken() | {"Mounts": mounts})


def test_volumes_of_the_image_are_covered_except_where_we_mount_ourselves() -> None:
    declared = ["/srv/b/", "/data", "/tmp", "/input", "/data"]  # noqa: S108 - inside the container
    assert volumes_to_cover(declared) == ("/data", "/srv/b")


@pytest.mark.parametrize(
    "path", ["/", "data", "/a/../etc", "/proc/x", "/sys", "/dev/x", "/input/c0001", "/a//b", "//sys"]
)
def test_a_volume_that_cannot_be_covered_is_the_images_fault(path: str) -> None:
    with pytest.raises(ContainerCannotStart):
        volumes_to_cover([path])


@pytest.mark.parametrize("folder", ["", "/", "/app", "/srv/app/", "/processes"])
def test_a_plain_working_folder_is_taken(folder: str) -> None:
    refuse_workdir(folder)


@pytest.mark.parametrize(
    "folder", ["/proc/self/fd/7", "//proc/self/fd/7", "/proc", "/sys/", "/dev/fd/8", "/app/../proc/1", "app", "/a/./b"]
)
def test_a_working_folder_among_the_kernel_s_files_is_the_images_fault(folder: str) -> None:
    with pytest.raises(ContainerCannotStart, match="WORKDIR"):
        refuse_workdir(folder)


def test_very_many_volumes_are_the_images_fault() -> None:
    with pytest.raises(ContainerCannotStart, match="33 volumes"):
        volumes_to_cover([f"/v{i}" for i in range(33)])
