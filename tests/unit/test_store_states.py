"""The one table of the queue's transitions."""

from __future__ import annotations

from enum import StrEnum
from itertools import product

import pytest

from arena.store.states import ATTEMPT, EVALUATION, SHARD, check_transition
from arena.store.tables import AttemptState, EvaluationState, ShardState


@pytest.mark.parametrize(
    ("states", "table"), [(EvaluationState, EVALUATION), (ShardState, SHARD), (AttemptState, ATTEMPT)]
)
def test_every_state_stands_in_its_table_and_only_the_table_s_steps_are_taken(
    states: type[StrEnum], table: dict[StrEnum, frozenset[StrEnum]]
) -> None:
    assert set(table) == set(states)
    for expected, to in product(states, states):
        if to in table[expected]:
            check_transition(expected, to)
        else:
            with pytest.raises(ValueError, match=f"no step from {expected} to {to}"):
                check_transition(expected, to)


def test_every_state_but_the_first_can_be_reached() -> None:
    for table, first in (
        (EVALUATION, EvaluationState.QUEUED),
        (SHARD, ShardState.WAITING),
        (ATTEMPT, AttemptState.OPEN),
    ):
        reached: set[StrEnum] = set().union(*table.values())
        assert set(table) - reached <= {first}
