"""The Ladder: whether a new score may be shown beside the best that its owner has been shown before.

Blum and Hardt 2015 (The Ladder: a reliable leaderboard for machine learning competitions, arXiv:1502.04585) prove a
bound for losses that are means over cases. For AUC the rule is a heuristic: docs/security.md gives its simulation.
"""

from __future__ import annotations

from fractions import Fraction

from arena.ranking.differences import Rankable, paired_difference

CHANCE = Fraction(1, 2)
"""What a guess scores. It counts as shown to everybody: whoever fails on purpose to begin low gains no steps by it."""


def improves(new: Rankable, shown: Rankable | None, *, eta: float) -> bool:
    """Say whether `new` is shown.

    The first score is shown, also where there is none to show: its owner must learn that it has failed. After that a
    score is shown only if it exceeds the shown best by more than max(`eta`, one standard error of the difference), and
    chance by more than `eta`. A shown entry without a score is beaten by any score.

    Args:
        new: The entry that has just been scored.
        shown: The best that its owner has been shown, None before the first.
        eta: The least margin in units of the score; the decimal as written counts.

    Raises:
        ValueError: The two are not of the same patients.
    """
    if shown is None:
        return True
    if new.score is None:
        return False
    if shown.score is None:
        return True
    pair, margin = paired_difference(new, shown), Fraction(repr(eta))
    above_chance = new.score - CHANCE > margin
    return above_chance and pair.exact > margin and float(pair.exact) > pair.standard_error
