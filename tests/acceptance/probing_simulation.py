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
from scipy.special import expit, logit, ndtr

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
        above, below = scores[held, place], scores[~held, place]
        auc = float(np.mean(won := _won(above, below)))
        total += auc
        for cases, placement in ((held, won), (~held, 1 - _won(below, above))):
            count = placement.size
            influence[cases] += (placement - auc) / count * math.sqrt(count / (count - 1))
    return total / findings, influence / findings


def _won(ones: Floats, others: Floats) -> Floats:
    """Return, for each of `ones`, the share of `others` below it, ties counted as half."""
    ordered = np.sort(others)
    either = np.searchsorted(ordered, ones, "left") + np.searchsorted(ordered, ones, "right")
    return np.asarray(either / (2 * others.size), dtype=np.float64)


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

    def __init__(self, eta: float = 0.01, *, chance: bool = True) -> None:
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


class Told(Ladder):
    """The Ladder, read in one document alone; what that tells of a shown score stands in `read`."""

    def __call__(self, score: float, influence: Floats) -> float | None:
        if super().__call__(score, influence) is None:
            return None
        return self.read(score, influence)

    def read(self, score: float, influence: Floats) -> float:
        """Return the attacker's estimate of a shown score."""
        raise NotImplementedError


class Row(Told):
    """Value and limits with two decimals: together they tell the score more finely than the value alone."""

    def read(self, score: float, influence: Floats) -> float:
        if not 0 < score < 1:
            return round(score, 2)
        half = 1.96 * math.sqrt(float(np.square(influence).sum())) / (score * (1 - score))
        low, high = (round(float(expit(logit(score) + side * half)), 2) for side in (-1, 1))
        between = [(low + down, high + up) for down in _GRAIN for up in _GRAIN]
        centres = [float(expit((logit(a) + logit(b)) / 2)) for a, b in between if 0 < a < 1 and 0 < b < 1]
        value = round(score, 2)
        least, most = (max(value - 0.005, min(centres, default=0)), min(value + 0.005, max(centres, default=1)))
        return (least + most) / 2


_GRAIN = (-0.005, 0.005)


class OneBit(Told):
    """No number: only whether the attempt stands. The score is taken to be as far up as a step is on average."""

    _STEP = 0.02

    def __init__(self, eta: float = 0.01) -> None:
        super().__init__(eta)
        self._guessed = 0.5

    def read(self, score: float, influence: Floats) -> float:
        self._guessed += self._STEP
        return self._guessed


class Neighbours(Told):
    """Rank and rank set among other vendors, which know a little; no score.

    Each neighbour's score is public, so the attacker takes its own to lie among those that it is not told apart from,
    and above what it was shown before.
    """

    _STRENGTHS = (0.0, 0.1, 0.2, 0.35, 0.5)
    """By how many standard deviations a neighbour's answers for positives lie above those for negatives."""

    _ALPHA = 0.05

    def __init__(self, eta: float = 0.01) -> None:
        super().__init__(eta)
        self._guessed = 0.5
        self._others: list[tuple[float, Floats]] = []

    def meet(self, labels: Labels, rng: np.random.Generator) -> None:
        """Draw the neighbours' answers."""
        drawn = (rng.normal(size=labels.shape) + strength * labels for strength in self._STRENGTHS)
        self._others = [macro_with_influence(scores, labels) for scores in drawn]

    def read(self, score: float, influence: Floats) -> float:
        above, below = 0.5, 1.0
        for other, its in self._others:
            error = math.sqrt(float(np.square(influence - its).sum()))
            if 2 * float(ndtr(-abs(score - other) / error)) < self._ALPHA / len(self._others):
                # Told apart: about two standard errors away, or farther.
                above, below = (max(above, other), below) if score > other else (above, min(below, other))
        self._guessed = max(self._guessed + self._eta, min(above + SPREAD / 2, below))
        return self._guessed


class Nothing(Told):
    """A document that holds nothing of labels while the phase is open."""

    def __call__(self, _score: float, _influence: Floats) -> float | None:
        return 0.5


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


BY_CHANCE = math.sqrt(2) * SPREAD
"""One standard error of the difference of two guesses."""

_STEP = {Attack.CLIMB_1: 1.0, Attack.CLIMB_05: 0.5, Attack.CLIMB_02: 0.2}
_AGAINST = 0.3
"""How much a rejected step counts against itself; tried between 0 and 1."""

_STEP_CASES, _HELD_BACK = 4, -0.02
"""Cases of a step, tried from 2 to 10, and what a held-back score is taken to be below its expectation."""


Ask = Callable[[Floats], float | None]
"""Hand in answers, shape (n, K) with NaN for a missing one, and read what the board then tells."""


def attempts(
    ask: Ask, shape: tuple[int, int], attack: Attack, rng: np.random.Generator, *, margin: float = BY_CHANCE
) -> Iterator[Floats]:
    """Hand in guesses for ever and give, after each, the attacker's best opinion of the labels.

    `margin` is by how much, as the attacker takes it, a guess must be better to be shown.
    """
    if attack is Attack.STEPS:
        return _steps(ask, shape, rng)
    return _vote(ask, shape, rng, margin) if attack is Attack.VOTE else _climb(ask, shape, _STEP[attack], rng)


def asking(verdict: Verdict, labels: Labels) -> Ask:
    """Let a verdict, which knows exact scores, answer an attacker; a missing answer counts as worst."""

    def told(guess: Floats) -> float | None:
        worst = np.where(labels, guess.min(initial=0.0, where=~np.isnan(guess)) - 1, np.nanmax(guess) + 1)
        return verdict(*macro_with_influence(np.where(np.isnan(guess), worst, guess), labels))

    return told


def _vote(ask: Ask, shape: tuple[int, int], rng: np.random.Generator, margin: float) -> Iterator[Floats]:
    opinion, best = np.zeros(shape), 0.5
    while True:
        guess = rng.random(shape) - 0.5
        told = ask(guess)
        if told is not None:
            best = max(best, told)
            weight = told - 0.5
        else:
            z = (best + margin - 0.5) / SPREAD
            weight = -SPREAD * math.exp(-z * z / 2) / math.sqrt(2 * math.pi) / float(ndtr(z))
        opinion += weight * guess
        yield opinion


def _climb(ask: Ask, shape: tuple[int, int], step: float, rng: np.random.Generator) -> Iterator[Floats]:
    kept = rng.random(shape) - 0.5
    kept /= kept.std()
    shown = ask(kept)
    assert shown is not None
    against = np.zeros(shape)
    yield kept
    while True:
        change = rng.random(shape) - 0.5
        change *= step / change.std()
        told = ask(kept + change)
        if told is not None and told > shown:
            kept, shown = kept + change, told
            kept /= kept.std()
        else:
            against += change
        yield kept - _AGAINST * against


def _steps(ask: Ask, shape: tuple[int, int], rng: np.random.Generator) -> Iterator[Floats]:
    cases = shape[0]
    order, answered, opinion = rng.permutation(cases), cases // 3, np.zeros(shape)

    def told(new: int) -> float | None:
        scores = np.full(shape, np.nan)
        scores[order[:answered]] = 0.5
        scores[order[answered : answered + new]] = 1.0
        return ask(scores)

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
        board = verdict()
        if isinstance(board, Neighbours):
            board.meet(labels, np.random.default_rng([seed, contest, 1]))
        margin = 0.0 if isinstance(board, BestStands) else BY_CHANCE
        tries = attempts(asking(board, labels), labels.shape, attack, rng, margin=margin)
        for number, opinion in enumerate(tries, start=1):
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
