"""The verdict of a calibration test: does a service meet a limit, does it fail it, or can this set not tell?

A finding passes when the lower end of its two-sided interval is at or above the limit, fails when the upper end is
below it, and is undecided between. A service passes when all its findings do, or a declared number of them. What
was declared beforehand, attempts made and attempts allowed, and the chance that services of known AUC pass stand in
the protocol.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri, owens_t, stdtrit

from arena.scoring.declared import AttemptSets, CalibrationRules, Equivocal, Rule
from arena.scoring.estimates import Estimate, Interval, Reason
from arena.scoring.intervals import newcombe_interval

UNKNOWN: Final = -1
SHOWN_AUCS: Final = (0.78, 0.84)
"""The true AUCs for which the protocol tells the chance to pass."""

_STEPS = 200


class Verdict(StrEnum):
    """What a set says about a limit."""

    PASSES = "passes"
    FAILS = "fails"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingTest:
    """One finding's verdict; `low` and `high` are at 1 − `alpha`, None where the finding has no interval."""

    finding: str
    verdict: Verdict
    value: float | None
    low: float | None
    high: float | None
    alpha: float
    patients_positive: int
    patients_negative: int
    reason: Reason | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PassChance:
    """The chance that a finding of a true AUC passes: in one attempt, and in any of the attempts allowed.

    `any_attempt` supposes attempts as independent as fresh sets make them; on one set they resemble each other.
    """

    auc: float
    one_attempt: float
    any_attempt: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """What a verdict is read with; `chances` are those of one finding, `chances_finding`, and not of the service.

    Of the findings that have numbers it is the one with the fewest patients of a class; None where there is none.
    """

    attempts_made: int
    attempts_allowed: int
    sets: AttemptSets
    rule: Rule
    alpha: float
    limit: float
    chances: tuple[PassChance, ...]
    chances_finding: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceTest:
    """The verdict of a service: `passed` of `required` findings, and each finding's own."""

    verdict: Verdict
    findings: tuple[FindingTest, ...]
    passed: int
    required: int
    protocol: Protocol


def auc_bounds(estimate: Estimate, *, patients_positive: int, patients_negative: int, alpha: float) -> Interval | None:
    """Return the published interval of an AUC (`arena.scoring.intervals.auc_estimate`) at another level.

    Args:
        estimate: An AUC with its standard error.
        patients_positive: Patients that hold a positive, m.
        patients_negative: Patients that hold a negative, n.
        alpha: Two-sided error, in (0, 1); 0.05 gives the published limits.

    Returns:
        The limits, in [0, 1]; None where the estimate has no interval.
    """
    value, error = estimate.value, estimate.standard_error
    if value is None or estimate.low is None or error is None:
        return None
    if value in {0.0, 1.0} or error == 0:
        return newcombe_interval(value, patients_positive, patients_negative, -float(ndtri(alpha / 2)))
    t = float(stdtrit(min(patients_positive, patients_negative) - 1, 1 - alpha / 2))
    half = t * error / (value * (1 - value))
    return Interval(_expit(_logit(value) - half), _expit(_logit(value) + half))


def finding_test(
    finding: str, estimate: Estimate, rules: CalibrationRules, *, patients_positive: int, patients_negative: int
) -> FindingTest:
    """Hold a finding's AUC against the limit.

    Args:
        finding: Its code.
        estimate: Its AUC under the declared missing policy.
        rules: The test as declared.
        patients_positive: Patients that hold a positive.
        patients_negative: Patients that hold a negative.

    Returns:
        The verdict; undecided with the estimate's reason where it has no value, or under the interval rule no limits.
    """
    alpha, value = rules.attempt_alpha, estimate.value
    bounds = auc_bounds(estimate, patients_positive=patients_positive, patients_negative=patients_negative, alpha=alpha)
    verdict = Verdict.UNDECIDED
    if rules.rule is Rule.POINT and value is not None:
        verdict = Verdict.PASSES if value >= rules.limit else Verdict.FAILS
    elif bounds is not None and bounds.low >= rules.limit:
        verdict = Verdict.PASSES
    elif bounds is not None and bounds.high < rules.limit:
        verdict = Verdict.FAILS
    return FindingTest(
        finding=finding,
        verdict=verdict,
        value=value,
        low=None if bounds is None else bounds.low,
        high=None if bounds is None else bounds.high,
        alpha=alpha,
        patients_positive=patients_positive,
        patients_negative=patients_negative,
        reason=estimate.reason,
    )


def service_test(findings: Sequence[FindingTest], rules: CalibrationRules, *, attempts_made: int) -> ServiceTest:
    """Join the findings' verdicts: passes where enough pass, fails where enough no longer can, else undecided.

    Requiring all findings needs no correction for their number: a service passes wrongly only where a bad finding does,
    which the interval rule lets happen in at most alpha / 2 of sets. Where fewer than all are required, several bad
    findings have a chance each.

    Args:
        findings: One for each finding of the challenge, at least one.
        rules: The test as declared.
        attempts_made: Attempts including this one, at least 1.

    Raises:
        ValueError: There is no finding, more are required than there are, or no attempt was left.
    """
    required = len(findings) if rules.required is None else rules.required
    if not findings or not 1 <= required <= len(findings):
        msg = f"{required} of {len(findings)} findings cannot be required"
        raise ValueError(msg)
    if not 1 <= attempts_made <= rules.attempts:
        msg = f"attempt {attempts_made} of {rules.attempts} was not declared"
        raise ValueError(msg)
    passed = sum(found.verdict is Verdict.PASSES for found in findings)
    failed = sum(found.verdict is Verdict.FAILS for found in findings)
    verdict = Verdict.UNDECIDED
    if passed >= required:
        verdict = Verdict.PASSES
    elif len(findings) - failed < required:
        verdict = Verdict.FAILS
    return ServiceTest(
        verdict=verdict,
        findings=tuple(findings),
        passed=passed,
        required=required,
        protocol=protocol(findings, rules, attempts_made=attempts_made),
    )


def protocol(findings: Sequence[FindingTest], rules: CalibrationRules, *, attempts_made: int) -> Protocol:
    """Return attempts, rules and chances; no chance where no finding has numbers, or a class under two patients.

    A finding that too few patients hold has no numbers and is undecided whatever the service does.
    """
    judged = [found for found in findings if found.reason is not Reason.TOO_FEW_PATIENTS]
    weakest = min(judged, key=lambda each: min(each.patients_positive, each.patients_negative), default=None)
    chances: tuple[PassChance, ...] = ()
    if weakest is not None and min(weakest.patients_positive, weakest.patients_negative) > 1:
        m, n = weakest.patients_positive, weakest.patients_negative
        chances = tuple(pass_chance(auc, rules, m, n) for auc in SHOWN_AUCS)
    return Protocol(
        attempts_made=attempts_made,
        attempts_allowed=rules.attempts,
        sets=rules.sets,
        rule=rules.rule,
        alpha=rules.attempt_alpha,
        limit=rules.limit,
        chances=chances,
        chances_finding=weakest.finding if weakest is not None and chances else None,
    )


def join_equivocal(verdicts: Sequence[Verdict]) -> Verdict:
    """Join the verdicts of one test under several readings of its equivocal references: only agreement decides.

    Args:
        verdicts: One for each array of `equivocal_labels`, at least one.
    """
    if len(set(verdicts)) == 1:
        return verdicts[0]
    return Verdict.UNDECIDED


def equivocal_labels(labels: NDArray[np.int8], rule: Equivocal) -> tuple[NDArray[np.int8], ...]:
    """Return the references to judge by: one array, or two where equivocal ones count both ways.

    Args:
        labels: 1 positive, 0 negative, −1 unknown, shape (n, K). All unknown ones are taken as equivocal, so a
            set whose unknown references mean an unfit study wants the rule `exclude`.
        rule: What an equivocal reference counts as.
    """
    if rule is Equivocal.EXCLUDE:
        return (labels,)
    values = {Equivocal.POSITIVE: (1,), Equivocal.NEGATIVE: (0,), Equivocal.BOTH: (1, 0)}[rule]
    return tuple(np.where(labels == UNKNOWN, np.int8(value), labels) for value in values)


def binormal_error(auc: float, positives: int, negatives: int) -> float:
    """Return the standard error that an AUC has at a size of set where scores are normal, with equal variances.

    √{[A(1 − A) + (m + n − 2)(Q − A²)] / mn} (Bamber 1975, Journal of Mathematical Psychology 12:387–415), with Q
    the chance that two positives both beat one negative: Φ₂(z, z; ½) = A − 2T(z, 1/√3) for A = Φ(z), T being Owen's
    function (Owen 1956, Annals of Mathematical Statistics 27:1075–1090).

    Args:
        auc: In (0, 1).
        positives: m, patients.
        negatives: n, patients.
    """
    both = auc - 2 * float(owens_t(ndtri(auc), 1 / math.sqrt(3)))
    spread = auc * (1 - auc) + (positives + negatives - 2) * (both - auc * auc)
    return math.sqrt(spread / (positives * negatives))


def pass_chance(auc: float, rules: CalibrationRules, positives: int, negatives: int) -> PassChance:
    """Return the chance that a finding of a true AUC passes.

    logit of the estimate is taken as normal, with `binormal_error` at `auc` carried to that scale and the mean that
    a second-order expansion gives. Under the point rule the estimate must reach the limit; under the interval rule
    it must reach the smallest value whose lower end, with `binormal_error` at the value itself, reaches the limit.
    Simulated sets agree within 0.02 for the point rule and 0.04 for the interval rule
    (tests/unit/test_scoring_verdict.py).

    Args:
        auc: The true AUC, in (0, 1).
        rules: The test as declared.
        positives: Patients with the finding, at least 2.
        negatives: Patients without it, at least 2.
    """
    needed = rules.limit if rules.rule is Rule.POINT else smallest_passing(rules, positives, negatives)
    if needed is None:
        return PassChance(auc=auc, one_attempt=0.0, any_attempt=0.0)
    slope = 1 / (auc * (1 - auc))
    error = slope * binormal_error(auc, positives, negatives)
    mean = _logit(auc) + (2 * auc - 1) / 2 * error * error  # ½ · (d²logit/dA²) · variance
    one = float(ndtr((mean - _logit(needed)) / error))
    return PassChance(auc=auc, one_attempt=one, any_attempt=1 - (1 - one) ** rules.attempts)


def smallest_passing(rules: CalibrationRules, positives: int, negatives: int) -> float | None:
    """Return the smallest AUC estimate below 1 that passes by its interval at a size of set; None where none does."""
    t = float(stdtrit(min(positives, negatives) - 1, 1 - rules.attempt_alpha / 2))

    def passes(value: float) -> bool:
        half = t * binormal_error(value, positives, negatives) / (value * (1 - value))
        return _logit(value) - half >= _logit(rules.limit)

    low, high = rules.limit, 1 - 1e-9
    # The half width on the logit scale grows towards 1, so the lower end is largest inside the range.
    grid = np.linspace(low, high, 2001)
    first = next((float(value) for value in grid if passes(float(value))), None)
    if first is None:
        return None
    low, high = max(low, first - float(grid[1] - grid[0])), first
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        low, high = (low, middle) if passes(middle) else (middle, high)
    return high


def _logit(value: float) -> float:
    return math.log(value / (1 - value))


def _expit(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))
