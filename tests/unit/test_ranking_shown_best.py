"""The Ladder shows a new best only where it is better by more than eta and by more than one standard error."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray

from arena.ranking.shown_best import improves
from arena.scoring.estimates import Interval


@dataclass(frozen=True)
class Scored:
    """An entry whose influence is given, so that a test can choose the standard error of a difference."""

    score: Fraction | None
    mean: NDArray[np.float64] | None

    def limits(self, z: float) -> Interval:
        return Interval(0.0, 1.0)


def entry(score: str | None, spread: float = 0.0) -> Scored:
    """An entry of two patients; its difference to one of spread 0 has the standard error `spread`."""
    return Scored(None if score is None else Fraction(score), np.array([spread, 0.0]))


def test_the_first_score_is_shown_and_so_is_a_first_failure() -> None:
    assert improves(entry("0.5"), None, eta=0.01)
    assert improves(entry(None), None, eta=0.01)


@pytest.mark.parametrize(
    ("new", "spread", "shown"),
    [
        ("0.7100001", 0.0, True),
        ("0.71", 0.0, False),  # exactly eta is not more than eta
        ("0.69", 0.0, False),
        ("0.7", 0.0, False),
        ("0.73", 0.0299, True),
        ("0.73", 0.0301, False),
    ],
)
def test_a_new_best_must_exceed_eta_and_one_standard_error(new: str, spread: float, shown: bool) -> None:
    assert improves(entry(new, spread), entry("0.7"), eta=0.01) is shown


def test_without_a_margin_the_standard_error_still_decides() -> None:
    assert improves(entry("0.7001", 0.00009), entry("0.7"), eta=0.0)
    assert not improves(entry("0.7001", 0.00011), entry("0.7"), eta=0.0)


def test_steps_from_a_score_below_chance_are_shown_only_above_it() -> None:
    assert not improves(entry("0.4"), entry("0.1"), eta=0.01)
    assert not improves(entry("0.51"), entry("0.1"), eta=0.01)
    assert improves(entry("0.5100001"), entry("0.1"), eta=0.01)


def test_an_entry_without_a_score_is_beaten_by_any_score_and_beats_none() -> None:
    assert improves(entry("0.1", 0.5), entry(None), eta=0.01)
    assert not improves(entry(None), entry("0.1"), eta=0.01)
    assert not improves(entry(None), entry(None), eta=0.01)
