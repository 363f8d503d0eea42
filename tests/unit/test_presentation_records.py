"""What leaves the server of a public document: rounded, and nothing fine while the phase is open."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime

import pytest

from arena.presentation.records import curve_record, leaderboard_record
from arena.presentation.tables import curve_csv, guard_cell, leaderboard_csv
from arena.store.documents import Disclosure, LeaderboardDocument, Pair
from runners.values import Outcome
from tests.browser.showcase import FINAL, entry

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def document(disclosure: Disclosure, **changes: object) -> LeaderboardDocument:
    fields: dict[str, object] = {
        "challenge": "cxr",
        "phase": "season",
        "revision": 3,
        "as_of": NOW,
        "disclosure": disclosure,
        "case_set": "public",
        "case_set_digest": "a" * 64,
        "judging_digest": "b" * 64,
        "challenge_version": "c" * 64,
        "scorer_version": "1",
        "n_cases": 200,
        "n_patients": 171,
        "missing": "worst",
        "alpha": 0.05,
        "entries": tuple(entry(line, 200, disclosure, NOW) for line in FINAL),
    }
    return LeaderboardDocument.model_validate(fields | changes)


def test_a_document_of_an_open_phase_gives_nothing_finer_even_if_it_holds_it() -> None:
    closed = document(Disclosure.CLOSED)
    leaky = closed.model_copy(update={"disclosure": Disclosure.OPEN})
    record = leaderboard_record(leaky)
    assert all(line.findings == () and line.macro_auc_answered_cases is None for line in record.entries)
    assert record.pairs == ()
    assert curve_record(leaky, FINAL[0].code, "nodule") is None


def test_an_open_macro_score_has_two_decimals_in_every_number() -> None:
    line = leaderboard_record(document(Disclosure.OPEN)).entries[0]
    assert (line.macro_auc.value, line.macro_auc.low, line.macro_auc.high) == (0.93, 0.89, 0.96)
    assert line.latency.median_seconds == 0.38


def test_no_number_of_a_closed_record_has_more_than_three_decimals() -> None:
    pair = Pair(a=FINAL[0].code, b=FINAL[1].code, difference=0.0123456, standard_error=0.1, p=0.2, p_adjusted=0.43217)
    record = leaderboard_record(document(Disclosure.CLOSED, pairs=(pair,)))

    def numbers(value: object) -> list[float]:
        if isinstance(value, dict):
            return [n for v in value.values() for n in numbers(v)]
        if isinstance(value, list):
            return [n for v in value for n in numbers(v)]
        return [value] if isinstance(value, float) else []

    found = [n for e in json.loads(record.model_dump_json())["entries"] for n in numbers(e)]
    assert found
    assert all(round(n, 4) == n for n in found)
    assert (record.pairs[0].difference, record.pairs[0].p_adjusted) == (0.012, 0.43)


def test_a_closed_curve_has_its_band_and_its_corners() -> None:
    curve = curve_record(document(Disclosure.CLOSED), FINAL[0].code, "nodule")
    assert curve is not None
    assert (curve.fpr[0], curve.tpr[0], curve.fpr[-1], curve.tpr[-1]) == (0.0, 0.0, 1.0, 1.0)
    assert all(low <= tpr <= high for low, tpr, high in zip(curve.tpr_low, curve.tpr, curve.tpr_high, strict=True))


def test_an_unknown_entry_or_finding_has_no_curve() -> None:
    assert curve_record(document(Disclosure.CLOSED), "nobody", "nodule") is None
    assert curve_record(document(Disclosure.CLOSED), FINAL[0].code, "gout") is None


@pytest.mark.parametrize("text", ["=1+1", "+7", "-2", "@SUM(A1)", "\t=1", " =1", "\N{NO-BREAK SPACE}=1", "＝1"])
def test_a_cell_that_a_spreadsheet_would_run_is_made_text(text: str) -> None:
    assert guard_cell(text) == f"'{text}"


def test_plain_cells_pass_unchanged_and_absent_ones_are_empty() -> None:
    assert [guard_cell(cell) for cell in ("NovaScan", -0.5, None, 3)] == ["NovaScan", -0.5, "", 3]


def test_the_csv_has_a_line_for_each_entry_and_findings_only_when_closed() -> None:
    hostile = entry(FINAL[0], 200, Disclosure.OPEN, NOW).model_copy(update={"vendor_name": '=HYPERLINK("http://x")'})
    rows = list(
        csv.DictReader(io.StringIO(leaderboard_csv(leaderboard_record(document(Disclosure.OPEN, entries=(hostile,))))))
    )
    assert rows[0]["vendor"] == '\'=HYPERLINK("http://x")'
    assert rows[0]["macro_auc"] == "0.93"
    assert not any(column.startswith("auc_") for column in rows[0])
    closed = list(csv.DictReader(io.StringIO(leaderboard_csv(leaderboard_record(document(Disclosure.CLOSED))))))
    assert [row["entry"] for row in closed] == [line.code for line in FINAL]
    assert closed[0]["auc_nodule"] == "0.912"
    failed = int(closed[4][f"{Outcome.CRASHED}_percent"])
    assert failed == 5


def test_a_curve_as_csv_keeps_every_point() -> None:
    curve = curve_record(document(Disclosure.CLOSED), FINAL[0].code, "nodule")
    assert curve is not None
    assert len(curve_csv(curve).splitlines()) == len(curve.fpr) + 1


def test_the_csv_of_an_empty_leaderboard_is_its_header() -> None:
    assert leaderboard_csv(leaderboard_record(document(Disclosure.OPEN, entries=()))).count("\n") == 1
