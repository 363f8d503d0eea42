"""Rows of scorecards: written once per evaluation, judging digest, references digest and scorer version."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from sqlmodel import Session, col, select

from arena.store.documents import Estimate, ScorecardDocument
from arena.store.session import new_code, transition
from arena.store.tables import (
    CaseSet,
    ChallengeVersion,
    Evaluation,
    EvaluationState,
    Score,
    Scorecard,
    Submission,
)

MACRO = "macro"
ALL = "all"


def add_scorecard(session: Session, document: ScorecardDocument, document_sha256: str, now: datetime) -> Scorecard:
    """Insert the scorecard and its numbers, or return the one that is there."""
    found = session.exec(
        select(Scorecard).where(
            Scorecard.evaluation_code == document.evaluation,
            Scorecard.judging_digest == document.judging_digest,
            Scorecard.references_digest == document.references_digest,
            Scorecard.scorer_version == document.scorer_version,
        )
    ).first()
    if found is not None:
        return found
    card = Scorecard(
        code=new_code(),
        evaluation_code=document.evaluation,
        judging_digest=document.judging_digest,
        references_digest=document.references_digest,
        scorer_version=document.scorer_version,
        document_sha256=document_sha256,
        created_at=now,
    )
    session.add(card)
    # No relationship ties the tables, so the unit of work needs the card in place before its numbers.
    session.flush()
    session.add_all(_rows(document, card.code))
    return card


def _rows(document: ScorecardDocument, card: str) -> Iterator[Score]:
    yield _row(card, MACRO, "auc", document.macro)
    yield _row(card, MACRO, "auc_half", document.macro_half)
    yield _row(card, MACRO, "auc_exclude_case", document.macro_exclude_case)
    for scores in document.findings:
        for metric in ("auc", "auc_half", "auc_exclude_case", "sensitivity", "specificity", "ppv", "npv", "brier"):
            yield _row(card, scores.finding, metric, getattr(scores, metric))
    for own in document.metrics:
        yield Score(
            scorecard_code=card,
            finding=MACRO,
            subgroup=ALL,
            metric=f"own_{own.name}",
            value=own.value,
            low=own.low,
            high=own.high,
            n=own.n,
            reason=own.reason,
        )
    for metric in ("median_seconds", "p95_seconds"):
        value = getattr(document.latency, metric)
        yield Score(
            scorecard_code=card,
            finding=MACRO,
            subgroup=ALL,
            metric=f"latency_{metric}",
            value=value,
            n=document.latency.n,
            reason="no case was answered" if value is None else None,
        )


def _row(card: str, finding: str, metric: str, estimate: Estimate) -> Score:
    return Score(
        scorecard_code=card,
        finding=finding,
        subgroup=ALL,
        metric=metric,
        value=estimate.value,
        low=estimate.low,
        high=estimate.high,
        n=estimate.n,
        n_positive=estimate.n_positive,
        reason=estimate.reason,
    )


def without_scorecard(
    session: Session, slug: str, phase: str, *, judging_digest: str, scorer_version: str
) -> list[Evaluation]:
    """Return a phase's scored evaluations that these rules, this scorer and their set's references have not judged."""
    judged = (
        select(Scorecard.code)
        .where(
            Scorecard.evaluation_code == Evaluation.code,
            Scorecard.judging_digest == judging_digest,
            Scorecard.scorer_version == scorer_version,
            Scorecard.references_digest == CaseSet.references_digest,
        )
        .exists()
    )
    query = (
        select(Evaluation)
        .join(Submission, col(Evaluation.submission_code) == Submission.code)
        .join(CaseSet, col(Evaluation.case_set_digest) == CaseSet.digest)
        .where(
            Submission.challenge_slug == slug,
            Evaluation.phase == phase,
            Evaluation.state == EvaluationState.SCORED,
            ~judged,
        )
        .order_by(col(Evaluation.queued_at), col(Evaluation.code))
    )
    return list(session.exec(query))


def only_by_others(session: Session, slug: str, phase: str, *, scorer_version: str) -> bool:
    """Say whether a phase has a scored evaluation that other scorers have judged and this one has not."""
    judged = select(Scorecard.code).where(Scorecard.evaluation_code == Evaluation.code)
    query = (
        select(Evaluation.code)
        .join(Submission, col(Evaluation.submission_code) == Submission.code)
        .where(
            Submission.challenge_slug == slug,
            Evaluation.phase == phase,
            Evaluation.state == EvaluationState.SCORED,
            judged.exists(),
            ~judged.where(Scorecard.scorer_version == scorer_version).exists(),
        )
    )
    return session.exec(query.limit(1)).first() is not None


def score_again(session: Session, evaluation: Evaluation, version: ChallengeVersion) -> None:
    """Send a scored evaluation back to be scored from its stored predictions, by the rules of a version."""
    transition(
        session,
        Evaluation,
        evaluation.code,
        expected=EvaluationState.SCORED,
        to=EvaluationState.RECORDED,
        challenge_version=version.digest,
    )
