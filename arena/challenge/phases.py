"""Whether a phase is open: computed from the declaration and the clock, never stored.

Submit, page, API and CLI all ask `phase_status`; the schedule asks `boundaries` when something falls due.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from arena.challenge.schema import Declaration, Phase
from arena.errors import NotFound


class PhaseState(StrEnum):
    """Where a phase stands at one moment."""

    UPCOMING = "upcoming"
    OPEN = "open"
    CLOSED = "closed"


class BoundaryAction(StrEnum):
    """What is done once for a phase; the order is that of actions that fall due at the same moment.

    PUBLISH has no time of its own: it is due when every nominated entry has been scored.
    """

    CLOSE = "close"
    NOMINATE = "nominate"
    OPEN = "open"
    PUBLISH = "publish"


@dataclass(frozen=True, slots=True)
class PhaseStatus:
    """A phase at one moment.

    `opens_at` is None for a phase that follows another, which opens for nobody; its `closes_at` is that of the
    followed phase. `next_change_at` is None once nothing will change by the clock.
    """

    state: PhaseState
    opens_at: datetime | None
    closes_at: datetime
    next_change_at: datetime | None

    @property
    def accepts_submissions(self) -> bool:
        """Whether a vendor may submit now."""
        return self.state is PhaseState.OPEN


@dataclass(frozen=True, slots=True)
class Boundary:
    """A moment at which `action` falls due for `phase`."""

    at: datetime
    phase: str
    action: BoundaryAction


def phase_status(declaration: Declaration, phase_name: str, now: datetime) -> PhaseStatus:
    """Say where a phase stands at `now`.

    A window is half open: at `opens_at` the phase is open, at `closes_at` it is closed. A phase that follows another is
    upcoming until that one closes and closed from then on: it never accepts a submission.

    Raises:
        NotFound: The challenge declares no such phase.
        ValueError: `now` has no time zone.
    """
    if now.tzinfo is None:
        raise ValueError(f"naive time {now!r}")
    phase = _phase(declaration, phase_name)
    if phase.follows is not None:
        _, closes_at = _window(_phase(declaration, phase.follows))
        if now < closes_at:
            return PhaseStatus(PhaseState.UPCOMING, None, closes_at, closes_at)
        return PhaseStatus(PhaseState.CLOSED, None, closes_at, None)
    opens_at, closes_at = _window(phase)
    if now < opens_at:
        return PhaseStatus(PhaseState.UPCOMING, opens_at, closes_at, opens_at)
    if now < closes_at:
        return PhaseStatus(PhaseState.OPEN, opens_at, closes_at, closes_at)
    return PhaseStatus(PhaseState.CLOSED, opens_at, closes_at, None)


def boundaries(declaration: Declaration) -> list[Boundary]:
    """Return every moment at which something falls due, earliest first.

    At one moment phases close before the entries of what follows are nominated, and others open last; equal actions
    keep the order of declaration.
    """
    found: list[Boundary] = []
    for phase in declaration.phases:
        if phase.follows is not None:
            _, closes_at = _window(_phase(declaration, phase.follows))
            found.append(Boundary(closes_at, phase.name, BoundaryAction.NOMINATE))
        else:
            opens_at, closes_at = _window(phase)
            found.append(Boundary(opens_at, phase.name, BoundaryAction.OPEN))
            found.append(Boundary(closes_at, phase.name, BoundaryAction.CLOSE))
    order = list(BoundaryAction)
    return sorted(found, key=lambda boundary: (boundary.at, order.index(boundary.action)))


def attempts_allowed(declaration: Declaration, phase: Phase) -> int:
    """Return how many submissions a vendor may make on a phase's set and be told of: 1 means that it is scored once.

    The entries of a phase that follows another on the same set were selected on that set all the same.
    """
    if phase.follows is None:
        return phase.quota.total
    followed = _phase(declaration, phase.follows)
    return followed.quota.total if followed.cases == phase.cases else 1


def _phase(declaration: Declaration, name: str) -> Phase:
    phase = declaration.phase(name)
    if phase is None:
        raise NotFound(kind=f'phase of challenge "{declaration.slug}"', code_given=name)
    return phase


def _window(phase: Phase) -> tuple[datetime, datetime]:
    if phase.opens_at is None or phase.closes_at is None:
        raise ValueError(f"phase {phase.name!r} has no window")
    return phase.opens_at, phase.closes_at
