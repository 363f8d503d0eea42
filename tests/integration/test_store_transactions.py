"""What a transaction promises, on SQLite and on PostgreSQL."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy.exc import DBAPIError, IntegrityError, StatementError
from sqlmodel import col, select

from arena.errors import ArenaError, IllegalTransition, StoreUnavailable
from arena.store import session as session_module
from arena.store.session import Store, new_code, transition
from arena.store.tables import Algorithm, Challenge, PhaseAction, Submission, SubmissionState, Vendor

NOW = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)


def vendor(code: str) -> Vendor:
    return Vendor(code=code, name=code.upper(), created_at=NOW)


def names(store: Store) -> list[str]:
    with store.read() as session:
        return list(session.exec(select(Vendor.code).order_by(col(Vendor.code))))


def test_a_write_is_kept_when_its_block_ends(store: Store) -> None:
    with store.write() as session:
        session.add(vendor("a"))
    assert names(store) == ["a"]


def test_a_write_leaves_nothing_when_its_block_raises(store: Store) -> None:
    def add_and_fail() -> None:
        with store.write() as session:
            session.add(vendor("a"))
            session.flush()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        add_and_fail()
    assert names(store) == []


def test_rows_stay_readable_after_their_session(store: Store) -> None:
    with store.write() as session:
        row = vendor("a")
        session.add(row)
    assert row.name == "A"


def test_a_session_for_reading_cannot_write(store: Store) -> None:
    with store.read() as session:
        session.add(vendor("a"))
        with pytest.raises(DBAPIError, match=r"read-?only") as caught:
            session.flush()
        session.rollback()
    assert not isinstance(caught.value, ArenaError)
    assert names(store) == []


def test_a_session_for_reading_sees_one_moment(store: Store) -> None:
    with store.read() as session:
        before = session.exec(select(Vendor)).all()
        with store.write() as writer:
            writer.add(vendor("a"))
        assert session.exec(select(Vendor)).all() == before == []
    assert names(store) == ["a"]


def test_foreign_keys_are_enforced(store: Store) -> None:
    with pytest.raises(IntegrityError), store.write() as session:
        session.add(Algorithm(code="a", vendor_code="nobody", name="A", created_at=NOW))


def test_the_second_row_of_a_phase_action_is_refused(store: Store) -> None:
    with store.write() as session:
        session.add(Challenge(slug="chest", created_at=NOW))
        session.flush()
        session.add(PhaseAction(challenge_slug="chest", phase="public", action="open", done_at=NOW))
    with pytest.raises(IntegrityError), store.write() as session:
        session.add(PhaseAction(challenge_slug="chest", phase="public", action="open", done_at=NOW))


def test_what_a_write_has_read_is_still_true_when_it_commits(store: Store) -> None:
    """Four writers count the rows and add one only while there are fewer than two."""

    def add_if_room(code: str) -> None:
        with store.write() as session:
            if len(session.exec(select(Vendor)).all()) < 2:
                session.add(vendor(code))

    threads = [threading.Thread(target=add_if_room, args=(code,)) for code in "abcdefgh"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(names(store)) == 2


def test_times_come_back_aware_and_in_utc(store: Store) -> None:
    moscow = timezone(timedelta(hours=3))
    with store.write() as session:
        session.add(Vendor(code="a", name="A", created_at=datetime(2026, 3, 1, 15, 30, tzinfo=moscow)))
    with store.read() as session:
        found = session.get_one(Vendor, "a").created_at
    assert found == NOW
    assert found.utcoffset() == timedelta(0)


def test_naive_times_are_refused(store: Store) -> None:
    with pytest.raises(StatementError, match="naive time"), store.write() as session:
        session.add(Vendor(code="a", name="A", created_at=datetime(2026, 3, 1)))  # noqa: DTZ001


def submission_in(store: Store, state: SubmissionState) -> None:
    from tests.integration.test_store_contention import fill  # noqa: PLC0415

    fill(store)
    with store.write() as session:
        transition(session, Submission, "su0", expected=SubmissionState.ACCEPTED, to=state)


def test_a_transition_changes_state_and_further_columns_together(store: Store) -> None:
    submission_in(store, SubmissionState.ACCEPTED)
    with store.write() as session:
        loaded = session.get_one(Submission, "su0")
        transition(
            session,
            Submission,
            "su0",
            expected=SubmissionState.ACCEPTED,
            to=SubmissionState.WITHDRAWN,
            chosen_for_final=True,
        )
        assert loaded.state == SubmissionState.WITHDRAWN
    with store.read() as session:
        found = session.get_one(Submission, "su0")
        assert (found.state, found.chosen_for_final) == ("withdrawn", True)


def test_a_transition_from_another_state_is_an_error_and_changes_nothing(store: Store) -> None:
    submission_in(store, SubmissionState.REFUSED)
    with (
        pytest.raises(IllegalTransition, match="submission su0 was expected in state accepted"),
        store.write() as session,
    ):
        transition(
            session,
            Submission,
            "su0",
            expected=SubmissionState.ACCEPTED,
            to=SubmissionState.WITHDRAWN,
            chosen_for_final=True,
        )
    with store.read() as session:
        found = session.get_one(Submission, "su0")
        assert (found.state, found.chosen_for_final) == ("refused", False)


def test_a_transition_of_a_missing_row_is_an_error(store: Store) -> None:
    with pytest.raises(IllegalTransition), store.write() as session:
        transition(session, Submission, "none", expected=SubmissionState.ACCEPTED, to=SubmissionState.WITHDRAWN)


def test_a_writer_that_waits_too_long_is_told_so(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_module, "BUSY_SECONDS", 1)
    impatient = Store(store.engine.url.render_as_string(hide_password=False))
    with store.write(), pytest.raises(StoreUnavailable, match="lock"), impatient.write():
        pass
    impatient.close()


def test_codes_are_short_unmistakable_and_differ() -> None:
    codes = [new_code("s") for _ in range(2000)]
    assert len(set(codes)) == 2000
    assert all(len(code) == 12 and code.startswith("s-") for code in codes)
    assert not set("".join(code[2:] for code in codes)) & set("01ilo")
