"""What the scoring child is given to judge one evaluation, read from the store: plain values, no label.

An evaluation that is scored and a scorecard that is computed again get the same job, so they get the same bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlmodel import Session

from arena.blobs import BlobStore
from arena.challenge.schema import Declaration
from arena.evaluation.attributes import CaseAttributes, case_attributes
from arena.store import case_sets, queue
from arena.store.attempts import Attempts, attempts_of
from arena.store.tables import CaseSet, ChallengeVersion, Evaluation, Submission


@dataclass(frozen=True, slots=True)
class SplitJob:
    """A calibration split: the set of the phase before, its references, and the same submission's answers there."""

    case_set_digest: str
    references_sha256: str
    predictions_sha256: str


@dataclass(frozen=True, slots=True)
class ScoreJob:
    """A record, the references it is compared with, and the rules that it is judged by."""

    evaluation: str
    challenge: str
    phase: str
    declaration: dict[str, Any]
    challenge_version: str
    judging_digest: str
    case_set_digest: str
    references_root: str
    references_sha256: str
    results_root: str
    cases_sha256: str
    predictions_sha256: str
    attributes: CaseAttributes
    attempts: Attempts
    split: SplitJob | None = None


def score_job(
    session: Session,
    results: BlobStore,
    references: BlobStore,
    evaluation: Evaluation,
    *,
    version: ChallengeVersion,
    references_sha256: str | None = None,
    split_references_sha256: str | None = None,
) -> ScoreJob:
    """Gather what judges an evaluation by a version of the rules.

    Args:
        session: An open session.
        results: Where the record lies.
        references: Where references lie; they are not opened here.
        evaluation: One whose record is written.
        version: The rules.
        references_sha256: The references, by default the newest of the case set.
        split_references_sha256: Those of the calibration split, by default the newest of its set.

    Raises:
        ValueError: The evaluation has no record.
    """
    if evaluation.predictions_sha256 is None or evaluation.cases_sha256 is None:
        msg = f"evaluation {evaluation.code} has no record"
        raise ValueError(msg)
    case_set = session.get_one(CaseSet, evaluation.case_set_digest)
    declaration = Declaration.model_validate(version.declaration)
    return ScoreJob(
        evaluation=evaluation.code,
        challenge=session.get_one(Submission, evaluation.submission_code).challenge_slug,
        phase=evaluation.phase,
        declaration=version.declaration,
        challenge_version=version.digest,
        judging_digest=version.judging_digest,
        case_set_digest=case_set.digest,
        references_root=references.root,
        references_sha256=references_sha256 or case_set.references_digest,
        results_root=results.root,
        cases_sha256=evaluation.cases_sha256,
        predictions_sha256=evaluation.predictions_sha256,
        attributes=case_attributes(case_sets.cases_of_set(session, case_set.digest), declaration.subgroups),
        attempts=attempts_of(session, evaluation),
        split=_split(session, evaluation, declaration, split_references_sha256),
    )


def _split(
    session: Session, evaluation: Evaluation, declaration: Declaration, references_sha256: str | None
) -> SplitJob | None:
    """Return the calibration split, where one is declared and the phase follows one in which the submission ran."""
    phase = declaration.phase(evaluation.phase)
    if declaration.calibrated_threshold is None or phase is None or phase.follows is None:
        return None
    before = queue.recorded(session, evaluation.submission_code, phase.follows)
    if before is None or before.predictions_sha256 is None:
        return None
    return SplitJob(
        case_set_digest=before.case_set_digest,
        references_sha256=references_sha256 or session.get_one(CaseSet, before.case_set_digest).references_digest,
        predictions_sha256=before.predictions_sha256,
    )
