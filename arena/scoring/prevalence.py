"""Numbers that depend on how many studies are positive, each beside the share of positives that it holds for.

Once for the set as it is, and once re-weighted to the prevalence that the challenge declares: a positive then weighs
π/m and a negative (1 − π)/n. Re-weighting is right where the set's positives are like the population's positives and
its negatives like the negatives; in a set enriched by difficulty they are not, and it is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray

from arena.scoring.brier import brier_score
from arena.scoring.calibration import Bins, CalibrationError, calibration_error
from arena.scoring.confusion import f1_score, matthews
from arena.scoring.decision import DecisionCurve, decision_curve
from arena.scoring.estimates import Estimate, Interval, Method, Reason, absent
from arena.scoring.influence import Column
from arena.scoring.levels import TOP_LEVEL
from arena.scoring.linearised import class_table, empty_class, logit_estimate
from arena.scoring.precision import average_precision, average_precision_at
from arena.scoring.proportions import operating_point, share
from arena.scoring.rates import f1_at, linear_interval, mcc_at, npv_at, ppv_at, rates_at, rates_of

THIS_SET: Final = "this set"
"""Source of the prevalence of a set as it is."""


@dataclass(frozen=True, slots=True)
class DeclaredPrevalence:
    """A share of positives that a challenge declares for a finding.

    Attributes:
        share: π, strictly between 0 and 1.
        source: Where it is known from, a sentence to be shown beside every number.
    """

    share: Fraction
    source: str

    def __post_init__(self) -> None:
        if not 0 < self.share < 1:
            msg = "a declared prevalence lies strictly between 0 and 1"
            raise ValueError(msg)


@dataclass(frozen=True, slots=True, kw_only=True)
class PrevalenceScores:
    """Numbers at one share of positives.

    Attributes:
        prevalence: The share; None where none is declared.
        source: `THIS_SET`, or the declared one's source; None where none is declared.
        threshold: Level of PPV, NPV, F1, MCC and workload.
        ppv: Share of positives among the called.
        npv: Share of negatives among those not called.
        f1: Harmonic mean of PPV and sensitivity.
        mcc: Matthews' correlation coefficient, −1…1.
        workload: Share of studies left to a doctor: called, or unanswered.
        average_precision: Under the declared missing policy, as all but `error`.
        brier: Brier score.
        error: Expected calibration error of answered cases.
        decision_curve: Net benefit; None where a class is empty, or with `reason`.
        reason: Why nothing is computed: `no_prevalence` or `enriched_by_difficulty`.
    """

    prevalence: Fraction | None
    source: str | None
    threshold: int
    ppv: Estimate
    npv: Estimate
    f1: Estimate
    mcc: Estimate
    workload: Estimate
    average_precision: Estimate
    brier: Estimate
    error: CalibrationError
    decision_curve: DecisionCurve | None
    reason: Reason | None = None


def scores_of_set(column: Column, threshold: int, *, error: CalibrationError) -> PrevalenceScores:
    """Return the numbers of the set as it is.

    Args:
        column: Cases scored under the declared policy; codes are levels + 1.
        threshold: Level at or above which a case is called positive.
        error: The calibration error of the answered cases (`calibration.calibration_error`).
    """
    cases, positives = column.cases, column.counts.positives
    point = operating_point(column, threshold + 1)
    prevalence = Fraction(positives, cases.n) if cases.n else None
    to_doctor = _to_doctor(column, threshold)
    everything = np.ones(cases.n, dtype=np.bool_)
    mixed = prevalence is not None and 0 < prevalence < 1
    return PrevalenceScores(
        prevalence=prevalence,
        source=THIS_SET,
        threshold=threshold,
        ppv=point.ppv,
        npv=point.npv,
        f1=f1_score(column, threshold + 1),
        mcc=matthews(column, threshold + 1),
        workload=share(int(np.count_nonzero(to_doctor)), cases.n, positives, cases, everything, to_doctor),
        average_precision=average_precision(column),
        brier=brier_score(column),
        error=error,
        decision_curve=decision_curve(column, prevalence) if mixed and prevalence is not None else None,
    )


def scores_at_prevalence(
    column: Column,
    answered: Column,
    threshold: int,
    declared: DeclaredPrevalence | None,
    *,
    enriched_by_difficulty: bool,
    bins: Bins,
    seed: int,
    simulations: int,
) -> PrevalenceScores:
    """Return the same numbers re-weighted to the declared prevalence, or why that is not done.

    Args:
        column: Cases scored under the declared policy; codes are levels + 1.
        answered: Answered cases only.
        threshold: Level at or above which a case is called positive.
        declared: What the challenge declares; None where it declares nothing.
        enriched_by_difficulty: Whether the set's cases were chosen for being hard.
        bins: How answers are binned for the calibration error.
        seed: Below 2¹²⁸.
        simulations: Sets of references drawn for its null.
    """
    if declared is None:
        return _refused(column, threshold, None, bins, Reason.NO_PREVALENCE)
    if enriched_by_difficulty:
        return _refused(column, threshold, declared, bins, Reason.ENRICHED_BY_DIFFICULTY)
    point = point_at(column, threshold, declared.share)
    return PrevalenceScores(
        prevalence=declared.share,
        source=declared.source,
        threshold=threshold,
        ppv=point.ppv,
        npv=point.npv,
        f1=point.f1,
        mcc=point.mcc,
        workload=workload_at(column, threshold, declared.share),
        average_precision=average_precision_at(column, declared.share),
        brier=brier_at(column, declared.share),
        error=calibration_error(answered, bins, seed=seed, simulations=simulations, prevalence=declared.share),
        decision_curve=decision_curve(column, declared.share),
    )


def _refused(
    column: Column, threshold: int, declared: DeclaredPrevalence | None, bins: Bins, reason: Reason
) -> PrevalenceScores:
    def nothing(method: Method) -> Estimate:
        return absent(reason, n=column.cases.n, n_positive=column.counts.positives, method=method)

    return PrevalenceScores(
        prevalence=None if declared is None else declared.share,
        source=None if declared is None else declared.source,
        threshold=threshold,
        ppv=nothing(Method.MOVER_WILSON),
        npv=nothing(Method.MOVER_WILSON),
        f1=nothing(Method.MOVER_WILSON),
        mcc=nothing(Method.MOVER_WILSON),
        workload=nothing(Method.MOVER_WILSON),
        average_precision=nothing(Method.AVERAGE_PRECISION_LOGIT_T),
        brier=nothing(Method.CLASS_MEANS_LOGIT_T),
        error=CalibrationError(nothing(Method.BINNED_GAP), bins, None, None, 0),
        decision_curve=None,
        reason=reason,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictiveValues:
    """PPV, NPV, F1 and MCC at the declared share of positives and a threshold, or `reason`; as `PrevalenceScores`."""

    prevalence: Fraction | None
    source: str | None
    threshold: int
    ppv: Estimate
    npv: Estimate
    f1: Estimate
    mcc: Estimate
    reason: Reason | None = None


def predictive_values(
    column: Column, threshold: int, declared: DeclaredPrevalence | None, *, enriched_by_difficulty: bool
) -> PredictiveValues:
    """Return PPV, NPV, F1 and MCC re-weighted to the declared prevalence, or why that is not done.

    Args:
        column: Cases scored under the declared policy; codes are levels + 1.
        threshold: Level at or above which a case is called positive.
        declared: What the challenge declares; None where it declares nothing.
        enriched_by_difficulty: Whether the set's cases were chosen for being hard.
    """
    reason = Reason.NO_PREVALENCE if declared is None else None
    if declared is not None and enriched_by_difficulty:
        reason = Reason.ENRICHED_BY_DIFFICULTY
    if declared is not None and reason is None:
        point = point_at(column, threshold, declared.share)
    else:
        point = _no_point(column, reason or Reason.NO_PREVALENCE)
    return PredictiveValues(
        prevalence=None if declared is None else declared.share,
        source=None if declared is None else declared.source,
        threshold=threshold,
        ppv=point.ppv,
        npv=point.npv,
        f1=point.f1,
        mcc=point.mcc,
        reason=reason,
    )


@dataclass(frozen=True, slots=True)
class PointAtPrevalence:
    """What a threshold gives at a prevalence that is taken as known."""

    ppv: Estimate
    npv: Estimate
    f1: Estimate
    mcc: Estimate


def point_at(column: Column, threshold: int, prevalence: Fraction) -> PointAtPrevalence:
    """Return PPV, NPV, F1 and MCC at a prevalence, for that prevalence taken as known.

    Args:
        column: Scored cases; codes are levels + 1.
        threshold: Level at or above which a case is called positive.
        prevalence: π, strictly between 0 and 1.
    """
    rates = rates_at(column, threshold + 1)
    if rates is None:
        return _no_point(column, empty_class(column) or Reason.NO_CASE)
    return PointAtPrevalence(
        ppv=_estimate(column, ppv_at(rates, prevalence), Reason.ALL_CALLED_ALIKE),
        npv=_estimate(column, npv_at(rates, prevalence), Reason.ALL_CALLED_ALIKE),
        f1=_estimate(column, f1_at(rates, prevalence), Reason.ALL_CALLED_ALIKE),
        mcc=_estimate(column, mcc_at(rates, prevalence), Reason.ALL_CALLED_ALIKE),
    )


def _no_point(column: Column, reason: Reason) -> PointAtPrevalence:
    nothing = _estimate(column, None, reason)
    return PointAtPrevalence(ppv=nothing, npv=nothing, f1=nothing, mcc=nothing)


def _estimate(column: Column, found: tuple[Fraction, Interval] | None, reason: Reason) -> Estimate:
    n, positives, method = column.cases.n, column.counts.positives, Method.MOVER_WILSON
    if found is None:
        return absent(reason, n=n, n_positive=positives, method=method)
    exact, limits = found
    return Estimate(n=n, n_positive=positives, exact=exact, low=limits.low, high=limits.high, method=method)


def workload_at(column: Column, threshold: int, prevalence: Fraction) -> Estimate:
    """Return the share of studies left to a doctor at a prevalence: π·(of positives) + (1 − π)·(of negatives).

    Args:
        column: Scored cases; codes are levels + 1, 0 an unanswered positive under `worst`.
        threshold: Level at or above which a case is called positive.
        prevalence: π, strictly between 0 and 1.
    """
    rates = rates_of(column.cases, _to_doctor(column, threshold))
    if rates is None:
        return _estimate(column, None, empty_class(column) or Reason.NO_CASE)
    limits = linear_interval(rates, float(prevalence), float(1 - prevalence))
    exact = prevalence * rates.true_positive + (1 - prevalence) * rates.false_positive
    return _estimate(column, (exact, Interval(max(limits.low, 0.0), min(limits.high, 1.0))), Reason.NO_CASE)


def _to_doctor(column: Column, threshold: int) -> NDArray[np.bool_]:
    """Return which cases are called or, standing at code 0 or above all levels, unanswered."""
    code = column.cells // 2
    return np.asarray((code > threshold) | (code == 0), dtype=np.bool_)


def brier_at(column: Column, prevalence: Fraction) -> Estimate:
    """Return π·(mean loss of positives) + (1 − π)·(mean loss of negatives), with a 95 % interval on the logit scale.

    Args:
        column: Scored cases; codes are levels + 1, a missing answer under `worst` losing 1.
        prevalence: π, strictly between 0 and 1.
    """
    method, counts = Method.CLASS_MEANS_LOGIT_T, column.counts
    reason = empty_class(column)
    if reason is not None:
        return absent(reason, n=column.cases.n, n_positive=counts.positives, method=method)
    level = np.clip(np.arange(column.size, dtype=np.int64) - 1, 0, TOP_LEVEL)
    lost_positive, lost_negative = np.square(TOP_LEVEL - level), np.square(level)
    mean_positive = Fraction(int((counts.positive * lost_positive).sum()), counts.positives * TOP_LEVEL**2)
    mean_negative = Fraction(int((counts.negative * lost_negative).sum()), counts.negatives * TOP_LEVEL**2)
    share_positive = float(prevalence) / TOP_LEVEL**2
    share_negative = float(1 - prevalence) / TOP_LEVEL**2
    table = class_table(column, lost_positive * share_positive, lost_negative * share_negative)
    exact = prevalence * mean_positive + (1 - prevalence) * mean_negative
    return logit_estimate(column, exact, table, method)
