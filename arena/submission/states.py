"""The states of a submission and the one table of its transitions.

    ACCEPTED ──> WITHDRAWN   by the organiser, for its vendor or because this host cannot run it: it counts nowhere
    ACCEPTED ──> REFUSED     by the organiser: it broke the rules, and counts towards the quota

A submission that fails its checks is never written at all. Both ends are final; what was computed stays stored.
"""

from __future__ import annotations

from sqlmodel import Session

from arena.errors import IllegalTransition
from arena.store.session import transition
from arena.store.tables import Submission, SubmissionState

TRANSITIONS: dict[SubmissionState, frozenset[SubmissionState]] = {
    SubmissionState.ACCEPTED: frozenset({SubmissionState.WITHDRAWN, SubmissionState.REFUSED}),
    SubmissionState.WITHDRAWN: frozenset(),
    SubmissionState.REFUSED: frozenset(),
}


def change_state(session: Session, code: str, *, expected: SubmissionState, to: SubmissionState) -> None:
    """Change a submission's state along the table.

    Raises:
        IllegalTransition: The table has no such step, or the submission is not in the expected state.
    """
    if to not in TRANSITIONS[expected]:
        allowed = (
            " or ".join(sorted(state for state, ends in TRANSITIONS.items() if to in ends)) or "none: it is a beginning"
        )
        raise IllegalTransition(kind="submission", code_given=code, expected=allowed)
    transition(session, Submission, code, expected=expected, to=to)
