"""Judging stored predictions anew: what has no scorecard under the rules and the scorer in force. No container runs."""

from __future__ import annotations

import threading
from collections.abc import Callable

from sqlmodel import Session

from arena.challenge.opening import version_of_phase
from arena.evaluation.settle import Settler
from arena.scoring import SCORER_VERSION
from arena.store import scorecards
from arena.store.session import Store

_WAIT_SECONDS = 0.5


def mark_outdated(store: Store, slug: str, phases: list[str]) -> dict[str, int]:
    """Send every evaluation of these phases back to be scored that has no scorecard by today's rules.

    Today's rules of a phase are those of the version that judges it, the newest references of its case set, and this
    scorer. A worker, or `settle`, scores what is marked.

    Returns:
        How many were marked, by phase.

    Raises:
        UnknownChallenge: No challenge of that name is open here.
        NotFound: It has no such phase.
    """
    with store.write() as session:
        return {phase: _mark(session, slug, phase) for phase in phases}


def _mark(session: Session, slug: str, phase: str) -> int:
    version = version_of_phase(session, slug, phase)
    found = scorecards.without_scorecard(
        session, slug, phase, judging_digest=version.judging_digest, scorer_version=SCORER_VERSION
    )
    for evaluation in found:
        scorecards.score_again(session, evaluation, version)
    return len(found)


def settle(settler: Settler, bell: threading.Event, report: Callable[[], None] = lambda: None) -> None:
    """Let a settler work until nothing is left to record or to score; `bell` is its doorbell."""
    while True:
        bell.clear()
        moved = settler.step()
        if not moved and not settler.busy:
            return
        report()
        if settler.busy:
            bell.wait(_WAIT_SECONDS)
