"""The schedule: a tick at once, at each boundary and every minute, coalesced and without a misfire limit."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest

from arena.schedule import EVERY_SECONDS, Clockwork
from arena.store.session import Store
from tests.seeding import declaration, seed_challenge


class Ticks:
    """Counts ticks and lets a test wait for the n-th."""

    def __init__(self) -> None:
        self.at: list[datetime] = []
        self._changed = threading.Condition()

    def __call__(self) -> None:
        with self._changed:
            self.at.append(datetime.now(UTC))
            self._changed.notify_all()

    def wait_for(self, number: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.at) >= number, timeout=30)


def phases(closes_at: datetime) -> list[dict[str, object]]:
    title = {"en": "Season", "ru": "Сезон"}
    opens_at = closes_at - timedelta(days=1)
    return [{"name": "season", "title": title, "cases": "public", "opens_at": opens_at, "closes_at": closes_at}]


def test_a_boundary_that_lies_ahead_is_ticked_at_and_one_behind_at_once(sqlite_store: Store) -> None:
    closes_at = datetime.now(UTC) + timedelta(seconds=3)
    seed_challenge(sqlite_store, declaration(phases=phases(closes_at)))
    ticks = Ticks()
    clockwork = Clockwork(ticks, sqlite_store)
    clockwork.start()
    try:
        ticks.wait_for(2)
    finally:
        clockwork.stop()
    assert ticks.at[0] < closes_at <= ticks.at[1]


def test_every_job_is_coalesced_and_never_dropped_for_being_late(sqlite_store: Store) -> None:
    seed_challenge(sqlite_store, declaration(phases=phases(datetime.now(UTC) + timedelta(days=1))))
    ticks = Ticks()
    clockwork = Clockwork(ticks, sqlite_store)
    clockwork.start()
    try:
        ticks.wait_for(1)
        for _ in range(300):
            jobs = clockwork._scheduler.get_jobs()
            if len(jobs) == 2:
                break
            threading.Event().wait(0.1)
    finally:
        clockwork.stop()
    assert len(jobs) == 2
    assert {(job.coalesce, job.misfire_grace_time, job.max_instances) for job in jobs} == {(True, None, 1)}
    assert [job.trigger.interval for job in jobs if job.id == "advance"] == [timedelta(seconds=EVERY_SECONDS)]


def test_stopping_what_was_not_started_is_no_error(sqlite_store: Store) -> None:
    Clockwork(lambda: None, sqlite_store).stop()


@pytest.mark.parametrize("number", [1, 2])
def test_it_can_be_started_anew(sqlite_store: Store, number: int) -> None:
    for _ in range(number):
        ticks = Ticks()
        clockwork = Clockwork(ticks, sqlite_store)
        clockwork.start()
        ticks.wait_for(1)
        clockwork.stop()


def test_ending_waits_for_a_tick_that_goes_on_to_plan_and_not_for_ever(sqlite_store: Store) -> None:
    seed_challenge(sqlite_store, declaration(phases=phases(datetime.now(UTC) + timedelta(days=1))))
    under_way, go_on, told = threading.Event(), threading.Event(), []

    def tick() -> None:
        under_way.set()
        assert go_on.wait(30)
        told.append("ended")

    clockwork = Clockwork(tick, sqlite_store)
    clockwork.start()
    assert under_way.wait(30)
    stopping = threading.Thread(target=clockwork.stop, daemon=True)
    stopping.start()
    stopping.join(0.5)
    assert stopping.is_alive(), "a tick is under way"
    go_on.set()
    stopping.join(10)
    assert not stopping.is_alive()
    assert told == ["ended"]
