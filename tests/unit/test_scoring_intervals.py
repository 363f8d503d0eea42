"""The published interval: its limits, its degenerate cases, and how often it covers."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtri
from scipy.stats import t as student

from arena.scoring.estimates import Method, Reason
from arena.scoring.influence import column_auc, mean_influence, sum_of_squares
from arena.scoring.intervals import auc_estimate, delong_interval, logit_t_interval, newcombe_interval
from tests.golden.oracles import column_of, estimate_of


def quartic_limits(auc: float, m: int, n: int) -> list[float]:
    """Return the real roots in [0, 1] of Newcombe's equation (AUC − θ)² = z²V(θ), cleared of its fractions."""
    theta, one = np.polynomial.Polynomial([0, 1]), np.polynomial.Polynomial([1])
    z2, multiplier = 1.959963984540054**2, (m + n) / 2 - 1
    above, below = 1 + theta, 2 - theta
    spread = above * below + multiplier * (one - theta) * above + multiplier * theta * below
    equation = m * n * (auc - theta) ** 2 * above * below - z2 * theta * (one - theta) * spread
    roots = [root.real for root in equation.roots() if abs(root.imag) < 1e-9 and -1e-12 <= root.real <= 1 + 1e-12]
    return sorted(roots)


@pytest.mark.parametrize(("auc", "m", "n"), [(0.9, 20, 30), (0.5, 5, 50), (0.1, 40, 40), (0.99, 100, 60), (0.7, 3, 4)])
def test_newcombes_limits_solve_his_equation(auc: float, m: int, n: int) -> None:
    limits = newcombe_interval(auc, m, n)
    roots = quartic_limits(auc, m, n)
    assert limits.low == pytest.approx(max(root for root in roots if root < auc), abs=1e-9)
    assert limits.high == pytest.approx(min(root for root in roots if root > auc), abs=1e-9)


@settings(deadline=None)
@given(st.integers(1, 500), st.integers(1, 500))
def test_newcombes_interval_of_a_perfect_auc_has_a_width(m: int, n: int) -> None:
    perfect, worst = newcombe_interval(1.0, m, n), newcombe_interval(0.0, m, n)
    assert perfect.high == 1
    assert worst.low == 0
    assert 0 < perfect.low < 1
    assert worst.high == pytest.approx(1 - perfect.low, abs=1e-9)
    assert perfect.low == pytest.approx(min(r for r in quartic_limits(1.0, m, n) if r > 0), abs=1e-6)


def test_the_published_interval_is_symmetric_on_the_logit_scale_with_students_t() -> None:
    found = logit_t_interval(0.9, 0.02, 39)
    half = student.ppf(0.975, 39) * 0.02 / 0.09
    assert math.log(found.low / (1 - found.low)) == pytest.approx(math.log(9) - half, abs=1e-9)
    assert math.log(found.high / (1 - found.high)) == pytest.approx(math.log(9) + half, abs=1e-9)


def test_degrees_of_freedom_follow_the_smaller_class() -> None:
    few = auc_estimate(Fraction(9, 10), 4e-4, patients_positive=5, patients_negative=500, n=505, n_positive=5)
    many = auc_estimate(Fraction(9, 10), 4e-4, patients_positive=500, patients_negative=500, n=1000, n_positive=500)
    assert few.low is not None
    assert many.low is not None
    assert few.low < many.low
    assert few.low == pytest.approx(logit_t_interval(0.9, 0.02, 4).low, abs=1e-12)


@pytest.mark.parametrize("scores", [[0, 0, 1, 1], [1, 1, 0, 0], [1, 1, 1, 1]])
def test_no_interval_has_width_zero(scores: list[float]) -> None:
    found = estimate_of(column_of(np.array(scores, dtype=float), np.array([False, False, True, True])))
    assert found.method is Method.AUC_NEWCOMBE_5
    assert found.low is not None
    assert found.high is not None
    assert found.high - found.low > 0.2
    assert found.low <= float(found.exact or 0) <= found.high


def test_a_class_held_by_one_patient_has_a_value_and_no_interval() -> None:
    scores, positive = np.array([0.0, 1, 2, 3]), np.array([False, True, False, True])
    found = estimate_of(column_of(scores, positive, np.array([0, 1, 2, 1])))
    assert found.exact == Fraction(3, 4)
    assert (found.low, found.high, found.reason) == (None, None, Reason.ONE_PATIENT)


def test_the_symmetric_interval_is_cut_to_the_unit_range() -> None:
    assert delong_interval(0.98, 0.01).high == 1
    assert delong_interval(0.02, 0.01).low == 0


def covers(trials: int, seed: int, *, patients: int, studies: int, icc: float, auc: float) -> float:
    """Simulate normal scores of patients with several studies; return how often the interval holds the true AUC."""
    rng = np.random.default_rng(seed)
    owner = np.concatenate([np.arange(patients), np.arange(studies - patients)])
    positive = (np.arange(patients) % 2 == 0)[owner]
    shift = math.sqrt(2) * float(ndtri(auc))
    hits = 0
    for _ in range(trials):
        noise = math.sqrt(icc) * rng.normal(size=patients)[owner] + math.sqrt(1 - icc) * rng.normal(size=studies)
        found = estimate_of(column_of(shift * positive + noise, positive, owner))
        assert found.low is not None
        assert found.high is not None
        hits += found.low <= auc <= found.high
    return hits / trials


def test_95_percent_intervals_cover_95_percent_with_one_study_per_patient() -> None:
    assert covers(1000, 20260301, patients=200, studies=200, icc=0.0, auc=0.90) == pytest.approx(0.95, abs=0.025)


def test_95_percent_intervals_cover_when_studies_of_a_patient_resemble_each_other() -> None:
    assert covers(1000, 20260302, patients=120, studies=200, icc=0.7, auc=0.90) == pytest.approx(0.95, abs=0.025)


def test_95_percent_intervals_of_the_macro_auc_cover_over_twelve_correlated_findings() -> None:
    rng, trials, n, k, auc, hits = np.random.default_rng(20260303), 400, 200, 12, 0.85, 0
    positive = np.arange(n) % 2 == 0
    for _ in range(trials):
        noise = math.sqrt(0.5) * rng.normal(size=(n, 1)) + math.sqrt(0.5) * rng.normal(size=(n, k))
        scores = math.sqrt(2) * float(ndtri(auc)) * positive[:, None] + noise
        columns = [column_of(scores[:, j], positive) for j in range(k)]
        scored = [found for column in columns if (found := column_auc(column)) is not None]
        tables = [found.table for found in scored if found.table is not None]
        macro = auc_estimate(
            sum((found.auc.exact for found in scored), Fraction(0)) / k,
            sum_of_squares(mean_influence(columns, tables)),
            patients_positive=n // 2,
            patients_negative=n // 2,
            n=n,
            n_positive=None,
        )
        assert macro.low is not None
        assert macro.high is not None
        hits += macro.low <= auc <= macro.high
    assert hits / trials == pytest.approx(0.95, abs=0.025)
