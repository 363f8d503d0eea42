"""What an image or its program does is never a fault of the host: neither the kernel's look nor a failed start.

Each image here is one that an engine loads and that would otherwise end every attempt as a fault of the host, which is
tried again and charged to nobody.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import docker
import pytest

from runners.container import Launcher
from runners.engine import Engine
from runners.execute import execute_attempt, receipt_name
from runners.faults import ContainerCannotStart, SandboxRefused
from runners.images.build import build_from_files
from runners.kernel import Window
from runners.policy import Placement, SandboxPolicy, volumes_to_cover
from runners.values import AttemptId, AttemptSpec, BlobRef, CaseInput, ShardId
from tests.hostile.surroundings import BASE_IMAGE, Bench
from tests.hostile.trying import LIMITS
from tests.seeding import study_tar

pytestmark = pytest.mark.engine

RUNTIMES = ("runc", "runsc")
# It changes its first process, and goes on as if nothing were.
WORSENS = """
import contextlib, resource, time
with contextlib.suppress(OSError), open("/proc/1/oom_score_adj", "w") as file:
    file.write("999")
for limit in ("NOFILE", "FSIZE", "CORE", "MEMLOCK", "MSGQUEUE", "CPU"):
    with contextlib.suppress(AttributeError, OSError, ValueError):
        kind = getattr(resource, "RLIMIT_" + limit)
        soft, hard = resource.prlimit(1, kind)
        resource.prlimit(1, kind, (hard // 2, hard // 2))
time.sleep(60)
"""
LOWERS = """
import contextlib, time
with contextlib.suppress(OSError), open("/proc/1/oom_score_adj", "w") as file:
    file.write("0")
time.sleep(60)
"""
ENDS = "raise SystemExit(7)"
# What lies where the sandbox mounts something: nothing can be mounted there, or it lands elsewhere.
IN_THE_WAY = {
    "a VOLUME on a file": ("RUN echo x > /data",),
    "/sbin/docker-init is a folder": ("RUN mkdir -p /sbin/docker-init",),
    "/tmp is a file": ("RUN rm -rf /tmp && echo x > /tmp",),  # noqa: S108
    "/input is a file": ("RUN echo x > /input",),
    "/etc/hosts is a folder": ("COPY folder/ /etc/hosts/",),
    "/input is a symbolic link": ("RUN ln -s /opt /input",),
    "/tmp is a symbolic link": ("RUN rm -rf /tmp && ln -s var/tmp /tmp",),  # noqa: S108
}


class Late(Window):
    """Looks a second late, so that whatever a container does at once has been done."""

    def observe(self, pid: int, container: str) -> dict[str, Any]:
        """Wait, then look."""
        time.sleep(1.0)
        return super().observe(pid, container)


class Short(Window):
    """Sees a limit of memory that was not asked for, whosever the container is."""

    def observe(self, pid: int, container: str) -> dict[str, Any]:
        """Look, and change what was seen."""
        seen = super().observe(pid, container)
        seen["cgroup"]["memory_bytes"] += 4096
        return seen


@pytest.fixture(params=RUNTIMES)
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path, Engine(), f"blame-{secrets.token_hex(3)}", request.param)
    yield made
    left = made.left_behind()
    made.engine.close()
    assert left == []


def image(engine: Engine, name: str, program: str, *lines: str) -> str:
    """Build a base image with further lines and this Python program as its command."""
    dockerfile = [
        "ARG BASE_IMAGE",
        "FROM ${BASE_IMAGE}",
        *lines,
        f"ENTRYPOINT {json.dumps(['python3', '-c', program])}",
    ]
    files = {"Dockerfile": "\n".join(dockerfile).encode() + b"\n", "folder/file": b"x"}
    return build_from_files(engine, files, f"arena-test-blame:{name}", BASE_IMAGE)


@contextmanager
def with_volume(image_id: str, path: str) -> Iterator[str]:
    """Give an image that declares this VOLUME as well: no engine builds one on a file, and every engine loads it."""
    with closing(docker.from_env()) as client:
        container = client.api.create_container(image_id)["Id"]
        try:
            client.api.commit(container, "arena-test-blame", "volume", changes=f"VOLUME {path}")
        finally:
            client.api.remove_container(container)
        try:
            yield str(client.api.inspect_image("arena-test-blame:volume")["Id"])
        finally:
            client.api.remove_image("arena-test-blame:volume", noprune=True)


def launcher(bench: Bench, image_id: str, folder: Path, **settings: Any) -> Launcher:
    """Return what starts an image's containers in the bench's runtime."""
    facts = bench.engine.image(image_id)
    assert facts is not None
    policy = SandboxPolicy(
        LIMITS, runtime=bench.runtime, gvisor=bench.runtime == "runsc", volumes=volumes_to_cover(facts.volumes)
    )

    def place() -> Placement:
        return Placement.fresh(cpus=(0,), input_source=str(folder), runner_id=bench.runner_id, attempt_id="a")

    return Launcher(bench.engine, policy, image_id, place, **settings)


def attempt(bench: Bench, image_id: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Evaluate two cases in mode `case`; return the receipt, and the cases where there are any."""
    cases = tuple(CaseInput(f"c{n:04d}", bench.studies.put(study_tar(b"study"))) for n in (1, 2))
    spec = AttemptSpec(
        AttemptId(f"blame-{secrets.token_hex(4)}"), ShardId("blame"), BlobRef("0" * 64, 0), image_id, cases, LIMITS,
        mode="case",
    )  # fmt: skip
    execute_attempt(spec, host=bench.host, studies=bench.studies, images=bench.images, results=bench.results, cpus=(0,))
    stored = bench.results.get_named(receipt_name(spec.attempt_id))
    assert stored is not None
    receipt = json.loads(stored)
    if receipt["output"] is None:
        return receipt, []
    return receipt, [json.loads(line) for line in bench.results.get(receipt["output"]["sha256"]).splitlines()]


def test_a_container_that_worsens_its_own_first_process_runs_on(bench: Bench, tmp_path: Path) -> None:
    box = launcher(bench, image(bench.engine, "worsens", WORSENS), tmp_path, window=Late()).launch(listens=False)
    try:
        seen = box.manifest["kernel"]
        assert seen["seen"]
        if bench.runtime == "runc":  # the process is the container's own: what it did is there to be seen
            assert seen["process"]["oom_score_adj"] == 999
            assert seen["process"]["limits"]["nofile"] == [512, 512]
    finally:
        box.close()


def test_lowering_the_score_by_which_the_kernel_kills_is_charged_to_the_image(bench: Bench, tmp_path: Path) -> None:
    """Where the runtime lets a container do it at all: ours, started in between, has the score that was asked for."""
    lowers = image(bench.engine, "lowers", LOWERS)
    try:
        box = launcher(bench, lowers, tmp_path, window=Late(), submitted=True).launch(listens=False)
    except ContainerCannotStart as charged:
        assert "oom_score_adj asked 500" in str(charged)  # noqa: PT017 - both endings are right, on different runtimes
    else:
        assert bench.runtime == "runsc" or box.manifest["kernel"]["process"]["oom_score_adj"] >= 500
        box.close()


def test_a_container_that_has_ended_before_the_look_was_not_seen_and_is_no_fault(bench: Bench, tmp_path: Path) -> None:
    box = launcher(bench, image(bench.engine, "ends", ENDS), tmp_path, window=Late()).launch(listens=False)
    try:
        assert box.manifest["kernel"]["seen"] is False
        assert box.end(10.0).exit_code == 7
    finally:
        box.close()


@pytest.mark.parametrize("what", IN_THE_WAY)
def test_an_image_that_no_engine_starts_is_charged_and_not_the_host(bench: Bench, what: str) -> None:
    made = image(bench.engine, f"way-{list(IN_THE_WAY).index(what)}", "print(1)", *IN_THE_WAY[what])
    with with_volume(made, "/data") if "VOLUME" in what else nullcontext(made) as tried:
        receipt, cases = attempt(bench, tried)
    assert receipt["host_fault"] is None, receipt["host_fault"]
    assert {case["outcome"] for case in cases} <= {"not_reached", "no_answer"}
    assert all(case["detail"] == "cannot_start" for case in cases if case["outcome"] == "not_reached")


def test_a_host_that_holds_no_container_as_asked_charges_no_image(bench: Bench, tmp_path: Path) -> None:
    honest = image(bench.engine, "honest", "import time; time.sleep(60)")
    with pytest.raises(SandboxRefused, match="memory_bytes"):
        launcher(bench, honest, tmp_path, window=Short(), submitted=True).launch(listens=False)
