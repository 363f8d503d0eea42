"""The local runner on the real engine: what is stored, what is left behind, whose fault it is."""

import gc
import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import docker
import pytest

from runners import execute, loading
from runners.conformance import sample_study
from runners.engine import Engine
from runners.execute import execute_attempt, receipt_name
from runners.faults import ImageUnavailable, RunnerFault
from runners.images.probes import build_probe
from runners.local import LocalRunner
from runners.protocol import Runner
from runners.values import AttemptId, AttemptSpec, BlobRef, CaseInput, GrandChallengeLayout, Limits, ShardId, Status
from tests.archives import layer_of
from tests.bundles import FakeImage
from tests.hostile.surroundings import BASE_IMAGE, Bench, EngineCable

pytestmark = pytest.mark.engine

LIMITS = Limits(
    memory_mib=128, tmp_mib=8, shm_mib=8, startup_seconds=20, case_seconds=20, shutdown_seconds=5, restarts=1
)


@pytest.fixture
def bench(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Bench]:
    made = Bench(tmp_path, Engine(), f"test-{request.node.name[:40]}".replace("[", "-").replace("]", ""))
    yield made
    left = made.left_behind()
    for container in made.engine.containers_of(made.runner_id):
        made.engine.remove(container)
    made.engine.close()
    assert left == []


@pytest.fixture(scope="module")
def probe() -> Iterator[Callable[[str], str]]:
    engine = Engine()
    yield lambda name: build_probe(engine, name, BASE_IMAGE)
    engine.close()


def spec_for(
    bench: Bench, image_id: str, *, attempt: str = "a1", cases: int = 2, limits: Limits = LIMITS
) -> AttemptSpec:
    inputs = tuple(CaseInput(f"c{n:04d}", bench.studies.put(sample_study(n))) for n in range(1, cases + 1))
    return AttemptSpec(AttemptId(attempt), ShardId("s1"), BlobRef("0" * 64, 0), image_id, inputs, limits)


def run(bench: Bench, spec: AttemptSpec, **settings: Any) -> dict[str, Any]:
    """Execute an attempt and return its receipt as it was stored."""
    host = settings.pop("host", bench.host)
    execute_attempt(
        spec, host=host, studies=bench.studies, images=bench.images, results=bench.results, cpus=(0,), **settings
    )
    stored = bench.results.get_named(receipt_name(spec.attempt_id))
    assert stored is not None
    receipt: dict[str, Any] = json.loads(stored)
    return receipt


def until(condition: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def test_an_attempt_stores_its_output_then_its_receipt(bench: Bench, probe: Callable[[str], str]) -> None:
    steps: list[tuple[str, str]] = []
    receipt = run(bench, spec_for(bench, probe("garbage")), observe=lambda step, attempt: steps.append((step, attempt)))
    assert steps == [("container_open", "a1"), ("output_written", "a1"), ("receipt_written", "a1")]
    assert receipt["host_fault"] is None
    lines = [json.loads(line) for line in bench.results.get(receipt["output"]["sha256"]).splitlines()]
    assert [set(line) for line in lines] == [{"case", "outcome", "latency_seconds", "answer_base64", "detail"}] * 2
    assert [line["case"] for line in lines] == ["c0001", "c0002"]
    assert all(0 < line["latency_seconds"] < 10 for line in lines)
    sandbox = receipt["manifest"]["sandbox"]
    assert sandbox["observed"]["HostConfig"]["NetworkMode"] == "none"
    assert sandbox["requested"]["HostConfig"].keys() == sandbox["observed"]["HostConfig"].keys()


def test_an_attempt_that_has_its_receipt_is_not_run_again(bench: Bench, probe: Callable[[str], str]) -> None:
    spec = spec_for(bench, probe("garbage"))
    first = run(bench, spec)
    assert run(bench, spec, observe=lambda step, _: pytest.fail(f"{step} again")) == first


def test_a_study_that_is_damaged_in_the_middle_voids_the_attempt(bench: Bench, probe: Callable[[str], str]) -> None:
    spec = spec_for(bench, probe("garbage"), cases=3)
    damaged = Path(bench.studies.local_path(spec.cases[2].study))
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"x")
    receipt = run(bench, spec)
    assert receipt["output"] is None
    assert "damaged" in receipt["host_fault"]


def test_an_input_folder_that_the_engine_sees_elsewhere_is_never_served(
    bench: Bench, probe: Callable[[str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "empty"
    elsewhere.mkdir()
    fresh = execute.Placement.fresh
    for source, why in (
        (elsewhere, ("would not see case c0001",)),
        (tmp_path / "absent", ("bind source path does not exist", "absent: no such file or directory")),
    ):
        monkeypatch.setattr(
            execute.Placement, "fresh", lambda source=source, **given: fresh(**(given | {"input_source": str(source)}))
        )
        receipt = run(bench, spec_for(bench, probe("garbage"), attempt=source.name))
        assert receipt["output"] is None
        assert any(words in receipt["host_fault"] for words in why)


def test_what_this_host_lacks_is_the_hosts_fault(bench: Bench, probe: Callable[[str], str]) -> None:
    image = probe("garbage")
    specs = {
        "GPU": spec_for(bench, image, attempt="gpu", limits=replace(LIMITS, gpus=1)),
        "CPUs": spec_for(bench, image, attempt="cpus", limits=replace(LIMITS, cpus=64)),
        "mode 'swarm'": replace(spec_for(bench, image, attempt="mode"), mode="swarm"),
        "layout": replace(spec_for(bench, image, attempt="layout"), layout=GrandChallengeLayout("x", ())),
        "archive": spec_for(bench, "sha256:" + "0" * 64, attempt="image"),
    }
    for word, spec in specs.items():
        receipt = run(bench, spec)
        assert receipt["output"] is None
        assert word in receipt["host_fault"]


def test_an_unknown_runtime_is_the_hosts_fault(bench: Bench, probe: Callable[[str], str]) -> None:
    receipt = run(bench, spec_for(bench, probe("garbage")), host=replace(bench.host, runtime="none-such"))
    assert "none-such" in receipt["host_fault"]


def test_a_runner_is_a_runner(bench: Bench) -> None:
    runner: Runner = bench.runner(slots=1)
    assert runner.status([]) == {}


def test_slots_share_no_cpu_and_never_exceed_the_machine(bench: Bench) -> None:
    slots = bench.runner().slots()
    cpus = [cpu for slot in slots for cpu in slot.cpus]
    assert sorted(cpus) == sorted(set(cpus)) == sorted(os.sched_getaffinity(0))
    with pytest.raises(ValueError, match="do not fit"):
        bench.runner(slots=len(cpus) + 1)


def test_submitting_twice_runs_once_and_the_doorbell_rings(bench: Bench, probe: Callable[[str], str]) -> None:
    rung = threading.Event()
    opened: list[str] = []
    runner = bench.runner(
        slots=1,
        doorbell=lambda _: rung.set(),
        observe=lambda step, attempt: opened.append(attempt) if step == "container_open" else None,
    )
    spec = spec_for(bench, probe("slow"))
    runner.submit(spec)
    runner.submit(spec)
    assert runner.status([spec.attempt_id])[spec.attempt_id] in {Status.PENDING, Status.RUNNING}
    assert runner.slots() == []
    with pytest.raises(RunnerFault, match="No slot"):
        runner.submit(replace(spec, attempt_id=AttemptId("a2")))
    assert rung.wait(30)
    assert runner.status([spec.attempt_id]) == {spec.attempt_id: Status.GONE}
    runner.submit(spec)
    assert opened == ["a1"]
    assert len(runner.slots()) == 1
    runner.close()


@pytest.mark.skipif("len(__import__('os').sched_getaffinity(0)) < 2", reason="needs two CPUs for two slots")
def test_an_exclusive_attempt_has_the_machine_to_itself(bench: Bench, probe: Callable[[str], str]) -> None:
    seen: list[tuple[str, str]] = []
    runner = bench.runner(slots=2, observe=lambda step, attempt: seen.append((step, attempt)))
    spec = spec_for(bench, probe("slow"), attempt="shared", cases=2)
    runner.submit(spec)
    until(lambda: ("container_open", "shared") in seen)
    runner.submit(replace(spec, attempt_id=AttemptId("alone"), exclusive=True))
    assert runner.status([AttemptId("alone")]) == {AttemptId("alone"): Status.PENDING}
    assert runner.slots() == []
    until(lambda: ("receipt_written", "alone") in seen)
    assert seen.index(("container_open", "alone")) > seen.index(("receipt_written", "shared"))
    runner.close()


def test_a_cancelled_attempt_leaves_nothing_and_no_receipt(bench: Bench, probe: Callable[[str], str]) -> None:
    opened = threading.Event()
    runner = bench.runner(slots=1, observe=lambda step, _: opened.set() if step == "container_open" else None)
    spec = spec_for(bench, probe("never_ready"))
    runner.submit(spec)
    assert opened.wait(30)
    began = time.monotonic()
    runner.cancel(spec.attempt_id)
    runner.cancel(AttemptId("unknown"))
    assert time.monotonic() - began < 10
    assert bench.left_behind() == []
    assert bench.results.get_named(receipt_name("a1")) is None
    assert runner.status([spec.attempt_id]) == {spec.attempt_id: Status.GONE}


def test_closing_stops_what_runs(bench: Bench, probe: Callable[[str], str]) -> None:
    opened = threading.Event()
    runner = bench.runner(slots=1, observe=lambda step, _: opened.set() if step == "container_open" else None)
    runner.submit(spec_for(bench, probe("late")))
    assert opened.wait(30)
    runner.close()
    assert bench.left_behind() == []
    with pytest.raises(RunnerFault, match="closed"):
        runner.submit(spec_for(bench, probe("late"), attempt="a2"))


KILLED = """
import os, signal, sys
from pathlib import Path
from runners.engine import Engine
from tests.archives import layer_of
from tests.bundles import FakeImage
from tests.hostile.surroundings import Bench
from tests.integration.test_runner_local import run, spec_for

bench = Bench(Path(sys.argv[1]), Engine(), sys.argv[2])
kill = lambda step, _: os.kill(os.getpid(), signal.SIGKILL) if step == sys.argv[4] else None
run(bench, spec_for(bench, sys.argv[3]), observe=kill)
"""


@pytest.mark.parametrize("step", execute.STEPS)
def test_a_successor_removes_what_a_killed_process_left(bench: Bench, probe: Callable[[str], str], step: str) -> None:
    arguments = [str(bench.root), bench.runner_id, probe("slow"), step]
    ended = subprocess.run([sys.executable, "-c", KILLED, *arguments], check=False, timeout=60)
    assert ended.returncode == -signal.SIGKILL
    if step == "container_open":
        assert len(bench.engine.containers_of(bench.runner_id)) == 1
    successor: LocalRunner = bench.runner()
    successor.reap()
    assert bench.left_behind() == []
    assert successor.status([AttemptId("a1")]) == {AttemptId("a1"): Status.GONE}
    assert (bench.results.get_named(receipt_name("a1")) is not None) == (step == "receipt_written")


# The client library drops a socket whose connection was refused without closing it.
@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_engine_that_dies_in_the_middle_is_the_hosts_fault_and_its_container_is_reaped(
    bench: Bench, probe: Callable[[str], str]
) -> None:
    cable = EngineCable(bench.root / "engine.sock")
    cable.plug()
    bench.engine.close()
    lost = bench.engine = Engine(base_url=cable.url, timeout_seconds=10)
    opened, ended = threading.Event(), threading.Event()
    runner = bench.runner(
        slots=1,
        doorbell=lambda _: ended.set(),
        observe=lambda step, _: opened.set() if step == "container_open" else None,
    )
    runner.submit(spec_for(bench, probe("late")))
    assert opened.wait(30)
    time.sleep(0.5)
    cable.cut()
    assert ended.wait(60)
    receipt = json.loads(bench.results.get_named(receipt_name("a1")) or b"")
    assert receipt["output"] is None
    assert "EngineUnavailable" in receipt["host_fault"]
    assert runner.slots() == []
    strange = AttemptId("of-a-predecessor")
    assert runner.status([AttemptId("a1"), strange]) == {AttemptId("a1"): Status.GONE, strange: Status.UNKNOWN}
    bench.engine = Engine()
    assert len(bench.engine.containers_of(bench.runner_id)) == 1, "nobody could remove it while the engine was away"
    cable.plug()
    assert len(runner.slots()) == 1
    assert bench.left_behind() == []
    assert runner.status([strange]) == {strange: Status.GONE}
    runner.close()
    lost.close()
    cable.cut()
    gc.collect()


def test_an_archive_that_claims_a_name_never_reaches_the_engine(bench: Bench, tmp_path: Path) -> None:
    with closing(docker.from_env()) as client:
        client.api.tag(BASE_IMAGE, "arena-test-victim", "1")
        victim = client.images.get("arena-test-victim:1").id
        try:
            intruder = FakeImage(layers=[layer_of(("who", b"intruder"))], tags=["arena-test-victim:1"])
            with pytest.raises(ImageUnavailable, match="arena-test-victim:1"):
                bench.engine.ensure_image(intruder.image_id, intruder.write(tmp_path / "intruder.tar"))
            assert bench.engine.image(intruder.image_id) is None
            assert client.images.get("arena-test-victim:1").id == victim
        finally:
            client.api.remove_image("arena-test-victim:1", noprune=True)


def test_a_loaded_image_has_our_name_alone_and_another_than_declared_is_removed(bench: Bench, tmp_path: Path) -> None:
    made = FakeImage(layers=[layer_of(("who", str(tmp_path).encode()))], tags=None)
    archive = made.write(tmp_path / "image.tar")
    with closing(docker.from_env()) as client:
        with pytest.raises(ImageUnavailable, match="does not contain"):
            bench.engine.ensure_image("sha256:" + "0" * 64, archive)
        assert bench.engine.image(made.image_id) is None, "what it brought instead is removed"
        try:
            assert bench.engine.ensure_image(made.image_id, archive).image_id == made.image_id
            # Podman puts a registry's name before a name that has none.
            tags = [tag.rpartition("/")[2] for tag in client.images.get(made.image_id).tags]
            assert tags == [f"arena-submission:{made.image_id.removeprefix('sha256:')[:40]}"]
        finally:
            client.api.remove_image(made.image_id, force=True)


def test_names_that_others_give_while_an_archive_is_loaded_stay(bench: Bench, tmp_path: Path) -> None:
    made = FakeImage(layers=[layer_of(("who", f"busy {tmp_path}".encode()))], tags=None)
    with closing(docker.from_env()) as client:

        class Busy(Engine):
            """An engine to which somebody else does things while it loads."""

            def _load(self, archive: Path, brought: set[str]) -> None:
                client.api.tag(BASE_IMAGE, "arena-test-neighbour", "1")
                super()._load(archive, brought)

        engine = Busy()
        try:
            for image_id in ("sha256:" + "0" * 64, made.image_id):
                with suppress(ImageUnavailable):
                    engine.ensure_image(image_id, made.write(tmp_path / "image.tar"))
                assert client.images.get("arena-test-neighbour:1").id == client.images.get(BASE_IMAGE).id
                client.api.remove_image("arena-test-neighbour:1", noprune=True)
        finally:
            client.api.remove_image(made.image_id, force=True)
            engine.close()


def test_an_image_that_the_engine_refuses_to_load_is_the_vendors_after_three_tries(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "PAUSE_SECONDS", 0.01)
    lies = {"rootfs": {"type": "layers", "diff_ids": ["sha256:" + "0" * 64]}}  # which intake would have refused
    made = FakeImage(config_changes=lies, tags=None)
    archive = bench.images.put_file(made.write(bench.root / "image.tar"))
    before = set(bench.engine._images())
    receipt = run(bench, replace(spec_for(bench, made.image_id), image=archive))
    assert receipt["host_fault"] is None
    assert "invalid diffID" in receipt["manifest"]["image_refused"]
    lines = bench.results.get(receipt["output"]["sha256"]).splitlines()
    endings = {(case["outcome"], case["detail"]) for case in map(json.loads, lines)}
    assert (len(lines), endings) == (2, {("not_reached", "cannot_start")})
    assert receipt["containers_started"] == 0
    assert set(bench.engine._images()) == before, "nothing of the tries stays, nor of what they were compared with"


def test_a_file_that_is_no_archive_is_refused(bench: Bench, tmp_path: Path) -> None:
    for name, content in (("text", b"no archive"), ("empty", _empty_tar())):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(RunnerFault):
            bench.engine.ensure_image("sha256:" + "0" * 64, tmp_path / name)


def _empty_tar() -> bytes:
    buffer = io.BytesIO()
    tarfile.open(fileobj=buffer, mode="w").close()
    return buffer.getvalue()
