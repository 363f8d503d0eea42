"""Floors: an entry below a declared floor is listed without a rank and outside the family of comparisons.

Every entry in the family makes each comparison harder to call. A floor keeps entries out that answer hardly anything or
do no better than a coin, by a rule that was declared before anybody submitted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction


class Unranked(StrEnum):
    """Why an entry has no rank."""

    NO_SCORE = "no_score"
    BELOW_FLOOR_ANSWERED = "below_floor_answered"
    BELOW_FLOOR_AUC = "below_floor_auc"


@dataclass(frozen=True, slots=True)
class Floors:
    """Declared floors, exact; None where there is none. An entry that stands exactly on a floor is ranked.

    Attributes:
        auc: Of the macro AUC itself, not of its interval; in [0, 1].
        answered: Of the share of cases with a usable answer; in [0, 1].
    """

    auc: Fraction | None = None
    answered: Fraction | None = None


def declared_floor(value: float | None) -> Fraction | None:
    """Return a floor of up to four decimals as the fraction that was written, not as the nearest float."""
    return None if value is None else Fraction(round(value * 10_000), 10_000)


def unranked_by(
    floors: Floors, scores: Sequence[Fraction | None], answered: Sequence[Fraction]
) -> tuple[Unranked | None, ...]:
    """Say of each entry why it has no rank, None where it has one.

    Args:
        floors: The declared floors.
        scores: Macro AUC of each entry, None where it has none.
        answered: Share of cases with a usable answer of each entry, in [0, 1].
    """
    return tuple(_reason(floors, score, share) for score, share in zip(scores, answered, strict=True))


def _reason(floors: Floors, score: Fraction | None, answered: Fraction) -> Unranked | None:
    if floors.answered is not None and answered < floors.answered:
        return Unranked.BELOW_FLOOR_ANSWERED
    if score is None:
        return Unranked.NO_SCORE
    if floors.auc is not None and score < floors.auc:
        return Unranked.BELOW_FLOOR_AUC
    return None
