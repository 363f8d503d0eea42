"""Is an entry at most a declared margin worse than another? One-sided, the margin declared before the phase opens."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri

from arena.ranking.differences import Rankable
from arena.ranking.limits import PairLimits, pair_limits

_STEEPEST_Z: Final = 38.0
"""Beyond this normal quantile a p value is 0 in floats."""


@dataclass(frozen=True, slots=True)
class NonInferiority:
    """Whether entry a is not inferior to entry b.

    Attributes:
        exact: Score of a less score of b.
        standard_error: Of the difference.
        margin: δ, the largest loss that is accepted.
        low: Lower one-sided confidence limit of the difference at level 1 − α/2.
        p: One-sided p value of "a is worse than b by δ or more", the tail at which the limit is −δ; None where the
            difference has no variance and `low` alone decides.
        non_inferior: Whether `low` lies above −δ.
    """

    exact: Fraction
    standard_error: float
    margin: Fraction
    low: float
    p: float | None
    non_inferior: bool


def non_inferiority(a: Rankable, b: Rankable, *, margin: Fraction, alpha: float) -> NonInferiority:
    """Test one entry against another.

    One-sided at α/2: a is not inferior exactly where the two-sided interval of the difference at 1 − α lies above −δ,
    so the same α serves both questions (ICH E9, sections 3.3.2 and 5.5). The interval is that of `pair_limits`, joined
    from those of both scores: the difference − 1.96 standard errors errs in up to 8 % of trials instead of 2.5 % where
    both scores are high, for the entry that claims. The p value belongs to the same limit.

    Args:
        a: The entry that is claimed to be as good.
        b: What it is held against: another entry, or the readers' reference.
        margin: δ > 0, as declared (`ranking.noninferiority_margin`).
        alpha: The challenge's two-sided α, in (0, 1).

    Raises:
        ValueError: The margin is not above 0, an entry has no score, or they are not of the same patients.
    """
    if margin <= 0:
        msg = "a margin of non-inferiority lies above 0"
        raise ValueError(msg)
    if a.score is None or b.score is None or a.mean is None or b.mean is None:
        msg = "an entry without a score cannot be compared"
        raise ValueError(msg)
    exact, limits, tail = a.score - b.score, pair_limits(a, b), alpha / 2
    low = limits.at(tail).low
    error = math.sqrt(float(np.sum(np.square(a.mean - b.mean))))
    non_inferior = low > -float(margin)
    return NonInferiority(
        exact=exact,
        standard_error=error,
        margin=margin,
        low=low,
        p=_p_value(limits, float(exact + margin), margin, tail, non_inferior=non_inferior) if error > 0 else None,
        non_inferior=non_inferior,
    )


def _p_value(limits: PairLimits, kept: float, margin: Fraction, tail: float, *, non_inferior: bool) -> float:
    """Return the tail at which the limit meets −δ, to 8 digits: at a wider tail than that, a is called not inferior.

    Args:
        limits: Of the difference.
        kept: The difference and the margin, A_a − A_b + δ.
        margin: δ.
        tail: α/2.
        non_inferior: What the limit says at that tail; the p value is sought on its side of it.
    """
    if kept <= 0:
        # The estimate itself lies beyond the margin: the limit on its other side meets −δ.
        return 1 - _meeting(lambda tail: limits.at(tail).high + float(margin), 0.0, _STEEPEST_Z)
    at = float(-ndtri(tail))
    nearest, furthest = (at, _STEEPEST_Z) if non_inferior else (0.0, at)
    return _meeting(lambda tail: limits.at(tail).low + float(margin), nearest, furthest)


def _meeting(distance: Callable[[float], float], nearest: float, furthest: float) -> float:
    """Return the tail between two normal quantiles at which a distance is 0; where it nowhere is, the tail nearest."""

    def at(z: float) -> float:
        return distance(float(ndtr(-z)))

    low, high = at(nearest), at(furthest)
    if low == 0 or (low > 0) == (high > 0):
        return float(ndtr(-(nearest if abs(low) <= abs(high) else furthest)))
    return float(f"{ndtr(-brentq(at, nearest, furthest, xtol=1e-12)):.8g}")
