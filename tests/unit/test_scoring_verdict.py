"""The verdict of a calibration test, and the chance to pass it."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtri
from scipy.stats import multivariate_normal, rankdata
from scipy.stats import t as student

from arena.scoring.declared import AttemptSets, CalibrationRules, Equivocal, Rule
from arena.scoring.estimates import Estimate, Method, Reason, absent
from arena.scoring.verdict import (
    FindingTest,
    Verdict,
    auc_bounds,
    binormal_error,
    equivocal_labels,
    finding_test,
    join_equivocal,
    pass_chance,
    service_test,
    smallest_passing,
)
from tests.golden.oracles import column_of, estimate_of

POINT = CalibrationRules(limit=0.81, rule=Rule.POINT)
INTERVAL = CalibrationRules(limit=0.81)
VERDICTS = st.lists(st.sampled_from(list(Verdict)), min_size=1, max_size=6)


def some_auc(shift: float, n: int = 50, seed: int = 4) -> Estimate:
    """Return the AUC of normal scores, n patients of each class."""
    rng = np.random.default_rng(seed)
    positive = np.arange(2 * n) < n
    return estimate_of(column_of(rng.normal(0, 1, 2 * n) + shift * positive, positive))


def judged(estimate: Estimate, rules: CalibrationRules, n: int = 50) -> FindingTest:
    return finding_test("nodule", estimate, rules, patients_positive=n, patients_negative=n)


def fixed(verdict: Verdict, patients: int = 50) -> FindingTest:
    return FindingTest(
        finding="f",
        verdict=verdict,
        value=0.8,
        low=0.7,
        high=0.9,
        alpha=0.05,
        patients_positive=patients,
        patients_negative=60,
    )


@pytest.mark.parametrize("shift", [0.3, 1.3, 2.2, 9.0])
def test_at_alpha_05_the_bounds_are_those_that_are_published(shift: float) -> None:
    estimate = some_auc(shift)
    bounds = auc_bounds(estimate, patients_positive=50, patients_negative=50, alpha=0.05)
    assert bounds is not None
    assert (bounds.low, bounds.high) == pytest.approx((estimate.low, estimate.high), abs=1e-12)


def test_the_interval_decides_between_three_verdicts() -> None:
    estimate = some_auc(1.3)
    assert estimate.low is not None
    assert estimate.high is not None
    for limit, verdict in (
        (estimate.low, Verdict.PASSES),
        (estimate.low + 1e-9, Verdict.UNDECIDED),
        (estimate.high, Verdict.UNDECIDED),
        (estimate.high + 1e-9, Verdict.FAILS),
    ):
        assert judged(estimate, CalibrationRules(limit=limit)).verdict is verdict


def test_the_point_rule_never_leaves_it_undecided() -> None:
    estimate = some_auc(1.3)
    assert estimate.value is not None
    assert judged(estimate, CalibrationRules(limit=estimate.value, rule=Rule.POINT)).verdict is Verdict.PASSES
    above = CalibrationRules(limit=math.nextafter(estimate.value, 1), rule=Rule.POINT)
    assert judged(estimate, above).verdict is Verdict.FAILS


def test_attempts_on_one_set_share_alpha_and_fresh_sets_do_not() -> None:
    estimate = some_auc(1.3)
    same = CalibrationRules(limit=0.7, attempts=4, sets=AttemptSets.SAME)
    fresh = CalibrationRules(limit=0.7, attempts=4)
    assert (judged(estimate, same).alpha, judged(estimate, fresh).alpha) == (0.0125, 0.05)
    value, error = estimate.value, estimate.standard_error
    assert value is not None
    assert error is not None
    half = student.ppf(1 - 0.0125 / 2, 49) * error / (value * (1 - value))
    expected = 1 / (1 + math.exp(half - math.log(value / (1 - value))))
    assert judged(estimate, same).low == pytest.approx(expected, abs=1e-12)


def test_an_auc_that_is_absent_is_undecided_with_its_reason() -> None:
    estimate = absent(Reason.TOO_FEW_PATIENTS, n=10, n_positive=2, method=Method.AUC_LOGIT_T)
    for rules in (POINT, INTERVAL):
        found = judged(estimate, rules, 2)
        assert (found.verdict, found.reason, found.low) == (Verdict.UNDECIDED, Reason.TOO_FEW_PATIENTS, None)


def test_a_value_without_interval_is_judged_by_the_point_rule_alone() -> None:
    estimate = Estimate(n=9, n_positive=1, exact=Fraction(9, 10), method=Method.AUC_LOGIT_T, reason=Reason.ONE_PATIENT)
    assert judged(estimate, INTERVAL, 1).verdict is Verdict.UNDECIDED
    assert judged(estimate, POINT, 1).verdict is Verdict.PASSES


@given(VERDICTS, st.data())
def test_a_service_passes_with_enough_passes_and_fails_when_enough_are_out_of_reach(
    verdicts: list[Verdict], data: st.DataObject
) -> None:
    required = data.draw(st.none() | st.integers(1, len(verdicts)))
    rules = CalibrationRules(limit=0.81, required=required)
    found = service_test([fixed(verdict) for verdict in verdicts], rules, attempts_made=1)
    # Undecided findings may turn out either way: the verdict is what all their outcomes agree on.
    open_ones = verdicts.count(Verdict.UNDECIDED)
    needed = len(verdicts) if required is None else required
    outcomes = {verdicts.count(Verdict.PASSES) + more >= needed for more in range(open_ones + 1)}
    expected = {(True,): Verdict.PASSES, (False,): Verdict.FAILS}.get(tuple(outcomes), Verdict.UNDECIDED)
    assert found.verdict is expected
    assert (found.required, found.passed) == (needed, verdicts.count(Verdict.PASSES))


@pytest.mark.parametrize(("required", "made"), [(3, 1), (0, 1), (1, 0), (1, 2)])
def test_what_was_not_declared_is_a_mistake(required: int, made: int) -> None:
    findings = [fixed(Verdict.PASSES), fixed(Verdict.PASSES)]
    with pytest.raises(ValueError, match=r"cannot be required|was not declared"):
        service_test(findings, CalibrationRules(limit=0.81, required=required), attempts_made=made)


def test_the_protocol_tells_attempts_and_the_chances_of_the_smallest_finding() -> None:
    rules = CalibrationRules(limit=0.81, attempts=3, rule=Rule.POINT)
    findings = [fixed(Verdict.PASSES, 200), fixed(Verdict.FAILS, 50)]
    protocol = service_test(findings, rules, attempts_made=2).protocol
    assert (protocol.attempts_made, protocol.attempts_allowed, protocol.limit) == (2, 3, 0.81)
    assert protocol.chances == tuple(pass_chance(auc, rules, 50, 60) for auc in (0.78, 0.84))
    below = protocol.chances[0]
    assert below.any_attempt == pytest.approx(1 - (1 - below.one_attempt) ** 3)
    assert service_test([fixed(Verdict.UNDECIDED, 1)], rules, attempts_made=1).protocol.chances == ()


def test_the_chances_are_those_of_a_finding_that_has_numbers() -> None:
    rules = CalibrationRules(limit=0.81)
    rare = absent(Reason.TOO_FEW_PATIENTS, n=400, method=Method.AUC_LOGIT_T)
    unknown = finding_test("rare", rare, rules, patients_positive=25, patients_negative=375)
    protocol = service_test([fixed(Verdict.PASSES, 50), unknown], rules, attempts_made=1).protocol
    assert protocol.chances == tuple(pass_chance(auc, rules, 50, 60) for auc in (0.78, 0.84))
    assert protocol.chances_finding == fixed(Verdict.PASSES).finding
    alone = service_test([unknown], rules, attempts_made=1)
    assert (alone.verdict, alone.protocol.chances, alone.protocol.chances_finding) == (Verdict.UNDECIDED, (), None)


def test_equivocal_references_are_read_as_declared() -> None:
    labels = np.array([[1, -1], [0, 0]], dtype=np.int8)
    read = {rule: [array.tolist() for array in equivocal_labels(labels, rule)] for rule in Equivocal}
    as_positive, as_negative = [[1, 1], [0, 0]], [[1, 0], [0, 0]]
    assert read == {
        Equivocal.EXCLUDE: [labels.tolist()],
        Equivocal.POSITIVE: [as_positive],
        Equivocal.NEGATIVE: [as_negative],
        Equivocal.BOTH: [as_positive, as_negative],
    }


def test_readings_that_disagree_decide_nothing() -> None:
    for verdict in Verdict:
        assert join_equivocal([verdict, verdict]) is verdict
    assert join_equivocal([Verdict.PASSES, Verdict.FAILS]) is Verdict.UNDECIDED
    assert join_equivocal([Verdict.PASSES, Verdict.UNDECIDED]) is Verdict.UNDECIDED


@pytest.mark.parametrize("auc", [0.6, 0.81, 0.95])
def test_the_standard_error_by_size_is_bamber_s_with_the_bivariate_normal_integral(auc: float) -> None:
    both = multivariate_normal([0, 0], [[1, 0.5], [0.5, 1]]).cdf([ndtri(auc)] * 2)
    spread = auc * (1 - auc) + (40 - 1 + 70 - 1) * (both - auc * auc)
    assert binormal_error(auc, 40, 70) == pytest.approx(math.sqrt(spread / (40 * 70)), abs=1e-6)


def test_a_service_of_078_passes_the_point_rule_at_081_in_a_quarter_of_sets_of_100() -> None:
    # 26 %: Hanley and McNeil's standard error without the logit; 0.260 in 4,000 simulated sets.
    assert pass_chance(0.78, POINT, 50, 50).one_attempt == pytest.approx(0.26, abs=0.015)
    assert pass_chance(0.84, POINT, 50, 50).one_attempt == pytest.approx(0.78, abs=0.015)
    assert pass_chance(0.78, INTERVAL, 50, 50).one_attempt < 0.01


def simulated(auc: float, m: int, n: int, trials: int) -> tuple[float, float]:
    """Return the shares of simulated sets that pass 0.81 by the point and by the interval."""
    rng, point, interval = np.random.default_rng(17), 0, 0
    shift, t = math.sqrt(2) * ndtri(auc), student.ppf(0.975, min(m, n) - 1)
    for _ in range(trials):
        up, down = rng.normal(shift, 1, m), rng.normal(0, 1, n)
        ranks = rankdata(np.concatenate([up, down]))
        v10, v01 = (ranks[:m] - rankdata(up)) / n, 1 - (ranks[m:] - rankdata(down)) / m
        value = v10.mean()
        error = math.sqrt(v10.var(ddof=1) / m + v01.var(ddof=1) / n)
        point += value >= 0.81
        interval += math.log(value / (1 - value)) - t * error / (value * (1 - value)) >= math.log(0.81 / 0.19)
    return point / trials, interval / trials


@pytest.mark.parametrize(
    ("auc", "m", "n"), [(0.78, 50, 50), (0.84, 50, 50), (0.87, 50, 50), (0.87, 200, 200), (0.84, 40, 160)]
)
def test_simulated_sets_pass_as_often_as_computed(auc: float, m: int, n: int) -> None:
    point, interval = simulated(auc, m, n, 2000)
    assert pass_chance(auc, POINT, m, n).one_attempt == pytest.approx(point, abs=0.03)
    assert pass_chance(auc, INTERVAL, m, n).one_attempt == pytest.approx(interval, abs=0.04)


@given(st.floats(0.55, 0.97), st.floats(0.55, 0.97), st.sampled_from([POINT, INTERVAL]))
def test_a_better_service_passes_at_least_as_often(one: float, other: float, rules: CalibrationRules) -> None:
    low, high = (pass_chance(auc, rules, 60, 80).one_attempt for auc in sorted((one, other)))
    assert low <= high + 1e-12


def test_the_smallest_passing_estimate_passes_and_less_does_not() -> None:
    needed = smallest_passing(INTERVAL, 50, 50)
    assert needed is not None
    lower = []
    for value in (needed, needed - 1e-6):
        half = student.ppf(0.975, 49) * binormal_error(value, 50, 50) / (value * (1 - value))
        lower.append(1 / (1 + math.exp(half - math.log(value / (1 - value)))))
    assert lower[0] == pytest.approx(0.81, abs=1e-9)
    assert lower[1] < 0.81


def test_two_patients_of_a_class_can_pass_no_high_limit() -> None:
    rules = CalibrationRules(limit=0.95)
    assert smallest_passing(rules, 2, 2) is None
    assert pass_chance(0.99, rules, 2, 2).any_attempt == 0.0
