"""Autonomous sorting of norms: who is missed, with exact limits over patients."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import binomtest

from arena.scoring.declared import NormLimits
from arena.scoring.estimates import Method, Reason
from arena.scoring.norm import TO_DOCTOR, NormCases, NormScores, norm_cases, norm_curve, norm_scores
from arena.scoring.verdict import Verdict

UNLIMITED = NormLimits()


def cases_of(
    levels: list[list[int]], labels: list[list[int]], patients: list[int] | None = None, threshold: int = 500
) -> NormCases:
    """Return norm cases of small tables; one study a patient unless told."""
    return norm_cases(
        np.array(levels, dtype=np.int32),
        np.array(labels, dtype=np.int8),
        np.array(patients if patients is not None else range(len(levels))),
        [threshold] * len(levels[0]),
    )


def counted(missed: int, abnormal: int, released_norms: int = 0, limits: NormLimits = UNLIMITED) -> NormScores:
    """Score a set of one finding with so many abnormal patients, missed ones and norms released."""
    levels = [[0]] * missed + [[900]] * (abnormal - missed) + [[0]] * released_norms
    labels = [[1]] * abnormal + [[0]] * released_norms
    return norm_scores(cases_of(levels, labels), limits)


def test_a_norm_has_no_finding_of_the_list_and_a_study_of_unknown_state_is_left_out() -> None:
    labels = [[0, 0], [0, 1], [-1, 1], [-1, 0], [0, 0]]
    cases = cases_of([[0, 0], [0, 9], [0, 0], [0, 0], [600, 0]], labels)
    assert cases.abnormal.tolist() == [False, True, True, False]
    assert cases.patients.tolist() == [0, 1, 2, 4]
    assert cases.scores.tolist() == [0, 9, 0, 600]
    assert cases.released.tolist() == [True, True, True, False]


def test_any_finding_at_its_own_threshold_sends_the_study_to_the_doctor() -> None:
    levels = np.array([[499, 99], [499, 100], [500, 99]], dtype=np.int32)
    cases = norm_cases(levels, np.zeros((3, 2), dtype=np.int8), np.arange(3), [500, 100])
    assert cases.released.tolist() == [True, False, False]


def test_a_study_without_an_answer_goes_to_the_doctor() -> None:
    cases = cases_of([[-1], [-1], [0]], [[1], [0], [0]])
    scores = norm_scores(cases, UNLIMITED)
    assert cases.scores.tolist() == [TO_DOCTOR, TO_DOCTOR, 0]
    assert (scores.n_unanswered, scores.n_sorted, scores.n_missed) == (2, 1, 0)
    assert scores.curve is not None
    assert max(scores.curve.sorted_share) == pytest.approx(1 / 3)


def test_no_miss_among_300_1000_and_3000_leaves_up_to_1_03_and_01_per_cent() -> None:
    for n in (300, 1000, 3000):
        missed = counted(0, n).missed_of_abnormal
        assert missed.high == pytest.approx(1 - 0.05 ** (1 / n), rel=1e-7)
        assert missed.high == pytest.approx(3 / n, rel=0.01)  # the rule of three
        assert (missed.value, missed.low, missed.method) == (0.0, 0.0, Method.CLOPPER_PEARSON_UPPER)


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 120).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.integers(0, 60))
def test_scipy_s_exact_one_sided_limits_agree(counts: tuple[int, int], norms: int) -> None:
    missed, abnormal = counts
    scores = counted(missed, abnormal, norms)
    expected = binomtest(missed, abnormal, alternative="less").proportion_ci(0.95, method="exact").high
    assert scores.missed_of_abnormal.high == pytest.approx(expected, rel=1e-7)
    if missed + norms:
        of_sorted = binomtest(missed, missed + norms, alternative="less").proportion_ci(0.95, method="exact").high
        assert scores.missed_of_sorted.high == pytest.approx(of_sorted, rel=1e-7)
    else:
        assert scores.missed_of_sorted.reason is Reason.NO_CASE


def test_a_patient_is_missed_once_however_many_studies_are() -> None:
    labels = [[1]] * 6 + [[0]] * 2
    scores = norm_scores(
        cases_of([[0], [0], [900], [0], [900], [900], [0], [0]], labels, [0, 0, 0, 1, 1, 2, 2, 3]), UNLIMITED
    )
    assert (scores.n_missed, scores.n_abnormal, scores.n_sorted) == (3, 6, 5)
    assert scores.missed_of_abnormal.exact == Fraction(2, 3)
    assert scores.missed_of_sorted.exact == Fraction(2, 4)


def test_misses_per_1000_are_those_of_abnormal_times_the_prevalence() -> None:
    scores = counted(2, 400, limits=NormLimits(prevalence=0.06))
    high = scores.missed_of_abnormal.high
    assert high is not None
    assert scores.missed_per_1000 == pytest.approx((1000 * 0.06 * 2 / 400, 1000 * 0.06 * high), rel=1e-7)
    undeclared = counted(2, 400)
    assert undeclared.missed_of_incoming.reason is Reason.NO_PREVALENCE
    assert undeclared.missed_per_1000 is None


def test_in_a_set_enriched_by_difficulty_nothing_is_said_of_those_who_come() -> None:
    limits = NormLimits(missed_of_abnormal=0.05, missed_of_incoming=0.5, prevalence=0.06)
    cases = cases_of([[900]] * 300 + [[0]] * 50, [[1]] * 300 + [[0]] * 50)
    scores = norm_scores(cases, limits, enriched_by_difficulty=True)
    assert norm_scores(cases, limits).verdict is Verdict.PASSES
    assert scores.missed_of_incoming.reason is Reason.ENRICHED_BY_DIFFICULTY
    assert (scores.missed_of_incoming.value, scores.missed_per_1000) == (None, None)
    assert scores.verdicts == {"missed_of_abnormal": Verdict.PASSES, "missed_of_incoming": Verdict.UNDECIDED}
    assert scores.verdict is Verdict.UNDECIDED
    assert scores.missed_of_abnormal == norm_scores(cases, limits).missed_of_abnormal


@pytest.mark.parametrize(
    ("missed", "abnormal", "limit", "verdict"),
    [
        (0, 299, 0.01, Verdict.PASSES),
        (0, 298, 0.01, Verdict.UNDECIDED),
        (3, 100, 0.01, Verdict.UNDECIDED),
        (4, 100, 0.01, Verdict.FAILS),
    ],
)
def test_the_verdict_takes_both_one_sided_limits(missed: int, abnormal: int, limit: float, verdict: Verdict) -> None:
    # lower limits of 3 and 4 in 100: 0.0082 and 0.0138 (R: binom.test(x, 100, alternative = "greater"))
    scores = counted(missed, abnormal, limits=NormLimits(missed_of_abnormal=limit))
    assert scores.verdict is verdict
    assert scores.verdicts == {"missed_of_abnormal": verdict}


def test_one_failed_limit_fails_and_all_have_to_pass() -> None:
    limits = NormLimits(missed_of_abnormal=0.05, missed_of_incoming=0.0001, prevalence=0.5)
    both = counted(1, 300, limits=limits)
    assert both.verdicts == {"missed_of_abnormal": Verdict.PASSES, "missed_of_incoming": Verdict.UNDECIDED}
    assert both.verdict is Verdict.UNDECIDED
    assert counted(20, 300, limits=limits).verdict is Verdict.FAILS
    assert counted(0, 300, 700, NormLimits(missed_of_sorted=0.005)).verdict is Verdict.PASSES
    assert counted(0, 300).verdict is None


def test_without_abnormal_patients_nothing_is_decided() -> None:
    scores = counted(0, 0, 50, NormLimits(missed_of_abnormal=0.01))
    assert scores.missed_of_abnormal.reason is Reason.NO_POSITIVE
    assert scores.verdict is Verdict.UNDECIDED
    assert scores.curve is None


def brute_curve(cases: NormCases) -> dict[int, tuple[float, float]]:
    """Count anew at every threshold that can change a count."""
    found = {}
    for threshold in sorted({*cases.scores.tolist(), TO_DOCTOR}):
        released = cases.scores < threshold
        patients = np.unique(cases.patients[cases.abnormal])
        missed = np.unique(cases.patients[cases.abnormal & released])
        found[threshold] = (float(released.mean()), missed.size / patients.size)
    return found


@pytest.mark.parametrize(("seed", "n"), [(0, 1), (1, 5), (2, 40), (3, 200), (4, 333)])
def test_the_curve_is_what_counting_at_each_threshold_gives(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    scores: NDArray[np.int64] = rng.choice([0, 3, *range(400, 700), 9999, 10_000, TO_DOCTOR], n)
    abnormal = rng.random(n) < 0.4
    abnormal[0] = True
    cases = NormCases(abnormal, scores, scores < 500, rng.integers(0, max(n // 2, 1), n))
    curve, brute = norm_curve(cases), brute_curve(cases)
    assert curve is not None
    # Every grid share is served by the highest threshold that stays at or below it.
    grid = [max(t for t, (share, _) in brute.items() if share * 100 <= step + 1e-9) for step in range(101)]
    assert curve.threshold == tuple(sorted(set(grid)))
    assert list(zip(curve.sorted_share, curve.missed, strict=True)) == [brute[t] for t in curve.threshold]


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32 - 1))
def test_sorting_more_never_misses_fewer(seed: int) -> None:
    rng = np.random.default_rng(seed)
    cases = NormCases(rng.random(80) < 0.5, rng.integers(0, 10_000, 80), np.zeros(80, bool), rng.integers(0, 50, 80))
    curve = norm_curve(cases)
    assert curve is not None
    for values in (curve.threshold, curve.sorted_share, curve.missed, curve.missed_high):
        assert list(values) == sorted(values)
    assert len(curve.threshold) <= 101


def test_the_bound_holds_in_95_of_100_sets() -> None:
    rng, held, trials, true = np.random.default_rng(8), 0, 400, 0.03
    for _ in range(trials):
        missed = int(rng.binomial(250, true))
        held += (counted(missed, 250).missed_of_abnormal.high or 0) >= true
    assert held / trials >= 0.94
