"""The leaderboard of a phase: the line of facts, the table, and all the rest once the phase has closed."""

from __future__ import annotations

import streamlit as st

from arena.board import context, results
from arena.board.controls import choose_challenge, choose_language, choose_phase
from arena.presentation.details import queue_view
from arena.presentation.html import header_html, leaderboard_html, links_html, note_html
from arena.presentation.reader import ChallengeFacts, PhaseFacts, Reader
from arena.presentation.views import leaderboard_view, link
from arena.presentation.wording import Words

_REFRESH = "10s"


def show(words: Words) -> None:
    """Draw the page."""
    reader = context.reader()
    head = st.container()
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        challenge = choose_challenge(reader, words)
        facts = choose_phase(reader, challenge, words)
        choose_language(words)
    view = leaderboard_view(facts, words, entry_path="/algorithm")
    head.html(header_html(view))
    st.html(leaderboard_html(view, words))
    results.show(facts, words)
    _watch(reader, challenge, facts, words)
    st.html(links_html(_links(facts, words)))


@st.fragment(run_every=_REFRESH)
def _watch(reader: Reader, challenge: ChallengeFacts, facts: PhaseFacts, words: Words) -> None:
    """Say what is in the queue, and draw the whole page anew when a newer revision or another state is there."""
    now = reader.phase(challenge, facts.phase.name)
    if (now.document_sha256, now.stand) != (facts.document_sha256, facts.stand):
        st.rerun()
    queue = queue_view(challenge, reader.queue(challenge), words, reader.now())
    st.html(note_html(queue.summary))


def _links(facts: PhaseFacts, words: Words) -> list[tuple[str, str]]:
    slug, phase = facts.challenge.slug, facts.phase.name
    table = f"/api/v1/challenges/{slug}/phases/{phase}/leaderboard"
    return [
        (words("footer.link"), link("/", words, challenge=slug, phase=phase)),
        *([(words("footer.csv"), f"{table}?format=csv")] if facts.record else []),
        (words("footer.json"), table),
        (words("footer.plain"), link("/lite", words, challenge=slug, phase=phase)),
        (words("footer.api"), "/api/docs"),
    ]
