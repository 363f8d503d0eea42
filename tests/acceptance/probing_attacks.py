"""What an attacker makes of what it saw: votes of its probes, weighted by their scores or by their curves.

Sizes: `levels` (attempt, case, finding) are the probes' answers, `labels` (case, finding) the hidden ones.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, rankdata

Floats = NDArray[np.float64]

SPREAD = 0.035
"""Standard deviation of a guesser's macro AUC on 100 cases of three findings: anyone can simulate it."""


def macro_auc(scores: Floats, labels: NDArray[np.bool_]) -> float:
    """Return the mean over findings of the AUC: how well scores tell the hidden labels."""

    def auc(score: Floats, held: NDArray[np.bool_]) -> float:
        positives, negatives = int(held.sum()), int((~held).sum())
        return float((rankdata(score)[held].sum() - positives * (positives + 1) / 2) / (positives * negatives))

    return float(np.mean([auc(scores[:, f], labels[:, f]) for f in range(labels.shape[1])]))


def vote(levels: NDArray[np.int64], weights: Sequence[float]) -> Floats:
    """Add up the probes, each by its weight."""
    centred = levels / 10_000 - 0.5
    return np.tensordot(np.asarray(weights), centred, axes=1)


def weights_of_last(values: Sequence[float]) -> list[float]:
    """Weigh each probe by how far its public score is from chance."""
    return [value - 0.5 for value in values]


def weights_of_best(standing: Sequence[tuple[int, float]], margin: float = 0.0) -> list[float]:
    """Weigh probes of which only the best one stands on the board, or the best that is better by a margin.

    Args:
        standing: After each attempt, which of them stood and with which score. An attempt that never stood scored less
            than the one that did; its weight is what a guesser scores on average below that.
        margin: By how much an attempt must be better to stand.
    """
    weights = []
    for attempt, (stands, value) in enumerate(standing):
        if stands == attempt:
            weights.append(value - 0.5)
        else:
            z = (value + margin - 0.5) / SPREAD
            weights.append(-SPREAD * float(norm.pdf(z) / norm.cdf(z)))
    return weights


def read_curve(levels: NDArray[np.int64], fpr: Sequence[float], tpr: Sequence[float], positives: int) -> Floats:
    """Read labels off one's own ROC curve: between two of its points, the share of positives among one's own cases.

    Returns:
        The log odds of every case, as this curve alone tells them.
    """
    cases = len(levels)
    called = np.asarray(fpr) * (cases - positives) + np.asarray(tpr) * positives
    found = np.interp(np.arange(cases + 1), called, np.asarray(tpr) * positives)
    share = np.clip(np.diff(found), 0.02, 0.98)
    odds = np.empty(cases)
    odds[np.argsort(-levels, kind="stable")] = np.log(share / (1 - share))
    return odds


def possible_triples() -> set[tuple[int, int, int]]:
    """Return every (value, low, high), in hundredths, that the published interval can show.

    The interval is symmetric on the logit scale: logit(high) = 2 logit(value) − logit(low). Over the values and lower
    limits that round to given hundredths, the upper limit fills an interval; each hundredth in it counts.
    """
    return {
        (value, low, high) for value in range(101) for low in range(value + 1) for high in _upper_limits(value, low)
    }


def _upper_limits(value: int, low: int) -> range:
    least, most = max(0.0, (value - 0.5) / 100), min(1.0, (value + 0.5) / 100)
    least_low, most_low = max(0.0, (low - 0.5) / 100), min(most, (low + 0.5) / 100)
    first = max(least, _mirrored(least, most_low))
    last = _mirrored(most, least_low)
    # What lies exactly between two hundredths may be rounded either way.
    return range(max(value, math.ceil(100 * first - 0.5 - 1e-9)), min(100, math.floor(100 * last + 0.5 + 1e-9)) + 1)


def _mirrored(centre: float, low: float) -> float:
    """Return the limit that lies as far above the centre as `low` lies below it, on the logit scale."""
    if centre <= 0:
        return 0.0
    if centre >= 1 or low <= 0:
        return 1.0
    odds = (centre / (1 - centre)) ** 2 * (1 - low) / low
    return odds / (1 + odds)


def simulate(attempts: int, contests: int, *, cases: int, findings: int, prevalence: float, seed: int) -> Floats:
    """Return the macro AUC on the hidden labels that the vote reaches, one number a contest.

    Every score is seen, rounded to two decimals: the rule `last`, which tells more than `best`.
    """
    rng = np.random.default_rng(seed)
    reached = []
    for _ in range(contests):
        labels = rng.random((cases, findings)) < prevalence
        levels = rng.integers(0, 10_001, (attempts, cases, findings))
        values = [round(macro_auc(probe.astype(float), labels), 2) for probe in levels]
        reached.append(macro_auc(vote(levels, weights_of_last(values)), labels))
    return np.array(reached)
