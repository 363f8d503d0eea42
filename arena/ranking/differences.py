"""Paired comparisons of entries on the same case set, from the influence of each patient."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from arena.ranking.adjustment import Adjustment
from arena.ranking.holm import holm
from arena.ranking.max_t import RESAMPLES, max_t

_STEEPEST_Z: Final = 38.0
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

    def interval(self, tail: float) -> Limits:
        """Return the published limits of the score, each erring in a share `tail` of trials instead of 2.5 %."""


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """Entry `a` minus entry `b`, by their places in the sequence compared; all p values are two-sided.

    `z` is None where the standard error is 0. `p_holm` and `p_max_t` are adjusted for all pairs of the sequence, and
    `p_adjusted` is the one of them that decides.
    """

    a: int
    b: int
    exact: Fraction
    standard_error: float
    z: float | None
    p: float
    p_holm: float
    p_max_t: float
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


@dataclass(frozen=True, slots=True)
class _Raw:
    """A comparison before adjustment; `statistic` is |z|, or the quantile that stands for it without variance."""

    a: int
    b: int
    difference: Fraction
    error: float
    z: float | None
    statistic: float
    p: float


def compare_all(
    entries: Sequence[Rankable],
    *,
    adjustment: Adjustment = Adjustment.HOLM,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> tuple[PairedDifference, ...]:
    """Compare every two entries that have a score, and adjust for the number of these pairs in both ways.

    z = (A_a − A_b) / √Σ_i (φ_i(a) − φ_i(b))², referred to the normal distribution: with one study per patient and one
    finding the paired test of DeLong, DeLong and Clarke-Pearson 1988. Equal scores of equal influence have difference
    0 and p 1. Where the influences agree and the scores differ (an entry without one error against one that answers
    always the same) there is no variance to test against; p is then 2(1 − Φ(z)) at the z where the interval of the
    difference joined from both entries' own limits (as in Newcombe 1998, Statistics in Medicine 17:873–890, method 10)
    reaches 0.

    Args:
        entries: All entries of one leaderboard, on the same patients in the same order; those without a score are left
            out of the family.
        adjustment: Which adjusted p value decides.
        seed: 0 … 2¹²⁸ − 1, of the max-T resamples; from the case set and the rules, never from the entries.
        resamples: Number of max-T resamples.

    Returns:
        One comparison for each pair (a, b) with a < b, in that order.

    Raises:
        ValueError: Two entries are not of the same patients.
    """
    scored = [index for index, entry in enumerate(entries) if entry.score is not None and entry.mean is not None]
    raw = [
        _compare(entries, a, b, error)
        for position, a in enumerate(scored)
        for b, error in zip(
            scored[position + 1 :],
            _standard_errors(entries[a], [entries[b] for b in scored[position + 1 :]]),
            strict=True,
        )
    ]
    by_holm = holm([pair.p for pair in raw])
    by_max_t = _max_t(entries, scored, raw, seed, resamples)
    deciding = by_holm if adjustment is Adjustment.HOLM else by_max_t
    return tuple(
        PairedDifference(
            a=pair.a,
            b=pair.b,
            exact=pair.difference,
            standard_error=pair.error,
            z=pair.z,
            p=pair.p,
            p_holm=p_holm,
            p_max_t=p_max_t,
            p_adjusted=p_adjusted,
        )
        for pair, p_holm, p_max_t, p_adjusted in zip(raw, by_holm, by_max_t, deciding, strict=True)
    )


def _max_t(
    entries: Sequence[Rankable], scored: Sequence[int], raw: Sequence[_Raw], seed: int, resamples: int
) -> tuple[float, ...]:
    """Return the max-T p values, none below the p value of the comparison alone; a single one needs no adjustment."""
    if len(raw) < 2:  # noqa: PLR2004 - a family of one
        return tuple(pair.p for pair in raw)
    place = {index: row for row, index in enumerate(scored)}
    adjusted = max_t(
        np.stack([np.asarray(entries[index].mean) for index in scored]),
        np.array([(place[pair.a], place[pair.b]) for pair in raw]),
        np.array([pair.statistic for pair in raw]),
        np.array([pair.error for pair in raw]),
        seed=seed,
        resamples=resamples,
    )
    return tuple(max(float(p), pair.p) for p, pair in zip(adjusted, raw, strict=True))


def _compare(entries: Sequence[Rankable], a: int, b: int, error: float) -> _Raw:
    difference = _score(entries[a]) - _score(entries[b])
    value = float(difference)
    if difference.numerator == 0:
        statistic = 0.0
    elif error > 0:
        statistic = abs(value) / error
    else:
        better, worse = (entries[a], entries[b]) if difference.numerator > 0 else (entries[b], entries[a])
        statistic = _z_without_variance(better, worse, abs(value))
    z = value / error if error > 0 else None
    return _Raw(a, b, difference, error, z, statistic, 2 * float(ndtr(-statistic)))


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


def _z_without_variance(better: Rankable, worse: Rankable, difference: float) -> float:
    low, high = 0.0, _STEEPEST_Z
    for _ in range(100):
        z = (low + high) / 2
        reach = math.hypot(float(_score(better)) - better.limits(z).low, worse.limits(z).high - float(_score(worse)))
        low, high = (z, high) if reach < difference else (low, z)
    return low
