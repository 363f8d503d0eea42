"""The parts of a closed phase's leaderboard: pictures, each with the file of its numbers, and tables."""

from __future__ import annotations

import streamlit as st

from arena.board import address
from arena.board.pictures import choose_finding, choose_part, draw, tables
from arena.presentation.boardtables import Names, board_table, closed_document, names_of
from arena.presentation.charts import (
    HEIGHT,
    MOST_CURVES,
    ROW_HEIGHT,
    forest_spec,
    has_readers,
    matrix_key,
    pairs_spec,
    ranks_spec,
    roc_spec,
    stability_spec,
)
from arena.presentation.html import note_html, numbered_html, picture_title_html
from arena.presentation.reader import PhaseFacts
from arena.presentation.records import LeaderboardRecord
from arena.presentation.sections import BOARD_PARTS, board_sections
from arena.presentation.wording import Words

_CHOSEN_AT_FIRST = 3
_HEADROOM = 60
"""Pixels of an axis above rows, and of a legend below."""


def show(facts: PhaseFacts, words: Words) -> None:
    """Draw the part that the address names; nothing while the phase is open."""
    document, record = closed_document(facts), facts.record
    if document is None or record is None or not document.entries:
        return
    names = names_of(facts, words.language)
    part = choose_part("part", tuple(BOARD_PARTS), words)
    (section,) = board_sections(facts, words, "/algorithm", only=part)
    if part == "findings":
        _by_finding(facts, names, words)
        tables(section, words, only=("readers",))
        return
    if part == "ranks":
        _ranks(facts, names, words)
    if part == "pairs":
        _matrix(facts, names, words)
    tables(section, words)


def _by_finding(facts: PhaseFacts, names: Names, words: Words) -> None:
    record = facts.record
    if record is None:
        return
    findings = [f.finding for f in record.entries[0].findings]
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        finding = choose_finding(findings, names, words)
        entries = _choose_entries(list(names.entries), names.entries, words)
    said = names.findings.get(finding, finding)
    left, right = st.columns(2, gap="medium")
    everyone, counts = ", ".join(names.entries.values()), _counts(record, finding, words)
    with left.container(border=True, height="stretch"):
        draw(
            forest_spec(record, finding, words),
            title=words("chart.forest", finding=said),
            alt=words("chart.forest_alt", finding=said, entries=everyone),
            note=f"{counts}{words('chart.chance')} {words('chart.forest_note')}",
            csv=_file(facts, "findings"),
            height=HEIGHT,
            words=words,
        )
    with right.container(border=True, height="stretch"):
        if not entries:
            st.html(picture_title_html(words("chart.roc", finding=said)))
            st.html(note_html(words("empty.charts")))
            return
        readers = " " + words("picture.readers_note") if has_readers(facts, finding) else ""
        base = f"/api/v1/challenges/{facts.challenge.slug}/phases/{facts.phase.name}/entries"
        draw(
            roc_spec(facts, finding, entries, words),
            title=words("chart.roc", finding=said),
            alt=words("chart.roc_alt", finding=said, entries=", ".join(names.entries[code] for code in entries)),
            note=words("chart.roc_note") + readers,
            csv=[
                (words("picture.csv_of", name=names.entries[code]), f"{base}/{code}/curve?finding={finding}&format=csv")
                for code in entries
            ],
            height=HEIGHT,
            words=words,
        )


def _counts(record: LeaderboardRecord, finding: str, words: Words) -> str:
    """Say how many studies show a finding; nothing where no entry tells it."""
    told = next((f for e in record.entries for f in e.findings if f.finding == finding), None)
    if told is None or told.n_positive is None:
        return ""
    return words("chart.counts", positive=words.integer(told.n_positive), total=words.integer(record.n_cases)) + " "


def _ranks(facts: PhaseFacts, names: Names, words: Words) -> None:
    ranks, stability = board_table(facts, "ranks", names), board_table(facts, "stability", names)
    if ranks is None or stability is None:
        return
    left, right = st.columns(2, gap="medium")
    with left.container(border=True, height="stretch"):
        draw(
            ranks_spec(ranks, words),
            title=words("picture.ranks"),
            alt=words("picture.ranks_alt", entries=", ".join(names.entries.values())),
            note=f"{words('picture.bands_note')} {words('chart.chance')} {words('method.auc_logit_t')}.",
            csv=_file(facts, "ranks"),
            height=ROW_HEIGHT * len(ranks.rows) + _HEADROOM,
            words=words,
        )
    if not stability.rows:
        return
    with right.container(border=True, height="stretch"):
        draw(
            stability_spec(stability, words),
            title=words("picture.stability"),
            alt=words("picture.stability_alt", entries=", ".join(names.entries.values())),
            note=words("picture.stability_note"),
            csv=_file(facts, "stability"),
            height=ROW_HEIGHT * len(stability.rows) + _HEADROOM,
            words=words,
        )


def _matrix(facts: PhaseFacts, names: Names, words: Words) -> None:
    document, pairs = closed_document(facts), board_table(facts, "pairs", names)
    if document is None or pairs is None or not pairs.rows:
        return
    spec = pairs_spec(document, pairs, words)
    left, right = st.columns([3, 2], gap="medium")
    with right:
        st.html(numbered_html(words("pairs.key"), matrix_key(document, names.entries)))
    with left.container(border=True):
        draw(
            spec,
            title=words("picture.pairs"),
            alt=words("picture.pairs_alt", entries=", ".join(names.entries.values())),
            note=words("picture.pairs_note"),
            csv=_file(facts, "pairs"),
            height=int(spec["height"]) + 2 * _HEADROOM,
            words=words,
        )


def _choose_entries(codes: list[str], labels: dict[str, str], words: Words) -> list[str]:
    asked = address.asked("entries")
    first = [code for code in (asked or "").split(",") if code in codes]
    if asked is None:
        first = codes[:_CHOSEN_AT_FIRST]
    value = st.multiselect(
        words("choose.entries"),
        codes,
        default=first[:MOST_CURVES],
        format_func=labels.__getitem__,
        max_selections=MOST_CURVES,
        placeholder=words("choose.entries_none"),
        key=f"control.entries.{words.language}",
    )
    address.keep("entries", ",".join(value), default=",".join(codes[:_CHOSEN_AT_FIRST]))
    return list(value)


def _file(facts: PhaseFacts, table: str) -> str:
    return f"/api/v1/challenges/{facts.challenge.slug}/phases/{facts.phase.name}/tables/{table}?format=csv"
