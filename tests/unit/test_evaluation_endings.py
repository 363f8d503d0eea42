"""What a vendor is told of how cases ended: a closed list, and a bound in bits that the page about leaks quotes."""

from __future__ import annotations

import itertools
import math
import re
from pathlib import Path

import pytest

from arena.evaluation.answers import AbstentionReason, Defect
from arena.evaluation.endings import ENDINGS, FILE_ENDINGS, OTHER, count_endings, counts_bits, ending, told_bits
from arena.evaluation.output_kinds import OutputDefect
from runners.values import Detail, Outcome, exit_class

PAGE = (Path(__file__).parents[2] / "docs" / "security.md").read_text("utf-8")


@pytest.mark.parametrize(
    ("outcome", "reason", "told"),
    [
        (Outcome.OK, None, "ok"),
        (Outcome.OUT_OF_MEMORY, "out_of_memory", "out_of_memory"),
        (Outcome.INVALID_ANSWER, Defect.TOO_DEEP, "invalid_answer/too_deep"),
        (Outcome.ABSTAINED, AbstentionReason.UNREADABLE, "abstained/unreadable"),
        (Outcome.NOT_REACHED, "exit_1", "not_reached/exit_nonzero"),
        (Outcome.NO_ANSWER, "exit_0", "no_answer/exit_zero"),
        (Outcome.NOT_RUN, None, OTHER),
        (Outcome.CRASHED, "password of the clinic", OTHER),
        (Outcome.CRASHED, "exit_0", OTHER),
        (Outcome.TIMED_OUT, "exit_1", OTHER),
    ],
)
def test_an_ending_is_an_entry_of_the_closed_list(outcome: Outcome, reason: str | None, told: str) -> None:
    assert ending(outcome, reason) == told
    assert told in ENDINGS


def test_256_exit_codes_are_three_words() -> None:
    told = {ending(Outcome.NOT_REACHED, exit_class(code)) for code in range(256)}
    assert told == {"not_reached/exit_zero", "not_reached/exit_nonzero", "not_reached/signal"}


def test_every_reason_that_is_recorded_has_its_word() -> None:
    told = {name.partition("/")[2] for name in ENDINGS} | {"out_of_memory"}
    assert {*Defect, *Detail, *AbstentionReason} <= told


def test_no_more_is_counted_than_there_are_cases() -> None:
    cases = [
        (Outcome.OK, None),
        (Outcome.CRASHED, "exit_1"),
        (Outcome.CRASHED, "exit_99"),
        (Outcome.CRASHED, "signal_9"),
    ]
    assert count_endings(cases) == {"ok": 1, "crashed/exit_nonzero": 2, "crashed/signal": 1}


@pytest.mark.parametrize(("cases", "kinds"), [(1, 2), (3, 3), (6, 4)])
def test_the_bound_is_the_number_of_different_counts(cases: int, kinds: int) -> None:
    different = {tuple(sorted(chosen)) for chosen in itertools.product(range(kinds), repeat=cases)}
    assert counts_bits(cases, kinds) == pytest.approx(math.log2(len(different)))


def test_the_page_about_leaks_quotes_what_is_computed() -> None:
    assert 1 + len(OutputDefect) == FILE_ENDINGS
    assert f"{len(ENDINGS)} endings" in PAGE
    table = dict(re.findall(r"^\| ([0-9,]+) cases \| ([0-9]+) \|", PAGE, re.MULTILINE))
    assert table
    assert {n: int(bits) for n, bits in table.items()} == {n: told_bits(int(n.replace(",", ""))) for n in table}
    per_file = math.ceil(counts_bits(100, FILE_ENDINGS))
    assert f"{per_file} bits more for each declared file" in PAGE
    default, quota = told_bits(100), 30
    assert f"{default} × 30 = {default * quota:,} bits" in PAGE
