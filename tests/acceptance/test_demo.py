"""The demonstration, run twice: what it shows, and that it shows the same again."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlmodel import col, select
from starlette.applications import Starlette
from starlette.routing import Mount

from arena.api.application import create_api
from arena.api.lite import lite_routes
from arena.blobs import BlobStore
from arena.evaluation.metrics import RESAMPLES
from arena.presentation.charts import roc_spec
from arena.presentation.language import Language
from arena.presentation.reader import Reader
from arena.presentation.wording import Words
from arena.store.session import Store
from arena.store.tables import (
    Algorithm,
    CaseSet,
    Evaluation,
    EvaluationState,
    PhaseAction,
    Score,
    Scorecard,
    Submission,
)
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

    def scorecards(self, phase: str) -> list[dict[str, Any]]:
        """The stored scorecards of a phase, as the worker wrote them."""
        store = Store(f"sqlite:///{self.home / 'arena.db'}")
        with store.read() as session:
            digests = session.exec(
                select(Scorecard.document_sha256).where(
                    Scorecard.evaluation_code == Evaluation.code, Evaluation.phase == phase
                )
            ).all()
        store.close()
        return [json.loads(BlobStore(self.home / "results").get(digest)) for digest in digests]

    def metric_rows(self, phase: str) -> list[tuple[float | None, float | None, float | None, int | None]]:
        """The rows of the organiser's metric in the table of scores: value, limits and number of cases."""
        store = Store(f"sqlite:///{self.home / 'arena.db'}")
        with store.read() as session:
            rows = session.exec(
                select(Score).where(
                    Score.metric == "own_cost-of-errors",
                    Score.scorecard_code == Scorecard.code,
                    Scorecard.evaluation_code == Evaluation.code,
                    Evaluation.phase == phase,
                )
            ).all()
        store.close()
        return sorted((row.value, row.low, row.high, row.n) for row in rows)

    @contextmanager
    def reader(self) -> Iterator[Reader]:
        """What the public server reads."""
        store = Store(f"sqlite:///{self.home / 'arena.db'}")
        try:
            yield Reader(store, BlobStore(self.home / "public"))
        finally:
            store.close()

    def page(self, address: str) -> str:
        """What the public server answers, of its plain pages and its API."""

        async def ask(reader: Reader) -> httpx.Response:
            app = Starlette(routes=[Mount("/api", create_api(lambda: reader)), *lite_routes(lambda: reader)])
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=transport, base_url="http://arena.test") as client:
                return await client.get(address)

        with self.reader() as reader:
            answer = asyncio.run(ask(reader))
        assert answer.status_code == 200, answer.text
        return answer.text

    def table(self, phase: str, name: str) -> list[dict[str, str]]:
        """A public table of the phase, as CSV tells it."""
        text = self.page(f"/api/v1/challenges/chest-phantom/phases/{phase}/tables/{name}?format=csv")
        return list(csv.DictReader(io.StringIO(text)))


def estimates(node: Any) -> Iterator[dict[str, Any]]:
    """Every number with an interval, at any depth of a document."""
    if isinstance(node, dict) and {"value", "method", "n"} <= set(node):
        yield node
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from estimates(child)


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


def test_every_stored_scorecard_of_the_final_holds_every_part_with_values(first: Played) -> None:
    cards = first.scorecards("spring-final")
    assert len(cards) == len(first.document("spring-final")["entries"]) >= 5
    for card in cards:
        assert (card["norm"]["verdict"], card["calibration_test"]["verdict"]) != (None, None)
        assert {card["norm"][of]["n"] > 0 for of in ("sorted_share", "missed_of_abnormal", "missed_of_incoming")} == {
            True
        }
        assert card["norm"]["curve"] is not None
        assert card["calibration_test"]["readings"]
        assert {table["column"] for table in card["subgroups"]} == {"sex", "age", "manufacturer"}
        assert any(cell["auc"]["value"] is not None for table in card["subgroups"] for cell in table["cells"])
        assert card["any_pathology"]["auc"]["value"] is not None
        assert None not in [card[key]["value"] for key in ("macro", "macro_worst", "macro_half", "macro_exclude_case")]
        for finding in card["findings"]:
            numbers = finding["numbers"]
            assert numbers["partial_auc"]["standardised"]["value"] is not None
            assert {numbers[key]["source"] for key in ("declared", "youden")} == {"declared", "post_hoc_youden"}
            assert numbers["calibration"]["reliability"]
            assert numbers["calibration"]["error"]["null_p95"] is not None
            assert numbers["this_set"]["average_precision"]["value"] is not None
            for share in ("this_set", "population"):
                assert numbers[share]["decision_curve"]["net_benefit"]


def test_every_number_of_a_stored_scorecard_has_its_n_its_method_and_a_value_or_a_reason(first: Played) -> None:
    found = [one for card in first.scorecards("spring-final") for one in estimates(card)]
    assert len(found) > 500
    for one in found:
        assert isinstance(one["n"], int) or (one["n"], one["value"]) == (None, None), "a number without its n"
        assert one["n"] != 0 or one["reason"] in {"no_case", "no_positive", "no_negative"}, "0 is a count, no absence"
        assert one["method"]
        assert one["value"] is not None or one["reason"], "no number, and no word why"


def test_the_organisers_metric_stands_in_the_cards_the_rows_and_the_board_of_the_final(first: Played) -> None:
    cards, whole = first.scorecards("spring-final"), 0
    for card in cards:
        (metric,) = card["metrics"]
        assert (metric["name"], metric["version"], metric["direction"]) == ("cost-of-errors", "1.0", "lower")
        assert (metric["n"], metric["resamples"], metric["resamples_undefined"]) == (card["n_cases"], RESAMPLES, 0)
        assert 0 < metric["low"] < metric["value"] < metric["high"] < metric["greatest"] == 5
        if set(card["outcomes"]) == {"ok"}:  # a missing answer costs otherwise than it counts at a threshold
            at = [finding["numbers"]["declared"] for finding in card["findings"]]
            missed, alarms = (sum(one[kind] for one in at) for kind in ("false_negative", "false_positive"))
            assert metric["value"] == pytest.approx((5 * missed + alarms) / (card["n_cases"] * len(at)), abs=1e-12)
            whole += 1
    assert whole >= 4, "the entries that answer every case"
    assert first.metric_rows("spring-final") == sorted(
        (m["value"], m["low"], m["high"], m["n"]) for card in cards for m in card["metrics"]
    )
    by_evaluation = sorted(json.dumps(card["metrics"]) for card in cards)
    assert sorted(json.dumps(entry["metrics"]) for entry in first.document("spring-final")["entries"]) == by_evaluation
    told = first.table("spring-final", "metrics")
    assert {(row["metric"], row["version"], row["n"]) for row in told} == {("cost-of-errors", "1.0", "200")}
    assert all(float(row["low"]) < float(row["value"]) < float(row["high"]) for row in told)
    assert "cost-of-errors" in first.page("/lite?challenge=chest-phantom&phase=spring-final")


def test_the_readers_stand_on_the_board_of_the_final_as_points_and_curves(first: Played) -> None:
    readers = first.document("spring-final")["readers"]
    findings = {"nodule", "effusion", "pneumothorax"}
    assert Counter(point["finding"] for point in readers["points"]) == dict.fromkeys(findings, 3)
    for point in readers["points"]:
        for share in ("sensitivity", "specificity"):
            assert point[share]["low"] < point[share]["value"] < point[share]["high"]
        assert point["sensitivity"]["n"] + point["specificity"]["n"] == 200
    assert Counter(curve["finding"] for curve in readers["curves"]) == dict.fromkeys(findings, 1)
    for curve in readers["curves"]:
        assert (curve["readers"], len(curve["points"])) == (3, 7)
        assert curve["points"][0] == [0, 0]
        assert curve["points"][-1] == [1, 1]
        assert curve["auc"]["value"] > 0.8
        assert (curve["auc"]["n"], curve["auc"]["reason"]) == (None, "no_counts"), "the table has none"
    assert len(first.table("spring-final", "readers")) == 9
    assert Counter(row["finding"] for row in first.table("spring-final", "reader-curves")) == dict.fromkeys(findings, 7)
    page = first.page("/lite?challenge=chest-phantom&phase=spring-final")
    assert all(f"Simulated reader {number}" in page for number in (1, 2, 3))


def test_the_roc_picture_of_the_final_draws_the_readers_points_and_curves(first: Played) -> None:
    with first.reader() as reader:
        facts = reader.phase(reader.challenge("chest-phantom"), "spring-final")
    assert facts.document is not None
    drawn = roc_spec(facts, "nodule", [facts.document.entries[0].submission], Words(Language.EN))["datasets"]
    assert [len(drawn[name]) for name in ("readers", "reader_curves")] == [3, 7]
    assert drawn["curves"]


def test_the_final_leaderboard_holds_every_part_of_a_closed_contest(first: Played) -> None:
    board = first.document("spring-final")
    entries = len(board["entries"])
    assert len(board["pairs"]) == entries * (entries - 1) // 2
    for pair in board["pairs"]:
        assert pair["n"] > 0
        assert None not in [pair[key] for key in ("low", "high", "p_holm", "p_max_t", "p_adjusted")]
        assert pair["a_against_b"] is not None, "non-inferiority by the declared margin"
    assert {one["policy"] for one in board["policies"]} >= {"worst", "half", "exclude_case"}
    assert {one["scheme"] for one in board["schemes"]} >= {"mean_then_rank", "rank_then_mean"}
    assert (board["stability"]["resamples"], board["stability"]["reason"]) == (1000, None)
    assert sum(one["share_first"] for one in board["stability"]["entries"]) >= 1 - 1e-9
    assert {call["of"] for call in board["calls"]} == {"sensitivity", "specificity"}
    assert board["readers"]["points"]
    assert None not in [board["seed"], board["adjustment"], board["produced_by"]]


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
