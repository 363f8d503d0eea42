"""Average precision, of this set and re-weighted to another share of positives.

Step-wise, without interpolation: AP = Σ over levels of (recall gained at the level) · (precision at the level), which
is scikit-learn's `average_precision_score`. Cases of one level enter together, so ties need no order.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray

from arena.scoring.auc import ClassCounts
from arena.scoring.estimates import Estimate, Method, Reason, absent
from arena.scoring.influence import Column
from arena.scoring.linearised import class_table, empty_class, logit_estimate, pooled_table

MIN_EQUIVALENT_POSITIVES: Final = 100
"""Patients with a positive that a population of the declared prevalence must hold beside as many without as the set."""


def average_precision_from_counts(counts: ClassCounts, negative_weight: float = 1.0) -> float | None:
    """Return the average precision, each negative counting `negative_weight` times; None where there is no positive.

    Args:
        counts: Cases per code.
        negative_weight: λ > 0. 1 for the set itself; (1 − π)/π · m/n for m positives and n negatives at prevalence π.
    """
    if counts.positives == 0:
        return None
    true_positive, weighted = _called(counts, negative_weight)
    gained = counts.positive > 0
    precision = true_positive[gained] / (true_positive[gained] + weighted[gained])
    return min(float(np.sum(counts.positive[gained] * precision)) / counts.positives, 1.0)


def _called(counts: ClassCounts, negative_weight: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the positives and the weighted negatives at or above each code, shape (size,)."""
    true_positive = np.cumsum(counts.positive[::-1])[::-1].astype(np.float64)
    false_positive = np.cumsum(counts.negative[::-1])[::-1].astype(np.float64)
    return true_positive, false_positive * negative_weight


def negative_weight(counts: ClassCounts, prevalence: Fraction) -> float:
    """Return λ = (1 − π)/π · m/n, the weight of a negative that turns the set into one of the prevalence π."""
    return float((1 - prevalence) / prevalence * Fraction(counts.positives, counts.negatives))


def average_precision(column: Column) -> Estimate:
    """Return the average precision of this set with a 95 % interval on the logit scale.

    The influence of a case includes its effect on the share of positives, which average precision depends on.

    Args:
        column: The scored cases.
    """
    method, counts = Method.AVERAGE_PRECISION_LOGIT_T, column.counts
    value = average_precision_from_counts(counts)
    if value is None or counts.negatives == 0:
        return absent(
            empty_class(column) or Reason.NO_CASE, n=column.cases.n, n_positive=counts.positives, method=method
        )
    of_positive, of_negative = _gradient(counts, 1.0)
    table = pooled_table(column, (of_positive - value) / counts.positives, of_negative / counts.positives)
    return logit_estimate(column, Fraction(value), table, method)


def average_precision_at(column: Column, prevalence: Fraction) -> Estimate:
    """Return the average precision that the same answers have where a share `prevalence` of cases is positive.

    Refused where the set's negatives are too few to tell the precision at so small a share of positives: n · π/(1 −
    π) below 100, n being the patients that hold a negative. The estimate is then too high, whatever its interval: of
    100 negatives, at π = .01, many levels have no false positive at all and a precision of 1.

    Args:
        column: The scored cases.
        prevalence: π, strictly between 0 and 1.
    """
    method, counts = Method.AVERAGE_PRECISION_LOGIT_T, column.counts
    reason = empty_class(column)
    if reason is None and column.cases.patients_negative * prevalence < MIN_EQUIVALENT_POSITIVES * (1 - prevalence):
        reason = Reason.TOO_FEW_NEGATIVES
    if reason is not None:
        return absent(reason, n=column.cases.n, n_positive=counts.positives, method=method)
    weight = negative_weight(counts, prevalence)
    value = average_precision_from_counts(counts, weight)
    of_positive, of_negative = _gradient(counts, weight)
    # By the share of negatives, whose total is fixed: n/m times the derivative by their number.
    table = class_table(column, of_positive, of_negative * (counts.negatives / counts.positives))
    return logit_estimate(column, Fraction(value or 0.0), table, method)


def _gradient(counts: ClassCounts, weight: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return m times the derivatives of Σ pos_k · precision_k / m by the number of positives and negatives at a code.

    One more positive at code j gains its own precision there and raises the precision of every lower code k by
    λF/(T + λF)²; one more negative lowers it by λT/(T + λF)², T and F the positives and negatives at k or above.
    """
    true_positive, weighted = _called(counts, weight)
    # Above the highest answer there is no case to call; no case stands there either, so any total will do.
    total = np.where(true_positive + weighted > 0, true_positive + weighted, 1.0)
    share = counts.positive / np.square(total)
    raised = np.cumsum(share * weighted)
    lowered = np.cumsum(share * true_positive)
    return true_positive / total + raised, -weight * lowered
