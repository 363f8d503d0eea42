"""What happens to a challenge's rows when a phase closes: its set is exposed, its entrants are queued for the final."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session, select

from arena.store.boards import newest_case_set
from arena.store.session import new_code
from arena.store.tables import Evaluation


def expose(session: Session, slug: str, case_set_name: str, now: datetime) -> None:
    """Note that fine numbers of a case set are public from now on; a new phase on it will be refused."""
    case_set = newest_case_set(session, slug, case_set_name)
    if case_set is not None and case_set.exposed_at is None:
        case_set.exposed_at = now
        session.add(case_set)


def add_final_evaluations(
    session: Session,
    slug: str,
    phase: str,
    case_set_name: str,
    version_digest: str,
    submissions: Sequence[str],
    now: datetime,
) -> list[Evaluation]:
    """Queue one evaluation on the final set for each submission that has none yet.

    All of them are judged by one version of the rules, for they share one leaderboard.
    """
    case_set = newest_case_set(session, slug, case_set_name)
    if case_set is None:
        msg = f"challenge {slug} lacks case set {case_set_name}"
        raise ValueError(msg)
    added = []
    for submission in submissions:
        query = select(Evaluation).where(Evaluation.submission_code == submission, Evaluation.phase == phase)
        if session.exec(query).first() is None:
            evaluation = Evaluation(
                code=new_code(),
                submission_code=submission,
                phase=phase,
                case_set_digest=case_set.digest,
                challenge_version=version_digest,
                queued_at=now,
            )
            session.add(evaluation)
            added.append(evaluation)
    return added
