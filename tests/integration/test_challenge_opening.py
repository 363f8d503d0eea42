"""Rules come into force as versions, and what a phase that has opened promised does not move."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlmodel import select

from arena.challenge.opening import open_challenge, version_in_force, version_of_phase
from arena.errors import CaseSetExposed, InvalidBundle, NotFound, UnknownChallenge
from arena.store.session import Store
from arena.store.tables import CaseSet, ChallengeVersion
from tests.bundles import AFTER, CLOSES, DURING, OPENS, add_case_sets, bundle_with

BEFORE = OPENS - timedelta(days=1)
HOUR = timedelta(hours=1)
JUDGING = ("threshold: 0.5", "threshold: 0.4")


def expose(store: Store, name: str) -> None:
    with store.write() as session:
        row = session.exec(select(CaseSet).where(CaseSet.name == name)).one()
        row.exposed_at = AFTER
        session.add(row)


def test_the_same_bundle_again_changes_nothing(store: Store, tmp_path: Path) -> None:
    bundle = bundle_with(tmp_path)
    first = open_challenge(store, bundle, BEFORE)
    again = open_challenge(store, bundle, DURING)
    assert (again.digest, again.number, again.valid_from) == (first.digest, 1, BEFORE)
    with store.read() as session:
        assert len(session.exec(select(ChallengeVersion)).all()) == 1


def test_a_changed_bundle_is_the_next_version_and_the_first_stays(store: Store, tmp_path: Path) -> None:
    first = open_challenge(store, bundle_with(tmp_path / "1"), BEFORE)
    second = open_challenge(store, bundle_with(tmp_path / "2", ("total: 3", "total: 4")), DURING)
    assert (first.number, second.number) == (1, 2)
    assert version_in_force(store, "chest", DURING - HOUR).digest == first.digest
    assert version_in_force(store, "chest", DURING).digest == second.digest


def test_earlier_rules_cannot_come_back_unnoticed(store: Store, tmp_path: Path) -> None:
    open_challenge(store, bundle_with(tmp_path / "1"), BEFORE)
    open_challenge(store, bundle_with(tmp_path / "2", ("total: 3", "total: 4")), BEFORE + HOUR)
    with pytest.raises(InvalidBundle, match="these rules were version 1 and version 2 followed"):
        open_challenge(store, bundle_with(tmp_path / "1"), BEFORE + 2 * HOUR)


def test_an_unknown_challenge_is_told_the_known_ones(store: Store, tmp_path: Path) -> None:
    open_challenge(store, bundle_with(tmp_path), BEFORE)
    with pytest.raises(UnknownChallenge, match="Known: chest"):
        version_in_force(store, "chess", DURING)
    with pytest.raises(UnknownChallenge):
        version_in_force(store, "chest", BEFORE - HOUR)


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("cases: public", "cases: final", "phases.public.cases"),
        ("opens_at: 2026-03-01T09:00:00Z", "opens_at: 2026-03-02", "phases.public.opens_at"),
        ("    quota: {", "    entry_rule: last\n    quota: {", "phases.public.entry_rule"),
        ("    quota: {", "    feedback: {ladder: false}\n    quota: {", "phases.public.feedback"),
        ("cases: final", "cases: public", "phases.final.cases"),
        ("closes_at: 2026-03-20T09:00:00Z", "closes_at: 2026-03-02T11:00:00Z", "phases.public.closes_at"),
        (*JUDGING, "findings, limits, missing, min_per_class, ranking, headers"),
    ],
)
def test_what_an_open_phase_promised_does_not_change(
    store: Store, tmp_path: Path, old: str, new: str, key: str
) -> None:
    open_challenge(store, bundle_with(tmp_path / "1"), BEFORE)
    changed = bundle_with(tmp_path / "2", (old, new))
    with pytest.raises(InvalidBundle) as caught:
        open_challenge(store, changed, DURING)
    assert caught.value.facts["key"] == key
    assert version_in_force(store, "chest", AFTER).number == 1


def test_a_phase_that_has_opened_is_not_removed(store: Store, tmp_path: Path) -> None:
    open_challenge(store, bundle_with(tmp_path / "1"), BEFORE)
    renamed = bundle_with(
        tmp_path / "2", ("- name: public\n", "- name: other\n"), ("follows: public", "follows: other")
    )
    with pytest.raises(InvalidBundle, match=r"phases\.public: the phase has opened and cannot be removed"):
        open_challenge(store, renamed, DURING)


def test_before_a_phase_opens_everything_may_change(store: Store, tmp_path: Path) -> None:
    open_challenge(store, bundle_with(tmp_path / "1"), BEFORE)
    changes = (
        JUDGING,
        ("cases: public", "cases: third"),
        ("- {name: final, split: final}", "- {name: final, split: final}\n  - {name: third, split: public}"),
        ("opens_at: 2026-03-01T09:00:00Z", "opens_at: 2026-03-02"),
    )
    assert open_challenge(store, bundle_with(tmp_path / "2", *changes), BEFORE).number == 2


def test_an_open_phase_may_be_prolonged_or_closed_from_now_on(store: Store, tmp_path: Path) -> None:
    open_challenge(store, bundle_with(tmp_path / "1"), BEFORE)
    open_challenge(store, bundle_with(tmp_path / "2", ("2026-03-20T09:00:00Z", "2026-03-30")), DURING)
    open_challenge(store, bundle_with(tmp_path / "3", ("2026-03-20T09:00:00Z", "2026-03-03")), DURING)
    assert version_in_force(store, "chest", DURING).number == 3


def test_a_closed_phase_is_not_prolonged(store: Store, tmp_path: Path) -> None:
    open_challenge(store, bundle_with(tmp_path / "1"), BEFORE)
    with pytest.raises(InvalidBundle, match="the phase has closed"):
        open_challenge(store, bundle_with(tmp_path / "2", ("2026-03-20T09:00:00Z", "2026-05-30")), AFTER)


NEXT = """  - name: {name}
    title: {{en: Next, ru: Ещё}}
    cases: public
    {window}
"""


@pytest.mark.parametrize(
    "window", ["opens_at: 2026-05-01\n    closes_at: 2026-06-01", "follows: public"], ids=["a window", "a final"]
)
def test_an_exposed_case_set_serves_no_new_phase(store: Store, tmp_path: Path, window: str) -> None:
    add_case_sets(store, "public", "final")
    open_challenge(store, bundle_with(tmp_path / "1"), BEFORE)
    expose(store, "public")
    added = ("    follows: public\n", "    follows: public\n" + NEXT.format(name="next", window=window))
    with pytest.raises(CaseSetExposed, match='"public" of "chest" was exposed when phase "public" closed'):
        open_challenge(store, bundle_with(tmp_path / "2", added), AFTER)


def test_two_phases_that_are_still_to_close_cannot_share_a_case_set(store: Store, tmp_path: Path) -> None:
    beside = NEXT.format(name="beside", window="opens_at: 2026-03-05\n    closes_at: 2026-04-01")
    added = ("    follows: public\n", "    follows: public\n" + beside)
    with pytest.raises(InvalidBundle, match='phase "public" uses this case set'):
        open_challenge(store, bundle_with(tmp_path, added), BEFORE)


def test_the_closed_phase_keeps_its_exposed_set_in_later_versions(store: Store, tmp_path: Path) -> None:
    add_case_sets(store, "public", "final")
    open_challenge(store, bundle_with(tmp_path / "1"), BEFORE)
    expose(store, "public")
    assert open_challenge(store, bundle_with(tmp_path / "2", ("The test", "Another")), AFTER).number == 2


def test_a_closed_phase_is_judged_by_the_last_version_before_it_closed(store: Store, tmp_path: Path) -> None:
    open_challenge(store, bundle_with(tmp_path / "1"), BEFORE)
    second = open_challenge(store, bundle_with(tmp_path / "2", ("total: 3", "total: 4")), CLOSES - HOUR)
    later = bundle_with(tmp_path / "3", JUDGING)
    assert open_challenge(store, later, CLOSES).number == 3
    with store.read() as session:
        assert version_of_phase(session, "chest", "public").digest == second.digest
        assert version_of_phase(session, "chest", "final").digest == second.digest
        with pytest.raises(NotFound):
            version_of_phase(session, "chest", "nope")
        with pytest.raises(UnknownChallenge):
            version_of_phase(session, "chess", "public")


def test_a_phase_declared_after_its_window_is_judged_by_the_version_that_declared_it(
    store: Store, tmp_path: Path
) -> None:
    first = open_challenge(store, bundle_with(tmp_path / "1"), datetime(2026, 6, 1, tzinfo=UTC))
    open_challenge(store, bundle_with(tmp_path / "2", JUDGING), datetime(2026, 7, 1, tzinfo=UTC))
    with store.read() as session:
        assert version_of_phase(session, "chest", "public").digest == first.digest
