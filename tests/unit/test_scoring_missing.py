"""Each missing policy on ten cases, against sums done by hand.

Five positives:  0.9  0.8  0.6  0.3  missing        threshold 0.5: called positive at or above
Five negatives:  0.7  0.4  0.3  0.1  missing

Answered cases, 4 × 4 pairs: 0.9 beats 4, 0.8 beats 4, 0.6 beats 3 (not 0.7), 0.3 beats 0.1 and ties 0.3: 1.5. U = 12.5.
Answered squared errors: positives 0.01 + 0.04 + 0.16 + 0.49 = 0.70; negatives 0.49 + 0.16 + 0.09 + 0.01 = 0.75; 1.45.
Answered at 0.5: positives 3 of 4 found, negatives 3 of 4 cleared.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from arena.scoring.estimates import Reason
from arena.scoring.evaluate import FindingScores, entry_influence, score_evaluation
from arena.scoring.inputs import ScoringInputs
from arena.scoring.missing import MissingPolicy, apply_policy
from runners.values import Outcome


def ten_cases(policy: MissingPolicy) -> ScoringInputs:
    levels = np.array([[9000], [8000], [6000], [3000], [-1], [7000], [4000], [3000], [1000], [-1]], dtype=np.int32)
    return ScoringInputs(
        findings=("nodule",),
        thresholds=(5000,),
        levels=levels,
        labels=np.array([[1]] * 5 + [[0]] * 5, dtype=np.int8),
        patients=np.arange(10),
        outcomes=tuple(Outcome.OK if level >= 0 else Outcome.TIMED_OUT for level in levels[:, 0]),
        latency_seconds=(0.5,) * 10,
        missing=policy,
        min_per_class=2,
    )


def finding(policy: MissingPolicy) -> FindingScores:
    return score_evaluation(ten_cases(policy)).findings[0]


def test_worst_loses_every_pair_of_a_missing_case() -> None:
    # 12.5 of 5 × 5 pairs: the missing positive loses its 5 pairs, the missing negative its other 4.
    assert finding(MissingPolicy.WORST).auc.exact == Fraction(25, 50)


def test_half_takes_part_in_pairs_as_the_answer_one_half() -> None:
    # Missing positive at 0.5: beats 0.4, 0.3, 0.1, ties the missing negative: 3.5. Missing negative at 0.5: loses to
    # 0.9, 0.8, 0.6: 3. In all 12.5 + 3.5 + 3 = 19 of 25.
    assert finding(MissingPolicy.HALF).auc.exact == Fraction(19, 25)


def test_exclude_case_counts_answered_pairs_only() -> None:
    assert finding(MissingPolicy.EXCLUDE_CASE).auc.exact == Fraction(25, 32)  # 12.5 of 16


def test_sensitivity_and_specificity_count_a_missing_answer_by_policy() -> None:
    worst, half, excluded = (finding(p) for p in (MissingPolicy.WORST, MissingPolicy.HALF, MissingPolicy.EXCLUDE_CASE))
    assert worst.sensitivity.exact == Fraction(3, 5)  # an error
    assert worst.specificity.exact == Fraction(3, 5)  # an error
    assert half.sensitivity.exact == Fraction(4, 5)  # 0.5 is at the threshold: called positive
    assert half.specificity.exact == Fraction(3, 5)
    assert excluded.sensitivity.exact == Fraction(3, 4)
    assert excluded.specificity.exact == Fraction(3, 4)


def test_predictive_values_count_a_missing_answer_by_policy() -> None:
    worst, excluded = finding(MissingPolicy.WORST), finding(MissingPolicy.EXCLUDE_CASE)
    assert worst.ppv.exact == Fraction(3, 5)  # called: 0.9 0.8 0.6, 0.7 and the missing negative
    assert worst.npv.exact == Fraction(3, 5)  # cleared: 0.4 0.3 0.1, 0.3 and the missing positive
    assert excluded.ppv.exact == Fraction(3, 4)
    assert excluded.npv.exact == Fraction(3, 4)


def test_brier_counts_a_missing_answer_by_policy() -> None:
    assert finding(MissingPolicy.WORST).brier.exact == Fraction(345, 1000)  # (1.45 + 1 + 1) / 10
    assert finding(MissingPolicy.HALF).brier.exact == Fraction(195, 1000)  # (1.45 + 0.25 + 0.25) / 10
    assert finding(MissingPolicy.EXCLUDE_CASE).brier.exact == Fraction(145, 800)  # 1.45 / 8


def test_fail_entry_gives_no_score_where_an_answer_is_missing() -> None:
    scores = score_evaluation(ten_cases(MissingPolicy.FAIL_ENTRY))
    part = scores.findings[0]
    for estimate in (scores.macro, part.auc, part.sensitivity, part.specificity, part.ppv, part.npv, part.brier):
        assert estimate.value is None
        assert estimate.reason is Reason.MISSING_ANSWERS
    assert part.curve is None
    assert entry_influence(ten_cases(MissingPolicy.FAIL_ENTRY)).score is None


def test_fail_entry_scores_a_complete_entry_like_any_policy() -> None:
    complete = ten_cases(MissingPolicy.FAIL_ENTRY)
    complete = replace(
        complete, levels=np.where(complete.levels < 0, 5000, complete.levels), outcomes=(Outcome.OK,) * 10
    )
    assert score_evaluation(complete).macro.exact == Fraction(19, 25)
    assert score_evaluation(complete).macro == score_evaluation(complete).macro_exclude_case


@pytest.mark.parametrize("policy", list(MissingPolicy))
def test_the_three_readings_stand_beside_every_declared_policy(policy: MissingPolicy) -> None:
    scores = score_evaluation(ten_cases(policy))
    assert scores.macro_worst.exact == Fraction(1, 2)
    assert scores.macro_half.exact == Fraction(19, 25)
    assert scores.macro_exclude_case.exact == Fraction(25, 32)
    part = scores.findings[0]
    assert (part.auc_worst.exact, part.auc_half.exact) == (Fraction(1, 2), Fraction(19, 25))
    assert part.auc_exclude_case.exact == Fraction(25, 32)


def test_a_missing_answer_is_strictly_worse_than_the_worst_answer() -> None:
    answered = np.array([[0], [5000], [10_000], [5000]], dtype=np.int32)
    missing = np.array([[-1], [5000], [-1], [5000]], dtype=np.int32)
    scores = []
    for levels in (answered, missing):
        inputs = ScoringInputs(
            findings=("nodule",),
            thresholds=(0,),
            levels=levels,
            labels=np.array([[1], [1], [0], [0]], dtype=np.int8),
            patients=np.arange(4),
            outcomes=tuple(Outcome.OK if level >= 0 else Outcome.CRASHED for level in levels[:, 0]),
            latency_seconds=(None,) * 4,
            min_per_class=2,
        )
        scores.append(score_evaluation(inputs).findings[0])
    assert scores[0].auc.exact == scores[1].auc.exact == Fraction(1, 8)
    # Threshold 0 calls every answer positive: an answered 0 is found, a missing positive is not.
    assert scores[0].sensitivity.exact == 1
    assert scores[1].sensitivity.exact == Fraction(1, 2)


def test_missing_answers_of_one_class_tie_and_stand_outside_the_levels() -> None:
    coded = apply_policy(
        MissingPolicy.WORST,
        np.array([-1, -1, 0, 10_000, -1, -1], dtype=np.int32),
        np.array([True, True, True, False, False, False]),
    )
    assert coded is not None
    assert coded.codes.tolist() == [0, 0, 1, 10_001, 10_002, 10_002]
    assert coded.size == 10_003
