"""Naming what goes to the final: one submission of a vendor, and at most one more, before the phase closes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session

from arena.challenge.opening import version_valid_at
from arena.challenge.phases import phase_status
from arena.challenge.schema import Declaration, EntryRule
from arena.errors import NominationRefused, NotFound
from arena.store import queries
from arena.store.session import Store
from arena.store.tables import Algorithm, Submission, SubmissionState

MOST = 2
"""How many submissions a vendor may name; the first ranks, the second is run and listed beside it."""


def nominate(store: Store, codes: Sequence[str], now: datetime) -> list[Submission]:
    """Choose submissions for the final, the first-named ranks; what their vendor named before in that phase is undone.

    Raises:
        NotFound: There is no submission of such a code.
        NominationRefused: They are not one vendor's accepted submissions in one open phase that lets vendors choose.
    """
    if not 1 <= len(set(codes)) == len(codes) <= MOST:
        raise NominationRefused(reason=f"name one submission, or {MOST} different ones")
    with store.write() as session:
        named = [_submission(session, code) for code in codes]
        vendor = _vendor_of(session, named[0])
        _check_same(session, named, vendor)
        _check_phase(session, named[0], now)
        for other in queries.submissions_of_vendor(
            session, slug=named[0].challenge_slug, phase=named[0].phase, vendor_code=vendor
        ):
            other.chosen_for_final = other.code in codes
            other.second_choice = other.code in codes[1:]
            session.add(other)
    return named


def _submission(session: Session, code: str) -> Submission:
    found = session.get(Submission, code)
    if found is None:
        raise NotFound(kind="submission", code_given=code)
    if found.state != SubmissionState.ACCEPTED:
        raise NominationRefused(reason=f"submission {code} is {found.state}")
    return found


def _vendor_of(session: Session, submission: Submission) -> str:
    return session.get_one(Algorithm, submission.algorithm_code).vendor_code


def _check_same(session: Session, named: Sequence[Submission], vendor: str) -> None:
    first = named[0]
    for other in named[1:]:
        if _vendor_of(session, other) != vendor:
            raise NominationRefused(reason=f"{first.code} and {other.code} are of different vendors")
        if (other.challenge_slug, other.phase) != (first.challenge_slug, first.phase):
            raise NominationRefused(reason=f"{first.code} and {other.code} are in different phases")


def _check_phase(session: Session, submission: Submission, now: datetime) -> None:
    slug, name = submission.challenge_slug, submission.phase
    declaration = Declaration.model_validate(version_valid_at(session, slug, now).declaration)
    phase = declaration.phase(name)
    if phase is None:
        raise NotFound(kind=f'phase of challenge "{slug}"', code_given=name)
    if phase.entry_rule is not EntryRule.CHOSEN:
        reason = f'phase "{name}" of "{slug}" does not let vendors choose: its entry_rule is {phase.entry_rule}'
        raise NominationRefused(reason=reason)
    status = phase_status(declaration, name, now)
    if not status.accepts_submissions:
        closed = f"{status.closes_at:%Y-%m-%d %H:%M} UTC"
        raise NominationRefused(reason=f'phase "{name}" of "{slug}" is {status.state}; one names until {closed}')
