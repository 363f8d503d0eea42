"""Floors, duplicates and non-inferiority."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arena.ranking.differences import compare_all
from arena.ranking.duplicates import answers_digest, duplicates_across_organisations
from arena.ranking.floors import Floors, Unranked, declared_floor, unranked_by
from arena.ranking.limits import joined_limits
from arena.ranking.noninferiority import non_inferiority
from arena.ranking.ranks import Rank, rank_entries
from tests.unit.test_ranking_ranks import NO_SCORE, entry


def test_an_entry_on_a_floor_is_ranked_and_one_below_is_not() -> None:
    floors = Floors(auc=declared_floor(0.6), answered=declared_floor(0.9))
    scores = [Fraction(6, 10), Fraction(6, 10) - Fraction(1, 10**12), Fraction(9, 10), None, None]
    answered = [Fraction(9, 10), Fraction(1), Fraction(899, 1000), Fraction(1), Fraction(0)]
    assert unranked_by(floors, scores, answered) == (
        None,
        Unranked.BELOW_FLOOR_AUC,
        Unranked.BELOW_FLOOR_ANSWERED,
        Unranked.NO_SCORE,
        Unranked.BELOW_FLOOR_ANSWERED,
    )


def test_without_floors_only_a_missing_score_unranks() -> None:
    assert unranked_by(Floors(), [Fraction(0), None], [Fraction(0), Fraction(1)]) == (None, Unranked.NO_SCORE)
    assert declared_floor(None) is None


@given(st.integers(0, 10_000))
def test_a_floor_is_the_decimal_that_was_written(level: int) -> None:
    assert declared_floor(level / 10_000) == Fraction(level, 10_000)


def test_entries_below_a_floor_make_no_comparison_harder() -> None:
    good, other = entry("0.90", 0.02, 0, 0), entry("0.85", 0, 0.015, 0)
    weak = [entry("0.52", 0, 0, 0.001 * i) for i in range(1, 9)]
    alone = rank_entries([good, other])
    held = rank_entries([*weak, good, other], unranked=[Unranked.BELOW_FLOOR_AUC] * 8 + [None, None])
    assert [pair.p_adjusted for pair in held.pairs] == [pair.p_adjusted for pair in alone.pairs]
    assert [(pair.a, pair.b) for pair in held.pairs] == [(8, 9)]
    assert held.ranks == (Rank(None, None, None, Unranked.BELOW_FLOOR_AUC),) * 8 + alone.ranks
    assert len(rank_entries([*weak, good, other]).pairs) == 45


def test_the_same_answers_of_two_organisations_are_flagged() -> None:
    levels = np.array([[1, 2], [3, -1]], dtype=np.int32)
    other = levels.copy()
    other[1, 1] = 0
    digests = [answers_digest(each) for each in (levels, other, levels.copy(), levels, levels.T.reshape(1, 4))]
    assert duplicates_across_organisations(digests, ["a", "b", "b", "a", "c"]) == ((2,), (), (0, 3), (2,), ())


def test_non_inferiority_is_a_one_sided_test_against_the_margin() -> None:
    new, standard = entry("0.84", 0.02, 0.01), entry("0.85", 0.01, -0.01)
    error, correlation = (
        math.hypot(0.01, 0.02),
        (0.02 * 0.01 - 0.01 * 0.01) / (math.hypot(0.02, 0.01) * math.hypot(0.01, 0.01)),
    )
    found = non_inferiority(new, standard, margin=Fraction(5, 100), alpha=0.05)
    own, theirs = new.interval(0.025), standard.interval(0.025)
    assert found.standard_error == pytest.approx(error, rel=1e-12)
    assert found.low == pytest.approx(joined_limits(0.84, own, 0.85, theirs, correlation).low, abs=1e-12)
    assert not found.non_inferior
    assert found.p > 0.025


@given(st.integers(-100, 100), st.integers(1, 100), st.integers(1, 200))
def test_the_limit_and_the_p_value_agree(difference: int, spread: int, margin: int) -> None:
    new, standard = entry(f"0.{500 + difference}", spread / 1000), entry("0.5", 0.0)
    found = non_inferiority(new, standard, margin=Fraction(margin, 1000), alpha=0.05)
    assert found.p is not None
    if abs(found.p - 0.025) > 1e-9:
        assert found.non_inferior == (found.p < 0.025)


def test_two_perfect_entries_are_not_called_equivalent_on_a_small_set() -> None:
    perfect = entry("1", 0.0, 0.0)
    found = non_inferiority(perfect, perfect, margin=Fraction(1, 1000), alpha=0.05)
    assert (found.p, found.standard_error) == (None, 0.0)
    assert found.low < -0.001
    assert not found.non_inferior


def test_an_entry_is_not_inferior_to_its_copy() -> None:
    one = entry("0.8", 0.02, -0.01)
    found = non_inferiority(one, one, margin=Fraction(1, 1000), alpha=0.05)
    assert (found.low, found.non_inferior) == (0.0, True)


def test_non_inferiority_needs_a_margin_and_two_scores() -> None:
    one = entry("0.8", 0.02)
    with pytest.raises(ValueError, match="above 0"):
        non_inferiority(one, one, margin=Fraction(0), alpha=0.05)
    with pytest.raises(ValueError, match="without a score"):
        non_inferiority(one, NO_SCORE, margin=Fraction(1, 100), alpha=0.05)
    with pytest.raises(ValueError, match="same patients"):
        non_inferiority(one, entry("0.8", 0.02, 0.01), margin=Fraction(1, 100), alpha=0.05)


def test_pairs_compare_by_exact_scores() -> None:
    third = compare_all([entry("1/3", 0.1), entry("0.3333333333333333", 0.1)])[0]
    assert third.exact == Fraction(1, 3) - Fraction("0.3333333333333333") > 0
