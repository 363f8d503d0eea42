"""The partial area under the ROC curve over a range of false positive rates, exact from counts, and its interval.

Sources: McClish 1989, Medical Decision Making 9:190–195 (the standardised form); Dodd and Pepe 2003, Biometrics
59:614–623 (the area as a mean over positives, from which the influence follows).
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray

from arena.scoring.auc import ClassCounts
from arena.scoring.estimates import Estimate, Method, Reason, absent
from arena.scoring.influence import Column
from arena.scoring.linearised import class_table, empty_class, logit_estimate

DEFAULT_RANGE: Final = (Fraction(0), Fraction(1, 10))
"""False positive rates 0 to 0.1, specificities of 90 % and more."""


@dataclass(frozen=True, slots=True)
class PartialAuc:
    """A partial AUC over false positive rates `fpr_low`…`fpr_high`.

    Attributes:
        fpr_low: Where the range begins.
        fpr_high: Where it ends.
        sensitivity: The area divided by the width of the range: the mean sensitivity over it, 0…1.
        standardised: McClish's form: ½ where the curve lies on the diagonal, 1 where it is perfect.
    """

    fpr_low: Fraction
    fpr_high: Fraction
    sensitivity: Estimate
    standardised: Estimate


def partial_auc(column: Column, fpr_low: Fraction, fpr_high: Fraction) -> PartialAuc:
    """Return the partial AUC of a finding with its 95 % intervals.

    The interval is formed for the mean sensitivity on the logit scale; the standardised form is linear in it.

    Args:
        column: The scored cases.
        fpr_low: Start of the range, in [0, 1).
        fpr_high: Its end, above `fpr_low`, at most 1.

    Raises:
        ValueError: The range is empty or leaves [0, 1].
    """
    if not 0 <= fpr_low < fpr_high <= 1:
        msg = "a range of false positive rates must lie in [0, 1] and have a width"
        raise ValueError(msg)
    method, width = Method.PARTIAL_AUC_LOGIT_T, fpr_high - fpr_low
    area = area_from_counts(column.counts, fpr_low, fpr_high)
    if area is None:
        nothing = absent(
            empty_class(column) or Reason.NO_CASE,
            n=column.cases.n,
            n_positive=column.counts.positives,
            method=method,
        )
        return PartialAuc(fpr_low, fpr_high, nothing, nothing)
    upper, lower = gradient(column.counts, fpr_high), gradient(column.counts, fpr_low)
    scale = float(width)
    table = class_table(
        column,
        (upper.of_positive - lower.of_positive) / scale,
        (upper.of_negative - lower.of_negative) / scale,
    )
    sensitivity = logit_estimate(column, area / width, table, method)
    return PartialAuc(fpr_low, fpr_high, sensitivity, _standardised(sensitivity, fpr_low, fpr_high))


def _standardised(sensitivity: Estimate, fpr_low: Fraction, fpr_high: Fraction) -> Estimate:
    """Carry a mean sensitivity s over to ½(1 + (s − c)/(1 − c)), c the mean of the diagonal over the range."""
    chance = (fpr_low + fpr_high) / 2
    slope = 1 / (2 * (1 - chance))

    def carried(value: Fraction) -> Fraction:
        return Fraction(1, 2) + (value - chance) * slope

    low, high, error = sensitivity.low, sensitivity.high, sensitivity.standard_error
    return Estimate(
        n=sensitivity.n,
        n_positive=sensitivity.n_positive,
        exact=None if sensitivity.exact is None else carried(sensitivity.exact),
        low=None if low is None else float(carried(Fraction(low))),
        high=None if high is None else float(carried(Fraction(high))),
        standard_error=None if error is None else error * float(slope),
        method=sensitivity.method,
        reason=sensitivity.reason,
    )


@dataclass(frozen=True, slots=True)
class _Steps:
    """The codes that hold a case, highest first, with the cases above each of them; all of shape (steps,)."""

    positive: NDArray[np.int64]
    negative: NDArray[np.int64]
    positive_above: NDArray[np.int64]
    negative_above: NDArray[np.int64]


def _steps(counts: ClassCounts) -> tuple[_Steps, NDArray[np.int64]]:
    """Return the steps of the curve and the code of each."""
    codes = np.flatnonzero(counts.positive + counts.negative)[::-1]
    positive, negative = counts.positive[codes], counts.negative[codes]
    steps = _Steps(positive, negative, np.cumsum(positive) - positive, np.cumsum(negative) - negative)
    return steps, codes


def area_from_counts(counts: ClassCounts, fpr_low: Fraction, fpr_high: Fraction) -> Fraction | None:
    """Return the area under the empirical curve between two false positive rates, exact; None where a class is empty.

    Codes with both classes make a sloping piece, as a tie counts one half in the AUC; the piece that a rate falls into
    is cut there.
    """
    if counts.positives == 0 or counts.negatives == 0:
        return None
    steps, _ = _steps(counts)
    doubled = _doubled_area(steps, fpr_high * counts.negatives) - _doubled_area(steps, fpr_low * counts.negatives)
    return doubled / (2 * counts.positives * counts.negatives)


def _doubled_area(steps: _Steps, false_positives: Fraction) -> Fraction:
    """Return twice the area left of a number of false positives, in units of cases times cases."""
    whole, cut = _cut(steps, false_positives)
    area = Fraction(int((steps.negative[:whole] * (2 * steps.positive_above[:whole] + steps.positive[:whole])).sum()))
    if cut is None:
        return area
    rest = false_positives - int(steps.negative_above[cut])
    return area + rest * (
        2 * int(steps.positive_above[cut]) + rest * int(steps.positive[cut]) / int(steps.negative[cut])
    )


def _cut(steps: _Steps, false_positives: Fraction) -> tuple[int, int | None]:
    """Return how many steps lie wholly left of a number of false positives, and the step that it cuts, if any."""
    upto = steps.negative_above + steps.negative
    whole = int(np.searchsorted(upto, float(false_positives), side="right"))
    # The float may stand on the wrong side of an integer; the rational decides.
    while whole > 0 and int(upto[whole - 1]) > false_positives:
        whole -= 1
    while whole < upto.size and int(upto[whole]) <= false_positives:
        whole += 1
    return whole, whole if whole < upto.size else None


@dataclass(frozen=True, slots=True)
class Gradient:
    """Derivatives of the area left of a rate by the shares of positives and of negatives at each code, (size,)."""

    of_positive: NDArray[np.float64]
    of_negative: NDArray[np.float64]


def gradient(counts: ClassCounts, fpr: Fraction) -> Gradient:
    """Return the derivatives of the area between rates 0 and `fpr`.

    With F the share of negatives above a code, T of positives, q and p the shares at it, and s = fpr − F at the step
    that the rate cuts: by p, (fpr − F − q) + q/2 left of the cut and s²/2q at it; by q, T + p/2 − ROC(fpr) left of the
    cut, since all that follows is pushed to the right, and −s²p/2q² at it; 0 right of it.

    Args:
        counts: Cases per code, both classes present.
        fpr: In [0, 1].
    """
    m, n = counts.positives, counts.negatives
    steps, codes = _steps(counts)
    whole, cut = _cut(steps, fpr * n)
    p, q, above = steps.positive / m, steps.negative / n, steps.positive_above / m
    by_positive, by_negative = np.zeros(codes.size), np.zeros(codes.size)
    height = 1.0
    if cut is not None:
        s = float(fpr - Fraction(int(steps.negative_above[cut]), n))
        by_positive[cut] = s * s / (2 * q[cut])
        by_negative[cut] = -s * s * p[cut] / (2 * q[cut] ** 2)
        height = float(above[cut] + s * p[cut] / q[cut])
    left = slice(0, whole)
    by_positive[left] = float(fpr) - (steps.negative_above[left] + steps.negative[left]) / n + q[left] / 2
    by_negative[left] = above[left] + p[left] / 2 - height
    of_positive, of_negative = np.zeros(counts.positive.size), np.zeros(counts.negative.size)
    of_positive[codes], of_negative[codes] = by_positive, by_negative
    return Gradient(of_positive, of_negative)
