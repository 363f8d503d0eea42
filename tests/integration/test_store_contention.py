"""Two processes want the same rows at the same time; the database gives each row to one of them."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from sqlmodel import Session, select

from arena.store.session import Store
from arena.store.tables import (
    Algorithm,
    Attempt,
    AttemptState,
    CaseSet,
    Challenge,
    ChallengeVersion,
    Evaluation,
    EvaluationState,
    PhaseAction,
    Shard,
    ShardResult,
    ShardState,
    Submission,
    Vendor,
)

NOW = datetime(2026, 3, 1, tzinfo=UTC)
ROWS = 40
ACTIONS = ("start", "accept", "act")
CONTENDER = Path(__file__).with_name("store_contender.py")


def fill(store: Store) -> None:
    """Write ROWS queued evaluations, each with an open shard and an open attempt."""
    with store.write() as session:
        session.add(Vendor(code="v", name="V", created_at=NOW))
        session.add(Challenge(slug="chest", created_at=NOW))
        session.flush()
        session.add(Algorithm(code="al", vendor_code="v", name="A", created_at=NOW))
        version = ChallengeVersion(
            digest="d",
            challenge_slug="chest",
            number=1,
            judging_digest="j",
            declaration={},
            rules_markdown={},
            valid_from=NOW,
        )
        cases = CaseSet(
            digest="cs",
            challenge_slug="chest",
            name="public",
            version=1,
            split="public",
            references_digest="r",
            references_size_bytes=1,
            n_cases=1,
            n_patients=1,
            counts={},
            imported_at=NOW,
        )
        session.add_all([version, cases])
        session.flush()
        for row in range(ROWS):
            fill_row(session, row)


def fill_row(session: Session, row: int) -> None:
    session.add(
        Submission(
            code=f"su{row}",
            algorithm_code="al",
            challenge_slug="chest",
            phase="public",
            challenge_version="d",
            image_id="sha256:0",
            image_sha256="0",
            image_size_bytes=3 * 2**30,
            submitted_at=NOW,
        )
    )
    session.flush()
    evaluation = Evaluation(
        code=f"e{row}",
        submission_code=f"su{row}",
        phase="public",
        case_set_digest="cs",
        challenge_version="d",
        queued_at=NOW,
    )
    session.add(evaluation)
    session.flush()
    session.add(Shard(id=f"s{row}", evaluation_code=f"e{row}", number=0, case_names=["c0001"], state=ShardState.OPEN))
    session.flush()
    session.add(Attempt(id=f"a{row}", shard_id=f"s{row}", number=1, created_at=NOW, lease_until=NOW))


def contend(url: str, actions: tuple[str, ...], rows: int) -> tuple[dict[str, list[int]], dict[str, list[int]]]:
    """Let two processes try the same rows at once and return what each won, by action."""
    command = [sys.executable, str(CONTENDER), url, ",".join(actions), str(rows)]
    both = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for process in both:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in both:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    won = []
    for process in both:
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        won.append(json.loads(out))
    return won[0], won[1]


def test_each_row_is_won_by_exactly_one_of_two_processes(store: Store, database_url: str) -> None:
    fill(store)
    first, second = contend(database_url, ACTIONS, ROWS)
    for action in ACTIONS:
        assert sorted(first[action] + second[action]) == list(range(ROWS)), action
    with store.read() as session:
        assert {row.state for row in session.exec(select(Evaluation))} == {EvaluationState.RUNNING}
        assert {row.state for row in session.exec(select(Shard))} == {ShardState.ACCEPTED}
        assert {row.state for row in session.exec(select(Attempt))} == {AttemptState.ACCEPTED}
        assert len(session.exec(select(ShardResult)).all()) == ROWS
        assert len(session.exec(select(PhaseAction)).all()) == ROWS


def test_two_processes_may_create_the_same_database_at_once(database_url: str) -> None:
    assert contend(database_url, ("migrate",), 1) == ({"migrate": [0]}, {"migrate": [0]})
