"""One algorithm: where it stands, its fact sheet and its history."""

from __future__ import annotations

import streamlit as st

from arena.board import address, context, scorecard
from arena.board.controls import choose_challenge, choose_language
from arena.errors import NotFound
from arena.presentation.details import entry_view
from arena.presentation.html import empty_html, entry_foot_html, entry_head_html, links_html, note_html, title_html
from arena.presentation.reader import Reader
from arena.presentation.sections import finest_phase
from arena.presentation.views import link
from arena.presentation.wording import Words


def show(words: Words) -> None:
    """Draw the page of the entry that the address names, or a choice of entries."""
    reader = context.reader()
    code = address.asked("entry")
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        _choose_entry(reader, code, words)
        choose_language(words)
    code = address.asked("entry")
    if code is None:
        st.html(title_html(words("nav.algorithm")))
        st.html(empty_html(words("empty.entry")))
        return
    try:
        facts = reader.entry(code)
    except NotFound:
        st.html(title_html(words("nav.algorithm")))
        st.html(note_html(words("unknown.here", value=code)))
        st.html(empty_html(words("empty.entry")))
        return
    view = entry_view(facts, words, board_path="/", entry_path="/algorithm")
    st.html(entry_head_html(view, words))
    found = finest_phase(reader, facts, address.asked("phase"))
    if found is not None:
        scorecard.show(*found, view.entry, words)
    st.html(entry_foot_html(view, words))
    api = f"/api/v1/entries/{view.entry}"
    st.html(
        links_html(
            [
                (words("footer.json"), api),
                (words("footer.plain"), link("/lite/algorithm", words, entry=view.entry)),
            ]
        )
    )


def _choose_entry(reader: Reader, code: str | None, words: Words) -> None:
    challenge = choose_challenge(reader, words)
    labels: dict[str, str] = {}
    for phase in challenge.declaration.phases:
        record = reader.phase(challenge, phase.name).record
        for entry in record.entries if record else ():
            labels.setdefault(entry.entry, f"{entry.algorithm_name} · {entry.vendor_name}")
    codes = list(labels)
    value = st.selectbox(
        words("choose.entry"),
        codes,
        index=codes.index(code) if code in labels else None,
        format_func=labels.__getitem__,
        placeholder=words("choose.entry"),
        key=f"control.entry.{challenge.slug}.{words.language}",
        label_visibility="collapsed",
        width=340,
    )
    if value is not None:
        address.keep("entry", value)
