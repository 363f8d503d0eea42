"""Intervals of smooth functions of the two distributions of answers, by their influence.

A number such as a partial AUC is a function of p_k and q_k, the shares of positives and of negatives at code k. Its
derivatives by them, centred within each class, say what one case contributes; summed by patient they give the variance,
just as placement values do for the AUC (`arena.scoring.influence`). This is the infinitesimal jackknife (Jaeckel 1972;
Efron 1982, The Jackknife, the Bootstrap and Other Resampling Plans, chapter 6) with patients as units. In seeded trials
its logit interval held average precision and MCC better than percentiles of 400 resamples of patients did, whose lower
limit erred in the vendor's favour (docs/statistics.md).
"""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from arena.scoring.estimates import LEVEL, Estimate, Method, Reason
from arena.scoring.influence import Column, column_variance
from arena.scoring.intervals import logit_t_interval


def class_table(
    column: Column, of_positive: NDArray[np.float64], of_negative: NDArray[np.float64]
) -> NDArray[np.float64] | None:
    """Return what one case of each cell adds to its patient's influence, the class totals being fixed.

    Args:
        column: The scored cases, both classes present.
        of_positive: Derivative of the number by the share of positives at each code, shape (size,).
        of_negative: The same for negatives.

    Returns:
        Shape (2 · size,), to be used with `influence.column_variance`; None where one patient alone holds a class, from
        whom no variance can be learned.
    """
    cases, counts = column.cases, column.counts
    if cases.patients_positive <= 1 or cases.patients_negative <= 1:
        return None
    table = np.empty((column.size, 2))
    table[:, 1] = _centred(of_positive, counts.positive, cases.patients_positive)
    table[:, 0] = _centred(of_negative, counts.negative, cases.patients_negative)
    return table.reshape(-1)


def _centred(values: NDArray[np.float64], counts: NDArray[np.int64], patients: int) -> NDArray[np.float64]:
    total = int(counts.sum())
    mean = float(np.sum(values * counts)) / total
    return (values - mean) * (math.sqrt(patients / (patients - 1)) / total)


def pooled_table(
    column: Column, of_positive: NDArray[np.float64], of_negative: NDArray[np.float64]
) -> NDArray[np.float64] | None:
    """Return what one case of each cell adds to its patient's influence, the share of positives being random too.

    For numbers that depend on that share, such as average precision: the next set of patients would have another.

    Args:
        column: The scored cases, both classes present.
        of_positive: What one more positive at each code changes, shape (size,).
        of_negative: What one more negative changes.

    Returns:
        As `class_table`; centred over all cases together.
    """
    cases, counts = column.cases, column.counts
    if cases.patients_positive <= 1 or cases.patients_negative <= 1:
        return None
    total = float(np.sum(of_positive * counts.positive)) + float(np.sum(of_negative * counts.negative))
    table = np.stack([of_negative, of_positive], axis=1).reshape(-1) - total / cases.n
    return np.asarray(table * math.sqrt(cases.patients_held / (cases.patients_held - 1)), dtype=np.float64)


def standard_error(column: Column, table: NDArray[np.float64] | None) -> float | None:
    """Return the standard error of the number whose influence is `table`; None where there is none."""
    return None if table is None else math.sqrt(column_variance(column, table))


def logit_estimate(column: Column, exact: Fraction, table: NDArray[np.float64] | None, method: Method) -> Estimate:
    """Return a number in [0, 1] with logit(value) ± t · SE / (value · (1 − value)), carried back.

    Student's t has min(m, n) − 1 degrees of freedom, m and n the patients that hold a positive and a negative. At 0 and
    1, and where nothing varies, the value stands without an interval.

    Args:
        column: The scored cases.
        exact: The number.
        table: Its influence by cell, shape (2 · size,), or None.
        method: What the estimate is to be called.
    """
    n, positives = column.cases.n, column.counts.positives
    error = standard_error(column, table)
    if error is None:
        return Estimate(n=n, n_positive=positives, exact=exact, method=method, reason=Reason.ONE_PATIENT)
    if error == 0 or not 0 < exact < 1:
        return Estimate(n=n, n_positive=positives, exact=exact, method=method, reason=Reason.NO_VARIANCE)
    limits = logit_t_interval(float(exact), error, degrees(column))
    return Estimate(
        n=n, n_positive=positives, exact=exact, low=limits.low, high=limits.high, standard_error=error, method=method
    )


def degrees(column: Column) -> int:
    """Return the degrees of freedom of Student's t: min(m, n) − 1, in patients."""
    return min(column.cases.patients_positive, column.cases.patients_negative) - 1


def student_t(column: Column) -> float:
    """Return the 97.5 % point of Student's t on those degrees of freedom."""
    return float(stdtrit(degrees(column), 0.5 + LEVEL / 2))


def empty_class(column: Column) -> Reason | None:
    """Return which class, if any, no case has."""
    if column.cases.n == 0:
        return Reason.NO_CASE
    if column.counts.positives == 0:
        return Reason.NO_POSITIVE
    return Reason.NO_NEGATIVE if column.counts.negatives == 0 else None
