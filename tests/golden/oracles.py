"""Slow and obvious definitions that the scorer is held against, and the golden numbers."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arena.scoring.estimates import Estimate
from arena.scoring.influence import Cases, Column, column_auc, column_variance, make_cases, make_column
from arena.scoring.intervals import auc_estimate
from arena.scoring.levels import TOP_LEVEL, dense_levels

FOLDER = Path(__file__).parent


def golden(name: str) -> Any:
    """Read one file of golden numbers."""
    return json.loads((FOLDER / name).read_text(encoding="utf-8"))


def brute_placements(
    scores: NDArray[np.float64], positive: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Compare every positive with every negative; return V10 per positive and V01 per negative."""
    up, down = scores[positive][:, None], scores[~positive][None, :]
    wins = (up > down) + 0.5 * (up == down)
    return wins.mean(axis=1), wins.mean(axis=0)


def brute_auc(scores: NDArray[np.float64], positive: NDArray[np.bool_]) -> float:
    """Return the share of rightly ordered pairs."""
    return float(brute_placements(scores, positive)[0].mean())


def brute_delong_variance(scores: NDArray[np.float64], positive: NDArray[np.bool_]) -> float:
    """Return S10/m + S01/n with sample variances of the placement values."""
    v10, v01 = brute_placements(scores, positive)
    return float(np.var(v10, ddof=1) / v10.size + np.var(v01, ddof=1) / v01.size)


def jackknife_variance(scores: NDArray[np.float64], positive: NDArray[np.bool_], patients: NDArray[np.int64]) -> float:
    """Return the delete-one-patient jackknife variance of the AUC."""
    names = np.unique(patients)
    left_out = np.array([brute_auc(scores[patients != i], positive[patients != i]) for i in names])
    return float((names.size - 1) / names.size * np.sum((left_out - left_out.mean()) ** 2))


def brute_average_precision(
    scores: NDArray[np.float64], positive: NDArray[np.bool_], negative_weight: float = 1.0
) -> float:
    """Go down the distinct scores; add the recall gained at each, times the precision there."""
    total, before = 0.0, 0.0
    for score in np.unique(scores)[::-1]:
        right = float(np.sum(positive & (scores >= score)))
        wrong = negative_weight * float(np.sum(~positive & (scores >= score)))
        total += (right - before) / float(np.sum(positive)) * right / (right + wrong)
        before = right
    return total


def brute_partial_auc(scores: NDArray[np.float64], positive: NDArray[np.bool_], low: float, high: float) -> float:
    """Interpolate the ROC curve on a fine grid of false positive rates and take the mean of its middle points."""
    cuts = np.unique(scores)[::-1]
    fpr = np.concatenate([[0.0], [np.mean(scores[~positive] >= cut) for cut in cuts]])
    tpr = np.concatenate([[0.0], [np.mean(scores[positive] >= cut) for cut in cuts]])
    edges = np.unique(np.concatenate([np.linspace(low, high, 4001), fpr[(fpr > low) & (fpr < high)]]))
    middles = (edges[1:] + edges[:-1]) / 2
    return float(np.sum(np.interp(middles, fpr, tpr) * np.diff(edges)))


def jackknife_error(statistic: Callable[[NDArray[np.bool_]], float], patients: NDArray[np.int64]) -> float:
    """Return the delete-one-patient jackknife standard error of a number computed from a selection of cases."""
    names = np.unique(patients)
    left_out = np.array([statistic(patients != name) for name in names])
    return float(np.sqrt((names.size - 1) / names.size * np.sum((left_out - left_out.mean()) ** 2)))


def level_column(
    levels: Sequence[int] | NDArray[np.int64],
    positive: Sequence[bool] | NDArray[np.bool_],
    patients: NDArray[np.int64] | None = None,
) -> Column:
    """Build a column of answers given as levels 0…10,000; one case per patient unless told."""
    codes = np.asarray(levels, dtype=np.int64) + 1
    owners = np.arange(codes.size) if patients is None else patients
    cases = make_cases(np.asarray(positive, dtype=np.bool_), owners, int(owners.max(initial=-1)) + 1)
    return make_column(codes, cases, size=TOP_LEVEL + 3)


def column_of_rates(true_positive: int, positives: int, false_positive: int, negatives: int) -> Column:
    """Build a column in which so many of each class are called at level 5, one case per patient."""
    counts = [true_positive, positives - true_positive, false_positive, negatives - false_positive]
    return level_column(np.repeat([9, 1, 9, 1], counts), np.repeat([True, True, False, False], counts))


def column_of(
    scores: NDArray[np.float64], positive: NDArray[np.bool_], patients: NDArray[np.int64] | None = None
) -> Column:
    """Build a column from general floats; one case per patient unless told."""
    codes = np.arange(scores.size) if patients is None else patients
    cases: Cases = make_cases(np.asarray(positive, dtype=np.bool_), codes, int(codes.max()) + 1)
    dense = dense_levels(scores)
    return make_column(dense.levels, cases, size=dense.size)


def estimate_of(column: Column) -> Estimate:
    """Return the AUC of a column with the published interval."""
    scored = column_auc(column)
    assert scored is not None
    return auc_estimate(
        scored.auc.exact,
        None if scored.table is None else column_variance(column, scored.table),
        patients_positive=column.cases.patients_positive,
        patients_negative=column.cases.patients_negative,
        n=column.cases.n,
        n_positive=column.counts.positives,
    )
