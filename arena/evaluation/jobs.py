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
from arena.store import case_sets
from arena.store.attempts import Attempts, attempts_of
from arena.store.tables import CaseSet, ChallengeVersion, Evaluation, Submission


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


def score_job(
    session: Session,
    results: BlobStore,
    references: BlobStore,
    evaluation: Evaluation,
    *,
    version: ChallengeVersion,
    references_sha256: str | None = None,
) -> ScoreJob:
    """Gather what judges an evaluation by a version of the rules.

    Args:
        session: An open session.
        results: Where the record lies.
        references: Where references lie; they are not opened here.
        evaluation: One whose record is written.
        version: The rules.
        references_sha256: The references, by default the newest of the case set.

    Raises:
        ValueError: The evaluation has no record.
    """
    if evaluation.predictions_sha256 is None or evaluation.cases_sha256 is None:
        msg = f"evaluation {evaluation.code} has no record"
        raise ValueError(msg)
    case_set = session.get_one(CaseSet, evaluation.case_set_digest)
    subgroups = Declaration.model_validate(version.declaration).subgroups
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
        attributes=case_attributes(case_sets.cases_of_set(session, case_set.digest), subgroups),
        attempts=attempts_of(session, evaluation),
    )
