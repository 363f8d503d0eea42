"""The study of two entries in short: the cells and streams of docs/coverage.md, fewer trials."""

from __future__ import annotations

import pytest

from benchmarks.coverage import cells, run

STUDY = cells()
TRIALS = 1_500
"""Monte-Carlo errors: 0.56 points at 95 %, 0.40 points at 2.5 %."""


@pytest.mark.parametrize("index", range(len(STUDY["pairs"])))
def test_the_limits_of_a_pair_hold_the_true_difference(index: int) -> None:
    tally = run("pairs", index, STUDY["pairs"][index], trials=TRIALS)
    assert 0.935 <= tally.covered <= 0.98
    assert max(tally.too_high, tally.too_low) <= 0.035


def test_the_symmetric_limits_of_a_pair_are_found_out() -> None:
    assert run("pairs", 0, STUDY["pairs"][0], trials=TRIALS).other < 0.92  # 90.7 % in 10,000 trials


@pytest.mark.parametrize("index", range(len(STUDY["margin"])))
def test_an_entry_that_loses_the_margin_is_seldom_called_not_inferior(index: int) -> None:
    tally = run("margin", index, STUDY["margin"][index], trials=TRIALS)
    assert tally.too_high <= 0.035
    assert tally.other < 0.97  # ± 1.96 standard errors err in 4 to 8 %: the trial can fail
