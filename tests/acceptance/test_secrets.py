"""Nothing but the scoring child ever holds a reference: looked for in every place where one could turn up.

One evaluation runs for real, two shards in containers; then it runs again with every label turned round, and whatever
is made before scoring must be the same, since what does not change with a label does not tell one.
"""

from __future__ import annotations

import json
import logging
import os
import re
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from sqlmodel import select

from arena.cli.logs import EventFormatter
from arena.cli.serve import server_process
from arena.settings import Settings
from arena.store.session import Store
from arena.store.tables import Base, CaseSet, Evaluation, Scorecard, ShardResult
from arena.wiring import open_host, runner_id
from arena.worker import Worker
from runners.engine import Engine
from runners.local import LocalRunner
from runners.values import AttemptSpec, BlobRef
from tests.acceptance.probing_public import BOARD, Seen, see
from tests.browser.serving import free_port
from tests.images import build_algorithm
from tests.seeding import NOW, Roots, declaration, seed_case_set, seed_challenge, seed_submission

pytestmark = [pytest.mark.engine, pytest.mark.timeout(300)]

CASES = 10
"""Two shards of five."""

DIGEST_COLUMNS = {("case_set", "references_digest"), ("scorecard", "references_digest")}
"""The only cells that may name references, of tables that no page reads them from."""


@dataclass
class Evaluated:
    """A state folder after one evaluation, and what was seen on the way."""

    home: Path
    turned: bool
    specs: list[AttemptSpec] = field(default_factory=list)
    containers: list[dict[str, Any]] = field(default_factory=list)
    log: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.roots, self.settings = Roots(self.home), Settings(home=self.home)
        self.store = Store(self.settings.database)
        self.store.migrate()
        texts = {"title": {"en": "Season", "ru": "Сезон"}, "cases": "public"}
        window = {"opens_at": NOW - timedelta(days=1), "closes_at": NOW + timedelta(days=9)}
        self.version = seed_challenge(self.store, declaration(phases=[{"name": "season", **texts, **window}]))
        self.case_set = seed_case_set(self.store, self.roots, "public", CASES)
        if self.turned:
            self._turn_labels()

    def _turn_labels(self) -> None:
        with self.store.write() as session:
            case_set = session.get_one(CaseSet, self.case_set)
            before = BlobRef(case_set.references_digest, case_set.references_size_bytes)
            head, *lines = self.roots.references.get(before.sha256).decode().splitlines()
            turned = [re.sub(r",([01]),([01])$", lambda m: f",{1 - int(m[1])},{1 - int(m[2])}", line) for line in lines]
            after = self.roots.references.put(("\n".join([head, *turned]) + "\n").encode())
            self.roots.references.remove(before)
            case_set.references_digest = after.sha256
            session.add(case_set)

    def run(self, image_id: str) -> None:
        """Hand in one algorithm and let a worker evaluate it."""
        self.submission, self.evaluation = seed_submission(
            self.store, "lumen", self.case_set, self.version, image_id=image_id
        )

        def look(step: str, _attempt: str) -> None:
            if step == "container_open":
                engine = Engine()
                self.containers += [engine.inspect(each) for each in engine.containers_of(runner_id(self.settings))]

        Worker(open_host(self.settings), clock=lambda: NOW, observe=look).run_until_idle()
        self.seen: Seen = see(self.store, self.roots.public, [self.submission])

    def secrets(self) -> list[str]:
        """Return what must stand nowhere: where references are, their digest, and lines of their table."""
        with self.store.read() as session:
            digest = session.get_one(CaseSet, self.case_set).references_digest
        table = self.roots.references.get(digest).decode().splitlines()
        return [self.roots.references.root, digest, *table, *(line.partition(",")[2] for line in table[1:])]

    def outputs(self) -> list[bytes]:
        with self.store.read() as session:
            rows = session.exec(select(ShardResult).order_by(ShardResult.shard_id)).all()
        return [self.roots.results.get(row.output_sha256) for row in rows]

    def receipts(self) -> list[dict[str, Any]]:
        found = [json.loads(path.read_bytes()) for path in (self.home / "results" / "receipts").iterdir()]
        return sorted(found, key=lambda receipt: str(receipt["shard_id"]))

    def anonymous(self, value: object) -> str:
        """Write a value as JSON without the codes that every run draws anew."""
        text = json.dumps(value, sort_keys=True, default=str)
        drawn = {spec.attempt_id: "ATTEMPT" for spec in self.specs}
        drawn |= {self.evaluation: "EVALUATION", runner_id(self.settings): "RUNNER", str(self.home): "HOME"}
        for code, word in drawn.items():
            text = text.replace(code, word)
        return text


@contextmanager
def every_word_of(state: Evaluated) -> Iterator[None]:
    """Keep every line that this process logs, at any level, and all that it and its children write to stderr."""

    class Keeper(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            state.log.append(EventFormatter().format(record))

    root, keeper, level = logging.getLogger(), Keeper(), logging.getLogger().level
    stderr, said = os.dup(2), state.home / "stderr.txt"
    root.addHandler(keeper)
    root.setLevel(logging.DEBUG)
    with said.open("wb") as stream:
        os.dup2(stream.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
            root.removeHandler(keeper)
            root.setLevel(level)
    state.log += said.read_text(encoding="utf-8").splitlines()
    said.unlink()


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Evaluated, Evaluated]]:
    image_id = build_algorithm("arena-test-hashing:1")
    both = []
    with pytest.MonkeyPatch.context() as patch:
        submit = LocalRunner.submit
        for turned in (False, True):
            state = Evaluated(tmp_path_factory.mktemp("turned" if turned else "sealed") / "home", turned)

            def keep(self: LocalRunner, spec: AttemptSpec, state: Evaluated = state) -> None:
                state.specs.append(spec)
                submit(self, spec)

            patch.setattr(LocalRunner, "submit", keep)
            with every_word_of(state):
                state.run(image_id)
            both.append(state)
    yield both[0], both[1]
    for state in both:
        state.store.close()


@pytest.fixture(scope="module")
def sealed(evaluated: tuple[Evaluated, Evaluated]) -> Evaluated:
    return evaluated[0]


def assert_free_of(secrets: list[str], text: str, what: str) -> None:
    found = [secret for secret in secrets if secret in text]
    assert found == [], what


def test_the_evaluation_ran_for_real_on_two_shards_and_labels_decided_its_score(
    evaluated: tuple[Evaluated, Evaluated],
) -> None:
    values = []
    for state in evaluated:
        assert len(state.specs) == len(state.outputs()) == len(state.receipts()) == 2
        assert len(state.containers) >= 2
        assert any("evaluation_scored" in line for line in state.log)
        ((_, value, *_),) = state.seen.shown()
        assert value is not None
        values.append(value)
    assert values[0] == pytest.approx(1 - values[1], abs=0.011), "an AUC before turned labels"
    assert values[0] != values[1]


def test_no_attempt_names_a_reference(sealed: Evaluated) -> None:
    for spec in sealed.specs:
        assert_free_of(sealed.secrets(), json.dumps(spec.to_json()), spec.attempt_id)
        assert set(spec.to_json()["cases"][0]) == {"case", "study"}


def test_no_container_is_given_a_reference_or_a_folder_that_holds_one(sealed: Evaluated) -> None:
    for inspected in sealed.containers:
        assert_free_of(sealed.secrets(), json.dumps(inspected), inspected["Id"])
        sources = [Path(mount["Source"]) for mount in inspected["Mounts"] if mount["Type"] == "bind"]
        assert len(sources) == 1
        assert all(source.is_relative_to(sealed.settings.runs_root) for source in sources)
        assert not any("ARENA_HOME" in word or "VAULT" in word for word in inspected["Config"]["Env"])


def test_no_receipt_output_or_record_holds_a_reference(sealed: Evaluated) -> None:
    with sealed.store.read() as session:
        scorecard = session.exec(select(Scorecard)).one().document_sha256
    files = [path for path in (sealed.home / "results").rglob("*") if path.is_file()]
    assert len(files) == 2 + 2 + 2 + 1 + 1, "receipts, outputs, cases and predictions, sandbox manifests, scorecard"
    for path in files:
        # A scorecard says against which references it was made, and is never public; the rest does not.
        allowed = {"references_digest"} if path.name == scorecard else set()
        text = path.read_bytes().decode("utf-8", "replace")
        if allowed:
            text = json.dumps({key: value for key, value in json.loads(text).items() if key not in allowed})
        assert_free_of(sealed.secrets(), text, str(path))


def test_no_line_of_the_log_holds_a_reference(sealed: Evaluated) -> None:
    assert any(line for line in sealed.log if " DEBUG " in line)
    for line in sealed.log:
        assert_free_of(sealed.secrets(), line, line)


def test_nothing_public_holds_a_reference(sealed: Evaluated) -> None:
    assert sealed.seen.pages[f"{BOARD}/leaderboard"][0] == 200
    for address, (_, text) in sealed.seen.pages.items():
        assert_free_of(sealed.secrets(), text, address)
    for path in (sealed.home / "public").rglob("*"):
        if path.is_file():
            assert_free_of(sealed.secrets(), path.read_text(encoding="utf-8"), str(path))


def test_the_database_names_references_in_two_columns_only(sealed: Evaluated) -> None:
    secrets, named, cells = sealed.secrets(), set(), 0
    with sealed.store.engine.connect() as connection:
        for table in Base.metadata.sorted_tables:
            for row in connection.execute(table.select()).mappings():
                for column, value in row.items():
                    cells += 1
                    text = json.dumps(value, default=str, ensure_ascii=False)
                    if any(secret in text for secret in secrets):
                        named.add((table.name, column))
    assert cells > 100
    assert named == DIGEST_COLUMNS


def test_what_is_made_before_scoring_is_the_same_with_every_label_turned_round(
    evaluated: tuple[Evaluated, Evaluated],
) -> None:
    def attempts(state: Evaluated) -> list[str]:
        return sorted(state.anonymous(spec.to_json()) for spec in state.specs)

    def containers(state: Evaluated) -> set[str]:
        def lasting(inspected: dict[str, Any]) -> dict[str, Any]:
            host = {key: value for key, value in inspected["HostConfig"].items() if key != "CpusetCpus"}
            return {"Env": inspected["Config"]["Env"], "Image": inspected["Image"], "HostConfig": host}

        return {
            re.sub(r"input-?[\w.]*|uid=\d+|gid=\d+", "", state.anonymous(lasting(each))) for each in state.containers
        }

    def answers(state: Evaluated) -> list[str]:
        lines = [json.loads(line) for output in state.outputs() for line in output.splitlines()]
        return [state.anonymous({k: v for k, v in line.items() if k != "latency_seconds"}) for line in lines]

    def predictions(state: Evaluated) -> str | None:
        with state.store.read() as session:
            return session.get_one(Evaluation, state.evaluation).predictions_sha256

    for part in (attempts, containers, answers, predictions):
        first, second = (part(state) for state in evaluated)
        assert first == second, part.__name__


def test_references_lie_in_a_folder_that_only_its_owner_can_enter(tmp_path: Path, sealed: Evaluated) -> None:
    before = os.umask(0)
    try:
        open_host(Settings(home=tmp_path)).references.put(b"case,patient,nodule\n")
    finally:
        os.umask(before)
    for root in (tmp_path / "vault" / "references", sealed.home / "vault" / "references"):
        assert stat.S_IMODE(root.stat().st_mode) == 0o700


def test_the_server_is_not_told_of_the_vault_and_serves_without_it(
    sealed: Evaluated, monkeypatch: pytest.MonkeyPatch
) -> None:
    roots = {"ARENA_VAULT_STUDIES": "studies", "ARENA_VAULT_REFERENCES": "references"}
    for name, folder in roots.items():
        monkeypatch.setenv(name, str(sealed.home / "vault" / folder))
    monkeypatch.setenv("ARENA_HOME", str(sealed.home))
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere.sock")
    port, secrets = free_port(), sealed.secrets()
    server = server_process(Settings(server_port=port))
    vault, away = sealed.home / "vault", sealed.home / "elsewhere"
    vault.rename(away)
    try:
        server.keep_running(time.monotonic())
        assert server.process is not None
        board = f"http://127.0.0.1:{port}"
        _wait_for(f"{board}/api/v1/health")
        process = psutil.Process(server.process.pid)
        environment = process.environ()
        assert not {*roots, "ARENA_HOME", "DOCKER_HOST"} & set(environment)
        assert_free_of([*secrets, str(vault)], json.dumps(environment), "environment")
        for address in ("/lite?challenge=small", f"{BOARD}/leaderboard", f"/api/v1/entries/{sealed.submission}"):
            answer = httpx.get(board + address)
            assert answer.status_code == 200
            assert sealed.submission in answer.text
        assert [each.path for each in process.open_files() if str(vault) in each.path or str(away) in each.path] == []
        assert not vault.exists(), "the server must never make a vault"
    finally:
        server.ask_to_end()
        server.wait_or_kill()
        away.rename(vault)


def _wait_for(address: str) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            httpx.get(address, timeout=2).raise_for_status()
        except httpx.HTTPError:
            assert time.monotonic() < deadline, f"{address} does not answer"
            time.sleep(0.2)
        else:
            return
