"""Errors cross the boundary between worker and scoring child."""

from __future__ import annotations

import pickle

from arena.errors import ArenaError, PhaseClosed


def test_an_error_keeps_its_kind_message_and_facts_between_processes() -> None:
    facts = {"phase": "p", "challenge": "c", "state": "closed", "opens_at": 1, "closes_at": 2, "now": 3}
    sent = PhaseClosed(**facts)
    received = pickle.loads(pickle.dumps(sent))  # noqa: S301 - what was just written
    assert isinstance(received, ArenaError)
    assert (type(received), str(received), received.facts) == (PhaseClosed, str(sent), facts)
