"""Exact binomial limits (Clopper and Pearson 1934, Biometrika 26:404–413) and how many successes they ask for.

Each limit is one-sided: it errs in at most 1 − confidence of samples, whatever the true share. A two-sided 95 %
interval is the pair of limits at confidence 0.975. The counts are of independent units, so of patients where
patients hold several cases.
"""

from __future__ import annotations

import math

from scipy.special import bdtr, betaincinv

CONFIDENCE = 0.95
"""Confidence of the one-sided limits that are published."""


def lower_limit(hits: int, n: int, confidence: float = CONFIDENCE) -> float:
    """Return the share above which the true one lies: the p at which `hits` or more of n have chance 1 − confidence.

    Args:
        hits: 0…n.
        n: Independent units, at least 1.
        confidence: One-sided, in (0, 1).
    """
    _check(hits, n)
    return 0.0 if hits == 0 else float(betaincinv(hits, n - hits + 1, 1 - confidence))


def upper_limit(hits: int, n: int, confidence: float = CONFIDENCE) -> float:
    """Return the share below which the true one lies: the p at which `hits` or fewer of n have chance 1 − confidence.

    Args:
        hits: 0…n.
        n: Independent units, at least 1.
        confidence: One-sided, in (0, 1).
    """
    _check(hits, n)
    return 1.0 if hits == n else float(betaincinv(hits + 1, n - hits, confidence))


def units_for_zero(limit: float, confidence: float = CONFIDENCE) -> int:
    """Return the smallest n at which 0 hits have an upper limit of at most `limit`: 299 for 0.01, 59 for 0.05.

    The same n is the smallest at which the lowest of n scores is a threshold of sensitivity 1 − limit (`thresholds`).

    Args:
        limit: A share in (0, 1).
        confidence: One-sided, in (0, 1).
    """
    n = max(math.ceil(math.log1p(-confidence) / math.log1p(-limit)) - 1, 1)
    while (1 - limit) ** n > 1 - confidence:
        n += 1
    return n


def chance_of_at_most(hits: int, n: int, share: float) -> float:
    """Return the chance of `hits` or fewer of n independent units at a true share."""
    return 1.0 if hits >= n else float(bdtr(hits, n, share))


def _check(hits: int, n: int) -> None:
    if not 0 <= hits <= n or n == 0:
        msg = f"{hits} of {n} is no share"
        raise ValueError(msg)
