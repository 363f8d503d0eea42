"""Evaluations that a fault of the host holds up, and how one ends without a score.

A held evaluation waits for the organiser, and a final waits for it: but not for ever, or one vendor could stop all
others. Where a final waits, an evaluation that has been held for a day, while other vendors' results were accepted on
this host, is tried once more by itself; when it has been held for another day it ends as `not_evaluable`. Where nobody
else's work gets through either, the host is what fails, and everybody waits for the organiser.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func
from sqlmodel import Session, col, select

from arena.store import queue
from arena.store.session import transition
from arena.store.tables import (
    Algorithm,
    Attempt,
    AttemptState,
    Evaluation,
    EvaluationState,
    Ruling,
    RulingKind,
    Shard,
    ShardResult,
    ShardState,
    Submission,
    Vendor,
)

HELD_HOURS = 24
_A_DAY = timedelta(hours=HELD_HOURS)
NOT_EVALUABLE = "This host did not get through with it in {tries} tries, while it did with other vendors' submissions."


@dataclass(frozen=True, slots=True)
class HeldRow:
    """A held evaluation.

    `since` is when its last failed attempt ended, and `tries` how many there were; they are None and 0 where scoring is
    what failed. `others_since` is how many results of other vendors were accepted after the first of them, and
    `tried_again` whether there was another one a day or more after the first.
    """

    evaluation: Evaluation
    submission: Submission
    algorithm_name: str
    vendor_name: str
    since: datetime | None
    tries: int
    others_since: int
    tried_again: bool


def held_rows(session: Session, slug: str | None = None, phase: str | None = None) -> list[HeldRow]:
    """Return the held evaluations, of a challenge's phase or of all, the oldest first."""
    query = (
        select(Evaluation, Submission, Algorithm, Vendor)
        .join(Submission, col(Evaluation.submission_code) == Submission.code)
        .join(Algorithm, col(Submission.algorithm_code) == Algorithm.code)
        .join(Vendor, col(Algorithm.vendor_code) == Vendor.code)
        .where(Evaluation.state == EvaluationState.HELD)
        .order_by(col(Evaluation.queued_at), col(Evaluation.code))
    )
    if slug is not None:
        query = query.where(Submission.challenge_slug == slug)
    if phase is not None:
        query = query.where(Evaluation.phase == phase)
    rows = []
    for evaluation, submission, algorithm, vendor in session.exec(query).all():
        failed = _failed(session, evaluation.code)
        begun = [attempt.created_at for attempt in failed]
        rows.append(
            HeldRow(
                evaluation,
                submission,
                algorithm.name,
                vendor.name,
                since=max((attempt.ended_at or attempt.created_at for attempt in failed), default=None),
                tries=len(failed),
                others_since=_accepted_of_others(session, vendor.code, min(begun)) if begun else 0,
                tried_again=bool(begun) and max(begun) - min(begun) >= _A_DAY,
            )
        )
    return rows


def end_unscored(session: Session, evaluation: Evaluation, kind: RulingKind, reason: str, now: datetime) -> None:
    """End a queued or held evaluation without a score, and write down why.

    Raises:
        IllegalTransition: It is neither queued nor held any more.
    """
    state = EvaluationState(evaluation.state)
    transition(session, Evaluation, evaluation.code, expected=state, to=EvaluationState.UNSCORED, ended_at=now)
    session.add(Ruling(evaluation_code=evaluation.code, kind=kind, reason=reason, at=now))


def move_held(session: Session, slug: str, phase: str, now: datetime) -> list[tuple[str, bool]]:
    """Let the overdue ones among a phase's held evaluations go on once more, or end them.

    Args:
        session: A session that writes.
        slug: The challenge.
        phase: The phase for which a final waits.
        now: The present time.

    Returns:
        The evaluations that were moved, and of each whether it has ended.
    """
    moved = []
    for row in held_rows(session, slug, phase):
        if row.since is None or row.others_since == 0 or now - row.since < _A_DAY:
            continue
        if row.tried_again:
            reason = NOT_EVALUABLE.format(tries=row.tries)
            end_unscored(session, row.evaluation, RulingKind.NOT_EVALUABLE, reason, now)
        else:
            queue.release(session, row.evaluation.code)
        moved.append((row.evaluation.code, row.tried_again))
    return moved


def ruling_of(session: Session, evaluation_code: str) -> Ruling | None:
    """Return why an evaluation ended without a score, if it did."""
    return session.get(Ruling, evaluation_code)


def evaluations_in(session: Session, submission_code: str) -> Sequence[Evaluation]:
    """Return a submission's evaluations, the oldest first."""
    query = select(Evaluation).where(Evaluation.submission_code == submission_code)
    return session.exec(query.order_by(col(Evaluation.queued_at), col(Evaluation.code))).all()


def _failed(session: Session, evaluation_code: str) -> Sequence[Attempt]:
    """Return the attempts at an evaluation that the host failed, where a shard of it is held: else scoring failed."""
    held = select(Shard.id).where(Shard.evaluation_code == evaluation_code, Shard.state == ShardState.HELD)
    if session.exec(held).first() is None:
        return []
    return session.exec(
        select(Attempt).where(
            Attempt.shard_id == Shard.id,
            Shard.evaluation_code == evaluation_code,
            col(Attempt.state).in_([AttemptState.FAULTED, AttemptState.LOST]),
        )
    ).all()


def _accepted_of_others(session: Session, vendor_code: str, since: datetime) -> int:
    return session.exec(
        select(func.count())
        .select_from(ShardResult)
        .where(
            ShardResult.shard_id == Shard.id,
            Shard.evaluation_code == Evaluation.code,
            Evaluation.submission_code == Submission.code,
            Submission.algorithm_code == Algorithm.code,
            Algorithm.vendor_code != vendor_code,
            ShardResult.accepted_at >= since,
        )
    ).one()
