"""Simulated entries of a known AUC: scores are binormal, and only their order is used."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from arena.scoring.influence import Column, Influence, column_auc, mean_influence

CORRELATION: Final = 0.5
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Trial:
    """One trial: whether the interval lay wholly above or below the truth, and whether the method beside held it."""

    too_high: bool
    too_low: bool
    other_held: bool


def separation(auc: float) -> float:
    """Return how far positives lie above negatives."""
    return math.sqrt(2) * float(ndtri(auc))


def ranks_as_codes(scores: Floats) -> NDArray[np.int64]:
    """Return the place of each score among all, 0 the lowest; the scores are continuous, so none tie."""
    codes = np.empty(scores.size, dtype=np.int64)
    codes[np.argsort(scores)] = np.arange(scores.size)
    return codes


def correlated(rng: np.random.Generator, rows: int, cases: int) -> Floats:
    """Return standard normal values, shape (rows, cases), that correlate by .5 between rows."""
    shared, own = rng.normal(size=cases), rng.normal(size=(rows, cases))
    return np.asarray(math.sqrt(CORRELATION) * shared + math.sqrt(1 - CORRELATION) * own, dtype=np.float64)


def influence_of(column: Column) -> Influence:
    """Return what comparisons need of an entry with one finding."""
    found = column_auc(column)
    assert found is not None
    assert found.table is not None
    mean = mean_influence([column], [found.table])
    held = column.cases.patients_positive, column.cases.patients_negative
    return Influence(found.auc.exact, mean, mean[:, None], ("finding",), *held)
