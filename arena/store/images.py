"""Who still needs which submitted image, and which of its own a vendor has handed in before."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func
from sqlmodel import Session, col, select

from arena.store.tables import (
    ENDED,
    Algorithm,
    Attempt,
    Evaluation,
    Leaderboard,
    LeaderboardEntry,
    Shard,
    Submission,
)


@dataclass(frozen=True, slots=True)
class ImageUse:
    """A submission, and what of it still needs its image."""

    submission: Submission
    vendor_code: str
    last_used_at: datetime
    is_pending: bool
    is_on_board: bool


def image_uses(session: Session) -> list[ImageUse]:
    """Return every submission with the use that is made of its image, the oldest first."""
    pending = set(
        session.exec(select(Evaluation.submission_code).where(col(Evaluation.state).not_in(ENDED)).distinct())
    )
    on_board = _on_newest_boards(session)
    used = _last_used(session)
    rows = session.exec(
        select(Submission, Algorithm.vendor_code)
        .where(Submission.algorithm_code == Algorithm.code)
        .order_by(col(Submission.submitted_at), col(Submission.code))
    )
    return [
        ImageUse(
            submission,
            vendor,
            max(submission.submitted_at, used.get(submission.code, submission.submitted_at)),
            submission.code in pending,
            submission.code in on_board,
        )
        for submission, vendor in rows
    ]


def _on_newest_boards(session: Session) -> set[str]:
    newest = (
        select(Leaderboard.challenge_slug, Leaderboard.phase, func.max(Leaderboard.revision).label("revision"))
        .group_by(col(Leaderboard.challenge_slug), col(Leaderboard.phase))
        .subquery()
    )
    return set(
        session.exec(
            select(LeaderboardEntry.submission_code)
            .join(Leaderboard, col(LeaderboardEntry.leaderboard_code) == Leaderboard.code)
            .join(
                newest,
                (col(Leaderboard.challenge_slug) == newest.c.challenge_slug)
                & (col(Leaderboard.phase) == newest.c.phase)
                & (col(Leaderboard.revision) == newest.c.revision),
            )
        )
    )


def _last_used(session: Session) -> dict[str, datetime]:
    """Return when an evaluation of each submission was last queued, or an attempt of it begun or ended."""
    latest: dict[str, datetime] = {}
    queued = session.exec(select(Evaluation.submission_code, Evaluation.queued_at))
    _keep_latest(latest, queued)
    attempts = session.exec(
        select(Evaluation.submission_code, Attempt.created_at, Attempt.ended_at).where(
            Attempt.shard_id == Shard.id, Shard.evaluation_code == Evaluation.code
        )
    )
    _keep_latest(latest, ((code, ended or created) for code, created, ended in attempts))
    return latest


def _keep_latest(latest: dict[str, datetime], found: Iterable[tuple[str, datetime]]) -> None:
    for code, moment in found:
        latest[code] = max(moment, latest.get(code, moment))


def archive_is_named(session: Session, sha256: str) -> bool:
    """Say whether any submission names this archive."""
    return session.exec(select(Submission.code).where(Submission.image_sha256 == sha256).limit(1)).first() is not None


def own_submissions_of_image(session: Session, vendor_code: str, image_id: str) -> list[Submission]:
    """Return the submissions of an image that this vendor itself has made, the oldest first; never another's."""
    query = (
        select(Submission)
        .where(
            Submission.algorithm_code == Algorithm.code,
            Algorithm.vendor_code == vendor_code,
            Submission.image_id == image_id,
        )
        .order_by(col(Submission.submitted_at), col(Submission.code))
    )
    return list(session.exec(query))
