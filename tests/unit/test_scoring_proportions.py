"""Wilson's interval, the design effect and the operating point."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint

from arena.scoring.estimates import Reason
from arena.scoring.proportions import design_effect, operating_point, wilson_interval
from tests.golden.oracles import column_of


@settings(deadline=None)
@given(st.integers(1, 3000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_statsmodels_agrees_on_wilson(counts: tuple[int, int]) -> None:
    x, n = counts
    limits = wilson_interval(x / n, n)
    assert (limits.low, limits.high) == pytest.approx(proportion_confint(x, n, method="wilson"), abs=1e-12)


def test_one_case_per_patient_has_design_effect_one() -> None:
    assert design_effect(np.array([1.0, 0, 0, 1, 1]), np.array([4, 0, 1, 9, 2])) == 1.0


def test_patients_whose_cases_always_agree_count_once() -> None:
    patients = np.repeat(np.arange(400), 3)
    always = np.repeat((np.arange(400) % 4 == 0).astype(float), 3)
    assert design_effect(always, patients) == pytest.approx(3, rel=0.01)


def test_values_that_teach_nothing_are_taken_as_fully_dependent() -> None:
    patients = np.array([0, 0, 0, 1, 2])
    assert design_effect(np.ones(5), patients) == pytest.approx((9 + 1 + 1) / 5)
    assert design_effect(np.array([1.0, 0, 1]), np.zeros(3, dtype=np.int64)) == 3.0


def test_the_design_effect_never_narrows() -> None:
    # Each patient has one right and one wrong case: the variance between patients is 0.
    assert design_effect(np.tile([0.0, 1.0], 50), np.repeat(np.arange(50), 2)) == 1.0


def test_a_case_at_the_threshold_is_called_positive() -> None:
    column = column_of(np.array([1.0, 2, 3, 1, 2, 3]), np.array([True] * 3 + [False] * 3))
    point = operating_point(column, 1)
    assert (point.sensitivity.exact, point.specificity.exact) == (Fraction(2, 3), Fraction(1, 3))
    assert (point.ppv.exact, point.npv.exact) == (Fraction(1, 2), Fraction(1, 2))
    assert (point.ppv.n, point.ppv.n_positive) == (4, 2)
    assert (point.npv.n, point.npv.n_positive) == (2, 1)


def test_a_share_of_nothing_is_absent_with_a_reason() -> None:
    point = operating_point(column_of(np.array([1.0, 2.0]), np.array([False, True])), 2)
    assert point.ppv.value is None
    assert point.ppv.reason is Reason.NO_CASE
    assert point.npv.exact == Fraction(1, 2)


def test_studies_of_one_patient_widen_the_interval_by_the_design_effect() -> None:
    patients = np.repeat(np.arange(100), 2)
    positive = np.repeat(np.arange(100) < 50, 2)
    scores = np.repeat(np.arange(100) % 5 > 0, 2).astype(float)
    widened = operating_point(column_of(scores, positive, patients), 1).sensitivity
    effect = design_effect(scores[positive], patients[positive])
    limits = wilson_interval(0.8, 100 / effect)
    assert effect == pytest.approx(2, rel=0.03)
    assert (widened.low, widened.high) == (limits.low, limits.high)
    alone = operating_point(column_of(scores, positive), 1).sensitivity
    assert alone.low is not None
    assert widened.low is not None
    assert widened.low < alone.low


def test_clustered_wilson_intervals_cover() -> None:
    rng, hits, trials, true = np.random.default_rng(11), 0, 1000, 0.8
    owner = np.repeat(np.arange(100), 2)
    for _ in range(trials):
        own = rng.random(100) < true
        seen = np.where(rng.random(200) < 0.6, own[owner], rng.random(200) < true)
        limits = wilson_interval(float(seen.mean()), 200 / design_effect(seen.astype(float), owner))
        hits += limits.low <= true <= limits.high
    assert hits / trials == pytest.approx(0.95, abs=0.025)
