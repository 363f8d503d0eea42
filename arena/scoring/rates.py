"""Sensitivity and false positive rate at one threshold, and limits of what is computed from both of them.

PPV and F1 at a prevalence, workload and net benefit are linear in the two rates, or are the point at which something
linear in them is 0; MCC rises with the one and falls with the other. Their limits are recovered from the Wilson limits
of the rates by squaring and adding (MOVER: Zou and Donner 2008, Statistics in Medicine 27:1693–1702; for ratios Donner
and Zou 2012, Statistical Methods in Medical Research 21:347–359), with the correlation between the rates where
patients hold cases of both classes. So they keep a width where a rate is 0 or 1, and stay within the possible values.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from arena.scoring.estimates import Interval
from arena.scoring.influence import Cases, Column
from arena.scoring.proportions import design_effect, wilson_interval

_HALVINGS = 60


@dataclass(frozen=True, slots=True)
class Rates:
    """Two shares of called cases with their limits.

    Attributes:
        true_positive: Share called among positives.
        false_positive: Share called among negatives.
        of_true: 95 % limits of the former.
        of_false: 95 % limits of the latter.
        correlation: Of the two estimates, −1…1; 0 where no patient holds cases of both classes.
        cases: Scored cases.
        positives: How many of them are positive.
    """

    true_positive: Fraction
    false_positive: Fraction
    of_true: Interval
    of_false: Interval
    correlation: float
    cases: int
    positives: int


def rates_at(column: Column, threshold_code: int) -> Rates | None:
    """Return the rates of calling the cases at or above a code; None where a class is empty."""
    true_positive = int(column.counts.positive[threshold_code:].sum())
    false_positive = int(column.counts.negative[threshold_code:].sum())
    called = None if column.cases.independent else column.cells >= 2 * threshold_code
    return _rates(column.cases, column.counts.positives, true_positive, false_positive, called)


def rates_of(cases: Cases, called: NDArray[np.bool_]) -> Rates | None:
    """Return the rates of calling the cases of a mask of shape (c,); None where a class is empty."""
    positives = int(np.count_nonzero(cases.positive))
    true_positive = int(np.count_nonzero(called & cases.positive))
    return _rates(cases, positives, true_positive, int(np.count_nonzero(called)) - true_positive, called)


def _rates(
    cases: Cases, positives: int, true_positive: int, false_positive: int, called: NDArray[np.bool_] | None
) -> Rates | None:
    negatives = cases.n - positives
    if positives == 0 or negatives == 0:
        return None
    effects, correlation = (1.0, 1.0), 0.0
    if called is not None and not cases.independent:
        values, positive = called.astype(np.float64), cases.positive
        effects = (
            design_effect(values[positive], cases.patients[positive]),
            design_effect(values[~positive], cases.patients[~positive]),
        )
        correlation = _correlation(cases, values, true_positive / positives, false_positive / negatives)
    sensitivity, rate = Fraction(true_positive, positives), Fraction(false_positive, negatives)
    return Rates(
        true_positive=sensitivity,
        false_positive=rate,
        of_true=wilson_interval(float(sensitivity), positives / effects[0]),
        of_false=wilson_interval(float(rate), negatives / effects[1]),
        correlation=correlation,
        cases=cases.n,
        positives=positives,
    )


def _correlation(cases: Cases, called: NDArray[np.float64], sensitivity: float, rate: float) -> float:
    """Return Σ x y / √(Σ x² Σ y²), x and y the sums of a patient's residuals among positives and negatives."""
    positive, patients = cases.positive, cases.patients
    x = np.bincount(patients[positive], weights=called[positive] - sensitivity, minlength=cases.n_patients)
    y = np.bincount(patients[~positive], weights=called[~positive] - rate, minlength=cases.n_patients)
    spread = math.sqrt(float(np.sum(np.square(x))) * float(np.sum(np.square(y))))
    return max(-1.0, min(1.0, float(np.sum(x * y)) / spread)) if spread > 0 else 0.0


def linear_interval(rates: Rates, of_true: float, of_false: float, constant: float = 0.0) -> Interval:
    """Return the limits of constant + of_true · (true positive rate) + of_false · (false positive rate)."""
    t, f = float(rates.true_positive), float(rates.false_positive)
    value = constant + of_true * t + of_false * f
    sign = rates.correlation * math.copysign(1.0, of_true) * math.copysign(1.0, of_false)

    def reach(true_limit: float, false_limit: float) -> float:
        return _joined(abs(of_true * (t - true_limit)), abs(of_false * (f - false_limit)), sign)

    low_t, high_t = (rates.of_true.low, rates.of_true.high)[:: 1 if of_true >= 0 else -1]
    low_f, high_f = (rates.of_false.low, rates.of_false.high)[:: 1 if of_false >= 0 else -1]
    return Interval(value - reach(low_t, low_f), value + reach(high_t, high_f))


def _joined(a: float, b: float, correlation: float) -> float:
    return math.sqrt(max(a * a + b * b + 2 * correlation * a * b, 0.0))


def ppv_at(rates: Rates, prevalence: Fraction) -> tuple[Fraction, Interval] | None:
    """Return the PPV at a prevalence π, π·Se / (π·Se + (1 − π)·FPR), and its limits; None where nothing is called."""
    called = prevalence * rates.true_positive + (1 - prevalence) * rates.false_positive
    if called == 0:
        return None
    value, share = prevalence * rates.true_positive / called, float(prevalence)
    # PPV is the v at which (1 − v)·π·Se − v·(1 − π)·FPR is 0.
    return value, _root_limits(float(value), lambda v: linear_interval(rates, (1 - v) * share, -v * (1 - share)))


def npv_at(rates: Rates, prevalence: Fraction) -> tuple[Fraction, Interval] | None:
    """Return the NPV at a prevalence π and its limits; None where every case is called."""
    right, missed = (1 - prevalence) * (1 - rates.false_positive), prevalence * (1 - rates.true_positive)
    if right + missed == 0:
        return None
    value, share = right / (right + missed), float(prevalence)
    # NPV is the v at which (1 − v)·(1 − π)·(1 − FPR) − v·π·(1 − Se) is 0.
    return value, _root_limits(
        float(value),
        lambda v: linear_interval(rates, v * share, -(1 - v) * (1 - share), constant=(1 - v) * (1 - share) - v * share),
    )


def f1_at(rates: Rates, prevalence: Fraction) -> tuple[Fraction, Interval]:
    """Return F1 at a prevalence π > 0, 2π·Se / (π·Se + (1 − π)·FPR + π), and its limits."""
    called = prevalence * rates.true_positive + (1 - prevalence) * rates.false_positive
    value, share = 2 * prevalence * rates.true_positive / (called + prevalence), float(prevalence)
    # F1 is the v at which (2 − v)·π·Se − v·(1 − π)·FPR − v·π is 0.
    return value, _root_limits(
        float(value),
        lambda v: linear_interval(rates, (2 - v) * share, -v * (1 - share), constant=-v * share),
    )


def mcc_at(rates: Rates, prevalence: Fraction) -> tuple[Fraction, Interval] | None:
    """Return Matthews' coefficient at a prevalence π and its limits; None where all cases are called, or none.

    MCC = √(π(1 − π)) · (Se − FPR) / √(c(1 − c)), c = π·Se + (1 − π)·FPR, rises with Se and falls with FPR. What it
    loses when either rate alone goes to its worse limit is squared and added, and likewise what it gains. This held
    the truth where Fisher's z with a linearised variance did not: at a low prevalence MCC hangs on the few false
    positives of the set, or on there being none (benchmarks/mcc_coverage.py).
    """
    called = prevalence * rates.true_positive + (1 - prevalence) * rates.false_positive
    if called in {0, 1}:
        return None
    value = _matthews(rates.true_positive, rates.false_positive, prevalence)
    t, f, share = float(rates.true_positive), float(rates.false_positive), float(prevalence)

    def reach(true_limit: float, false_limit: float) -> float:
        # A limit is 0 or 1 only where the rate is, so MCC exists at both places.
        by_true, by_false = _matthews(true_limit, f, share), _matthews(t, false_limit, share)
        return _joined(abs(value - by_true), abs(value - by_false), -rates.correlation)

    return Fraction(value), Interval(
        max(value - reach(rates.of_true.low, rates.of_false.high), -1.0),
        min(value + reach(rates.of_true.high, rates.of_false.low), 1.0),
    )


def _matthews(true_positive: Fraction | float, false_positive: Fraction | float, share: Fraction | float) -> float:
    """Return MCC; of rationals only the last two steps are rounded, its square to a float and the root of that."""
    called = share * true_positive + (1 - share) * false_positive
    gap = true_positive - false_positive
    square = share * (1 - share) * gap * gap / (called * (1 - called))
    return math.copysign(min(math.sqrt(square), 1.0), gap)


def _root_limits(value: float, limits_at: Callable[[float], Interval]) -> Interval:
    """Return the v below and above `value` at which a falling function's lower and upper limit is 0.

    Args:
        value: Its root, in [0, 1].
        limits_at: The limits of the function at v.
    """

    def boundary(far: float, outside: Callable[[Interval], bool]) -> float:
        near = value
        for _ in range(_HALVINGS):
            middle = (near + far) / 2
            near, far = (near, middle) if outside(limits_at(middle)) else (middle, far)
        return far

    return Interval(
        0.0 if value == 0 else boundary(0.0, lambda limits: limits.low > 0),
        1.0 if value == 1 else boundary(1.0, lambda limits: limits.high < 0),
    )
