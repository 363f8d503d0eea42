"""Limits of MCC at a prevalence, over every outcome of a set: the joined ones hold, Fisher's do not."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from sklearn.metrics import matthews_corrcoef

from arena.scoring.confusion import matthews as matthews_of_set
from arena.scoring.rates import mcc_at, rates_at
from benchmarks.mcc_coverage import PREVALENCES, SERVICES, fisher_limits, matthews, measure
from tests.golden.oracles import column_of_rates


@pytest.mark.parametrize("prevalence", PREVALENCES)
@pytest.mark.parametrize("service", SERVICES[:4])
def test_joined_limits_hold_the_truth_and_seldom_flatter(service: tuple[float, float], prevalence: Fraction) -> None:
    joined, _ = measure((30, 100), service, prevalence)
    assert joined.given == pytest.approx(1, abs=0.005)
    assert 0.935 <= joined.held <= 0.965
    assert joined.too_high <= 0.025


def test_fishers_limits_flatter_where_few_false_positives_decide() -> None:
    _, fisher = measure((100, 100), (0.7, 0.01), Fraction(1, 20))
    assert fisher.too_high > 0.3
    assert fisher.held < 0.7


def test_fishers_limits_are_absent_where_nothing_varies_and_joined_ones_are_not() -> None:
    rates = rates_at(column_of_rates(40, 40, 0, 40), 6)
    assert rates is not None
    assert fisher_limits(rates, 0.05) is None
    joined = mcc_at(rates, Fraction(1, 20))
    assert joined is not None
    assert joined[1].low < 0.6


def test_fishers_limits_with_classes_fixed_are_near_those_of_a_set_whose_classes_are_random() -> None:
    column = column_of_rates(80, 100, 20, 100)
    rates, of_set = rates_at(column, 6), matthews_of_set(column, 6)
    assert rates is not None
    limits = fisher_limits(rates, 0.5)
    assert limits is not None
    assert (limits.low, limits.high) == pytest.approx((of_set.low, of_set.high), abs=0.005)


def test_the_mcc_of_a_population_is_the_one_of_its_weighted_cases() -> None:
    weights = np.array([0.02 * 0.9, 0.02 * 0.1, 0.98 * 0.2, 0.98 * 0.8])
    expected = matthews_corrcoef([1, 1, 0, 0], [1, 0, 1, 0], sample_weight=weights)
    assert matthews(0.9, 0.2, 0.02) == pytest.approx(expected, abs=1e-12)
