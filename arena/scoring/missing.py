"""What a missing answer counts as.

A policy turns the levels of one finding into *codes*: integers whose order is all that AUC, thresholds and the Brier
score need. Code 0 lies below every answer and code `top` above every answer; an answer of level l has code l + 1. So a
missing answer is never stored as a probability, and one table of counts per code serves every metric.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arena.scoring.levels import MISSING_LEVEL, TOP_LEVEL


class MissingPolicy(StrEnum):
    """How a missing answer counts (docs/statistics.md).

    WORST: a positive below every answer, a negative above every answer, strictly; several missing answers of one class
    tie; at a threshold an error; Brier 1. HALF: as the answer 0.5. EXCLUDE_CASE: the case is left out. FAIL_ENTRY: one
    missing answer and the entry has no score.
    """

    WORST = "worst"
    HALF = "half"
    EXCLUDE_CASE = "exclude_case"
    FAIL_ENTRY = "fail_entry"


@dataclass(frozen=True, slots=True)
class CodedScores:
    """The scores of some cases as codes 0…size − 1; `kept` selects the cases that remain, None when all do."""

    codes: NDArray[np.int64]
    size: int
    kept: NDArray[np.bool_] | None


def apply_policy(
    policy: MissingPolicy,
    levels: NDArray[np.signedinteger[Any]],
    positive: NDArray[np.bool_],
    *,
    top_level: int = TOP_LEVEL,
) -> CodedScores | None:
    """Code the levels of one finding under a policy.

    Args:
        policy: What a missing answer counts as.
        levels: Level of each case's answer, −1 where there is none, shape (c,).
        positive: Whether the reference of each case is positive, shape (c,).
        top_level: The highest possible level.

    Returns:
        The codes of the cases that remain, in their order; None when the entry fails as a whole.
    """
    size = top_level + 3
    codes = levels.astype(np.int64)
    codes += 1
    missing = levels == MISSING_LEVEL
    if not missing.any():
        return CodedScores(codes, size, None)
    if policy is MissingPolicy.FAIL_ENTRY:
        return None
    if policy is MissingPolicy.EXCLUDE_CASE:
        kept = ~missing
        return CodedScores(codes[kept], size, kept)
    if policy is MissingPolicy.HALF:
        codes[missing] = top_level // 2 + 1
    else:
        codes[missing & ~positive] = size - 1
    return CodedScores(codes, size, None)


def cell_losses(size: int) -> NDArray[np.int64]:
    """Return the squared loss of a case in each cell, (level − 10,000 · class)², for codes 0…size − 1.

    A missing answer under `worst` stands below level 0 for a positive and above the top level for a negative; both
    lose 10⁸, which is 1.

    Returns:
        Integers 0…10⁸ in the order 2 · code + class, shape (2 · size,).
    """
    level = np.clip(np.arange(size, dtype=np.int64) - 1, 0, TOP_LEVEL)
    return np.stack([np.square(level), np.square(level - TOP_LEVEL)], axis=1).reshape(-1)
