"""The AUC and its influence matrix against their slow definitions."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from arena.scoring import influence
from arena.scoring.auc import auc_from_counts
from arena.scoring.influence import (
    Column,
    column_auc,
    column_variance,
    make_cases,
    make_column,
    make_level_column,
    mean_influence,
    patient_influence,
    sum_of_squares,
)
from arena.scoring.levels import TOP_LEVEL
from tests.golden.oracles import brute_auc, brute_delong_variance, brute_placements, column_of, jackknife_variance

COUNT = influence._count_levels

rated = st.lists(st.tuples(st.integers(0, 12), st.booleans()), min_size=4, max_size=40).filter(
    lambda rows: 2 <= sum(positive for _, positive in rows) <= len(rows) - 2
)


def split(rows: list[tuple[int, bool]]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    return np.array([score for score, _ in rows], dtype=np.float64), np.array([positive for _, positive in rows])


def exact(column: Column) -> Fraction:
    auc = auc_from_counts(column.counts)
    assert auc is not None
    return auc.exact


def table(column: Column) -> NDArray[np.float64]:
    scored = column_auc(column)
    assert scored is not None
    assert scored.table is not None
    return scored.table


@settings(deadline=None)
@given(rated)
def test_the_auc_is_the_share_of_rightly_ordered_pairs(rows: list[tuple[int, bool]]) -> None:
    scores, positive = split(rows)
    pairs = [
        Fraction(2 if up > down else 1 if up == down else 0, 2) for up in scores[positive] for down in scores[~positive]
    ]
    assert exact(column_of(scores, positive)) == sum(pairs, Fraction(0)) / len(pairs)


@settings(deadline=None)
@given(rated)
def test_scikit_learn_agrees(rows: list[tuple[int, bool]]) -> None:
    scores, positive = split(rows)
    assert float(exact(column_of(scores, positive))) == pytest.approx(roc_auc_score(positive, scores), abs=1e-12)


@settings(deadline=None)
@given(rated)
def test_a_monotone_map_of_scores_changes_nothing(rows: list[tuple[int, bool]]) -> None:
    scores, positive = split(rows)
    column, mapped = column_of(scores, positive), column_of(np.exp(scores / 3) - 7, positive)
    assert exact(column) == exact(mapped)
    assert column_variance(column, table(column)) == column_variance(mapped, table(mapped))


@settings(deadline=None)
@given(rated)
def test_flipped_labels_give_the_complement(rows: list[tuple[int, bool]]) -> None:
    scores, positive = split(rows)
    column, flipped = column_of(scores, positive), column_of(scores, ~positive)
    assert exact(flipped) == 1 - exact(column)
    assert column_variance(flipped, table(flipped)) == pytest.approx(column_variance(column, table(column)), rel=1e-12)


@settings(deadline=None)
@given(rated, st.randoms())
def test_the_order_of_cases_cannot_matter(rows: list[tuple[int, bool]], random: object) -> None:
    scores, positive = split(rows)
    order = np.arange(len(rows))
    random.shuffle(order)  # type: ignore[attr-defined]
    assert exact(column_of(scores[order], positive[order])) == exact(column_of(scores, positive))


@settings(deadline=None)
@given(rated)
def test_the_variance_is_delongs_with_one_study_per_patient(rows: list[tuple[int, bool]]) -> None:
    scores, positive = split(rows)
    column = column_of(scores, positive)
    expected = brute_delong_variance(scores, positive)
    assert column_variance(column, table(column)) == pytest.approx(expected, rel=1e-12, abs=1e-15)
    by_patient = sum_of_squares(patient_influence(column, table(column)))
    assert by_patient == pytest.approx(expected, rel=1e-12, abs=1e-15)


def clustered(seed: int, patients: int = 120, studies: int = 200) -> tuple[NDArray[np.float64], ...]:
    """Several studies of some patients, some of whom hold both classes; rounded so that there are ties."""
    rng = np.random.default_rng(seed)
    owner = np.concatenate([np.arange(patients), rng.integers(0, patients, studies - patients)])
    positive = rng.random(studies) < np.where(rng.random(patients) < 0.5, 0.85, 0.15)[owner]
    scores = np.round(1.5 * positive + rng.normal(size=patients)[owner] + 0.6 * rng.normal(size=studies), 1)
    return scores, positive, owner


def test_the_influence_of_a_patient_follows_its_definition() -> None:
    scores, positive, patients = clustered(1)
    positive, patients = positive.astype(bool), patients.astype(np.int64)
    v10, v01 = brute_placements(scores, positive)
    auc = brute_auc(scores, positive)
    holders_up, holders_down = np.unique(patients[positive]).size, np.unique(patients[~positive]).size
    expected = np.zeros(120)
    np.add.at(expected, patients[positive], (v10 - auc) / v10.size * math.sqrt(holders_up / (holders_up - 1)))
    np.add.at(expected, patients[~positive], (v01 - auc) / v01.size * math.sqrt(holders_down / (holders_down - 1)))
    column = column_of(scores, positive, patients)
    assert patient_influence(column, table(column)) == pytest.approx(expected, rel=0, abs=1e-15)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_clustered_variance_is_near_the_delete_one_patient_jackknife(seed: int) -> None:
    scores, positive, patients = clustered(seed)
    positive, patients = positive.astype(bool), patients.astype(np.int64)
    column = column_of(scores, positive, patients)
    variance = column_variance(column, table(column))
    assert variance == pytest.approx(jackknife_variance(scores, positive, patients), rel=0.06)
    assert variance > 1.15 * brute_delong_variance(scores, positive)  # so that ignoring patients would be seen


def test_findings_of_the_same_patients_are_not_averaged_as_if_independent() -> None:
    scores, positive, patients = clustered(4)
    column = column_of(scores, positive.astype(bool), patients.astype(np.int64))
    mean = mean_influence([column, column], [table(column), table(column)])
    assert sum_of_squares(mean) == pytest.approx(column_variance(column, table(column)), rel=1e-12)


def test_an_empty_class_has_no_auc_and_a_class_of_one_patient_no_variance() -> None:
    assert column_auc(column_of(np.array([1.0, 2.0]), np.array([True, True]))) is None
    single = column_auc(column_of(np.array([1.0, 2.0, 3.0]), np.array([True, False, False])))
    assert single is not None
    assert single.auc.exact == 0
    assert single.table is None


def test_large_counts_stay_exact() -> None:
    n = 300_000
    scores = np.arange(2 * n, dtype=np.float64)
    positive = np.arange(2 * n) % 2 == 1  # each positive beats its own negative and all before it
    assert exact(column_of(scores, positive)) == Fraction(n * (n + 1), 2 * n * n)


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 10_000), st.booleans()), min_size=1, max_size=40),
    st.sampled_from([np.int16, np.int32, np.int64]),
)
def test_levels_are_counted_as_their_codes_are(rows: list[tuple[int, bool]], kind: type) -> None:
    levels, positive = np.array([row[0] for row in rows], dtype=kind), np.array([row[1] for row in rows])
    cases = make_cases(positive, np.arange(len(rows)), len(rows))
    coded = make_column(levels.astype(np.int64) + 1, cases, size=TOP_LEVEL + 3)
    for given_levels, loop in ((levels, COUNT), (np.repeat(levels, 2)[::2], COUNT), (levels, COUNT.plain)):
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(influence, "_count_levels", loop)
            column = make_level_column(given_levels, cases)
        assert column.cells.tolist() == coded.cells.tolist()
        assert np.array_equal(column.counts.table, coded.counts.table)


@pytest.mark.parametrize("levels", [[-1, 5], [5, 10_001], [70_000, 5], [5], [5, 5, 5]])
def test_levels_that_a_compiled_loop_would_write_elsewhere_are_refused(levels: list[int]) -> None:
    cases = make_cases(np.array([True, False]), np.arange(2), 2)
    with pytest.raises(ValueError, match="expected 2 levels 0…10,000"):
        make_level_column(np.array(levels), cases)
