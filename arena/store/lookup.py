"""Finding scorecards and leaderboards by their codes or by the digests of their documents."""

from __future__ import annotations

from sqlmodel import Session, col, select

from arena.store.boards import Scored
from arena.store.tables import Algorithm, Evaluation, Leaderboard, LeaderboardEntry, Scorecard, Submission, Vendor


def scorecard(session: Session, given: str, *, by_digest: bool) -> Scorecard | None:
    """Return the scorecard of this code, or whose document has this digest."""
    column = Scorecard.document_sha256 if by_digest else Scorecard.code
    return session.exec(select(Scorecard).where(col(column) == given).order_by(col(Scorecard.created_at))).first()


def scorecards_of(session: Session, evaluation: str, judging_digest: str) -> list[Scorecard]:
    """Return an evaluation's scorecards by these rules, oldest first: one for each scorer and set of references."""
    query = select(Scorecard).where(Scorecard.evaluation_code == evaluation, Scorecard.judging_digest == judging_digest)
    return list(session.exec(query.order_by(col(Scorecard.created_at), col(Scorecard.code))))


def leaderboard(session: Session, given: str, *, by_digest: bool) -> Leaderboard | None:
    """Return the leaderboard revision of this code, or whose document has this digest."""
    column = Leaderboard.document_sha256 if by_digest else Leaderboard.code
    return session.exec(select(Leaderboard).where(col(column) == given).order_by(col(Leaderboard.as_of))).first()


def entries_of(session: Session, slug: str, phase: str, revision: int) -> list[Scored] | None:
    """Return what a leaderboard revision was made from, in its order; None where there is no such revision."""
    board = session.exec(
        select(Leaderboard).where(
            Leaderboard.challenge_slug == slug, Leaderboard.phase == phase, Leaderboard.revision == revision
        )
    ).first()
    if board is None:
        return None
    rows = session.exec(
        select(Evaluation, Submission, Algorithm, Scorecard)
        .where(
            LeaderboardEntry.leaderboard_code == board.code,
            LeaderboardEntry.scorecard_code == Scorecard.code,
            Scorecard.evaluation_code == Evaluation.code,
            LeaderboardEntry.submission_code == Submission.code,
            Submission.algorithm_code == Algorithm.code,
        )
        .order_by(col(LeaderboardEntry.position))
    )
    return [
        Scored(evaluation, submission, algorithm, session.get_one(Vendor, algorithm.vendor_code), card)
        for evaluation, submission, algorithm, card in rows
    ]
