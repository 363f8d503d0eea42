"""A worker killed at any moment: its successor finishes the work, once, to the same bytes, and leaves nothing behind."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections import Counter
from contextlib import ExitStack, closing
from datetime import timedelta
from pathlib import Path

import pytest
from sqlmodel import col, select

from arena.settings import Settings
from arena.store.session import Store
from arena.store.tables import (
    Attempt,
    AttemptState,
    Evaluation,
    EvaluationState,
    Leaderboard,
    Scorecard,
    Shard,
    ShardResult,
)
from arena.wiring import runner_id
from runners.engine import Engine
from tests.acceptance.own_engine import OwnEngine
from tests.hostile.corpus import Witness, witness
from tests.hostile.surroundings import BASE_IMAGE
from tests.images import build_algorithm, store_archive
from tests.seeding import NOW, Roots, declaration, seed_case_set, seed_challenge, seed_submission

__all__ = ["witness"]

pytestmark = [pytest.mark.engine, pytest.mark.timeout(600)]

STEPS = (
    "attempt_written",
    "container_open",
    "output_written",
    "receipt_written",
    "accepting",
    "recorded",
    "scoring",
    "scorecard_stored",
)
CASES, CASES_PER_SHARD = 22, 5  # five shards for each of two submissions
WORKER = Path(__file__).parent / "crashing_worker.py"


class State:
    """A home folder with two queued submissions, and the workers that are let loose on it."""

    def __init__(self, home: Path, database_url: str, image_id: str) -> None:
        self.home, self.url = home, database_url
        self.roots = Roots(home)
        self.store = Store(database_url)
        self.store.migrate()
        image = store_archive(image_id, self.roots.images, home)
        opens = {"opens_at": NOW - timedelta(days=1), "closes_at": NOW + timedelta(days=3650)}
        texts = {"title": {"en": "Season", "ru": "Сезон"}}
        declared = declaration(phases=[{"name": "season", "cases": "public", **texts, **opens}])
        version = seed_challenge(self.store, declared)
        cases = seed_case_set(self.store, self.roots, "public", CASES)
        for number, vendor in enumerate(("lumen", "radix")):
            at = NOW + timedelta(seconds=number)
            seed_submission(self.store, vendor, cases, version, image_id=image_id, image=image, at=at)

    def close(self) -> None:
        self.store.close()

    def environment(self) -> dict[str, str]:
        return dict(os.environ) | {
            "ARENA_HOME": str(self.home),
            "ARENA_DATABASE_URL": self.url,
            "ARENA_HOST_RETRIES": "50",
            "PYTHONPATH": str(Path(__file__).parents[2]),
        }

    def work(self, *arguments: str) -> int:
        done = subprocess.run(
            [sys.executable, str(WORKER), *arguments],
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode in {0, -signal.SIGKILL}, done.stderr
        return done.returncode

    def rows(self, table: type) -> list:  # type: ignore[type-arg]
        with self.store.read() as session:
            return list(session.exec(select(table)))

    def predictions(self) -> list[str]:
        with self.store.read() as session:
            rows = session.exec(select(Evaluation).order_by(col(Evaluation.queued_at))).all()
        assert [row.state for row in rows] == [EvaluationState.SCORED] * 2
        return [row.predictions_sha256 or "" for row in rows]

    def assert_accepted_once(self) -> None:
        accepted = Counter(a.shard_id for a in self.rows(Attempt) if a.state == AttemptState.ACCEPTED)
        assert set(accepted.values()) <= {1}
        last = {shard: max(a.number for a in self.rows(Attempt) if a.shard_id == shard) for shard in accepted}
        for attempt in self.rows(Attempt):
            if attempt.state == AttemptState.ACCEPTED:
                assert attempt.number == last[attempt.shard_id], "an accepted shard ran again"

    def left_behind(self, engine: Engine) -> tuple[list[str], list[Path]]:
        """Containers with the worker's label, and what is in its staging folder."""
        settings = Settings(home=self.home)
        return list(engine.containers_of(runner_id(settings))), list(settings.runs_root.rglob("*/*"))

    def assert_nothing_left(self, engine: Engine) -> None:
        assert self.left_behind(engine) == ([], [])
        assert list(self.home.rglob("*.part")) == []
        lock = self.home / "dispatcher.lock"
        assert not lock.exists() or lock.read_text() == ""


@pytest.fixture(scope="module")
def image_id() -> str:
    return build_algorithm("arena-test-hashing:1")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, image_id: str) -> list[str]:
    home = tmp_path_factory.mktemp("undisturbed")
    with closing(State(home, f"sqlite:///{home / 'arena.db'}", image_id)) as state:
        assert state.work() == 0
        return state.predictions()


def test_attack_76_a_worker_killed_at_every_step_is_followed_by_one_that_finishes_the_work_once(
    tmp_path: Path, database_url: str, image_id: str, undisturbed: list[str], witness: Witness
) -> None:
    with closing(State(tmp_path, database_url, image_id)) as state:
        assert state.work("container_open", "1") == -signal.SIGKILL
        containers, staged = state.left_behind(Engine())
        assert containers, "its container outlives it"
        assert staged, "its studies lie on the host's disk"
        witness.without_guard("its container and its staged studies stay on the host until a successor looks for them")
        assert_survives_every_step(state, undisturbed)
        witness.tried_on(Settings(home=tmp_path).runtime)
    witness.with_guard("leftovers are reaped, each shard counts once, the predictions are the same to the byte")


def assert_survives_every_step(state: State, undisturbed: list[str]) -> None:
    chance = random.Random(20260401)
    # The first five steps happen once a shard, the others once an evaluation: any of several occurrences will do.
    moments = [(step, chance.randint(1, 2)) for step in STEPS[:5]]
    chance.shuffle(moments)
    moments += [(step, 1) for step in STEPS[5:]]
    killed = []
    for step, occurrence in moments:
        assert state.work(step, str(occurrence)) == -signal.SIGKILL, f"{step} did not happen {occurrence} times"
        killed.append(step)
        state.assert_accepted_once()
    assert state.work() == 0
    assert sorted(killed) == sorted(STEPS)
    state.assert_accepted_once()
    assert len(state.rows(ShardResult)) == len(state.rows(Shard)) == 10
    assert len(state.rows(Scorecard)) == 2
    assert len(state.rows(Leaderboard)) >= 1
    assert state.predictions() == undisturbed
    state.assert_nothing_left(Engine())


def test_work_goes_on_to_the_same_bytes_when_the_engine_is_killed_under_it(
    tmp_path: Path, image_id: str, undisturbed: list[str]
) -> None:
    own = OwnEngine()
    with ExitStack() as leaving:
        leaving.callback(own.stop)
        own.start()
        state = leaving.enter_context(closing(State(tmp_path, f"sqlite:///{tmp_path / 'arena.db'}", image_id)))
        # The self-test needs Python there as well.
        base = own.take_image(BASE_IMAGE)
        environment = state.environment() | {"DOCKER_HOST": own.address, "ARENA_BASE_IMAGE": base}
        # The worker reports each open container on its standard output.
        with subprocess.Popen(
            [sys.executable, str(WORKER), "container_open", "report"],
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        ) as worker:
            assert worker.stdout is not None
            assert worker.stdout.readline().startswith("container_open")
            own.kill()
            own.start()
            worker.communicate(timeout=300)
        assert worker.returncode == 0
        faulted = [attempt for attempt in state.rows(Attempt) if attempt.state == AttemptState.FAULTED]
        assert faulted, "no attempt noticed that the engine was gone"
        state.assert_accepted_once()
        assert state.predictions() == undisturbed
        state.assert_nothing_left(own.engine())
