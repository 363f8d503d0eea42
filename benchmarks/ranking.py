"""Ranking many entries: all pairs, max-T, and the stability of ranks, beside the same work in plain NumPy loops.

    python -m benchmarks.ranking

200 entries on 1,000 cases of 1,000 patients, 1,000 resamples. Both sides begin with the answers' levels and end with
the adjusted p value of each of 19,900 pairs, the ranks, and every entry's AUC in every resample of patients; both use
one thread, the same signs and the same drawn patients; the results are compared; times are processor seconds. The
loops are what one writes first: over pairs for max-T, over resamples and entries for the AUCs. The best plain NumPy
that we found for max-T alone is beside.
"""

from __future__ import annotations

import os
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from scipy.special import ndtr
from threadpoolctl import threadpool_limits

from arena.ranking.adjustment import Adjustment
from arena.ranking.max_t import sign_sums
from arena.ranking.ranks import Ranking, rank_entries
from arena.ranking.stability import Stability, rank_stability
from arena.scoring.evaluate import entry_influence
from arena.scoring.influence import make_cases, make_level_column
from arena.scoring.inputs import ScoringInputs
from arena.scoring.resampling import patient_weights, plan_resamples, resampled_macros
from runners.values import Outcome

ENTRIES, CASES, RESAMPLES = 200, 1_000, 1_000
SEED = 20_260_301
GROWTH = ((10, 1_000, 1_000), (50, 1_000, 1_000), (200, 1_000, 1_000), (400, 1_000, 1_000), (200, 1_000, 9_999))
MORE_CASES = ((200, 4_000, 1_000),)

Result = TypeVar("Result")
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Contest:
    """Levels of all entries, shape (E, n), and the references, shape (n,); each case is a patient of its own."""

    levels: NDArray[np.int32]
    positive: NDArray[np.bool_]

    @property
    def cases(self) -> int:
        """Number of cases."""
        return int(self.positive.size)


def contest(entries: int, cases: int) -> Contest:
    """Draw entries of AUC .80 to .95 that err on the same cases (correlation .5), half of the cases positive."""
    rng = np.random.default_rng(SEED)
    positive = np.arange(cases) % 2 == 0
    shift = np.linspace(1.2, 2.3, entries)[:, None] * positive
    scores = shift + np.sqrt(0.5) * (rng.normal(size=cases) + rng.normal(size=(entries, cases)))
    return Contest(np.rint(10_000 * ndtr((scores - 1) / 2)).astype(np.int32), positive)


def ours(board: Contest, resamples: int) -> tuple[Ranking, Floats, Stability]:
    """Rank with Arena, from levels to stability."""
    n = board.cases
    influences = [
        entry_influence(
            ScoringInputs(
                findings=("finding",),
                thresholds=(5_000,),
                levels=levels[:, None],
                labels=board.positive[:, None].astype(np.int8),
                patients=np.arange(n),
                outcomes=(Outcome.OK,) * n,
                latency_seconds=(None,) * n,
            )
        )
        for levels in board.levels
    ]
    ranking = rank_entries(influences, adjustment=Adjustment.MAX_T, seed=SEED, resamples=resamples)
    cases = make_cases(board.positive, np.arange(n), n)
    columns = [[make_level_column(levels, cases)] for levels in board.levels]
    scores = resampled_macros(columns, plan_resamples([cases], SEED, resamples))
    return ranking, scores, rank_stability(scores, [one.score or Fraction(0) for one in influences])


@dataclass(frozen=True, slots=True)
class Plain:
    """What the plain loops found: adjusted p of each pair, its statistic, and the resampled AUCs."""

    adjusted: Floats
    statistics: Floats
    scores: Floats


def plain_influence(board: Contest) -> tuple[Floats, Floats]:
    """Return AUCs and influences by comparing every positive with every negative."""
    up, n = board.positive, board.cases
    m, k = int(up.sum()), int((~up).sum())
    aucs, influence = np.empty(len(board.levels)), np.empty((len(board.levels), n))
    for a, levels in enumerate(board.levels):
        wins = (levels[up][:, None] > levels[~up]) + 0.5 * (levels[up][:, None] == levels[~up])
        aucs[a] = wins.mean()
        influence[a, up] = (wins.mean(axis=1) - aucs[a]) / m * np.sqrt(m / (m - 1))
        influence[a, ~up] = (wins.mean(axis=0) - aucs[a]) / k * np.sqrt(k / (k - 1))
    return aucs, influence


def plain_pairs(aucs: Floats, influence: Floats, signs: Floats) -> tuple[Floats, Floats]:
    """Return adjusted p values and statistics, one pair after the other."""
    pairs = [(a, b) for a in range(len(aucs)) for b in range(a + 1, len(aucs))]
    statistics, resampled = np.empty(len(pairs)), np.empty((len(pairs), len(signs)))
    for place, (a, b) in enumerate(pairs):
        difference = influence[a] - influence[b]
        error = np.sqrt(np.sum(difference**2))
        statistics[place] = abs(aucs[a] - aucs[b]) / error
        resampled[place] = np.abs(signs @ difference) / error
    return _step_down(statistics, resampled), statistics


def best_plain_pairs(aucs: Floats, influence: Floats, signs: Floats) -> tuple[Floats, Floats]:
    """Do the same over resamples, from one matrix product; the best plain NumPy that we found."""
    first, second = np.triu_indices(len(aucs), 1)
    errors = np.array([np.sqrt(np.sum((influence[a] - influence[b]) ** 2)) for a, b in zip(first, second, strict=True)])
    statistics = np.abs(aucs[first] - aucs[second]) / errors
    order = np.argsort(statistics)
    sums, reached = signs @ influence.T, np.zeros(len(first))
    for row in sums:
        largest = np.maximum.accumulate((np.abs(row[first] - row[second]) / errors)[order])
        reached[order] += largest >= statistics[order]
    adjusted = np.empty(len(first))
    adjusted[order[::-1]] = np.maximum.accumulate((1 + reached[order[::-1]]) / (len(signs) + 1))
    return adjusted, statistics


def _step_down(statistics: Floats, resampled: Floats) -> Floats:
    order = np.argsort(statistics)
    largest = np.maximum.accumulate(resampled[order], axis=0)
    reached = np.count_nonzero(largest >= statistics[order][:, None], axis=1)
    adjusted = np.empty(len(order))
    adjusted[order[::-1]] = np.maximum.accumulate((1 + reached[::-1]) / (resampled.shape[1] + 1))
    return adjusted


def plain_scores(board: Contest, weights: NDArray[np.int32]) -> Floats:
    """Return every entry's AUC in every resample, one after the other."""
    scores = np.empty((len(weights), len(board.levels)))
    for r, row in enumerate(weights):
        drawn = np.repeat(np.arange(board.cases), row)
        positive = board.positive[drawn]
        for a, levels in enumerate(board.levels):
            sample = levels[drawn]
            negatives = np.sort(sample[~positive])
            upper = sample[positive]
            below, upto = np.searchsorted(negatives, upper), np.searchsorted(negatives, upper, side="right")
            scores[r, a] = (below + upto).sum() / (2 * upper.size * negatives.size)
    return scores


def timed(function: Callable[[], Result]) -> tuple[Result, float]:
    """Return a result and the processor seconds it took: with one thread the seconds of an idle machine."""
    started = time.process_time()
    result = function()
    return result, time.process_time() - started


def compare(ranking: Ranking, scores: Floats, plain: Plain) -> None:
    """Refuse to print a figure for results that differ."""
    found = np.array([pair.p_max_t for pair in ranking.pairs])
    # Arena never publishes less than the p value of the comparison alone.
    expected = np.maximum(plain.adjusted, 2 * ndtr(-plain.statistics))
    assert np.abs(found - expected).max() < 1e-9
    assert np.abs(scores - plain.scores).max() < 1e-11


def main() -> None:
    """Measure and print."""
    console = Console(width=120)
    with threadpool_limits(1):
        _against_loops(console)
        _growth(console)


def _against_loops(console: Console) -> None:
    board = contest(ENTRIES, CASES)
    ours(contest(3, CASES), 10)  # imports and first calls
    started = time.perf_counter()
    (ranking, scores, _), seconds = timed(lambda: ours(board, RESAMPLES))
    on_the_clock = time.perf_counter() - started
    _, pairs_seconds = timed(lambda: ours(board, 1))
    signs = np.ascontiguousarray(sign_sums(np.eye(CASES), SEED, RESAMPLES).T)
    weights = np.stack([patient_weights(SEED, r, CASES) for r in range(RESAMPLES)])
    (aucs, influence), influence_seconds = timed(lambda: plain_influence(board))
    (adjusted, statistics), loop_seconds = timed(lambda: plain_pairs(aucs, influence, signs))
    (best, _), best_seconds = timed(lambda: best_plain_pairs(aucs, influence, signs))
    plain, scores_seconds = timed(lambda: plain_scores(board, weights))
    compare(ranking, scores, Plain(adjusted, statistics, plain))
    compare(ranking, scores, Plain(best, statistics, plain))
    total = influence_seconds + loop_seconds + scores_seconds
    table = Table(
        title=f"{ENTRIES} entries × {CASES:,} cases, {RESAMPLES:,} resamples, one thread, {os.cpu_count()} cores"
    )
    for column in ("", "influence, tests", "max-T, all pairs", "resampled AUCs", "in all"):
        table.add_column(column, justify="left" if not column else "right")
    table.add_row("Arena, exact", *[""] * 3, f"{seconds:.2f} s")
    table.add_row("   of it with one resample", *[""] * 3, f"{pairs_seconds:.2f} s")
    loops = (influence_seconds, loop_seconds, scores_seconds, total)
    table.add_row("plain NumPy loops", *(f"{each:.2f} s" for each in loops))
    table.add_row("best plain NumPy for max-T", "", f"{best_seconds:.2f} s", "", "")
    console.print(table)
    console.print(f"loops / Arena: {total / seconds:.1f}×   aim ≥ 10×; results agree")
    console.print(f"Arena: {seconds:.2f} processor seconds, {on_the_clock:.2f} s on the clock   aim ≤ 5 s")


def _growth(console: Console) -> None:
    table = Table(title="How time and memory grow")
    for column in ("entries", "cases", "resamples", "pairs", "processor s", "peak of arrays and objects"):
        table.add_column(column, justify="right")
    for entries, cases, resamples in (*GROWTH, *MORE_CASES):
        board = contest(entries, cases)
        _, seconds = timed(partial(ours, board, resamples))
        tracemalloc.start()
        ours(board, resamples)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        sizes = (f"{size:,}" for size in (entries, cases, resamples, entries * (entries - 1) // 2))
        table.add_row(*sizes, f"{seconds:.2f}", f"{peak / 2**20:.0f} MiB")
    console.print(table)


if __name__ == "__main__":
    main()
