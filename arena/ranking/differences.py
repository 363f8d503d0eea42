"""Paired comparisons of entries on the same case set, from the influence of each patient."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from arena.ranking.holm import holm

_STEEPEST_Z = 38.0
"""Beyond this normal quantile a two-sided p value is 0 in floats."""


class Limits(Protocol):
    """Lower and upper confidence limit of a score."""

    @property
    def low(self) -> float:
        """Lower limit."""

    @property
    def high(self) -> float:
        """Upper limit."""


class Rankable(Protocol):
    """What is compared: an entry's exact score and each patient's influence on it (`arena.scoring.influence`)."""

    @property
    def score(self) -> Fraction | None:
        """The score, None where the entry has none."""

    @property
    def mean(self) -> NDArray[np.float64] | None:
        """Influence of each patient on the score, shape (I,); Σ mean² is the score's variance."""

    def limits(self, z: float) -> Limits:
        """Return limits of the score at a normal quantile that have a width even where the influence is 0."""


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """Entry `a` minus entry `b`, by their places in the sequence compared; p values are two-sided.

    `z` is None where the standard error is 0. `p_adjusted` is Holm's over all pairs of the sequence.
    """

    a: int
    b: int
    exact: Fraction
    standard_error: float
    z: float | None
    p: float
    p_adjusted: float

    @property
    def difference(self) -> float:
        """The difference as a float."""
        return float(self.exact)


def paired_difference(a: Rankable, b: Rankable) -> PairedDifference:
    """Compare two entries.

    Raises:
        ValueError: An entry has no score, or they are not of the same patients.
    """
    return compare_all([a, b])[0]


def compare_all(entries: Sequence[Rankable]) -> tuple[PairedDifference, ...]:
    """Compare every two entries that have a score, and adjust by Holm over these pairs.

    z = (A_a − A_b) / √Σ_i (φ_i(a) − φ_i(b))², referred to the normal distribution: with one study per patient and one
    finding the paired test of DeLong, DeLong and Clarke-Pearson 1988. Equal scores of equal influence have difference
    0 and p 1. Where the influences agree and the scores differ (an entry without one error against one that answers
    always the same) there is no variance to test against; p is then 2(1 − Φ(z)) at the z where the interval of the
    difference joined from both entries' own limits (as in Newcombe 1998, Statistics in Medicine 17:873–890, method 10)
    reaches 0.

    Args:
        entries: All entries of one leaderboard, on the same patients in the same order; those without a score are left
            out of the family.

    Returns:
        One comparison for each pair (a, b) with a < b, in that order.

    Raises:
        ValueError: Two entries are not of the same patients.
    """
    scored = [index for index, entry in enumerate(entries) if entry.score is not None and entry.mean is not None]
    found: list[tuple[int, int, Fraction, float, float]] = []
    for position, a in enumerate(scored):
        others = scored[position + 1 :]
        errors = _standard_errors(entries[a], [entries[b] for b in others])
        for b, error in zip(others, errors, strict=True):
            difference = _score(entries[a]) - _score(entries[b])
            found.append((a, b, difference, error, _p_value(entries[a], entries[b], difference, error)))
    adjusted = holm([p for *_, p in found])
    return tuple(
        PairedDifference(a, b, difference, error, float(difference) / error if error > 0 else None, p, p_adjusted)
        for (a, b, difference, error, p), p_adjusted in zip(found, adjusted, strict=True)
    )


def _score(entry: Rankable) -> Fraction:
    if entry.score is None:
        msg = "an entry without a score cannot be compared"
        raise ValueError(msg)
    return entry.score


def _standard_errors(entry: Rankable, others: Sequence[Rankable]) -> list[float]:
    """Return √Σ (φ(entry) − φ(other))² for each other; a pairwise sum, so that thread counts cannot matter."""
    if not others:
        return []
    means = [np.asarray(other.mean) for other in (entry, *others)]
    if any(mean.shape != means[0].shape for mean in means):
        msg = "entries can be compared on the same patients only"
        raise ValueError(msg)
    differences = np.stack(means[1:])
    differences -= means[0]
    return [float(error) for error in np.sqrt(np.sum(np.square(differences), axis=1))]


def _p_value(a: Rankable, b: Rankable, difference: Fraction, error: float) -> float:
    if difference == 0:
        return 1.0
    if error > 0:
        return 2 * float(ndtr(-abs(float(difference)) / error))
    better, worse = (a, b) if difference > 0 else (b, a)
    return _p_without_variance(better, worse, abs(float(difference)))


def _p_without_variance(better: Rankable, worse: Rankable, difference: float) -> float:
    low, high = 0.0, _STEEPEST_Z
    for _ in range(100):
        z = (low + high) / 2
        reach = math.hypot(float(_score(better)) - better.limits(z).low, worse.limits(z).high - float(_score(worse)))
        low, high = (z, high) if reach < difference else (low, z)
    return 2 * float(ndtr(-low))
