"""Rows of scores: what they hold of a scorecard, and what the migration of revision 0007 makes of older ones."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import inspect, text
from sqlalchemy.exc import IntegrityError
from sqlmodel import select

from arena.store import session as session_module
from arena.store.documents import ScorecardDocument
from arena.store.scorecards import add_scorecard
from arena.store.session import Store
from arena.store.tables import Score
from tests.judged import CLINIC, Judged
from tests.seeding import NOW, Roots, declaration, seed_case_set, seed_challenge, seed_submission

UNTOLD = {("nodule", "ppv"), ("nodule", "npv"), ("effusion", "ppv"), ("effusion", "npv")}
"""Of findings that too few patients hold, nobody says how many cases are called and how many cleared."""


@pytest.fixture(scope="module")
def card(tmp_path_factory: pytest.TempPathFactory) -> ScorecardDocument:
    """A scorecard whose findings both are too rare to be scored."""
    rare = declaration(**CLINIC | {"min_per_class": 200, "calibration_test": None, "calibrated_threshold": None})
    contest = Judged(tmp_path_factory.mktemp("judged"), rare)
    return contest.card(contest.enter("good", 1.5))


@pytest.fixture
def scored(store: Store, card: ScorecardDocument, tmp_path: Path) -> Store:
    """A store with this scorecard of a submission's evaluation."""
    version = seed_challenge(store, declaration())
    case_set = seed_case_set(store, Roots(tmp_path / "home"), "public", 2)
    _, evaluation = seed_submission(store, "good", case_set, version)
    with store.write() as session:
        add_scorecard(session, card.model_copy(update={"evaluation": evaluation}), "0" * 64, NOW)
    return store


def rows(store: Store) -> dict[tuple[str, str], tuple[int | None, int | None]]:
    """Return the counts of every score by finding and metric."""
    with store.read() as session:
        return {(row.finding, row.metric): (row.n, row.n_positive) for row in session.exec(select(Score))}


def move(store: Store, revision: str) -> None:
    """Bring the schema to a revision, forward or back, as `Store.migrate` does it."""
    config = session_module._alembic_config()
    options = {session_module._MODE: session_module._MIGRATE}
    with store.engine.execution_options(**options).begin() as connection:
        config.attributes["connection"] = connection
        found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one()
        (command.upgrade if found < revision else command.downgrade)(config, revision)


def score_columns(store: Store) -> dict[str, bool]:
    """Return whether each column of the table may be empty, and hold the table's keys to what they were."""
    with store.engine.connect() as connection:
        found = inspect(connection)
        assert found.get_pk_constraint("score")["constrained_columns"] == [
            "scorecard_code",
            "finding",
            "subgroup",
            "metric",
        ]
        assert [key["referred_table"] for key in found.get_foreign_keys("score")] == ["scorecard"]
        return {str(column["name"]): bool(column["nullable"]) for column in found.get_columns("score")}


def test_a_row_of_scores_has_the_counts_of_the_document_and_none_where_that_has_none(
    scored: Store, card: ScorecardDocument
) -> None:
    told = rows(scored)
    assert {key for key, (n, _) in told.items() if n is None} == UNTOLD
    for finding in card.findings:
        for metric in ("auc", "sensitivity", "specificity", "ppv", "npv", "brier"):
            estimate = getattr(finding, metric)
            assert told[finding.finding, metric] == (estimate.n, estimate.n_positive)
    assert told["macro", "auc"] == (card.macro.n, None)
    assert told["macro", "latency_median_seconds"] == (card.latency.n, None)


def test_going_back_writes_zero_where_a_count_is_absent_and_forbids_its_absence(scored: Store) -> None:
    before = rows(scored)
    move(scored, "0006")
    assert rows(scored) == {key: (0, None) if key in UNTOLD else counts for key, counts in before.items()}
    assert not score_columns(scored)["n"]
    with pytest.raises(IntegrityError), scored.write() as session:
        session.connection().execute(text("UPDATE score SET n = NULL"))


def test_going_forward_makes_absent_what_was_zero_for_want_of_a_count_and_nothing_else(scored: Store) -> None:
    before = rows(scored)
    move(scored, "0006")
    with scored.write() as session:
        connection = session.connection()
        connection.execute(text("UPDATE score SET n_positive = 0 WHERE metric IN ('ppv', 'npv')"))
        # These two are counts: no case of the class, and nobody called.
        connection.execute(text("UPDATE score SET n = 0 WHERE finding = 'nodule' AND metric = 'brier'"))
        connection.execute(text("UPDATE score SET reason = 'no_case' WHERE finding = 'nodule' AND metric = 'ppv'"))
    scored.migrate()
    scored.check()
    assert score_columns(scored)["n"]
    expected = before | {("nodule", "brier"): (0, before["nodule", "brier"][1]), ("nodule", "ppv"): (0, 0)}
    assert rows(scored) == expected
