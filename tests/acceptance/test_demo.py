"""The demonstration, run twice: what it shows, and that it shows the same again."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import col, select

from arena.store.session import Store
from arena.store.tables import Algorithm, CaseSet, Evaluation, EvaluationState, PhaseAction, Submission
from tests.images import BASE_IMAGE

pytestmark = [pytest.mark.engine, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[2]
VOLATILE = ("entry", "image_id")
"""Columns of an export that are ids; besides these, `*_at` and `*_seconds` differ between two runs (docs/organisers.md)."""


@dataclass(frozen=True)
class Played:
    """A demonstration that has been played into a state folder."""

    home: Path
    printed: str

    def arena(self, *arguments: str) -> str:
        return arena(self.home, *arguments)

    def export(self, phase: str) -> list[dict[str, str]]:
        """The phase's CSV without its volatile columns."""
        rows = csv.DictReader(io.StringIO(self.arena("leaderboard", "chest-phantom", "--phase", phase, "--csv")))
        return [{key: value for key, value in row.items() if not volatile(key)} for row in rows]

    def document(self, phase: str) -> dict[str, Any]:
        text = self.arena("leaderboard", "chest-phantom", "--phase", phase, "--json")
        parsed: dict[str, Any] = json.loads(text)
        return parsed

    def digests(self) -> dict[str, str]:
        """Digests of case sets, and of each algorithm's predictions in each phase."""
        store = Store(f"sqlite:///{self.home / 'arena.db'}")
        with store.read() as session:
            found = {case_set.name: case_set.digest for case_set in session.exec(select(CaseSet))}
            rows = session.exec(
                select(Evaluation, Algorithm.code)
                .where(Evaluation.submission_code == Submission.code, Submission.algorithm_code == Algorithm.code)
                .order_by(col(Evaluation.phase))
            )
            for evaluation, algorithm in rows:
                assert evaluation.state == EvaluationState.SCORED
                found[f"{evaluation.phase}/{algorithm}"] = evaluation.predictions_sha256 or ""
        store.close()
        return found


def volatile(column: str) -> bool:
    return column in VOLATILE or column.endswith(("_at", "_seconds"))


def arena(home: Path, *arguments: str) -> str:
    environment = dict(os.environ) | {"ARENA_HOME": str(home), "ARENA_BASE_IMAGE": BASE_IMAGE, "COLUMNS": "200"}
    done = subprocess.run(
        [sys.executable, "-m", "arena.cli.main", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def play(home: Path) -> Played:
    return Played(home, arena(home, "demo", "--no-serve"))


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Played:
    return play(tmp_path_factory.mktemp("first") / "state")


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory, first: Played) -> Played:
    return play(tmp_path_factory.mktemp("second") / "state")


def by_algorithm(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {entry["algorithm_name"]: entry for entry in document["entries"]}


@pytest.mark.parametrize("phase", ["spring", "spring-final", "autumn"])
def test_the_honest_models_stand_in_the_order_of_their_strength_and_the_hash_near_one_half(
    first: Played, phase: str
) -> None:
    entries = by_algorithm(first.document(phase))
    lumen, radix, pallas = (entries[name]["macro"]["value"] for name in ("Lumen Chest", "Radix Thorax", "Pallas View"))
    assert lumen > radix > pallas
    guess = entries["Dicey Oracle"]["macro"]
    assert guess["low"] <= 0.5 <= guess["high"]


def test_the_best_baseline_lies_between_080_and_095_on_the_final_set(first: Played) -> None:
    best = first.document("spring-final")["entries"][0]
    assert best["algorithm_name"] == "Lumen Chest"
    assert 0.80 <= best["macro"]["value"] <= 0.95


def test_the_broken_one_shows_how_its_cases_ended(first: Played) -> None:
    outcomes = by_algorithm(first.document("spring-final"))["Brittle Reader"]["outcomes"]
    assert {"ok", "crashed", "invalid_answer", "timed_out"} <= {name for name, count in outcomes.items() if count}
    assert sum(outcomes.values()) == 200


def test_one_phase_is_closed_with_curves_and_one_open_without(first: Played) -> None:
    closed, opened = first.document("spring-final"), first.document("autumn")
    assert (closed["disclosure"], opened["disclosure"]) == ("closed", "open")
    assert all(finding["curve"] for entry in closed["entries"] for finding in entry["findings"])
    assert all(entry["findings"] == [] for entry in opened["entries"])


def test_the_leaderboards_are_printed_at_the_end(first: Played) -> None:
    for expected in ("chest-phantom · spring-final", "Lumen Imaging", "timed_out", "Done in"):
        assert expected in first.printed


def test_each_boundary_was_acted_on_once(first: Played) -> None:
    store = Store(f"sqlite:///{first.home / 'arena.db'}")
    with store.read() as session:
        done = {(row.phase, row.action) for row in session.exec(select(PhaseAction))}
    store.close()
    assert done == {
        ("spring", "open"),
        ("spring", "close"),
        ("spring-final", "nominate"),
        ("spring-final", "publish"),
        ("autumn", "open"),
    }


def test_a_second_run_gives_equal_case_sets_and_predictions(first: Played, second: Played) -> None:
    assert first.digests() == second.digests()
    assert len(first.digests()) == 4 + 5 + 5 + 4


@pytest.mark.parametrize("phase", ["spring", "spring-final", "autumn"])
def test_a_second_run_gives_equal_exports_without_the_volatile_columns(
    first: Played, second: Played, phase: str
) -> None:
    assert first.export(phase) == second.export(phase)
    assert len(first.export(phase)) >= 4


def test_a_state_that_is_there_is_not_played_over(first: Played) -> None:
    environment = dict(os.environ) | {"ARENA_HOME": str(first.home)}
    done = subprocess.run(
        [sys.executable, "-m", "arena.cli.main", "demo", "--no-serve"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 6
    assert "needs a new one" in done.stderr
