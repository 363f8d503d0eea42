"""Published numbers of other tools and papers; each file in tests/golden names its source and tolerance."""

from __future__ import annotations

import csv
import math
import os
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import t as student

from arena.ranking.calls import sign_flip_p
from arena.ranking.differences import compare_all
from arena.ranking.ranks import ranks_from_pairs
from arena.scoring.brier import brier_score
from arena.scoring.confusion import youden_code
from arena.scoring.estimates import Reason
from arena.scoring.influence import (
    Column,
    Influence,
    column_auc,
    column_variance,
    make_cases,
    make_column,
    patient_influence,
)
from arena.scoring.intervals import delong_interval
from arena.scoring.levels import quantise_all
from arena.scoring.proportions import operating_point, wilson_interval
from tests.golden.oracles import column_of, golden

ASAH = golden("asah.json")
NORMAL_975 = 1.959963984540054


@dataclass(frozen=True)
class Marker:
    column: Column
    influence: Influence
    variance: float


def measured(scores: NDArray[np.float64], positive: NDArray[np.bool_]) -> Marker:
    column = column_of(scores, positive)
    scored = column_auc(column)
    assert scored is not None
    assert scored.table is not None
    phi = patient_influence(column, scored.table)
    influence = Influence(
        score=scored.auc.exact,
        mean=phi,
        phi=phi[:, None],
        findings=("marker",),
        patients_positive=column.cases.patients_positive,
        patients_negative=column.cases.patients_negative,
    )
    return Marker(column, influence, column_variance(column, scored.table))


@pytest.fixture(scope="module")
def asah() -> dict[str, NDArray[np.float64]]:
    folder = os.environ.get("ARENA_REAL_DATA")
    if not folder:
        pytest.skip("ARENA_REAL_DATA is unset: it names the folder that holds asah/aSAH.csv")
    with (Path(folder) / "asah" / "aSAH.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    table = {name: np.array([float(row[name]) for row in rows]) for name in ASAH["markers"]}
    table["positive"] = np.array([float(row["outcome"] == "Poor") for row in rows])
    return table


@pytest.mark.real_data
@pytest.mark.parametrize("name", list(ASAH["markers"]))
def test_auc_variance_and_symmetric_interval_equal_procs(asah: dict[str, NDArray[np.float64]], name: str) -> None:
    marker, expected = measured(asah[name], asah["positive"] > 0), ASAH["markers"][name]
    assert (marker.column.counts.positives, marker.column.counts.negatives) == (ASAH["positive"], ASAH["negative"])
    assert marker.influence.score is not None
    assert float(marker.influence.score) == pytest.approx(expected["auc"], abs=ASAH["tolerance"])
    assert marker.variance == pytest.approx(expected["variance"], abs=ASAH["tolerance"])
    limits = delong_interval(float(marker.influence.score), marker.variance)
    assert (limits.low, limits.high) == pytest.approx((expected["low"], expected["high"]), abs=ASAH["tolerance"])


@pytest.mark.real_data
def test_paired_tests_and_holm_equal_procs(asah: dict[str, NDArray[np.float64]]) -> None:
    names = list(ASAH["markers"])
    markers = {name: measured(asah[name], asah["positive"] > 0).influence for name in names}
    found = {(names[pair.a], names[pair.b]): pair for pair in compare_all(list(markers.values()))}
    for expected in ASAH["pairs"]:
        a, b = expected["a"], expected["b"]
        pair, sign = (found[a, b], 1) if (a, b) in found else (found[b, a], -1)
        assert pair.z is not None
        assert sign * pair.z == pytest.approx(expected["z"], abs=1e-11)
        assert pair.p == pytest.approx(expected["p"], abs=ASAH["tolerance"])
        assert pair.p_adjusted == pytest.approx(expected["holm_p"], abs=3 * ASAH["tolerance"])
        limits = [sign * pair.difference + side * NORMAL_975 * pair.standard_error for side in (-1, 1)]
        assert limits == pytest.approx([expected["low"], expected["high"]], abs=5e-8)
        covariance = float(np.sum(np.asarray(markers[a].mean) * np.asarray(markers[b].mean)))
        assert covariance == pytest.approx(expected["covariance"], abs=ASAH["tolerance"])


@pytest.mark.real_data
def test_the_unpaired_comparison_follows_from_our_variances_as_in_proc(asah: dict[str, NDArray[np.float64]]) -> None:
    expected, patients = ASAH["unpaired"], ASAH["positive"] + ASAH["negative"]
    a, b = (measured(asah[expected[side]], asah["positive"] > 0) for side in ("a", "b"))
    total = a.variance + b.variance
    d = float((a.influence.score or 0) - (b.influence.score or 0)) / math.sqrt(total)
    freedom = total**2 * (patients - 1) / (a.variance**2 + b.variance**2)
    assert d == pytest.approx(expected["d"], abs=1e-11)
    assert 2 * student.sf(d, freedom) == pytest.approx(expected["p"], abs=1e-11)


@pytest.mark.real_data
def test_holm_turns_three_markers_into_two_ranks(asah: dict[str, NDArray[np.float64]]) -> None:
    names = ("s100b", "ndka", "wfns")
    entries = [measured(asah[name], asah["positive"] > 0).influence for name in names]
    pairs = compare_all(entries)
    scores = [entry.score for entry in entries]
    adjusted = ranks_from_pairs(scores, pairs)
    assert [rank.rank for rank in adjusted] == [1, 2, 1], "wfns above s100b: p .027 alone, .054 by Holm"
    assert [(rank.low, rank.high) for rank in adjusted] == [(1, 3), (2, 3), (1, 2)]
    alone = ranks_from_pairs(scores, [replace(pair, p_adjusted=pair.p) for pair in pairs])
    assert [rank.rank for rank in alone] == [2, 2, 1], "unadjusted, s100b would lose its first place"


@pytest.mark.real_data
@pytest.mark.parametrize("held", ["positives", "negatives"])
def test_mcnemar_of_two_markers_at_their_published_thresholds(asah: dict[str, NDArray[np.float64]], held: str) -> None:
    poor = asah["positive"] > 0
    cases = poor if held == "positives" else ~poor
    right = [(asah[name] >= ASAH["youden"][name]["at_or_above"]) == poor for name in ("s100b", "wfns")]
    one, other = (each[cases] for each in right)
    table = [[int(np.sum((one == x) & (other == y))) for y in (True, False)] for x in (True, False)]
    assert table == ASAH["mcnemar"][held]
    surplus = one.astype(np.int64) - other.astype(np.int64)
    assert sign_flip_p(surplus) == pytest.approx(ASAH["mcnemar"][f"{held}_p"], abs=1e-12)


@pytest.mark.real_data
@pytest.mark.parametrize("name", list(ASAH["markers"]))
def test_counts_at_each_markers_published_threshold(asah: dict[str, NDArray[np.float64]], name: str) -> None:
    expected, distinct = ASAH["youden"][name], np.unique(asah[name])
    column = column_of(asah[name], asah["positive"] > 0)
    code = int(distinct.searchsorted(expected["at_or_above"]))
    assert youden_code(column.counts, range(column.size)) == code, "pROC's best threshold is where ours is"
    point = operating_point(column, code)
    true_positive, false_negative = expected["true_positive"], expected["false_negative"]
    true_negative, false_positive = expected["true_negative"], expected["false_positive"]
    assert point.sensitivity.exact == Fraction(true_positive, true_positive + false_negative)
    assert point.specificity.exact == Fraction(true_negative, true_negative + false_positive)
    assert point.ppv.exact == Fraction(true_positive, true_positive + false_positive)
    assert point.npv.exact == Fraction(true_negative, true_negative + false_negative)


@pytest.mark.parametrize("case", golden("proportions.json")["wilson"], ids=lambda case: f"{case['x']}/{case['n']}")
def test_wilson_limits_of_newcombes_proportions(case: dict[str, float]) -> None:
    limits = wilson_interval(case["x"] / case["n"], case["n"])
    assert (limits.low, limits.high) == pytest.approx((case["low"], case["high"]), abs=5e-5)


def test_hanley_and_mcneils_ratings() -> None:
    expected = golden("small.json")["hanley_mcneil"]
    ratings = np.arange(1.0, 6.0)
    scores = np.concatenate([np.repeat(ratings, expected["normal"]), np.repeat(ratings, expected["abnormal"])])
    marker = measured(scores, np.arange(scores.size) >= sum(expected["normal"]))
    assert float(marker.influence.score or 0) == pytest.approx(expected["auc"], abs=expected["tolerance"])
    error = math.sqrt(marker.variance)
    assert error == pytest.approx(expected["delong_standard_error"], abs=expected["tolerance"])
    # Hanley and McNeil's own standard error, from the AUC and exponential scores; ours needs no such scores.
    auc, m, n = float(marker.influence.score or 0), sum(expected["abnormal"]), sum(expected["normal"])
    spread = (m - 1) * (auc / (2 - auc) - auc**2) + (n - 1) * (2 * auc**2 / (1 + auc) - auc**2)
    theirs = math.sqrt((auc * (1 - auc) + spread) / (m * n))
    assert theirs == pytest.approx(expected["hanley_mcneil_standard_error"], abs=expected["tolerance"])


def test_scikit_learns_documented_auc() -> None:
    expected = golden("small.json")["scikit_learn_auc"]
    marker = measured(np.array(expected["scores"]), np.array(expected["reference"]) == 1)
    assert marker.influence.score == Fraction(str(expected["auc"]))


def test_scikit_learns_documented_brier_score() -> None:
    expected = golden("small.json")["scikit_learn_brier"]
    levels = quantise_all(np.array(expected["probabilities"])).astype(np.int64)
    cases = make_cases(np.array(expected["reference"]) == 1, np.arange(levels.size), levels.size)
    brier = brier_score(make_column(levels + 1, cases, size=10_003))
    assert brier.exact == Fraction(str(expected["brier"]))
    assert brier.reason is not Reason.NO_CASE
