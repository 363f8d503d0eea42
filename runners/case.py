"""Mode `case` of the contract: one container for each case, which sees nothing else and leaves one file.

The strictest way: no case can be compared with another, and nothing outlives its container. It is also the way in which
images made for other hosts run; what they leave is then put together by an `AnswerForm` of their layout.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from runners.archive import Refusal
from runners.stage import StagedCase
from runners.toend import STARTS_IN_A_ROW, Ran, ToEnd
from runners.values import CaseResult, Detail, Limits, Outcome

PREDICTION = "prediction.json"
AnswerFiles = Mapping[str, bytes | Refusal]


class AnswerForm(Protocol):
    """In which files under /output an answer lies."""

    def wanted(self, limits: Limits) -> Mapping[str, int]:
        """Return the largest size of each file in bytes."""

    def answer(self, case: str, files: AnswerFiles) -> bytes | Refusal | None:
        """Return the answer as the contract words it, unparsed; why a file is refused; None where there is none."""


@dataclass(frozen=True, slots=True)
class PredictionFile:
    """Arena's own form: the answer is the file `prediction.json`."""

    def wanted(self, limits: Limits) -> Mapping[str, int]:
        """Return the largest size of each file in bytes."""
        return {PREDICTION: limits.answer_kib * 1024}

    def answer(self, case: str, files: AnswerFiles) -> bytes | Refusal | None:  # noqa: ARG002 - the same for every case
        """Return the file."""
        return files.get(PREDICTION)


class CaseShard(ToEnd):
    """Runs each of a shard's cases in a container of its own."""

    form: AnswerForm = PredictionFile()

    def run(self) -> None:
        """Run all cases; every case gets its result, and no container stays."""
        failed = 0
        for index, case in enumerate(self._cases):
            why = self._why_not(failed)
            result = None
            if why is None:
                staged = self._stage.prepare(case, digests=not self._run.containers)
                result = self._result(staged)
                why = Detail.CANNOT_START
            if result is None:
                for missed in self._not_reached([each.case for each in self._cases[index:]], why).values():
                    self._sink(missed)
                return
            failed += result.outcome not in {Outcome.OK, Outcome.INVALID_ANSWER}
            self._sink(result)

    def _why_not(self, failed: int) -> str | None:
        if failed > self._limits.restarts:
            return Detail.RESTARTS
        return Detail.TOTAL_SECONDS if self._left() <= 0 else None

    def _result(self, staged: StagedCase) -> CaseResult | None:
        """Run a case; None when the image cannot be started, also the second time."""
        wanted = {**self.form.wanted(self._limits), **self._beside.wanted([staged.name])}
        seconds = min(self._left(), self._limits.startup_seconds + self._limits.case_seconds)
        for _ in range(STARTS_IN_A_ROW):
            ran = self._run_container([staged], seconds, wanted)
            if ran is not None:
                self._stage.discard(staged)
                result = self._beside.attach(self._judge_answer(staged.name, ran), ran.files, full=ran.full)
                ran.remove_files()
                return result
        return None

    def _judge_answer(self, case: str, ran: Ran) -> CaseResult:
        if ran.outcome is not None:
            return CaseResult(case, ran.outcome, detail=ran.why)
        files = {name: ran.files[name] for name in self.form.wanted(self._limits) if name in ran.files}
        # None is longer than an answer may be.
        read = {name: held.read_bytes() if isinstance(held, Path) else held for name, held in files.items()}
        answer = self.form.answer(case, read)
        if isinstance(answer, Refusal):
            why = Detail.OVERLONG_FILE if answer is Refusal.TOO_LARGE else Detail.OUTPUT_REFUSED
            return CaseResult(case, Outcome.INVALID_ANSWER, ran.seconds, detail=why)
        if answer is not None:
            return CaseResult(case, Outcome.OK, ran.seconds, answer)
        if ran.full:
            return CaseResult(case, Outcome.OUTPUT_QUOTA, detail=Detail.OUTPUT_FULL)
        return CaseResult(case, Outcome.NO_ANSWER, detail=ran.why)
