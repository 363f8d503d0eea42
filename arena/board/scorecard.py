"""The parts of an algorithm's scorecard in a closed phase: verdicts, pictures and tables."""

from __future__ import annotations

import streamlit as st

from arena.board.pictures import choose_finding, choose_part, draw, tables, verdict
from arena.presentation.boardtables import Names, names_of
from arena.presentation.cardtables import CARD_TABLES
from arena.presentation.charts import (
    HEIGHT,
    LOW_HEIGHT,
    decision_spec,
    has_readers,
    norm_spec,
    reliability_spec,
    roc_spec,
)
from arena.presentation.html import sheet_html
from arena.presentation.reader import PhaseFacts
from arena.presentation.sections import CARD_PARTS, SectionView, card_sections
from arena.presentation.sheets import table_view
from arena.presentation.tabular import Table
from arena.presentation.wording import Words
from arena.store.documents import PublicScorecard

_LEGEND = 50


def show(facts: PhaseFacts, card: PublicScorecard, entry: str, words: Words) -> None:
    """Draw the part that the address names."""
    names = names_of(facts, words.language)
    part = choose_part("card", tuple(CARD_PARTS), words)
    (section,) = card_sections(facts, card, entry, words, only=part)
    base = f"/api/v1/challenges/{facts.challenge.slug}/phases/{facts.phase.name}/entries/{entry}"
    verdict(section)
    beside: tuple[str, ...] = ()
    if part in _BY_FINDING:
        findings = [f.finding for f in card.findings if f.numbers is not None or f.curve is not None]
        if findings:
            finding = choose_finding(findings, names, words)
            made = CARD_TABLES[_BY_FINDING[part]](card, names).where("finding", finding)
            said = names.findings.get(finding, finding)
            if part == "accuracy":
                beside = _curve(facts, section, finding, said, base, words)
            elif part == "calibration":
                _reliability(made, said, base, words)
            else:
                _decisions(made, said, base, words)
    if part == "norm":
        beside = _norm(card, section, names, base, words)
    tables(section, words, but=beside)


_BY_FINDING = {"accuracy": "findings", "calibration": "reliability", "clinic": "decision"}


def _curve(
    facts: PhaseFacts, section: SectionView, finding: str, said: str, base: str, words: Words
) -> tuple[str, ...]:
    left, right = st.columns([3, 2], gap="medium")
    entry = base.rpartition("/")[2]
    readers = " " + words("picture.readers_note") if has_readers(facts, finding) else ""
    with left.container(border=True):
        draw(
            roc_spec(facts, finding, [entry], words),
            title=words("picture.roc", finding=said),
            alt=words("chart.roc_alt", finding=said, entries=names_of(facts, words.language).entries.get(entry, entry)),
            note=words("chart.roc_note") + readers,
            csv=f"{base}/curve?finding={finding}&format=csv",
            height=HEIGHT,
            words=words,
        )
    with right:
        tables(section, words, only=("missing",))
    return ("missing",)


def _reliability(made: Table, said: str, base: str, words: Words) -> None:
    if not made.rows:
        return
    left, right = st.columns([3, 2], gap="medium")
    csv = f"{base}/tables/reliability?format=csv"
    with left.container(border=True):
        draw(
            reliability_spec(made, words),
            title=words("picture.reliability", finding=said),
            alt=words("picture.reliability_alt", finding=said),
            note=words("read.reliability"),
            csv=csv,
            height=HEIGHT,
            words=words,
        )
    with right:
        st.html(sheet_html(table_view(made, words, csv=csv, hide=("finding",)), words))


def _decisions(made: Table, said: str, base: str, words: Words) -> None:
    columns = st.columns(2, gap="medium")
    for column, share in zip(columns, ("this_set", "declared"), strict=True):
        of = made.where("share", share)
        if not of.rows:
            continue
        with column.container(border=True, height="stretch"):
            draw(
                decision_spec(of, words),
                title=f"{words('picture.decision', finding=said)} ({words(f'share.{share}')})",
                alt=words("picture.decision_alt", finding=said),
                note=f"{words('read.decision')} {words('picture.decision_note')}",
                csv=f"{base}/tables/decision?format=csv",
                height=LOW_HEIGHT + _LEGEND,
                words=words,
            )


def _norm(card: PublicScorecard, section: SectionView, names: Names, base: str, words: Words) -> tuple[str, ...]:
    curve, norm = CARD_TABLES["norm-curve"](card, names), CARD_TABLES["norm"](card, names)
    if not curve.rows:
        return ()
    left, right = st.columns(2, gap="medium")
    with left.container(border=True):
        draw(
            norm_spec(curve, norm, words),
            title=words("picture.norm"),
            alt=words("picture.norm_alt"),
            note=f"{words('read.norm-curve')} {words('picture.norm_note')}",
            csv=f"{base}/tables/norm-curve?format=csv",
            height=LOW_HEIGHT,
            words=words,
        )
    with right:
        tables(section, words, only=("norm",))
    return ("norm",)
