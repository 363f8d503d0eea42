"""What happens by itself: one idempotent `advance(now)`, called at each boundary and every minute.

Whether a phase is open is never stored; what has been done at its boundaries is, one row an action. A host that was
down over several boundaries does what they ask for in their order, once.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.date import DateTrigger
from apscheduler.triggers.interval import IntervalTrigger

from arena.challenge.opening import version_of_phase
from arena.challenge.phases import BoundaryAction, boundaries
from arena.challenge.schema import Declaration, Phase
from arena.leaderboard import Publisher, declared
from arena.store import boards
from arena.store.finals import add_final_evaluations, expose
from arena.store.rulings import move_held
from arena.store.session import Store

log = logging.getLogger(__name__)

EVERY_SECONDS = 60
SWEEP_SECONDS = 3600


def advance(store: Store, publisher: Publisher, now: datetime) -> list[tuple[str, str, BoundaryAction]]:
    """Do everything that is due at `now` and has not been done; return what was done as (challenge, phase, action)."""
    with store.read() as session:
        declarations = [declared(session, slug) for slug in boards.challenge_slugs(session)]
    done: list[tuple[str, str, BoundaryAction]] = []
    for declaration in declarations:
        slug = declaration.slug
        done.extend(
            (slug, boundary.phase, boundary.action)
            for boundary in boundaries(declaration)
            if boundary.at <= now and _do(store, publisher, declaration, boundary.phase, boundary.action, now)
        )
        done.extend(
            (slug, phase.name, BoundaryAction.PUBLISH)
            for phase in declaration.phases
            if phase.follows is not None and _publish_final(store, publisher, declaration, phase, now)
        )
    return done


def _do(
    store: Store, publisher: Publisher, declaration: Declaration, phase_name: str, action: BoundaryAction, now: datetime
) -> bool:
    slug, phase = declaration.slug, declaration.phase(phase_name)
    with store.read() as session:
        if phase is None or (phase_name, action) in boards.done_actions(session, slug):
            return False
        if boards.newest_case_set(session, slug, phase.cases) is None:
            log.warning("case_set_missing", extra={"challenge": slug, "phase": phase_name, "case_set": phase.cases})
            return False
    if action is BoundaryAction.NOMINATE:
        return _nominate(store, publisher, declaration, phase, now)
    # Published before the row is written: killed in between, it is published again, and nothing differs.
    publisher.publish(slug, phase_name, now)
    with store.write() as session:
        if action is BoundaryAction.CLOSE:
            expose(session, slug, phase.cases, now)
        return boards.add_action(session, slug, phase_name, action, now)


def _nominate(store: Store, publisher: Publisher, declaration: Declaration, phase: Phase, now: datetime) -> bool:
    """Queue one new evaluation on the final set for each entrant, once all of them have a score to be chosen by."""
    slug, before = declaration.slug, phase.follows
    if before is None:
        msg = f"phase {phase.name} follows none"
        raise ValueError(msg)
    with store.read() as session:
        if (before, BoundaryAction.CLOSE) not in boards.done_actions(session, slug):
            return False
    if _must_wait(store, slug, before, now):
        return False
    if publisher.awaits_rejudging(slug, before):
        return False
    entrants = publisher.entrants(slug, before, now)
    with store.write() as session:
        if not boards.add_action(session, slug, phase.name, BoundaryAction.NOMINATE, now):
            return False
        version = version_of_phase(session, slug, phase.name)
        add_final_evaluations(session, slug, phase.name, phase.cases, version.digest, entrants, now)
    return True


def _must_wait(store: Store, slug: str, phase: str, now: datetime) -> bool:
    """Say whether evaluations of a phase have not ended; those that are held too long go on once more, or end."""
    with store.write() as session:
        moved = move_held(session, slug, phase, now)
    for code, ended in moved:
        log.warning("held_moved", extra={"evaluation": code, "phase": phase, "ended": ended})
    with store.read() as session:
        return boards.unsettled(session, slug, phase) > 0


def _publish_final(store: Store, publisher: Publisher, declaration: Declaration, phase: Phase, now: datetime) -> bool:
    slug = declaration.slug
    with store.read() as session:
        done = boards.done_actions(session, slug)
        if (phase.name, BoundaryAction.NOMINATE) not in done or (phase.name, BoundaryAction.PUBLISH) in done:
            return False
    if _must_wait(store, slug, phase.name, now):
        return False
    if publisher.awaits_rejudging(slug, phase.name):
        return False
    publisher.publish(slug, phase.name, now)
    with store.write() as session:
        expose(session, slug, phase.cases, now)
        return boards.add_action(session, slug, phase.name, BoundaryAction.PUBLISH, now)


class Clockwork:
    """APScheduler around `advance`: every minute, and at each boundary that still lies ahead."""

    def __init__(self, tick: Callable[[], None], store: Store, sweep: Callable[[], None] | None = None) -> None:
        """Call `tick` whenever something may be due, and `sweep` every hour to remove what is kept too long."""
        self._tick = tick
        self._sweep = sweep
        self._store = store
        self._busy = threading.Lock()
        self._stopped = False
        self._scheduler = BackgroundScheduler(
            timezone=UTC, job_defaults={"coalesce": True, "misfire_grace_time": None, "max_instances": 1}
        )

    def start(self) -> None:
        """Begin; the first tick comes at once."""
        trigger = IntervalTrigger(seconds=EVERY_SECONDS, timezone=UTC)
        self._scheduler.add_job(self._run, trigger, id="advance", next_run_time=datetime.now(UTC))
        if self._sweep is not None:
            hourly = IntervalTrigger(seconds=SWEEP_SECONDS, timezone=UTC)
            self._scheduler.add_job(self._sweep_once, hourly, id="sweep", next_run_time=datetime.now(UTC))
        self._scheduler.start()

    def stop(self) -> None:
        """End, waiting for a tick that is under way."""
        if self._scheduler.running:
            # It would wait with its locks held, and a tick that plans boundaries needs them: so the waiting is ours.
            self._scheduler.shutdown(wait=False)
        with self._busy:
            self._stopped = True

    def _run(self) -> None:
        with self._busy:
            if not self._stopped:
                self._tick()
                self._plan_boundaries()

    def _sweep_once(self) -> None:
        with self._busy:
            if not self._stopped and self._sweep is not None:
                self._sweep()

    def _at_boundary(self) -> None:
        with self._busy:
            if not self._stopped:
                self._tick()

    def _plan_boundaries(self) -> None:
        now = datetime.now(UTC)
        with self._store.read() as session:
            declarations = [declared(session, slug) for slug in boards.challenge_slugs(session)]
        moments = {boundary.at for declaration in declarations for boundary in boundaries(declaration)}
        for moment in sorted(moment for moment in moments if moment > now):
            self._scheduler.add_job(
                self._at_boundary, DateTrigger(moment, timezone=UTC), id=moment.isoformat(), replace_existing=True
            )
