"""The names of the adjustments for many comparisons; apart from them, so that a declaration loads no numerics."""

from __future__ import annotations

from enum import StrEnum


class Adjustment(StrEnum):
    """Which p value, adjusted for the number of comparisons, decides ranks; the other stands beside it."""

    MAX_T = "max_t"
    HOLM = "holm"
