"""Mode `batch` of the contract: all cases lie in /input at the start, one file of lines comes back.

Lines are cut and given to the cases that they name, and nothing else of them is read: no more of the file is held at a
time than one line, and no more than so many lines are read for each case. A container that fails costs the
first case that it left without a line; a fresh one gets the cases that are left. One that exits with 0 has said all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import BinaryIO

from runners.archive import Refusal
from runners.stage import StagedCase
from runners.toend import STARTS_IN_A_ROW, Ran, ToEnd
from runners.values import CaseResult, Detail, Outcome

PREDICTIONS = "predictions.jsonl"
LINES_PER_CASE = 4
"""How many lines of the file are read for each case that a container was given; what stands behind them counts not."""
_PIECE_BYTES = 1 << 16
_NAMED = re.compile(rb'"case"[ \t]*:[ \t]*"([A-Za-z0-9][A-Za-z0-9_-]{0,63})"')


class BatchShard(ToEnd):
    """Runs a shard's cases through containers in mode `batch`."""

    def run(self) -> None:
        """Run all cases; every case gets its result, and no container stays."""
        results: dict[str, CaseResult] = {}
        first = not self._run.containers
        left = [self._stage.prepare(case, digests=first and not n) for n, case in enumerate(self._cases)]
        fruitless = 0
        while left:
            names = [case.name for case in left]
            if (why := self._why_not()) is not None:
                results |= self._not_reached(names, why)
                break
            ran = self._run_container(left, self._seconds(len(left)), self._wanted(names))
            got = {} if ran is None else self._results(names, ran)
            if ran is not None:
                ran.remove_files()
            fruitless = 0 if any(each.outcome is Outcome.OK for each in got.values()) else fruitless + 1
            results |= got
            left = self._take_away(left, got, revealed=ran is not None)
            if left and fruitless == STARTS_IN_A_ROW:
                why = Detail.CANNOT_START if ran is None else ran.why
                results |= self._not_reached([case.name for case in left], why)
                break
        for case in self._cases:
            self._sink(results[case.case])

    def _why_not(self) -> str | None:
        if len(self._run.containers) > self._limits.restarts:
            return Detail.RESTARTS
        return Detail.TOTAL_SECONDS if self._left() <= 0 else None

    def _seconds(self, cases: int) -> float:
        return min(self._left(), self._limits.startup_seconds + cases * self._limits.case_seconds)

    def _wanted(self, names: Sequence[str]) -> dict[str, int]:
        lines = len(names) * (self._limits.answer_kib * 1024 + 1)
        return {PREDICTIONS: lines, **self._beside.wanted(names)}

    def _take_away(
        self, staged: Sequence[StagedCase], got: dict[str, CaseResult], *, revealed: bool
    ) -> list[StagedCase]:
        """Discard the cases that have their results; return the others, hidden again."""
        if not revealed:
            return list(staged)
        left = []
        for case in staged:
            if case.name in got:
                self._stage.discard(case)
            else:
                self._stage.withdraw(case)
                left.append(case)
        return left

    def _results(self, names: Sequence[str], ran: Ran) -> dict[str, CaseResult]:
        """Return the results of the cases with a line, and of those that this container is charged with."""
        held = ran.files.get(PREDICTIONS)
        if isinstance(held, Refusal):
            why = Detail.OVERLONG_FILE if held is Refusal.TOO_LARGE else Detail.OUTPUT_REFUSED
            return {name: CaseResult(name, Outcome.INVALID_ANSWER, detail=why) for name in names}
        got: dict[str, CaseResult] = {}
        if held is not None:
            with held.open("rb") as file:
                whole = ran.outcome is None and not ran.full
                got = lines_by_case(file, names, self._limits.answer_kib * 1024, whole=whole)
        got = {name: self._beside.attach(result, ran.files, full=ran.full) for name, result in got.items()}
        missing = [name for name in names if name not in got]
        if missing and ran.full:
            return got | {missing[0]: CaseResult(missing[0], Outcome.OUTPUT_QUOTA, detail=Detail.OUTPUT_FULL)}
        if ran.outcome is None:
            return got | {name: CaseResult(name, Outcome.NO_ANSWER, detail=ran.why) for name in missing}
        return got | {name: CaseResult(name, ran.outcome, detail=ran.why) for name in missing[:1]}


def lines_by_case(file: BinaryIO, names: Sequence[str], limit_bytes: int, *, whole: bool) -> dict[str, CaseResult]:
    """Give each line to the case that it names first; lines that name none of these are dropped.

    Args:
        file: The lines; of one that is too long, only what is not beyond the limit is looked at for its case.
        names: The cases.
        limit_bytes: The longest line without its newline.
        whole: Whether what stands after the last newline is a line as well, rather than one that was cut.
    """
    known, got = set(names), dict[str, CaseResult]()
    for line in islice(_lines(file, limit_bytes, whole=whole), LINES_PER_CASE * len(names)):
        named = _NAMED.search(line)
        name = named[1].decode() if named else ""
        if name not in known:
            continue
        if name in got:
            got[name] = CaseResult(name, Outcome.INVALID_ANSWER, detail=Detail.DUPLICATE_LINE)
        elif len(line) > limit_bytes:
            got[name] = CaseResult(name, Outcome.INVALID_ANSWER, detail=Detail.OVERLONG_LINE)
        else:
            got[name] = CaseResult(name, Outcome.OK, answer=line)
    return got


def _lines(file: BinaryIO, limit_bytes: int, *, whole: bool) -> Iterator[bytes]:
    """Yield lines without their newlines, of one that is too long its first `limit_bytes` + 1 bytes."""
    while line := file.readline(limit_bytes + 2):
        start, ended = line[: limit_bytes + 1].removesuffix(b"\n"), line.endswith(b"\n")
        while not ended and (more := file.readline(_PIECE_BYTES)):
            ended = more.endswith(b"\n")
        if ended or whole:
            yield start
