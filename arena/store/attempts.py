"""Which attempt at a calibration test an evaluation is: counted over the vendor, so that another name wins none."""

from __future__ import annotations

from dataclasses import dataclass

from sqlmodel import Session, col, select

from arena.store.tables import Algorithm, CaseSet, Evaluation, Submission

_SAMPLE = "sample"


@dataclass(frozen=True, slots=True)
class Attempts:
    """The place of an evaluation among its vendor's in a challenge, itself included; sample sets count nowhere.

    Attributes:
        on_set: How many of them are on its case set.
        sets: How many case sets they are on.
    """

    on_set: int
    sets: int


def attempts_of(session: Session, evaluation: Evaluation) -> Attempts:
    """Count the vendor's evaluations up to this one, in the order in which they were queued.

    Withdrawn and refused submissions count: what has been evaluated once may have taught something. Nothing is ever
    removed from before an evaluation, so the count is the same whenever it is made.
    """
    submission = session.get_one(Submission, evaluation.submission_code)
    vendor = session.get_one(Algorithm, submission.algorithm_code).vendor_code
    rows = session.exec(
        select(Evaluation.case_set_digest, Evaluation.queued_at, Evaluation.code)
        .join(Submission, col(Evaluation.submission_code) == Submission.code)
        .join(Algorithm, col(Submission.algorithm_code) == Algorithm.code)
        .join(CaseSet, col(Evaluation.case_set_digest) == CaseSet.digest)
        .where(
            Submission.challenge_slug == submission.challenge_slug,
            Algorithm.vendor_code == vendor,
            CaseSet.split != _SAMPLE,
        )
    ).all()
    here = (evaluation.queued_at, evaluation.code)
    before = [digest for digest, queued_at, code in rows if (queued_at, code) <= here]
    return Attempts(on_set=before.count(evaluation.case_set_digest), sets=len(set(before)))
