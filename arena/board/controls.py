"""The row of choices above every page: challenge, phase and language."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from arena.board import address
from arena.presentation.details import local
from arena.presentation.html import note_html
from arena.presentation.language import Language
from arena.presentation.reader import ChallengeFacts, PhaseFacts, Reader, default_phase
from arena.presentation.wording import Words

_NAMES = {"en": "English", "ru": "Русский"}


def choose_challenge(reader: Reader, words: Words) -> ChallengeFacts:
    """Let the reader choose a challenge; at least one must exist."""
    known = {challenge.slug: challenge for challenge in reader.challenges()}
    slug = _select(
        "challenge", list(known), next(iter(known)), words, lambda code: local(known[code].declaration.title, words)
    )
    return known[slug]


def choose_phase(reader: Reader, challenge: ChallengeFacts, words: Words) -> PhaseFacts:
    """Let the reader choose a phase; at first the open one."""
    phases = {phase.name: reader.phase(challenge, phase.name) for phase in challenge.declaration.phases}

    first = default_phase(list(phases.values())).phase.name
    chosen = _select(
        "phase", list(phases), first, words, lambda code: local(phases[code].phase.title, words), scope=challenge.slug
    )
    return phases[chosen]


def choose_language(words: Words) -> None:
    """Let the reader change the language of the whole board; the view stays the same."""

    def changed() -> None:
        chosen = st.session_state.get("control.lang")
        if chosen is not None:
            address.keep("lang", chosen, default=Language.EN.value)

    st.segmented_control(
        words("choose.language"),
        list(_NAMES),
        default=words.language.value,
        required=True,
        format_func=_NAMES.__getitem__,
        key="control.lang",
        on_change=changed,
        label_visibility="collapsed",
    )


def _select(
    name: str,
    known: Sequence[str],
    first: str,
    words: Words,
    label: Callable[[str], str],
    *,
    scope: str = "",
) -> str:
    chosen, unknown = address.choose(name, known, first)
    if unknown is not None:
        st.html(note_html(words("unknown", value=unknown)))
    value = st.selectbox(
        words(f"choose.{name}"),
        known,
        index=list(known).index(chosen),
        format_func=label,
        # The language is part of the key: a label chosen in one language is no option of the other.
        key=f"control.{name}.{scope}.{words.language}",
        label_visibility="collapsed",
        width=300,
    )
    address.keep(name, value)
    return str(value)
