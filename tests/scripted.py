"""A runner whose attempts end as a test says, and a clock that stands where it is put."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable
from dataclasses import asdict
from datetime import datetime

from runners.protocol import Slot
from runners.values import AttemptId, AttemptSpec, CaseInput, Outcome, Receipt, Status
from tests.seeding import FINDINGS, NOW, Roots, output_lines

Answer = Callable[[AttemptSpec, CaseInput], tuple[Outcome, dict[str, float]]]


def always_a_quarter(_spec: AttemptSpec, _case: CaseInput) -> tuple[Outcome, dict[str, float]]:
    """Answer 0.25 for every finding."""
    return Outcome.OK, dict.fromkeys(FINDINGS, 0.25)


class ScriptedRunner:
    """A runner whose attempts end as the test says; nothing runs."""

    def __init__(self, roots: Roots, slots: int = 2) -> None:
        self.results = roots.results
        self.free = slots
        self.submitted: list[AttemptSpec] = []
        self.known: dict[str, Status] = {}
        self.cancelled: list[str] = []
        self.reachable = True

    def slots(self) -> list[Slot]:
        running = sum(status is Status.RUNNING for status in self.known.values())
        return [Slot("here", (n,)) for n in range(self.free - running)]

    def submit(self, spec: AttemptSpec) -> None:
        self.submitted.append(spec)
        self.known[spec.attempt_id] = Status.RUNNING

    def status(self, ids: Iterable[AttemptId]) -> dict[AttemptId, Status]:
        return {i: self.known.get(i, Status.GONE) if self.reachable else Status.UNKNOWN for i in ids}

    def cancel(self, attempt_id: AttemptId) -> None:
        self.cancelled.append(attempt_id)
        self.known[attempt_id] = Status.GONE

    def close(self) -> None:
        pass

    def running(self) -> list[AttemptSpec]:
        """Attempts that have been submitted and have not ended."""
        return [spec for spec in self.submitted if self.known.get(spec.attempt_id) is Status.RUNNING]

    def finish(self, spec: AttemptSpec, *, fault: str | None = None, answer: Answer = always_a_quarter) -> None:
        """End an attempt: its output, then its receipt."""
        lines = []
        for case in spec.cases:
            outcome, findings = answer(spec, case)
            text = json.dumps({"case": case.case, "findings": findings}).encode()
            answered = outcome is Outcome.OK
            lines.append(
                {
                    "case": case.case,
                    "outcome": outcome.value,
                    "latency_seconds": 0.01 if answered else None,
                    "answer_base64": base64.b64encode(text).decode() if answered else None,
                    "detail": None if answered else "exit_1",
                }
            )
        output = None if fault else self.results.put(output_lines(lines))
        receipt = Receipt(
            attempt_id=spec.attempt_id,
            shard_id=spec.shard_id,
            image_id=spec.image_id,
            host="here",
            output=output,
            host_fault=fault,
            started_at=NOW.isoformat(),
            ended_at=NOW.isoformat(),
            startup_seconds=0.1,
            run_seconds=1.0,
            containers_started=1,
            policy_digest="p" * 64,
            manifest={},
        )
        self.results.put_named(f"receipts/{spec.attempt_id}.json", json.dumps(asdict(receipt)).encode())
        self.known[spec.attempt_id] = Status.GONE


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now
