"""One of two processes that want the same rows: `store_contender.py URL ACTIONS ROWS`.

It prints `ready`, waits for a line on stdin, then tries each action once on each row and prints the numbers of the rows
that it won, by action, as JSON.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime

from sqlalchemy.exc import IntegrityError

from arena.errors import IllegalTransition
from arena.store.session import Store, transition
from arena.store.tables import (
    Attempt,
    AttemptState,
    Evaluation,
    EvaluationState,
    PhaseAction,
    Shard,
    ShardResult,
    ShardState,
)

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def start(store: Store, row: int) -> None:
    with store.write() as session:
        transition(
            session, Evaluation, f"e{row}", expected=EvaluationState.QUEUED, to=EvaluationState.RUNNING, started_at=NOW
        )


def migrate(store: Store, row: int) -> None:
    store.migrate()
    store.check()


def accept(store: Store, row: int) -> None:
    with store.write() as session:
        result = ShardResult(
            shard_id=f"s{row}",
            attempt_id=f"a{row}",
            output_sha256="0" * 64,
            output_size_bytes=1,
            manifest={},
            policy_digest="1" * 64,
            run_seconds=1.0,
            accepted_at=NOW,
        )
        session.add(result)
        session.flush()
        transition(session, Attempt, f"a{row}", expected=AttemptState.OPEN, to=AttemptState.ACCEPTED, ended_at=NOW)
        transition(session, Shard, f"s{row}", expected=ShardState.OPEN, to=ShardState.ACCEPTED)


def act(store: Store, row: int) -> None:
    with store.write() as session:
        session.add(PhaseAction(challenge_slug="chest", phase="public", action=f"action-{row}", done_at=NOW))


def main() -> None:
    url, actions, rows = sys.argv[1], sys.argv[2].split(","), int(sys.argv[3])
    attempts = {"start": start, "accept": accept, "act": act, "migrate": migrate}
    store = Store(url)
    won: dict[str, list[int]] = {action: [] for action in actions}
    print("ready", flush=True)  # noqa: T201
    sys.stdin.readline()
    for action in actions:
        for row in range(rows):
            try:
                attempts[action](store, row)
            except (IllegalTransition, IntegrityError):
                continue
            won[action].append(row)
    print(json.dumps(won))  # noqa: T201
    store.close()


if __name__ == "__main__":
    main()
