"""Proportions: Wilson's interval, widened where studies of one patient resemble each other; Clopper and Pearson's."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from arena.scoring.binomial import lower_limit, upper_limit
from arena.scoring.estimates import LEVEL, Z_95, Estimate, Interval, Method, Reason, absent, iterated
from arena.scoring.influence import Cases, Column


def wilson_interval(proportion: float, n: float, z: float = Z_95) -> Interval:
    """Return Wilson's score interval without continuity correction.

    Source: Wilson 1927, JASA 22:209–212; method 3 of Newcombe 1998, Statistics in Medicine 17:857–872.

    Args:
        proportion: In [0, 1].
        n: Cases that the proportion is of; the effective number, not necessarily whole; above 0.
        z: Normal quantile; the default gives 95 %.
    """
    weight = z * z / n
    centre = (proportion + weight / 2) / (1 + weight)
    half = z / (1 + weight) * math.sqrt(proportion * (1 - proportion) / n + weight / (4 * n))
    low = 0.0 if proportion == 0 else max(centre - half, 0.0)
    high = 1.0 if proportion == 1 else min(centre + half, 1.0)
    return Interval(low, high)


def patient_share(cases: Cases, *, positive: bool, right: NDArray[np.bool_]) -> Estimate:
    """Return the share of patients with a case of one class whose cases of that class are all right.

    A patient with one wrong case counts as wrong, so the number of cases that a patient brings cannot narrow the
    limits, which are Clopper and Pearson's, two-sided 95 %.

    Args:
        cases: References and patients of all scored cases.
        positive: Which class is asked.
        right: Which cases are right, a mask of shape (c,); looked at in that class.
    """
    method, among = Method.CLOPPER_PEARSON_PATIENTS, cases.positive == positive
    asked = np.bincount(cases.patients[among], minlength=cases.n_patients) > 0
    wrong = np.bincount(cases.patients[among & ~right], minlength=cases.n_patients) > 0
    n = int(np.count_nonzero(asked))
    if n == 0:
        return absent(Reason.NO_CASE, n=0, n_positive=0, method=method)
    hits = n - int(np.count_nonzero(wrong))
    each = (1 + LEVEL) / 2
    return Estimate(
        n=n,
        n_positive=n if positive else 0,
        exact=Fraction(hits, n),
        low=iterated(lower_limit(hits, n, each)),
        high=iterated(upper_limit(hits, n, each)),
        method=method,
    )


def design_effect(values: NDArray[np.float64], patients: NDArray[np.int64]) -> float:
    """Return by how much clustering by patient widens the variance of a mean, at least 1.

    The variance of the ratio estimator over patients, I/(I − 1) · Σ_i (Σ_j (v_ij − v̄))² / c², over the variance of a
    mean of c independent cases (Rao and Scott 1992, Biometrics 48:577–585). Where nothing can be
    learned from the values (all equal, or one patient), the worst is assumed, that a patient's cases always agree:
    Σ c_i² / c, with c_i the cases of patient i (Kish 1965, Survey Sampling). Exactly 1 where patients hold
    one case each.

    Args:
        values: One value a case, such as 0/1, shape (c,), c ≥ 1.
        patients: Patient code of each case, shape (c,).
    """
    held = np.bincount(patients)
    held = held[held > 0]
    cases, clusters = int(values.size), int(held.size)
    if clusters == cases:
        return 1.0
    residuals = values - float(values.mean())
    within_cases = float(np.sum(np.square(residuals)))
    if clusters == 1 or within_cases == 0.0:
        return int(np.sum(np.square(held))) / cases
    between = float(np.sum(np.square(np.bincount(patients, weights=residuals))))
    effect = between * clusters / (clusters - 1) / (within_cases * cases / (cases - 1))
    return max(effect, 1.0)


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """The four proportions at a threshold; a case whose level is at or above the threshold is called positive."""

    sensitivity: Estimate
    specificity: Estimate
    ppv: Estimate
    npv: Estimate


def operating_point(column: Column, threshold_code: int) -> OperatingPoint:
    """Return sensitivity, specificity, PPV and NPV with Wilson intervals on cases adjusted by the design effect.

    PPV and NPV hold for the share of positives of this very set, which `n` and `n_positive` of the other two show.

    Args:
        column: The scored cases.
        threshold_code: The code at or above which a case is called positive.
    """
    positives, negatives = column.counts.positives, column.counts.negatives
    true_positive = int(column.counts.positive[threshold_code:].sum())
    false_positive = int(column.counts.negative[threshold_code:].sum())
    false_negative, true_negative = positives - true_positive, negatives - false_positive
    called, positive, cases = column.cells >= 2 * threshold_code, column.cases.positive, column.cases
    called_n, cleared_n = true_positive + false_positive, true_negative + false_negative
    return OperatingPoint(
        sensitivity=share(true_positive, positives, positives, cases, positive, called),
        specificity=share(true_negative, negatives, 0, cases, ~positive, ~called),
        ppv=share(true_positive, called_n, true_positive, cases, called, positive),
        npv=share(true_negative, cleared_n, false_negative, cases, ~called, ~positive),
    )


def share(
    hits: int,
    n: int,
    n_positive: int,
    cases: Cases,
    among: NDArray[np.bool_],
    right: NDArray[np.bool_],
) -> Estimate:
    """Return hits / n with Wilson's interval on n divided by the design effect.

    Args:
        hits: Cases among those that are right.
        n: Cases that the share is of; none gives no value.
        n_positive: How many of these n have the finding, for display.
        cases: References and patients of all scored cases.
        among: The n cases, a mask of shape (c,).
        right: Which cases are right, a mask of shape (c,); looked at where `among` is set.
    """
    method = Method.WILSON_DESIGN_EFFECT
    if n == 0:
        return absent(Reason.NO_CASE, n=0, n_positive=0, method=method)
    effect = 1.0 if cases.independent else design_effect(right[among].astype(np.float64), cases.patients[among])
    limits = wilson_interval(hits / n, n / effect)
    return Estimate(
        n=n, n_positive=n_positive, exact=Fraction(hits, n), low=limits.low, high=limits.high, method=method
    )
