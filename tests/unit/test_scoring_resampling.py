"""Resampled patients, and the counts of 64 replicates at once, against one replicate at a time."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from arena.scoring.auc import ClassCounts, auc_from_counts
from arena.scoring.influence import Column, column_auc, column_variance, make_cases, make_column
from arena.scoring.lanes import lane_sums, linear_sums, make_tally, pack_lanes, weighted_cells
from arena.scoring.levels import TOP_LEVEL
from arena.scoring.missing import cell_losses
from arena.scoring.resampling import (
    MAX_REDRAWN,
    ResamplePlan,
    ResamplingRefusedError,
    patient_weights,
    plan_resamples,
    planned_counts,
    resample_seed,
    resampled_counts,
    resampled_scores,
)

SEED = resample_seed("sha256:cases", "sha256:rules")
SIZE = TOP_LEVEL + 3
FEW = [2, 2, 2, 0, 3, 0, 0, 1, 2, 0, 0, 0]
MANY = [0, 1, 2, 1, 0, 0, 1, 0, 3, 2, 1, 1, 0, 3, 3, 0, 0, 2, 2, 0]
CHECKSUM = 1975217


def columns_of(seed: int, *, patients: int = 300, studies: int = 500, findings: int = 3) -> list[Column]:
    """Several studies of some patients; the second finding leaves some studies out, the third is nearly constant."""
    rng = np.random.default_rng(seed)
    owner = np.concatenate([np.arange(patients), rng.integers(0, patients, studies - patients)])
    columns = []
    for finding in range(findings):
        kept = rng.random(studies) < (0.8 if finding == 1 else 2)
        positive = rng.random(studies) < 0.3
        levels = np.rint(TOP_LEVEL * rng.beta(2 + positive, 4)).astype(np.int64)
        if finding == 2:
            levels[rng.random(studies) < 0.9] = 0
        cases = make_cases(positive[kept], owner[kept].astype(np.int64), patients)
        columns.append(make_column(levels[kept] + 1, cases, size=SIZE))
    return columns


def slow_counts(column: Column, weights: NDArray[np.int32]) -> ClassCounts:
    """Count case by case, in Python's integers."""
    counts = {True: [0] * column.size, False: [0] * column.size}
    for cell, positive, patient in zip(column.cells, column.cases.positive, column.cases.patients, strict=True):
        counts[bool(positive)][int(cell) // 2] += int(weights[patient])
    return ClassCounts(np.array([counts[False], counts[True]]).T)


def test_a_seed_follows_from_the_case_set_and_the_rules_alone() -> None:
    assert resample_seed("a", "b") == resample_seed("a", "b")
    assert len({resample_seed(*names) for names in [("a", "b"), ("b", "a"), ("a", "c"), ("a\nb", "")]}) == 4
    assert 0 <= SEED < 2**128


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10_000), st.integers(1, 3000))
def test_as_many_patients_are_drawn_as_there_are(replicate: int, patients: int) -> None:
    weights = patient_weights(SEED, replicate, patients)
    assert weights.shape == (patients,)
    assert weights.dtype == np.int32
    assert int(weights.min()) >= 0
    assert int(weights.sum()) == patients


def test_the_drawn_patients_stay_the_same_in_every_version() -> None:
    # Recorded when the mapping was fixed: a change here changes published intervals and needs a new scorer version.
    few, many = patient_weights(SEED, 7, 12), patient_weights(SEED, 7, 2000)
    assert few.tolist() == FEW
    assert many[:20].tolist() == MANY
    assert int(np.dot(many.astype(np.int64), np.arange(2000))) == CHECKSUM


def test_replicates_are_independent_of_the_order_in_which_they_are_drawn() -> None:
    forwards = [patient_weights(SEED, replicate, 1500) for replicate in range(5)]
    backwards = [patient_weights(SEED, replicate, 1500) for replicate in reversed(range(5))]
    for one, other in zip(forwards, reversed(backwards), strict=True):
        assert np.array_equal(one, other)
    assert not np.array_equal(forwards[0], forwards[1])


@pytest.mark.parametrize("patients", [200, 1024, 5000])
def test_the_draws_follow_the_multinomial_distribution(patients: int) -> None:
    draws = 400_000 // patients
    weights = np.stack([patient_weights(SEED, replicate, patients) for replicate in range(draws)])
    expected = [math.comb(patients, k) * (patients - 1) ** (patients - k) / patients**patients for k in range(6)]
    for number, share in enumerate(expected):
        found = float(np.mean(weights == number))
        assert found == pytest.approx(share, abs=4.5 * math.sqrt(share * (1 - share) / weights.size))
    # Two patients' weights are correlated by −1/(I − 1): the variance of a half's sum shows it, I/4 instead of I/2.
    halves = weights[:, : patients // 2].sum(axis=1)
    assert float(np.var(halves)) == pytest.approx(patients / 4, rel=5 * math.sqrt(2 / draws))
    # No part of the list is favoured.
    parts = weights.reshape(draws, 4, -1).sum(axis=(0, 2)) / (weights.size / 4)
    assert parts == pytest.approx(np.ones(4), abs=5 / math.sqrt(weights.size / 4))


@pytest.mark.parametrize(("studies", "patients"), [(500, 300), (3000, 1800)])
def test_counts_of_every_replicate_are_those_counted_case_by_case(studies: int, patients: int) -> None:
    columns = columns_of(1, patients=patients, studies=studies)
    for replicate, counts in enumerate(resampled_counts(columns, SEED, 67)):
        if replicate % 11:
            continue
        weights = patient_weights(SEED, replicate, patients)
        for column, counted in zip(columns, counts, strict=True):
            slow = slow_counts(column, weights)
            assert np.array_equal(counted.positive, slow.positive)
            assert np.array_equal(counted.negative, slow.negative)


def test_scores_of_every_replicate_are_those_of_its_counts() -> None:
    columns = columns_of(2)
    codes = [5001, 3001, 2]
    plan = plan_resamples([column.cases for column in columns], SEED, 70)
    scores = resampled_scores(columns, codes, plan)
    for replicate, counts in enumerate(planned_counts(columns, plan)):
        aucs = []
        for finding, (counted, code) in enumerate(zip(counts, codes, strict=True)):
            auc = auc_from_counts(counted)
            assert auc is not None
            aucs.append(float(auc.exact))
            assert scores.two_u[finding, replicate] == auc.two_u
            assert scores.auc[finding, replicate] == aucs[-1]
            hits, passes = int(counted.positive[code:].sum()), int(counted.negative[:code].sum())
            assert scores.sensitivity[finding, replicate] == hits / auc.positives
            assert scores.specificity[finding, replicate] == passes / auc.negatives
            cells = np.stack([counted.negative, counted.positive], axis=1).reshape(-1)
            loss = Fraction(int((cells * cell_losses(SIZE)).sum()), (auc.positives + auc.negatives) * TOP_LEVEL**2)
            assert scores.brier[finding, replicate] == float(loss)
        assert scores.macro_auc[replicate] == pytest.approx(math.fsum(aucs) / 3, rel=1e-15)


def test_the_number_of_threads_changes_nothing() -> None:
    columns = columns_of(3)
    plan = plan_resamples([column.cases for column in columns], SEED, 200)
    one, three = (resampled_scores(columns, [5001] * 3, plan, threads=threads) for threads in (1, 3))
    assert one.two_u.shape == (3, 200)
    for name in ("two_u", "positives", "negatives", "true_positives", "true_negatives", "loss"):
        assert np.array_equal(getattr(one, name), getattr(three, name))


@pytest.mark.parametrize("peak", [12, 13, 255])
def test_weights_too_large_for_the_short_way_are_counted_as_well(peak: int) -> None:
    column = columns_of(4)[2]  # nearly all cases in one cell
    weights = np.random.default_rng(5).integers(0, peak + 1, (64, 300), dtype=np.uint8)
    weights[3] = peak
    tally = make_tally(column)
    cells = weighted_cells(tally, pack_lanes(weights))
    for lane in (0, 3, 40, 63):
        slow = slow_counts(column, weights[lane].astype(np.int32))
        for position, code in enumerate(tally.codes):
            here = cells[position % tally.steps, :, position // tally.steps, lane]
            assert here.tolist() == [slow.negative[code], slow.positive[code]]


def test_a_cell_with_more_cases_than_sixteen_bits_hold_is_counted() -> None:
    n = 70_000
    positive = np.arange(n) % 2 == 0
    column = make_column(np.ones(n, dtype=np.int64), make_cases(positive, np.arange(n) // 2, n // 2), size=3)
    cells = weighted_cells(make_tally(column), pack_lanes(np.full((64, n // 2), 2, dtype=np.uint8)))
    assert cells.tolist() == [[[[n] * 64], [[n] * 64]]]


def test_pairs_beyond_thirty_two_bits_are_counted() -> None:
    n = 100_000
    positive = np.arange(n) % 2 == 0
    column = make_column(np.ones(n, dtype=np.int64), make_cases(positive, np.arange(n) // 2, n // 2), size=3)
    tally = make_tally(column)
    cells = weighted_cells(tally, pack_lanes(np.ones((64, n // 2), dtype=np.uint8)))
    assert cells.dtype == np.int32
    sums = lane_sums(cells, linear_sums(tally, np.zeros(6, dtype=np.int64), 1))
    assert sums.two_u.tolist() == [(n // 2) ** 2] * 64
    assert sums.true_positives.tolist() == sums.negatives.tolist() == [n // 2] * 64


def test_the_spread_of_resampled_aucs_is_the_standard_error_of_the_influence() -> None:
    column = columns_of(6, patients=600, studies=1000)[0]
    scored = column_auc(column)
    assert scored is not None
    assert scored.table is not None
    spread = float(np.std(resampled_scores([column], [5001], plan_resamples([column.cases], SEED, 1000)).auc[0]))
    assert spread == pytest.approx(math.sqrt(column_variance(column, scored.table)), rel=0.08)


def test_a_resample_without_a_class_is_redrawn_and_counted() -> None:
    patients = 200
    positive = np.arange(patients) < 6  # absent from a resample with probability e⁻⁶ = 0.25 %
    cases = make_cases(positive, np.arange(patients), patients)
    plan = plan_resamples([cases], SEED, 1000)
    lacking = [r for r in range(plan.replicates[-1] + 1) if not patient_weights(SEED, r, patients)[positive].any()]
    assert lacking
    assert sorted({*plan.replicates, *lacking}) == list(range(1000 + len(lacking)))
    assert plan.redrawn == len(lacking)
    assert plan.redrawn_share == len(lacking) / (1000 + len(lacking))
    column = make_column(np.arange(patients) + 1, cases, size=SIZE)
    assert all(counts[0].positives > 0 for counts in planned_counts([column], plan))


def test_a_case_set_that_lacks_a_class_too_often_is_refused() -> None:
    cases = make_cases(np.arange(200) < 3, np.arange(200), 200)  # absent with probability 5 %
    with pytest.raises(ResamplingRefusedError, match="1%"):
        plan_resamples([cases], SEED, 500)
    assert MAX_REDRAWN == 0.01


def test_the_plan_of_a_common_class_draws_nothing() -> None:
    cases = make_cases(np.arange(200) < 100, np.arange(200), 200)
    assert plan_resamples([cases], SEED, 3) == ResamplePlan(SEED, 200, (0, 1, 2), 0)


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 2**32 - 1))
def test_monotone_maps_and_flipped_labels_act_on_every_replicate(seed: int) -> None:
    rng = np.random.default_rng(seed)
    levels, positive = rng.integers(0, 30, 80), np.arange(80) % 3 == 0
    owner = rng.permutation(np.arange(80) % 60)
    cases, flipped = make_cases(positive, owner, 60), make_cases(~positive, owner, 60)
    plan = ResamplePlan(SEED, 60, tuple(range(9)), 0)
    plain = resampled_scores([make_column(levels + 1, cases, size=SIZE)], [16], plan)
    mapped = resampled_scores([make_column(levels**2 + 8, cases, size=SIZE)], [16], plan)
    turned = resampled_scores([make_column(levels + 1, flipped, size=SIZE)], [16], plan)
    assert np.array_equal(plain.two_u, mapped.two_u)
    assert np.array_equal(turned.two_u, 2 * plain.positives * plain.negatives - plain.two_u)
