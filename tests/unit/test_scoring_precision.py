"""Average precision, of the set and re-weighted."""

from __future__ import annotations

import csv
import os
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score

from arena.scoring.estimates import Reason
from arena.scoring.precision import (
    average_precision,
    average_precision_at,
    average_precision_from_counts,
    negative_weight,
)
from tests.golden.oracles import brute_average_precision, column_of, golden, jackknife_error, level_column

ROWS = st.lists(st.tuples(st.integers(0, 12), st.booleans()), min_size=2, max_size=40).filter(
    lambda rows: {positive for _, positive in rows} == {True, False}
)


def arrays(rows: list[tuple[int, bool]]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    return np.array([float(score) for score, _ in rows]), np.array([positive for _, positive in rows])


@settings(deadline=None)
@given(ROWS)
def test_scikit_learn_and_the_definition_agree_with_ties(rows: list[tuple[int, bool]]) -> None:
    scores, positive = arrays(rows)
    found = average_precision(column_of(scores, positive)).value
    assert found == pytest.approx(average_precision_score(positive, scores), abs=1e-12)
    assert found == pytest.approx(brute_average_precision(scores, positive), abs=1e-12)


@settings(deadline=None)
@given(ROWS, st.integers(1, 99))
def test_scikit_learn_agrees_on_the_re_weighted_form(rows: list[tuple[int, bool]], percent: int) -> None:
    scores, positive = arrays(rows)
    counts, share = column_of(scores, positive).counts, percent / 100
    weight = np.where(positive, share / positive.sum(), (1 - share) / (~positive).sum())
    found = average_precision_from_counts(counts, negative_weight(counts, Fraction(percent, 100)))
    assert found == pytest.approx(average_precision_score(positive, scores, sample_weight=weight), abs=1e-12)


def test_scikit_learns_documented_example() -> None:
    expected = golden("small.json")["scikit_learn_average_precision"]
    found = average_precision(column_of(np.array(expected["scores"]), np.array(expected["reference"]) == 1))
    assert found.value == pytest.approx(float(Fraction(expected["average_precision"])), abs=1e-15)


@pytest.mark.real_data
@pytest.mark.parametrize("marker", ["s100b", "ndka", "wfns"])
def test_average_precisions_of_asah(marker: str) -> None:
    folder = os.environ.get("ARENA_REAL_DATA")
    if not folder:
        pytest.skip("ARENA_REAL_DATA is unset: it names the folder that holds asah/aSAH.csv")
    with (Path(folder) / "asah" / "aSAH.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    expected = golden("asah.json")["partial_auc"]
    scores = np.array([float(row[marker]) for row in rows])
    found = average_precision(column_of(scores, np.array([row["outcome"] == "Poor" for row in rows])))
    assert found.value == pytest.approx(expected["average_precision"][marker], abs=expected["tolerance"])


def test_at_its_own_share_of_positives_the_set_has_its_own_value() -> None:
    rng = np.random.default_rng(1)
    positive = np.arange(300) < 120
    column = column_of(np.round(rng.normal(size=300) + positive, 1), positive)
    assert average_precision_at(column, Fraction(2, 5)).value == pytest.approx(average_precision(column).value)


@pytest.mark.parametrize("share", [None, Fraction(1, 2)])
def test_the_standard_error_is_the_jackknifes_over_patients(share: Fraction | None) -> None:
    rng = np.random.default_rng(2)
    patients = np.unique(rng.integers(0, 220, 400), return_inverse=True)[1]
    positive = rng.random(400) < 0.4
    scores = np.round(rng.normal(size=400) + 1.3 * positive + rng.normal(size=patients.max() + 1)[patients], 1)

    def without(kept: NDArray[np.bool_]) -> float:
        counts = column_of(scores[kept], positive[kept]).counts
        return average_precision_from_counts(counts, negative_weight(counts, share) if share else 1.0) or 0.0

    column = column_of(scores, positive, patients)
    found = average_precision(column) if share is None else average_precision_at(column, share)
    assert found.standard_error == pytest.approx(jackknife_error(without, patients), rel=0.05)


def test_levels_above_all_answers_do_not_blur_the_standard_error() -> None:
    rng = np.random.default_rng(5)
    positive, levels = np.arange(200) < 80, rng.integers(0, 6000, 200)
    by_level = average_precision(level_column(levels, positive))
    dense = average_precision(column_of(levels.astype(np.float64), positive))
    assert by_level.value == pytest.approx(dense.value, abs=1e-15)
    assert (by_level.low, by_level.high) == pytest.approx((dense.low, dense.high), abs=1e-12)


def test_too_few_negatives_for_a_small_share_of_positives_are_refused() -> None:
    rng = np.random.default_rng(6)
    positive = np.arange(200) < 100
    column = column_of(rng.normal(size=200) + positive, positive)
    refused = average_precision_at(column, Fraction(1, 100))
    assert (refused.value, refused.reason) == (None, Reason.TOO_FEW_NEGATIVES)
    assert average_precision_at(column, Fraction(1, 2)).value is not None
    doubled = column_of(np.repeat(rng.normal(size=100), 2), np.arange(200) < 100, np.repeat(np.arange(100), 2))
    assert average_precision_at(doubled, Fraction(1, 2)).reason is Reason.TOO_FEW_NEGATIVES


def test_no_positive_gives_no_value_and_no_error_no_interval() -> None:
    assert average_precision(column_of(np.arange(3.0), np.zeros(3, dtype=np.bool_))).reason is Reason.NO_POSITIVE
    perfect = average_precision(column_of(np.arange(20.0), np.arange(20) >= 10))
    assert (perfect.exact, perfect.low, perfect.reason) == (1, None, Reason.NO_VARIANCE)


def test_the_interval_covers_for_patients_with_several_studies() -> None:
    rng, inside, trials = np.random.default_rng(8), 0, 300
    grid = np.linspace(-8, 10, 20001)
    density = np.exp(-np.square(grid - 1.5) / 2) / np.sqrt(2 * np.pi)
    step = grid[1] - grid[0]
    above = np.cumsum(density[::-1])[::-1] * step
    false = np.interp(grid + 1.5, grid, above, right=0.0)
    true = float(np.sum(density * 0.4 * above / np.maximum(0.4 * above + 0.6 * false, 1e-300)) * step)
    for _ in range(trials):
        patients = np.unique(np.concatenate([np.arange(150), rng.integers(0, 150, 100)]), return_inverse=True)[1]
        positive = rng.random(250) < 0.4
        own = rng.normal(size=150)[patients]
        scores = np.sqrt(0.7) * own + np.sqrt(0.3) * rng.normal(size=250) + 1.5 * positive
        found = average_precision(column_of(scores, positive, patients))
        inside += found.low is not None and found.high is not None and found.low <= true <= found.high
    assert inside / trials == pytest.approx(0.95, abs=0.03)
