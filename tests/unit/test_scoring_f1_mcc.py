"""F1 and Matthews' coefficient at a prevalence: as weights give them, and limits that know how few cases decide."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score, matthews_corrcoef

from arena.scoring.estimates import Reason
from arena.scoring.prevalence import point_at
from arena.scoring.rates import linear_interval, rates_at
from tests.golden.oracles import column_of_rates, level_column

ROWS = st.lists(st.tuples(st.integers(0, 10_000), st.booleans()), min_size=2, max_size=40).filter(
    lambda rows: {positive for _, positive in rows} == {True, False}
)
SHARES = st.integers(1, 99).map(lambda percent: Fraction(percent, 100))


@settings(deadline=None, max_examples=60)
@given(ROWS, st.integers(0, 10_000), SHARES)
def test_scikit_learn_agrees_on_the_re_weighted_f1_and_mcc(
    rows: list[tuple[int, bool]], threshold: int, share: Fraction
) -> None:
    levels, positive = np.array([level for level, _ in rows]), np.array([truth for _, truth in rows])
    called = levels >= threshold
    weight = np.where(positive, float(share) / positive.sum(), float(1 - share) / (~positive).sum())
    found = point_at(level_column(levels, positive), threshold, share)
    assert found.f1.value == pytest.approx(f1_score(positive, called, sample_weight=weight), abs=1e-12)
    if called.all() or not called.any():
        assert (found.mcc.value, found.mcc.reason) == (None, Reason.ALL_CALLED_ALIKE)
    else:
        assert found.mcc.value == pytest.approx(matthews_corrcoef(positive, called, sample_weight=weight), abs=1e-12)


@settings(deadline=None, max_examples=60)
@given(ROWS, st.integers(0, 10_000), SHARES)
def test_f1_and_mcc_are_those_of_the_population_that_is_written_out(
    rows: list[tuple[int, bool]], threshold: int, share: Fraction
) -> None:
    # Whole numbers of studies: each positive as often as π · n asks for, each negative as often as (1 − π) · m.
    m = sum(positive for _, positive in rows)
    often = {True: share.numerator * (len(rows) - m), False: (share.denominator - share.numerator) * m}
    counts = {(called, positive): 0 for called in (True, False) for positive in (True, False)}
    for level, positive in rows:
        counts[level >= threshold, positive] += often[positive]
    tp, fp, fn, tn = (counts[key] for key in ((True, True), (True, False), (False, True), (False, False)))
    found = point_at(level_column([level for level, _ in rows], [p for _, p in rows]), threshold, share)
    assert found.f1.exact == Fraction(2 * tp, 2 * tp + fp + fn)
    product = (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)
    if product == 0:
        assert found.mcc.value is None
    else:
        assert found.mcc.value == pytest.approx((tp * tn - fp * fn) / np.sqrt(float(product)), abs=1e-12)


@settings(deadline=None, max_examples=60)
@given(ROWS, st.integers(0, 10_000), SHARES)
def test_limits_of_an_mcc_enclose_it_and_stay_between_minus_1_and_1(
    rows: list[tuple[int, bool]], threshold: int, share: Fraction
) -> None:
    column = level_column([level for level, _ in rows], [positive for _, positive in rows])
    found = point_at(column, threshold, share).mcc
    if found.value is not None:
        assert found.low is not None
        assert found.high is not None
        assert -1 <= found.low <= found.value <= found.high <= 1
        assert found.low < found.high


@pytest.mark.parametrize("false_positives", [0, 300])
def test_where_all_cases_are_called_alike_there_is_an_f1_and_no_mcc(false_positives: int) -> None:
    found = point_at(column_of_rates(100 if false_positives else 0, 100, false_positives, 300), 5, Fraction(1, 10))
    assert found.f1.exact == (Fraction(2, 11) if false_positives else 0)
    assert found.f1.low is not None
    assert found.f1.high is not None
    assert (found.mcc.exact, found.mcc.low, found.mcc.reason) == (None, None, Reason.ALL_CALLED_ALIKE)


def test_in_a_set_with_one_class_nothing_is_told_at_a_prevalence() -> None:
    for truth, reason in ((True, Reason.NO_NEGATIVE), (False, Reason.NO_POSITIVE)):
        found = point_at(level_column([1, 9], [truth, truth]), 5, Fraction(1, 10))
        assert {each.reason for each in (found.ppv, found.npv, found.f1, found.mcc)} == {reason}
        assert {each.value for each in (found.ppv, found.npv, found.f1, found.mcc)} == {None}


def test_the_limits_of_an_f1_are_where_the_limits_of_a_line_in_both_rates_are_0() -> None:
    column, share = column_of_rates(45, 50, 30, 200), Fraction(1, 10)
    rates, found = rates_at(column, 6), point_at(column, 5, share).f1
    assert rates is not None
    assert found.low is not None
    assert found.high is not None
    at_low = linear_interval(rates, (2 - found.low) * 0.1, -found.low * 0.9, constant=-found.low * 0.1)
    at_high = linear_interval(rates, (2 - found.high) * 0.1, -found.high * 0.9, constant=-found.high * 0.1)
    assert (at_low.low, at_high.high) == pytest.approx((0, 0), abs=1e-12)


def test_the_limits_of_an_mcc_join_what_each_rate_does_alone() -> None:
    column = column_of_rates(45, 50, 30, 200)
    rates, found = rates_at(column, 6), point_at(column, 5, Fraction(1, 10)).mcc
    assert rates is not None
    assert found.value is not None

    def mcc(se: float, fpr: float) -> float:
        tp, fp, fn, tn = 0.1 * se, 0.9 * fpr, 0.1 * (1 - se), 0.9 * (1 - fpr)
        return (tp * tn - fp * fn) / float(np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)))

    lost = mcc(rates.of_true.low, 0.15) - found.value, mcc(0.9, rates.of_false.high) - found.value
    won = mcc(rates.of_true.high, 0.15) - found.value, mcc(0.9, rates.of_false.low) - found.value
    assert found.low == pytest.approx(found.value - np.hypot(*lost), abs=1e-12)
    assert found.high == pytest.approx(found.value + np.hypot(*won), abs=1e-12)


def test_an_mcc_of_patients_who_are_called_as_a_whole_is_surer_than_one_of_strangers() -> None:
    rng = np.random.default_rng(2)
    patients, positive = np.repeat(np.arange(300), 2), np.tile([True, False], 300)
    same = np.repeat(rng.random(300) < 0.5, 2)
    together = point_at(level_column(np.where(same, 9, 1), positive, patients), 5, Fraction(1, 2)).mcc
    apart = point_at(level_column(np.where(same, 9, 1), positive), 5, Fraction(1, 2)).mcc
    assert (together.value, apart.value) == (0, 0)
    for each in (together, apart):
        assert each.low is not None
        assert each.high is not None
    # Both rates move together, so their difference, and with it the MCC of 0, does not.
    assert (together.high or 0) - (together.low or 0) < 0.1 * ((apart.high or 0) - (apart.low or 0))


def test_a_service_without_an_error_has_no_certain_f1_or_mcc_at_a_prevalence() -> None:
    found = point_at(column_of_rates(40, 40, 0, 40), 5, Fraction(1, 100))
    for each in (found.f1, found.mcc):
        assert (each.exact, each.high, each.reason) == (1, 1, None)
        assert each.low is not None
        assert 0.1 < each.low < 0.4
    inverted = point_at(column_of_rates(0, 40, 40, 40), 5, Fraction(1, 100))
    assert (inverted.f1.exact, inverted.f1.low, inverted.mcc.exact, inverted.mcc.low) == (0, 0, -1, -1)
    assert inverted.mcc.high is not None
    assert -1 < inverted.mcc.high < 0
