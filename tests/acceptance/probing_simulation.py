"""Contests in numbers alone: what an attacker of one vendor reaches on the hidden labels, by what it is shown.

Sizes: n cases (one a patient), K findings. A guess is a matrix (n, K) of scores; its macro AUC and each case's influence
are formed as the product does, and a test holds the two together.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from tests.acceptance.probing_attacks import SPREAD, read_curve

Floats = NDArray[np.float64]
Labels = NDArray[np.bool_]


@dataclass(frozen=True)
class Size:
    """A contest: the default is that of the chest phantom's public sets."""

    cases: int = 100
    findings: int = 3
    prevalence: float = 0.38


def macro_with_influence(scores: Floats, labels: Labels) -> tuple[float, Floats]:
    """Return the macro AUC and the influence of each case on it, shape (n,)."""
    n, findings = scores.shape
    total, influence = 0.0, np.zeros(n)
    for place in range(findings):
        held = labels[:, place]
        wins = (np.sign(scores[held, place][:, None] - scores[~held, place][None, :]) + 1) / 2
        auc = float(wins.mean())
        total += auc
        for cases, placement in ((held, wins.mean(axis=1)), (~held, 1 - (1 - wins).mean(axis=0))):
            count = placement.size
            influence[cases] += (placement - auc) / count * math.sqrt(count / (count - 1))
    return total / findings, influence / findings


Verdict = Callable[[float, Floats], float | None]
"""What the attacker is told of an attempt, from its exact score and influence; None: that it was not better."""


class Exact:
    """Every score as it is, or on a grid."""

    def __init__(self, grain: float = 0.0) -> None:
        self._grain = grain

    def __call__(self, score: float, _influence: Floats) -> float | None:
        return score if self._grain == 0 else round(score / self._grain) * self._grain


class BestStands:
    """Only a better score is shown, with two decimals: `entry_rule: best` without the Ladder."""

    def __init__(self) -> None:
        self._best = -1.0

    def __call__(self, score: float, _influence: Floats) -> float | None:
        if score <= self._best:
            return None
        self._best = score
        return round(score, 2)


class Ladder:
    """The product's rule: shown if better by more than eta and one standard error, and than chance by more than eta.

    Without `chance` it is the rule as first published, which lets whoever begins low go up by small steps.
    """

    def __init__(self, eta: float, *, chance: bool = True) -> None:
        self._eta = eta
        self._floor = 0.5 + eta if chance else 0.0
        self._shown: tuple[float, Floats] | None = None

    def __call__(self, score: float, influence: Floats) -> float | None:
        if self._shown is not None:
            best, its = self._shown
            error = math.sqrt(float(np.square(influence - its).sum()))
            if score - best <= max(self._eta, error) or score <= self._floor:
                return None
        self._shown = score, influence
        return round(score, 2)


class Attack(StrEnum):
    """How guesses are made.

    VOTE: independent ones, each counted by what is known of its score. CLIMB_x: the kept guess with a new one of x times
    its spread added; kept where it is shown as better, and counted a little against where it is not. STEPS: answers for
    ever more cases, and so from a low score up by steps small enough to be known beforehand; the newest cases are called
    positive, and what the score is above its expectation counts for them.
    """

    VOTE = "vote"
    CLIMB_1 = "climb 1"
    CLIMB_05 = "climb 0.5"
    CLIMB_02 = "climb 0.2"
    STEPS = "steps"


_STEP = {Attack.CLIMB_1: 1.0, Attack.CLIMB_05: 0.5, Attack.CLIMB_02: 0.2}
_AGAINST = 0.3
"""How much a rejected step counts against itself; tried between 0 and 1."""

_STEP_CASES, _HELD_BACK = 4, -0.02
"""Cases of a step, tried from 2 to 10, and what a held-back score is taken to be below its expectation."""


def attempts(labels: Labels, verdict: Verdict, attack: Attack, rng: np.random.Generator) -> Iterator[Floats]:
    """Hand in guesses for ever and give, after each, the attacker's best opinion of the labels."""
    if attack is Attack.STEPS:
        return _steps(labels, verdict, rng)
    return _vote(labels, verdict, rng) if attack is Attack.VOTE else _climb(labels, verdict, _STEP[attack], rng)


def _vote(labels: Labels, verdict: Verdict, rng: np.random.Generator) -> Iterator[Floats]:
    opinion, best = np.zeros(labels.shape), 0.5
    margin = 0.0 if isinstance(verdict, BestStands) else math.sqrt(2) * SPREAD
    while True:
        guess = rng.random(labels.shape) - 0.5
        told = verdict(*macro_with_influence(guess, labels))
        if told is not None:
            best = max(best, told)
            weight = told - 0.5
        else:
            z = (best + margin - 0.5) / SPREAD
            weight = -SPREAD * float(norm.pdf(z) / norm.cdf(z))
        opinion += weight * guess
        yield opinion


def _climb(labels: Labels, verdict: Verdict, step: float, rng: np.random.Generator) -> Iterator[Floats]:
    kept = rng.random(labels.shape) - 0.5
    kept /= kept.std()
    shown = verdict(*macro_with_influence(kept, labels))
    assert shown is not None
    against = np.zeros(labels.shape)
    yield kept
    while True:
        change = rng.random(labels.shape) - 0.5
        change *= step / change.std()
        told = verdict(*macro_with_influence(kept + change, labels))
        if told is not None and told > shown:
            kept, shown = kept + change, told
            kept /= kept.std()
        else:
            against += change
        yield kept - _AGAINST * against


def _steps(labels: Labels, verdict: Verdict, rng: np.random.Generator) -> Iterator[Floats]:
    cases = len(labels)
    order, answered, opinion = rng.permutation(cases), cases // 3, np.zeros(labels.shape)

    def told(new: int) -> float | None:
        scores = np.where(labels, -1.0, 2.0)  # a missing answer counts as worst
        scores[order[:answered]] = 0.5
        scores[order[answered : answered + new]] = 1.0
        return verdict(*macro_with_influence(scores, labels))

    told(0)
    yield opinion
    while True:
        new = min(_STEP_CASES, cases - answered)
        if new:
            seen, share = told(new), answered / cases
            expected = ((answered + new) / cases) ** 2 / 2
            opinion[order[answered : answered + new]] = (_HELD_BACK if seen is None else seen - expected) / share
            answered += new
        yield opinion


def reached(
    verdict: Callable[[], Verdict], attack: Attack, marks: Sequence[int], *, contests: int, seed: int, size: Size
) -> dict[int, Floats]:
    """Return, after each number of attempts, the macro AUC that the attacker's opinion has, one number a contest."""
    found: dict[int, list[float]] = {mark: [] for mark in marks}
    for contest in range(contests):
        rng = np.random.default_rng([seed, contest])
        labels = rng.random((size.cases, size.findings)) < size.prevalence
        for number, opinion in enumerate(attempts(labels, verdict(), attack, rng), start=1):
            if number in found:
                found[number].append(macro_with_influence(opinion, labels)[0])
            if number == max(marks):
                break
    return {mark: np.array(values) for mark, values in found.items()}


def curves_reached(marks: Sequence[int], *, contests: int, seed: int, size: Size) -> dict[int, Floats]:
    """Do the same for a board whose ROC curves are public: the attacker reads the labels off its own curves."""
    found: dict[int, list[float]] = {mark: [] for mark in marks}
    grid = np.linspace(0, 1, 101)
    for contest in range(contests):
        rng = np.random.default_rng([seed, contest])
        labels = rng.random((size.cases, size.findings)) < size.prevalence
        odds = np.zeros(labels.shape)
        for number in range(1, max(marks) + 1):
            levels = rng.permuted(np.tile(np.arange(size.cases), (size.findings, 1)), axis=1).T
            for place in range(size.findings):
                held = labels[np.argsort(-levels[:, place]), place]
                false, true = (np.concatenate([[0], np.cumsum(kind)]) / kind.sum() for kind in (~held, held))
                sensitivity = [true[false <= rate + 1e-12].max() for rate in grid]
                odds[:, place] += read_curve(levels[:, place], grid.tolist(), sensitivity, int(held.sum()))
            if number in found:
                found[number].append(macro_with_influence(odds, labels)[0])
    return {mark: np.array(values) for mark, values in found.items()}
