"""The decision curve: what acting on the answers is worth, against acting on everybody and on nobody.

Whoever acts at probability t and above holds one unnecessary act to be worth t/(1 − t) of a missed positive. The net
benefit per study is then π·Se − (1 − π)·FPR·t/(1 − t), π being the share of positives (Vickers and Elkin 2006, Medical
Decision Making 26:565–574). Answers are taken as they are: nothing is recalibrated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from arena.scoring.estimates import Estimate, Method
from arena.scoring.influence import Column
from arena.scoring.levels import TOP_LEVEL
from arena.scoring.rates import Rates, linear_interval, rates_at

LEVELS: Final = tuple(range(TOP_LEVEL // 100, TOP_LEVEL, TOP_LEVEL // 100))
"""Threshold probabilities of the curve: 0.01, 0.02, …, 0.99."""


@dataclass(frozen=True, slots=True)
class DecisionCurve:
    """Net benefit per study over threshold probabilities, at one share of positives.

    Attributes:
        prevalence: That share, π.
        levels: The threshold probabilities as levels.
        net_benefit: Of acting on the studies at or above each, at most π; negative where it does harm.
        treat_all: Of acting on every study; acting on none is worth 0.
    """

    prevalence: Fraction
    levels: tuple[int, ...]
    net_benefit: tuple[Estimate, ...]
    treat_all: tuple[float, ...]


def decision_curve(column: Column, prevalence: Fraction, levels: Sequence[int] = LEVELS) -> DecisionCurve | None:
    """Return the decision curve; None where a class is empty.

    Args:
        column: Scored cases whose codes are levels + 1.
        prevalence: π, strictly between 0 and 1; for the set itself its own share of positives.
        levels: Threshold probabilities as levels, 1…9,999.

    Raises:
        ValueError: A threshold probability is 0 or 1, where the exchange rate is 0 or infinite.
    """
    if not all(0 < level < TOP_LEVEL for level in levels):
        msg = "a threshold probability of a decision curve lies strictly between 0 and 1"
        raise ValueError(msg)
    rates = [found for level in levels if (found := rates_at(column, level + 1)) is not None]
    if len(rates) < len(levels):
        return None
    return DecisionCurve(
        prevalence=prevalence,
        levels=tuple(levels),
        net_benefit=tuple(net_benefit(found, prevalence, level) for found, level in zip(rates, levels, strict=True)),
        treat_all=tuple(float(prevalence - (1 - prevalence) * _exchange(level)) for level in levels),
    )


def _exchange(level: int) -> Fraction:
    """Return t/(1 − t): positives that one unnecessary act is worth."""
    return Fraction(level, TOP_LEVEL - level)


def net_benefit(rates: Rates, prevalence: Fraction, level: int) -> Estimate:
    """Return the net benefit per study at a threshold probability, with 95 % limits for the prevalence given."""
    cost = (1 - prevalence) * _exchange(level)
    limits = linear_interval(rates, float(prevalence), -float(cost))
    return Estimate(
        n=rates.cases,
        n_positive=rates.positives,
        exact=prevalence * rates.true_positive - cost * rates.false_positive,
        low=limits.low,
        high=limits.high,
        method=Method.MOVER_WILSON,
    )
