"""Limits of a difference, joined from those of its two sides: of scores, of shares, of subgroups."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from arena.ranking.differences import Limits, Rankable


@dataclass(frozen=True, slots=True)
class DifferenceLimits:
    """Lower and upper limit of a difference of two quantities within [0, 1], themselves within [−1, 1]."""

    low: float
    high: float


def joined_limits(
    value_a: float, limits_a: Limits, value_b: float, limits_b: Limits, correlation: float
) -> DifferenceLimits:
    """Join the limits of two estimates into those of their difference, by squaring and adding.

    Newcombe 1998 (Statistics in Medicine 17:2635–2650, method 10, for paired shares; 17:873–890, method 10, for
    independent ones) in the form that Zou and Donner 2008 (Statistics in Medicine 27:1693–1702) gave it for any two
    estimates. Each limit keeps the skewness of its side, which a difference ± 1.96 standard errors gives away.

    Args:
        value_a: In [0, 1].
        limits_a: Its limits.
        value_b: In [0, 1].
        limits_b: Its limits, of the same coverage.
        correlation: Of both estimates, in [−1, 1]; 0 where they are independent.
    """
    below_a, above_a = value_a - limits_a.low, limits_a.high - value_a
    below_b, above_b = value_b - limits_b.low, limits_b.high - value_b
    difference = value_a - value_b
    down = math.sqrt(max(below_a**2 - 2 * correlation * below_a * above_b + above_b**2, 0.0))
    up = math.sqrt(max(above_a**2 - 2 * correlation * above_a * below_b + below_b**2, 0.0))
    return DifferenceLimits(max(difference - down, -1.0), min(difference + up, 1.0))


@dataclass(frozen=True, slots=True)
class PairLimits:
    """Limits of the difference of two scores, entry a less entry b, at any tail; see `pair_limits`.

    Attributes:
        a: The first entry.
        b: The second.
        correlation: Of both scores over patients, in [−1, 1]; 0 where one of them does not vary.
        alike: Whether every patient has the same influence on both, and not all have none.
    """

    a: Rankable
    b: Rankable
    correlation: float
    alike: bool

    def at(self, tail: float) -> DifferenceLimits:
        """Return the limits that each err in a share `tail` of trials, in (0, 0.5]; 0.025 makes a 95 % interval."""
        score_a, score_b = self.a.score, self.b.score
        if score_a is None or score_b is None:
            msg = "an entry without a score cannot be compared"
            raise ValueError(msg)
        if self.alike:
            # They order all cases alike: nothing is uncertain about what lies between them.
            return DifferenceLimits(float(score_a - score_b), float(score_a - score_b))
        return joined_limits(
            float(score_a), self.a.interval(tail), float(score_b), self.b.interval(tail), self.correlation
        )


def pair_limits(a: Rankable, b: Rankable) -> PairLimits:
    """Return the limits of the difference of two entries' scores, joined from the published limits of both.

    The correlation is that of the influence of patients, Σ φ_a φ_b / √(Σ φ_a² Σ φ_b²). Of two entries without an error
    no influence varies; their limits, which have a width, are then joined as if they were independent.

    Raises:
        ValueError: An entry has no score, or they are not of the same patients.
    """
    if a.score is None or b.score is None or a.mean is None or b.mean is None:
        msg = "an entry without a score cannot be compared"
        raise ValueError(msg)
    if a.mean.shape != b.mean.shape:
        msg = "entries can be compared on the same patients only"
        raise ValueError(msg)
    # Pairwise sums, not BLAS, so that thread counts cannot matter.
    spread = math.sqrt(float(np.sum(np.square(a.mean))) * float(np.sum(np.square(b.mean))))
    correlation = float(np.sum(a.mean * b.mean)) / spread if spread > 0 else 0.0
    alike = spread > 0 and bool(np.array_equal(a.mean, b.mean))
    return PairLimits(a, b, min(max(correlation, -1.0), 1.0), alike)
