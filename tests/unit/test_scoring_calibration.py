"""Calibration: slope and intercept against statsmodels, the error against its definition and its null."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from arena.scoring.calibration import Binning, Bins, calibration, calibration_error, reliability_curve
from arena.scoring.estimates import Reason
from arena.scoring.influence import Column
from arena.scoring.logistic import CLIP, calibration_intercept, calibration_slope
from tests.golden.oracles import golden, level_column

ROWS = st.lists(st.tuples(st.integers(0, 10_000), st.booleans()), min_size=1, max_size=60)


def sample(seed: int, n: int = 400, owners: int | None = None, stretch: float = 1.0) -> Column:
    rng = np.random.default_rng(seed)
    patients = np.arange(n) if owners is None else np.unique(rng.integers(0, owners, n), return_inverse=True)[1]
    latent = 0.7 * rng.normal(size=n) + 0.7 * rng.normal(size=int(patients.max()) + 1)[patients] - 0.5
    positive = rng.random(n) < 1 / (1 + np.exp(-latent))
    return level_column(np.rint(10_000 / (1 + np.exp(-stretch * latent))).astype(np.int64), positive, patients)


def logit(column: Column) -> NDArray[np.float64]:
    p = np.clip((column.cells // 2 - 1) / 10_000, CLIP, 1 - CLIP)
    return np.asarray(np.log(p / (1 - p)))


def cluster_robust(column: Column) -> dict[str, object]:
    return {"cov_type": "cluster", "cov_kwds": {"groups": column.cases.patients, "use_correction": False}}


@pytest.mark.parametrize("seed", range(5))
def test_statsmodels_agrees_on_slope_and_its_clustered_error(seed: int) -> None:
    column = sample(seed, owners=250, stretch=1.7)
    design = sm.add_constant(logit(column))
    fit = sm.GLM(column.cases.positive.astype(float), design, family=sm.families.Binomial()).fit(
        **cluster_robust(column)
    )
    found, patients = calibration_slope(column), column.cases.patients_held
    assert found.value == pytest.approx(fit.params[1], rel=6e-8)
    assert found.standard_error == pytest.approx(fit.bse[1] * np.sqrt(patients / (patients - 1)), rel=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_statsmodels_agrees_on_the_intercept_and_its_clustered_error(seed: int) -> None:
    column = sample(seed, owners=250, stretch=0.6)
    ones = np.ones((column.cases.n, 1))
    fit = sm.GLM(column.cases.positive.astype(float), ones, offset=logit(column), family=sm.families.Binomial()).fit(
        **cluster_robust(column)
    )
    found, patients = calibration_intercept(column), column.cases.patients_held
    assert found.value == pytest.approx(fit.params[0], rel=1e-7, abs=1e-10)
    assert found.standard_error == pytest.approx(fit.bse[0] * np.sqrt(patients / (patients - 1)), rel=1e-6)


def test_answers_twice_as_extreme_have_half_the_slope() -> None:
    plain, extreme = calibration_slope(sample(7, 4000)), calibration_slope(sample(7, 4000, stretch=2.0))
    assert plain.value is not None
    assert extreme.value == pytest.approx(plain.value / 2, rel=0.01)
    assert plain.low is not None
    assert plain.high is not None
    assert plain.low < 1 < plain.high


def test_the_intercept_of_answers_that_are_too_high_is_negative() -> None:
    rng = np.random.default_rng(8)
    found = calibration_intercept(level_column(np.full(2000, 5000), rng.random(2000) < 0.25))
    assert found.value == pytest.approx(np.log(0.25 / 0.75), abs=0.2)
    assert found.high is not None
    assert found.high < 0


@pytest.mark.parametrize(
    ("levels", "positive", "reason"),
    [
        ([1000, 2000, 8000, 9000], [False, False, True, True], Reason.SEPARATED),
        ([1000, 5000, 5000, 9000], [False, False, True, True], Reason.SEPARATED),
        ([9000, 8000, 2000, 1000], [False, False, True, True], Reason.SEPARATED),
        ([5000, 5000, 5000], [False, True, True], Reason.CONSTANT_ANSWERS),
        ([1000, 2000], [True, True], Reason.NO_NEGATIVE),
        ([1000, 2000], [False, False], Reason.NO_POSITIVE),
        ([], [], Reason.NO_CASE),
    ],
)
def test_a_slope_without_a_finite_maximum_is_absent(levels: list[int], positive: list[bool], reason: Reason) -> None:
    found = calibration_slope(level_column(levels, positive))
    assert (found.value, found.low, found.reason) == (None, None, reason)


@settings(deadline=None, max_examples=200)
@given(ROWS)
def test_a_slope_is_found_whenever_the_classes_overlap(rows: list[tuple[int, bool]]) -> None:
    column = level_column([level for level, _ in rows], [positive for _, positive in rows])
    up, down = [level for level, positive in rows if positive], [level for level, positive in rows if not positive]
    overlap = bool(up) and bool(down) and min(up) < max(down) and min(down) < max(up)
    found = calibration_slope(column)
    assert (found.value is not None) == overlap
    assert found.reason is not Reason.NOT_CONVERGED
    assert (calibration_intercept(column).value is not None) == (bool(up) and bool(down))


def test_certain_answers_are_clipped_and_their_share_is_told() -> None:
    column = level_column([0, 0, 10_000, 10_000, 4000, 6000], [False, True, True, False, True, False])
    found = calibration(column, 8, bins=Bins(), seed=1, simulations=100)
    assert found.share_clipped == pytest.approx(4 / 6)
    assert (found.n_answered, found.n_known) == (6, 8)
    assert found.slope.value is not None


def test_values_of_iterations_have_eight_significant_digits() -> None:
    for found in (calibration_slope(sample(1)), calibration_intercept(sample(1))):
        for value in (found.value, found.low, found.high, found.standard_error):
            assert value is not None
            assert value == float(f"{value:.8g}")


@pytest.mark.parametrize("count", [2, 5, 10])
def test_metrics_reloadeds_calibration_errors(count: int) -> None:
    expected = golden("small.json")["metrics_reloaded_calibration_error"]
    levels = [int(Fraction(p) * 10_000) for p in expected["probabilities"]]
    column = level_column(levels, [truth == 1 for truth in expected["reference"]])
    found = calibration_error(column, Bins(Binning.EQUAL_WIDTH, count), seed=1, simulations=10)
    assert found.estimate.exact == Fraction(expected["errors"][str(count)])


@settings(deadline=None, max_examples=60)
@given(ROWS, st.integers(1, 12))
def test_the_error_is_the_definition_over_sorted_cases(rows: list[tuple[int, bool]], count: int) -> None:
    column = level_column([level for level, _ in rows], [positive for _, positive in rows])
    bins: dict[int, list[tuple[int, bool]]] = {}
    for row in rows:
        below, at = sum(level < row[0] for level, _ in rows), sum(level == row[0] for level, _ in rows)
        bins.setdefault(min((2 * below + at) * count // (2 * len(rows)), count - 1), []).append(row)
    gaps = [abs(sum(Fraction(level, 10_000) - positive for level, positive in held)) for held in bins.values()]
    found = calibration_error(column, Bins(count=count), seed=1, simulations=2)
    assert found.estimate.exact == sum(gaps, Fraction(0)) / len(rows)
    assert found.estimate.reason is Reason.NULL_BESIDE
    points = reliability_curve(column, Bins(count=count))
    assert [point.observed.n for point in points] == [len(bins[index]) for index in sorted(bins)]


def test_distinct_answers_fill_bins_of_equal_mass_equally() -> None:
    points = reliability_curve(level_column(np.arange(0, 10_000, 50), np.arange(200) % 3 == 0), Bins())
    assert [point.observed.n for point in points] == [20] * 10
    assert all(one.high_level < other.low_level for one, other in pairwise(points))
    assert points[0].mean_answer == pytest.approx(np.mean(np.arange(0, 1000, 50)) / 10_000)


def test_the_null_holds_a_calibrated_service_and_rejects_another() -> None:
    above = 0
    for seed in range(60):
        found = calibration_error(sample(seed, 300), Bins(), seed=9, simulations=200)
        assert found.null_p95 is not None
        above += (found.estimate.value or 0) > found.null_p95
    assert above <= 9  # 5 % of 60 is 3; 10 or more have chance 0.0009
    wrong = calibration_error(sample(1, 300, stretch=4.0), Bins(), seed=9, simulations=200)
    assert wrong.null_p95 is not None
    assert (wrong.estimate.value or 0) > 1.5 * wrong.null_p95


def test_a_perfect_model_of_300_cases_has_an_error_of_about_five_hundredths() -> None:
    levels = np.rint(np.linspace(0, 10_000, 300)).astype(np.int64)
    found = calibration_error(level_column(levels, np.arange(300) < 150), Bins(), seed=3, simulations=1000)
    assert found.null_mean == pytest.approx(0.052, abs=0.006)


def test_the_null_of_two_identical_studies_is_that_of_one() -> None:
    once = sample(4, 200)
    levels, positive = once.cells // 2 - 1, once.cases.positive
    twice = level_column(np.repeat(levels, 2), np.repeat(positive, 2), np.repeat(np.arange(200), 2))
    one, two = (calibration_error(column, Bins(), seed=3, simulations=200) for column in (once, twice))
    assert (two.estimate.exact, two.null_mean, two.null_p95) == (
        one.estimate.exact,
        pytest.approx(one.null_mean),
        pytest.approx(one.null_p95),
    )


def test_the_null_depends_on_the_seed_alone_and_not_on_the_references() -> None:
    column = sample(4, 200)
    flipped = level_column(column.cells // 2 - 1, ~column.cases.positive)
    one, same, other, relabelled = (
        calibration_error(c, Bins(), seed=seed, simulations=50)
        for c, seed in ((column, 3), (column, 3), (column, 4), (flipped, 3))
    )
    assert one == same
    assert one.null_mean != other.null_mean
    assert one.null_mean == relabelled.null_mean


def test_at_the_sets_own_share_the_re_weighted_error_is_the_plain_one() -> None:
    column = sample(2, 500)
    own = Fraction(column.counts.positives, column.cases.n)
    plain, weighted = (calibration_error(column, Bins(), seed=1, simulations=300, prevalence=p) for p in (None, own))
    assert plain.estimate.exact == weighted.estimate.exact
    assert weighted.null_mean == pytest.approx(plain.null_mean, rel=1e-9)


def test_answers_right_for_the_population_are_so_in_an_enriched_set_after_re_weighting() -> None:
    rng = np.random.default_rng(6)
    answers = np.clip(rng.beta(0.5, 4.5, 40_000), 0.001, 0.999)
    truth = rng.random(40_000) < answers
    kept = truth | (rng.random(40_000) < 0.15)
    column = level_column(np.rint(answers[kept] * 10_000).astype(np.int64), truth[kept])
    plain = calibration_error(column, Bins(), seed=1, simulations=200)
    weighted = calibration_error(column, Bins(), seed=1, simulations=200, prevalence=Fraction(1, 10))
    assert plain.null_p95 is not None
    assert weighted.null_p95 is not None
    assert (plain.estimate.value or 0) > 5 * plain.null_p95
    assert (weighted.estimate.value or 1) < weighted.null_p95


def test_a_missing_answer_has_no_place_in_calibration() -> None:
    for column in (level_column([-1, 10], [True, False]), level_column([10, 10_001], [True, False])):
        for compute in (calibration_slope, calibration_intercept):
            with pytest.raises(ValueError, match="answered cases only"):
                compute(column)
        with pytest.raises(ValueError, match="answered cases only"):
            calibration_error(column, Bins(), seed=1, simulations=2)


def test_no_answers_give_no_calibration() -> None:
    found = calibration(level_column([], []), 5, bins=Bins(), seed=1, simulations=10)
    assert (found.share_clipped, found.error.null_mean, found.reliability) == (None, None, ())
    assert {found.slope.reason, found.intercept.reason, found.error.estimate.reason} == {Reason.NO_CASE}
