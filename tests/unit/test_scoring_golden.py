"""Published numbers of other tools and papers; each file in tests/golden names its source and tolerance."""

from __future__ import annotations

import csv
import math
import os
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from arena.ranking.differences import compare_all
from arena.scoring.brier import brier_score
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
        covariance = float(np.sum(np.asarray(markers[a].mean) * np.asarray(markers[b].mean)))
        assert covariance == pytest.approx(expected["covariance"], abs=ASAH["tolerance"])


@pytest.mark.real_data
def test_counts_at_s100b_published_threshold(asah: dict[str, NDArray[np.float64]]) -> None:
    expected = ASAH["youden"]["s100b"]
    column = column_of(asah["s100b"], asah["positive"] > 0)
    code = int(np.unique(asah["s100b"]).searchsorted(expected["at_or_above"]))
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
