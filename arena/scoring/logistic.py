"""Calibration slope and intercept by unpenalised maximum likelihood, with patients as the unit of variance.

The model is logit P(positive) = a + b · logit(p). Slope: b, with a free. Intercept: a, with b fixed at 1, which is
calibration in the large. Sources: Cox 1958, Biometrika 45:562–565; Van Calster and others 2019, BMC Medicine 17:230;
variances by Liang and Zeger 1986, Biometrika 73:13–22.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from arena.scoring.estimates import Estimate, Method, Reason, absent, iterated
from arena.scoring.influence import Column
from arena.scoring.levels import N_LEVELS, TOP_LEVEL
from arena.scoring.linearised import empty_class, student_t

CLIP: Final = 1e-6
"""Probabilities 0 and 1 are taken as this far from them, since they have no logit."""

_ITERATIONS: Final = 100
_TOLERANCE: Final = 1e-11
_NEAR: Final = 1e-5


@dataclass(frozen=True, slots=True)
class _Grouped:
    """Cases by distinct answer, of shape (levels,): logit of the answer, cases, positives."""

    x: NDArray[np.float64]
    cases: NDArray[np.float64]
    positive: NDArray[np.float64]


@cache
def _logits() -> NDArray[np.float64]:
    """Return logit(clip(p, 1e-6)) of every level, shape (10,001,)."""
    clipped = (min(max(level / TOP_LEVEL, CLIP), 1 - CLIP) for level in range(N_LEVELS))
    values = np.array([math.log(p / (1 - p)) for p in clipped])
    values.flags.writeable = False
    return values


def _grouped(column: Column) -> _Grouped:
    negative, positive = (part[1 : N_LEVELS + 1] for part in (column.counts.negative, column.counts.positive))
    held = np.flatnonzero(negative + positive)
    return _Grouped(_logits()[held], (negative + positive)[held].astype(np.float64), positive[held].astype(np.float64))


def check_answered(column: Column) -> None:
    """Refuse a column in which missing answers stand: they have no probability.

    Raises:
        ValueError: The column is not of answered cases; a caller's bug.
    """
    held = column.counts.positive + column.counts.negative
    if held[0] or held[N_LEVELS + 1 :].any():
        msg = "calibration is of answered cases only"
        raise ValueError(msg)


def calibration_slope(column: Column) -> Estimate:
    """Return the calibration slope: 1 is ideal, below 1 the answers are too extreme, above 1 too timid.

    Absent where the maximum of the likelihood is not finite: the classes are separated by a level (`separated`) or all
    answers are equal (`constant_answers`).

    Args:
        column: Answered cases with a known reference; codes are levels + 1.

    Raises:
        ValueError: A missing answer is among them.
    """
    check_answered(column)
    reason = empty_class(column) or _unbounded(column)
    fitted = None if reason is not None else _fit(_grouped(column), slope=True)
    if fitted is None:
        return _absent(column, reason or Reason.NOT_CONVERGED)
    return _estimate(column, fitted, slope=True)


def calibration_intercept(column: Column) -> Estimate:
    """Return calibration in the large: 0 is ideal, below 0 the answers are too high on the whole, above 0 too low.

    Args:
        column: Answered cases with a known reference; codes are levels + 1.

    Raises:
        ValueError: A missing answer is among them.
    """
    check_answered(column)
    reason = empty_class(column)
    fitted = None if reason is not None else _fit(_grouped(column), slope=False)
    if fitted is None:
        return _absent(column, reason or Reason.NOT_CONVERGED)
    return _estimate(column, fitted, slope=False)


def _absent(column: Column, reason: Reason) -> Estimate:
    return absent(reason, n=column.cases.n, n_positive=column.counts.positives, method=Method.LOGISTIC_SANDWICH_T)


def _unbounded(column: Column) -> Reason | None:
    """Return why no finite slope has the largest likelihood (Albert and Anderson 1984, Biometrika 71:1–10)."""
    positive, negative = np.flatnonzero(column.counts.positive), np.flatnonzero(column.counts.negative)
    if positive[0] == positive[-1] == negative[0] == negative[-1]:
        return Reason.CONSTANT_ANSWERS
    if positive[0] >= negative[-1] or positive[-1] <= negative[0]:
        return Reason.SEPARATED
    return None


def _fit(grouped: _Grouped, *, slope: bool) -> tuple[float, float] | None:
    """Maximise the likelihood by Newton's method, halving steps that lower it; None where it does not come to rest."""
    a, b = 0.0, 1.0
    best = _log_likelihood(grouped, a, b)
    for _ in range(_ITERATIONS):
        chance = _expit(a + b * grouped.x)
        step = _newton_step(grouped, chance, slope=slope)
        if step is None:
            return None
        if max(abs(step[0]), abs(step[1])) <= _TOLERANCE * max(abs(a), abs(b), 1.0):
            return a + step[0], b + step[1]
        scale = 1.0
        reached = _log_likelihood(grouped, a + step[0], b + step[1])
        # Near the maximum the likelihood no longer tells steps apart, and Newton's are right.
        while reached < best and scale * max(abs(step[0]), abs(step[1])) > _NEAR:
            scale /= 2
            reached = _log_likelihood(grouped, a + scale * step[0], b + scale * step[1])
        a, b, best = a + scale * step[0], b + scale * step[1], reached
    return None


def _newton_step(grouped: _Grouped, chance: NDArray[np.float64], *, slope: bool) -> tuple[float, float] | None:
    weight = grouped.cases * chance * (1 - chance)
    residual = grouped.positive - grouped.cases * chance
    score = float(np.sum(residual)), float(np.sum(residual * grouped.x))
    information = _information(grouped, weight)
    if not slope:
        return (score[0] / information[0], 0.0) if information[0] > 0 else None
    determinant = information[0] * information[2] - information[1] ** 2
    if not determinant > 0:
        return None
    return (
        (information[2] * score[0] - information[1] * score[1]) / determinant,
        (information[0] * score[1] - information[1] * score[0]) / determinant,
    )


def _information(grouped: _Grouped, weight: NDArray[np.float64]) -> tuple[float, float, float]:
    """Return Σ w, Σ w x, Σ w x²."""
    first = weight * grouped.x
    return float(np.sum(weight)), float(np.sum(first)), float(np.sum(first * grouped.x))


def _expit(x: NDArray[np.float64]) -> NDArray[np.float64]:
    small = np.exp(-np.abs(x))
    return np.asarray(np.where(x >= 0, 1.0, small) / (1 + small), dtype=np.float64)


def _log_likelihood(grouped: _Grouped, a: float, b: float) -> float:
    """Return Σ y·η − c·log(1 + e^η) over groups of c cases with y positives."""
    eta = a + b * grouped.x
    softplus = np.maximum(eta, 0) + np.log1p(np.exp(-np.abs(eta)))
    return float(np.sum(grouped.positive * eta - grouped.cases * softplus))


def _estimate(column: Column, fitted: tuple[float, float], *, slope: bool) -> Estimate:
    a, b = fitted
    value = iterated(b if slope else a)
    n, positives, exact = column.cases.n, column.counts.positives, Fraction(value)
    method = Method.LOGISTIC_SANDWICH_T
    if min(column.cases.patients_positive, column.cases.patients_negative) == 1:
        return Estimate(n=n, n_positive=positives, exact=exact, method=method, reason=Reason.ONE_PATIENT)
    error = _sandwich(column, a, b, slope=slope)
    if error == 0:
        return Estimate(n=n, n_positive=positives, exact=exact, method=method, reason=Reason.NO_VARIANCE)
    half = student_t(column) * error
    return Estimate(
        n=n,
        n_positive=positives,
        exact=exact,
        low=iterated(value - half),
        high=iterated(value + half),
        standard_error=iterated(error),
        method=method,
    )


def _sandwich(column: Column, a: float, b: float, *, slope: bool) -> float:
    """Return the standard error from the sum of each patient's influence, times √(I/(I − 1))."""
    grouped, cases = _grouped(column), column.cases
    chance = _expit(a + b * grouped.x)
    w, wx, wxx = _information(grouped, grouped.cases * chance * (1 - chance))
    x = _logits()[column.cells // 2 - 1]
    residual = cases.positive - _expit(a + b * x)
    influence = residual * (w * x - wx) / (w * wxx - wx * wx) if slope else residual / w
    patients = cases.patients_held
    sums = np.bincount(cases.patients, weights=influence, minlength=cases.n_patients)
    return math.sqrt(float(np.sum(np.square(sums))) * patients / (patients - 1))
