"""The scoring child ends when its parent says so, not when a signal for the whole group reaches it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator

import psutil
import pytest

from arena.evaluation.child import ScoringChild


@pytest.fixture
def child() -> Iterator[ScoringChild]:
    made = ScoringChild()
    yield made
    made.close()


def process_id(_job: None) -> int:
    return os.getpid()


def library_threads(_job: None) -> list[int]:
    import numpy as np  # noqa: PLC0415 - as the scorer does, after the child has started
    from threadpoolctl import threadpool_info  # noqa: PLC0415

    np.ones((64, 64)) @ np.ones((64, 64))
    return [int(pool["num_threads"]) for pool in threadpool_info()]


def test_no_library_of_the_child_takes_a_second_core_beside_measured_containers(child: ScoringChild) -> None:
    threads = child.run(library_threads, None)
    assert threads
    assert set(threads) == {1}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_for_the_whole_group_leaves_the_child_to_its_parent(child: ScoringChild, number: int) -> None:
    before = child.run(process_id, None)
    os.kill(before, number)
    time.sleep(0.2)
    assert child.run(process_id, None) == before


def test_a_child_that_has_only_just_been_started_is_left_alone_too(child: ScoringChild) -> None:
    known = {process.pid for process in psutil.Process().children()}
    answer = child.submit(process_id, None)
    born = [process for process in psutil.Process().children() if process.pid not in known]
    assert born
    for process in born:
        process.send_signal(signal.SIGTERM)
    assert answer.result(timeout=60) in {process.pid for process in born}


def test_asking_for_a_child_leaves_the_callers_own_signals_as_they_were(child: ScoringChild) -> None:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    child.run(process_id, None)
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before
