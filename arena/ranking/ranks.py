"""Ranks that claim no separation which no test supports, and rank sets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from arena.ranking.adjustment import Adjustment
from arena.ranking.differences import PairedDifference, Rankable, compare_all
from arena.ranking.floors import Unranked
from arena.ranking.max_t import RESAMPLES

ALPHA = 0.05


@dataclass(frozen=True, slots=True)
class Rank:
    """The published rank of an entry and its rank set; all None, with the reason, where the entry is not ranked.

    `low`…`high` are, with all entries at once and at confidence 1 − α, the ranks that the tests leave open.
    """

    rank: int | None
    low: int | None
    high: int | None
    unranked: Unranked | None = None


@dataclass(frozen=True, slots=True)
class Ranking:
    """The ranks of a sequence of entries, in its order, and every comparison behind them."""

    ranks: tuple[Rank, ...]
    pairs: tuple[PairedDifference, ...]
    alpha: float


def rank_entries(
    entries: Sequence[Rankable],
    *,
    alpha: float = ALPHA,
    adjustment: Adjustment = Adjustment.HOLM,
    seed: int = 0,
    resamples: int = RESAMPLES,
    unranked: Sequence[Unranked | None] | None = None,
) -> Ranking:
    """Compare all entries and rank them; see `ranks_from_pairs`.

    Args:
        entries: One for each organisation, on the same patients.
        alpha: Family-wise error, in (0, 1).
        adjustment: Which adjusted p value decides.
        seed: Of the max-T resamples, 0 … 2¹²⁸ − 1; from the case set and the rules.
        resamples: Number of max-T resamples.
        unranked: For each entry why it is kept out (`arena.ranking.floors`), None where it is not. An entry without a
            score is kept out in any case.
    """
    given = [None] * len(entries) if unranked is None else unranked
    reasons = [reason or _no_score(entry) for entry, reason in zip(entries, given, strict=True)]
    family = [place for place, reason in enumerate(reasons) if reason is None]
    compared = compare_all([entries[i] for i in family], adjustment=adjustment, seed=seed, resamples=resamples)
    whole = len(family) == len(entries)
    pairs = compared if whole else tuple(replace(pair, a=family[pair.a], b=family[pair.b]) for pair in compared)
    scores = [entry.score if reason is None else None for entry, reason in zip(entries, reasons, strict=True)]
    ranks = ranks_from_pairs(scores, pairs, alpha=alpha)
    told = tuple(replace(rank, unranked=reason) for rank, reason in zip(ranks, reasons, strict=True))
    return Ranking(told, pairs, alpha)


def _no_score(entry: Rankable) -> Unranked | None:
    return Unranked.NO_SCORE if entry.score is None or entry.mean is None else None


def ranks_from_pairs(
    scores: Sequence[Fraction | None], pairs: Sequence[PairedDifference], *, alpha: float = ALPHA
) -> tuple[Rank, ...]:
    """Return each entry's rank from exact scores and adjusted comparisons.

    raw_i = 1 + the number of entries of a higher score whose adjusted p against i is below α. The published rank is the
    smallest raw_j among entries that score no higher than i: no entry stands behind one that scores less, and rank r
    needs at least r − 1 tests that place others above it. (Raw ranks alone can invert the order: a well measured
    runner-up may be significantly below the first while a badly measured third is not.)

    The rank set is [1 + significantly better, E − significantly worse] of E ranked entries, simultaneous at 1 − α by
    the family-wise adjustment (Mogstad, Romano, Shaikh and Wilhelm 2024, Review of Economic Studies 91:476–518). It is
    closed monotonically by widening only: no entry's set begins above, or ends below, that of one that scores less.

    Args:
        scores: Higher is better; equal rationals tie; None is left unranked.
        pairs: Comparisons of all scored entries, by their places in `scores`.
        alpha: Family-wise error, in (0, 1).
    """
    better = dict.fromkeys(range(len(scores)), 0)
    worse = dict.fromkeys(range(len(scores)), 0)
    for pair in pairs:
        if pair.p_adjusted < alpha and pair.exact.numerator != 0:
            upper, lower = (pair.a, pair.b) if pair.exact.numerator > 0 else (pair.b, pair.a)
            better[lower] += 1
            worse[upper] += 1
    total = len([score for score in scores if score is not None])
    lows = _running([(score, 1 + better[j]) for j, score in enumerate(scores) if score is not None])
    highs = _running([(-score, worse[j] - total) for j, score in enumerate(scores) if score is not None])

    def rank_of(score: Fraction | None) -> Rank:
        if score is None:
            return Rank(None, None, None)
        return Rank(lows[score], lows[score], -highs[-score])

    return tuple(rank_of(score) for score in scores)


def _running(valued: list[tuple[Fraction, int]]) -> dict[Fraction, int]:
    """Return for each score the smallest value among all scores that are no higher."""
    found: dict[Fraction, int] = {}
    smallest: int | None = None
    for score, value in sorted(valued):
        smallest = value if smallest is None else min(smallest, value)
        found[score] = smallest
    return found
