"""Where attacks are played: by the real runner on one of the runtimes, and with one setting of the sandbox removed."""

from __future__ import annotations

import base64
import json
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from runners.attach import Ended, Line, Overlong
from runners.container import Box
from runners.engine import ContainerEnd, Engine
from runners.execute import STEPS, receipt_name
from runners.images.build import build_from_files
from runners.local import LocalRunner
from runners.policy import Placement, SandboxPolicy, volumes_to_cover
from runners.values import AttemptId, AttemptSpec, BlobRef, CaseInput, Isolation, Limits, ShardId, Status
from tests.hostile.hostwatch import Sight, Watch, docker_root, sight_of
from tests.hostile.surroundings import BASE_IMAGE, Bench
from tests.seeding import study_tar

RUNTIMES = ("runc", "runsc")
LIMITS = Limits(
    memory_mib=128, cpus=1.0, pids=64, tmp_mib=8, shm_mib=8, startup_seconds=30.0, case_seconds=30.0,
    shutdown_seconds=5.0, total_seconds=180.0, answer_kib=256, restarts=20,
)  # fmt: skip
HONEST: Mapping[str, Any] = {"attack": "honest"}
OPEN_SECCOMP = ["no-new-privileges:true", "seccomp=unconfined"]
_PROGRAMS = Path(__file__).with_name("attacker")
_DOCKERFILE = """ARG BASE_IMAGE
FROM ${{BASE_IMAGE}}
COPY . /attack/
RUN chmod -R a+rX /attack && mkdir -m 777 /open
{lines}
CMD []
ENTRYPOINT ["python3", "-E", "-S", "/attack/attack.py"]
"""
_SECONDS = 60.0


def image_of(engine: Engine, name: str = "plain", *lines: str) -> str:
    """Build the hostile algorithm, with further lines in its Dockerfile; return the image's id."""
    files = {path.name: path.read_bytes() for path in _PROGRAMS.glob("*.py")}
    files["Dockerfile"] = _DOCKERFILE.format(lines="\n".join(lines)).encode()
    return build_from_files(engine, files, f"arena-test-attack:{name}", BASE_IMAGE)


@dataclass(frozen=True, slots=True)
class Case:
    """What came of one case: its outcome with detail, and what the attack saw, where it answered."""

    outcome: str
    detail: str | None
    saw: Any
    latency_seconds: float | None = None

    @property
    def ending(self) -> tuple[str, str | None]:
        """Outcome and detail."""
        return self.outcome, self.detail


@dataclass(frozen=True, slots=True)
class Played:
    """What came of one attempt, by its receipt and by the witness."""

    cases: tuple[Case, ...]
    receipt: Mapping[str, Any]
    watch: Watch
    output: bytes

    def ends(self) -> list[str]:
        """Return how each container ended."""
        return [each["end"] for each in self.receipt["manifest"]["containers"]]


def unguarded(request: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    """Return the create request of the sandbox with just these settings changed.

    A function makes the new value out of the old one; None takes a setting away.
    """
    host = dict(request["HostConfig"])
    changed = {**request, "HostConfig": host}
    for name, value in changes.items():
        place = host if name in host else changed
        assert name in place, f"{name} is none of the sandbox's settings"
        if value is None:
            del place[name]
        else:
            place[name] = value(place[name]) if callable(value) else value
    return changed


@dataclass
class Loose:
    """A container that was created with a setting removed, and is asked attack by attack."""

    stand: Stand
    box: Box
    folder: Path
    sight: Sight
    asked: int = 0

    def ask(self, attack: str, **given: Any) -> Any:
        """Let it play; None where it ended, or wrote too much, instead of answering."""
        self.send(attack, **given)
        event = self.box.conversation.next_event(_SECONDS)
        assert isinstance(event, Line | Ended | Overlong), "it neither answers nor ends"
        self.sight.look()
        self.sight.look_closely()
        return json.loads(event.content)["saw"] if isinstance(event, Line) else None

    def send(self, attack: str, **given: Any) -> None:
        """Put the request and wait for nothing."""
        self.asked += 1
        case = f"c{self.asked:04d}"
        study = self.folder / case / "s1"
        study.mkdir(parents=True)
        (study / "i0001.dcm").write_text(json.dumps({"attack": attack, **given}), encoding="ascii")
        assert self.box.conversation.open_line(1 << 20) is not None
        assert self.box.conversation.send(json.dumps({"case": case, "path": f"/input/{case}"}).encode() + b"\n", 10.0)

    def end(self) -> ContainerEnd:
        """Say how it stands."""
        return self.box.end(5.0)


@dataclass
class Stand:
    """One runtime, a runner on it, and the hostile image."""

    bench: Bench
    image: str
    started: list[LocalRunner] = field(default_factory=list)

    @property
    def gvisor(self) -> bool:
        """Whether the runtime is gVisor."""
        return self.bench.runtime == "runsc"

    @property
    def engine(self) -> Engine:
        """The real engine."""
        return self.bench.engine

    def spec(self, attacks: Sequence[Mapping[str, Any]], image: str | None = None, **limits: Any) -> AttemptSpec:
        """Return an attempt whose cases are these attacks."""
        cases = tuple(
            CaseInput(f"c{number:04d}", self.bench.studies.put(study_tar(json.dumps(attack).encode())))
            for number, attack in enumerate(attacks, 1)
        )
        return AttemptSpec(
            AttemptId(f"attack-{secrets.token_hex(4)}"), ShardId("attack"), BlobRef("0" * 64, 0), image or self.image,
            cases, replace(LIMITS, **limits),
        )  # fmt: skip

    def play(self, *attacks: Mapping[str, Any], image: str | None = None, **limits: Any) -> Played:
        """Let the runner evaluate these attacks, and watch it from outside; the host itself must not fail."""
        spec = self.spec(attacks, image, **limits)
        with Watch(self.engine, self.bench.runner_id) as watch:
            self.receipt_of(spec, watch)
        return self.result(spec, watch)

    def receipt_of(self, spec: AttemptSpec, watch: Watch | None = None) -> dict[str, Any]:
        """Let the runner evaluate an attempt, and return its receipt."""
        runner = self.runner(1, watch)
        runner.submit(spec)
        self.await_end(runner, spec.attempt_id)
        stored = self.bench.results.get_named(receipt_name(spec.attempt_id))
        assert stored is not None, "no receipt"
        receipt: dict[str, Any] = json.loads(stored)
        return receipt

    def runner(self, slots: int, watch: Watch | None = None) -> LocalRunner:
        """Start a runner with so many slots; it is closed with the stand.

        The witness is called when an attempt's first container runs, so that none is too quick for it.
        """

        def observe(step: str, _attempt: str) -> None:
            if watch is not None and step == STEPS[0]:
                watch.find()

        runner = self.bench.runner(slots=slots, observe=observe)
        runner.reap()
        self.started.append(runner)
        return runner

    def await_end(self, runner: LocalRunner, attempt: AttemptId) -> None:
        """Wait until the runner is through with an attempt."""
        spent = 0
        while runner.status([attempt])[attempt] is not Status.GONE:
            assert spent < 120 / 0.02, "the attempt does not end"
            time.sleep(0.02)
            spent += 1

    def result(self, spec: AttemptSpec, watch: Watch) -> Played:
        """Read what an attempt left."""
        stored = self.bench.results.get_named(receipt_name(spec.attempt_id))
        assert stored is not None, "no receipt"
        receipt = json.loads(stored)
        assert receipt["host_fault"] is None, receipt["host_fault"]
        output = self.bench.results.get(receipt["output"]["sha256"])
        cases = [_case(json.loads(line)) for line in output.splitlines()]
        return Played(tuple(cases), receipt, watch, output)

    def request(self, limits: Limits = LIMITS, image: str | None = None) -> tuple[dict[str, Any], Path]:
        """Return the create request that the runner would send, and the folder that it binds to /input."""
        folder = self.bench.root / f"loose-{secrets.token_hex(4)}"
        folder.mkdir()
        folder.chmod(0o777)  # so that it is the mount that holds
        facts = self.engine.image(image or self.image)
        assert facts is not None
        runtime = self.bench.host.runtime_for(Isolation.STANDARD)
        policy = SandboxPolicy(
            limits, runtime=runtime.name, gvisor=runtime.gvisor, volumes=volumes_to_cover(facts.volumes)
        )
        placement = Placement.fresh(
            cpus=(0,), input_source=str(folder), runner_id=self.bench.runner_id, attempt_id="loose"
        )
        return policy.request(facts.image_id, placement), folder

    @contextmanager
    def loose(self, image: str | None = None, limits: Limits = LIMITS, **changes: Any) -> Iterator[Loose]:
        """Start the same container with settings changed; nothing of it stays."""
        request, folder = self.request(limits, image)
        box = Box(self.engine, self.engine.create(unguarded(request, **changes)))
        try:
            box.start()
            event = box.conversation.next_event(_SECONDS)
            assert isinstance(event, Line), ("it does not start", box.end(1.0))
            sight = sight_of(self.engine, docker_root(self.engine), box.container)
            assert sight is not None, "it is not seen from outside"
            yield Loose(self, box, folder, sight)
        finally:
            box.close()


def _case(line: Mapping[str, Any]) -> Case:
    saw = None
    if line["outcome"] == "ok":
        saw = json.loads(base64.b64decode(line["answer_base64"]))["saw"]
    return Case(line["outcome"], line["detail"], saw, line["latency_seconds"])


@pytest.fixture(scope="module", params=RUNTIMES)
def stand(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    """Give a stand on each runtime; after all attacks an honest run is well, and nothing is left."""
    name = f"attacks-{request.param}-{secrets.token_hex(3)}"
    bench = Bench(tmp_path_factory.mktemp("attacks"), Engine(), name, request.param)
    made = Stand(bench, image_of(bench.engine))
    yield made
    after = made.play(HONEST, HONEST)
    for runner in made.started:
        runner.close()
    left, alive = bench.left_behind(), after.watch.alive()
    bench.engine.close()
    assert [case.saw for case in after.cases] == ["well", "well"]
    assert (left, alive) == ([], set())
