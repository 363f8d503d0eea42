"""Orders of the same entries under other rules than the published one, and how far orders agree.

An order that changes with the rule is no property of the entries (Maier-Hein et al. 2018, Nature Communications
9:5217). None of these moves a published rank.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from arena.ranking.adjustment import Adjustment
from arena.ranking.differences import Rankable
from arena.ranking.floors import Unranked
from arena.ranking.max_t import RESAMPLES
from arena.ranking.ranks import Rank, rank_entries


class Scheme(StrEnum):
    """How one order is made of several findings.

    MEAN_THEN_RANK: by the mean over findings, the macro AUC. RANK_THEN_MEAN: by the mean of the ranks in each finding,
    equal scores sharing the mean of their ranks.
    """

    MEAN_THEN_RANK = "mean_then_rank"
    RANK_THEN_MEAN = "rank_then_mean"


def places(scores: Sequence[Fraction | None]) -> tuple[int | None, ...]:
    """Return 1 + the number of higher scores for each score, without any test; None where there is no score."""
    standing = sorted(score for score in scores if score is not None)
    above: dict[Fraction, int] = {}
    for count, score in enumerate(standing, start=1):
        above[score] = len(standing) - count
    return tuple(None if score is None else 1 + above[score] for score in scores)


def mean_ranks(scores: Sequence[Sequence[Fraction]]) -> tuple[Fraction, ...]:
    """Return each entry's rank averaged over findings, exact; 1 is best, equal scores share the mean of their ranks.

    Args:
        scores: For each entry its score in each finding, E × K, K at least 1.
    """
    totals = [Fraction(0)] * len(scores)
    findings = len(scores[0]) if scores else 0
    for finding in range(findings):
        column = [row[finding] for row in scores]
        held = {score: column.count(score) for score in set(column)}
        for entry, place in enumerate(places(column)):
            totals[entry] += Fraction(place or 0) + Fraction(held[column[entry]] - 1, 2)
    return tuple(total / findings for total in totals)


def scheme_places(scores: Sequence[Sequence[Fraction]], scheme: Scheme) -> tuple[int, ...]:
    """Return each entry's place under a scheme; equal entries share the better one.

    Args:
        scores: For each entry its score in each finding, E × K, K at least 1; higher is better.
        scheme: How findings are joined.
    """
    if scheme is Scheme.RANK_THEN_MEAN:
        joined = [-rank for rank in mean_ranks(scores)]
    else:
        joined = [sum(row, Fraction(0)) / len(row) for row in scores]
    return tuple(place for place in places(joined) if place is not None)


def kendall_tau(one: Sequence[int], other: Sequence[int]) -> float | None:
    """Return Kendall's τ-b of two orders of the same entries, in [−1, 1]; 1 where they agree on every pair.

    τ-b counts a pair that ties in either order as no agreement and corrects for such pairs (Kendall 1945, Biometrika
    33:239–251).

    Args:
        one: Place of each entry.
        other: Place of each entry.

    Returns:
        None where an order ties throughout, so that there is nothing to agree on.
    """
    signs = pair_signs(np.asarray(one)), pair_signs(np.asarray(other))
    return tau_of_signs(*signs)


def pair_signs(values: NDArray[np.int64] | NDArray[np.float64]) -> NDArray[np.int8]:
    """Return for every two entries a, b the sign of value a − value b, shape (E, E)."""
    return (values[:, None] > values[None, :]).astype(np.int8) - (values[:, None] < values[None, :]).astype(np.int8)


def tau_of_signs(one: NDArray[np.int8], other: NDArray[np.int8]) -> float | None:
    """Return τ-b from the signs of all pairs; each pair is counted twice throughout, which cancels."""
    untied = math.sqrt(np.count_nonzero(one) * np.count_nonzero(other))
    if untied == 0:
        return None
    agreement = int(np.sum(one * other, dtype=np.int64))
    return min(max(agreement / untied, -1.0), 1.0)


@dataclass(frozen=True, slots=True)
class PolicyRanking:
    """What a leaderboard would be if missing answers counted otherwise.

    Attributes:
        policy: What a missing answer counts as.
        ranks: Rank and rank set of each entry under it, by the same tests as the published ones.
        places: Place of each entry by its score alone.
        tau: Kendall's τ-b between the scores under it and under the declared policy, among the entries ranked under
            both; None with fewer than two, or where either ties throughout.
    """

    policy: str
    ranks: tuple[Rank, ...]
    places: tuple[int | None, ...]
    tau: float | None


def policy_sensitivity(
    by_policy: Mapping[str, Sequence[Rankable]],
    *,
    declared: str,
    alpha: float,
    adjustment: Adjustment,
    seed: int,
    resamples: int = RESAMPLES,
    unranked: Sequence[Unranked | None] | None = None,
) -> tuple[PolicyRanking, ...]:
    """Rank the same entries under each policy for missing answers, in the order given.

    Args:
        by_policy: Under each policy all entries, in the same order and on the same patients.
        declared: The policy that the challenge declares; one of `by_policy`.
        alpha: As declared.
        adjustment: As declared.
        seed: Of the max-T resamples.
        resamples: Number of max-T resamples.
        unranked: Who stands outside the family under the declared policy; the same under all, so that the ranks differ
            by the policy alone.
    """
    found = []
    for policy, entries in by_policy.items():
        ranking = rank_entries(
            entries, alpha=alpha, adjustment=adjustment, seed=seed, resamples=resamples, unranked=unranked
        )
        ranks = ranking.ranks
        scores = [entry.score if rank.rank else None for entry, rank in zip(entries, ranks, strict=True)]
        found.append((policy, ranks, places(scores)))
    reference = next(order for policy, _, order in found if policy == declared)
    return tuple(
        PolicyRanking(policy=policy, ranks=ranks, places=order, tau=_common_tau(reference, order))
        for policy, ranks, order in found
    )


def _common_tau(one: Sequence[int | None], other: Sequence[int | None]) -> float | None:
    common = [(a, b) for a, b in zip(one, other, strict=True) if a is not None and b is not None]
    if len(common) < 2:  # noqa: PLR2004 - a pair
        return None
    return kendall_tau([a for a, _ in common], [b for _, b in common])
