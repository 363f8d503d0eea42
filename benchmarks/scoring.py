"""Scores with intervals, and resampled scores, beside scikit-learn, beside a plain NumPy loop, beside the bare floor.

    python -m benchmarks.scoring            everything
    python -m benchmarks.scoring row N K R  one row of the table of growth

One process, the same arrays on both sides, results compared. Every side's shortest time counts.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import brier_score_loss, recall_score, roc_auc_score
from threadpoolctl import threadpool_limits

from arena.scoring.evaluate import auc_scores, finding_aucs
from arena.scoring.inputs import FindingCases, finding_cases, prepare_references
from arena.scoring.levels import TOP_LEVEL
from arena.scoring.missing import MissingPolicy
from arena.scoring.resampling import ResampledScores, patient_weights, plan_resamples, resample_seed, resampled_scores

FINDINGS = 12
THRESHOLD = 5000
SEED = resample_seed("benchmark cases", "benchmark rules")
SKLEARN_SECONDS = 30.0
Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class Contest:
    """Predictions in the order in which they are stored, one finding after the other; both of shape (K, n)."""

    levels: NDArray[np.int16]
    labels: NDArray[np.int8]
    patients: NDArray[np.int64]

    @property
    def names(self) -> tuple[str, ...]:
        """Codes of the findings."""
        return tuple(f"finding{number}" for number in range(self.levels.shape[0]))


def make_contest(n: int, findings: int, studies_per_patient: float = 5 / 3) -> Contest:
    """Draw n studies; positives, one in ten, have higher probabilities."""
    rng = np.random.default_rng(1)
    n_patients = round(n / studies_per_patient)
    owners = np.concatenate([np.arange(n_patients), rng.integers(0, n_patients, n - n_patients)])
    labels = np.empty((findings, n), dtype=np.int8)
    levels = np.empty((findings, n), dtype=np.int16)
    for label, level in zip(labels, levels, strict=True):
        label[:] = rng.random(n) < 0.1
        level[:] = np.rint(TOP_LEVEL * np.clip(rng.beta(2, 5, n) + 0.2 * label, 0, 1))
    return Contest(levels, labels, rng.permutation(owners).astype(np.int64))


@dataclass(frozen=True)
class Took:
    """Wall-clock seconds, and processor seconds of all threads: the latter count where a machine is shared."""

    wall: float
    cpu: float

    def times(self, factor: float) -> Took:
        """Scale both."""
        return Took(self.wall * factor, self.cpu * factor)

    def plus(self, other: Took) -> Took:
        """Add both."""
        return Took(self.wall + other.wall, self.cpu + other.cpu)

    def line(self, name: str, of: Took, unit: float = 1.0) -> str:
        """Write a row: both times, and how many times `of` they are."""
        ratios = f"{self.wall / of.wall:7.1f} × {self.cpu / of.cpu:7.1f} ×"
        return f"  {name:56}{self.wall * unit:9.2f}{self.cpu * unit:10.2f}  {ratios}"


HEADING = f"  {'':56}{'wall':>9}{'processor':>10}  {'wall':>9} {'processor':>9}"


def fastest(work: Callable[[], object], times: int) -> Took:
    """Return the shortest of several wall-clock times, and of the processor times, in seconds."""
    walls, cpus = [], []
    for _ in range(times):
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    return Took(min(walls), min(cpus))


def peak_mib() -> float:
    """Return the largest resident size that this process has had, in MiB.

    Not `ru_maxrss`: a child begins with what its parent had when it was started.
    """
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM:")).split()[1]) / 1024


def part_a() -> None:
    """AUC with interval of 100,000 cases × 12 findings."""
    threads = os.cpu_count() or 1
    contest = make_contest(100_000, FINDINGS, studies_per_patient=1.0)
    parts, floats = _prepared(contest), contest.levels / TOP_LEVEL
    shared = _prepared(make_contest(100_000, FINDINGS))

    def sklearn() -> list[float]:
        return [float(roc_auc_score(label, score)) for label, score in zip(contest.labels, floats, strict=True)]

    def ours(of: int) -> list[float]:
        aucs = finding_aucs(parts(), MissingPolicy.WORST, threads=of)
        return [auc.value for auc in aucs if auc is not None and auc.value is not None]

    difference = max(abs(a - b) for a, b in zip(ours(1), sklearn(), strict=True))
    several, single = fastest(lambda: ours(threads), 25), fastest(lambda: ours(1), 25)
    theirs = fastest(sklearn, 5)
    macro = fastest(lambda: auc_scores(shared(), MissingPolicy.WORST, n_macro=100_000), 25)
    preparing = fastest(lambda: prepare_references(contest.labels.T, contest.patients), 5)
    short = fastest(lambda: [np.sort(level) for level in contest.levels.astype(np.uint16)], 5)
    double = fastest(lambda: [np.sort(score) for score in floats], 5)
    print(f"(a) AUC of 100,000 cases × {FINDINGS} findings; milliseconds, and how many times Arena's on 1 thread")
    print(HEADING)
    for name, took in [
        ("scikit-learn's roc_auc_score, no interval, 1 thread", theirs),
        (f"Arena, each with its interval, {threads} threads", several),
        ("Arena, each with its interval, 1 thread", single),
        ("Arena, 60,000 patients, and the macro's too, 1 thread", macro),
        ("Arena, once before all entries: references, 1 thread", preparing),
        ("np.sort of the same levels, 16 bits, 1 thread", short),
        ("np.sort of the same as floats, 64 bits, 1 thread", double),
    ]:
        print(took.line(name, single, 1e3))
    print(f"  largest difference of an AUC {difference:.1e}")


def _prepared(contest: Contest) -> Callable[[], tuple[FindingCases, ...]]:
    """Prepare the references; return what puts the stored levels beside them, which is timed."""
    references = prepare_references(contest.labels.T, contest.patients)
    return lambda: finding_cases(references, contest.names, (THRESHOLD,) * FINDINGS, contest.levels.T)


def resample(contest: Contest, count: int, threads: int) -> ResampledScores:
    """Resample the patients of a contest with Arena, from levels as they are stored."""
    references = prepare_references(contest.labels.T, contest.patients)
    parts = finding_cases(references, contest.names, (THRESHOLD,) * len(contest.names), contest.levels.T)
    with ThreadPoolExecutor(threads) as pool:
        columns = [one for one in pool.map(lambda part: part.column(MissingPolicy.WORST), parts) if one is not None]
    plan = plan_resamples([column.cases for column in columns], SEED, count)
    return resampled_scores(columns, [THRESHOLD + 1] * len(columns), plan, threads=threads)


def binned_loop(contest: Contest) -> Iterator[Callable[[NDArray[np.int32]], Doubles]]:
    """Yield two ways to score one replicate in NumPy; both prepare what they can before the loop.

    A replicate's row: AUC, sensitivity, specificity and Brier score of each finding, shape (4, K).
    """
    level = np.arange(TOP_LEVEL + 1, dtype=np.float64)
    losses = np.stack([level**2, (level - TOP_LEVEL) ** 2])

    def score(negative: NDArray[Any], positive: NDArray[Any]) -> list[float]:
        m, n = float(positive.sum()), float(negative.sum())
        placed = 2 * np.cumsum(negative) - negative
        return [
            float(np.dot(positive, placed)) / (2 * m * n),
            float(positive[THRESHOLD:].sum()) / m,
            float(negative[:THRESHOLD].sum()) / n,
            float(np.dot(negative, losses[0]) + np.dot(positive, losses[1])) / ((m + n) * TOP_LEVEL**2),
        ]

    size = TOP_LEVEL + 1
    cells = [level + size * label.astype(np.int64) for level, label in zip(contest.levels, contest.labels, strict=True)]

    def by_bincount(weights: NDArray[np.int32]) -> Doubles:
        of_case = weights.astype(np.float64)[contest.patients]
        tables = (np.bincount(cell, weights=of_case, minlength=2 * size) for cell in cells)
        return np.array([score(table[:size], table[size:]) for table in tables]).T

    yield by_bincount
    orders = [np.argsort(cell, kind="stable") for cell in cells]
    occupied = [np.unique(cell[order], return_index=True) for cell, order in zip(cells, orders, strict=True)]
    owners = [contest.patients[order] for order in orders]

    def by_sorting(weights: NDArray[np.int32]) -> Doubles:
        small = weights.astype(np.uint8)
        rows = []
        for owner, (held, starts) in zip(owners, occupied, strict=True):
            table = np.zeros(2 * size)
            table[held] = np.add.reduceat(small[owner], starts, dtype=np.uint32)
            rows.append(score(table[:size], table[size:]))
        return np.array(rows).T

    yield by_sorting


def plain_draw(rng: np.random.Generator, n_patients: int) -> NDArray[np.int64]:
    """Draw patients as a plain loop would."""
    return np.bincount(rng.integers(0, n_patients, n_patients), minlength=n_patients)


def sklearn_replicate(contest: Contest, weights: NDArray[np.int32], until: float) -> tuple[Doubles, int]:
    """Score one replicate with scikit-learn until the time is over; return the rows and how many findings were done."""
    drawn = np.repeat(np.arange(contest.patients.size), weights[contest.patients])
    rows = []
    for level, label in zip(contest.levels, contest.labels, strict=True):
        truth, score = label[drawn], (level / TOP_LEVEL)[drawn]
        called = score >= THRESHOLD / TOP_LEVEL
        rows.append(
            [
                roc_auc_score(truth, score),
                recall_score(truth, called),
                recall_score(truth, called, pos_label=0),
                brier_score_loss(truth, score),
            ]
        )
        if time.perf_counter() > until:
            break
    return np.array(rows).T, len(rows)


def part_b(count: int = 500) -> None:
    """500 patient resamples of 1,000,000 studies × 12 findings of 600,000 patients."""
    contest = make_contest(1_000_000, FINDINGS)
    threads = os.cpu_count() or 1
    resample(make_contest(1_000, 1), 1, 1)  # what is compiled once and kept
    kept: list[ResampledScores] = []
    mine = fastest(lambda: kept.append(resample(contest, count, threads)), 3)
    scores, peak = kept[0], peak_mib()
    single = fastest(lambda: resample(contest, count, 1), 3)
    rows = np.stack([scores.auc, scores.sensitivity, scores.specificity, scores.brier])
    with threadpool_limits(1):
        plain, how, apart = _time_plain(contest, rows, count)
    theirs, done, apart_sklearn = _time_sklearn(contest, rows)
    floor, floors = _floor(contest)
    print(f"(b) {count} patient resamples of AUC, macro AUC, sensitivity, specificity, Brier; seconds")
    print(f"    {contest.patients.size:,} studies × {FINDINGS} findings, {int(contest.patients.max()) + 1:,} patients")
    print(HEADING)
    for name, took in [
        (f"Arena, {threads} threads, all preparation in it", mine),
        ("Arena, 1 thread, all preparation in it", single),
        (f"scikit-learn loop, 1 thread ({done:.1f} resamples, scaled)", theirs.times(count)),
        (f"plain NumPy loop, 1 thread ({how}, scaled), all preparation", plain),
        ("floor, 1 thread: gather and cumulative sum a resample", floor.times(count)),
        ("floor, 1 thread: gather and cumulative sum a finding", floors.times(count)),
    ]:
        print(took.line(name, mine))
    print(f"  peak of Arena's part, data included: {peak:.0f} MiB")
    print(f"  largest difference to NumPy {apart:.1e}, to scikit-learn {apart_sklearn:.1e}")


def _time_plain(contest: Contest, rows: Doubles, count: int) -> tuple[Took, str, float]:
    """Time both NumPy loops, preparing and drawing included, on eight replicates, scaled to `count`.

    Returns:
        The time of the faster one, its name, and the largest difference of a score.
    """
    rng = np.random.default_rng(2)
    n_patients = int(contest.patients.max()) + 1
    drawing = fastest(lambda: plain_draw(rng, n_patients), 8)
    weights = [patient_weights(SEED, replicate, n_patients) for replicate in range(8)]
    found: list[tuple[Took, str]] = []
    apart = 0.0
    loops = binned_loop(contest)
    for name in ("weighted bincount", "presorted reduceat"):
        ready: list[Callable[[NDArray[np.int32]], Doubles]] = []
        preparing = fastest(lambda: ready.append(next(loops)), 1)  # noqa: B023 - called at once
        replicate = ready[0]
        for number, weight in enumerate(weights[:3]):
            apart = max(apart, float(np.abs(replicate(weight) - rows[:, :, number]).max()))
        once = drawing.plus(fastest(lambda: replicate(weights[3]), 8))  # noqa: B023 - called at once
        found.append((preparing.plus(once.times(count)), name))
    took, name = min(found, key=lambda one: one[0].cpu)
    return took, name, apart


def _time_sklearn(contest: Contest, rows: Doubles) -> tuple[Took, float, float]:
    """Time scikit-learn's loop for 30 s; return seconds a replicate, replicates done, and the largest difference."""
    n_patients = int(contest.patients.max()) + 1
    start, cpu, done, apart, number = time.perf_counter(), time.process_time(), 0.0, 0.0, 0
    while time.perf_counter() < start + SKLEARN_SECONDS:
        weights = patient_weights(SEED, number, n_patients)
        row, findings = sklearn_replicate(contest, weights, start + SKLEARN_SECONDS)
        apart = max(apart, float(np.abs(row - rows[:, :findings, number]).max()))
        done, number = done + findings / FINDINGS, number + 1
    took = Took(time.perf_counter() - start, time.process_time() - cpu)
    return took.times(1 / done), done, apart


def _floor(contest: Contest) -> tuple[Took, Took]:
    """Time one gather and one cumulative sum of as many numbers as there are studies, and as there are levels."""
    weights = patient_weights(SEED, 0, int(contest.patients.max()) + 1).astype(np.int64)
    once = fastest(lambda: np.cumsum(weights[contest.patients]), 5)
    every = np.tile(contest.patients, FINDINGS)
    return once, fastest(lambda: np.cumsum(weights[every]), 3)


def growth() -> None:
    """Print how time and memory grow, each row measured in a process of its own."""
    print("growth of (b): studies, findings, resamples -> wall and processor seconds (all threads), peak MiB")
    for n, findings, count in [
        (10_000, 12, 500),
        (100_000, 12, 500),
        (1_000_000, 12, 64),
        (1_000_000, 3, 500),
        (1_000_000, 6, 500),
        (1_000_000, 12, 500),
        (1_000_000, 12, 1000),
    ]:
        command = [sys.executable, "-m", "benchmarks.scoring", "row", str(n), str(findings), str(count)]
        print(subprocess.run(command, check=True, capture_output=True, text=True).stdout, end="", flush=True)


def _row(n: int, findings: int, count: int) -> None:
    contest = make_contest(n, findings)
    resample(make_contest(1_000, 1), 1, 1)  # what is compiled once and kept
    took = fastest(lambda: resample(contest, count, os.cpu_count() or 1), 1)
    print(f"  {n:>9,}  {findings:>3}  {count:>5}   {took.wall:8.2f} {took.cpu:8.2f}   {peak_mib():6.0f}")


def main() -> None:
    """Print all figures, or one row."""
    if sys.argv[1:2] == ["row"]:
        _row(*(int(word) for word in sys.argv[2:5]))
        return
    part_a()
    part_b()
    growth()


if __name__ == "__main__":
    main()
