"""The coverage study in short: every cell of docs/coverage.md that has a band, on the same streams, in fewer trials.

The streams are seeded, so that a run gives what the one before gave; the Monte-Carlo errors say how near to its band a
right method may come by chance, and so how small a fault these runs can see.
"""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from benchmarks.coverage import PAGE, Cell, Tally, cells, page, run, verdict

STUDY = cells()
SINGLE = [(index, cell) for index, cell in enumerate(STUDY["single"]) if cell.band is not None]


@pytest.mark.parametrize(
    ("index", "cell"), SINGLE, ids=lambda value: f"{value.design} {value.truth}" if isinstance(value, Cell) else ""
)
def test_the_interval_of_one_finding_covers_95_percent(index: int, cell: Cell) -> None:
    tally = run("single", index, cell, trials=5_000)
    assert 0.935 <= tally.covered <= 0.965  # Monte-Carlo error 0.31 points: the band is 4.9 of them on either side


@pytest.mark.parametrize("index", range(len(STUDY["clustered"])))
def test_the_interval_covers_where_patients_have_several_studies(index: int) -> None:
    tally = run("clustered", index, STUDY["clustered"][index], trials=5_000)
    assert 0.925 <= tally.covered <= 0.975  # Monte-Carlo error 0.31 points
    assert tally.other < 0.92  # studies taken for patients, 90 % at best, at an error of 0.43: the trial can fail


@pytest.mark.parametrize("index", range(len(STUDY["macro"])))
def test_the_macro_interval_covers_where_findings_share_patients(index: int) -> None:
    tally = run("macro", index, STUDY["macro"][index], trials=2_500)
    assert 0.935 <= tally.covered <= 0.965  # Monte-Carlo error 0.44 points
    assert tally.other < 0.80  # variances added as if findings were independent, 76 % at an error of 0.9


@pytest.mark.parametrize("index", range(len(STUDY["ranks"])))
def test_rank_sets_hold_all_true_ranks_at_once(index: int) -> None:
    cell = STUDY["ranks"][index]
    trials = 700 if cell.truth.startswith("ten") else 2_000  # ten entries are 45 pairs, seven times the time
    tally = run("ranks", index, cell, trials=trials)
    # 95 % less one Monte-Carlo error: 0.49 points, 0.82 for ten entries. In 10,000 trials the least is 95.7 %.
    assert tally.covered >= 0.95 - math.sqrt(0.95 * 0.05 / trials)


def test_a_shorter_run_is_the_beginning_of_a_longer_one() -> None:
    cell = STUDY["single"][0]
    short, long = run("single", 0, cell, trials=50), run("single", 0, cell, trials=100)
    rest = 100 * long.covered - 50 * short.covered
    assert rest == pytest.approx(round(rest))
    assert 0 <= rest <= 50.5


def test_a_cell_outside_its_band_is_called_so() -> None:
    cell = STUDY["single"][0]

    def covering(share: float, n: int) -> Tally:
        return Tally(n=n, covered=share, too_high=0.0, too_low=1 - share, other=share)

    assert verdict(cell, covering(0.95, 10_000)) == "holds 93.5 … 96.5"
    assert verdict(cell, covering(0.90, 10_000)) == "**outside** 93.5 … 96.5"
    assert verdict(cell, covering(0.934, 10_000)) == "**outside** 93.5 … 96.5, within chance"
    assert verdict(STUDY["single"][-1], covering(0.90, 10_000)) == "shown"


def test_the_page_in_the_documentation_is_of_these_cells() -> None:
    written = Path(PAGE).read_text(encoding="utf-8")
    for rows in STUDY.values():
        for cell in rows:
            assert f"| {cell.design} | {cell.truth} |" in written
    tally = Tally(n=10_000, covered=0.95, too_high=0.025, too_low=0.025, other=0.9)
    fresh = page({table: [(cell, tally) for cell in rows] for table, rows in STUDY.items()})
    assert [line for line in fresh.splitlines() if not line.startswith("| ")] == [
        line for line in written.splitlines() if not line.startswith("| ")
    ]
