"""The rules of a challenge."""

from __future__ import annotations

import streamlit as st

from arena.board import context
from arena.board.controls import choose_challenge, choose_language
from arena.presentation.details import rules_view
from arena.presentation.html import rules_page_html
from arena.presentation.wording import Words


def show(words: Words) -> None:
    """Draw the page."""
    reader = context.reader()
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        challenge = choose_challenge(reader, words)
        choose_language(words)
    st.html(rules_page_html(rules_view(challenge, words), words))
