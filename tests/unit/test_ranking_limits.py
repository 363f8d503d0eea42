"""Limits of differences between entries: joined from the published limits of both.

How often they hold the truth stands in tests/unit/test_coverage_pairs.py.
"""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from arena.ranking.limits import joined_limits, pair_limits
from arena.ranking.noninferiority import non_inferiority
from arena.scoring.estimates import Interval
from arena.scoring.influence import Influence, make_cases, make_column
from arena.scoring.intervals import auc_estimate
from benchmarks.binormal import influence_of, ranks_as_codes, separation

MARGIN = Fraction(5, 100)


def drawn(rng: np.random.Generator, m: int, n: int, *aucs: float) -> list[Influence]:
    """Return entries of true AUCs on m + n patients; their errors correlate by .5."""
    positive = np.arange(m + n) < m
    cases, shared = make_cases(positive, np.arange(m + n), m + n), rng.normal(size=m + n)
    own = [math.sqrt(0.5) * (shared + rng.normal(size=m + n)) + separation(auc) * positive for auc in aucs]
    return [influence_of(make_column(ranks_as_codes(scores), cases, size=m + n)) for scores in own]


def ordered(*codes: int, m: int = 40, n: int = 40) -> Influence:
    """Return an entry of m positives and n negatives with these codes, the positives first."""
    positive = np.arange(m + n) < m
    return influence_of(
        make_column(np.array(codes, dtype=np.int64), make_cases(positive, np.arange(m + n), m + n), size=m + n)
    )


PERFECT = ordered(*([1] * 40 + [0] * 40))


def test_joined_limits_are_the_root_of_the_squared_distances_less_what_both_share() -> None:
    # Zou and Donner 2008, equation 6: L = a − b − √{(a − l)² − 2r(a − l)(u' − b) + (u' − b)²}.
    found = joined_limits(0.9, Interval(0.8, 0.95), 0.7, Interval(0.6, 0.78), 0.5)
    assert found.low == pytest.approx(0.2 - math.sqrt(0.1**2 - 0.1 * 0.08 + 0.08**2), abs=1e-15)
    assert found.high == pytest.approx(0.2 + math.sqrt(0.05**2 - 0.05 * 0.1 + 0.1**2), abs=1e-15)


def test_the_limits_of_a_pair_come_of_the_limits_that_stand_beside_both_scores() -> None:
    a, b = drawn(np.random.default_rng(4), 40, 60, 0.9, 0.8)
    published = [
        auc_estimate(
            one.score or Fraction(0), one.standard_error**2, patients_positive=40, patients_negative=60, n=100,
            n_positive=40,
        )
        for one in (a, b)
    ]  # fmt: skip
    limits = [Interval(one.low or 0.0, one.high or 0.0) for one in published]
    assert a.mean is not None
    assert b.mean is not None
    correlation = float(a.mean @ b.mean) / (a.standard_error * b.standard_error)
    expected = joined_limits(published[0].value or 0, limits[0], published[1].value or 0, limits[1], correlation)
    found = pair_limits(a, b).at(0.025)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_an_entry_and_its_copy_differ_by_nothing_at_all() -> None:
    a, again = drawn(np.random.default_rng(5), 40, 40, 0.9)[0], drawn(np.random.default_rng(5), 40, 40, 0.9)[0]
    assert pair_limits(a, again).at(0.025).low == pair_limits(a, again).at(0.025).high == 0


def test_two_entries_without_an_error_keep_a_width() -> None:
    limits = pair_limits(PERFECT, PERFECT).at(0.025)
    own = PERFECT.interval(0.025)
    assert (limits.low, limits.high) == pytest.approx((own.low - 1, 1 - own.low), abs=1e-15)
    assert limits.low < -0.03


def test_an_entry_without_an_error_has_method_5_limits_in_a_pair() -> None:
    other = drawn(np.random.default_rng(6), 40, 40, 0.9)[0]
    limits, score = pair_limits(PERFECT, other).at(0.025), float(other.score or 0)
    theirs = other.interval(0.025)
    assert limits.high == pytest.approx(min(1 - score + (score - theirs.low), 1.0), abs=1e-12)
    assert limits.low == pytest.approx(1 - score - math.hypot(1 - PERFECT.interval(0.025).low, theirs.high - score))


@pytest.mark.parametrize("seed", range(12))
def test_the_p_value_of_non_inferiority_is_the_tail_at_which_the_limit_meets_the_margin(seed: int) -> None:
    a, b = drawn(np.random.default_rng(seed), 40, 40, 0.86 + 0.01 * seed, 0.93)
    found = non_inferiority(a, b, margin=MARGIN, alpha=0.05)
    assert found.p is not None
    assert found.non_inferior == (found.p < 0.025) == (found.low > -0.05)
    limits = pair_limits(a, b)
    met = limits.at(found.p).low if found.p <= 0.5 else limits.at(1 - found.p).high
    assert met == pytest.approx(-0.05, abs=1e-7)


def test_an_entry_without_a_score_has_no_limits_beside_another() -> None:
    with pytest.raises(ValueError, match="without a score"):
        pair_limits(PERFECT, Influence(None, None, None, (), 0, 0))
