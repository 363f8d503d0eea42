"""The one child process in which answers are parsed and scores computed.

The worker measures latencies, so nothing heavy may share its interpreter lock; and references are read only here.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.connection import wait
from typing import TypeVar

from arena.errors import HostError

Job = TypeVar("Job")
Result = TypeVar("Result")


class ScoringChild:
    """A spawned process that runs one pure function at a time; replaced when it dies."""

    def __init__(self) -> None:
        """Prepare the child; it starts with the first call."""
        self._pool: ProcessPoolExecutor | None = None
        self._lock = threading.Lock()

    def submit(self, function: Callable[[Job], Result], job: Job) -> Future[Result]:
        """Run `function(job)` in the child; both must be importable and picklable."""
        with self._lock:
            if self._pool is None:
                context = multiprocessing.get_context("spawn")
                self._pool = ProcessPoolExecutor(1, mp_context=context, initializer=_start)
            try:
                with _deaf_children():
                    return self._pool.submit(function, job)
            except BrokenProcessPool:
                self._pool = None
                raise

    def run(self, function: Callable[[Job], Result], job: Job) -> Result:
        """Run `function(job)` in the child and wait for it.

        Raises:
            HostError: The child died; the next call starts another.
        """
        try:
            return self.submit(function, job).result()
        except BrokenProcessPool as error:
            self.discard()
            raise HostError(reason="the scoring process died") from error

    def warm(self) -> None:
        """Let the child start and import what scoring needs, while the caller goes on."""
        self.submit(_import_scoring, None)

    def discard(self) -> None:
        """Forget a child that died."""
        with self._lock:
            self._pool = None

    def close(self) -> None:
        """End the child."""
        with self._lock:
            if self._pool is not None:
                self._pool.shutdown(wait=True, cancel_futures=True)
                self._pool = None


@contextmanager
def _deaf_children() -> Iterator[None]:
    """Let a process that is started here never hear SIGTERM and SIGINT, from its first instruction on.

    Ctrl-C, and systemd when it stops a service, signal the whole group: the worker then ends by itself and would miss
    a child that had died before it. A blocked signal stays blocked in a spawned process.
    """
    resource_tracker.ensure_running()  # its start unblocks both signals, so it comes first
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start() -> None:
    # The child has a core of its own beside containers whose latencies are measured: libraries may not take another.
    # Results do not depend on it. NumPy has not been imported yet; later it would not listen.
    os.environ |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    # A pool's child outlives a parent that was killed, because it holds both ends of its own queue.
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_exit_with, args=(parent.sentinel,), daemon=True).start()


def _exit_with(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)


def _import_scoring(_job: None) -> None:
    import arena.evaluation.judging  # noqa: F401, PLC0415 - only to have it loaded
