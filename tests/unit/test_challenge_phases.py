"""Whether a phase is open is a function of the declaration and the clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arena.challenge.phases import BoundaryAction, PhaseState, boundaries, phase_status
from arena.challenge.schema import Declaration
from arena.errors import NotFound
from tests.bundles import CLOSES, OPENS, bundle_with

TEXT = {"en": "x", "ru": "х"}
SECOND = timedelta(seconds=1)


def declaration(*windows: tuple[str, datetime, datetime], finals: tuple[tuple[str, str], ...] = ()) -> Declaration:
    phases = [
        {"name": name, "title": TEXT, "cases": "public", "opens_at": opens, "closes_at": closes}
        for name, opens, closes in windows
    ]
    phases += [{"name": name, "title": TEXT, "cases": "public", "follows": follows} for name, follows in finals]
    return Declaration.model_validate(
        {
            "slug": "chest",
            "title": TEXT,
            "summary": TEXT,
            "modality": "DX",
            "organiser": "The test",
            "findings": [{"code": "nodule", "name": TEXT, "threshold": 0.5}],
            "case_sets": [{"name": "public", "split": "public"}],
            "phases": phases,
        }
    )


@pytest.mark.parametrize(
    ("now", "state", "next_change"),
    [
        (OPENS - SECOND, PhaseState.UPCOMING, OPENS),
        (OPENS, PhaseState.OPEN, CLOSES),
        (CLOSES - SECOND, PhaseState.OPEN, CLOSES),
        (CLOSES, PhaseState.CLOSED, None),
    ],
)
def test_a_window_is_half_open(now: datetime, state: PhaseState, next_change: datetime | None) -> None:
    status = phase_status(declaration(("public", OPENS, CLOSES)), "public", now)
    assert (status.state, status.next_change_at) == (state, next_change)
    assert status.accepts_submissions == (state is PhaseState.OPEN)


@pytest.mark.parametrize(("now", "state"), [(CLOSES - SECOND, PhaseState.UPCOMING), (CLOSES, PhaseState.CLOSED)])
def test_a_phase_that_follows_never_opens(now: datetime, state: PhaseState) -> None:
    declared = declaration(("public", OPENS, CLOSES), finals=(("final", "public"),))
    status = phase_status(declared, "final", now)
    assert status.state is state
    assert not status.accepts_submissions
    assert (status.opens_at, status.closes_at) == (None, CLOSES)


def test_an_unknown_phase_is_not_found() -> None:
    with pytest.raises(NotFound, match='phase of challenge "chest" "nope"'):
        phase_status(declaration(("public", OPENS, CLOSES)), "nope", OPENS)


def test_a_clock_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="naive"):
        phase_status(declaration(("public", OPENS, CLOSES)), "public", datetime(2026, 3, 1))  # noqa: DTZ001


def test_boundaries_come_in_order_and_close_before_they_nominate_and_open() -> None:
    declared = declaration(
        ("next", CLOSES, CLOSES + SECOND), ("public", OPENS, CLOSES), finals=(("final", "public"), ("last", "next"))
    )
    assert [(found.at, found.phase, found.action) for found in boundaries(declared)] == [
        (OPENS, "public", BoundaryAction.OPEN),
        (CLOSES, "public", BoundaryAction.CLOSE),
        (CLOSES, "final", BoundaryAction.NOMINATE),
        (CLOSES, "next", BoundaryAction.OPEN),
        (CLOSES + SECOND, "next", BoundaryAction.CLOSE),
        (CLOSES + SECOND, "last", BoundaryAction.NOMINATE),
    ]


moments = st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@given(moments, st.timedeltas(SECOND, timedelta(days=90)), moments)
def test_the_state_changes_exactly_at_the_announced_moment(opens: datetime, length: timedelta, now: datetime) -> None:
    declared = declaration(("public", opens, opens + length), finals=(("final", "public"),))
    for name in ("public", "final"):
        status = phase_status(declared, name, now)
        change = status.next_change_at
        if change is None:
            later = now + timedelta(days=365)
            assert phase_status(declared, name, later).state is status.state is PhaseState.CLOSED
        else:
            tick = timedelta(microseconds=1)
            assert phase_status(declared, name, max(now, change - tick)).state is status.state
            assert phase_status(declared, name, change).state is not status.state


def test_a_date_in_yaml_is_midnight_in_utc(tmp_path: Path) -> None:
    bundle = bundle_with(tmp_path, ("2026-03-20T09:00:00Z", "2026-03-20"))
    assert phase_status(bundle.declaration, "public", OPENS).closes_at == datetime(2026, 3, 20, tzinfo=UTC)
