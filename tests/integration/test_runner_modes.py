"""Modes batch and case on the real engine: what they cost the host, and images that were made for another host."""

import base64
import io
import json
import signal
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from arena.evaluation.answers import Predictions, parse_answer
from runners.engine import Engine
from runners.execute import receipt_name
from runners.faults import SandboxRefused
from runners.images.build import build_from_files
from runners.images.holder import build_holder, program
from runners.images.probes import build_probe
from runners.output import OutputFolder
from runners.space import OutputSpace
from runners.values import AttemptId, BlobRef, CaseInput, GrandChallengeLayout, Limits, OutputFile, Status
from tests.hostile.surroundings import BASE_IMAGE, Bench
from tests.integration.test_runner_local import LIMITS, run, spec_for, until
from tests.radiographs import encode, noise, radiograph

pytestmark = pytest.mark.engine

SMALL: Limits = replace(LIMITS, output_mib=1)


@pytest.fixture
def bench(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Bench]:
    made = Bench(tmp_path, Engine(), f"modes-{request.node.name[:40]}".replace("[", "-").replace("]", ""))
    yield made
    left = made.left_behind()
    for container in made.engine.containers_of(made.runner_id):
        made.engine.remove(container)
    for volume in made.engine.volumes_of(made.runner_id):
        made.engine.remove_volume(volume)
    made.engine.close()
    assert left == []


@pytest.fixture(scope="module")
def probe() -> Iterator[Callable[[str], str]]:
    engine = Engine()
    yield lambda name: build_probe(engine, name, BASE_IMAGE)
    engine.close()


def lines(bench: Bench, receipt: dict[str, Any]) -> list[dict[str, Any]]:
    assert receipt["host_fault"] is None
    return [json.loads(line) for line in bench.results.get(receipt["output"]["sha256"]).splitlines()]


def study(seed: int) -> bytes:
    buffer, content = io.BytesIO(), encode(radiograph(seed))
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        info = tarfile.TarInfo("s1/i0001.dcm")
        info.size = len(content)
        tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


# Written after that host's public description, by nobody who knows of Arena: a relative resource, a USER of its own, one
# job, a log on stdout, and numbers in one JSON file for each output socket.
INFERENCE = b"""
import glob, json, os
from pathlib import Path

INPUT, OUTPUT, RESOURCES = Path("/input"), Path("/output"), Path("resources")

def sockets():
    return tuple(sorted(value["%(key)s"]["slug"] for value in json.loads((INPUT / "inputs.json").read_text())))

def voxels(folder):
    content = Path(glob.glob(str(folder / "*.mha"))[0]).read_bytes()
    header, _, values = content.partition(b"ElementDataFile = LOCAL\\n")
    assert b"ElementType = MET_SHORT" in header
    return memoryview(values).cast("h")

def run():
    print("=+=" * 10, RESOURCES.joinpath("some_resource.txt").read_text(), os.listdir("/opt/ml/model"))
    assert sockets() == ("chest-xray",), sockets()
    values = voxels(INPUT / "images" / "chest-xray")
    for name, number in (("nodule", values[0] / 4096), ("effusion", sum(values) / len(values) / 4096)):
        (OUTPUT / (name + "-probability.json")).write_text(json.dumps(number, indent=4))
    Path("/tmp/scratch").write_text("x")
    return 0

raise SystemExit(run())
"""
GC_DOCKERFILE = b"""ARG BASE_IMAGE
FROM ${BASE_IMAGE}
RUN mkdir -p /opt/app /opt/ml/model /input /output && chown 1000:1000 /opt/app /input /output
WORKDIR /opt/app
COPY inference.py /opt/app/
COPY some_resource.txt /opt/app/resources/
RUN echo weights > /opt/ml/model/weights.txt
USER 1000:1000
VOLUME /output
ENTRYPOINT ["python3", "inference.py"]
"""
LAYOUT = GrandChallengeLayout(
    "chest-xray", (("nodule", "nodule-probability.json"), ("effusion", "effusion-probability.json"))
)


@pytest.mark.parametrize("key", ["interface", "socket"])
def test_an_image_made_for_grand_challenge_runs_as_it_is(bench: Bench, key: str) -> None:
    files = {
        "Dockerfile": GC_DOCKERFILE,
        "inference.py": INFERENCE.replace(b"%(key)s", key.encode()),
        "some_resource.txt": b"hello",
    }
    image = build_from_files(bench.engine, files, f"arena-test-gc:{key}", BASE_IMAGE)
    cases = tuple(CaseInput(f"c{n:04d}", bench.studies.put(study(n))) for n in (1, 2))
    spec = replace(spec_for(bench, image, limits=SMALL), cases=cases, mode="case", layout=LAYOUT)
    seen = lines(bench, run(bench, spec))
    assert [(line["case"], line["outcome"], line["detail"]) for line in seen] == [
        ("c0001", "ok", None),
        ("c0002", "ok", None),
    ]
    for number, line in enumerate(seen, 1):
        pixels = noise(number)
        expected = [float(pixels.ravel()[0]) / 4096, float(pixels.mean()) / 4096]
        answer = parse_answer(base64.b64decode(line["answer_base64"]), line["case"], ("nodule", "effusion"))
        assert isinstance(answer, Predictions)
        assert answer.levels == pytest.approx([round(value * 10_000) for value in expected], abs=1)


def test_a_study_that_the_layout_cannot_show_voids_the_attempt(bench: Bench, probe: Callable[[str], str]) -> None:
    receipt = run(bench, replace(spec_for(bench, probe("case_exit_0")), mode="case", layout=LAYOUT))
    assert receipt["output"] is None
    assert "cannot be shown in the layout" in receipt["host_fault"]


@pytest.mark.parametrize("mode", ["batch", "case"])
def test_a_missing_program_is_the_vendors(bench: Bench, probe: Callable[[str], str], mode: str) -> None:
    seen = lines(bench, run(bench, replace(spec_for(bench, probe("no_program_at_all"), limits=SMALL), mode=mode)))
    assert {(line["outcome"], line["detail"]) for line in seen} == {("not_reached", "cannot_start")}


def test_the_shards_time_ends_the_case_that_runs_then_the_rest(bench: Bench, probe: Callable[[str], str]) -> None:
    limits = replace(SMALL, total_seconds=1.5, restarts=5)
    seen = lines(bench, run(bench, replace(spec_for(bench, probe("never_ready"), cases=3, limits=limits), mode="case")))
    assert [(line["outcome"], line["detail"]) for line in seen] == [
        ("timed_out", "total_seconds"),
        ("not_reached", "total_seconds"),
        ("not_reached", "total_seconds"),
    ]


KILLED = """
import os, signal, sys
from dataclasses import replace
from pathlib import Path
from runners.engine import Engine
from tests.hostile.surroundings import Bench
from tests.integration.test_runner_local import run
from tests.integration.test_runner_modes import SMALL, spec_for

bench = Bench(Path(sys.argv[1]), Engine(), sys.argv[2])
kill = lambda step, _: os.kill(os.getpid(), signal.SIGKILL) if step == "container_open" else None
run(bench, replace(spec_for(bench, sys.argv[3], limits=SMALL), mode=sys.argv[4]), observe=kill)
"""


@pytest.mark.parametrize("mode", ["batch", "case"])
def test_a_successor_removes_the_volume_and_its_holder(bench: Bench, probe: Callable[[str], str], mode: str) -> None:
    arguments = [str(bench.root), bench.runner_id, probe("never_ready"), mode]
    ended = subprocess.run([sys.executable, "-c", KILLED, *arguments], check=False, timeout=60)
    assert ended.returncode == -signal.SIGKILL
    assert len(bench.engine.containers_of(bench.runner_id)) == 2
    assert len(bench.engine.volumes_of(bench.runner_id)) == 1
    successor = bench.runner()
    assert successor.reap() == ["a1"]
    assert bench.left_behind() == []
    assert successor.status([AttemptId("a1")]) == {AttemptId("a1"): Status.GONE}


def test_a_cancelled_attempt_leaves_neither_volume_nor_holder(bench: Bench, probe: Callable[[str], str]) -> None:
    opened = threading.Event()
    runner = bench.runner(slots=1, observe=lambda step, _: opened.set() if step == "container_open" else None)
    spec = replace(spec_for(bench, probe("never_ready"), limits=SMALL), mode="batch")
    runner.submit(spec)
    assert opened.wait(30)
    began = time.monotonic()
    runner.cancel(spec.attempt_id)
    assert time.monotonic() - began < 10
    assert bench.left_behind() == []
    assert bench.results.get_named(receipt_name("a1")) is None


def test_a_lost_output_is_the_hosts_fault_and_never_a_missing_answer(bench: Bench, probe: Callable[[str], str]) -> None:
    holder_image = build_holder(bench.engine)

    def lose(step: str, _attempt: str) -> None:
        if step == "container_open":
            for container in bench.engine.containers_of(bench.runner_id):
                if bench.engine.inspect(container)["Image"] == holder_image:
                    bench.engine.kill(container)
                    until(lambda container=container: bench.engine.end_of(container).exit_code is not None)  # type: ignore[misc]

    receipt = run(bench, replace(spec_for(bench, probe("case_exit_0"), limits=SMALL), mode="case"), observe=lose)
    assert receipt["output"] is None
    assert "holder" in receipt["host_fault"]


def test_an_engine_that_forgets_a_bound_of_the_volume_refuses_the_run(
    bench: Bench, probe: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    create = Engine.create_volume

    def forgetful(self: Engine, name: str, options: dict[str, str], labels: dict[str, str]) -> dict[str, Any]:
        return create(self, name, options | {"o": options["o"].replace("nodev,", "")}, labels)

    monkeypatch.setattr(Engine, "create_volume", forgetful)
    receipt = run(bench, replace(spec_for(bench, probe("case_exit_0"), limits=SMALL), mode="case"))
    assert receipt["output"] is None
    assert SandboxRefused.__name__ in receipt["host_fault"]
    assert "nodev" in receipt["host_fault"]


def test_the_holder_only_sleeps_and_is_held_in(bench: Bench, tmp_path: Path) -> None:
    assert len(program()) == 129
    path = tmp_path / "hold"
    path.write_bytes(program())
    path.chmod(0o755)
    sleeping = subprocess.Popen([path])
    try:
        until(lambda: "S (sleeping)" in Path(f"/proc/{sleeping.pid}/status").read_text())
        time.sleep(0.2)
        assert sleeping.poll() is None
    finally:
        sleeping.kill()
        sleeping.wait()
    labels = {"arena.runner": bench.runner_id, "arena.attempt": "a1"}
    folder = OutputFolder.make(
        bench.engine, OutputSpace(1), uid=400_000, labels=labels, holder_image=build_holder(bench.engine)
    )
    try:
        assert folder.holder is not None
        host = bench.engine.inspect(folder.holder)["HostConfig"]
        assert (host["NetworkMode"], host["CapDrop"], host["ReadonlyRootfs"]) == ("none", ["ALL"], True)
        assert folder.read({"nothing": 10}, tmp_path).files == {}
    finally:
        folder.close()


def test_serve_without_files_makes_no_volume(
    bench: Bench, probe: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Engine, "create_volume", lambda *_: pytest.fail("a volume was made"))
    assert [line["outcome"] for line in lines(bench, run(bench, spec_for(bench, probe("garbage"))))] == ["ok", "ok"]


def test_files_are_stored_as_blobs_of_their_own(bench: Bench, probe: Callable[[str], str]) -> None:
    spec = replace(spec_for(bench, probe("beside"), limits=SMALL), outputs=(OutputFile("report.dcm", 4),))
    for line in lines(bench, run(bench, spec)):
        assert bench.results.get(line["files"]["report.dcm"]["sha256"]) == line["case"].encode()
        assert bench.results.local_path(BlobRef(**line["files"]["report.dcm"])).exists()
