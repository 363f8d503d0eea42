"""How often the intervals of the details of a finding hold the truth (docs/statistics.md).

    python -m benchmarks.detail_coverage     prints; about three minutes on one core

Scores are binormal: of AUC θ where positives lie √2 · Φ⁻¹(θ) above negatives, both of variance 1, answered with the
probability that is right for a set that is half positive. The number of positives is random. Each cell has a stream
of its own.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from arena.scoring.confusion import f1_score, matthews
from arena.scoring.decision import net_benefit
from arena.scoring.estimates import Estimate
from arena.scoring.influence import Column, make_cases, make_column
from arena.scoring.levels import TOP_LEVEL
from arena.scoring.logistic import calibration_intercept, calibration_slope
from arena.scoring.partial_auc import DEFAULT_RANGE, partial_auc
from arena.scoring.precision import average_precision, average_precision_at
from arena.scoring.prevalence import brier_at, point_at, workload_at
from arena.scoring.rates import rates_at

PREVALENCE: Final = Fraction(1, 4)
LEVEL: Final = 4000
SEED: Final = 20_250_601


@dataclass(frozen=True, slots=True)
class Cell:
    """A design: cases, the share of positives, the AUC, patients (0: one case each), trials."""

    cases: int
    share: float
    auc: float
    patients: int
    trials: int


CELLS: Final = (
    *(Cell(n, share, auc, 0, 1000) for n, share in ((200, 0.5), (200, 0.2), (400, 0.075)) for auc in (0.8, 0.95)),
    Cell(300, 1 / 3, 0.9, 180, 400),
    Cell(200, 0.3, 0.8, 120, 400),
    Cell(800, 0.4, 0.9, 600, 400),
)


def draw(cell: Cell, rng: np.random.Generator) -> Column:
    """Draw a case set and its answers; studies of one patient share 70 % of the variance of their scores."""
    shift = _shift(cell.auc)
    positive = rng.random(cell.cases) < cell.share
    patients, scores = np.arange(cell.cases), rng.normal(size=cell.cases)
    if cell.patients:
        extra = rng.integers(0, cell.patients, cell.cases - cell.patients)
        patients = np.concatenate([np.arange(cell.patients), extra])
        scores = math.sqrt(0.7) * rng.normal(size=cell.patients)[patients] + math.sqrt(0.3) * scores
    levels = np.rint(TOP_LEVEL * _answer(scores + shift * positive, shift)).astype(np.int64)
    return make_column(levels + 1, make_cases(positive, patients, int(patients.max()) + 1), size=TOP_LEVEL + 3)


def _shift(auc: float) -> float:
    return float(ndtri(auc)) * math.sqrt(2)


def _answer(scores: NDArray[np.float64], shift: float) -> NDArray[np.float64]:
    return np.asarray(1 / (1 + np.exp(-(shift * scores - shift * shift / 2))))


def truth(cell: Cell) -> dict[str, float]:
    """Return the true values, by numerical integration over scores."""
    shift, share, pi = _shift(cell.auc), cell.share, float(PREVALENCE)
    grid = np.linspace(-9, 12, 400_001)
    step = float(grid[1] - grid[0])
    up, down = (np.exp(-np.square(grid - mean) / 2) / math.sqrt(2 * math.pi) * step for mean in (shift, 0.0))
    above_up, above_down = ndtr(shift - grid), ndtr(-grid)
    cut = (LEVEL - 0.5) / TOP_LEVEL
    place = (math.log(cut / (1 - cut)) + shift * shift / 2) / shift
    se, fpr = float(ndtr(shift - place)), float(ndtr(-place))
    called, called_pi, answers = share * se + (1 - share) * fpr, pi * se + (1 - pi) * fpr, _answer(grid, shift)
    rates = (np.arange(20_000) + 0.5) / 20_000 * float(DEFAULT_RANGE[1])

    def precision(at: float) -> float:
        return float(np.sum(up * at * above_up / np.maximum(at * above_up + (1 - at) * above_down, 1e-300)))

    return {
        "partial AUC": float(np.mean(ndtr(shift + ndtri(rates)))),
        "AP": precision(share),
        "AP at π": precision(pi),
        "F1": 2 * share * se / (share + called),
        "MCC": math.sqrt(share * (1 - share)) * (se - fpr) / math.sqrt(called * (1 - called)),
        "slope": 1.0,
        "intercept": math.log(share / (1 - share)),
        "PPV at π": pi * se / called_pi,
        "NPV at π": (1 - pi) * (1 - fpr) / ((1 - pi) * (1 - fpr) + pi * (1 - se)),
        "F1 at π": 2 * pi * se / (pi + called_pi),
        "MCC at π": math.sqrt(pi * (1 - pi)) * (se - fpr) / math.sqrt(called_pi * (1 - called_pi)),
        "workload at π": called_pi,
        "Brier at π": float(pi * np.sum(up * (1 - answers) ** 2) + (1 - pi) * np.sum(down * answers**2)),
        "net benefit at π": pi * se - (1 - pi) * fpr * LEVEL / (TOP_LEVEL - LEVEL),
    }


def estimates(column: Column) -> dict[str, Estimate]:
    """Return what the scorer says of a set; the names of `truth`."""
    rates = rates_at(column, LEVEL + 1)
    if rates is None:
        return {}
    point = point_at(column, LEVEL, PREVALENCE)
    return {
        "partial AUC": partial_auc(column, *DEFAULT_RANGE).sensitivity,
        "AP": average_precision(column),
        "AP at π": average_precision_at(column, PREVALENCE),
        "F1": f1_score(column, LEVEL + 1),
        "MCC": matthews(column, LEVEL + 1),
        "slope": calibration_slope(column),
        "intercept": calibration_intercept(column),
        "PPV at π": point.ppv,
        "NPV at π": point.npv,
        "F1 at π": point.f1,
        "MCC at π": point.mcc,
        "workload at π": workload_at(column, LEVEL, PREVALENCE),
        "Brier at π": brier_at(column, PREVALENCE),
        "net benefit at π": net_benefit(rates, PREVALENCE, LEVEL),
    }


def measure(cell: Cell, index: int) -> list[tuple[str, float, float, int]]:
    """Return for each number the share of trials that its limits miss on either side, and how many had limits."""
    rng, true = np.random.default_rng([SEED, index]), truth(cell)
    under: Counter[str] = Counter()
    over: Counter[str] = Counter()
    given: Counter[str] = Counter()
    for _ in range(cell.trials):
        for name, found in estimates(draw(cell, rng)).items():
            if found.low is None or found.high is None:
                continue
            given[name] += 1
            under[name] += true[name] < found.low
            over[name] += true[name] > found.high
    return [(name, under[name] / max(given[name], 1), over[name] / max(given[name], 1), given[name]) for name in true]


def main() -> None:
    """Print a table: for each cell and number the coverage and both tails, in per cent."""
    print("cases  positive  AUC   patients  number             held  too high  too low  with limits")
    for index, cell in enumerate(CELLS):
        for name, low, high, given in measure(cell, index):
            held = f"{100 - 100 * (low + high):5.1f}  {100 * low:8.1f}  {100 * high:7.1f}" if given else " " * 24
            print(
                f"{cell.cases:5d}  {cell.share:8.3f}  {cell.auc:.2f}  {cell.patients or cell.cases:8d}  "
                f"{name:17s} {held}  {given:5d} of {cell.trials}",
                flush=True,
            )


if __name__ == "__main__":
    main()
