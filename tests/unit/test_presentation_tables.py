"""Tables of a closed phase: what is in them, how they leave as CSV and JSON, and that an open phase has none."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import re
from dataclasses import replace

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from arena.api.application import create_api
from arena.presentation import charts
from arena.presentation.boardtables import BOARD_TABLES, board_table, names_of
from arena.presentation.cardtables import CARD_TABLES
from arena.presentation.catalogue import TEXTS
from arena.presentation.html import sheet_html
from arena.presentation.language import Language
from arena.presentation.reader import PhaseFacts, Reader, Stand
from arena.presentation.sheets import MOST_ROWS, TableView, table_view
from arena.presentation.tables import table_csv
from arena.presentation.tabular import Coded, Column, Found, Named, Table, found, measured, number
from arena.presentation.views import leaderboard_view
from arena.presentation.wording import Words
from arena.store.documents import Disclosure, Estimate, OwnMetric
from tests.browser.showcase import FINAL, SEASON, SLUG, Showcase

EN, RU = Words(Language.EN), Words(Language.RU)
BOARD = f"/api/v1/challenges/{SLUG}/phases"


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    showcase = Showcase(tmp_path_factory.mktemp("tables")).fill()
    return Reader(showcase.store, showcase.public, clock=lambda: showcase.now)


@pytest.fixture(scope="module")
def closed(reader: Reader) -> PhaseFacts:
    return reader.phase(reader.challenge(SLUG), "spring-final")


def tables(reader: Reader, closed: PhaseFacts, words: Words = EN, entry: str = FINAL[0].code) -> dict[str, Table]:
    names = names_of(closed, words.language)
    card = reader.scorecard(closed, entry)
    assert card is not None
    board = {f"board-{name}": make(closed.document, names) for name, make in BOARD_TABLES.items() if closed.document}
    return board | {name: make(card, names) for name, make in CARD_TABLES.items()}


def view(table: Table, words: Words = EN) -> TableView:
    return table_view(table, words, csv="/file.csv", entry_path="/algorithm")


def get(reader: Reader, address: str) -> httpx.Response:
    app = Starlette(routes=[Mount("/api", create_api(lambda: reader))])

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://arena.test") as client:
            return await client.get(address)

    return asyncio.run(ask())


@pytest.mark.parametrize("words", [EN, RU])
def test_every_table_has_words_for_all_that_it_holds(reader: Reader, closed: PhaseFacts, words: Words) -> None:
    for line in FINAL:
        for name, table in tables(reader, closed, words, line.code).items():
            shown = sheet_html(view(table, words), words)
            assert all(len(row) == len(table.columns) for row in table.rows), name
            assert bool(table.rows) != bool(table.absent), name
            text = re.sub(r"<[^>]*>", " ", shown)
            assert not re.search(r"\b[a-z]+_[a-z_]+\b", text), (name, text)


def test_no_cell_of_a_file_has_a_finer_digit_than_four_decimals(reader: Reader, closed: PhaseFacts) -> None:
    for name, table in tables(reader, closed).items():
        numbers = [v for row in table.dicts() for v in row.values() if isinstance(v, float)]
        assert all(round(v, 4) == v for v in numbers), name


def test_the_pairs_tell_difference_adjusted_p_and_non_inferiority(reader: Reader, closed: PhaseFacts) -> None:
    table = tables(reader, closed)["board-pairs"]
    row = next(r for r in table.dicts() if {r["a"], r["b"]} == {FINAL[2].code, FINAL[6].code})
    assert (row["difference"], row["p"], row["p_max_t"], row["p_holm"]) == (0.0, 1.0, 1.0, 1.0)
    assert row["margin"] == 0.03
    separated = next(r for r in table.dicts() if {r["a"], r["b"]} == {FINAL[0].code, FINAL[4].code})
    assert separated["difference"] > 0.1
    assert separated["p_max_t"] < 0.05


def test_an_unranked_entry_and_a_duplicate_are_told_with_their_reason(reader: Reader, closed: PhaseFacts) -> None:
    shown = sheet_html(view(tables(reader, closed)["board-remarks"]), EN)
    assert "its score is below the declared floor" in shown
    assert "ChestNet 12 · HexaVision" in shown
    assert "Mirror · Echo Imaging" in shown


def test_rank_stability_is_never_called_a_95_percent_range(reader: Reader, closed: PhaseFacts) -> None:
    for words in (EN, RU):
        shown = view(tables(reader, closed, words)["board-stability"], words)
        said = " ".join([shown.title, shown.read, *(c.title for c in shown.columns)])
        assert "95" not in said.replace("97.5", "").replace("97,5", "")
        assert "no probability of being first" in said or "не вероятность быть первым" in said


def test_no_predictive_value_stands_without_its_prevalence_and_its_source(reader: Reader, closed: PhaseFacts) -> None:
    rows = tables(reader, closed)["prevalence"].dicts()
    assert {row["share"] for row in rows} == {"this_set", "declared"}
    for row in rows:
        assert row["ppv"] is None or (row["prevalence"] is not None and row["source"])
    assert {row["source"] for row in rows if row["finding"] == "nodule"} == {"itself", "City screening registry 2025"}


def test_f1_and_mcc_stand_at_the_declared_prevalence_beside_those_of_the_set(
    reader: Reader, closed: PhaseFacts
) -> None:
    given = tables(reader, closed)
    rows = {(row["finding"], row["share"]): row for row in given["prevalence"].dicts()}
    of_set = {r["finding"]: r for r in given["thresholds"].dicts() if r["source"] == "declared"}
    for name in ("f1", "mcc"):
        set_row, declared = rows["nodule", "this_set"], rows["nodule", "declared"]
        assert set_row[name] == of_set["nodule"][name]
        assert declared[f"{name}_low"] < declared[name] < declared[f"{name}_high"]
        assert declared[name] < set_row[name]
        assert declared[f"{name}_method"] == "mover_wilson"
    header = table_csv(given["prevalence"]).splitlines()[0].split(",")
    assert {"f1", "f1_low", "f1_high", "mcc", "mcc_low", "mcc_high"} <= set(header)
    for words in (EN, RU):
        titles = [column.title for column in view(tables(reader, closed, words)["prevalence"], words).columns]
        assert {"F1", "MCC"} <= set(titles)


def test_the_threshold_chosen_afterwards_is_labelled_and_has_no_interval(reader: Reader, closed: PhaseFacts) -> None:
    rows = [r for r in tables(reader, closed)["thresholds"].dicts() if r["source"] == "post_hoc_youden"]
    assert len(rows) == 3
    assert all(r["sensitivity"] is not None and r["sensitivity_low"] is None for r in rows)
    assert all(r["sensitivity_reason"] == "post_hoc" for r in rows)


def test_a_rare_finding_is_listed_with_counts_and_its_reason(reader: Reader, closed: PhaseFacts) -> None:
    row = tables(reader, closed)["findings"].dicts()[3]
    assert (row["finding"], row["in_macro"], row["auc"], row["patients_positive"]) == ("fracture", False, None, 16)
    assert row["reason"] == "too_few_patients"


def test_every_verdict_of_the_calibration_test_is_there(reader: Reader, closed: PhaseFacts) -> None:
    verdicts = {
        row["verdict"] for line in FINAL for row in tables(reader, closed, EN, line.code)["calibration-test"].dicts()
    }
    assert verdicts == {"passes", "fails", "undecided"}
    chances = tables(reader, closed)["pass-chances"].dicts()
    assert [row["true_auc"] for row in chances] == [0.78, 0.84]
    assert "fracture" not in {row["finding"] for row in chances}
    assert {row["finding"] for row in chances} <= {"nodule", "effusion", "pneumothorax"}


def test_a_chance_to_pass_is_said_to_be_one_finding_s(reader: Reader, closed: PhaseFacts) -> None:
    for words, said in ((EN, "not for the service"), (RU, "а не для сервиса в целом")):
        shown = view(tables(reader, closed, words)["pass-chances"], words)
        assert said in shown.read


def test_the_error_at_the_declared_prevalence_stands_beside_that_of_a_perfect_service(
    reader: Reader, closed: PhaseFacts
) -> None:
    table = tables(reader, closed)["prevalence"]
    told = [row for row in table.dicts() if row["ece"] is not None]
    assert {row["share"] for row in told} == {"this_set", "declared"}
    assert all(row["null_mean"] is not None and row["null_p95"] > row["null_mean"] for row in told)
    assert {"Perfect service: mean", "Perfect service: 95th percentile"} <= {c.title for c in view(table).columns}


def test_a_macro_score_of_a_subgroup_tells_its_cases(reader: Reader, closed: PhaseFacts) -> None:
    rows = tables(reader, closed)["subgroups"].dicts()
    macro = [row for row in rows if row["finding"] == "macro" and row["auc"] is not None]
    assert macro
    assert all(row["n"] == row["auc_n"] > 0 for row in macro)
    hidden = [row for row in rows if row["auc_reason"] == "suppressed"]
    assert hidden
    assert {(row["n"], row["auc_n"]) for row in hidden} == {(None, None)}


def test_the_subgroups_count_what_is_suppressed(reader: Reader, closed: PhaseFacts) -> None:
    made = tables(reader, closed)
    assert "Mobile unit" not in json.dumps(made["subgroups"].dicts())
    hidden = {(r["attribute"], r["finding"]): r["hidden"] for r in made["suppressed"].dicts()}
    assert hidden["site", "nodule"] >= 1
    assert hidden["sex", "nodule"] == 0


def test_what_a_challenge_does_not_declare_is_said_in_words(reader: Reader, closed: PhaseFacts) -> None:
    shown = sheet_html(view(tables(reader, closed)["calibrated-thresholds"]), EN)
    assert "Not given: the challenge has no calibration split." in shown
    assert "<table" not in shown


def test_a_table_leaves_as_csv_with_its_interval_counts_method_and_reason(reader: Reader, closed: PhaseFacts) -> None:
    rows = list(csv.DictReader(io.StringIO(table_csv(tables(reader, closed)["findings"]))))
    assert rows[0]["finding_name"] == "Nodule or mass"
    assert (rows[0]["auc_n"], rows[0]["auc_n_positive"], rows[0]["auc_method"]) == ("397", "106", "auc_logit_t")
    assert (rows[3]["auc"], rows[3]["auc_reason"]) == ("", "too_few_patients")


def test_a_route_gives_each_table_of_a_closed_phase_as_json_and_csv(reader: Reader) -> None:
    bases = [
        (f"{BOARD}/spring-final/tables", BOARD_TABLES),
        (f"{BOARD}/spring-final/entries/{FINAL[0].code}/tables", CARD_TABLES),
    ]
    for base, known in bases:
        for name in known:
            answer = get(reader, f"{base}/{name}")
            assert answer.status_code == 200, answer.text
            assert bool(answer.json()["rows"]) != bool(answer.json()["absent"])
            file = get(reader, f"{base}/{name}?format=csv")
            assert file.headers["content-type"] == "text/csv; charset=utf-8"
            assert file.text.splitlines()[0] == ",".join(answer.json()["columns"])


@pytest.mark.parametrize("name", ["pairs", "nothing"])
def test_an_open_phase_has_no_table(reader: Reader, name: str) -> None:
    for address in (f"{BOARD}/summer/tables/{name}", f"{BOARD}/summer/entries/{SEASON[0].code}/tables/{name}"):
        answer = get(reader, address)
        assert answer.status_code == 404
        assert "before the phase has closed" in answer.json()["message"]
    facts = reader.phase(reader.challenge(SLUG), "summer")
    assert all(board_table(facts, table, names_of(facts, "en")) is None for table in BOARD_TABLES)


def test_an_unknown_table_is_answered_with_those_that_there_are(reader: Reader) -> None:
    for address in (f"{BOARD}/spring-final/tables/x", f"{BOARD}/spring-final/entries/{FINAL[0].code}/tables/x"):
        answer = get(reader, address)
        assert answer.status_code == 404
        assert "metrics" in answer.json()["message"]
    assert get(reader, f"{BOARD}/spring-final/entries/nobody/tables/norm").status_code == 404


def test_a_document_of_an_open_phase_gives_no_table_even_if_it_holds_the_numbers(closed: PhaseFacts) -> None:
    assert closed.document is not None
    leaky = replace(closed, document=closed.document.model_copy(update={"disclosure": Disclosure.OPEN}))
    assert all(board_table(leaky, table, names_of(leaky, "en")) is None for table in BOARD_TABLES)


def test_an_organisers_metric_is_shown_with_its_range_or_its_fault(closed: PhaseFacts) -> None:
    assert closed.document is not None
    metrics = (
        OwnMetric(name="cost", version="2", direction="lower", least=0, value=1.23456, low=1.1, high=1.4, resamples=500, n=400),
        OwnMetric(name="dice", version="1", n=400, reason="too_slow"),
    )  # fmt: skip
    first = closed.document.entries[0].model_copy(update={"metrics": metrics})
    document = closed.document.model_copy(update={"entries": (first,)})
    shown = sheet_html(view(BOARD_TABLES["metrics"](document, names_of(closed, "en"))), EN)
    assert "1.235" in shown
    assert "lower is better" in shown
    assert "the metric took too long" in shown


def test_a_long_table_is_cut_on_the_page_and_whole_in_its_file() -> None:
    table = Table("pairs", (Column("n"),), tuple((k,) for k in range(MOST_ROWS + 5)))
    shown = view(table)
    assert len(shown.rows) == MOST_ROWS
    assert f"of {MOST_ROWS + 5} lines" in shown.cut
    assert len(table_csv(table).splitlines()) == MOST_ROWS + 6


def test_an_estimate_takes_seven_columns_and_a_name_two() -> None:
    estimate = found(Estimate(value=0.87654, low=0.8, high=0.9, n=10, n_positive=4, method="auc_logit_t"))
    table = Table(
        "findings",
        (Column("finding"), Column("auc"), Column("source")),
        ((Named("a", "A b"), estimate, Coded("share", "itself")),),
    )
    header, rows = table.flat()
    assert header == (
        "finding", "finding_name", "auc", "auc_low", "auc_high", "auc_n", "auc_n_positive", "auc_method", "auc_reason", "source",
    )  # fmt: skip
    assert rows == (("a", "A b", 0.877, 0.8, 0.9, 10, 4, "auc_logit_t", None, "itself"),)


def test_a_hostile_name_is_text_in_a_table() -> None:
    name = '<img src=x onerror="a()">'
    table = Table("pairs", (Column("a"), Column("source")), ((Named("x", name, "x"), name),))
    shown = sheet_html(view(table), EN)
    assert "<img" not in shown
    assert table_csv(Table("pairs", (Column("source"),), (("=1+1",),))).endswith("'=1+1\r\n")


def test_a_difference_is_written_with_its_sign_and_a_real_minus() -> None:
    cells = (number(0.0123, signed=True), number(-0.0123, signed=True), number(0.0), measured(0.00612))
    row = view(Table("pairs", tuple(Column(k) for k in ("a", "b", "low", "z")), (cells,))).rows[0]
    assert [cell.text for cell in row] == ["+0.012", "\N{MINUS SIGN}0.012", "0.000", "0.00612"]


def test_every_reason_of_an_empty_table_has_its_words() -> None:
    empty = Table("norm", (Column("n"),), (), "reason.unheard_of")
    assert view(empty).absent == "Not given: a reason outside the catalogue."
    assert "absent.row" in TEXTS
    assert Found.model_fields.keys() >= {"n_positive", "method"}


@pytest.mark.parametrize("words", [EN, RU])
def test_every_picture_has_rounded_numbers_and_no_ink_of_its_own(
    reader: Reader, closed: PhaseFacts, words: Words
) -> None:
    made = tables(reader, closed, words)
    document = closed.document
    assert document is not None
    specs = [
        charts.ranks_spec(made["board-ranks"], words),
        charts.stability_spec(made["board-stability"], words),
        charts.pairs_spec(document, made["board-pairs"], words),
        charts.roc_spec(closed, "nodule", [FINAL[0].code], words),
        charts.reliability_spec(made["reliability"].where("finding", "nodule"), words),
        charts.decision_spec(made["decision"].where("finding", "nodule").where("share", "declared"), words),
        charts.norm_spec(made["norm-curve"], made["norm"], words),
    ]
    for spec in specs:
        assert all(spec["datasets"].get(name) is not None for name in spec["datasets"])
        assert any(rows for rows in spec["datasets"].values())
        text = json.dumps(spec)
        assert "$schema" not in text
        assert "labelColor" not in text
        assert not re.search(r"\d\.\d{5,}", json.dumps(spec["datasets"]))


def test_rows_of_one_rank_stand_on_one_band(reader: Reader, closed: PhaseFacts) -> None:
    rows = charts.ranks_spec(tables(reader, closed)["board-ranks"], EN)["datasets"]["entries"]
    ranks = [row.rank for row in closed.document.entries] if closed.document else []
    for one, other, a, b in zip(rows, rows[1:], ranks, ranks[1:], strict=False):
        assert (one["odd"] == other["odd"]) == (a == b)
    assert [row["rank"] for row in rows if row["rank"]] == ["1", "3", "6", "–"]


def test_the_matrix_fills_exactly_the_pairs_that_the_deciding_test_separates(
    reader: Reader, closed: PhaseFacts
) -> None:
    document = closed.document
    assert document is not None
    cells = charts.pairs_spec(document, tables(reader, closed)["board-pairs"], EN)["datasets"]["pairs"]
    separated = sum(pair.p_adjusted < document.alpha for pair in document.pairs)
    states = [cell["state"] for cell in cells]
    assert (states.count("better"), states.count("worse")) == (separated, separated)
    assert len(cells) == 2 * len(document.pairs)


def test_readers_stand_on_the_plot_of_their_finding_only(closed: PhaseFacts) -> None:
    assert len(charts.roc_spec(closed, "nodule", [FINAL[0].code], EN)["datasets"]["readers"]) == 3
    assert not charts.has_readers(closed, "pneumothorax")


def test_a_set_that_is_shown_while_open_is_called_exposed(closed: PhaseFacts) -> None:
    shown = leaderboard_view(replace(closed, stand=Stand.OPEN), EN, entry_path="/algorithm")
    assert "its set is exposed" in shown.sentences[-1]
    assert "its set is exposed" not in " ".join(leaderboard_view(closed, EN, entry_path="/algorithm").sentences)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (EN, "Entries were selected on this set: a vendor is allowed 30 submissions on it"),
        (RU, "Участники отобраны на этом же наборе: разработчику разрешено заявок с показом оценки — 30"),
    ],
)
@pytest.mark.parametrize("stand", [Stand.OPEN, Stand.CLOSED])
def test_a_board_whose_set_took_several_submissions_says_that_entries_were_selected_on_it(
    reader: Reader, stand: Stand, words: Words, told: str
) -> None:
    summer = replace(reader.phase(reader.challenge(SLUG), "summer"), stand=stand, attempts_made=12)
    *_, last = leaderboard_view(summer, words, entry_path="/algorithm").sentences
    assert last.startswith(told)
    assert " 12)" in last


def test_a_final_that_is_scored_once_does_not_say_that_entries_were_selected_on_it(
    closed: PhaseFacts, reader: Reader
) -> None:
    assert (closed.attempts_allowed, closed.attempts_made) == (1, 1)
    for words in (EN, RU):
        told = " ".join(leaderboard_view(closed, words, entry_path="/algorithm").sentences)
        assert "selected on this set" not in told
        assert "отобраны на этом же наборе" not in told
    same = closed.phase.model_copy(update={"cases": "public"})
    assert "selected on this set" in " ".join(
        leaderboard_view(replace(closed, phase=same), EN, entry_path="/algorithm").sentences
    )
    assert reader.phase(closed.challenge, "summer").attempts_made >= 1
