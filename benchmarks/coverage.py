"""How often the published intervals hold the truth, and rank sets all true ranks at once.

    python -m benchmarks.coverage            prints
    python -m benchmarks.coverage --write    prints and writes docs/coverage.md (some minutes on one core)

Scores are binormal: of AUC θ where positives lie √2 · Φ⁻¹(θ) above negatives, both of variance 1. Every trial goes
through the functions that score and rank a contest. Each cell has a stream of its own, so cells can be run alone.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from arena.ranking.adjustment import Adjustment
from arena.ranking.differences import compare_all
from arena.ranking.ranks import Rank, ranks_from_pairs
from arena.scoring.estimates import Estimate, Interval
from arena.scoring.influence import (
    Cases,
    Column,
    column_auc,
    column_variance,
    make_cases,
    make_column,
    mean_influence,
    sum_of_squares,
)
from arena.scoring.intervals import auc_estimate, delong_interval
from benchmarks.binormal import Floats, Trial, correlated, influence_of, ranks_as_codes, separation
from benchmarks.pair_coverage import DESIGNS, PAIRS, at_the_margin, two_entries

TRIALS = 10_000
SEED = 20_260_301
PAGE = Path(__file__).parents[1] / "docs" / "coverage.md"
AUCS = (0.70, 0.81, 0.90, 0.95)
FINDINGS = 12
ICC = 0.7
ENTRIES, RANK_RESAMPLES = 5, 999
REDRAW = 50
"""Trials after which the references of the macro cells are drawn again."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One line of a table. `band` is what the coverage in per cent must lie in, None where it is only shown."""

    design: str
    truth: str
    band: tuple[float, float] | None
    trials: Callable[[np.random.Generator], Iterator[Trial]]


@dataclass(frozen=True, slots=True)
class Tally:
    """Shares of trials: interval holds the truth, lies wholly above it, wholly below it; the method beside holds it."""

    n: int
    covered: float
    too_high: float
    too_low: float
    other: float

    @property
    def error(self) -> float:
        """Monte-Carlo standard error of `covered`."""
        return math.sqrt(self.covered * (1 - self.covered) / self.n)


def interval_of(column: Column) -> tuple[Estimate, float]:
    """Return the published estimate of one finding, and its variance."""
    found = column_auc(column)
    assert found is not None
    assert found.table is not None
    variance, cases = column_variance(column, found.table), column.cases
    estimate = auc_estimate(
        found.auc.exact,
        variance,
        patients_positive=cases.patients_positive,
        patients_negative=cases.patients_negative,
        n=cases.n,
        n_positive=found.auc.positives,
    )
    return estimate, variance


def told(estimate: Estimate, truth: float, other: Interval) -> Trial:
    """Compare an estimate's limits with the truth."""
    assert estimate.low is not None
    assert estimate.high is not None
    return Trial(truth < estimate.low, truth > estimate.high, other.low <= truth <= other.high)


def one_study_each(m: int, n: int, auc: float) -> Callable[[np.random.Generator], Iterator[Trial]]:
    """Simulate m positives and n negatives, one study for each patient; beside: the symmetric interval of DeLong."""

    def trials(rng: np.random.Generator) -> Iterator[Trial]:
        positive = np.arange(m + n) < m
        cases, shift = make_cases(positive, np.arange(m + n), m + n), separation(auc) * positive
        while True:
            column = make_column(ranks_as_codes(rng.normal(size=m + n) + shift), cases, size=m + n)
            estimate, variance = interval_of(column)
            yield told(estimate, auc, delong_interval(float(estimate.exact or 0), variance))

    return trials


def clustered(auc: float) -> Callable[[np.random.Generator], Iterator[Trial]]:
    """Simulate 120 patients with 200 studies; beside: the same interval with studies taken for patients.

    Half of the patients have the finding; 80 have two studies, 40 have one. Two studies of a patient correlate by .7.
    """

    def trials(rng: np.random.Generator) -> Iterator[Trial]:
        patients = np.concatenate([np.arange(120), np.arange(80)])
        positive = patients % 2 == 0
        cases = make_cases(positive, patients, 120)
        apart: Cases = make_cases(positive, np.arange(200), 200)
        shift = separation(auc) * positive
        while True:
            own = rng.normal(size=200)
            scores = math.sqrt(ICC) * rng.normal(size=120)[patients] + math.sqrt(1 - ICC) * own + shift
            codes = ranks_as_codes(scores)
            plain = interval_of(make_column(codes, apart, size=200))[0]
            assert plain.low is not None
            assert plain.high is not None
            yield told(interval_of(make_column(codes, cases, size=200))[0], auc, Interval(plain.low, plain.high))

    return trials


def macro(auc: float) -> Callable[[np.random.Generator], Iterator[Trial]]:
    """Simulate 12 findings of 200 patients; beside: the same interval with the findings' variances added.

    Each finding has 100 positives. Between findings both the references' latent severities and the scores given the
    references correlate by .5.
    """

    def trials(rng: np.random.Generator) -> Iterator[Trial]:
        while True:
            severity = correlated(rng, FINDINGS, 200)
            positive = severity > np.median(severity, axis=1, keepdims=True)
            cases = [make_cases(row, np.arange(200), 200) for row in positive]
            for _ in range(REDRAW):
                yield _macro_trial(correlated(rng, FINDINGS, 200) + separation(auc) * positive, cases, auc)

    return trials


def _macro_trial(scores: Floats, cases: list[Cases], auc: float) -> Trial:
    columns = [make_column(ranks_as_codes(row), of, size=row.size) for row, of in zip(scores, cases, strict=True)]
    found = [column_auc(column) for column in columns]
    tables = [one.table for one in found if one is not None and one.table is not None]
    exact = sum((one.auc.exact for one in found if one is not None), Fraction(0)) / len(columns)
    added = sum(column_variance(c, t) for c, t in zip(columns, tables, strict=True)) / len(columns) ** 2

    def estimate(variance: float) -> Estimate:
        return auc_estimate(exact, variance, patients_positive=100, patients_negative=100, n=200, n_positive=None)

    plain = estimate(added)
    assert plain.low is not None
    assert plain.high is not None
    return told(estimate(sum_of_squares(mean_influence(columns, tables))), auc, Interval(plain.low, plain.high))


def rank_sets(aucs: tuple[float, ...]) -> Callable[[np.random.Generator], Iterator[Trial]]:
    """Simulate entries that read the same 100 + 100 patients, errors correlating by .5; max-T, beside: Holm.

    Five entries of evenly spaced AUC, and ten equal ones. A trial holds the truth where every entry's rank set holds
    its true rank, 1 + the number of truly better entries.
    """
    true = [1 + sum(other > one for other in aucs) for one in aucs]

    def trials(rng: np.random.Generator) -> Iterator[Trial]:
        positive = np.arange(200) < 100
        cases = make_cases(positive, np.arange(200), 200)
        shift = np.array([separation(auc) for auc in aucs])[:, None] * positive
        while True:
            scores = correlated(rng, len(aucs), 200) + shift
            entries = [influence_of(make_column(ranks_as_codes(row), cases, size=200)) for row in scores]
            seed = int(rng.integers(2**63))
            by_max_t = compare_all(entries, adjustment=Adjustment.MAX_T, seed=seed, resamples=RANK_RESAMPLES)
            by_holm = [replace(pair, p_adjusted=pair.p_holm) for pair in by_max_t]
            exact = [entry.score for entry in entries]
            sets = ranks_from_pairs(exact, by_max_t)
            behind = any((rank.low or 0) > place for rank, place in zip(sets, true, strict=True))
            ahead = any((rank.high or 0) < place for rank, place in zip(sets, true, strict=True))
            other_held = _hold(ranks_from_pairs(exact, by_holm), true)
            yield Trial(too_high=behind, too_low=ahead and not behind, other_held=other_held)

    return trials


def _hold(sets: tuple[Rank, ...], true: list[int]) -> bool:
    return all((rank.low or 0) <= place <= (rank.high or 0) for rank, place in zip(sets, true, strict=True))


def cells() -> dict[str, list[Cell]]:
    """Return all cells by table."""
    wide, narrow = (92.5, 97.5), (93.5, 96.5)
    main = [
        Cell(f"{m} / {n}", f"{auc:.2f}", narrow, one_study_each(m, n, auc))
        for m, n in ((100, 100), (40, 160))
        for auc in AUCS
    ]
    shown = [Cell("20 / 180", f"{auc:.2f}", None, one_study_each(20, 180, auc)) for auc in (*AUCS, 0.98)]
    shown += [Cell(f"{m} / {n}", "0.98", None, one_study_each(m, n, 0.98)) for m, n in ((100, 100), (40, 160))]
    spaced = {
        "0.95 … 0.80": tuple(np.linspace(0.95, 0.80, ENTRIES).tolist()),
        "0.93 … 0.88": tuple(np.linspace(0.93, 0.88, ENTRIES).tolist()),
        "0.901 … 0.899": tuple(np.linspace(0.901, 0.899, ENTRIES).tolist()),
        "all 0.90": (0.90,) * ENTRIES,
        "ten of 0.90": (0.90,) * 10,
    }
    return {
        "single": main + shown,
        "clustered": [Cell("120 patients, 200 studies", f"{auc:.2f}", wide, clustered(auc)) for auc in AUCS],
        "macro": [Cell("12 findings of 200 patients", f"{auc:.2f}", narrow, macro(auc)) for auc in AUCS],
        "pairs": [
            Cell(f"{m} / {n}", f"{a:.2f} v {b:.2f}", (93.5, 98.0), two_entries(m, n, a, b))
            for m, n in DESIGNS
            for a, b in PAIRS
        ],
        "margin": [
            Cell(f"{m} / {n}", f"{a:.2f} v {b:.2f}", (97.0, 100.0), at_the_margin(m, n, a, b))
            for m, n in DESIGNS
            for a, b in PAIRS
            if a < b
        ],
        "ranks": [Cell("100 + 100 patients", name, (95.0, 100.0), rank_sets(aucs)) for name, aucs in spaced.items()],
    }


def run(table: str, index: int, cell: Cell, trials: int = TRIALS) -> Tally:
    """Run a cell on its own stream; a shorter run is the beginning of a longer one."""
    stream = cell.trials(np.random.default_rng([SEED, sum(map(ord, table)), index]))
    found = [next(stream) for _ in range(trials)]
    too_high, too_low = sum(one.too_high for one in found), sum(one.too_low for one in found)
    return Tally(
        n=trials,
        covered=1 - (too_high + too_low) / trials,
        too_high=too_high / trials,
        too_low=too_low / trials,
        other=sum(one.other_held for one in found) / trials,
    )


def verdict(cell: Cell, tally: Tally) -> str:
    """Say whether the coverage lies in its band; a simulated value just outside may be chance."""
    if cell.band is None:
        return "shown"
    low, high = cell.band
    if low <= 100 * tally.covered <= high:
        return f"holds {low} … {high}"
    reach = 196 * tally.error
    near = low - reach <= 100 * tally.covered <= high + reach
    return f"**outside** {low} … {high}" + (", within chance" if near else "")


OTHERS = {
    "single": "symmetric DeLong",
    "clustered": "studies taken for patients",
    "macro": "variances added",
    "pairs": "± 1.96 SE",
    "margin": "± 1.96 SE",
    "ranks": "Holm",
}
TITLES = {
    "single": "One finding, one study for each patient",
    "clustered": "Several studies of one patient",
    "macro": "Macro AUC over findings of the same patients",
    "pairs": "The difference of two entries on the same patients",
    "margin": "Non-inferiority of an entry that loses the whole margin",
    "ranks": "Rank sets, all entries at once",
}
NOTES = {
    "single": "Design: positives / negatives. The interval: logit with Student's t. Required: 93.5 to 96.5 %.",
    "clustered": clustered.__doc__,
    "macro": macro.__doc__,
    "pairs": two_entries.__doc__,
    "margin": at_the_margin.__doc__,
    "ranks": rank_sets.__doc__,
}


def page(tallies: dict[str, list[tuple[Cell, Tally]]]) -> str:
    """Return docs/coverage.md."""
    trials = next(tally.n for rows in tallies.values() for _, tally in rows)
    error = 100 * math.sqrt(0.95 * 0.05 / trials)
    intro = (
        f"Written by `python -m benchmarks.coverage --write`; {trials:,} simulated contests a line, each through the "
        f"code that scores and ranks. At 95 % the Monte-Carlo standard error is {error:.2f} points. *Too high* is the "
        "share of trials whose interval lies wholly above the truth and flatters the vendor, *too low* the share "
        "wholly below; each should be 2.5 %. Of rank sets, *too high* counts trials in which some set lies wholly "
        "behind its true rank, *too low* the others that miss. The last column is what the same trials give with the "
        "method named there."
    )
    lines = ["# Do the intervals hold what they promise?", "", *_wrapped(intro), ""]
    for table, rows in tallies.items():
        note = " ".join((NOTES[table] or "").split())
        lines += [f"## {TITLES[table]}", "", *_wrapped(note), ""]
        lines += [f"| design | true AUC | coverage | too high | too low | required | {OTHERS[table]} |"]
        lines += ["|---|---|---:|---:|---:|---|---:|"]
        for cell, tally in rows:
            shares = (tally.covered, tally.too_high, tally.too_low)
            figures = " | ".join(f"{100 * share:.1f} %" for share in shares)
            lines.append(
                f"| {cell.design} | {cell.truth} | {figures} | {verdict(cell, tally)} | {100 * tally.other:.1f} % |"
            )
        lines.append("")
    return "\n".join(lines)


def _wrapped(text: str, width: int = 119) -> list[str]:
    lines, line = [], ""
    for word in text.split():
        if line and len(line) + 1 + len(word) > width:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}".strip()
    return [*lines, line]


def main() -> None:
    """Run every cell and print the page."""
    tallies: dict[str, list[tuple[Cell, Tally]]] = {}
    for table, members in cells().items():
        tallies[table] = []
        for index, cell in enumerate(members):
            tally = run(table, index, cell)
            tallies[table].append((cell, tally))
            print(f"{table} {cell.design} {cell.truth}: {100 * tally.covered:.2f} %, beside {100 * tally.other:.2f} %")
    text = page(tallies)
    print(text)
    if "--write" in sys.argv[1:]:
        PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
