"""Two entries on the same patients: how often the limits of their difference hold the true one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Final

import numpy as np

from arena.ranking.differences import paired_difference
from arena.ranking.limits import pair_limits
from arena.ranking.noninferiority import non_inferiority
from arena.scoring.estimates import TAIL, Z_95
from arena.scoring.influence import Influence, make_cases, make_column
from benchmarks.binormal import Trial, correlated, influence_of, ranks_as_codes, separation

DESIGNS: Final = ((30, 30), (40, 160), (80, 120))
PAIRS: Final = ((0.93, 0.98), (0.90, 0.95), (0.90, 0.90))
MARGIN: Final = Fraction(5, 100)


def _drawn(
    rng: np.random.Generator, m: int, n: int, aucs: tuple[float, float]
) -> Iterator[tuple[Influence, Influence]]:
    positive = np.arange(m + n) < m
    cases = make_cases(positive, np.arange(m + n), m + n)
    shift = np.array([separation(auc) for auc in aucs])[:, None] * positive
    while True:
        scores = correlated(rng, 2, m + n) + shift
        a, b = (influence_of(make_column(ranks_as_codes(row), cases, size=m + n)) for row in scores)
        yield a, b


def two_entries(m: int, n: int, a: float, b: float) -> Callable[[np.random.Generator], Iterator[Trial]]:
    """Simulate two entries, errors correlating by .5; joined limits, beside: ± 1.96 SE. Design: positives / negatives.

    The first is the lesser one: limits that lie too high flatter it. Required: 93.5 to 98 %.
    """
    truth = a - b

    def trials(rng: np.random.Generator) -> Iterator[Trial]:
        for one, other in _drawn(rng, m, n, (a, b)):
            limits, plain = pair_limits(one, other).at(TAIL), paired_difference(one, other)
            held = abs(plain.difference - truth) <= Z_95 * plain.standard_error
            yield Trial(limits.low > truth, limits.high < truth, held)

    return trials


def at_the_margin(m: int, n: int, a: float, b: float) -> Callable[[np.random.Generator], Iterator[Trial]]:
    """Simulate an entry that is worse by the margin, .05, and is tested at one-sided 2.5 %; beside: ± 1.96 SE.

    *Too high* is the share of trials that call it not inferior, wrongly; all others are right. Required: at most 3 %.
    """

    def trials(rng: np.random.Generator) -> Iterator[Trial]:
        for one, other in _drawn(rng, m, n, (a, b)):
            plain = paired_difference(one, other)
            by_error = plain.difference - Z_95 * plain.standard_error > -float(MARGIN)
            yield Trial(non_inferiority(one, other, margin=MARGIN, alpha=2 * TAIL).non_inferior, False, not by_error)

    return trials
