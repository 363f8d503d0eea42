"""What a leaderboard is made from, and its revisions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func
from sqlmodel import Session, col, select

from arena.store.documents import LeaderboardDocument
from arena.store.session import new_code
from arena.store.tables import (
    ENDED,
    Algorithm,
    CaseSet,
    Challenge,
    ChallengeVersion,
    Evaluation,
    EvaluationState,
    Leaderboard,
    LeaderboardEntry,
    PhaseAction,
    Scorecard,
    Submission,
    SubmissionState,
    Vendor,
)
from runners.values import BlobRef


@dataclass(frozen=True, slots=True)
class Scored:
    """A scored evaluation with everything that its line on a board names."""

    evaluation: Evaluation
    submission: Submission
    algorithm: Algorithm
    vendor: Vendor
    scorecard: Scorecard


def challenge_slugs(session: Session) -> list[str]:
    """Return the challenges that are open here."""
    return list(session.exec(select(Challenge.slug).order_by(col(Challenge.slug))))


def newest_version(session: Session, slug: str) -> ChallengeVersion | None:
    """Return the newest version of a challenge's rules."""
    return session.exec(
        select(ChallengeVersion)
        .where(ChallengeVersion.challenge_slug == slug)
        .order_by(col(ChallengeVersion.number).desc())
    ).first()


def newest_case_set(session: Session, slug: str, name: str) -> CaseSet | None:
    """Return the newest version of a case set."""
    return session.exec(
        select(CaseSet)
        .where(CaseSet.challenge_slug == slug, CaseSet.name == name)
        .order_by(col(CaseSet.version).desc())
    ).first()


def scored(
    session: Session, slug: str, phase: str, *, judging_digest: str, case_set: CaseSet, scorer_version: str
) -> list[Scored]:
    """Return the scored evaluations of a phase that were judged alike, oldest submission first.

    Those of withdrawn and refused submissions are among them: they stand on no board, yet their scores were seen.
    """
    rows = session.exec(
        select(Evaluation, Submission, Algorithm, Scorecard)
        .where(
            Evaluation.submission_code == Submission.code,
            Submission.algorithm_code == Algorithm.code,
            Scorecard.evaluation_code == Evaluation.code,
            Submission.challenge_slug == slug,
            Evaluation.phase == phase,
            Evaluation.state == EvaluationState.SCORED,
            Evaluation.case_set_digest == case_set.digest,
            Scorecard.references_digest == case_set.references_digest,
            Scorecard.judging_digest == judging_digest,
            Scorecard.scorer_version == scorer_version,
        )
        .order_by(col(Submission.submitted_at), col(Submission.code))
    )
    return [
        Scored(evaluation, submission, algorithm, session.get_one(Vendor, algorithm.vendor_code), scorecard)
        for evaluation, submission, algorithm, scorecard in rows
    ]


def unsettled(session: Session, slug: str, phase: str) -> int:
    """Return how many evaluations of a phase have not ended; held ones count until `arena.store.rulings` ends them."""
    return session.exec(
        select(func.count())
        .select_from(Evaluation)
        .join(Submission, col(Evaluation.submission_code) == Submission.code)
        .where(
            Submission.challenge_slug == slug,
            Submission.state == SubmissionState.ACCEPTED,
            Evaluation.phase == phase,
            col(Evaluation.state).not_in(ENDED),
        )
    ).one()


def newest_board(session: Session, slug: str, phase: str) -> Leaderboard | None:
    """Return a phase's newest revision."""
    query = select(Leaderboard).where(Leaderboard.challenge_slug == slug, Leaderboard.phase == phase)
    return session.exec(query.order_by(col(Leaderboard.revision).desc())).first()


def phases_with_scores(session: Session) -> list[tuple[str, str]]:
    """Return the (challenge, phase) pairs in which anything has been scored."""
    rows = session.exec(
        select(Submission.challenge_slug, Evaluation.phase)
        .where(Evaluation.submission_code == Submission.code, Evaluation.state == EvaluationState.SCORED)
        .distinct()
        .order_by(col(Submission.challenge_slug), col(Evaluation.phase))
    )
    return [(slug, phase) for slug, phase in rows]


def add_board(session: Session, document: LeaderboardDocument, ref: BlobRef, scorecards: dict[str, str]) -> Leaderboard:
    """Insert a revision with its lines; `scorecards` maps a submission's code to its scorecard's."""
    board = Leaderboard(
        code=new_code(),
        challenge_slug=document.challenge,
        phase=document.phase,
        revision=document.revision,
        as_of=document.as_of,
        document_sha256=ref.sha256,
        document_size_bytes=ref.size_bytes,
    )
    session.add(board)
    session.flush()
    session.add_all(
        LeaderboardEntry(
            leaderboard_code=board.code,
            position=position,
            submission_code=entry.submission,
            scorecard_code=scorecards.get(entry.submission),
            rank=entry.rank,
            rank_low=entry.rank_low,
            rank_high=entry.rank_high,
        )
        for position, entry in enumerate(document.entries, start=1)
    )
    return board


def done_actions(session: Session, slug: str) -> set[tuple[str, str]]:
    """Return the (phase, action) pairs that have been done for a challenge."""
    rows = session.exec(select(PhaseAction.phase, PhaseAction.action).where(PhaseAction.challenge_slug == slug))
    return {(phase, action) for phase, action in rows}


def add_action(session: Session, slug: str, phase: str, action: str, now: datetime) -> bool:
    """Note that an action has been done; False if it had been before, and then its effect must not be repeated."""
    if session.get(PhaseAction, (slug, phase, action)) is not None:
        return False
    session.add(PhaseAction(challenge_slug=slug, phase=phase, action=action, done_at=now))
    session.flush()
    return True
