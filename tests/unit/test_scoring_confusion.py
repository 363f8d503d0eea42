"""Numbers at a threshold: F1, MCC, patients, and the post-hoc threshold."""

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
from sklearn.metrics import f1_score as sklearn_f1
from sklearn.metrics import matthews_corrcoef
from statsmodels.stats.proportion import proportion_confint

from arena.scoring.confusion import ThresholdSource, confusion_at, f1_score, matthews, youden_code, youden_level
from arena.scoring.estimates import Estimate, Reason
from arena.scoring.proportions import wilson_interval
from tests.golden.oracles import column_of, golden, jackknife_error, level_column

ROWS = st.lists(st.tuples(st.integers(0, 8), st.booleans()), min_size=2, max_size=40).filter(
    lambda rows: {positive for _, positive in rows} == {True, False}
)


def clustered(seed: int = 3) -> tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.int64]]:
    rng = np.random.default_rng(seed)
    patients = np.unique(rng.integers(0, 220, 400), return_inverse=True)[1]
    positive = rng.random(400) < 0.35
    latent = rng.normal(size=400) + 1.6 * positive - 0.8 + rng.normal(size=patients.max() + 1)[patients]
    return np.rint(10_000 / (1 + np.exp(-latent))).astype(np.int64), positive, patients


@settings(deadline=None)
@given(ROWS, st.integers(1, 8))
def test_scikit_learn_agrees_on_f1_and_mcc(rows: list[tuple[int, bool]], threshold: int) -> None:
    levels, positive = np.array([level for level, _ in rows]), np.array([truth for _, truth in rows])
    found, called = confusion_at(level_column(levels, positive), threshold), levels >= threshold
    assert found.f1.value == pytest.approx(sklearn_f1(positive, called, zero_division=0.0), abs=1e-12)
    if called.all() or not called.any():
        assert (found.mcc.value, found.mcc.reason) == (None, Reason.ALL_CALLED_ALIKE)
    else:
        assert found.mcc.value == pytest.approx(matthews_corrcoef(positive, called), abs=1e-12)


@settings(deadline=None)
@given(ROWS, st.integers(0, 9))
def test_the_four_counts_are_those_of_a_loop(rows: list[tuple[int, bool]], threshold: int) -> None:
    found = confusion_at(level_column([level for level, _ in rows], [truth for _, truth in rows]), threshold)
    counted = [sum((level >= threshold, truth) == pair for level, truth in rows) for pair in
               ((True, True), (True, False), (False, True), (False, False))]  # fmt: skip
    assert [found.true_positive, found.false_positive, found.false_negative, found.true_negative] == counted


@settings(deadline=None)
@given(ROWS, st.integers(1, 8))
def test_mcc_keeps_its_value_when_labels_and_calls_are_both_flipped(
    rows: list[tuple[int, bool]], threshold: int
) -> None:
    levels, positive = np.array([level for level, _ in rows]), np.array([truth for _, truth in rows])
    one = matthews(level_column(levels, positive), threshold + 1)
    other = matthews(level_column(8 - levels, ~positive), 8 - threshold + 2)
    assert one.value == (None if other.value is None else pytest.approx(other.value, abs=1e-12))


def test_scikit_learns_documented_macro_f1() -> None:
    expected = golden("small.json")["scikit_learn_f1"]
    reference, predicted = np.array(expected["reference"]), np.array(expected["predicted"])
    each = [f1_score(level_column((predicted == c).astype(np.int64), reference == c), 2) for c in range(3)]
    assert sum((found.exact or Fraction(0) for found in each), Fraction(0)) / 3 == Fraction(expected["macro"])


def test_the_interval_of_f1_is_wilsons_of_the_overlap_carried_over() -> None:
    levels = np.repeat([1, 1, 0, 0], [45, 5, 5, 45])
    positive = np.repeat([True, False, True, False], [45, 5, 5, 45])
    found, limits = f1_score(level_column(levels, positive), 2), wilson_interval(45 / 55, 55)
    assert found.exact == Fraction(9, 10)
    assert (found.low, found.high) == (2 * limits.low / (1 + limits.low), 2 * limits.high / (1 + limits.high))


def test_nothing_called_and_nothing_positive_has_no_f1() -> None:
    assert f1_score(level_column([0, 0], [False, False]), 2).reason is Reason.NO_CASE


def test_the_standard_error_of_mcc_is_the_jackknifes_over_patients() -> None:
    levels, positive, patients = clustered()

    def without(kept: NDArray[np.bool_]) -> float:
        return float(matthews_corrcoef(positive[kept], levels[kept] >= 5000))

    found = matthews(level_column(levels, positive, patients), 5001)
    assert found.standard_error == pytest.approx(jackknife_error(without, patients), rel=0.03)


def test_mcc_without_error_has_no_interval() -> None:
    found = confusion_at(level_column(np.repeat([0, 10_000], 20), np.repeat([False, True], 20)), 5000).mcc
    assert (found.exact, found.low, found.reason) == (1, None, Reason.NO_VARIANCE)


def test_the_interval_of_mcc_covers() -> None:
    rng, inside, trials = np.random.default_rng(12), 0, 600
    true = 0.4 * 0.6 * (0.85 - 0.2) / np.sqrt(0.4 * 0.6 * 0.46 * 0.54)
    for _ in range(trials):
        positive = rng.random(250) < 0.4
        called = np.where(positive, rng.random(250) < 0.85, rng.random(250) < 0.2)
        found = matthews(level_column(called.astype(np.int64), positive), 2)
        inside += found.low is not None and found.high is not None and found.low <= true <= found.high
    assert inside / trials == pytest.approx(0.95, abs=0.025)


def test_patients_are_right_when_all_of_their_cases_are() -> None:
    patients = np.array([0, 0, 1, 1, 2, 3, 3])
    found = confusion_at(level_column([9, 1, 9, 9, 9, 1, 9], [True, True, True, True, True, False, False], patients), 5)
    assert (found.sensitivity.exact, found.sensitivity_patients.exact) == (Fraction(4, 5), Fraction(2, 3))
    assert (found.specificity.exact, found.specificity_patients.exact) == (Fraction(1, 2), Fraction(0))
    assert (found.sensitivity_patients.n, found.specificity_patients.n) == (3, 1)


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_statsmodels_agrees_on_clopper_and_pearson_over_patients(counts: tuple[int, int]) -> None:
    hits, n = counts
    levels = np.where(np.arange(n + 1) < hits, 9, 1)
    found = confusion_at(level_column(levels, np.arange(n + 1) < n), 5).sensitivity_patients
    assert (found.low, found.high) == pytest.approx(proportion_confint(hits, n, method="beta"), rel=6e-8)


def test_a_missing_answer_is_an_error_at_every_threshold() -> None:
    # Codes 0 and 10,002 are a missing positive and a missing negative under the policy `worst`.
    column = level_column([-1, 10_001], [True, False])
    for threshold in (0, 5000, 10_000):
        found = confusion_at(column, threshold)
        assert (found.false_negative, found.false_positive) == (1, 1)


@settings(deadline=None)
@given(ROWS)
def test_no_level_has_a_larger_youden_index_than_the_post_hoc_one(rows: list[tuple[int, bool]]) -> None:
    levels, positive = np.array([level for level, _ in rows]), np.array([truth for _, truth in rows])
    best = youden_level(level_column(levels, positive).counts)
    index = {t: np.mean(levels[positive] >= t) - np.mean(levels[~positive] >= t) for t in np.unique(levels)}
    assert best is not None
    assert index[best] == pytest.approx(max(index.values()))
    assert all(t >= best for t, value in index.items() if value > index[best] - 1e-12)


def test_a_post_hoc_threshold_has_values_without_intervals_and_says_so() -> None:
    levels, positive, patients = clustered()
    column = level_column(levels, positive, patients)
    level = youden_level(column.counts)
    assert level is not None
    declared, post_hoc = confusion_at(column, level), confusion_at(column, level, ThresholdSource.POST_HOC_YOUDEN)
    for name in (
        "sensitivity",
        "specificity",
        "sensitivity_patients",
        "specificity_patients",
        "ppv",
        "npv",
        "f1",
        "mcc",
    ):
        honest: Estimate = getattr(declared, name)
        labelled: Estimate = getattr(post_hoc, name)
        assert honest.low is not None
        assert (labelled.exact, labelled.low, labelled.high) == (honest.exact, None, None)
        assert labelled.reason is Reason.POST_HOC


def test_a_post_hoc_threshold_is_never_set_at_a_missing_answer() -> None:
    assert youden_level(level_column([-1, 10_001, 4000], [True, False, True]).counts) == 4000
    assert youden_level(level_column([-1, 10_001], [True, False]).counts) is None


@pytest.mark.real_data
def test_procs_best_threshold_of_s100b() -> None:
    folder = os.environ.get("ARENA_REAL_DATA")
    if not folder:
        pytest.skip("ARENA_REAL_DATA is unset: it names the folder that holds asah/aSAH.csv")
    with (Path(folder) / "asah" / "aSAH.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    scores = np.array([float(row["s100b"]) for row in rows])
    expected, distinct = golden("asah.json")["youden"]["s100b"], np.unique(scores)
    column = column_of(scores, np.array([row["outcome"] == "Poor" for row in rows]))
    code = youden_code(column.counts, range(column.size))
    assert code is not None
    assert distinct[code - 1] < expected["at_or_above"] <= distinct[code]
