"""The live queue, renewed by itself."""

from __future__ import annotations

import streamlit as st

from arena.board import context
from arena.board.controls import choose_challenge, choose_language
from arena.presentation.details import queue_view
from arena.presentation.html import queue_html, title_html
from arena.presentation.reader import ChallengeFacts, Reader
from arena.presentation.wording import Words

_REFRESH = "5s"


def show(words: Words) -> None:
    """Draw the page."""
    reader = context.reader()
    st.html(title_html(words("queue.title")))
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        challenge = choose_challenge(reader, words)
        choose_language(words)
    _lines(reader, challenge, words)


@st.fragment(run_every=_REFRESH)
def _lines(reader: Reader, challenge: ChallengeFacts, words: Words) -> None:
    view = queue_view(challenge, reader.queue(challenge), words, reader.now())
    st.html(queue_html(view, words))
