"""LocalRunner: attempts in threads of this process, each pinned to CPUs of its own."""

from __future__ import annotations

import itertools
import logging
import math
import os
import socket
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from runners.execute import Host, execute_attempt, reap
from runners.faults import AttemptCancelled, RunnerFault
from runners.memory import capacity_mib, needed_mib
from runners.overdue import reap_overdue
from runners.protocol import BlobSource, Observe, ResultSink, Slot
from runners.shard import Canceller
from runners.values import AttemptId, AttemptSpec, Isolation, Receipt, Status

_log = logging.getLogger(__name__)
_CLOSE_SECONDS = 120.0
_SWEEP_SECONDS = 300.0
"""How often a runner that goes on looks for what self-tests of others have left."""

Doorbell = Callable[[AttemptId], None]


@dataclass(slots=True)
class _Attempt:
    spec: AttemptSpec
    cpus: tuple[int, ...]
    thread: threading.Thread
    canceller: Canceller = field(default_factory=Canceller)
    started: bool = False


class LocalRunner:
    """Runs attempts beside the engine of this machine.

    Each slot owns CPUs that no other slot has, so that latencies are comparable: slots × CPUs of a slot never exceed
    the CPUs that this process may use. An `exclusive` attempt has the machine to itself. No more attempts run at once
    than there is memory for, each with all that it may use: a container can use up what another one was promised.
    """

    def __init__(
        self, host: Host, *, studies: BlobSource, images: BlobSource, results: ResultSink,
        slots: int | None = None, cpus_per_slot: int = 1, doorbell: Doorbell | None = None,
        observe: Observe | None = None,
    ) -> None:  # fmt: skip
        """Lay out the slots; nothing is started and the engine is not asked.

        Args:
            host: The engine, the staging root and this runner's id.
            studies: The studies' blobs.
            images: The submitted image archives.
            results: Where outputs and receipts go.
            slots: Containers run at once; by default as many as the CPUs allow.
            cpus_per_slot: CPUs that a container is pinned to.
            doorbell: Called, in the attempt's thread, when an attempt has ended.
            observe: Handed to `execute_attempt`.

        Raises:
            ValueError: The slots need more CPUs than there are.
        """
        available = sorted(os.sched_getaffinity(0))
        possible = len(available) // cpus_per_slot
        count = slots if slots is not None else possible
        if not 1 <= count <= possible:
            msg = f"{count} slots of {cpus_per_slot} CPUs do not fit on {len(available)} CPUs"
            raise ValueError(msg)
        self._host = host
        self._studies, self._images, self._results = studies, images, results
        self._doorbell = doorbell
        self._observe = observe
        self._free = [tuple(available[i * cpus_per_slot : (i + 1) * cpus_per_slot]) for i in range(count)]
        self._count = count
        self._attempts: dict[AttemptId, _Attempt] = {}
        self._ended: set[AttemptId] = set()
        self._changed = threading.Condition()
        self._closed = False
        # Until the engine has been looked through, a predecessor's containers may be running.
        self._leftovers = True
        self._swept_at = -math.inf

    def reap(self) -> list[str]:
        """Remove what a killed predecessor, or an engine that was gone, left; return the attempts concerned.

        Raises:
            RunnerFault: The engine does not answer, or something cannot be removed.
        """
        with self._changed:
            alive = frozenset(str(each) for each in self._attempts)
            reaped = reap(self._host, alive=alive)
            self._leftovers, self._swept_at = False, time.monotonic()
        return reaped

    def slots(self) -> list[Slot]:
        """Return the free slots; none while the engine does not answer or an exclusive attempt runs."""
        with self._changed:
            exclusive = any(attempt.spec.exclusive for attempt in self._attempts.values())
            free = list(self._free)
        if self._closed or exclusive or not free or not self._engine_is_well():
            return []
        return [Slot(socket.gethostname(), cpus) for cpus in free]

    def submit(self, spec: AttemptSpec) -> None:
        """Start an attempt in a free slot; an id that was submitted before does nothing.

        Raises:
            RunnerFault: The runner is closed, or no slot is free.
        """
        with self._changed:
            if spec.attempt_id in self._attempts or spec.attempt_id in self._ended:
                return
            if self._closed or not self._free:
                msg = "The runner is closed." if self._closed else "No slot is free."
                raise RunnerFault(msg)
            cpus = self._free.pop(0)
            thread = threading.Thread(
                target=self._work, args=(spec.attempt_id,), name=f"arena-{spec.attempt_id}", daemon=True
            )
            self._attempts[spec.attempt_id] = _Attempt(spec, cpus, thread)
            thread.start()

    def status(self, ids: Iterable[AttemptId]) -> dict[AttemptId, Status]:
        """Say what is known of each attempt."""
        asked = list(ids)
        with self._changed:
            known = {each: self._status_of(each) for each in asked}
        if None not in known.values():
            return {each: status for each, status in known.items() if status is not None}
        # An id of which this process knows nothing: gone, once nothing of a predecessor can be running any more.
        strange = Status.GONE if self._engine_is_well() else Status.UNKNOWN
        return {each: status or strange for each, status in known.items()}

    def cancel(self, attempt_id: AttemptId) -> None:
        """Stop an attempt and wait until nothing is left of it; unknown ids do nothing."""
        with self._changed:
            attempt = self._attempts.get(attempt_id)
            if attempt is not None:
                attempt.canceller.cancel()
                self._changed.notify_all()
        if attempt is not None and attempt.thread is not threading.current_thread():
            attempt.thread.join(timeout=_CLOSE_SECONDS)

    def close(self) -> None:
        """Stop every attempt and leave nothing behind.

        Raises:
            RunnerFault: An attempt does not end.
        """
        with self._changed:
            self._closed = True
            running = list(self._attempts.values())
            for attempt in running:
                attempt.canceller.cancel()
            self._changed.notify_all()
        for attempt in running:
            attempt.thread.join(timeout=_CLOSE_SECONDS)
        if any(attempt.thread.is_alive() for attempt in running):
            msg = f"An attempt did not end within {_CLOSE_SECONDS:.0f} s."
            raise RunnerFault(msg)

    def _status_of(self, attempt_id: AttemptId) -> Status | None:
        if attempt_id in self._ended:
            return Status.GONE
        attempt = self._attempts.get(attempt_id)
        if attempt is None:
            return None
        return Status.RUNNING if attempt.started else Status.PENDING

    def _engine_is_well(self) -> bool:
        """Whether the engine answers and holds what it runs; what is left over is removed on the way."""
        try:
            if self._leftovers:
                self.reap()
            elif time.monotonic() - self._swept_at >= _SWEEP_SECONDS:
                self._swept_at = time.monotonic()  # what cannot be removed is another's, and costs no more than a turn
                reap_overdue(self._host.engine)
            else:
                self._host.engine.ping()
            self._host.admit(Isolation.STANDARD)
        except RunnerFault as fault:
            _log.warning("No work is taken: %s", str(fault))
            return False
        return True

    def _work(self, attempt_id: AttemptId) -> None:
        """Run an attempt in this thread, give its slot back, ring."""
        with self._changed:
            attempt = self._attempts[attempt_id]
        try:
            self._await_turn(attempt)
            receipt = self._execute(attempt)
            if receipt is not None and receipt.host_fault is not None:
                _log.warning("Attempt %s: %s", attempt_id, receipt.host_fault)
                self._leftovers = True
        except AttemptCancelled:
            _log.info("Attempt %s was cancelled.", attempt_id)
        except Exception:  # noqa: BLE001 - a thread has nobody above it; logged with its traceback
            # Without a receipt the dispatcher sees the attempt as gone and tries its shard again.
            _log.exception("Attempt %s ended without a receipt.", attempt_id)
            self._leftovers = True
        finally:
            with self._changed:
                del self._attempts[attempt_id]
                self._ended.add(attempt_id)
                self._free.append(attempt.cpus)
                self._free.sort()
                self._changed.notify_all()
            self._host.engine.close()  # this thread's connection
            if self._doorbell is not None:
                self._doorbell(attempt_id)

    def _execute(self, attempt: _Attempt) -> Receipt | None:
        return execute_attempt(
            attempt.spec, host=self._host, studies=self._studies, images=self._images, results=self._results,
            cpus=attempt.cpus, observe=self._observe, canceller=attempt.canceller,
        )  # fmt: skip

    def _await_turn(self, attempt: _Attempt) -> None:
        """Wait while an exclusive attempt runs, or there is no memory; an exclusive one until nothing else runs."""
        with self._changed:
            while self._must_wait(attempt):
                attempt.canceller.check()
                self._changed.wait(timeout=1.0)
            attempt.canceller.check()
            attempt.started = True

    def _must_wait(self, attempt: _Attempt) -> bool:
        known = self._attempts.values()
        running = [each.spec for each in known if each is not attempt and each.started]
        before = itertools.takewhile(lambda each: each is not attempt, known)
        waiting = [each.spec for each in before if not each.started]
        return must_wait(attempt.spec, running, waiting, capacity_mib(self._host.together))


def must_wait(
    spec: AttemptSpec, running: Sequence[AttemptSpec], waiting: Sequence[AttemptSpec], capacity_mib: int
) -> bool:
    """Whether an attempt may not start yet.

    What came before and waits is counted with what runs: a large or an exclusive attempt gets its turn, whichever
    thread wakes first.

    Args:
        spec: The attempt.
        running: What runs now.
        waiting: What was submitted before it and has not started.
        capacity_mib: What all containers may use together.
    """
    ahead = (*running, *waiting)
    if not ahead:
        return False
    if spec.exclusive or any(each.exclusive for each in ahead):
        return True
    return sum(needed_mib(each) for each in (*ahead, spec)) > capacity_mib
