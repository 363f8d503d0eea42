"""What every runner does, as behaviours that can be run against it: a probe, the limits, and what has to be seen.

The behaviours speak to a runner through its protocol alone and read what it stored, so that they hold for a runner in
this process as for one on a cluster.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import secrets
import tarfile
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from runners.engine import Engine
from runners.execute import receipt_name
from runners.images.probes import build_probe
from runners.protocol import Runner
from runners.values import AttemptId, AttemptSpec, BlobRef, CaseInput, Detail, Limits, Outcome, ShardId, Status

Ending = tuple[Outcome, str | None]
_OK: Ending = (Outcome.OK, None)
_PROBE_LIMITS = Limits(
    memory_mib=128, tmp_mib=8, shm_mib=8, pids=32, startup_seconds=20.0, case_seconds=20.0, shutdown_seconds=5.0,
    total_seconds=120.0, answer_kib=64, restarts=3,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Surroundings:
    """A runner and what lies around it.

    `base` is an image with `python3`; `put_study` stores a study where the runner finds it; `read_blob` and
    `read_named` read what the runner stored.
    """

    runner: Runner
    engine: Engine
    base: str
    put_study: Callable[[bytes], BlobRef]
    read_blob: Callable[[BlobRef], bytes]
    read_named: Callable[[str], bytes | None]


@dataclass(frozen=True, slots=True)
class Seen:
    """What came of one attempt: its receipt, and its cases' lines with the answers as bytes."""

    receipt: Mapping[str, Any]
    cases: tuple[Mapping[str, Any], ...]

    @property
    def endings(self) -> tuple[Ending, ...]:
        """Outcome and detail of each case, in order."""
        return tuple((Outcome(case["outcome"]), case["detail"]) for case in self.cases)

    def answer(self, index: int) -> bytes:
        """Return a case's answer; empty where there is none."""
        return base64.b64decode(self.cases[index]["answer_base64"] or "")


Rule = Callable[[Seen], Iterable[str]]


def _nothing_more(_seen: Seen) -> Iterable[str]:
    return ()


@dataclass(frozen=True, slots=True)
class Behaviour:
    """A claim about every runner: this probe under these limits ends like this, and `rule` has no complaint.

    `endings` lists, for each case in order, the endings that are allowed.
    """

    probe: str
    claim: str
    endings: tuple[tuple[Ending, ...], ...]
    limits: Mapping[str, Any] = field(default_factory=dict)
    rule: Rule = _nothing_more

    def complaints(self, seen: Seen) -> list[str]:
        """Return what is not as claimed, in words; empty when all is."""
        if seen.receipt["host_fault"] is not None:
            return [f"the host failed: {seen.receipt['host_fault']}"]
        if len(seen.endings) != len(self.endings):
            return [f"{len(seen.endings)} cases have an outcome, not {len(self.endings)}"]
        wrong = [
            f"case {number} ended as {saw}, not as one of {allowed}"
            for number, (saw, allowed) in enumerate(zip(seen.endings, self.endings, strict=True), 1)
            if saw not in allowed
        ]
        return wrong or list(self.rule(seen))


def submit_behaviour(behaviour: Behaviour, around: Surroundings) -> AttemptId:
    """Hand a behaviour's attempt to the runner, which must have a free slot; return the attempt's id."""
    cases = tuple(
        CaseInput(f"c{number:04d}", around.put_study(sample_study(number)))
        for number in range(1, len(behaviour.endings) + 1)
    )
    limits = {name: getattr(_PROBE_LIMITS, name) for name in Limits.__dataclass_fields__} | dict(behaviour.limits)
    spec = AttemptSpec(
        attempt_id=AttemptId(f"check-{behaviour.probe}-{secrets.token_hex(4)}"),
        shard_id=ShardId(f"check-{behaviour.probe}"),
        image=BlobRef("0" * 64, 0),
        image_id=build_probe(around.engine, behaviour.probe, around.base),
        cases=cases,
        limits=Limits(**limits),
    )
    around.runner.submit(spec)
    return spec.attempt_id


def await_attempt(attempt_id: AttemptId, around: Surroundings, *, seconds: float = 120.0) -> Seen:
    """Wait until an attempt is gone and return what it left.

    Raises:
        TimeoutError: It is not gone in time.
        LookupError: It is gone and left no receipt.
    """
    deadline = time.monotonic() + seconds
    while around.runner.status([attempt_id])[attempt_id] is not Status.GONE:
        if time.monotonic() > deadline:
            msg = f"attempt {attempt_id} is not gone after {seconds:.0f} s"
            raise TimeoutError(msg)
        time.sleep(0.02)
    stored = around.read_named(receipt_name(attempt_id))
    if stored is None:
        msg = f"attempt {attempt_id} left no receipt"
        raise LookupError(msg)
    receipt = json.loads(stored)
    output = receipt["output"]
    lines = around.read_blob(BlobRef(**output)).splitlines() if output is not None else []
    return Seen(receipt, tuple(json.loads(line) for line in lines))


def check_all(around: Surroundings, behaviours: Iterable[Behaviour]) -> dict[str, list[str]]:
    """Run behaviours in the runner's slots; return the complaints about each, by its probe's name."""
    waiting = list(behaviours)
    running: list[tuple[Behaviour, AttemptId]] = []
    found: dict[str, list[str]] = {}
    while waiting or running:
        for _ in around.runner.slots()[: len(waiting)]:
            behaviour = waiting.pop(0)
            running.append((behaviour, submit_behaviour(behaviour, around)))
        status = around.runner.status([attempt for _, attempt in running])
        for behaviour, attempt in [pair for pair in running if status[pair[1]] is Status.GONE]:
            running.remove((behaviour, attempt))
            found[behaviour.probe] = behaviour.complaints(await_attempt(attempt, around))
        time.sleep(0.02)
    return found


def sample_study(number: int, size_bytes: int = 2_000) -> bytes:
    """Return a study's archive with two series of bytes that depend on the number alone."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name in ("s1/i0001.dcm", "s2/i0001.dcm"):
            content = hashlib.shake_128(f"{number}/{name}".encode()).digest(size_bytes)
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return archive.getvalue()


def _containers(count: int) -> Rule:
    def rule(seen: Seen) -> Iterable[str]:
        if seen.receipt["containers_started"] != count:
            yield f"{seen.receipt['containers_started']} containers were started, not {count}"

    return rule


def _answer_is(index: int, content: bytes) -> Rule:
    def rule(seen: Seen) -> Iterable[str]:
        if seen.answer(index) != content:
            yield f"the answer of case {index + 1} was not kept as it came"

    return rule


def _last_container_ended(how: str) -> Rule:
    def rule(seen: Seen) -> Iterable[str]:
        end = seen.receipt["manifest"]["containers"][-1]["end"]
        if end != how:
            yield f"the last container ended as {end}, not {how}"

    return rule


_WORLD: Mapping[str, Any] = {
    "input_at_start": [],
    "files": ["s1/i0001.dcm", "s2/i0001.dcm"],
    "modes": [0o644],
    "times": [0.0],
    "identity_is_fresh": True,
    "capabilities": "0" * 16,
    "bounding": "0" * 16,
    "no_new_privileges": "1",
    "seccomp": "2",
    "interfaces": ["lo"],
    "no_network": True,
    "root_read_only": True,
    "input_read_only": True,
    "volume_read_only": True,
    "tmp_writable": True,
    "tmp_not_executable": True,
    "home": "/tmp",  # noqa: S108 - inside the container
    "contract": "1",
    "proxies": [],
    "sys_is_masked": True,
}


# Of these gVisor's kernel tells its guests what is true of itself: its own filter and flags are those of its process on
# the host (`runners.kernel`), and /sys is its own.
_GVISORS_OWN = ("seccomp", "no_new_privileges", "sys_is_masked")


def _world_is_as_promised(seen: Seen) -> Iterable[str]:
    skipped = _GVISORS_OWN if seen.receipt["manifest"]["runtime"]["gvisor"] else ()
    for number in range(len(seen.cases)):
        facts = json.loads(seen.answer(number))["facts"]
        expected = {**_WORLD, "input_now": [f"c{number + 1:04d}"], **{name: facts.get(name) for name in skipped}}
        for name in sorted(expected.keys() | facts.keys()):
            if facts.get(name) != expected.get(name):
                yield f"in case {number + 1} the container saw {name} = {facts.get(name)!r}, not {expected.get(name)!r}"


def _only(outcome: Outcome, detail: str | None) -> tuple[Ending, ...]:
    return ((outcome, detail),)


def _second_of_three(outcome: Outcome, detail: str | None) -> tuple[tuple[Ending, ...], ...]:
    return ((_OK,), ((outcome, detail),), (_OK,))


_NOT_REACHED = Outcome.NOT_REACHED

BEHAVIOURS: tuple[Behaviour, ...] = (
    Behaviour(
        "world",
        "The container sees one case, no network, and nothing to write but /tmp.",
        ((_OK,), (_OK,)),
        rule=_world_is_as_promised,
    ),
    Behaviour(
        "exit_3",
        "A crash costs its case; a fresh container takes the next.",
        _second_of_three(Outcome.CRASHED, "exit_3"),
        rule=_containers(2),
    ),
    Behaviour(
        "segfault",
        "A signal is told apart from an exit code.",
        _second_of_three(Outcome.CRASHED, "signal_11"),
        rule=_containers(2),
    ),
    Behaviour(
        "exit_0",
        "A clean exit in the middle is no answer.",
        _second_of_three(Outcome.NO_ANSWER, "exit_0"),
        rule=_containers(2),
    ),
    Behaviour(
        "half_a_line",
        "Half a line is no answer of anything.",
        _second_of_three(Outcome.CRASHED, "exit_1"),
        rule=_containers(2),
    ),
    Behaviour(
        "late",
        "A late answer never becomes the next case's.",
        _second_of_three(Outcome.TIMED_OUT, Detail.CASE_SECONDS),
        {"case_seconds": 0.7},
        _containers(2),
    ),
    Behaviour(
        "memory",
        "Running out of memory is told apart from a crash.",
        _second_of_three(Outcome.OUT_OF_MEMORY, Detail.OUT_OF_MEMORY),
        {"memory_mib": 48},
        _containers(2),
    ),
    Behaviour(
        "long_line",
        "A line beyond its limit ends the container.",
        _second_of_three(Outcome.INVALID_ANSWER, Detail.OVERLONG_LINE),
        rule=_containers(2),
    ),
    Behaviour(
        "bytes_behind",
        "Bytes behind an answer spoil it, and never reach the next case.",
        _second_of_three(Outcome.INVALID_ANSWER, Detail.BYTES_AFTER_ANSWER),
        rule=_containers(2),
    ),
    Behaviour(
        "garbage",
        "A line is kept as it came, whatever its bytes.",
        ((_OK,),) * 3,
        rule=_answer_is(1, b"\xff\x00 no JSON"),
    ),
    Behaviour(
        "other_case",
        "An answer for another case is kept with the case that was asked.",
        ((_OK,),) * 3,
        rule=_answer_is(1, b'{"case": "c0003", "facts": {}}'),
    ),
    Behaviour(
        "before_asked",
        "Who answers before being asked is never asked.",
        (_only(_NOT_REACHED, Detail.RESTARTS),) * 2,
        {"restarts": 1},
        _containers(2),
    ),
    Behaviour(
        "never_ready",
        "Two starts in a row that are not ready end the shard.",
        (_only(_NOT_REACHED, Detail.STARTUP_SECONDS),) * 2,
        {"startup_seconds": 0.7},
        _containers(2),
    ),
    Behaviour(
        "wrong_greeting",
        "Only the ready line is ready.",
        (_only(_NOT_REACHED, Detail.NOT_READY_LINE),) * 2,
        rule=_containers(2),
    ),
    Behaviour(
        "dies_at_start",
        "A container that dies at start leaves its cases unreached.",
        (_only(_NOT_REACHED, "exit_7"),) * 2,
        rule=_containers(2),
    ),
    Behaviour(
        "flood_at_start",
        "A flood instead of the ready line costs nothing.",
        (_only(_NOT_REACHED, Detail.NOT_READY_LINE),) * 2,
        rule=_containers(2),
    ),
    Behaviour("stderr_flood", "Megabytes of log harm nobody.", ((_OK,),) * 3, rule=_containers(1)),
    Behaviour(
        "closes_stdout",
        "A closed stdout is no answer.",
        ((_OK,), ((Outcome.NO_ANSWER, Detail.STDOUT_CLOSED), (Outcome.TIMED_OUT, Detail.CASE_SECONDS)), (_OK,)),
        {"case_seconds": 2.0},
        _containers(2),
    ),
    Behaviour(
        "ignores_requests",
        "Silence uses up the restarts, then the cases are not reached.",
        (_only(Outcome.TIMED_OUT, Detail.CASE_SECONDS),) * 2 + (_only(_NOT_REACHED, Detail.RESTARTS),),
        {"case_seconds": 0.5, "restarts": 1},
        _containers(2),
    ),
    Behaviour(
        "ignores_the_end",
        "Who does not end at the end of input is ended.",
        ((_OK,),) * 2,
        {"shutdown_seconds": 0.5},
        _last_container_ended("shutdown_seconds"),
    ),
    Behaviour(
        "slow",
        "The shard's time ends the case that is open, then the rest.",
        ((_OK,), *(((_OK), (Outcome.TIMED_OUT, Detail.TOTAL_SECONDS), (_NOT_REACHED, Detail.TOTAL_SECONDS)),) * 7),
        {"total_seconds": 1.5},
    ),
    Behaviour(
        "no_such_program",
        "A missing program is the vendor's, not the host's.",
        # Some init programs end with 1 where others end with 127.
        (((_NOT_REACHED, "exit_127"), (_NOT_REACHED, "exit_1"), (_NOT_REACHED, Detail.CANNOT_START)),),
    ),
    Behaviour(
        "no_program_at_all",
        "An image without program is the vendor's, not the host's.",
        (_only(_NOT_REACHED, Detail.CANNOT_START),),
    ),
    Behaviour(
        "not_a_program",
        "A file that is no program is the vendor's, not the host's.",
        (((_NOT_REACHED, "exit_126"), (_NOT_REACHED, "exit_127"), (_NOT_REACHED, Detail.CANNOT_START)),),
    ),
)
"""Every behaviour, with a probe of its own."""
