"""The dispatcher against a scripted runner: lost, late, faulted and unknown attempts; fairness; what is accepted."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from sqlmodel import select

from arena.evaluation.dispatch import Dispatcher, Patience
from arena.store import queue
from arena.store.session import Store
from arena.store.tables import (
    Attempt,
    AttemptState,
    CaseSet,
    Evaluation,
    EvaluationState,
    Shard,
    ShardResult,
    ShardState,
)
from runners.values import Status
from tests.scripted import Clock, ScriptedRunner
from tests.seeding import NOW, Roots, declaration, seed_case_set, seed_challenge, seed_submission


@pytest.fixture
def roots(tmp_path: Path) -> Roots:
    return Roots(tmp_path)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def runner(roots: Roots) -> ScriptedRunner:
    return ScriptedRunner(roots)


@pytest.fixture
def dispatcher(sqlite_store: Store, roots: Roots, runner: ScriptedRunner, clock: Clock) -> Dispatcher:
    return Dispatcher(
        sqlite_store, roots.results, runner, clock=clock, patience=Patience(lease_seconds=10, host_retries=2)
    )


def contest(store: Store, roots: Roots, n_cases: int = 12) -> tuple[str, str]:
    return seed_challenge(store, declaration()), seed_case_set(store, roots, "public", n_cases)


def rows(store: Store, table: type) -> list:  # type: ignore[type-arg]
    with store.read() as session:
        return list(session.exec(select(table)))


def test_cases_are_cut_into_shards_and_only_free_slots_are_filled(
    sqlite_store: Store, roots: Roots, runner: ScriptedRunner, dispatcher: Dispatcher
) -> None:
    version, cases = contest(sqlite_store, roots)
    seed_submission(sqlite_store, "lumen", cases, version)
    dispatcher.step()
    assert [len(shard.case_names) for shard in rows(sqlite_store, Shard)] == [5, 5, 2]
    assert len(runner.submitted) == 2
    assert rows(sqlite_store, Evaluation)[0].state == EvaluationState.RUNNING


def test_an_accepted_shard_never_runs_again(
    sqlite_store: Store, roots: Roots, runner: ScriptedRunner, dispatcher: Dispatcher
) -> None:
    version, cases = contest(sqlite_store, roots)
    seed_submission(sqlite_store, "lumen", cases, version)
    for _ in range(6):
        dispatcher.step()
        for spec in runner.submitted:
            if runner.known[spec.attempt_id] is Status.RUNNING:
                runner.finish(spec)
    assert len(runner.submitted) == 3
    assert {shard.state for shard in rows(sqlite_store, Shard)} == {ShardState.ACCEPTED}
    assert len(rows(sqlite_store, ShardResult)) == 3


def test_an_attempt_that_its_runner_forgot_is_lost_and_its_shard_tried_again(
    sqlite_store: Store, roots: Roots, runner: ScriptedRunner, dispatcher: Dispatcher
) -> None:
    version, cases = contest(sqlite_store, roots, n_cases=3)
    seed_submission(sqlite_store, "lumen", cases, version)
    dispatcher.step()
    runner.known.clear()
    dispatcher.step()
    assert [attempt.state for attempt in rows(sqlite_store, Attempt)] == [AttemptState.LOST, AttemptState.OPEN]
    assert rows(sqlite_store, Attempt)[1].number == 2


def test_an_unreachable_engine_loses_an_attempt_only_when_its_lease_has_ended(
    sqlite_store: Store, roots: Roots, runner: ScriptedRunner, dispatcher: Dispatcher, clock: Clock
) -> None:
    version, cases = contest(sqlite_store, roots, n_cases=3)
    seed_submission(sqlite_store, "lumen", cases, version)
    dispatcher.step()
    runner.reachable = False
    clock.now += timedelta(seconds=9)
    dispatcher.step()
    assert [attempt.state for attempt in rows(sqlite_store, Attempt)] == [AttemptState.OPEN]
    clock.now += timedelta(seconds=2)
    dispatcher.step()
    assert rows(sqlite_store, Attempt)[0].state == AttemptState.LOST
    assert runner.cancelled == [runner.submitted[0].attempt_id]


def test_the_lease_of_a_running_attempt_is_renewed(
    sqlite_store: Store, roots: Roots, dispatcher: Dispatcher, clock: Clock
) -> None:
    version, cases = contest(sqlite_store, roots, n_cases=3)
    seed_submission(sqlite_store, "lumen", cases, version)
    dispatcher.step()
    for _ in range(20):
        clock.now += timedelta(seconds=4)
        dispatcher.step()
    assert [attempt.state for attempt in rows(sqlite_store, Attempt)] == [AttemptState.OPEN]
    assert rows(sqlite_store, Attempt)[0].lease_until > clock.now


def test_faults_of_the_host_hold_an_evaluation_after_the_declared_retries_and_charge_nobody(
    sqlite_store: Store, roots: Roots, runner: ScriptedRunner, dispatcher: Dispatcher
) -> None:
    version, cases = contest(sqlite_store, roots, n_cases=3)
    seed_submission(sqlite_store, "lumen", cases, version)
    for _ in range(5):
        dispatcher.step()
        for spec in runner.submitted:
            if runner.known[spec.attempt_id] is Status.RUNNING:
                runner.finish(spec, fault="the engine is gone")
    (evaluation,) = rows(sqlite_store, Evaluation)
    assert len(runner.submitted) == 3
    assert (evaluation.state, evaluation.held_reason) == (EvaluationState.HELD, "the engine is gone")
    with sqlite_store.write() as session:
        assert queue.release_held(session) == [evaluation.code]
    dispatcher.step()
    assert len(runner.submitted) == 4


def test_vendors_take_turns_however_many_submissions_one_of_them_has_queued(
    sqlite_store: Store, roots: Roots, runner: ScriptedRunner, dispatcher: Dispatcher
) -> None:
    version, cases = contest(sqlite_store, roots)
    for number in range(3):
        seed_submission(sqlite_store, "flood", cases, version, at=NOW + timedelta(seconds=number))
    seed_submission(sqlite_store, "late", cases, version, at=NOW + timedelta(seconds=9))
    order = []
    for _ in range(6):
        dispatcher.step()
        for spec in runner.submitted[len(order) :]:
            order.append(spec.shard_id.split("-")[1])
            runner.finish(spec)
    assert order[:6] == ["flood", "late", "flood", "late", "flood", "late"]


def test_the_time_of_attempts_that_came_to_nothing_counts_when_vendors_take_turns(
    sqlite_store: Store, roots: Roots, clock: Clock
) -> None:
    """Or a vendor whose containers make attempts faults of the host would have the slots before all others."""
    runner = ScriptedRunner(roots, slots=1)
    dispatcher = Dispatcher(sqlite_store, roots.results, runner, clock=clock, patience=Patience(host_retries=3))
    version, cases = contest(sqlite_store, roots, n_cases=3)
    seed_submission(sqlite_store, "faulty", cases, version)
    seed_submission(sqlite_store, "other", cases, version, at=NOW + timedelta(seconds=1))
    order = []
    for _ in range(3):
        dispatcher.step()
        (spec,) = runner.running()
        order.append(spec.shard_id.split("-")[1])
        clock.now += timedelta(hours=1)
        runner.finish(spec, fault="it is void" if order[-1] == "faulty" else None)
    assert order == ["faulty", "other", "faulty"]


def test_a_second_try_of_timed_out_cases_runs_alone(
    sqlite_store: Store, roots: Roots, runner: ScriptedRunner, dispatcher: Dispatcher
) -> None:
    version, cases = contest(sqlite_store, roots, n_cases=3)
    _, evaluation = seed_submission(sqlite_store, "slow", cases, version)
    seed_submission(sqlite_store, "quick", cases, version, at=NOW + timedelta(seconds=1))
    dispatcher.step()
    slow, quick = runner.submitted
    runner.finish(slow)
    with sqlite_store.write() as session:
        queue.add_shard(session, evaluation, 2, queue.RERUN, ["c0002"])
    dispatcher.step()
    assert runner.submitted == [slow, quick], "a neighbour still runs"
    runner.finish(quick)
    seed_submission(sqlite_store, "third", cases, version, at=NOW + timedelta(seconds=2))
    for _ in range(3):
        dispatcher.step()
        running = [spec for spec in runner.submitted if runner.known[spec.attempt_id] is Status.RUNNING]
        assert len(running) == 1, "nothing runs beside the second try"
        runner.finish(running[0])
        if len(runner.submitted) == 4:
            break
    assert sorted((spec.exclusive, len(spec.cases)) for spec in runner.submitted[2:]) == [(False, 3), (True, 1)]


def test_no_attempt_names_a_reference_or_a_patient(
    sqlite_store: Store, roots: Roots, runner: ScriptedRunner, dispatcher: Dispatcher
) -> None:
    version, cases = contest(sqlite_store, roots)
    seed_submission(sqlite_store, "lumen", cases, version)
    dispatcher.step()
    text = json.dumps([spec.to_json() for spec in runner.submitted])
    with sqlite_store.read() as session:
        digest = session.get_one(CaseSet, cases).references_digest
    assert digest not in text
    assert "p0001" not in text
    assert "references" not in text
