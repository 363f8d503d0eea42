"""How cases ended, in the words in which a vendor is told: a closed list, counted over an evaluation, never by case.

An exit code is 8 bits of the container's choice for each case, so a vendor is told of its class only: a signal, zero or
another code. How much even the counts can carry is computed here; docs/security.md quotes it and a test compares.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping

from arena.evaluation.answers import AbstentionReason, Defect
from arena.evaluation.output_kinds import OutputDefect
from runners.values import Detail, Outcome

EXIT_ZERO, EXIT_NONZERO, SIGNAL = "exit_zero", "exit_nonzero", "signal"
OTHER = "other"
"""What is on no list: nothing of it is told."""

_EXIT = re.compile(r"exit_[0-9]{1,5}")
_SIGNAL = re.compile(r"signal_[0-9]{1,3}")
_WHY: Mapping[Outcome, tuple[str, ...]] = {
    Outcome.ABSTAINED: tuple(AbstentionReason),
    Outcome.INVALID_ANSWER: (
        *Defect,
        Detail.OVERLONG_LINE,
        Detail.BYTES_AFTER_ANSWER,
        Detail.OVERLONG_FILE,
        Detail.DUPLICATE_LINE,
        Detail.OUTPUT_REFUSED,
    ),
    Outcome.TIMED_OUT: (Detail.CASE_SECONDS, Detail.TOTAL_SECONDS),
    Outcome.NO_ANSWER: (EXIT_ZERO, Detail.STDOUT_CLOSED, Detail.STDOUT_FLOOD),
    Outcome.CRASHED: (EXIT_NONZERO, SIGNAL),
    Outcome.OUTPUT_QUOTA: (Detail.OVERLONG_FILE, Detail.OUTPUT_FULL),
    Outcome.NOT_REACHED: (
        Detail.CANNOT_START,
        Detail.STARTUP_SECONDS,
        Detail.NOT_READY_LINE,
        Detail.UNSOLICITED_OUTPUT,
        Detail.RESTARTS,
        Detail.CASE_SECONDS,
        Detail.TOTAL_SECONDS,
        Detail.OUT_OF_MEMORY,
        Detail.STDOUT_CLOSED,
        Detail.STDOUT_FLOOD,
        EXIT_ZERO,
        EXIT_NONZERO,
        SIGNAL,
    ),
}
ENDINGS = (
    Outcome.OK.value,
    Outcome.OUT_OF_MEMORY.value,
    *(f"{outcome.value}/{why}" for outcome, reasons in _WHY.items() for why in reasons),
    OTHER,
)
"""Everything that can be said of a case, beside which another one it is."""

FILE_ENDINGS = 1 + len(OutputDefect)
"""What can be said of a declared file of a case: that it is as declared, or its defect."""


def ending(outcome: Outcome, reason: str | None) -> str:
    """Return the entry of `ENDINGS` for how a case ended."""
    if outcome in {Outcome.OK, Outcome.OUT_OF_MEMORY}:
        return outcome.value
    told = f"{outcome.value}/{_told(reason or '')}"
    return told if told in ENDINGS else OTHER


def count_endings(cases: Iterable[tuple[Outcome, str | None]]) -> dict[str, int]:
    """Return how many cases ended in which way, in the order of `ENDINGS`."""
    counts = Counter(ending(outcome, reason) for outcome, reason in cases)
    return {name: counts[name] for name in ENDINGS if counts[name]}


def counts_bits(cases: int, kinds: int) -> float:
    """Return the base-2 logarithm of how many different counts of that many kinds there are over that many cases.

    There are C(cases + kinds - 1, kinds - 1) ways to share cases out. No container can tell more by them, however it
    chooses how each case ends.
    """
    return math.log2(math.comb(cases + kinds - 1, kinds - 1))


def told_bits(cases: int, files: int = 0) -> int:
    """Return the bound of what a vendor can be told by all counts of an attempt, in whole bits.

    Args:
        cases: Cases of the set.
        files: Files that the challenge lets an algorithm leave for each case and that are counted.
    """
    return math.ceil(counts_bits(cases, len(ENDINGS)) + files * counts_bits(cases, FILE_ENDINGS))


def _told(reason: str) -> str:
    if _SIGNAL.fullmatch(reason):
        return SIGNAL
    if _EXIT.fullmatch(reason):
        return EXIT_ZERO if reason == "exit_0" else EXIT_NONZERO
    return reason
