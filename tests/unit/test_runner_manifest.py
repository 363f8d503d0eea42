"""The sandbox manifest: small, equal for all containers of an evaluation, and of three witnesses."""

from typing import Any

import pytest

from runners.manifest import sandbox_manifest
from runners.policy import Placement, SandboxPolicy, with_short_profile
from runners.seccomp import profile_digest, profile_text
from runners.shard import ShardRun
from runners.values import Limits

MIB = 1024 * 1024
POLICY = SandboxPolicy(Limits(memory_mib=64, cpus=0.5, pids=32))
RUNC = {"name": "runc", "path": "runc", "arguments": [], "gvisor": False}
ENGINE = {"Engine": "Docker", "ServerVersion": "20.10.24", "KernelVersion": "6.18", "CgroupVersion": "1", "NCPU": 2}
ASKED = {
    "memory_bytes": 64 * MIB, "memory_and_swap_bytes": 64 * MIB, "cpus": 0.5, "pids": 32, "network": "none",
    "read_only_root": True, "capabilities_dropped": ["ALL"], "no_new_privileges": True,
    "seccomp": f"sha256:{profile_digest(profile_text())}",
}  # fmt: skip
KERNEL: dict[str, Any] = {
    "seen": True,
    "cgroup": {"memory_bytes": 64 * MIB, "memory_and_swap_bytes": 64 * MIB, "cpus": 0.5, "pids": 32, "cpuset": [0]},
    "interfaces": ["lo"],
    "process": {"seccomp": 2, "no_new_privileges": True, "capabilities": "0", "uid": [333_333]},
    "mounts": [
        {"at": "/", "writable": False}, {"at": "/tmp", "writable": True}, {"at": "/proc/keys", "writable": True},  # noqa: S108
    ],
}  # fmt: skip


def made(
    uid: int = 333_333, kernel: dict[str, Any] = KERNEL, runtime: dict[str, Any] = RUNC, *, all_seen: bool = True
) -> dict[str, Any]:
    asked = with_short_profile(POLICY.request("sha256:x", Placement(uid, (0,), f"/runs/{uid}", ())))
    sandbox = {"requested": asked, "observed": asked, "kernel": kernel}
    manifest = sandbox_manifest(
        sandbox, isolation="standard", runtime=runtime, engine=ENGINE, policy=POLICY.digest, all_seen=all_seen
    )
    assert manifest is not None
    return manifest


def test_it_names_what_was_asked_what_was_taken_and_what_is_held() -> None:
    manifest = made()
    assert manifest["requested"] == manifest["engine_took"] == ASKED
    assert manifest["kernel_holds"] == {
        "seen": True, "memory_bytes": 64 * MIB, "memory_and_swap_bytes": 64 * MIB, "cpus": 0.5, "pids": 32,
        "interfaces": ["lo"], "seccomp_mode": 2, "no_new_privileges": True, "capabilities": "0",
        "writable": ["/tmp"],  # noqa: S108 - inside the container
        "all_seen": True,
    }  # fmt: skip
    assert manifest["engine"] == {"name": "Docker", "version": "20.10.24", "kernel": "6.18", "cgroup_version": "1"}
    assert manifest["policy_digest"] == POLICY.digest


def test_a_container_that_ends_at_once_takes_nothing_of_what_was_seen_of_another() -> None:
    run = ShardRun()
    seen, other, unseen = ({"name": n, "kernel": {"seen": n != "unseen"}} for n in ("seen", "other", "unseen"))
    run.keep_sandbox(unseen)
    assert (run.sandbox, run.all_seen) == (unseen, False)
    run.keep_sandbox(seen)
    run.keep_sandbox(unseen)
    run.keep_sandbox(other)
    assert (run.sandbox, run.all_seen) == (seen, False)
    whole = ShardRun()
    whole.keep_sandbox(seen)
    whole.keep_sandbox(other)
    assert (whole.sandbox, whole.all_seen) == (seen, True)


def test_two_containers_of_one_evaluation_have_the_same() -> None:
    assert made(333_333) == made(444_444)


def test_of_gvisors_own_process_nothing_is_told_that_is_not_the_algorithms() -> None:
    held = made(runtime={**RUNC, "name": "runsc", "gvisor": True})["kernel_holds"]
    assert "capabilities" not in held
    assert held["pids"] == 32


def test_a_container_that_could_not_be_seen_says_so() -> None:
    held = made(kernel={"seen": False, "reason": "elsewhere"}, all_seen=False)["kernel_holds"]
    assert held == {"seen": False, "reason": "elsewhere", "all_seen": False}


@pytest.mark.parametrize("sandbox", [{}, {"requested": {}, "observed": {}}])
def test_where_no_container_was_started_there_is_none(sandbox: dict[str, Any]) -> None:
    assert (
        sandbox_manifest(sandbox, isolation="standard", runtime=RUNC, engine=ENGINE, policy="x", all_seen=True) is None
    )


def test_podmans_bundle_is_read_in_the_runtimes_terms() -> None:
    bundle = {
        "linux": {
            "resources": {
                "memory": {"limit": 64 * MIB, "swap": 64 * MIB}, "cpu": {"quota": 50_000, "period": 100_000},
                "pids": {"limit": 32},
            },
            "namespaces": [{"type": "network"}], "seccomp": {"sha256": "5"},
        },
        "process": {"capabilities": {}, "noNewPrivileges": True},
        "root": {"readonly": True},
    }  # fmt: skip
    asked = with_short_profile(POLICY.request("sha256:x", Placement(1, (0,), "/x", ())))
    sandbox = {"requested": asked, "observed": {"Bundle": bundle}, "kernel": KERNEL}
    manifest = sandbox_manifest(sandbox, isolation="standard", runtime=RUNC, engine=ENGINE, policy="x", all_seen=True)
    assert manifest is not None
    assert manifest["engine_took"] == {**ASKED, "seccomp": "sha256:5"}
