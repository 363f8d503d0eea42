"""The ROC curve at fixed false positive rates, with a pointwise 95 % band.

A thinned curve is drawn, not the empirical one: each step of the latter is one case.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from arena.scoring.auc import placements
from arena.scoring.influence import Column
from arena.scoring.proportions import design_effect, wilson_interval

GRID: Final = 100
"""The curve is given at false positive rates 0, 1/100, …, 1."""


@dataclass(frozen=True, slots=True)
class RocScores:
    """True positive rate and its 95 % limits at each false positive rate; four tuples of GRID + 1 numbers."""

    fpr: tuple[float, ...]
    tpr: tuple[float, ...]
    tpr_low: tuple[float, ...]
    tpr_high: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class _Curve:
    """Corners of the empirical curve from (0, 0) to (negatives, positives), in cases."""

    false_positive: NDArray[np.int64]
    true_positive: NDArray[np.int64]

    def at(self, fpr: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the true positive rate at rates in [0, 1]: linear between corners, the top where it is vertical."""
        negatives, positives = int(self.false_positive[-1]), int(self.true_positive[-1])
        wanted = fpr * negatives
        # Rates such as 0.07 · 100 must meet the corner at 7 exactly.
        nearest = np.rint(wanted)
        wanted = np.where(np.abs(wanted - nearest) < 1e-9 * max(negatives, 1), nearest, wanted)
        left = np.searchsorted(self.false_positive, wanted, side="right") - 1
        right = np.minimum(left + 1, self.false_positive.size - 1)
        run = np.maximum(self.false_positive[right] - self.false_positive[left], 1)
        rise = self.true_positive[right] - self.true_positive[left]
        share: NDArray[np.float64] = (wanted - self.false_positive[left]) / run
        return (self.true_positive[left] + share * rise) / positives


def roc_curve(column: Column) -> RocScores | None:
    """Return the curve and its band; None where a class is empty.

    The true positive rate at rate f is uncertain in two ways: the positives are a sample, and so are the negatives that
    say which threshold has rate f. The first is Wilson's interval of the true positive rate; the second is read off
    the curve at the ends of Wilson's interval of f (as Woodruff 1952, JASA 47:635–646, does for quantiles). The two
    distances are joined by the square root of the sum of their squares (MOVER: Zou and Donner 2008, Statistics in
    Medicine 27:1693–1702), which for large samples is the variance of Hsieh and Turnbull 1996 (Annals of Statistics
    24:25–40) with the curve's slope read off its own chord. Cases of each class are divided by the design effect of
    their placement values.
    """
    counts = column.counts
    if counts.positives == 0 or counts.negatives == 0:
        return None
    curve = _Curve(
        np.concatenate([[0], np.cumsum(counts.negative[::-1])]), np.concatenate([[0], np.cumsum(counts.positive[::-1])])
    )
    fpr = np.arange(GRID + 1) / GRID
    tpr = curve.at(fpr)
    effect_positive, effect_negative = _class_effects(column)
    vertical = [wilson_interval(min(float(t), 1.0), counts.positives / effect_positive) for t in tpr]
    horizontal = [wilson_interval(float(f), counts.negatives / effect_negative) for f in fpr]
    left, right = curve.at(np.array([h.low for h in horizontal])), curve.at(np.array([h.high for h in horizontal]))
    low = [max(t - math.hypot(t - v.low, t - edge), 0.0) for t, v, edge in zip(tpr, vertical, left, strict=True)]
    high = [min(t + math.hypot(v.high - t, edge - t), 1.0) for t, v, edge in zip(tpr, vertical, right, strict=True)]
    low[-1] = 1.0  # at rate 1 everything is called positive, by definition
    return RocScores(
        fpr=tuple(map(float, fpr)),
        tpr=tuple(map(float, tpr)),
        tpr_low=tuple(map(float, low)),
        tpr_high=tuple(map(float, high)),
    )


def _class_effects(column: Column) -> tuple[float, float]:
    """Return the design effects of the placement values of positives and of negatives."""
    if column.cases.independent:
        return 1.0, 1.0
    doubled, positive, patients = placements(column.counts), column.cases.positive, column.cases.patients
    codes = column.cells // 2
    values_positive = doubled.of_positive[codes[positive]].astype(np.float64)
    values_negative = doubled.of_negative[codes[~positive]].astype(np.float64)
    return design_effect(values_positive, patients[positive]), design_effect(values_negative, patients[~positive])
