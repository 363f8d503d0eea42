"""What is right and wrong at one threshold: four counts, and the numbers that are made of them.

A threshold is declared at submission, or set on a calibration split, or, labelled as such and without intervals, the
one of this very set that maximises Youden's index.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import StrEnum
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from arena.scoring.auc import ClassCounts
from arena.scoring.estimates import Estimate, Interval, Method, Reason, absent
from arena.scoring.influence import Column
from arena.scoring.levels import N_LEVELS
from arena.scoring.linearised import empty_class, pooled_table, standard_error, student_t
from arena.scoring.proportions import operating_point, patient_share, share


class ThresholdSource(StrEnum):
    """Where a threshold comes from.

    DECLARED: with the submission, before the run. CALIBRATION: set on a calibration split, disjoint by patient.
    POST_HOC_YOUDEN: chosen on the very cases that it is judged on; never ranked.
    """

    DECLARED = "declared"
    CALIBRATION = "calibration"
    POST_HOC_YOUDEN = "post_hoc_youden"


@dataclass(frozen=True, slots=True, kw_only=True)
class Confusion:
    """Counts of cases and numbers at a threshold.

    Attributes:
        threshold: Level 0…10,000 at or above which a case is called positive; None where several findings are asked,
            each at its own.
        source: Where it comes from.
        true_positive: Positives called.
        false_positive: Negatives called.
        false_negative: Positives not called.
        true_negative: Negatives not called.
        sensitivity: Called among positives.
        specificity: Not called among negatives.
        sensitivity_patients: Patients with a positive, all of whose positives are called.
        specificity_patients: Patients with a negative, none of whose negatives is called.
        ppv: Positives among the called, for the share of positives of this set.
        npv: Negatives among those not called, likewise.
        f1: Harmonic mean of PPV and sensitivity.
        mcc: Matthews' correlation coefficient, −1…1.
    """

    threshold: int | None
    source: ThresholdSource
    true_positive: int
    false_positive: int
    false_negative: int
    true_negative: int
    sensitivity: Estimate
    specificity: Estimate
    sensitivity_patients: Estimate
    specificity_patients: Estimate
    ppv: Estimate
    npv: Estimate
    f1: Estimate
    mcc: Estimate


def confusion_at(column: Column, level: int, source: ThresholdSource = ThresholdSource.DECLARED) -> Confusion:
    """Return all numbers at a threshold; those of a post-hoc one have no intervals.

    Args:
        column: Scored cases whose codes are levels + 1 (`arena.scoring.missing`).
        level: The threshold, 0…10,000.
        source: Where it comes from.
    """
    return confusion_at_code(column, level + 1, level, source)


def confusion_at_code(column: Column, code: int, level: int | None, source: ThresholdSource) -> Confusion:
    """Return all numbers of calling the cases at or above a code, under the name of a level."""
    true_positive, false_positive = _called(column.counts, code)
    called, point = column.cells >= 2 * code, operating_point(column, code)
    found = Confusion(
        threshold=level,
        source=source,
        true_positive=true_positive,
        false_positive=false_positive,
        false_negative=column.counts.positives - true_positive,
        true_negative=column.counts.negatives - false_positive,
        sensitivity=point.sensitivity,
        specificity=point.specificity,
        sensitivity_patients=patient_share(column.cases, positive=True, right=called),
        specificity_patients=patient_share(column.cases, positive=False, right=~called),
        ppv=point.ppv,
        npv=point.npv,
        f1=f1_score(column, code),
        mcc=matthews(column, code),
    )
    return _without_intervals(found) if source is ThresholdSource.POST_HOC_YOUDEN else found


def _without_intervals(found: Confusion) -> Confusion:
    """Take the intervals away: they would not know that the threshold was chosen on these cases."""
    names = ("sensitivity", "specificity", "sensitivity_patients", "specificity_patients", "ppv", "npv", "f1", "mcc")
    bare: dict[str, Estimate] = {}
    for name in names:
        estimate: Estimate = getattr(found, name)
        reason = estimate.reason if estimate.exact is None else Reason.POST_HOC
        bare[name] = replace(estimate, low=None, high=None, standard_error=None, reason=reason)
    return replace(found, **bare)  # type: ignore[arg-type]


def _called(counts: ClassCounts, code: int) -> tuple[int, int]:
    return int(counts.positive[code:].sum()), int(counts.negative[code:].sum())


def f1_score(column: Column, code: int) -> Estimate:
    """Return F1 = 2TP / (2TP + FP + FN) with a 95 % interval.

    F1 = 2J/(1 + J), where J = TP / (TP + FP + FN) is a share: of the cases that are called or positive, those that are
    both. Its Wilson limits, n divided by the design effect, are carried over (the indirect method of Lam, Gopal and
    Qian 2023, arXiv:2309.14621).

    Args:
        column: The scored cases.
        code: At or above it a case is called positive.
    """
    true_positive, false_positive = _called(column.counts, code)
    called, positive = column.cells >= 2 * code, column.cases.positive
    n, positives = column.counts.positives + false_positive, column.counts.positives
    overlap = share(true_positive, n, positives, column.cases, called | positive, called & positive)
    method = Method.F1_WILSON_DESIGN_EFFECT
    if overlap.exact is None or overlap.low is None or overlap.high is None:
        return absent(Reason.NO_CASE, n=0, n_positive=0, method=method)
    return Estimate(
        n=n,
        n_positive=positives,
        exact=2 * overlap.exact / (1 + overlap.exact),
        low=2 * overlap.low / (1 + overlap.low),
        high=2 * overlap.high / (1 + overlap.high),
        method=method,
    )


def matthews(column: Column, code: int) -> Estimate:
    """Return Matthews' correlation coefficient with a 95 % interval.

    MCC = (TP · TN − FP · FN) / √((TP + FP)(TP + FN)(TN + FP)(TN + FN)) (Matthews 1975, Biochimica et Biophysica Acta
    405:442–451). Where all cases are called, or none, it is not defined and absent, not 0. Interval: Fisher's z with
    the variance from the influence of patients and Student's t.

    Args:
        column: The scored cases.
        code: At or above it a case is called positive.
    """
    method, n, m = Method.MCC_FISHER_T, column.counts.negatives, column.counts.positives
    true_positive, false_positive = _called(column.counts, code)
    called = true_positive + false_positive
    reason = empty_class(column) or (Reason.ALL_CALLED_ALIKE if called in (0, m + n) else None)
    if reason is not None:
        return absent(reason, n=m + n, n_positive=m, method=method)
    product = called * (m + n - called) * m * n
    value = (true_positive * (n - false_positive) - false_positive * (m - true_positive)) / math.sqrt(product)
    value = max(-1.0, min(1.0, value))
    error = standard_error(column, _mcc_table(column, code, true_positive, false_positive))
    exact, none = Fraction(value), Reason.ONE_PATIENT if error is None else Reason.NO_VARIANCE
    if error is None or error == 0 or abs(value) == 1:
        return Estimate(n=m + n, n_positive=m, exact=exact, method=method, reason=none)
    half, centre = student_t(column) * error / (1 - value * value), math.atanh(value)
    limits = Interval(math.tanh(centre - half), math.tanh(centre + half))
    return Estimate(
        n=m + n, n_positive=m, exact=exact, low=limits.low, high=limits.high, standard_error=error, method=method
    )


def _mcc_table(column: Column, code: int, true_positive: int, false_positive: int) -> NDArray[np.float64] | None:
    """Return the influence on MCC = √(π(1 − π)) · (Se − FPR) / √(c(1 − c)), c = π·Se + (1 − π)·FPR the share called.

    By Se and FPR through the cases called, and by π through the class of each case.
    """
    m, n = column.counts.positives, column.counts.negatives
    prevalence, called = m / (m + n), (true_positive + false_positive) / (m + n)
    sensitivity, rate = true_positive / m, false_positive / n
    gap, spread, mixed = sensitivity - rate, called * (1 - called), prevalence * (1 - prevalence)
    root, drift = math.sqrt(mixed / spread), gap * (1 - 2 * called) / (2 * spread)
    by_share = root * gap * (1 - 2 * prevalence) / (2 * mixed) - root * drift * gap
    above = (np.arange(column.size) >= code).astype(np.float64)
    return pooled_table(
        column,
        (above - sensitivity) * (root * (1 - drift * prevalence) / m) + by_share * (1 - prevalence) / (m + n),
        -(above - rate) * (root * (1 + drift * (1 - prevalence)) / n) - by_share * prevalence / (m + n),
    )


def youden_level(counts: ClassCounts) -> int | None:
    """Return the level with the largest sensitivity + specificity − 1 on these very cases.

    Youden 1950, Cancer 3:32–35. Of several such levels the lowest, whose sensitivity is highest. None where a class is
    empty or nothing was answered.

    Args:
        counts: Cases per code, codes being levels + 1.
    """
    code = youden_code(counts, range(1, N_LEVELS + 1))
    return None if code is None else code - 1


def youden_code(counts: ClassCounts, answers: range) -> int | None:
    """Return the code that maximises Youden's index, among the codes of answers that a case stands at.

    Args:
        counts: Cases per code.
        answers: Codes that answers may have; missing answers have others.
    """
    m, n = counts.positives, counts.negatives
    held = np.flatnonzero(counts.positive + counts.negative)
    held = held[(held >= answers.start) & (held < answers.stop)]
    if m == 0 or n == 0 or held.size == 0:
        return None
    true_positive = np.cumsum(counts.positive[::-1])[::-1]
    false_positive = np.cumsum(counts.negative[::-1])[::-1]
    return int(held[np.argmax(true_positive[held] * n - false_positive[held] * m)])
