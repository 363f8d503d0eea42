"""The one table of the queue's transitions; `transition` refuses every other.

    evaluation   QUEUED ──> RUNNING ──> RECORDED ──> SCORED
                              │  ^          │  ^        │
                              v  │          │  └────────┘   corrected references: scored again, nothing runs
                             HELD <─────────┘               a fault of the host, until `arena evaluate --retry-held`
                  QUEUED, HELD ──> UNSCORED                 the organiser's word, or this host gave it up (a ruling)

    shard        WAITING <──> OPEN ──> ACCEPTED             back to WAITING when its attempt was lost or faulted
                    ^           └────> HELD                 when that has happened too often
                    └────────────────────┘

    attempt      OPEN ──> ACCEPTED | FAULTED | LOST | LATE  OPEN to OPEN renews its lease

A submission's own table stands in arena/submission/states.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from arena.store.tables import AttemptState, EvaluationState, ShardState

EVALUATION: Mapping[EvaluationState, frozenset[EvaluationState]] = {
    EvaluationState.QUEUED: frozenset({EvaluationState.RUNNING, EvaluationState.UNSCORED}),
    EvaluationState.RUNNING: frozenset({EvaluationState.RECORDED, EvaluationState.HELD}),
    EvaluationState.RECORDED: frozenset({EvaluationState.SCORED, EvaluationState.HELD}),
    EvaluationState.SCORED: frozenset({EvaluationState.RECORDED}),
    EvaluationState.HELD: frozenset({EvaluationState.RUNNING, EvaluationState.UNSCORED}),
    EvaluationState.UNSCORED: frozenset(),
}

SHARD: Mapping[ShardState, frozenset[ShardState]] = {
    ShardState.WAITING: frozenset({ShardState.OPEN}),
    ShardState.OPEN: frozenset({ShardState.ACCEPTED, ShardState.WAITING, ShardState.HELD}),
    ShardState.ACCEPTED: frozenset(),
    ShardState.HELD: frozenset({ShardState.WAITING}),
}

ATTEMPT: Mapping[AttemptState, frozenset[AttemptState]] = {
    AttemptState.OPEN: frozenset(AttemptState),
    AttemptState.ACCEPTED: frozenset(),
    AttemptState.FAULTED: frozenset(),
    AttemptState.LOST: frozenset(),
    AttemptState.LATE: frozenset(),
}

_TABLES: Mapping[type[StrEnum], Mapping[StrEnum, frozenset[StrEnum]]] = {
    EvaluationState: EVALUATION,  # type: ignore[dict-item] # a mapping's keys are invariant
    ShardState: SHARD,  # type: ignore[dict-item]
    AttemptState: ATTEMPT,  # type: ignore[dict-item]
}


def check_transition(expected: StrEnum, to: StrEnum) -> None:
    """Refuse a step that the tables do not have: asking for one is a bug of the caller's.

    Raises:
        ValueError: There is no such step.
    """
    table = _TABLES.get(type(expected))
    if table is not None and to not in table[expected]:
        msg = f"{type(expected).__name__} has no step from {expected} to {to}"
        raise ValueError(msg)
