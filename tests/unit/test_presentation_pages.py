"""The views of every page from a filled store: their words, their embargo, their escape of hostile names."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

import arena.presentation.reader as reader_module
import arena.store.reading as reading_module
from arena.errors import BlobCorrupt, NotFound
from arena.presentation import charts
from arena.presentation.details import entry_view, queue_view, rules_html, rules_view
from arena.presentation.html import entry_html, leaderboard_html, queue_html, rules_page_html
from arena.presentation.language import Language
from arena.presentation.reader import Reader, Stand, default_phase
from arena.presentation.views import leaderboard_view, link
from arena.presentation.wording import Words
from arena.store.documents import Disclosure
from arena.store.tables import EvaluationState
from tests.browser.showcase import FINAL, HOSTILE, HOSTILE_MARKDOWN, SEASON, SLUG, Showcase

EN, RU = Words(Language.EN), Words(Language.RU)


@pytest.fixture(scope="module")
def showcase(tmp_path_factory: pytest.TempPathFactory) -> Showcase:
    return Showcase(tmp_path_factory.mktemp("showcase")).fill()


@pytest.fixture(scope="module")
def reader(showcase: Showcase) -> Reader:
    return Reader(showcase.store, showcase.public, clock=lambda: showcase.now)


def leaderboard(reader: Reader, phase: str, words: Words = EN) -> str:
    facts = reader.phase(reader.challenge(SLUG), phase)
    return leaderboard_html(leaderboard_view(facts, words, entry_path="/algorithm"), words)


def test_the_open_phase_is_shown_first(reader: Reader) -> None:
    challenge = reader.challenge(SLUG)
    phases = [reader.phase(challenge, phase.name) for phase in challenge.declaration.phases]
    assert default_phase(phases).phase.name == "summer"
    later = [replace(phase, stand=Stand.CLOSED) for phase in phases]
    assert default_phase(later).phase.name == "summer"
    assert default_phase([replace(phase, record=None, stand=Stand.UPCOMING) for phase in phases]).phase.name == "spring"


def test_a_row_tells_rank_score_interval_answers_and_latency(reader: Reader) -> None:
    view = leaderboard_view(reader.phase(reader.challenge(SLUG), "summer"), EN, entry_path="/algorithm")
    row = view.rows[3]
    assert (row.rank, row.rank_range, row.auc, row.tied) == ("4", "only 4", "0.82", False)
    assert row.interval == "0.73 to 0.89"
    assert row.latency == "median 0.69 s"
    assert row.failures
    assert view.missing == "failures count as worst"
    assert view.rows[1].shares_rank
    assert row.href == f"/algorithm?entry={SEASON[3].code}"


def test_the_line_of_facts_counts_down_and_gives_only_the_size_of_the_set(reader: Reader, showcase: Showcase) -> None:
    facts = reader.phase(reader.challenge(SLUG), "summer")
    line = " ".join(EN.facts(facts))
    assert "closes in 5 days" in line
    assert "100 hidden studies 88 patients" in line
    assert "positive" not in line


def test_nothing_by_finding_is_on_the_pages_of_an_open_phase(reader: Reader) -> None:
    page = leaderboard(reader, "summer") + entry_html(
        entry_view(reader.entry(SEASON[0].code), EN, board_path="/", entry_path="/algorithm"), EN
    )
    assert "Nodule" not in page
    assert "Numbers by finding appear when the phase has closed." in page
    assert "While the phase is open" in page


def test_the_algorithm_page_of_a_closed_phase_has_its_numbers_by_finding(reader: Reader) -> None:
    view = entry_view(reader.entry(FINAL[4].code), RU, board_path="/", entry_path="/algorithm")
    page = entry_html(view, RU)
    assert "Узел или образование" in page
    assert "106 / 397" in page
    assert "0,646" in page
    assert "слишком мало пациентов с признаком или без него" in page
    assert "too_few_patients" not in page
    assert "sha256:" in page
    assert "/algorithm?entry=mq2x6d8vge&amp;lang=ru" in page
    assert {row[2] for row in view.history} == {FINAL[4].code, SEASON[3].code}


def test_the_queue_tells_positions_progress_and_a_plain_reason(reader: Reader, showcase: Showcase) -> None:
    challenge = reader.challenge(SLUG)
    view = queue_view(challenge, reader.queue(challenge), EN, showcase.now)
    stages = {line.entry: line for line in view.lines}
    assert [line.position for line in view.lines if line.stage == "queued"] == ["1", "2"]
    assert stages["rn5c9m3wtb"].progress == "50 of 100 cases"
    assert stages["rn5c9m3wtb"].share == 50.0
    assert stages["rn6g5t9cje"].elapsed == "3 minutes"
    assert "secret" not in queue_html(view, EN)
    assert "counts towards the quota" in stages["rn8d4p6yvc"].reason


def test_the_rules_show_calendar_thresholds_limits_and_headers(reader: Reader) -> None:
    page = rules_page_html(rules_view(reader.challenge(SLUG), EN), EN)
    for words in (
        "Spring season",
        "after “Spring season”",
        "0.42",
        "4096",
        "PatientAge",
        "<h3>Fair play</h3>",
        "2 a day",
    ):
        assert words in page, words


def test_rules_load_and_run_nothing_foreign() -> None:
    page = rules_html("<script>x</script> ![a](http://t.example/x.png) [b](javascript:alert(1))")
    assert "<script" not in page
    assert "<img" not in page
    assert 'href="javascript' not in page


@pytest.mark.parametrize("name", [HOSTILE, HOSTILE_MARKDOWN])
def test_a_hostile_name_is_text_on_every_page(tmp_path: Path, name: str) -> None:
    showcase = Showcase(tmp_path)
    showcase.declare()
    lines = (replace(FINAL[0], vendor=name, algorithm=name + "1"),)
    showcase.publish("spring-final", lines, Disclosure.CLOSED)
    showcase.submit(replace(lines[0], code="waiting001"), "summer", state=EvaluationState.QUEUED)
    reader = Reader(showcase.store, showcase.public, clock=lambda: showcase.now)
    challenge = reader.challenge(SLUG)
    pages = (
        leaderboard(reader, "spring-final"),
        entry_html(entry_view(reader.entry(FINAL[0].code), EN, board_path="/", entry_path="/a"), EN),
        queue_html(queue_view(challenge, reader.queue(challenge), EN, showcase.now), EN),
    )
    for page in pages:
        assert "tracker.example" in page
        assert not re.search(r"<(img|script)\b", page)
        assert not re.search(r"href=\"(javascript|http)", page)


def test_a_link_survives_a_change_of_language() -> None:
    assert link("/", EN, challenge="a", phase="b") == "/?challenge=a&phase=b"
    assert link("/", RU, challenge="a", phase="b&c") == "/?challenge=a&phase=b%26c&lang=ru"


@pytest.mark.parametrize(
    ("days", "phase", "stand", "told"),
    [
        (0, "autumn", Stand.UPCOMING, "Submissions are taken once the phase has opened."),
        (0, "spring", Stand.CLOSED, "The phase closed without a scored entry."),
        (50, "autumn", Stand.OPEN, "Submit one with: arena submit."),
    ],
)
def test_an_empty_phase_says_what_to_do(showcase: Showcase, days: int, phase: str, stand: Stand, told: str) -> None:
    reader = Reader(showcase.store, showcase.public, clock=lambda: showcase.now + timedelta(days=days))
    facts = reader.phase(reader.challenge(SLUG), phase)
    assert facts.stand is stand
    assert told in leaderboard(reader, phase)


def test_a_phase_that_follows_does_not_promise_to_take_submissions(showcase: Showcase) -> None:
    reader = Reader(showcase.store, showcase.public, clock=lambda: showcase.now)
    facts = reader.phase(reader.challenge(SLUG), "spring-final")
    waiting = replace(facts, record=None, document=None, stand=Stand.UPCOMING)
    page = leaderboard_html(leaderboard_view(waiting, EN, entry_path="/algorithm"), EN)
    assert "It takes no submissions" in page


def test_a_final_is_being_evaluated_until_it_is_published(tmp_path: Path) -> None:
    showcase = Showcase(tmp_path)
    showcase.declare()
    reader = Reader(showcase.store, showcase.public, clock=lambda: showcase.now)
    facts = reader.phase(reader.challenge(SLUG), "spring-final")
    assert facts.stand is Stand.EVALUATING
    assert "Results are published when all chosen entries have been scored." in leaderboard(reader, "spring-final")


def test_a_newer_revision_replaces_the_older_one(tmp_path: Path) -> None:
    showcase = Showcase(tmp_path)
    showcase.declare()
    showcase.publish("summer", SEASON[:1], Disclosure.OPEN, revision=1)
    reader = Reader(showcase.store, showcase.public, clock=lambda: showcase.now)
    assert len(reader.phase(reader.challenge(SLUG), "summer").document.entries) == 1  # type: ignore[union-attr]
    showcase.publish("summer", SEASON, Disclosure.OPEN, revision=2)
    assert len(reader.phase(reader.challenge(SLUG), "summer").document.entries) == 4  # type: ignore[union-attr]


def test_a_damaged_public_document_is_refused(tmp_path: Path) -> None:
    showcase = Showcase(tmp_path)
    showcase.declare()
    showcase.publish("summer", SEASON, Disclosure.OPEN)
    (blob,) = (path for path in showcase.settings.public_root.rglob("*") if path.is_file())
    blob.write_bytes(blob.read_bytes().replace(b"0.05", b"0.06"))
    reader = Reader(showcase.store, showcase.public)
    with pytest.raises(BlobCorrupt):
        reader.phase(reader.challenge(SLUG), "summer")


def test_unknown_codes_are_named(reader: Reader) -> None:
    with pytest.raises(NotFound, match='challenge "nope"'):
        reader.challenge("nope")
    with pytest.raises(NotFound, match='"nope"'):
        reader.phase(reader.challenge(SLUG), "nope")
    with pytest.raises(NotFound, match='entry "nope"'):
        reader.entry("nope")


def test_charts_hold_rounded_numbers_and_no_ink_of_their_own(reader: Reader) -> None:
    facts = reader.phase(reader.challenge(SLUG), "spring-final")
    assert facts.record is not None
    forest = charts.forest_spec(facts.record, "nodule", RU)
    roc = charts.roc_spec(facts, "nodule", [line.code for line in FINAL], RU)
    text = json.dumps([forest, roc])
    assert "$schema" not in text
    assert "labelColor" not in text
    assert not re.search(r"\d\.\d{4,}", text)
    assert len(forest["datasets"]["entries"]) == len(FINAL)
    assert len({row["name"] for row in roc["datasets"]["curves"]}) == charts.MOST_CURVES
    assert "zero" in text


def test_a_chart_does_not_change_the_cached_shape(reader: Reader) -> None:
    facts = reader.phase(reader.challenge(SLUG), "spring-final")
    before = json.dumps(charts.roc.shape(Language.EN))
    charts.roc_spec(facts, "nodule", [FINAL[0].code], EN)
    assert json.dumps(charts.roc.shape(Language.EN)) == before


def test_no_curve_is_drawn_of_an_open_phase(reader: Reader) -> None:
    facts = reader.phase(reader.challenge(SLUG), "summer")
    assert charts.roc_spec(facts, "nodule", [SEASON[0].code], EN)["datasets"]["curves"] == []


def test_reading_for_the_public_names_no_table_of_scores() -> None:
    for module in (reading_module, reader_module):
        source = Path(module.__file__ or "").read_text(encoding="utf-8")
        assert not re.search(r"\b(Score|Scorecard|ShardResult|Case)\b", source), module.__name__
