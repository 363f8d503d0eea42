"""Case sets: what an import looks up before it adds one, and adding it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlmodel import Session, col, select

from arena.store.session import transition
from arena.store.tables import Case, CaseSet, Evaluation, EvaluationState


def case_sets_of(session: Session, challenge_slug: str) -> list[CaseSet]:
    """Return every version of every case set of a challenge, by name and version."""
    return list(
        session.exec(
            select(CaseSet)
            .where(CaseSet.challenge_slug == challenge_slug)
            .order_by(col(CaseSet.name), col(CaseSet.version))
        )
    )


def cases_of_set(session: Session, case_set_digest: str) -> list[Case]:
    """Return the cases of a set, by name."""
    return list(session.exec(select(Case).where(Case.case_set_digest == case_set_digest).order_by(col(Case.name))))


def has_evaluations(session: Session, case_set_digest: str) -> bool:
    """Say whether a set has ever been evaluated on."""
    found = select(Evaluation.code).where(Evaluation.case_set_digest == case_set_digest).limit(1)
    return session.exec(found).first() is not None


def add_case_set(session: Session, case_set: CaseSet, cases: Sequence[Case]) -> None:
    """Add a set with its cases."""
    session.add(case_set)
    session.flush()  # the set first: no relationship tells the session that cases refer to it
    session.add_all(cases)


def replace_references(
    session: Session, case_set_digest: str, *, sha256: str, size_bytes: int, counts: dict[str, Any]
) -> CaseSet:
    """Point a set to corrected references; its studies, and so its digest, stay.

    What has been scored by the old ones is scored again from its stored predictions; no container runs.
    """
    case_set = session.get_one(CaseSet, case_set_digest)
    case_set.references_digest = sha256
    case_set.references_size_bytes = size_bytes
    case_set.counts = counts
    session.add(case_set)
    scored = select(Evaluation.code).where(
        Evaluation.case_set_digest == case_set_digest, Evaluation.state == EvaluationState.SCORED
    )
    for code in session.exec(scored).all():
        transition(session, Evaluation, code, expected=EvaluationState.SCORED, to=EvaluationState.RECORDED)
    return case_set
