"""Paired differences at thresholds: McNemar, clustered by patient, and their intervals."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import ndtr
from statsmodels.stats.contingency_tables import mcnemar

from arena.ranking.calls import CallTest, PairedShares, compare_calls, sign_flip_p
from arena.ranking.limits import joined_limits
from arena.scoring.proportions import wilson_interval


def from_table(table: list[list[int]]) -> PairedShares:
    """Build the calls of a 2 × 2 table, rows: a right, a wrong; columns: b right, b wrong; one case per patient."""
    a = np.repeat([True, True, False, False], np.ravel(table))
    b = np.repeat([True, False, True, False], np.ravel(table))
    found = compare_calls(a, b, np.arange(a.size))
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("table", "p"),
    [([[22, 4], [4, 11]], 1.0), ([[56, 2], [4, 10]], 0.6875)],  # pROC's aSAH at the Youden points of s100b and wfns
)
def test_few_discordant_cases_are_tested_exactly(table: list[list[int]], p: float) -> None:
    found = from_table(table)
    assert (found.p, found.test) == (p, CallTest.EXACT)
    assert found.p == pytest.approx(mcnemar(table, exact=True).pvalue, abs=1e-12)


@settings(deadline=None)
@given(st.lists(st.integers(0, 40), min_size=4, max_size=4))
def test_one_case_per_patient_equals_statsmodels_mcnemar(cells: list[int]) -> None:
    table = [cells[:2], cells[2:]]
    if sum(cells) == 0:
        assert compare_calls(np.array([], bool), np.array([], bool), np.array([], np.int64)) is None
        return
    found, few = from_table(table), cells[1] + cells[2] < 25
    expected = mcnemar(table, exact=few, correction=False) if cells[1] + cells[2] else None
    assert found.test is (CallTest.EXACT if few else CallTest.MCNEMAR)
    assert found.p == pytest.approx(1.0 if expected is None else expected.pvalue, abs=1e-12)
    assert (found.only_a, found.only_b, found.n) == (cells[1], cells[2], sum(cells))


@settings(deadline=None)
@given(st.lists(st.integers(-4, 4), max_size=9))
def test_the_exact_p_is_that_of_every_choice_of_signs(values: list[int]) -> None:
    sums = [
        abs(sum(s * v for s, v in zip(signs, values, strict=True))) for signs in product((1, -1), repeat=len(values))
    ]
    share = sum(reached >= abs(sum(values)) for reached in sums) / len(sums)
    assert sign_flip_p(np.array(values, dtype=np.int64)) == share


def clustered(seed: int, patients: int, cases: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.int64]]:
    """Simulate calls of two equal entries whose advantage differs from patient to patient."""
    rng = np.random.default_rng(seed)
    holder = np.repeat(np.arange(patients), cases)
    lean = rng.normal(size=patients)[holder]
    a, b = rng.normal(size=(2, holder.size))
    return 1.0 + lean + a > 0, 1.0 - lean + b > 0, holder


def test_clustered_calls_are_tested_by_obuchowskis_statistic() -> None:
    a, b, patients = clustered(1, 60, 3)
    found = compare_calls(a, b, patients)
    assert found is not None
    surplus = [int(a[patients == k].sum()) - int(b[patients == k].sum()) for k in range(60)]
    chi2 = 59 / 60 * sum(surplus) ** 2 / sum(d * d for d in surplus)
    assert found.test is CallTest.OBUCHOWSKI
    assert found.p == pytest.approx(2 * ndtr(-math.sqrt(chi2)), rel=1e-12)
    residuals = np.array(surplus) - 3 * found.difference
    assert found.standard_error == pytest.approx(np.std(residuals, ddof=1) * math.sqrt(60) / 180, rel=1e-12)


def test_equal_entries_are_falsely_separated_in_5_percent_where_mcnemar_would_err_far_more() -> None:
    trials, ours, plain = 1_000, 0, 0
    for seed in range(trials):
        a, b, patients = clustered(seed, 60, 3)
        found = compare_calls(a, b, patients)
        assert found is not None
        ours += found.p < 0.05
        plain += mcnemar([[0, found.only_a], [found.only_b, 0]], exact=False, correction=False).pvalue < 0.05
    assert 0.035 <= ours / trials <= 0.065
    assert plain / trials > 0.10


def test_few_clustered_cases_are_tested_exactly_by_patients() -> None:
    # Ten patients of three cases each; five of them called rightly by a alone throughout. 2 of 2^5 choices of signs.
    patients = np.repeat(np.arange(10), 3)
    b = patients >= 5
    found = compare_calls(np.ones(30, dtype=bool), b, patients)
    assert found is not None
    assert (found.only_a, found.test, found.p) == (15, CallTest.EXACT, 2 / 2**5)


def test_one_patient_gives_no_standard_error() -> None:
    found = compare_calls(np.array([True, True]), np.array([True, False]), np.array([3, 3]))
    assert found is not None
    assert (found.standard_error, found.p, found.patients) == (None, 1.0, 1)


@dataclass(frozen=True)
class Given:
    low: float
    high: float


def test_limits_of_a_paired_difference_equal_newcombes_example() -> None:
    # Newcombe 1998, Statistics in Medicine 17:2635–2650, method 10: a 36, b 12, c 2, d 0 gives 0.0569 to 0.3404. The
    # correlation is negative there, so that the method's correction of it does not apply.
    found = from_table([[36, 12], [2, 0]])
    one, other = wilson_interval(48 / 50, 50), wilson_interval(38 / 50, 50)
    limits = joined_limits(48 / 50, one, 38 / 50, other, found.correlation)
    assert (limits.low, limits.high) == pytest.approx((0.0569, 0.3404), abs=5e-5)


def test_limits_have_a_width_where_both_entries_are_right_on_all_cases() -> None:
    found = from_table([[50, 0], [0, 0]])
    own = wilson_interval(1.0, 50)
    limits = joined_limits(1.0, own, 1.0, own, found.correlation)
    assert limits.low < 0 < limits.high
    assert found.standard_error == 0
