"""How the order of entries moves when patients are drawn again: the stability of ranks, and no confidence.

The quantiles of resampled ranks are no confidence limits: of ten equal entries they hold all true ranks in about 1 % of
contests, because the entry that happened to lead leads again in most resamples of the same patients. The rank set of
`arena.ranking.ranks` is what covers. The picture follows Wiesenfarth et al. 2021, Scientific Reports 11:2369.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray

from arena.ranking.schemes import pair_signs, tau_of_signs

QUANTILES: Final = (Fraction(1, 40), Fraction(1, 4), Fraction(1, 2), Fraction(3, 4), Fraction(39, 40))
"""Of the ranks over resamples; each is the smallest rank that at least this share of resamples does not exceed."""


@dataclass(frozen=True, slots=True)
class EntryStability:
    """One entry over the resamples.

    Attributes:
        share_first: Share of resamples in which no entry scored higher; equal leaders count each.
        rank_counts: In how many resamples the entry held rank 1, 2, … E.
        quantiles: Ranks at `QUANTILES`.
    """

    share_first: float
    rank_counts: tuple[int, ...]
    quantiles: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Stability:
    """All entries over the resamples, and how the resampled orders agree with the published one.

    Attributes:
        resamples: R.
        entries: In the order given.
        tau_mean: Mean of Kendall's τ-b between each resample's order and the published scores; None with one entry, or
            where either ties throughout in every resample.
        tau_quantiles: τ-b at `QUANTILES`; empty where `tau_mean` is None.
    """

    resamples: int
    entries: tuple[EntryStability, ...]
    tau_mean: float | None
    tau_quantiles: tuple[float, ...]


def rank_stability(scores: NDArray[np.float64], published: Sequence[Fraction]) -> Stability:
    """Rank the entries in each resample by score alone, 1 + the number of higher scores, and sum up.

    Args:
        scores: Scores of each resample (`arena.scoring.resampling`), shape (R, E), R and E at least 1.
        published: The exact scores of the same entries on all patients.
    """
    resamples, n_entries = scores.shape
    counts = np.zeros((n_entries, n_entries), dtype=np.int64)
    level = {score: place for place, score in enumerate(sorted(set(published)))}
    reference = pair_signs(np.array([level[score] for score in published], dtype=np.int64))
    taus = []
    every = np.arange(n_entries)
    for row in scores:
        ranks = n_entries - np.searchsorted(np.sort(row), row, side="right")
        counts[every, ranks] += 1
        tau = tau_of_signs(pair_signs(row), reference)
        if tau is not None:
            taus.append(tau)
    taus.sort()
    return Stability(
        resamples=resamples,
        entries=tuple(
            EntryStability(
                share_first=int(row[0]) / resamples,
                rank_counts=tuple(row.tolist()),
                quantiles=tuple(int(np.searchsorted(np.cumsum(row), _rank_of(q, resamples))) + 1 for q in QUANTILES),
            )
            for row in counts
        ),
        tau_mean=float(np.mean(taus)) if taus else None,
        tau_quantiles=tuple(taus[_rank_of(q, len(taus)) - 1] for q in QUANTILES) if taus else (),
    )


def _rank_of(share: Fraction, n: int) -> int:
    """Return the smallest number of n that is at least this share of them, 1 or more."""
    return max(1, -(-share.numerator * n // share.denominator))
