"""What is read for the vendor of one submission: its evaluations, their case sets, and the logs that were kept."""

from __future__ import annotations

from collections.abc import Sequence

from sqlmodel import Session, col, select

from arena.store.tables import CaseSet, ChallengeVersion, Evaluation, Shard, ShardResult


def evaluations_of(session: Session, submission: str) -> list[tuple[Evaluation, CaseSet, ChallengeVersion]]:
    """Return the evaluations of a submission, the oldest first, with their case sets and rules."""
    rows = session.exec(
        select(Evaluation, CaseSet, ChallengeVersion)
        .where(
            Evaluation.submission_code == submission,
            Evaluation.case_set_digest == CaseSet.digest,
            Evaluation.challenge_version == ChallengeVersion.digest,
        )
        .order_by(col(Evaluation.queued_at), col(Evaluation.code))
    )
    return [(evaluation, case_set, version) for evaluation, case_set, version in rows]


def logs_of(session: Session, evaluation: str) -> Sequence[tuple[int, str]]:
    """Return the number of each shard whose log was kept, and the log's digest, in order."""
    rows = session.exec(
        select(Shard.number, ShardResult.log_sha256)
        .where(Shard.evaluation_code == evaluation, ShardResult.shard_id == Shard.id)
        .order_by(col(Shard.number))
    )
    return [(number, digest) for number, digest in rows if digest is not None]
