"""A small contest whose entries are evaluated by the real worker, on the runtime that a test names."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlmodel import col, select

from arena.settings import Settings
from arena.store.session import Store
from arena.store.tables import Attempt, AttemptState, Evaluation, Score, Scorecard, Shard, ShardState
from arena.wiring import open_host
from arena.worker import Worker
from runners.engine import Engine
from runners.execute import receipt_name
from runners.images.build import build_from_files
from tests.images import BASE_IMAGE, DOCKERFILE, STARTER_KIT
from tests.seeding import NOW, Roots, declaration, seed_case_set, seed_challenge, seed_submission

PROGRAMS = Path(__file__).with_name("attacker")
LIMITS = {
    "cases_per_shard": 12, "case_seconds": 4, "startup_seconds": 60, "memory_mib": 128, "tmp_mib": 8, "shm_mib": 8,
    "pids": 64, "restarts": 12, "total_seconds": 300,
}  # fmt: skip


def build_entry(name: str, main: str) -> str:
    """Build an image around a main.py that finds the starter kit and the attacks beside itself; return its id."""
    files = {f"attacks/{path.name}": path.read_bytes() for path in PROGRAMS.glob("*.py")}
    files |= {"Dockerfile": DOCKERFILE, "main.py": main.encode(), "arena_algorithm.py": STARTER_KIT.read_bytes()}
    return build_from_files(Engine(), files, f"arena-test-entry:{name}", BASE_IMAGE)


def unfinished(store: Store) -> list[str]:
    """Return what a store says is still to be run or running, in words: at the end of a contest, nothing."""
    with store.read() as session:
        shards = session.exec(select(Shard).where(col(Shard.state).in_([ShardState.WAITING, ShardState.OPEN]))).all()
        attempts = session.exec(select(Attempt).where(Attempt.state == AttemptState.OPEN)).all()
        return [f"shard {each.id} is {each.state}" for each in shards] + [
            f"attempt {each.id} is open" for each in attempts
        ]


@dataclass
class Contest:
    """One home with its store, one case set, and as many entries as are handed in."""

    home: Path
    runtime: str
    cases: int = 12
    store: Store = field(init=False)
    settings: Settings = field(init=False)
    codes: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.settings = Settings(home=self.home, runtime=self.runtime, slots=2, base_image=BASE_IMAGE)
        self.roots = Roots(self.home)
        self.store = Store(self.settings.database)
        self.store.migrate()
        window = {"opens_at": NOW - timedelta(days=1), "closes_at": NOW + timedelta(days=9)}
        phases = [{"name": "season", "title": {"en": "Season", "ru": "Сезон"}, "cases": "public", **window}]
        self.version = seed_challenge(self.store, declaration(phases=phases, limits=LIMITS))
        self.case_set = seed_case_set(self.store, self.roots, "public", self.cases)

    def enter(self, vendor: str, image_id: str) -> None:
        """Queue an evaluation."""
        at = NOW + timedelta(seconds=len(self.codes))
        _, self.codes[vendor] = seed_submission(
            self.store, vendor, self.case_set, self.version, image_id=image_id, at=at
        )

    def run(self) -> None:
        """Let the worker evaluate all of them."""
        Worker(open_host(self.settings), clock=lambda: NOW + timedelta(hours=1)).run_until_idle()

    def close(self) -> None:
        """End the contest, in which nobody may wait or run any more."""
        left = unfinished(self.store)
        self.store.close()
        assert self.codes
        assert left == []

    def evaluation(self, vendor: str) -> Evaluation:
        """Return what the store says of a vendor's evaluation."""
        with self.store.read() as session:
            return session.get_one(Evaluation, self.codes[vendor])

    def scores(self, vendor: str) -> list[tuple[Any, ...]]:
        """Return every number of a vendor's scorecard but its latencies."""
        with self.store.read() as session:
            card = session.exec(select(Scorecard).where(Scorecard.evaluation_code == self.codes[vendor])).one()
            rows = session.exec(select(Score).where(Score.scorecard_code == card.code)).all()
        return sorted(
            (row.finding, row.subgroup, row.metric, str(row.value), str(row.low), str(row.high), row.n, row.n_positive)
            for row in rows
            if not row.metric.startswith("latency")
        )

    def times(self, vendor: str) -> list[tuple[str, str]]:
        """Return when each attempt of a vendor's evaluation began and ended, by its receipt."""
        with self.store.read() as session:
            shards = [row.id for row in session.exec(select(Shard)) if row.evaluation_code == self.codes[vendor]]
            attempts = [row.id for row in session.exec(select(Attempt)) if row.shard_id in shards]
        receipts = [json.loads(self.roots.results.get_named(receipt_name(each)) or b"{}") for each in attempts]
        return [(each["started_at"], each["ended_at"]) for each in receipts]

    def public(self) -> bytes:
        """Return every byte that the public can see."""
        paths = sorted((self.home / "public").rglob("*"))
        return b"\n".join(path.read_bytes() for path in paths if path.is_file())
