"""What the parts of a closed phase's pages are drawn with: a picture with its file, tables, and the choices above."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from arena.board import address
from arena.presentation.boardtables import Names
from arena.presentation.charts import Spec
from arena.presentation.html import banner_html, picture_note_html, picture_title_html, sheet_html
from arena.presentation.sections import PICTURED, SectionView
from arena.presentation.wording import Words


def draw(
    spec: Spec, *, title: str, alt: str, note: str, csv: str | Sequence[tuple[str, str]], height: int, words: Words
) -> None:
    """Draw a picture with its title, how it is read, and its numbers: one file, or several with their names."""
    st.html(picture_title_html(title))
    st.vega_lite_chart(spec=spec, height=height, alt=alt)
    st.html(picture_note_html(note, [(words("picture.csv"), csv)] if isinstance(csv, str) else csv))


def verdict(section: SectionView) -> None:
    """Show a part's verdict, where it has one."""
    if section.banner is not None:
        st.html(banner_html(section.banner))


def tables(section: SectionView, words: Words, *, only: Sequence[str] = (), but: Sequence[str] = ()) -> None:
    """Show a part's tables, but those that are drawn; `only` these names, or all `but` these."""
    for view in section.tables:
        drawn = view.name in PICTURED and not view.absent
        if not drawn and (not only or view.name in only) and view.name not in but:
            st.html(sheet_html(view, words))


def choose_part(name: str, known: Sequence[str], words: Words) -> str:
    """Let the reader choose a part of the results; the choice stands in the address."""
    chosen, _ = address.choose(name, known, known[0])
    value = st.pills(
        words("section.label"),
        known,
        default=chosen,
        required=True,
        format_func=lambda key: words(f"section.{key}"),
        key=f"control.{name}.{words.language}",
        label_visibility="collapsed",
    )
    address.keep(name, value, default=known[0])
    return str(value or chosen)


def choose_finding(findings: Sequence[str], names: Names, words: Words) -> str:
    """Let the reader choose a finding."""
    chosen, _ = address.choose("finding", findings, findings[0])
    value = st.selectbox(
        words("choose.finding"),
        findings,
        index=list(findings).index(chosen),
        format_func=lambda code: names.findings.get(code, code),
        key=f"control.finding.{words.language}",
        width=260,
    )
    address.keep("finding", value, default=findings[0])
    return str(value)
