"""The partial AUC against scikit-learn, geometry and the whole AUC."""

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
from sklearn.metrics import roc_auc_score

from arena.scoring.estimates import Reason
from arena.scoring.influence import column_auc, column_variance
from arena.scoring.partial_auc import area_from_counts, partial_auc
from tests.golden.oracles import brute_partial_auc, column_of, golden, jackknife_error

ROWS = st.lists(st.tuples(st.integers(0, 12), st.booleans()), min_size=2, max_size=40).filter(
    lambda rows: {positive for _, positive in rows} == {True, False}
)
RANGES = st.tuples(st.integers(0, 99), st.integers(1, 100)).filter(lambda pair: pair[0] < pair[1])


def arrays(rows: list[tuple[int, bool]]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    return np.array([float(score) for score, _ in rows]), np.array([positive for _, positive in rows])


@settings(deadline=None)
@given(ROWS, st.integers(1, 99))
def test_scikit_learn_agrees_on_the_standardised_form_with_ties(rows: list[tuple[int, bool]], percent: int) -> None:
    scores, positive = arrays(rows)
    found = partial_auc(column_of(scores, positive), Fraction(0), Fraction(percent, 100)).standardised
    assert found.value == pytest.approx(roc_auc_score(positive, scores, max_fpr=percent / 100), abs=1e-12)


@settings(deadline=None, max_examples=50)
@given(ROWS, RANGES)
def test_the_area_is_what_is_measured_under_the_interpolated_curve(
    rows: list[tuple[int, bool]], percents: tuple[int, int]
) -> None:
    scores, positive = arrays(rows)
    low, high = (Fraction(percent, 100) for percent in percents)
    area = area_from_counts(column_of(scores, positive).counts, low, high)
    assert area is not None
    assert float(area) == pytest.approx(brute_partial_auc(scores, positive, float(low), float(high)), abs=1e-9)


@settings(deadline=None)
@given(ROWS, RANGES)
def test_neighbouring_ranges_add_up_exactly(rows: list[tuple[int, bool]], percents: tuple[int, int]) -> None:
    counts, (low, high) = column_of(*arrays(rows)).counts, (Fraction(percent, 100) for percent in percents)
    parts = [area_from_counts(counts, a, b) for a, b in ((Fraction(0), low), (low, high), (high, Fraction(1)))]
    whole = area_from_counts(counts, Fraction(0), Fraction(1))
    assert sum(part for part in parts if part is not None) == whole


@settings(deadline=None)
@given(ROWS)
def test_the_whole_range_has_the_aucs_value_and_delongs_error(rows: list[tuple[int, bool]]) -> None:
    column = column_of(*arrays(rows))
    scored, found = column_auc(column), partial_auc(column, Fraction(0), Fraction(1)).sensitivity
    assert scored is not None
    assert found.exact == scored.auc.exact
    if scored.table is not None and found.standard_error is not None:
        assert found.standard_error**2 == pytest.approx(column_variance(column, scored.table), abs=1e-12)


@settings(deadline=None)
@given(ROWS, RANGES)
def test_a_monotone_map_of_the_scores_changes_nothing(rows: list[tuple[int, bool]], percents: tuple[int, int]) -> None:
    scores, positive = arrays(rows)
    low, high = (Fraction(percent, 100) for percent in percents)
    assert partial_auc(column_of(scores, positive), low, high) == partial_auc(
        column_of(np.exp(scores / 3), positive), low, high
    )


@pytest.mark.parametrize(("low", "high"), [(0, 3), (1, 5), (2, 10)])
def test_the_standard_error_is_the_jackknifes_over_patients(low: int, high: int) -> None:
    rng = np.random.default_rng(3)
    patients = np.unique(rng.integers(0, 200, 360), return_inverse=True)[1]
    positive = rng.random(360) < 0.4
    scores = rng.normal(size=360) + 1.2 * positive + rng.normal(size=200)[patients]
    bounds = Fraction(low, 10), Fraction(high, 10)
    found = partial_auc(column_of(scores, positive, patients), *bounds).sensitivity

    def without(kept: NDArray[np.bool_]) -> float:
        area = area_from_counts(column_of(scores[kept], positive[kept]).counts, *bounds)
        return float(area or 0) / float(bounds[1] - bounds[0])

    assert found.standard_error == pytest.approx(jackknife_error(without, patients), rel=0.04)


def test_chance_is_one_half_and_perfection_one() -> None:
    tied = column_of(np.zeros(40), np.arange(40) < 20)
    assert partial_auc(tied, Fraction(1, 10), Fraction(3, 10)).standardised.exact == Fraction(1, 2)
    perfect = partial_auc(column_of(np.arange(40.0), np.arange(40) >= 20), Fraction(0), Fraction(1, 10)).standardised
    assert perfect.exact == 1
    assert (perfect.low, perfect.reason) == (None, Reason.NO_VARIANCE)


def test_a_class_without_a_case_gives_no_area() -> None:
    found = partial_auc(column_of(np.arange(4.0), np.zeros(4, dtype=np.bool_)), Fraction(0), Fraction(1, 10))
    assert (found.sensitivity.value, found.standardised.reason) == (None, Reason.NO_POSITIVE)


def test_an_interval_of_the_standardised_form_is_the_other_ones_carried_over() -> None:
    rng = np.random.default_rng(4)
    positive = np.arange(200) < 80
    found = partial_auc(column_of(rng.normal(size=200) + 1.5 * positive, positive), Fraction(0), Fraction(1, 5))
    for plain, carried in (
        (found.sensitivity.low, found.standardised.low),
        (found.sensitivity.high, found.standardised.high),
    ):
        assert plain is not None
        assert carried == pytest.approx(0.5 + (plain - 0.1) / 1.8, abs=1e-12)


@pytest.mark.parametrize("bounds", [(0, 0), (-1, 1), (1, 2), (5, 3)])
def test_a_range_without_width_or_outside_0_to_1_is_refused(bounds: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="range of false positive rates"):
        partial_auc(column_of(np.arange(2.0), np.array([False, True])), Fraction(bounds[0]), Fraction(bounds[1]))


@pytest.mark.real_data
@pytest.mark.parametrize("marker", ["s100b", "ndka", "wfns"])
def test_procs_corrected_partial_areas_of_asah(marker: str) -> None:
    folder = os.environ.get("ARENA_REAL_DATA")
    if not folder:
        pytest.skip("ARENA_REAL_DATA is unset: it names the folder that holds asah/aSAH.csv")
    with (Path(folder) / "asah" / "aSAH.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    expected = golden("asah.json")["partial_auc"]
    scores = np.array([float(row[marker]) for row in rows])
    column = column_of(scores, np.array([row["outcome"] == "Poor" for row in rows]))
    found = partial_auc(column, *(Fraction(rate) for rate in expected["fpr"])).standardised
    assert found.value == pytest.approx(expected["standardised"][marker], abs=expected["tolerance"])
