"""What is told from an engine's own words: runtimes that hold nothing, isolation that is none, GPUs that are not there."""

from typing import Any

import pytest

from runners.connection import _gpus_by, runtimes_of
from runners.faults import EngineRefused, SandboxRefused
from runners.policy import Placement, SandboxPolicy
from runners.readback import read_back
from runners.runtimes import Runtime, runtime_of
from runners.values import Isolation, Limits

RUNTIMES = {
    "runc": {"path": "runc", "arguments": []},
    "runsc": {"path": "/usr/bin/runsc", "arguments": ["--network=none"]},
    "lax": {"path": "/usr/bin/runsc", "arguments": ["--network=none", "--ignore-cgroups"]},
    "laxer": {"path": "/usr/bin/runsc", "arguments": ["-ignore-cgroups=true"]},
    "open": {"path": "/usr/bin/runsc", "arguments": ["--network=host"]},
}


def about(**changes: Any) -> dict[str, Any]:
    return {"Engine": "Docker", "SecurityOptions": ["name=seccomp,profile=default"], "Runtimes": RUNTIMES, **changes}


def test_isolation_chooses_a_runtime_and_gvisor_is_known_by_its_program() -> None:
    assert not runtime_of(about(), "runc", Isolation.STANDARD).gvisor
    assert runtime_of(about(), "runsc", Isolation.GVISOR).gvisor
    renamed = about(Runtimes={"sandboxed": {"path": "/opt/runsc", "arguments": []}})
    assert runtime_of(renamed, "sandboxed", Isolation.GVISOR).gvisor


@pytest.mark.parametrize(
    ("name", "isolation", "engine", "why"),
    [
        ("runc", Isolation.GVISOR, about(), "isolate by gVisor"),
        ("kata", Isolation.STANDARD, about(), "it has laxer|it has .*runc"),
        ("lax", Isolation.GVISOR, about(), "ignore-cgroups"),
        ("laxer", Isolation.STANDARD, about(), "ignore-cgroups"),
        ("open", Isolation.GVISOR, about(), "network=host"),
        ("runc", Isolation.STANDARD, about(SecurityOptions=["name=apparmor"]), "without seccomp"),
        ("runc", Isolation.STANDARD, about(SecurityOptions=["name=seccomp", "name=rootless"]), "without root"),
    ],
)
def test_what_cannot_hold_a_container_is_refused_with_its_reason(
    name: str, isolation: Isolation, engine: dict[str, Any], why: str
) -> None:
    with pytest.raises(EngineRefused, match=why):
        runtime_of(engine, name, isolation)


def test_gpus_are_asked_for_as_docker_run_does_and_read_back() -> None:
    policy = SandboxPolicy(Limits(gpus=2))
    asked = policy.request("sha256:x", Placement(333_333, (0,), "/x", ()))
    host = asked["HostConfig"]
    assert host["DeviceRequests"] == [
        {"Driver": "", "Count": 2, "DeviceIDs": None, "Capabilities": [["gpu"]], "Options": {}}
    ]
    assert "DeviceRequests" not in SandboxPolicy(Limits()).request("x", Placement(1, (), "", ()))["HostConfig"]
    mounts = [{"Type": "bind", "Source": "/x", "Destination": "/input", "RW": False}]
    taken = {"Image": "sha256:x", "Config": asked, "HostConfig": dict(host), "Mounts": mounts}
    read_back(asked, taken)
    taken["HostConfig"]["DeviceRequests"] = [{**host["DeviceRequests"][0], "Count": -1}]
    with pytest.raises(SandboxRefused, match="DeviceRequests"):
        read_back(asked, taken)


@pytest.mark.parametrize(
    ("name", "engine", "why"),
    [
        ("runc", about(GpusBy=None), "neither the runtime nvidia nor a CDI device"),
        ("runsc", about(GpusBy="nvidia"), "gVisor"),
        ("runc", about(GpusBy="nvidia", Engine="Podman"), "Podman"),
    ],
)
def test_gpus_that_cannot_be_had_refuse_the_run_before_it_starts(name: str, engine: dict[str, Any], why: str) -> None:
    runtime: Runtime = runtime_of(engine, name, Isolation.STANDARD)
    runtime.refuse_gpus(0)
    with pytest.raises(EngineRefused, match=why):
        runtime.refuse_gpus(1)


def test_where_the_engine_has_gpus_they_are_not_refused() -> None:
    runtime_of(about(GpusBy="cdi"), "runc", Isolation.STANDARD).refuse_gpus(1)


@pytest.mark.parametrize(
    ("info", "by"),
    [
        ({"Runtimes": {"runc": {}, "nvidia": {}}}, "nvidia"),
        ({"DiscoveredDevices": [{"Source": "cdi", "ID": "nvidia.com/gpu=0"}]}, "cdi"),
        ({"DiscoveredDevices": [{"Source": "cdi", "ID": "vendor.com/net=0"}]}, None),
        ({}, None),
    ],
)
def test_an_engine_tells_by_what_it_gives_gpus(info: dict[str, Any], by: str | None) -> None:
    assert _gpus_by(info) == by


def test_podman_has_the_one_runtime_that_it_gives_to_all_containers() -> None:
    # As Podman 4.3.1 says it, on a machine with neither crun nor Kata Containers.
    known = {name: {"path": f"/usr/bin/{name}"} for name in ("crun", "kata", "runc", "runsc")}
    info = {"DefaultRuntime": "runc", "Runtimes": known}
    assert runtimes_of(info, podman=True) == {"runc": {"path": "/usr/bin/runc", "arguments": []}}
    assert set(runtimes_of(info, podman=False)) == set(known)
    with pytest.raises(EngineRefused, match=r"'runsc'.*it has runc"):
        runtime_of(about(Runtimes=runtimes_of(info, podman=True)), "runsc", Isolation.STANDARD)
