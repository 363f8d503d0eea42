"""Ranks that claim no separation which no test supports, and rank sets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from arena.ranking.differences import PairedDifference, Rankable, compare_all

ALPHA = 0.05


@dataclass(frozen=True, slots=True)
class Rank:
    """The published rank of an entry and its rank set; all None where the entry has no score.

    `low`…`high` are, with all entries at once and at confidence 1 − α, the ranks that the tests leave open.
    """

    rank: int | None
    low: int | None
    high: int | None


@dataclass(frozen=True, slots=True)
class Ranking:
    """The ranks of a sequence of entries, in its order, and every comparison behind them."""

    ranks: tuple[Rank, ...]
    pairs: tuple[PairedDifference, ...]
    alpha: float


def rank_entries(entries: Sequence[Rankable], *, alpha: float = ALPHA) -> Ranking:
    """Compare all entries and rank them; see `ranks_from_pairs`."""
    pairs = compare_all(entries)
    return Ranking(ranks_from_pairs([entry.score for entry in entries], pairs, alpha=alpha), pairs, alpha)


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
        if pair.p_adjusted < alpha and pair.exact != 0:
            upper, lower = (pair.a, pair.b) if pair.exact > 0 else (pair.b, pair.a)
            better[lower] += 1
            worse[upper] += 1
    scored = [(score, index) for index, score in enumerate(scores) if score is not None]
    total = len(scored)

    def rank_of(score: Fraction | None) -> Rank:
        if score is None:
            return Rank(None, None, None)
        low = min(1 + better[j] for other, j in scored if other <= score)
        high = max(total - worse[j] for other, j in scored if other >= score)
        return Rank(low, low, high)

    return tuple(rank_of(score) for score in scores)
