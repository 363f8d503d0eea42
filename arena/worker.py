"""The worker: dispatcher, runner threads, scoring child and schedule in one process."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from arena.errors import HostError
from arena.schedule import Clockwork, advance
from arena.store import boards, queue
from arena.store.lock import only_dispatcher
from arena.wiring import Host, Machinery, local_runner, machinery, require_runner, sweep_images, utc_now
from runners.protocol import Observe, unobserved

log = logging.getLogger(__name__)

POLL_SECONDS = 0.5
"""How long the worker waits for its doorbell before it looks at the queue by itself."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the queue has come: cases of accepted shards, all planned cases, evaluations that still have work."""

    cases_done: int
    cases_planned: int
    unfinished: int


class Worker:
    """Works the durable queue; one at a time for each state."""

    def __init__(self, host: Host, *, clock: Callable[[], datetime] = utc_now, observe: Observe = unobserved) -> None:
        """Wire a worker of this host; nothing runs before `run`."""
        self._host = host
        self._clock = clock
        self._bell = threading.Event()
        self._stopping = False
        self._turn = threading.Lock()
        self._runner = local_runner(host, doorbell=self._bell.set, observe=observe)
        self._works: Machinery = machinery(host, self._runner, doorbell=self._bell.set, clock=clock, observe=observe)

    def run(self, until: Callable[[Progress], bool] | None = None) -> None:
        """Work with the schedule until `stop`, or until `until` says that it is enough."""
        with only_dispatcher(self._host.store, self._host.settings.home):
            clockwork = Clockwork(self._tick, self._host.store, self._sweep)
            try:
                self._begin()
                clockwork.start()
                while not self._stopping and not (until and until(self._progress())):
                    self._work()
            finally:
                clockwork.stop()
                self._end()

    def run_until_idle(self, report: Callable[[Progress], None] = lambda _progress: None) -> None:
        """Work until nothing is left to do that time alone would not bring; held evaluations wait for a person.

        Raises:
            RunnerUnavailable: No container engine answers.
        RunnerRefused: Its runtime does not hold containers.
        """
        require_runner(self._host.settings)
        with only_dispatcher(self._host.store, self._host.settings.home):
            try:
                self._begin()
                while not self._stopping:
                    changed = self._work()
                    progress = self._progress()
                    report(progress)
                    if not changed and progress.unfinished == 0 and not self.advance():
                        return
            finally:
                self._end()

    def stop(self) -> None:
        """Ask the worker to end; attempts that run are cancelled and tried again by the next worker."""
        # A signal's handler calls this in the midst of anything, also of the bell's own lock: so no event is set here.
        self._stopping = True

    def advance(self) -> bool:
        """Do what is due at phases' boundaries; say whether anything was."""
        with self._turn:
            done = advance(self._host.store, self._works.publisher, self._clock())
        if done:
            self._bell.set()
        return bool(done)

    def _tick(self) -> None:
        self.advance()

    def _sweep(self) -> None:
        try:
            swept = sweep_images(self._host, self._clock())
        except HostError as error:
            log.warning("sweep_failed", extra={"reason": str(error)})
            return
        if swept.archives or swept.images:
            log.info("images_removed", extra={"archives": len(swept.archives), "engine_images": len(swept.images)})

    def _begin(self) -> None:
        self._works.child.warm()
        # What a killed predecessor had scored and not published is looked at again, after work has been handed out.
        with self._host.store.read() as session:
            self._works.settler.scored.update(boards.phases_with_scores(session))

    def _work(self) -> bool:
        self._bell.clear()
        with self._turn:
            moved = self._works.dispatcher.step()
            settled = self._works.settler.step()
            self._publish()
        if not (moved or settled):
            self._bell.wait(POLL_SECONDS)
        return moved or settled

    def _publish(self) -> None:
        scored = self._works.settler.scored
        if not scored:
            return
        while scored:
            slug, phase = scored.pop()
            self._works.publisher.publish(slug, phase, self._clock())
        # A final may have waited for just this score: to be nominated for, or to be published.
        advance(self._host.store, self._works.publisher, self._clock())

    def _progress(self) -> Progress:
        with self._host.store.read() as session:
            done, planned = queue.case_progress(session)
            return Progress(done, planned, queue.unfinished(session))

    def _end(self) -> None:
        self._runner.close()
        self._works.child.close()
