"""Scores as integers: probabilities become levels 0…10,000, golden floats become dense levels.

Everything downstream counts cases per level, so a tie is a tie exactly and no sum depends on an order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import Final

import numpy as np
from numpy.typing import NDArray

TOP_LEVEL: Final = 10_000
"""The level of probability 1; the level of probability p is 10,000 · p."""

N_LEVELS: Final = TOP_LEVEL + 1

MISSING_LEVEL: Final = -1
"""Marks a case without a usable answer; never a level."""

_STEP: Final = Decimal("0.0001")
_NEAR_HALF: Final = 1e-6


def quantise(probability: Decimal | float | str) -> int:
    """Round one probability half to even at the fourth decimal and return its level, 0…10,000.

    The decimal value decides. A string or a `Decimal` is taken as written, so "0.00005" is exactly half-way and goes to
    level 0, and "0.00015" to level 2. A float is taken as the shortest decimal that reads back as that float (what
    `repr` prints and JSON writes), not as its binary value: 0.00015, whose binary value lies a little below
    half-way, goes to level 2 as well.

    Raises:
        ValueError: Not a number, not finite, or outside [0, 1] before rounding.
    """
    try:
        value = Decimal(repr(float(probability))) if isinstance(probability, float | int) else Decimal(probability)
    except InvalidOperation as error:
        msg = "a probability must be a decimal number"
        raise ValueError(msg) from error
    if not value.is_finite() or not 0 <= value <= 1:
        msg = "a probability must lie in [0, 1]"
        raise ValueError(msg)
    return int(value.quantize(_STEP, rounding=ROUND_HALF_EVEN).scaleb(4))


def quantise_all(probabilities: NDArray[np.float64]) -> NDArray[np.uint16]:
    """Return the level of every float of an array of any shape, equal to `quantise` of each.

    Floats that could lie half-way between two levels are rounded one by one through their decimal value; all others
    cannot be moved by the choice and are rounded in bulk.

    Raises:
        ValueError: A value is NaN or outside [0, 1].
    """
    values = np.asarray(probabilities, dtype=np.float64)
    if not bool(np.all((values >= 0) & (values <= 1))):
        msg = "probabilities must lie in [0, 1]"
        raise ValueError(msg)
    scaled = values * TOP_LEVEL
    levels = np.rint(scaled).astype(np.uint16)
    half_way = np.abs(scaled - np.floor(scaled) - 0.5) < _NEAR_HALF
    if half_way.any():
        levels[half_way] = [quantise(float(value)) for value in values[half_way]]
    return levels


@dataclass(frozen=True, slots=True)
class DenseLevels:
    """General floats as levels 0…size − 1 in the order of their values; equal floats share a level."""

    levels: NDArray[np.int64]
    size: int


def dense_levels(scores: NDArray[np.float64]) -> DenseLevels:
    """Map a vector of finite floats to dense levels; used for published data that are no probabilities.

    Raises:
        ValueError: A value is NaN or infinite.
    """
    values = np.asarray(scores, dtype=np.float64)
    if not bool(np.isfinite(values).all()):
        msg = "scores must be finite"
        raise ValueError(msg)
    distinct, inverse = np.unique(values, return_inverse=True)
    return DenseLevels(inverse.astype(np.int64).reshape(values.shape), max(int(distinct.size), 1))


def patient_codes(patients: Sequence[str]) -> NDArray[np.int64]:
    """Number the patients of a case set 0…I − 1 in the order of their names, so that case order cannot matter.

    Args:
        patients: The opaque patient key of each case, in case order.

    Returns:
        The code of each case's patient, shape (n,).
    """
    code_of = {name: code for code, name in enumerate(sorted(set(patients)))}
    return np.array([code_of[name] for name in patients], dtype=np.int64)
