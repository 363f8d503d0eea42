"""The durable queue: evaluations, shards, attempts and their accepted results, each change one guarded update.

An attempt's row is written before anything runs. Execution may happen more than once; acceptance happens once,
because the shard is the primary key of its result.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func
from sqlmodel import Session, col, select

from arena.errors import IllegalTransition
from arena.store.session import transition
from arena.store.tables import (
    Algorithm,
    Attempt,
    AttemptState,
    Case,
    Evaluation,
    EvaluationState,
    Shard,
    ShardResult,
    ShardState,
    Submission,
)
from runners.values import AttemptId, Receipt, ShardId

RERUN = "rerun"
MAIN = "main"

_SHARD_TO_VENDOR = (
    Shard.evaluation_code == Evaluation.code,
    Evaluation.submission_code == Submission.code,
    Submission.algorithm_code == Algorithm.code,
)
"""How a shard leads to the algorithm, and so to the vendor, that it runs."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A waiting shard and what the order of the queue depends on."""

    shard: Shard
    evaluation: Evaluation
    vendor_code: str


@dataclass(frozen=True, slots=True)
class ShardOutput:
    """A shard and its accepted result."""

    shard: Shard
    result: ShardResult


def unplanned(session: Session) -> list[Evaluation]:
    """Return the queued evaluations that have no shard yet, oldest first."""
    has_shard = select(Shard.evaluation_code).distinct()
    return list(
        session.exec(
            select(Evaluation)
            .where(Evaluation.state == EvaluationState.QUEUED, col(Evaluation.code).not_in(has_shard))
            .order_by(col(Evaluation.queued_at), col(Evaluation.code))
        )
    )


def recorded(session: Session, submission_code: str, phase: str) -> Evaluation | None:
    """Return a submission's evaluation in a phase if its answers are recorded."""
    return session.exec(
        select(Evaluation)
        .where(
            Evaluation.submission_code == submission_code,
            Evaluation.phase == phase,
            col(Evaluation.predictions_sha256).is_not(None),
        )
        .order_by(col(Evaluation.queued_at).desc(), col(Evaluation.code).desc())
    ).first()


def case_names(session: Session, case_set_digest: str) -> list[str]:
    """Return the opaque names of a set's cases in order."""
    return list(session.exec(select(Case.name).where(Case.case_set_digest == case_set_digest).order_by(col(Case.name))))


def cases_of(session: Session, case_set_digest: str, names: Sequence[str]) -> list[Case]:
    """Return the named cases of a set, in order of their names."""
    wanted = set(names)
    rows = session.exec(select(Case).where(Case.case_set_digest == case_set_digest).order_by(col(Case.name)))
    return [case for case in rows if case.name in wanted]


def add_shard(session: Session, evaluation_code: str, number: int, kind: str, names: Sequence[str]) -> Shard:
    """Insert a shard; its id follows from the evaluation, so that planning twice cannot make two."""
    shard = Shard(
        id=f"{evaluation_code}-{number:04d}",
        evaluation_code=evaluation_code,
        number=number,
        kind=kind,
        case_names=list(names),
    )
    session.add(shard)
    return shard


def waiting(session: Session) -> list[Offer]:
    """Return the shards that wait for an attempt, in the order in which they may start.

    The vendor with the fewest running shards comes first, then the one that has used the fewest slot-seconds,
    then whoever waits longest: nobody's flood of submissions delays another vendor by more than one shard a slot.
    """
    offers = [
        Offer(shard, evaluation, vendor)
        for shard, evaluation, vendor in session.exec(
            select(Shard, Evaluation, Algorithm.vendor_code)
            .where(
                *_SHARD_TO_VENDOR,
                Shard.state == ShardState.WAITING,
                col(Evaluation.state).in_([EvaluationState.QUEUED, EvaluationState.RUNNING]),
            )
            .order_by(col(Evaluation.queued_at), col(Evaluation.code), col(Shard.number))
        )
    ]
    running = _per_vendor_running(session)
    used = _per_vendor_seconds(session)
    offers.sort(key=lambda offer: (running.get(offer.vendor_code, 0), used.get(offer.vendor_code, 0.0)))
    return offers


def _per_vendor_running(session: Session) -> dict[str, int]:
    rows = session.exec(
        select(Algorithm.vendor_code, func.count())
        .where(Attempt.state == AttemptState.OPEN, Attempt.shard_id == Shard.id, *_SHARD_TO_VENDOR)
        .group_by(Algorithm.vendor_code)
    )
    return dict(rows.all())


def _per_vendor_seconds(session: Session) -> dict[str, float]:
    """Return how long each vendor has had a slot: by its results, and by attempts that came to none.

    A container that makes an attempt a fault of the host would otherwise have all slots for nothing. Attempts that were
    lost do not count: that is this host's own doing.
    """
    rows = session.exec(
        select(Algorithm.vendor_code, func.sum(ShardResult.run_seconds))
        .where(ShardResult.shard_id == Shard.id, *_SHARD_TO_VENDOR)
        .group_by(Algorithm.vendor_code)
    )
    used = {vendor: float(seconds or 0.0) for vendor, seconds in rows}
    faulted = session.exec(
        select(Algorithm.vendor_code, Attempt.created_at, Attempt.ended_at).where(
            Attempt.state == AttemptState.FAULTED, Attempt.shard_id == Shard.id, *_SHARD_TO_VENDOR
        )
    )
    for vendor, began, ended in faulted:
        if ended is not None:
            used[vendor] = used.get(vendor, 0.0) + (ended - began).total_seconds()
    return used


def open_attempts(session: Session) -> list[tuple[Attempt, Shard]]:
    """Return the attempts whose end is not yet known, with their shards."""
    rows = session.exec(select(Attempt, Shard).where(Attempt.shard_id == Shard.id, Attempt.state == AttemptState.OPEN))
    return list(rows)


def start_attempt(
    session: Session, shard: Shard, attempt_id: AttemptId, *, now: datetime, lease_seconds: float
) -> Attempt:
    """Write the attempt's row, before the runner hears of it.

    Raises:
        IllegalTransition: Its evaluation has ended meanwhile, or another attempt has its shard.
    """
    evaluation = session.get_one(Evaluation, shard.evaluation_code)
    if evaluation.state not in {EvaluationState.QUEUED, EvaluationState.RUNNING}:
        raise IllegalTransition(kind="evaluation", code_given=evaluation.code, expected="queued or running")
    transition(session, Shard, shard.id, expected=ShardState.WAITING, to=ShardState.OPEN)
    if evaluation.state == EvaluationState.QUEUED:
        transition(
            session,
            Evaluation,
            evaluation.code,
            expected=EvaluationState.QUEUED,
            to=EvaluationState.RUNNING,
            started_at=now,
        )
    earlier = session.exec(select(func.count()).select_from(Attempt).where(Attempt.shard_id == shard.id)).one()
    attempt = Attempt(
        id=attempt_id,
        shard_id=shard.id,
        number=earlier + 1,
        created_at=now,
        lease_until=now + timedelta(seconds=lease_seconds),
    )
    session.add(attempt)
    return attempt


def renew_lease(session: Session, attempt_id: str, until: datetime) -> None:
    """Keep an attempt whose runner says that it goes on."""
    transition(session, Attempt, attempt_id, expected=AttemptState.OPEN, to=AttemptState.OPEN, lease_until=until)


def accept(session: Session, shard_id: ShardId, attempt_id: AttemptId, receipt: Receipt, now: datetime) -> bool:
    """Take an attempt's receipt as its shard's result, unless another attempt's was taken before.

    Returns:
        Whether it was taken; otherwise the attempt is closed as late.
    """
    if receipt.output is None:
        msg = f"attempt {attempt_id} has no output to accept"
        raise ValueError(msg)
    if session.get(ShardResult, shard_id) is not None:
        transition(
            session, Attempt, attempt_id, expected=AttemptState.OPEN, to=AttemptState.LATE, ended_at=now, reason="late"
        )
        return False
    session.add(
        ShardResult(
            shard_id=shard_id,
            attempt_id=attempt_id,
            output_sha256=receipt.output.sha256,
            output_size_bytes=receipt.output.size_bytes,
            manifest=receipt.manifest,
            policy_digest=receipt.policy_digest,
            startup_seconds=receipt.startup_seconds,
            run_seconds=receipt.run_seconds,
            log_sha256=None if receipt.log is None else receipt.log.sha256,
            accepted_at=now,
        )
    )
    transition(session, Attempt, attempt_id, expected=AttemptState.OPEN, to=AttemptState.ACCEPTED, ended_at=now)
    transition(session, Shard, shard_id, expected=ShardState.OPEN, to=ShardState.ACCEPTED)
    return True


def give_up(
    session: Session, attempt: Attempt, shard: Shard, to: AttemptState, reason: str, *, now: datetime, host_retries: int
) -> bool:
    """Close an attempt that the host failed, and let its shard wait for another one.

    Returns:
        False if the shard has used up its retries; it and its evaluation are then held, never scored.
    """
    transition(session, Attempt, attempt.id, expected=AttemptState.OPEN, to=to, ended_at=now, reason=reason)
    faults = shard.host_faults + 1
    if faults <= host_retries:
        transition(session, Shard, shard.id, expected=ShardState.OPEN, to=ShardState.WAITING, host_faults=faults)
        return True
    transition(session, Shard, shard.id, expected=ShardState.OPEN, to=ShardState.HELD, host_faults=faults)
    evaluation = session.get_one(Evaluation, shard.evaluation_code)
    if evaluation.state == EvaluationState.RUNNING:
        transition(
            session,
            Evaluation,
            evaluation.code,
            expected=EvaluationState.RUNNING,
            to=EvaluationState.HELD,
            held_reason=reason,
        )
    return False


def complete(session: Session) -> list[Evaluation]:
    """Return the running evaluations all of whose shards have an accepted result."""
    unfinished = select(Shard.evaluation_code).where(Shard.state != ShardState.ACCEPTED)
    return list(
        session.exec(
            select(Evaluation)
            .where(Evaluation.state == EvaluationState.RUNNING, col(Evaluation.code).not_in(unfinished))
            .order_by(col(Evaluation.queued_at), col(Evaluation.code))
        )
    )


def outputs(session: Session, evaluation_code: str) -> list[ShardOutput]:
    """Return an evaluation's shards with their accepted results, in order of their numbers."""
    rows = session.exec(
        select(Shard, ShardResult)
        .where(Shard.evaluation_code == evaluation_code, ShardResult.shard_id == Shard.id)
        .order_by(col(Shard.number))
    )
    return [ShardOutput(shard, result) for shard, result in rows]


def in_state(session: Session, state: EvaluationState) -> list[Evaluation]:
    """Return the evaluations in a state, oldest first."""
    return list(
        session.exec(
            select(Evaluation)
            .where(Evaluation.state == state)
            .order_by(col(Evaluation.queued_at), col(Evaluation.code))
        )
    )


def unfinished(session: Session) -> int:
    """Return how many evaluations still have work to do; held ones wait for a person."""
    states = [EvaluationState.QUEUED, EvaluationState.RUNNING, EvaluationState.RECORDED]
    return session.exec(select(func.count()).select_from(Evaluation).where(col(Evaluation.state).in_(states))).one()


def case_progress(session: Session) -> tuple[int, int]:
    """Return how many cases have an accepted result and how many are planned, over all evaluations."""
    done = planned = 0
    for state, names in session.exec(select(Shard.state, Shard.case_names)):
        planned += len(names)
        done += len(names) if state == ShardState.ACCEPTED else 0
    return done, planned


def release_held(session: Session) -> list[str]:
    """Let held evaluations go on: their held shards wait again, their retries are counted anew."""
    codes = [evaluation.code for evaluation in in_state(session, EvaluationState.HELD)]
    for code in codes:
        release(session, code)
    return codes


def release(session: Session, evaluation_code: str) -> None:
    """Let a held evaluation go on."""
    held = select(Shard).where(Shard.evaluation_code == evaluation_code, Shard.state == ShardState.HELD)
    for shard in session.exec(held).all():
        transition(session, Shard, shard.id, expected=ShardState.HELD, to=ShardState.WAITING, host_faults=0)
    transition(
        session,
        Evaluation,
        evaluation_code,
        expected=EvaluationState.HELD,
        to=EvaluationState.RUNNING,
        held_reason=None,
    )


def state_counts(session: Session) -> dict[str, int]:
    """Return how many evaluations stand in which state."""
    rows = session.exec(select(Evaluation.state, func.count()).group_by(Evaluation.state))
    return {str(state): count for state, count in rows}


def held(session: Session) -> list[Evaluation]:
    """Return the evaluations that a fault of the host holds up."""
    return in_state(session, EvaluationState.HELD)
