"""What submission, challenge and the organiser's commands read from the store."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func
from sqlmodel import Session, col, select

from arena.store.boards import challenge_slugs, newest_case_set, newest_version
from arena.store.tables import (
    Algorithm,
    CaseSet,
    ChallengeVersion,
    Evaluation,
    Ruling,
    RulingKind,
    Submission,
)

__all__ = [
    "case_sets",
    "challenge_slugs",
    "newest_case_set",
    "newest_version",
    "submission_times",
    "submissions_of_vendor",
    "versions",
]


def versions(session: Session, slug: str) -> Sequence[ChallengeVersion]:
    """Return all versions of a challenge's rules, the newest first."""
    query = select(ChallengeVersion).where(ChallengeVersion.challenge_slug == slug)
    return session.exec(query.order_by(col(ChallengeVersion.number).desc())).all()


def case_sets(session: Session, slug: str | None = None) -> Sequence[CaseSet]:
    """Return the newest version of each imported case set, of one challenge or of all, by challenge and name."""
    newest = select(CaseSet.challenge_slug, CaseSet.name, func.max(CaseSet.version).label("version")).group_by(
        col(CaseSet.challenge_slug), col(CaseSet.name)
    )
    latest = newest.subquery()
    query = select(CaseSet).join(
        latest,
        (col(CaseSet.challenge_slug) == latest.c.challenge_slug)
        & (col(CaseSet.name) == latest.c.name)
        & (col(CaseSet.version) == latest.c.version),
    )
    if slug is not None:
        query = query.where(CaseSet.challenge_slug == slug)
    return session.exec(query.order_by(col(CaseSet.challenge_slug), col(CaseSet.name))).all()


def submission_times(session: Session, *, slug: str, phase: str, vendor_code: str) -> list[datetime]:
    """Return when a vendor made the submissions that count against its quota in a phase, the earliest first.

    One whose evaluation is held counts as well, or a container that held up this host would have attempts without end.
    Only one that the organiser has withdrawn before it was scored does not: then nothing of it has been told.
    """
    given_back = (
        select(Ruling.evaluation_code)
        .where(
            Ruling.evaluation_code == Evaluation.code,
            Evaluation.submission_code == Submission.code,
            Evaluation.phase == phase,
            Ruling.kind == RulingKind.WITHDRAWN,
        )
        .exists()
    )
    query = (
        select(Submission.submitted_at)
        .join(Algorithm, col(Submission.algorithm_code) == Algorithm.code)
        .where(
            Algorithm.vendor_code == vendor_code,
            Submission.challenge_slug == slug,
            Submission.phase == phase,
            ~given_back,
        )
    )
    return list(session.exec(query.order_by(col(Submission.submitted_at))))


def submissions_of_vendor(session: Session, *, slug: str, phase: str, vendor_code: str) -> Sequence[Submission]:
    """Return all submissions of a vendor in a phase, whatever their state, the earliest first."""
    query = (
        select(Submission)
        .join(Algorithm, col(Submission.algorithm_code) == Algorithm.code)
        .where(Algorithm.vendor_code == vendor_code, Submission.challenge_slug == slug, Submission.phase == phase)
    )
    return session.exec(query.order_by(col(Submission.submitted_at), col(Submission.code))).all()
