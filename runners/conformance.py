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
from runners.values import (
    AttemptId,
    AttemptSpec,
    BlobRef,
    CaseInput,
    Limits,
    Outcome,
    OutputFile,
    ShardId,
    Status,
)

_NO_SLOT_SECONDS = 60.0
_NO_SLOT_PAUSE_SECONDS = 1.0
Ending = tuple[Outcome, str | None]
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
    mode: str = "serve"
    outputs: tuple[OutputFile, ...] = ()

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
        mode=behaviour.mode,
        outputs=behaviour.outputs,
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


def check_all(
    around: Surroundings, behaviours: Iterable[Behaviour], done: Callable[[int], None] = lambda _checked: None
) -> dict[str, list[str]]:
    """Run behaviours in the runner's slots; return the complaints about each, by its probe's name.

    `done` is told how many have been checked whenever one has.

    Raises:
        TimeoutError: Nothing runs, and the runner takes no work for a minute.
        LookupError: An attempt is gone and left no receipt.
    """
    waiting = list(behaviours)
    running: list[tuple[Behaviour, AttemptId]] = []
    found: dict[str, list[str]] = {}
    busy_at = time.monotonic()
    while waiting or running:
        slots = around.runner.slots() if waiting else []
        if slots or running:
            busy_at = time.monotonic()
        elif time.monotonic() - busy_at > _NO_SLOT_SECONDS:
            msg = f"the runner takes no work; {len(found)} of {len(found) + len(waiting)} behaviours were tried"
            raise TimeoutError(msg)
        else:
            time.sleep(_NO_SLOT_PAUSE_SECONDS)
        for _ in slots[: len(waiting)]:
            behaviour = waiting.pop(0)
            running.append((behaviour, submit_behaviour(behaviour, around)))
        status = around.runner.status([attempt for _, attempt in running])
        for behaviour, attempt in [pair for pair in running if status[pair[1]] is Status.GONE]:
            running.remove((behaviour, attempt))
            found[behaviour.probe] = behaviour.complaints(await_attempt(attempt, around))
            done(len(found))
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
