"""95 % intervals for an AUC or a mean of AUCs, and for other quantities between 0 and 1."""

from __future__ import annotations

import math
from fractions import Fraction

from scipy.special import ndtri, stdtrit

from arena.scoring.estimates import TAIL, Z_95, Estimate, Interval, Method, Reason

_BISECTIONS = 200


def logit_t_interval(value: float, standard_error: float, degrees: int, tail: float = TAIL) -> Interval:
    """Return logit(value) ± t · SE / (value · (1 − value)), carried back to (0, 1).

    Args:
        value: Strictly between 0 and 1.
        standard_error: Of the value itself, not of its logit; above 0.
        degrees: Degrees of freedom of Student's t, at least 1.
        tail: Share of trials in which each limit errs, in (0, 0.5]; the default gives 95 %.
    """
    t = float(-stdtrit(degrees, tail))
    centre = math.log(value / (1 - value))
    half = t * standard_error / (value * (1 - value))
    return Interval(_expit(centre - half), _expit(centre + half))


def _expit(x: float) -> float:
    if x >= 0:
        return 1 / (1 + math.exp(-min(x, 700.0)))
    odds = math.exp(max(x, -700.0))
    return odds / (1 + odds)


def newcombe_interval(auc: float, positives: int, negatives: int, z: float = Z_95) -> Interval:
    """Return Newcombe's method 5 limits of an AUC, which have a width even at AUC 0 and 1.

    The limits are the θ with |AUC − θ| = z · √V(θ), where
    V(θ) = θ(1 − θ) · [1 + N(1 − θ)/(2 − θ) + Nθ/(1 + θ)] / (mn) and N = (m + n)/2 − 1: Hanley and McNeil's variance
    under the exponential model, taken at the limit itself and with both multipliers set to their mean (Newcombe 2006,
    "Confidence intervals for an effect size measure based on the Mann–Whitney statistic. Part 2",
    doi:10.1002/sim.2324).

    Args:
        auc: In [0, 1].
        positives: m, at least 1; patients, where patients hold several cases.
        negatives: n, at least 1.
        z: Normal quantile; the default gives 95 %.
    """
    multiplier = (positives + negatives) / 2 - 1

    def outside(theta: float) -> bool:
        spread = 1 + multiplier * (1 - theta) / (2 - theta) + multiplier * theta / (1 + theta)
        return (auc - theta) ** 2 > z * z * theta * (1 - theta) * spread / (positives * negatives)

    def limit(far: float) -> float:
        near = auc
        for _ in range(_BISECTIONS):
            middle = (near + far) / 2
            if middle in (near, far):
                break
            if outside(middle):
                far = middle
            else:
                near = middle
        return far

    return Interval(limit(0.0) if auc > 0 else 0.0, limit(1.0) if auc < 1 else 1.0)


def delong_interval(auc: float, variance: float) -> Interval:
    """Return AUC ± 1.96 · √variance, cut to [0, 1]: what pROC prints; for comparison with it, never published."""
    half = Z_95 * math.sqrt(variance)
    return Interval(max(auc - half, 0.0), min(auc + half, 1.0))


def auc_interval(value: float, standard_error: float, positives: int, negatives: int, tail: float = TAIL) -> Interval:
    """Return the limits of an AUC, or a mean of AUCs, that are published: see `auc_estimate`.

    Args:
        value: In [0, 1].
        standard_error: Of the value, at least 0.
        positives: Patients that hold a positive, at least 2.
        negatives: Patients that hold a negative, at least 2.
        tail: Share of trials in which each limit errs, in (0, 0.5]; the default gives 95 %.
    """
    if _degenerate(value, standard_error):
        return newcombe_interval(value, positives, negatives, Z_95 if tail == TAIL else float(-ndtri(tail)))
    return logit_t_interval(value, standard_error, min(positives, negatives) - 1, tail)


def _degenerate(value: float, standard_error: float) -> bool:
    """Say whether the logit interval would have no width, or does not exist."""
    return value in (0.0, 1.0) or standard_error == 0


def auc_estimate(
    exact: Fraction,
    variance: float | None,
    *,
    patients_positive: int,
    patients_negative: int,
    n: int,
    n_positive: int | None,
) -> Estimate:
    """Return an AUC, or a mean of AUCs, with the interval that is published.

    Logit with Student's t on min(m, n) − 1 degrees, m and n the patients that hold a positive and a negative; for a
    mean, the smallest m and n among its findings. Where the logit interval would have width 0 or does not exist (AUC 0
    or 1, or standard error 0), Newcombe's method 5 with the same m and n.

    Args:
        exact: The value.
        variance: Of the value, from the influence of patients; None when a class is held by one patient only.
        patients_positive: m.
        patients_negative: n.
        n: Cases, for display.
        n_positive: Positive cases, for display; None for a mean.
    """
    value = float(exact)
    error = None if variance is None else math.sqrt(variance)
    degrees = min(patients_positive, patients_negative) - 1
    if error is None or degrees < 1:
        return Estimate(n=n, n_positive=n_positive, exact=exact, method=Method.AUC_LOGIT_T, reason=Reason.ONE_PATIENT)
    limits = auc_interval(value, error, patients_positive, patients_negative)
    method = Method.AUC_NEWCOMBE_5 if _degenerate(value, error) else Method.AUC_LOGIT_T
    return Estimate(
        n=n, n_positive=n_positive, exact=exact, low=limits.low, high=limits.high, standard_error=error, method=method
    )
