"""How long answers took."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

_PERCENT = 100


@dataclass(frozen=True, slots=True)
class LatencyScores:
    """Seconds per answered case, measured from outside; None where no case was answered."""

    median_seconds: float | None
    p95_seconds: float | None
    n: int


def quantile(values: Sequence[float], percent: int) -> float | None:
    """Return the smallest value that `percent` % of the values do not exceed; None for no values.

    Where exactly that share of the values is reached, the mean of this value and the next: type 2 of Hyndman and Fan
    1996 (doi:10.2307/2684934), by which the 50 % quantile is the usual median. The rank is computed in integers.

    Args:
        values: Finite, in any order.
        percent: 1…99.
    """
    if not values:
        return None
    ordered = sorted(values)
    whole, rest = divmod(len(ordered) * percent, _PERCENT)
    if rest:
        return ordered[whole]
    return (ordered[whole - 1] + ordered[whole]) / 2


def latency_scores(seconds: Sequence[float]) -> LatencyScores:
    """Return the median and the 95th percentile of the latencies of answered cases.

    Raises:
        ValueError: A latency is negative or not finite.
    """
    if not all(math.isfinite(value) and value >= 0 for value in seconds):
        msg = "latencies must be finite and not negative"
        raise ValueError(msg)
    return LatencyScores(quantile(seconds, 50), quantile(seconds, 95), len(seconds))
