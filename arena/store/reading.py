"""What the public doors read: rows only, through a session that never writes.

Scores are not among them. A published number comes from the public document that the worker wrote for that phase, so
nothing in this module touches the tables of scores and scorecards (a test reads its source for their names).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func
from sqlmodel import Session, col, or_, select

from arena.store.tables import (
    ENDED,
    Algorithm,
    CaseSet,
    ChallengeVersion,
    Evaluation,
    EvaluationState,
    Feedback,
    Leaderboard,
    PhaseAction,
    Shard,
    ShardState,
    Submission,
    Vendor,
)


@dataclass(frozen=True, slots=True)
class SubmissionRow:
    """A submission with the names of who made it."""

    submission: Submission
    algorithm: Algorithm
    vendor: Vendor


@dataclass(frozen=True, slots=True)
class EvaluationRow:
    """An evaluation, whose it is, and how many of its cases stand in accepted shards."""

    evaluation: Evaluation
    submission: Submission
    algorithm: Algorithm
    vendor: Vendor
    cases_done: int
    cases_total: int


def newest_versions(session: Session) -> list[ChallengeVersion]:
    """Return the newest version of each challenge, by slug."""
    newest = (
        select(ChallengeVersion.challenge_slug, func.max(ChallengeVersion.number).label("number"))
        .group_by(col(ChallengeVersion.challenge_slug))
        .subquery()
    )
    return list(
        session.exec(
            select(ChallengeVersion)
            .join(
                newest,
                (col(ChallengeVersion.challenge_slug) == newest.c.challenge_slug)
                & (col(ChallengeVersion.number) == newest.c.number),
            )
            .order_by(col(ChallengeVersion.challenge_slug))
        )
    )


def newest_case_set(session: Session, challenge: str, name: str) -> CaseSet | None:
    """Return the newest version of a case set, or None before its import."""
    return session.exec(
        select(CaseSet)
        .where(CaseSet.challenge_slug == challenge, CaseSet.name == name)
        .order_by(col(CaseSet.version).desc())
        .limit(1)
    ).first()


def newest_leaderboard(session: Session, challenge: str, phase: str) -> Leaderboard | None:
    """Return the newest published revision of a phase's leaderboard, or None before the first."""
    return session.exec(
        select(Leaderboard)
        .where(Leaderboard.challenge_slug == challenge, Leaderboard.phase == phase, Leaderboard.state == "published")
        .order_by(col(Leaderboard.revision).desc())
        .limit(1)
    ).first()


def is_done(session: Session, challenge: str, phase: str, action: str) -> bool:
    """Say whether an action of a phase's boundary has been carried out."""
    return session.get(PhaseAction, (challenge, phase, action)) is not None


def most_attempts(session: Session, challenge: str, phase: str) -> int:
    """Return how many submissions of one vendor were evaluated in a phase at most; withdrawn ones were seen too."""
    made = (
        select(func.count().label("made"))
        .select_from(Evaluation)
        .join(Submission, col(Evaluation.submission_code) == Submission.code)
        .join(Algorithm, col(Submission.algorithm_code) == Algorithm.code)
        .where(
            Submission.challenge_slug == challenge,
            Evaluation.phase == phase,
            Evaluation.state == EvaluationState.SCORED,
        )
        .group_by(col(Algorithm.vendor_code))
        .subquery()
    )
    return session.exec(select(func.max(made.c.made))).one() or 0


def find_submission(session: Session, code: str) -> SubmissionRow | None:
    """Return a submission by its code, with its algorithm and vendor."""
    found = session.exec(
        select(Submission, Algorithm, Vendor)
        .join(Algorithm, col(Submission.algorithm_code) == Algorithm.code)
        .join(Vendor, col(Algorithm.vendor_code) == Vendor.code)
        .where(Submission.code == code)
    ).first()
    return None if found is None else SubmissionRow(*found)


def phases_held_back(session: Session, submission: str) -> set[str]:
    """Return the phases in which a submission was found not better than its vendor's shown best."""
    return set(
        session.exec(
            select(Feedback.phase).where(Feedback.submission_code == submission, Feedback.disclosed == "not_better")
        )
    )


def evaluations_of_algorithm(session: Session, algorithm: str, challenge: str) -> list[EvaluationRow]:
    """Return all evaluations of an algorithm's submissions in a challenge, the newest first."""
    found = session.exec(
        select(Evaluation, Submission, Algorithm, Vendor)
        .join(Submission, col(Evaluation.submission_code) == Submission.code)
        .join(Algorithm, col(Submission.algorithm_code) == Algorithm.code)
        .join(Vendor, col(Algorithm.vendor_code) == Vendor.code)
        .where(Submission.algorithm_code == algorithm, Submission.challenge_slug == challenge)
        .order_by(col(Evaluation.queued_at).desc(), col(Evaluation.code))
    ).all()
    return [EvaluationRow(*row, cases_done=0, cases_total=0) for row in found]


def queue(session: Session, challenge: str, *, ended_after: datetime) -> list[EvaluationRow]:
    """Return the evaluations of a challenge under way or held, in queue order, and those scored after a time."""
    found = session.exec(
        select(Evaluation, Submission, Algorithm, Vendor)
        .join(Submission, col(Evaluation.submission_code) == Submission.code)
        .join(Algorithm, col(Submission.algorithm_code) == Algorithm.code)
        .join(Vendor, col(Algorithm.vendor_code) == Vendor.code)
        .where(
            Submission.challenge_slug == challenge,
            or_(
                col(Evaluation.state).not_in(ENDED),
                col(Evaluation.ended_at) >= ended_after,
            ),
        )
        .order_by(col(Evaluation.queued_at), col(Evaluation.code))
    ).all()
    progress = _progress(session, [row[0].code for row in found if row[0].state == EvaluationState.RUNNING])
    return [EvaluationRow(*row, *progress.get(row[0].code, (0, 0))) for row in found]


def _progress(session: Session, evaluations: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Return cases in accepted shards and cases in all shards of the main pass, by evaluation."""
    progress: dict[str, tuple[int, int]] = {}
    if not evaluations:
        return progress
    shards = session.exec(select(Shard).where(col(Shard.evaluation_code).in_(evaluations), Shard.kind == "main"))
    for shard in shards:
        done, total = progress.get(shard.evaluation_code, (0, 0))
        accepted = len(shard.case_names) if shard.state == ShardState.ACCEPTED else 0
        progress[shard.evaluation_code] = (done + accepted, total + len(shard.case_names))
    return progress
