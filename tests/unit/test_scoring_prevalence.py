"""What depends on the share of positives: predictive values, workload, Brier score, net benefit."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import brier_score_loss

from arena.scoring.brier import brier_score
from arena.scoring.calibration import Bins, calibration_error
from arena.scoring.confusion import confusion_at, f1_score, matthews
from arena.scoring.decision import LEVELS, decision_curve
from arena.scoring.estimates import Estimate, Reason
from arena.scoring.influence import Column
from arena.scoring.prevalence import (
    DeclaredPrevalence,
    PointAtPrevalence,
    PrevalenceScores,
    brier_at,
    point_at,
    predictive_values,
    scores_at_prevalence,
    scores_of_set,
    workload_at,
)
from arena.scoring.proportions import operating_point, wilson_interval
from arena.scoring.rates import linear_interval, rates_at
from tests.golden.oracles import column_of_rates, golden, jackknife_error, level_column

ROWS = st.lists(st.tuples(st.integers(0, 10_000), st.booleans()), min_size=2, max_size=40).filter(
    lambda rows: {positive for _, positive in rows} == {True, False}
)
SHARES = st.integers(1, 99).map(lambda percent: Fraction(percent, 100))


def clustered(seed: int = 3) -> Column:
    rng = np.random.default_rng(seed)
    patients = np.unique(rng.integers(0, 220, 400), return_inverse=True)[1]
    positive = rng.random(400) < 0.35
    latent = rng.normal(size=400) + 1.6 * positive - 0.8 + rng.normal(size=patients.max() + 1)[patients]
    return level_column(np.rint(10_000 / (1 + np.exp(-latent))).astype(np.int64), positive, patients)


@pytest.mark.parametrize("share", ["1/2", "1/100"])
def test_the_ppv_of_one_service_at_two_prevalences(share: str) -> None:
    expected = golden("small.json")["predictive_value"]
    ppv = point_at(column_of_rates(98, 100, 40, 100), 5, Fraction(share)).ppv
    assert ppv.exact == Fraction(expected["ppv"][share])


@settings(deadline=None)
@given(ROWS, st.integers(0, 10_000))
def test_at_the_sets_own_share_every_value_is_the_sets(rows: list[tuple[int, bool]], threshold: int) -> None:
    column = level_column([level for level, _ in rows], [positive for _, positive in rows])
    own, point = Fraction(column.counts.positives, column.cases.n), operating_point(column, threshold + 1)
    found = point_at(column, threshold, own)
    assert (found.ppv.exact, found.npv.exact) == (point.ppv.exact, point.npv.exact)
    assert found.f1.exact == f1_score(column, threshold + 1).exact
    of_set = matthews(column, threshold + 1)
    assert found.mcc.value == pytest.approx(of_set.value, abs=1e-15)
    assert (found.mcc.value is None) == (of_set.value is None) == (found.mcc.reason is Reason.ALL_CALLED_ALIKE)
    assert brier_at(column, own).exact == brier_score(column).exact
    assert workload_at(column, threshold, own).exact == Fraction(
        sum(level >= threshold for level, _ in rows), len(rows)
    )


@settings(deadline=None, max_examples=60)
@given(ROWS, st.integers(0, 10_000), SHARES)
def test_limits_enclose_the_value_and_stay_between_0_and_1(
    rows: list[tuple[int, bool]], threshold: int, share: Fraction
) -> None:
    column = level_column([level for level, _ in rows], [positive for _, positive in rows])
    point = point_at(column, threshold, share)
    for found in (point.ppv, point.npv, point.f1, workload_at(column, threshold, share)):
        if found.value is None:
            assert found.reason is Reason.ALL_CALLED_ALIKE
            continue
        assert found.low is not None
        assert found.high is not None
        assert 0 <= found.low <= found.value <= found.high <= 1
        assert found.low < found.high


@settings(deadline=None)
@given(ROWS, SHARES)
def test_scikit_learn_agrees_on_the_re_weighted_brier_score(rows: list[tuple[int, bool]], share: Fraction) -> None:
    levels, positive = np.array([level for level, _ in rows]), np.array([truth for _, truth in rows])
    weight = np.where(positive, float(share) / positive.sum(), float(1 - share) / (~positive).sum())
    expected = brier_score_loss(positive, levels / 10_000, sample_weight=weight)
    assert brier_at(level_column(levels, positive), share).value == pytest.approx(expected, abs=1e-12)


def test_the_limits_of_a_ppv_are_those_of_the_ratio_of_the_two_rates() -> None:
    rates = rates_at(column_of_rates(45, 50, 30, 200), 6)
    assert rates is not None
    ppv = point_at(column_of_rates(45, 50, 30, 200), 5, Fraction(1, 10)).ppv
    # Donner and Zou's closed form for a ratio of independent shares, here FPR/Se, carried over to PPV.
    top, bottom = 0.15, 0.9
    l1, u1, l2, u2 = rates.of_false.low, rates.of_false.high, rates.of_true.low, rates.of_true.high
    product = top * bottom
    low = (product - np.sqrt(product**2 - l1 * (2 * top - l1) * u2 * (2 * bottom - u2))) / (u2 * (2 * bottom - u2))
    high = (product + np.sqrt(product**2 - u1 * (2 * top - u1) * l2 * (2 * bottom - l2))) / (l2 * (2 * bottom - l2))
    assert (ppv.low, ppv.high) == pytest.approx((1 / (1 + 9 * high), 1 / (1 + 9 * low)), abs=1e-10)


def test_a_service_without_a_false_positive_has_no_certain_ppv() -> None:
    found = point_at(column_of_rates(40, 40, 0, 40), 5, Fraction(1, 100))
    assert (found.ppv.exact, found.npv.exact) == (1, 1)
    assert found.ppv.low is not None
    assert found.npv.low is not None
    assert found.ppv.low < 0.15
    assert 0.998 < found.npv.low < 1


def test_the_error_of_the_re_weighted_brier_score_is_the_jackknifes_over_patients() -> None:
    column, share = clustered(), 0.05
    answers, positive = (column.cells // 2 - 1) / 10_000, column.cases.positive
    loss = np.square(answers - positive)

    def without(kept: NDArray[np.bool_]) -> float:
        return float(share * loss[kept & positive].mean() + (1 - share) * loss[kept & ~positive].mean())

    found = brier_at(column, Fraction(1, 20)).standard_error
    assert found == pytest.approx(jackknife_error(without, column.cases.patients), rel=0.02)


def test_rates_of_patients_with_both_classes_are_taken_as_dependent() -> None:
    rng = np.random.default_rng(2)
    patients, positive = np.repeat(np.arange(300), 2), np.tile([True, False], 300)
    same = np.repeat(rng.random(300) < 0.5, 2)
    rates = rates_at(level_column(np.where(same, 9, 1), positive, patients), 6)
    apart = rates_at(level_column(np.where(same, 9, 1), positive), 6)
    assert rates is not None
    assert apart is not None
    assert (rates.correlation, apart.correlation) == (pytest.approx(1), 0)
    # Equal rates of the same patients: their difference is 0 without doubt, their sum is in more.
    difference, total = linear_interval(rates, 1, -1), linear_interval(rates, 1, 1)
    assert difference.high - difference.low < 0.02
    assert total.high - total.low > 1.3 * (linear_interval(apart, 1, 1).high - linear_interval(apart, 1, 1).low)


def test_patients_with_several_cases_of_a_class_widen_its_limits() -> None:
    patients = np.repeat(np.arange(200), 2)
    positive, called = np.repeat(np.arange(200) < 100, 2), np.repeat(np.arange(200) % 5 > 0, 2)
    rates = rates_at(level_column(np.where(called, 9, 1), positive, patients), 6)
    assert rates is not None
    naive = wilson_interval(0.8, 200)
    assert rates.of_true.low < naive.low
    assert rates.of_true.high > naive.high


@settings(deadline=None, max_examples=30)
@given(ROWS, SHARES)
def test_net_benefit_is_what_a_loop_over_cases_gives(rows: list[tuple[int, bool]], share: Fraction) -> None:
    column = level_column([level for level, _ in rows], [positive for _, positive in rows])
    levels = (500, 2000, 9000)
    curve = decision_curve(column, share, levels)
    assert curve is not None
    for level, found, everyone in zip(levels, curve.net_benefit, curve.treat_all, strict=True):
        up = [answer >= level for answer, positive in rows if positive]
        down = [answer >= level for answer, positive in rows if not positive]
        rate = level / (10_000 - level)
        by_hand = float(share) * np.mean(up) - (1 - float(share)) * np.mean(down) * rate
        assert found.value == pytest.approx(by_hand, abs=1e-12)
        assert everyone == pytest.approx(float(share) - (1 - float(share)) * rate, abs=1e-12)
        assert found.low is not None
        assert found.high is not None
        assert found.low < (found.value or 0) + 1e-12
        assert found.high > (found.value or 0) - 1e-12


def test_calling_everybody_is_worth_what_treating_all_is() -> None:
    curve = decision_curve(level_column([9999] * 6, [True, True, False, False, False, False]), Fraction(1, 3))
    assert curve is not None
    assert curve.levels == LEVELS
    assert [found.value for found in curve.net_benefit] == pytest.approx(list(curve.treat_all))


def test_a_set_with_one_class_has_no_decision_curve() -> None:
    assert decision_curve(level_column([1, 2], [True, True]), Fraction(1, 3)) is None


def test_threshold_probabilities_0_and_1_are_refused() -> None:
    for level in (0, 10_000):
        with pytest.raises(ValueError, match="strictly between"):
            decision_curve(level_column([1, 2], [True, False]), Fraction(1, 3), (level,))


def at_declared(column: Column, declared: DeclaredPrevalence | None, *, enriched: bool = False) -> PrevalenceScores:
    return scores_at_prevalence(
        column, column, 5000, declared, enriched_by_difficulty=enriched, bins=Bins(), seed=1, simulations=20
    )


def told(found: PrevalenceScores) -> tuple[Estimate, ...]:
    point = (found.ppv, found.npv, found.f1, found.mcc, found.workload)
    return (*point, found.average_precision, found.brier, found.error.estimate)


def test_nothing_is_told_at_a_prevalence_that_nobody_declared() -> None:
    found = at_declared(clustered(), None)
    assert (found.prevalence, found.source, found.reason) == (None, None, Reason.NO_PREVALENCE)
    everything = told(found)
    assert all(each.value is None and each.reason is Reason.NO_PREVALENCE for each in everything)
    assert found.decision_curve is None


def test_a_set_enriched_by_difficulty_is_never_re_weighted() -> None:
    declared = DeclaredPrevalence(Fraction(1, 20), "registry")
    found = at_declared(clustered(), declared, enriched=True)
    everything = told(found)
    assert all(each.value is None and each.reason is Reason.ENRICHED_BY_DIFFICULTY for each in everything)
    assert (found.prevalence, found.source, found.decision_curve) == (declared.share, "registry", None)


def test_at_a_threshold_of_its_own_predictive_values_are_re_weighted_or_refused_alike() -> None:
    declared, column = DeclaredPrevalence(Fraction(1, 20), "registry"), clustered()
    found = predictive_values(column, 7000, declared, enriched_by_difficulty=False)
    assert PointAtPrevalence(found.ppv, found.npv, found.f1, found.mcc) == point_at(column, 7000, declared.share)
    assert (found.threshold, found.prevalence, found.source, found.reason) == (7000, declared.share, "registry", None)
    hard = predictive_values(column, 7000, declared, enriched_by_difficulty=True)
    bare = predictive_values(column, 7000, None, enriched_by_difficulty=True)
    for each, reason in ((hard, Reason.ENRICHED_BY_DIFFICULTY), (bare, Reason.NO_PREVALENCE)):
        assert each.reason is each.ppv.reason is each.npv.reason is each.f1.reason is each.mcc.reason is reason
        assert (each.ppv.value, each.npv.value, each.f1.value, each.mcc.value) == (None, None, None, None)
    assert (bare.prevalence, bare.source) == (None, None)


def test_f1_and_mcc_of_the_set_are_those_of_its_confusion_and_at_a_prevalence_others() -> None:
    column = clustered()
    error = calibration_error(column, Bins(), seed=1, simulations=20)
    confusion = confusion_at(column, 5000)
    of_set = scores_of_set(column, 5000, error=error)
    assert (of_set.f1, of_set.mcc) == (confusion.f1, confusion.mcc)
    rare = at_declared(column, DeclaredPrevalence(Fraction(1, 50), "registry"))
    assert rare.f1.value is not None
    assert rare.mcc.value is not None
    assert rare.f1.value < 0.5 * (confusion.f1.value or 0)
    assert rare.mcc.value < 0.7 * (confusion.mcc.value or 0)
    assert {rare.f1.n, rare.mcc.n} == {400}


def test_no_predictive_value_stands_without_its_prevalence() -> None:
    column = clustered()
    error = calibration_error(column, Bins(), seed=1, simulations=20)
    declared = DeclaredPrevalence(Fraction(1, 5), "registry of 2025")
    for found in (scores_of_set(column, 5000, error=error), at_declared(column, declared)):
        assert found.ppv.value is not None
        assert found.f1.value is not None
        assert found.mcc.value is not None
        assert found.prevalence is not None
        assert found.source
        assert found.decision_curve is not None
        assert found.decision_curve.prevalence == found.prevalence


def test_an_unanswered_study_is_work_for_the_doctor_and_an_error_besides() -> None:
    # A missing positive and a missing negative under the policy `worst`, and two answered cases below the threshold.
    column = level_column([-1, 10_001, 1000, 1000], [True, False, True, False])
    error = calibration_error(level_column([1000, 1000], [True, False]), Bins(), seed=1, simulations=2)
    assert scores_of_set(column, 5000, error=error).workload.exact == Fraction(1, 2)
    assert workload_at(column, 5000, Fraction(1, 10)).exact == Fraction(1, 2)
    assert operating_point(column, 5001).sensitivity.exact == 0


@pytest.mark.parametrize("share", [Fraction(0), Fraction(1), Fraction(3, 2)])
def test_a_declared_prevalence_lies_strictly_between_0_and_1(share: Fraction) -> None:
    with pytest.raises(ValueError, match="strictly between"):
        DeclaredPrevalence(share, "nowhere")


def test_the_interval_of_a_re_weighted_ppv_covers() -> None:
    rng, inside, trials = np.random.default_rng(10), 0, 1000
    true = 0.05 * 0.9 / (0.05 * 0.9 + 0.95 * 0.1)
    for _ in range(trials):
        column = column_of_rates(int(rng.binomial(80, 0.9)), 80, int(rng.binomial(120, 0.1)), 120)
        ppv = point_at(column, 5, Fraction(1, 20)).ppv
        inside += ppv.low is not None and ppv.high is not None and ppv.low <= true <= ppv.high
    assert inside / trials == pytest.approx(0.95, abs=0.02)
