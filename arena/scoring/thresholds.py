"""A threshold set on a calibration split so that sensitivity, or specificity, holds for patients not yet seen.

The r-th lowest of n independent positive scores, as a threshold, has a sensitivity distributed as Beta(n − r + 1, r),
whatever the scores' distribution (Wilks 1941, Annals of Mathematical Statistics 12:91–96); ties only raise it. So the
threshold is the highest order statistic whose sensitivity reaches the floor with 95 % confidence. Where even the lowest
does not, there are too few positives and no threshold is given.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from arena.scoring.binomial import CONFIDENCE, chance_of_at_most, units_for_zero
from arena.scoring.declared import Floor
from arena.scoring.estimates import Reason
from arena.scoring.levels import MISSING_LEVEL, TOP_LEVEL

_UNANSWERED: Final = TOP_LEVEL + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ThresholdChoice:
    """A threshold, or why there is none.

    Attributes:
        level: 0…10,000, a case at or above it is called positive; None with a `reason`.
        kind: The share that has a floor.
        floor: Its value, in (0, 1).
        n: Patients of the class that it is learned from, one score each.
        needed: Smallest n at which a threshold can be given.
        order: Place of the order statistic from the side of errors, 1 the outermost: it leaves `order` − 1 errors.
        confidence: That the share reaches the floor, at least 0.95; without a level, what the outermost score reaches.
        reason: `too_few_patients`, `shared_patients`, `missing_answers` (one stands at that place) or `no_level`
            (only a level above all would do).
    """

    level: int | None
    kind: Floor
    floor: float
    n: int
    needed: int
    order: int
    confidence: float
    reason: Reason | None = None


def set_threshold(
    levels: NDArray[np.int32],
    positive: NDArray[np.bool_],
    patients: NDArray[np.int64],
    *,
    floor: float,
    kind: Floor = Floor.SENSITIVITY,
    shared: Iterable[str] = (),
) -> ThresholdChoice:
    """Choose a threshold on a calibration split.

    A patient's score is the lowest of their positives (for specificity, the highest of their negatives): the share that
    holds is of patients with *all* such studies right. A case without an answer counts as an error at every threshold.

    Args:
        levels: Level of each case of the split with a known reference, −1 without an answer, shape (c,).
        positive: Its reference, shape (c,).
        patients: Patient code of each case, shape (c,).
        floor: Smallest sensitivity or specificity, in (0, 1).
        kind: Which of them.
        shared: Patients that the split has in common with the set that is judged (`shared_patients`).

    Raises:
        ValueError: The floor is not between 0 and 1.
    """
    if not 0 < floor < 1:
        msg = f"a floor lies between 0 and 1, not at {floor}"
        raise ValueError(msg)
    wrongness = _wrongness(levels, positive, patients, kind)
    n, needed = wrongness.size, units_for_zero(1 - floor)
    order = tolerance_order(n, floor)
    confidence = tolerance_confidence(n, max(order, 1), floor) if n else 0.0
    level, reason = None, None
    if any(True for _ in shared):
        reason = Reason.SHARED_PATIENTS
    elif order == 0:
        reason = Reason.TOO_FEW_PATIENTS
    else:
        level, reason = _level(int(wrongness[n - order]), kind)
    return ThresholdChoice(
        level=level,
        kind=kind,
        floor=floor,
        n=n,
        needed=needed,
        order=order,
        confidence=confidence,
        reason=reason,
    )


def tolerance_confidence(n: int, order: int, floor: float) -> float:
    """Return the confidence that the `order`-th outermost of n scores, as a threshold, keeps a share at its floor.

    P(Beta(n − order + 1, order) ≥ floor) = P(Binomial(n, 1 − floor) ≥ order).

    Args:
        n: Independent scores, at least 1.
        order: 1…n.
        floor: In (0, 1).
    """
    return 1.0 - chance_of_at_most(order - 1, n, 1 - floor)


def tolerance_order(n: int, floor: float, confidence: float = CONFIDENCE) -> int:
    """Return the largest order whose confidence suffices; 0 where not even the outermost score's does."""
    low, high = 0, n
    while low < high:
        middle = (low + high + 1) // 2
        enough = tolerance_confidence(n, middle, floor) >= confidence
        low, high = (middle, high) if enough else (low, middle - 1)
    return low


def shared_patients(calibration: Iterable[str], judged: Iterable[str]) -> frozenset[str]:
    """Return the patients in both; none may be where a threshold is set on one and judged on the other.

    Args:
        calibration: Keys of patients that mean the same person in both sets (`arena.vault.register`): the opaque names
            p0001… begin anew in every set and must not be compared.
        judged: The same of the other set.
    """
    return frozenset(calibration) & frozenset(judged)


def _wrongness(
    levels: NDArray[np.int32], positive: NDArray[np.bool_], patients: NDArray[np.int64], kind: Floor
) -> NDArray[np.int64]:
    """Return for each patient of the class the score nearest to error, ascending: −level, or level for specificity."""
    chosen = positive if kind is Floor.SENSITIVITY else ~positive
    if not chosen.any():
        return np.empty(0, dtype=np.int64)
    given, owner = levels[chosen].astype(np.int64), patients[chosen]
    nearness = -given if kind is Floor.SENSITIVITY else given
    nearness = np.where(given == MISSING_LEVEL, _UNANSWERED, nearness)
    worst = np.full(int(owner.max()) + 1, -_UNANSWERED, dtype=np.int64)
    np.maximum.at(worst, owner, nearness)
    return np.sort(worst[worst > -_UNANSWERED])


def _level(wrongness: int, kind: Floor) -> tuple[int | None, Reason | None]:
    if wrongness == _UNANSWERED:
        return None, Reason.MISSING_ANSWERS
    if kind is Floor.SENSITIVITY:
        return -wrongness, None
    # A negative must lie below the threshold, so the threshold is the next level.
    return (wrongness + 1, None) if wrongness < TOP_LEVEL else (None, Reason.NO_LEVEL)
