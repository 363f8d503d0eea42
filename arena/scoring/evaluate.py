"""All scores of one evaluation, from arrays; what a scorecard is filled with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arena.scoring import SCORER_VERSION
from arena.scoring.brier import brier_score
from arena.scoring.estimates import Estimate, Method, Reason, absent
from arena.scoring.influence import (
    Cases,
    Column,
    ColumnAuc,
    Influence,
    column_auc,
    column_variance,
    mean_influence,
    patient_influence,
    sum_of_squares,
)
from arena.scoring.inputs import FindingCases, References, ScoringInputs, finding_cases, references_of, split_findings
from arena.scoring.intervals import auc_estimate
from arena.scoring.latency import LatencyScores, latency_scores
from arena.scoring.missing import MissingPolicy
from arena.scoring.proportions import OperatingPoint, operating_point
from arena.scoring.roc import RocScores, roc_curve
from runners.values import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingScores:
    """All numbers of one finding; `auc`, the four proportions, `brier` and `curve` under the declared policy.

    `threshold` is a level, 0…10,000. A finding with `in_macro` False was held by too few patients: it has counts only.
    """

    finding: str
    in_macro: bool
    threshold: int
    n: int
    n_positive: int
    n_missing: int
    patients_positive: int
    patients_negative: int
    auc: Estimate
    auc_worst: Estimate
    auc_half: Estimate
    auc_exclude_case: Estimate
    sensitivity: Estimate
    specificity: Estimate
    ppv: Estimate
    npv: Estimate
    brier: Estimate
    curve: RocScores | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationScores:
    """All scores of one evaluation; `macro` under the declared policy `missing`, the others beside it."""

    scorer_version: str
    missing: MissingPolicy
    n_cases: int
    n_patients: int
    n_missing: int
    macro: Estimate
    macro_worst: Estimate
    macro_half: Estimate
    macro_exclude_case: Estimate
    findings: tuple[FindingScores, ...]
    latency: LatencyScores
    outcomes: dict[Outcome, int]


@dataclass(frozen=True, slots=True)
class AucScores:
    """The AUC of each finding and their mean under one policy; `failed` where the entry failed as a whole."""

    aucs: tuple[Estimate, ...]
    macro: Estimate
    failed: bool = False


def score_evaluation(inputs: ScoringInputs) -> EvaluationScores:
    """Compute every number of a scorecard; each is defined in docs/statistics.md.

    Deterministic: equal inputs give equal bits, whatever the number of threads.
    """
    references = references_of(inputs)
    parts = finding_cases(references, inputs.findings, inputs.thresholds, inputs.levels)
    counted = {policy: _macro_cases(references, inputs.levels, policy) for policy in MissingPolicy}
    worst = auc_scores(parts, MissingPolicy.WORST, n_macro=counted[MissingPolicy.WORST])
    half = excluded = worst
    if any(part.n_missing for part in parts):
        half = auc_scores(parts, MissingPolicy.HALF, n_macro=counted[MissingPolicy.HALF])
        excluded = auc_scores(parts, MissingPolicy.EXCLUDE_CASE, n_macro=counted[MissingPolicy.EXCLUDE_CASE])
    declared = {MissingPolicy.WORST: worst, MissingPolicy.HALF: half, MissingPolicy.EXCLUDE_CASE: excluded}.get(
        inputs.missing
    ) or auc_scores(parts, inputs.missing, n_macro=counted[inputs.missing])
    outcomes = Counter(inputs.outcomes)
    answered = zip(inputs.outcomes, inputs.latency_seconds, strict=True)
    return EvaluationScores(
        scorer_version=SCORER_VERSION,
        missing=inputs.missing,
        n_cases=inputs.n_cases,
        n_patients=inputs.n_patients,
        n_missing=inputs.n_cases - outcomes[Outcome.OK],
        macro=declared.macro,
        macro_worst=worst.macro,
        macro_half=half.macro,
        macro_exclude_case=excluded.macro,
        findings=tuple(
            _finding_scores(
                part,
                None if declared.failed or not part.in_macro else part.column(inputs.missing),
                auc=declared.aucs[index],
                others=(worst.aucs[index], half.aucs[index], excluded.aucs[index]),
            )
            for index, part in enumerate(parts)
        ),
        latency=latency_scores([s for outcome, s in answered if outcome is Outcome.OK and s is not None]),
        outcomes={outcome: outcomes[outcome] for outcome in Outcome},
    )


def entry_influence(inputs: ScoringInputs) -> Influence:
    """Return what comparisons and ranks need of this entry, under the declared missing policy."""
    parts = [part for part in split_findings(inputs) if part.in_macro]
    if not parts:
        return _no_influence(Reason.NO_MACRO_FINDING)
    columns = [column for part in parts if (column := part.column(inputs.missing)) is not None]
    if len(columns) < len(parts):
        return _no_influence(Reason.MISSING_ANSWERS)
    aucs = [auc for column in columns if (auc := column_auc(column)) is not None]
    if len(aucs) < len(parts):
        return _no_influence(Reason.FINDING_UNDEFINED)
    tables = [auc.table for auc in aucs if auc.table is not None]
    if len(tables) < len(parts):
        return _no_influence(Reason.ONE_PATIENT)
    return Influence(
        score=_mean(aucs),
        mean=mean_influence(columns, tables),
        phi=np.stack([patient_influence(c, t) for c, t in zip(columns, tables, strict=True)], axis=1),
        findings=tuple(part.finding for part in parts),
        patients_positive=min(column.cases.patients_positive for column in columns),
        patients_negative=min(column.cases.patients_negative for column in columns),
    )


def _no_influence(reason: Reason) -> Influence:
    return Influence(None, None, None, (), 0, 0, reason)


def _mean(aucs: list[ColumnAuc]) -> Fraction:
    return sum((auc.auc.exact for auc in aucs), Fraction(0)) / len(aucs)


def auc_scores(parts: Sequence[FindingCases], policy: MissingPolicy, *, n_macro: int) -> AucScores:
    """Return the AUC of each finding and the macro AUC, with their intervals.

    One finding at a time: nothing of a finding but its patients' influence is kept, which is added to the macro's.

    Args:
        parts: From `inputs.split_findings`.
        policy: What a missing answer counts as.
        n_macro: Cases that enter the macro AUC, for display.
    """
    if policy is MissingPolicy.FAIL_ENTRY and any(part.n_missing for part in parts):
        return _failed(parts, n_macro)
    macro = _Macro()
    aucs: list[Estimate] = []
    for part in parts:
        column = part.column(policy) if part.in_macro else None
        aucs.append(_absent_auc(part, Reason.TOO_FEW_PATIENTS) if column is None else _finding_auc(column, macro))
    return AucScores(tuple(aucs), macro.estimate(n_macro))


def _failed(parts: Sequence[FindingCases], n_macro: int) -> AucScores:
    reason = Reason.MISSING_ANSWERS
    aucs = tuple(_absent_auc(part, reason if part.in_macro else Reason.TOO_FEW_PATIENTS) for part in parts)
    return AucScores(aucs, absent(reason, n=n_macro, method=Method.AUC_LOGIT_T), failed=True)


def _absent_auc(part: FindingCases, reason: Reason) -> Estimate:
    positives = int(np.count_nonzero(part.cases.positive))
    return absent(reason, n=part.cases.n, n_positive=positives, method=Method.AUC_LOGIT_T)


class _Macro:
    """Gathers the findings that are averaged: their AUCs, and the influence of patients on their sum."""

    def __init__(self) -> None:
        self._aucs: list[ColumnAuc] = []
        self._cases: list[Cases] = []
        self._influence: NDArray[np.float64] | None = None

    def add(self, column: Column, scored: ColumnAuc | None, influence: NDArray[np.float64] | None) -> None:
        """Add one finding, in the declared order; its AUC or its influence may be undefined."""
        self._cases.append(column.cases)
        if scored is not None:
            self._aucs.append(scored)
        if influence is not None:
            if self._influence is None:
                self._influence = np.zeros(column.cases.n_patients)
            self._influence += influence

    def estimate(self, n: int) -> Estimate:
        """Average the AUCs, with the variance of their sum over patients; `n` is the number of cases shown."""
        if not self._cases:
            return absent(Reason.NO_MACRO_FINDING, n=n, method=Method.AUC_LOGIT_T)
        if len(self._aucs) < len(self._cases):
            return absent(Reason.FINDING_UNDEFINED, n=n, method=Method.AUC_LOGIT_T)
        variance = None
        if self._influence is not None and all(auc.table is not None for auc in self._aucs):
            variance = sum_of_squares(self._influence / len(self._cases))
        return auc_estimate(
            _mean(self._aucs),
            variance,
            patients_positive=min(cases.patients_positive for cases in self._cases),
            patients_negative=min(cases.patients_negative for cases in self._cases),
            n=n,
            n_positive=None,
        )


def finding_aucs(
    parts: Sequence[FindingCases], policy: MissingPolicy, *, threads: int = 1
) -> tuple[Estimate | None, ...]:
    """Return the AUC of each finding with its interval, and no macro; None where the entry fails as a whole.

    Args:
        parts: From `inputs.split_findings`.
        policy: What a missing answer counts as.
        threads: How many findings are computed at once; changes no bit of the result.
    """

    def of(part: FindingCases) -> Estimate | None:
        if not part.in_macro:
            return _absent_auc(part, Reason.TOO_FEW_PATIENTS)
        column = part.column(policy)
        return None if column is None else _auc_estimate(column, column_auc(column), None)

    if threads == 1:
        return tuple(map(of, parts))
    with ThreadPoolExecutor(threads) as pool:
        return tuple(pool.map(of, parts))


def _finding_auc(column: Column, macro: _Macro) -> Estimate:
    """Return a finding's AUC and add the finding to the macro."""
    scored = column_auc(column)
    influence = None
    if scored is not None and scored.table is not None:
        influence = patient_influence(column, scored.table)
    macro.add(column, scored, influence)
    return _auc_estimate(column, scored, influence)


def _auc_estimate(column: Column, scored: ColumnAuc | None, influence: NDArray[np.float64] | None) -> Estimate:
    n = column.cases.n
    if scored is None:
        positives = column.counts.positives
        reason = Reason.NO_POSITIVE if positives == 0 else Reason.NO_NEGATIVE
        return absent(reason, n=n, n_positive=positives, method=Method.AUC_LOGIT_T)
    return auc_estimate(
        scored.auc.exact,
        None if scored.table is None else column_variance(column, scored.table, influence),
        patients_positive=column.cases.patients_positive,
        patients_negative=column.cases.patients_negative,
        n=n,
        n_positive=scored.auc.positives,
    )


def _macro_cases(references: References, levels: NDArray[np.signedinteger[Any]], policy: MissingPolicy) -> int:
    """Count the cases that enter the macro AUC: one of its findings known, and left in by the policy."""
    counted = references.in_macro
    if policy is MissingPolicy.EXCLUDE_CASE:
        counted = counted & (levels[:, 0] >= 0)
    return int(np.count_nonzero(counted))


def _finding_scores(
    part: FindingCases, column: Column | None, *, auc: Estimate, others: tuple[Estimate, Estimate, Estimate]
) -> FindingScores:
    if part.in_macro and column is not None:
        # A level l has code l + 1 (arena.scoring.missing).
        point, brier, curve = operating_point(column, part.threshold + 1), brier_score(column), roc_curve(column)
    else:
        reason = Reason.MISSING_ANSWERS if part.in_macro else Reason.TOO_FEW_PATIENTS
        point, brier, curve = _absent_point(part, reason), _absent_brier(part, reason), None
    return FindingScores(
        finding=part.finding,
        in_macro=part.in_macro,
        threshold=part.threshold,
        n=part.cases.n,
        n_positive=int(np.count_nonzero(part.cases.positive)),
        n_missing=part.n_missing,
        patients_positive=part.cases.patients_positive,
        patients_negative=part.cases.patients_negative,
        auc=auc,
        auc_worst=others[0],
        auc_half=others[1],
        auc_exclude_case=others[2],
        sensitivity=point.sensitivity,
        specificity=point.specificity,
        ppv=point.ppv,
        npv=point.npv,
        brier=brier,
        curve=curve,
    )


def _absent_point(part: FindingCases, reason: Reason) -> OperatingPoint:
    """Return an operating point with counts only; of the called and the cleared not even the counts are told."""
    method, positives = Method.WILSON_DESIGN_EFFECT, int(np.count_nonzero(part.cases.positive))
    return OperatingPoint(
        sensitivity=absent(reason, n=positives, n_positive=positives, method=method),
        specificity=absent(reason, n=part.cases.n - positives, n_positive=0, method=method),
        ppv=absent(reason, n=None, method=method),
        npv=absent(reason, n=None, method=method),
    )


def _absent_brier(part: FindingCases, reason: Reason) -> Estimate:
    positives = int(np.count_nonzero(part.cases.positive))
    return absent(reason, n=part.cases.n, n_positive=positives, method=Method.MEAN_LOGIT_T)
