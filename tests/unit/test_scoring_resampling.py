"""Resampled patients, and the counts of 64 replicates at once, against one replicate at a time."""

from __future__ import annotations

import math
from dataclasses import fields
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from arena.scoring import lanes
from arena.scoring.auc import ClassCounts, auc_from_counts
from arena.scoring.influence import Column, column_auc, column_variance, make_cases, make_column
from arena.scoring.lanes import LaneSums, lane_sums, make_tally, pack_lanes, room_bytes, weighted_cells
from arena.scoring.levels import TOP_LEVEL
from arena.scoring.missing import cell_losses
from arena.scoring.resampling import (
    MAX_REDRAWN,
    ResamplePlan,
    ResamplingRefusedError,
    patient_weights,
    plan_resamples,
    resample_seed,
    resampled_macros,
    resampled_scores,
)
from tests.golden.oracles import brute_auc

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
def test_scores_of_every_replicate_are_those_counted_case_by_case(studies: int, patients: int) -> None:
    columns = columns_of(2, patients=patients, studies=studies)
    codes = [5001, 3001, 2]
    plan = plan_resamples([column.cases for column in columns], SEED, 70)
    scores = resampled_scores(columns, codes, plan)
    for place, replicate in list(enumerate(plan.replicates))[::9]:
        weights = patient_weights(SEED, replicate, patients)
        aucs = []
        for finding, (column, code) in enumerate(zip(columns, codes, strict=True)):
            counted = slow_counts(column, weights)
            auc = auc_from_counts(counted)
            assert auc is not None
            aucs.append(float(auc.exact))
            assert scores.two_u[finding, place] == auc.two_u
            assert scores.auc[finding, place] == aucs[-1]
            hits, passes = int(counted.positive[code:].sum()), int(counted.negative[:code].sum())
            assert scores.sensitivity[finding, place] == hits / auc.positives
            assert scores.specificity[finding, place] == passes / auc.negatives
            cells = np.stack([counted.negative, counted.positive], axis=1).reshape(-1)
            loss = Fraction(int((cells * cell_losses(SIZE)).sum()), (auc.positives + auc.negatives) * TOP_LEVEL**2)
            assert scores.brier[finding, place] == float(loss)
        assert scores.macro_auc[place] == pytest.approx(math.fsum(aucs) / 3, rel=1e-15)


def entries_and_plan() -> tuple[list[list[Column]], ResamplePlan]:
    rng = np.random.default_rng(6)
    patients = rng.permutation(np.arange(70) % 40)
    cases = [make_cases(rng.random(70) < 0.5, patients, 40) for _ in range(2)]
    entries = [[make_column(rng.integers(0, 12, 70), each, size=12) for each in cases] for _ in range(4)]
    return entries, ResamplePlan(7, 40, tuple(range(150)), 0)


def test_resampled_macros_are_those_of_cases_repeated_as_often_as_drawn() -> None:
    entries, plan = entries_and_plan()
    found = resampled_macros(entries, plan)
    assert found.shape == (150, 4)
    for r in (0, 63, 64, 99, 149):
        weights = patient_weights(plan.seed, r, plan.n_patients)
        for place, findings in enumerate(entries):
            repeated = [np.repeat(np.arange(70), weights[f.cases.patients]) for f in findings]
            aucs = [
                brute_auc((f.cells // 2)[cases].astype(float), f.cases.positive[cases])
                for f, cases in zip(findings, repeated, strict=True)
            ]
            assert found[r, place] == pytest.approx(np.mean(aucs), abs=2**-40)


def test_findings_in_another_order_tie_in_every_resample() -> None:
    entries, plan = entries_and_plan()
    found = resampled_macros([entries[0], entries[0][::-1]], plan)
    assert found[:, 0].tolist() == found[:, 1].tolist()


def test_entries_of_unlike_numbers_of_findings_keep_their_own() -> None:
    entries, plan = entries_and_plan()
    apart = [resampled_macros([findings], plan)[:, 0] for findings in (entries[0], entries[1][:1])]
    together = resampled_macros([entries[0], entries[1][:1]], plan)
    assert together.T.tolist() == [each.tolist() for each in apart]


def test_a_resample_without_a_class_is_refused() -> None:
    cases = make_cases(np.array([True, False, False]), np.arange(3), 3)
    with pytest.raises(ValueError, match="lacks a class"):
        resampled_macros([[make_column(np.arange(3), cases, size=3)]], ResamplePlan(7, 3, tuple(range(20)), 0))


def test_the_number_of_threads_changes_nothing() -> None:
    columns = columns_of(3)
    plan = plan_resamples([column.cases for column in columns], SEED, 200)
    one, three = (resampled_scores(columns, [5001] * 3, plan, threads=threads) for threads in (1, 3))
    assert one.two_u.shape == (3, 200)
    for name in ("two_u", "positives", "negatives", "true_positives", "true_negatives", "loss"):
        assert np.array_equal(getattr(one, name), getattr(three, name))


@pytest.mark.parametrize("peak", [1, 12, 255])
def test_weighted_counts_are_those_counted_case_by_case(peak: int) -> None:
    column = columns_of(4)[2]  # nearly all cases in one cell
    weights = np.random.default_rng(5).integers(0, peak + 1, (64, 300), dtype=np.uint8)
    weights[3] = peak
    tally = make_tally(column)
    cells = weighted_cells(tally, pack_lanes(weights), peak)
    for lane in (0, 3, 40, 63):
        slow = slow_counts(column, weights[lane].astype(np.int32))
        assert cells[0::2, lane].tolist() == slow.negative[tally.codes].tolist()
        assert cells[1::2, lane].tolist() == slow.positive[tally.codes].tolist()


@pytest.mark.parametrize(("cases", "width"), [(257, np.uint16), (258, np.uint32)])
def test_counts_are_as_wide_as_the_fullest_cell_may_become(cases: int, width: type) -> None:
    # 257 · 255 = 65,535 is the most that 16 bits hold.
    column = one_code(cases * 2)
    assert column.counts.table.tolist() == [[0, 0], [cases, cases], [0, 0]]
    cells = weighted_cells(make_tally(column), pack_lanes(np.full((64, cases), 255, dtype=np.uint8)), 255)
    assert cells.dtype == width
    assert cells.tolist() == [[255 * cases] * 64] * 2


def one_code(n: int) -> Column:
    """Half of the cases positive, two of each patient, and all of them answered alike."""
    positive = np.arange(n) % 2 == 0
    return make_column(np.ones(n, dtype=np.int64), make_cases(positive, np.arange(n) // 2, n // 2), size=3)


def test_room_that_was_used_before_changes_no_count() -> None:
    column = columns_of(4)[0]
    tally, packed = make_tally(column), pack_lanes(np.full((64, 300), 3, dtype=np.uint8))
    room = np.full(room_bytes(tally), 255, dtype=np.uint8)
    assert weighted_cells(tally, packed, 3, room).tolist() == weighted_cells(tally, packed, 3).tolist()


def test_pairs_beyond_thirty_two_bits_are_counted() -> None:
    n = 200_000
    tally = make_tally(one_code(n))
    cells = weighted_cells(tally, pack_lanes(np.ones((64, n // 2), dtype=np.uint8)), 1)
    sums = lane_sums(tally, cells, np.zeros(6, dtype=np.int64), 1)
    assert sums.two_u.tolist() == [(n // 2) ** 2] * 64
    assert sums.true_positives.tolist() == sums.negatives.tolist() == [n // 2] * 64


@pytest.mark.parametrize("threshold", [0, 3, 9, 12])
def test_compiled_loops_do_what_their_python_does(threshold: int) -> None:
    rng = np.random.default_rng(8)
    cases = make_cases(rng.random(40) < 0.5, rng.permutation(np.arange(40) % 25), 25)
    column = make_column(rng.choice([1, 3, 4, 9], 40), cases, size=12)
    packed, losses = rng.integers(0, 4, (25, 64), dtype=np.uint8), rng.integers(0, 100, 24)

    def sums() -> LaneSums:
        tally = make_tally(column)
        return lane_sums(tally, weighted_cells(tally, packed, 3), losses, threshold)

    fast = sums()
    with pytest.MonkeyPatch.context() as patched:
        for loop in ("_sort_by_patient", "_add_weights", "_add_up"):
            patched.setattr(lanes, loop, getattr(lanes, loop).plain)
        slow = sums()
    for field in fields(LaneSums):
        assert getattr(fast, field.name).tolist() == getattr(slow, field.name).tolist()


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
    assert (resampled_scores([column], [5001], plan).positives > 0).all()


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
