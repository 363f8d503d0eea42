"""A scorecard's document out of one evaluation's arrays: everything that its challenge declares, and nothing else.

Numbers are computed in `arena.scoring`; what stands here chooses what is asked and writes it down.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arena.challenge.phases import attempts_allowed
from arena.challenge.schema import Declaration, Finding
from arena.evaluation.answers import LEVELS
from arena.evaluation.jobs import ScoreJob
from arena.evaluation.producer import producer
from arena.ranking.holm import holm
from arena.ranking.limits import joined_limits
from arena.scoring.any_pathology import any_pathology
from arena.scoring.declared import AttemptSets, CalibrationRules, Equivocal
from arena.scoring.details import DetailRules, FindingDetails, finding_details
from arena.scoring.estimates import Estimate, Method, Reason, absent
from arena.scoring.evaluate import EvaluationScores, FindingScores, finding_aucs
from arena.scoring.evaluate import score_evaluation as compute_scores
from arena.scoring.inputs import FindingCases, ScoringInputs, split_findings
from arena.scoring.norm import norm_cases, norm_scores
from arena.scoring.prevalence import DeclaredPrevalence
from arena.scoring.resampling import resample_seed
from arena.scoring.subgroups import Family, subgroup_scores, suppress
from arena.scoring.suppression import ColumnCells
from arena.scoring.thresholds import ThresholdChoice, set_threshold
from arena.scoring.verdict import ServiceTest, equivocal_labels, finding_test, join_equivocal, service_test
from arena.store import clinical, documents, numbers

SCHEMA_VERSION = 4
ATTEMPTS_USED_UP = "attempts_used_up"
SET_NOT_FRESH = "set_not_fresh"


def scorecard(
    job: ScoreJob,
    declaration: Declaration,
    inputs: ScoringInputs,
    own: tuple[documents.OwnMetric, ...],
    split: ScoringInputs | None = None,
) -> documents.ScorecardDocument:
    """Return the scorecard of one evaluation; equal arguments give equal documents.

    Args:
        job: What the document follows from; its attributes are in the order of the references.
        declaration: The rules.
        inputs: Answers beside references.
        own: The organiser's metrics.
        split: The same submission's answers beside the references of its calibration split.
    """
    seed = resample_seed(job.case_set_digest, job.judging_digest)
    scores = compute_scores(inputs)
    return documents.ScorecardDocument(
        **_provenance(job),
        scorer_version=scores.scorer_version,
        seed=seed_text(seed),
        missing=scores.missing.value,
        n_cases=scores.n_cases,
        n_patients=scores.n_patients,
        macro=estimate_document(scores.macro),
        macro_worst=estimate_document(scores.macro_worst),
        macro_half=estimate_document(scores.macro_half),
        macro_exclude_case=estimate_document(scores.macro_exclude_case),
        findings=_findings(declaration, inputs, scores, seed, split),
        any_pathology=numbers.AnyPathology.model_validate(any_pathology(inputs)),
        norm=_norm(declaration, inputs),
        calibration_test=_calibration_test(job, declaration, inputs, scores),
        calibration_split=_calibration_split(job, declaration),
        subgroups=_subgroups(job, inputs),
        latency=documents.Latency.model_validate(scores.latency),
        outcomes={outcome: count for outcome, count in scores.outcomes.items() if count},
        metrics=own,
        produced_by=producer(),
    )


def _provenance(job: ScoreJob) -> dict[str, Any]:
    """Return the fields that say in what form, of what, from what and by which rules a document is."""
    return {
        "schema_version": SCHEMA_VERSION,
        "evaluation": job.evaluation,
        "challenge": job.challenge,
        "phase": job.phase,
        "case_set_digest": job.case_set_digest,
        "references_digest": job.references_sha256,
        "predictions_sha256": job.predictions_sha256,
        "cases_sha256": job.cases_sha256,
        "challenge_version": job.challenge_version,
        "judging_digest": job.judging_digest,
        "calibration_references_digest": None if job.split is None else job.split.references_sha256,
    }


def _calibration_split(job: ScoreJob, declaration: Declaration) -> documents.CalibrationSplit | None:
    if job.split is None:
        return None
    return documents.CalibrationSplit(
        case_set_digest=job.split.case_set_digest,
        predictions_sha256=job.split.predictions_sha256,
        entry_chosen_here=chosen_on_split(declaration, job.phase),
    )


def seed_text(seed: int) -> str:
    """Write a seed as it stands in documents, where a number of 128 bits would not survive every reader."""
    return f"{seed:032x}"


def estimate_document(estimate: Estimate) -> documents.Estimate:
    """Write one number as it stands in documents."""
    return documents.Estimate.model_validate(estimate)


def chosen_on_split(declaration: Declaration, phase_name: str) -> bool:
    """Say whether the phase before, whose set is the split, took several submissions and told of their scores."""
    phase = declaration.phase(phase_name)
    before = None if phase is None or phase.follows is None else declaration.phase(phase.follows)
    return before is not None and attempts_allowed(declaration, before) > 1


def _thresholds(declaration: Declaration, split: ScoringInputs | None) -> list[ThresholdChoice | None]:
    """Set each finding's threshold on the calibration split; no two sets of a challenge share a patient."""
    rule = declaration.calibrated_threshold
    if rule is None or split is None:
        return [None] * len(declaration.findings)
    return [
        set_threshold(
            part.levels.astype(np.int32), part.cases.positive, part.cases.patients, floor=rule.floor, kind=rule.kind
        )
        for part in split_findings(split)
    ]


def _findings(
    declaration: Declaration, inputs: ScoringInputs, scores: EvaluationScores, seed: int, split: ScoringInputs | None
) -> tuple[documents.FindingScores, ...]:
    chosen = _thresholds(declaration, split)
    details = [
        finding_details(part, inputs.missing, _detail_rules(declaration, finding, seed, choice))
        for part, finding, choice in zip(split_findings(inputs), declaration.findings, chosen, strict=True)
    ]
    return tuple(
        _finding(found, detail, choice) for found, detail, choice in zip(scores.findings, details, chosen, strict=True)
    )


def _detail_rules(declaration: Declaration, finding: Finding, seed: int, choice: ThresholdChoice | None) -> DetailRules:
    prevalence = finding.prevalence
    return DetailRules(
        seed=seed,
        calibration_threshold=None if choice is None else choice.level,
        prevalence=None
        if prevalence is None
        else DeclaredPrevalence(Fraction(repr(prevalence.value)), prevalence.source),
        enriched_by_difficulty=declaration.enriched_by_difficulty,
    )


def _finding(scores: FindingScores, details: FindingDetails, choice: ThresholdChoice | None) -> documents.FindingScores:
    curve = scores.curve
    return documents.FindingScores(
        finding=scores.finding,
        in_macro=scores.in_macro,
        auc=estimate_document(scores.auc),
        auc_worst=estimate_document(scores.auc_worst),
        auc_half=estimate_document(scores.auc_half),
        auc_exclude_case=estimate_document(scores.auc_exclude_case),
        sensitivity=estimate_document(scores.sensitivity),
        specificity=estimate_document(scores.specificity),
        ppv=estimate_document(scores.ppv),
        npv=estimate_document(scores.npv),
        brier=estimate_document(scores.brier),
        threshold=scores.threshold / LEVELS,
        curve=None
        if curve is None
        else documents.RocCurve(
            fpr=curve.fpr,
            tpr=curve.tpr,
            tpr_low=curve.tpr_low,
            tpr_high=curve.tpr_high,
            n=scores.auc.n,
            n_positive=scores.auc.n_positive,
            method=Method.MOVER_WILSON.value,
        ),
        n_missing=scores.n_missing,
        patients_positive=scores.patients_positive,
        patients_negative=scores.patients_negative,
        calibrated_threshold=None if choice is None else numbers.ThresholdChoice.model_validate(choice),
        numbers=None if details.numbers is None else numbers.FindingNumbers.model_validate(details.numbers),
        numbers_reason=None if details.reason is None else details.reason.value,
    )


def _norm(declaration: Declaration, inputs: ScoringInputs) -> clinical.Norm | None:
    declared = declaration.norm
    if declared is None:
        return None
    common = None if declared.threshold is None else round(declared.threshold * LEVELS)
    thresholds = [level if common is None else common for level in inputs.thresholds]
    limits = declared.to_limits()
    found = norm_scores(
        norm_cases(inputs.levels.astype(np.int32), inputs.labels, inputs.patients, thresholds),
        limits,
        enriched_by_difficulty=declaration.enriched_by_difficulty,
    )
    told: dict[str, Any] = {name: getattr(found, name) for name in clinical.Norm.model_fields if hasattr(found, name)}
    return clinical.Norm.model_validate(
        told
        | {
            "limits": limits,
            "prevalence_source": None if declared.prevalence is None else declared.prevalence.source,
            "threshold_levels": dict(zip(inputs.findings, thresholds, strict=True)),
        }
    )


def _calibration_test(
    job: ScoreJob, declaration: Declaration, inputs: ScoringInputs, scores: EvaluationScores
) -> clinical.CalibrationTest | None:
    declared = declaration.calibration_test
    if declared is None:
        return None
    rules, fresh = declared.to_rules(), declared.attempt_sets is AttemptSets.FRESH
    made = job.attempts.sets if fresh else job.attempts.on_set
    reason = None
    if made > rules.attempts:
        reason = ATTEMPTS_USED_UP
    elif fresh and job.attempts.on_set > 1:
        reason = SET_NOT_FRESH
    readings: tuple[ServiceTest, ...] = ()
    if reason is None:
        readings = _readings(inputs, scores, rules, declared.equivocal, made)
    return clinical.CalibrationTest(
        verdict=join_equivocal([each.verdict for each in readings]).value if readings else None,
        reason=reason,
        attempts_made=made,
        attempts_allowed=rules.attempts,
        equivocal=declared.equivocal.value,
        readings=tuple(clinical.ServiceTest.model_validate(each) for each in readings),
    )


def _readings(
    inputs: ScoringInputs, scores: EvaluationScores, rules: CalibrationRules, equivocal: Equivocal, made: int
) -> tuple[ServiceTest, ...]:
    """Judge by each reading of the equivocal references; where they are left out, by the scores that there are."""
    if equivocal is Equivocal.EXCLUDE:
        tests = [
            finding_test(
                found.finding,
                found.auc,
                rules,
                patients_positive=found.patients_positive,
                patients_negative=found.patients_negative,
            )
            for found in scores.findings
        ]
        return (service_test(tests, rules, attempts_made=made),)
    read = []
    for labels in equivocal_labels(inputs.labels, equivocal):
        parts = split_findings(replace(inputs, labels=labels, references=None))
        aucs = finding_aucs(parts, inputs.missing)
        tests = [
            finding_test(
                part.finding,
                _auc_of(part, auc),
                rules,
                patients_positive=part.cases.patients_positive,
                patients_negative=part.cases.patients_negative,
            )
            for part, auc in zip(parts, aucs, strict=True)
        ]
        read.append(service_test(tests, rules, attempts_made=made))
    return tuple(read)


def _auc_of(part: FindingCases, auc: Estimate | None) -> Estimate:
    if auc is not None:
        return auc
    positives = int(np.count_nonzero(part.cases.positive))
    return absent(Reason.MISSING_ANSWERS, n=part.cases.n, n_positive=positives, method=Method.AUC_LOGIT_T)


@dataclass(frozen=True, slots=True)
class _Suppression:
    """What decides which cells are shown; equal where the digest is, so that it is decided once for all entries."""

    digest: str
    inputs: ScoringInputs = field(compare=False)
    attributes: dict[str, tuple[str | None, ...]] = field(compare=False)


@lru_cache(maxsize=8)
def _shown(of: _Suppression) -> dict[str, dict[str, ColumnCells]]:
    return suppress(of.inputs, of.attributes)


def _subgroups(job: ScoreJob, inputs: ScoringInputs) -> tuple[clinical.SubgroupTable, ...]:
    attributes = job.attributes.columns
    if not attributes:
        return ()
    shown = _shown(_Suppression(_digest(inputs.labels, inputs.patients, inputs, attributes), inputs, attributes))
    tables = subgroup_scores(inputs, attributes, shown, Family(adjust=holm, join=joined_limits))
    return tuple(clinical.SubgroupTable.model_validate(table) for table in tables)


def _digest(
    labels: NDArray[np.int8],
    patients: NDArray[np.int64],
    inputs: ScoringInputs,
    attributes: dict[str, tuple[str | None, ...]],
) -> str:
    named: Sequence[object] = (inputs.findings, inputs.min_per_class, sorted(attributes.items()))
    hashed = hashlib.sha256(repr(named).encode())
    hashed.update(labels.tobytes())
    hashed.update(patients.tobytes())
    return hashed.hexdigest()
