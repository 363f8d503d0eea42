"""Rows of scorecards: written once per evaluation, judging digest, references digest and scorer version."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from sqlmodel import Session, select

from arena.store.documents import Estimate, ScorecardDocument
from arena.store.session import new_code
from arena.store.tables import Score, Scorecard

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
