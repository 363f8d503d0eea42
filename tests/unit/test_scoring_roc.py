"""The thinned ROC curve and its band."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtr, ndtri
from sklearn.metrics import roc_curve as sklearn_curve

from arena.scoring.roc import GRID, RocScores, roc_curve
from tests.golden.oracles import column_of

rated = st.lists(st.tuples(st.integers(0, 9), st.booleans()), min_size=2, max_size=60).filter(
    lambda rows: 1 <= sum(positive for _, positive in rows) < len(rows)
)


def curve_of(scores: list[float], positive: list[bool], patients: list[int] | None = None) -> RocScores:
    owners = None if patients is None else np.array(patients, dtype=np.int64)
    found = roc_curve(column_of(np.array(scores, dtype=float), np.array(positive), owners))
    assert found is not None
    return found


@settings(deadline=None)
@given(rated)
def test_the_curve_runs_through_the_empirical_corners(rows: list[tuple[int, bool]]) -> None:
    scores, positive = [float(score) for score, _ in rows], [is_positive for _, is_positive in rows]
    found = curve_of(scores, positive)
    fpr, tpr, _ = sklearn_curve(positive, scores, drop_intermediate=False)
    tops = {round(rate * GRID): top for rate, top in zip(fpr, tpr, strict=True) if (rate * GRID).is_integer()}
    for place, top in tops.items():  # where the curve is vertical, the last corner is the top
        assert found.tpr[place] == pytest.approx(top, abs=1e-12)


@settings(deadline=None)
@given(rated)
def test_curve_and_band_are_ordered_and_inside_the_unit_square(rows: list[tuple[int, bool]]) -> None:
    found = curve_of([float(score) for score, _ in rows], [positive for _, positive in rows])
    assert len(found.fpr) == len(found.tpr) == len(found.tpr_low) == len(found.tpr_high) == GRID + 1
    assert found.fpr[0] == 0
    assert (found.fpr[-1], found.tpr[-1], found.tpr_low[-1], found.tpr_high[-1]) == (1, 1, 1, 1)
    assert list(found.tpr) == sorted(found.tpr)
    for low, middle, high in zip(found.tpr_low, found.tpr, found.tpr_high, strict=True):
        assert 0 <= low <= middle <= high <= 1


def test_the_number_of_points_does_not_grow_with_the_cases() -> None:
    rng = np.random.default_rng(3)
    assert len(curve_of(list(rng.normal(size=5000)), list(rng.random(5000) < 0.5)).tpr) == GRID + 1


def test_an_empty_class_has_no_curve() -> None:
    assert roc_curve(column_of(np.array([1.0, 2.0]), np.array([True, True]))) is None


def test_studies_of_one_patient_widen_the_band() -> None:
    rng = np.random.default_rng(4)
    scores = rng.normal(size=100) + (np.arange(100) % 2)
    doubled = [float(score) for score in np.repeat(scores, 2)]
    positive = [bool(i % 2) for i in np.repeat(np.arange(100), 2)]
    together = curve_of(doubled, positive, [int(i) for i in np.repeat(np.arange(100), 2)])
    apart = curve_of(doubled, positive)
    once = curve_of([float(score) for score in scores], positive[::2])
    assert together.tpr_high[20] - together.tpr_low[20] > 1.2 * (apart.tpr_high[20] - apart.tpr_low[20])
    assert together.tpr_low[20] == pytest.approx(once.tpr_low[20], abs=0.01)


@pytest.mark.parametrize("rate", [0.05, 0.1, 0.2, 0.5])
def test_the_band_covers_the_true_rate_at_a_point(rate: float) -> None:
    rng, shift, hits, trials = np.random.default_rng(5), math.sqrt(2) * float(ndtri(0.85)), 0, 400
    true = float(ndtr(shift + ndtri(rate)))
    positive = np.arange(200) % 2 == 0
    for _ in range(trials):
        found = roc_curve(column_of(rng.normal(size=200) + shift * positive, positive))
        assert found is not None
        place = round(rate * GRID)
        hits += found.tpr_low[place] <= true <= found.tpr_high[place]
    assert 0.92 <= hits / trials <= 0.99
