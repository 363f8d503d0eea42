"""All scores of one evaluation."""

from __future__ import annotations

import dataclasses
import math
import pickle
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from arena.scoring import SCORER_VERSION
from arena.scoring.estimates import Estimate, Method, Reason
from arena.scoring.evaluate import EvaluationScores, entry_influence, score_evaluation
from arena.scoring.inputs import ScoringInputs
from arena.scoring.missing import MissingPolicy
from runners.values import Outcome
from tests.golden.oracles import brute_auc, golden


def example(**changes: Any) -> ScoringInputs:
    """Return 240 cases of 160 patients, three findings, the third rare; made by arithmetic, not by a generator."""
    i = np.arange(240)[:, None]
    k = np.arange(3)[None, :]
    labels = ((i * 37 + k * 11 + i * k) % 100 < np.array([[45, 30, 4]])).astype(np.int8)
    levels = ((i * 7919 + k * 104_729 + i * i * 31) % 7001 + 2500 * labels.astype(np.int64)).astype(np.int32)
    labels[5::40, 1] = -1
    outcomes = [Outcome.OK] * 240
    for case, outcome in {
        3: Outcome.CRASHED,
        17: Outcome.TIMED_OUT,
        40: Outcome.ABSTAINED,
        81: Outcome.CRASHED,
    }.items():
        outcomes[case], levels[case] = outcome, -1
    made: dict[str, Any] = {
        "findings": ("nodule", "effusion", "pneumothorax"),
        "thresholds": (5000, 4000, 5000),
        "levels": levels,
        "labels": labels,
        "patients": np.arange(240) % 160,
        "outcomes": tuple(outcomes),
        "latency_seconds": tuple(
            0.1 + case / 1000 if outcome is Outcome.OK else None for case, outcome in enumerate(outcomes)
        ),
    }
    return ScoringInputs(**{**made, **changes})


def walk(value: object) -> list[object]:
    """List every leaf of nested dataclasses, tuples and dicts."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return [leaf for field in dataclasses.fields(value) for leaf in walk(getattr(value, field.name))]
    if isinstance(value, tuple):
        return [leaf for item in value for leaf in walk(item)]
    if isinstance(value, dict):
        return [leaf for item in value.values() for leaf in walk(item)]
    return [value]


def estimates(scores: EvaluationScores) -> list[Estimate]:
    numbers = [scores.macro, scores.macro_worst, scores.macro_half, scores.macro_exclude_case]
    for part in scores.findings:
        numbers += [part.auc, part.auc_worst, part.auc_half, part.auc_exclude_case]
        numbers += [part.sensitivity, part.specificity, part.ppv, part.npv, part.brier]
    return numbers


def test_the_macro_auc_is_the_mean_over_findings_that_enough_patients_hold() -> None:
    scores = score_evaluation(example())
    assert [part.in_macro for part in scores.findings] == [True, True, False]
    assert [part.finding for part in scores.findings] == ["nodule", "effusion", "pneumothorax"]
    first, second = (part.auc.exact for part in scores.findings[:2])
    assert first is not None
    assert second is not None
    assert scores.macro.exact == (first + second) / 2


def test_a_rare_finding_is_listed_with_counts_and_no_number() -> None:
    rare = score_evaluation(example()).findings[2]
    assert 0 < rare.patients_positive < 30
    assert (rare.auc.n, rare.auc.n_positive) == (240, rare.n_positive)
    for estimate in (rare.auc, rare.auc_half, rare.sensitivity, rare.specificity, rare.ppv, rare.npv, rare.brier):
        assert (estimate.value, estimate.low, estimate.high) == (None, None, None)
        assert estimate.reason is Reason.TOO_FEW_PATIENTS
    for estimate in (rare.ppv, rare.npv):
        assert (estimate.n, estimate.n_positive) == (None, None), "0 would say that nobody was called"
    assert rare.curve is None


def test_which_findings_are_rare_is_decided_by_references_alone() -> None:
    silent = example(levels=np.full((240, 3), -1, dtype=np.int32), outcomes=(Outcome.CRASHED,) * 240)
    assert [part.in_macro for part in score_evaluation(silent).findings] == [True, True, False]


def test_patients_and_not_studies_make_a_finding_rare() -> None:
    labels = np.zeros((240, 1), dtype=np.int8)
    labels[:60] = 1
    shared: dict[str, Any] = {
        "findings": ("nodule",), "thresholds": (5000,), "labels": labels, "levels": example().levels[:, :1],
    }  # fmt: skip
    many = example(**shared, patients=np.arange(240))
    few = example(**shared, patients=np.concatenate([np.arange(60) // 4, np.arange(15, 195)]))
    assert score_evaluation(many).findings[0].in_macro
    assert not score_evaluation(few).findings[0].in_macro


def test_an_unknown_reference_leaves_that_finding_only() -> None:
    inputs = example()
    scores = score_evaluation(inputs)
    known = inputs.labels[:, 1] >= 0
    assert not known.all()
    assert [part.auc.n for part in scores.findings] == [240, int(known.sum()), 240]
    kept = known & (inputs.levels[:, 1] >= 0)
    expected = brute_auc(inputs.levels[kept, 1].astype(float), inputs.labels[kept, 1] == 1)
    assert scores.findings[1].auc_exclude_case.value == pytest.approx(expected, abs=1e-12)


def test_an_abstention_counts_as_missing() -> None:
    inputs = example()
    crashed = tuple(Outcome.CRASHED if o is Outcome.ABSTAINED else o for o in inputs.outcomes)
    assert score_evaluation(example(outcomes=crashed)).macro == score_evaluation(inputs).macro


def test_an_entry_that_never_answers_scores_0_under_worst_and_one_half_under_half() -> None:
    silent = example(levels=np.full((240, 3), -1, dtype=np.int32), outcomes=(Outcome.CRASHED,) * 240)
    scores = score_evaluation(silent)
    assert (scores.macro.exact, scores.macro.method) == (0, Method.AUC_NEWCOMBE_5)
    assert scores.macro_half.exact == Fraction(1, 2)
    assert scores.macro_exclude_case.value is None
    assert scores.macro_exclude_case.reason is Reason.FINDING_UNDEFINED
    assert scores.findings[0].auc_exclude_case.reason is Reason.NO_POSITIVE
    assert (scores.latency.median_seconds, scores.latency.n) == (None, 0)


def test_with_every_finding_rare_there_is_no_macro_score() -> None:
    scores = score_evaluation(example(min_per_class=161))
    assert scores.macro.reason is Reason.NO_MACRO_FINDING
    assert entry_influence(example(min_per_class=161)).reason is Reason.NO_MACRO_FINDING


def test_every_value_has_its_interval_around_it_or_a_reason() -> None:
    for estimate in estimates(score_evaluation(example())):
        if estimate.reason is None:
            assert estimate.low is not None
            assert estimate.value is not None
            assert estimate.high is not None
            assert 0 <= estimate.low <= estimate.value <= estimate.high <= 1
        else:
            assert estimate.low is None
            assert estimate.high is None


def test_no_number_is_nan_or_infinite() -> None:
    leaves = walk(score_evaluation(example()))
    assert all(math.isfinite(leaf) for leaf in leaves if isinstance(leaf, float))
    assert not any(isinstance(leaf, np.generic) for leaf in leaves)


def test_outcomes_are_counted_and_latency_is_of_answered_cases() -> None:
    scores = score_evaluation(example())
    assert scores.outcomes[Outcome.OK] == 236
    assert scores.outcomes[Outcome.CRASHED] == 2
    assert sum(scores.outcomes.values()) == scores.n_cases == 240
    assert set(scores.outcomes) == set(Outcome)
    assert (scores.latency.n, scores.n_missing, scores.n_patients) == (236, 4, 160)


def test_scores_cross_a_process_boundary_unchanged() -> None:
    scores = score_evaluation(example())
    assert pickle.loads(pickle.dumps(scores)) == scores  # noqa: S301 - our own bytes


def test_the_order_of_cases_cannot_move_a_score() -> None:
    inputs, order = example(), np.argsort((np.arange(240) * 101) % 240)
    moved = example(
        levels=inputs.levels[order],
        labels=inputs.labels[order],
        patients=inputs.patients[order],
        outcomes=tuple(inputs.outcomes[i] for i in order),
        latency_seconds=tuple(inputs.latency_seconds[i] for i in order),
    )
    for one, other in zip(estimates(score_evaluation(inputs)), estimates(score_evaluation(moved)), strict=True):
        assert one.exact == other.exact
        assert one.low == pytest.approx(other.low, abs=1e-12)


@pytest.mark.parametrize("policy", [MissingPolicy.WORST, MissingPolicy.HALF, MissingPolicy.EXCLUDE_CASE])
def test_the_influence_carries_the_macro_score_and_its_variance(policy: MissingPolicy) -> None:
    scores, influence = score_evaluation(example(missing=policy)), entry_influence(example(missing=policy))
    assert influence.score == scores.macro.exact
    assert influence.findings == ("nodule", "effusion")
    assert influence.phi is not None
    assert influence.mean is not None
    assert influence.phi.shape == (160, 2)
    assert influence.phi.sum(axis=1) / 2 == pytest.approx(influence.mean, abs=1e-15)
    assert math.sqrt(float(np.sum(np.square(influence.mean)))) == scores.macro.standard_error


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"thresholds": (5000,)}, "thresholds"),
        ({"thresholds": (5000, 10_001, 0)}, "thresholds"),
        ({"levels": np.zeros((240, 2), dtype=np.int32)}, "levels"),
        ({"levels": np.full((240, 3), 10_001, dtype=np.int32)}, "levels"),
        ({"outcomes": (Outcome.OK,) * 240}, "levels: a case"),
        ({"outcomes": (Outcome.NOT_RUN,) * 240, "levels": np.full((240, 3), -1, dtype=np.int32)}, "not been run"),
        ({"labels": np.full((240, 3), 2, dtype=np.int8)}, "labels"),
        ({"patients": np.arange(240) * 2}, "patients"),
        ({"patients": np.arange(240) - 1}, "patients"),
        ({"latency_seconds": ()}, "latency_seconds"),
        ({"min_per_class": 1}, "min_per_class"),
    ],
)
def test_inputs_that_contradict_themselves_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        example(**changes)


def test_a_case_answered_for_some_findings_only_is_refused() -> None:
    levels = example().levels.copy()
    levels[0, 1] = -1
    with pytest.raises(ValueError, match="all findings"):
        example(levels=levels)


def record(estimate: Estimate) -> dict[str, Any]:
    return {
        "exact": None if estimate.exact is None else str(estimate.exact),
        "low": estimate.low,
        "high": estimate.high,
        "n": estimate.n,
        "n_positive": estimate.n_positive,
        "method": str(estimate.method),
        "reason": None if estimate.reason is None else str(estimate.reason),
    }


def test_no_digit_changes_without_a_new_scorer_version() -> None:
    """The file is this scorer's own output: when it must change, raise SCORER_VERSION and write the next file."""
    expected = golden(f"scorer_{SCORER_VERSION}.json")
    found = [record(estimate) for estimate in estimates(score_evaluation(example()))]
    assert len(found) == len(expected["estimates"])
    for one, other in zip(found, expected["estimates"], strict=True):
        for key in ("exact", "n", "n_positive", "method", "reason"):
            assert one[key] == other[key]
        for key in ("low", "high"):
            assert one[key] == pytest.approx(other[key], abs=1e-12)
    curve = score_evaluation(example()).findings[0].curve
    assert curve is not None
    assert curve.tpr_low == pytest.approx(expected["curve_low"], abs=1e-12)
    assert curve.tpr_high == pytest.approx(expected["curve_high"], abs=1e-12)
