"""The organiser's word over a submission that waits or is held: refused or withdrawn, with a reason, for good."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from arena.errors import NotFound, RulingRefused
from arena.store.rulings import end_unscored, evaluations_in
from arena.store.session import Store
from arena.store.tables import ENDED, EvaluationState, RulingKind, Submission, SubmissionState
from arena.submission.states import change_state

REASON_CHARACTERS = 500
_STATES = {RulingKind.REFUSED: SubmissionState.REFUSED, RulingKind.WITHDRAWN: SubmissionState.WITHDRAWN}
_OPEN = frozenset({EvaluationState.QUEUED, EvaluationState.HELD})


@dataclass(frozen=True, slots=True)
class Ruled:
    """What a ruling ended: evaluations by their phases. `stands` says that what was scored before stays as it is."""

    submission: Submission
    kind: RulingKind
    phases: tuple[str, ...]
    stands: bool


def rule(store: Store, code: str, kind: RulingKind, reason: str, now: datetime) -> Ruled:
    """End the queued and held evaluations of a submission without a score.

    A submission of which nothing has been scored is refused or withdrawn itself. Of one that has a score already, in
    the phase before a final, that score stands, and it is the final that goes on without it. To withdraw gives the
    vendor its place in the quota back, for nothing of it has been told; to refuse does not.

    Raises:
        NotFound: There is no such submission.
        RulingRefused: The reason is missing or too long, or there is nothing that waits or is held.
    """
    reason = reason.strip()
    if not 0 < len(reason) <= REASON_CHARACTERS or not reason.isprintable():
        step = f"Give --reason in one line of 1 to {REASON_CHARACTERS} characters; its vendor reads it."
        raise _refusal(code, kind, f"the reason has {len(reason)} characters or more lines than one", step)
    with store.write() as session:
        submission = session.get(Submission, code)
        if submission is None:
            raise NotFound(kind="submission", code_given=code)
        evaluations = evaluations_in(session, code)
        working = [each for each in evaluations if each.state not in {*_OPEN, *ENDED}]
        if working:
            step = "Wait until it is scored or held; `arena held` lists what is."
            raise _refusal(code, kind, f"its evaluation in phase {working[0].phase} is {working[0].state}", step)
        waiting = [each for each in evaluations if each.state in _OPEN]
        if not waiting:
            raise _refusal(code, kind, "nothing of it waits or is held", "`arena held` lists what is.")
        for evaluation in waiting:
            end_unscored(session, evaluation, kind, reason, now)
        stands = any(each.state == EvaluationState.SCORED for each in evaluations)
        if not stands and submission.state == SubmissionState.ACCEPTED:
            change_state(session, code, expected=SubmissionState.ACCEPTED, to=_STATES[kind])
            session.refresh(submission)
        return Ruled(submission, kind, tuple(each.phase for each in waiting), stands)


def _refusal(code: str, kind: RulingKind, reason: str, next_step: str) -> RulingRefused:
    return RulingRefused(submission=code[:40], wanted=kind.value, reason=reason, next_step=next_step)
