"""All details of one finding together, and the question whether a case has any finding."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from fractions import Fraction

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from arena.scoring.any_pathology import any_pathology
from arena.scoring.confusion import ThresholdSource
from arena.scoring.details import DetailRules, FindingDetails, finding_details
from arena.scoring.estimates import Estimate, Reason
from arena.scoring.inputs import ScoringInputs, split_findings
from arena.scoring.missing import MissingPolicy
from arena.scoring.prevalence import DeclaredPrevalence
from runners.values import Outcome

RULES = DetailRules(
    seed=11,
    simulations=100,
    calibration_threshold=2500,
    prevalence=DeclaredPrevalence(Fraction(1, 4), "registry"),
)


def inputs(seed: int = 1, missing: MissingPolicy = MissingPolicy.WORST, lost: int = 20) -> ScoringInputs:
    rng = np.random.default_rng(seed)
    patients = np.unique(rng.integers(0, 300, 500), return_inverse=True)[1]
    labels = (rng.random((500, 3)) < 0.25).astype(np.int8)
    labels[rng.random((500, 3)) < 0.04] = -1
    latent = rng.normal(size=(500, 3)) + 1.5 * (labels == 1) - 1.2
    levels = np.rint(10_000 / (1 + np.exp(-latent))).astype(np.int32)
    levels[:lost] = -1
    return ScoringInputs(
        findings=("a", "b", "c"),
        thresholds=(3000, 5000, 4000),
        levels=levels,
        labels=labels,
        patients=patients,
        outcomes=tuple(Outcome.CRASHED if i < lost else Outcome.OK for i in range(500)),
        latency_seconds=tuple(None if i < lost else 1.0 for i in range(500)),
        missing=missing,
    )


def details(given: ScoringInputs, rules: DetailRules = RULES) -> FindingDetails:
    return finding_details(split_findings(given)[0], given.missing, rules)


def estimates(value: object) -> Iterator[Estimate]:
    if isinstance(value, Estimate):
        yield value
    elif isinstance(value, tuple):
        for each in value:
            yield from estimates(each)
    elif is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            yield from estimates(getattr(value, field.name))


@pytest.mark.parametrize("missing", [MissingPolicy.WORST, MissingPolicy.HALF, MissingPolicy.EXCLUDE_CASE])
@pytest.mark.parametrize("lost", [0, 20, 500])
def test_every_number_is_finite_and_has_limits_or_a_reason(missing: MissingPolicy, lost: int) -> None:
    found = list(estimates(details(inputs(missing=missing, lost=lost))))
    assert len(found) > 100 or lost == 500
    for each in found:
        numbers = [number for number in (each.value, each.low, each.high, each.standard_error) if number is not None]
        assert np.isfinite(numbers).all()
        assert (each.low is None) == (each.high is None)
        assert (each.value is not None and each.low is not None) != (each.reason is not None)
        if each.low is not None and each.high is not None and each.value is not None:
            assert each.low <= each.value + 1e-12
            assert each.value <= each.high + 1e-12


def test_equal_inputs_give_equal_details_and_another_seed_moves_only_the_null() -> None:
    one, other = details(inputs()), details(inputs(), replace(RULES, seed=12))
    assert one == details(inputs())
    assert one != other
    assert one.numbers is not None
    assert other.numbers is not None
    assert list(estimates(one)) == list(estimates(other))
    assert one.numbers.calibration.error.null_p95 != other.numbers.calibration.error.null_p95


def test_details_do_not_depend_on_the_order_of_cases() -> None:
    given, order = inputs(), np.random.default_rng(2).permutation(500)
    shuffled = replace(
        given,
        levels=given.levels[order],
        labels=given.labels[order],
        patients=given.patients[order],
        outcomes=tuple(given.outcomes[i] for i in order),
        latency_seconds=tuple(given.latency_seconds[i] for i in order),
    )
    for one, other in zip(estimates(details(given)), estimates(details(shuffled)), strict=True):
        assert (one.exact, one.n, one.reason) == (other.exact, other.n, other.reason)
        assert one.low == (None if other.low is None else pytest.approx(other.low, rel=1e-9))


def test_each_threshold_says_where_it_comes_from() -> None:
    numbers = details(inputs()).numbers
    assert numbers is not None
    assert numbers.calibrated is not None
    assert numbers.youden is not None
    assert (numbers.declared.threshold, numbers.declared.source) == (3000, ThresholdSource.DECLARED)
    assert (numbers.calibrated.threshold, numbers.calibrated.source) == (2500, ThresholdSource.CALIBRATION)
    assert numbers.youden.source is ThresholdSource.POST_HOC_YOUDEN


def test_calibration_is_of_answered_cases_and_tells_the_coverage() -> None:
    worst, excluded = details(inputs()), details(inputs(missing=MissingPolicy.EXCLUDE_CASE))
    assert worst.numbers is not None
    assert excluded.numbers is not None
    assert worst.numbers.calibration == excluded.numbers.calibration
    assert worst.numbers.calibration.n_known - worst.numbers.calibration.n_answered == worst.n_missing > 0
    assert worst.numbers.declared.f1.exact != excluded.numbers.declared.f1.exact


def test_a_finding_that_few_patients_have_is_listed_with_counts_only() -> None:
    given = replace(inputs(), min_per_class=200)
    found = details(given)
    assert (found.numbers, found.reason) == (None, Reason.TOO_FEW_PATIENTS)
    assert found.n_positive > 0


def test_one_missing_answer_takes_the_numbers_of_an_entry_that_must_answer_all() -> None:
    found = details(inputs(missing=MissingPolicy.FAIL_ENTRY))
    assert (found.numbers, found.reason) == (None, Reason.MISSING_ANSWERS)
    assert details(inputs(missing=MissingPolicy.FAIL_ENTRY, lost=0)).numbers is not None


def test_any_pathology_is_the_maximum_against_any_positive_with_unknowns_left_out() -> None:
    given = inputs(missing=MissingPolicy.EXCLUDE_CASE)
    found, truth, best, called, unknown = any_pathology(given), [], [], [], 0
    for levels, labels in zip(given.levels.tolist(), given.labels.tolist(), strict=True):
        if 1 not in labels and -1 in labels:
            unknown += 1
        elif levels[0] >= 0:
            truth.append(1 in labels)
            best.append(max(levels))
            called.append(any(level >= t for level, t in zip(levels, given.thresholds, strict=True)))
    assert found.n_unknown == unknown
    assert found.n == 500 - unknown
    assert found.auc.n == len(truth)
    assert found.auc.value == pytest.approx(roc_auc_score(truth, best), abs=1e-12)
    assert found.declared is not None
    assert found.declared.true_positive == sum(c and t for c, t in zip(called, truth, strict=True))
    assert found.declared.false_positive == sum(c and not t for c, t in zip(called, truth, strict=True))
    assert found.declared.threshold is None


def test_under_worst_a_missing_answer_is_an_error_of_any_pathology() -> None:
    excluded, worst = any_pathology(inputs(missing=MissingPolicy.EXCLUDE_CASE)), any_pathology(inputs())
    assert excluded.declared is not None
    assert worst.declared is not None
    errors = [d.false_positive + d.false_negative for d in (excluded.declared, worst.declared)]
    assert errors[1] - errors[0] == worst.n_missing > 0


@pytest.mark.parametrize(("thresholds", "called"), [((5000, 9000, 9000), True), ((5001, 9000, 9000), False)])
def test_a_missing_answer_that_counts_as_half_is_called_where_a_threshold_allows(
    thresholds: tuple[int, int, int], called: bool
) -> None:
    given = replace(inputs(missing=MissingPolicy.HALF, lost=500), thresholds=thresholds)
    found = any_pathology(given).declared
    assert found is not None
    assert (found.true_positive > 0, found.false_negative > 0) == (called, not called)


def test_one_finding_makes_any_pathology_that_finding() -> None:
    given = inputs()
    alone = replace(given, findings=("a",), thresholds=(3000,), levels=given.levels[:, :1], labels=given.labels[:, :1])
    found, numbers = any_pathology(alone), details(alone).numbers
    assert numbers is not None
    assert found.declared is not None
    assert found.declared.mcc == numbers.declared.mcc
    assert found.declared.ppv == numbers.declared.ppv


def test_any_pathology_of_too_few_patients_has_counts_only() -> None:
    found = any_pathology(replace(inputs(), min_per_class=250))
    assert (found.declared, found.auc.value, found.auc.reason) == (None, None, Reason.TOO_FEW_PATIENTS)
    assert found.n_positive > 0
