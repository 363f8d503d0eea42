"""The frame around every page: language, navigation, and what to say when nothing can be read."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from arena.board import address, algorithm, context, leaderboard, live, rules
from arena.errors import HostError
from arena.presentation.html import empty_html
from arena.presentation.language import Language
from arena.presentation.wording import Words

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Entry:
    """A page of the navigation; the first one has the address `/`."""

    key: str
    show: Callable[[Words], None]
    path: str | None


_PAGES = (
    _Entry("leaderboard", leaderboard.show, None),
    _Entry("algorithm", algorithm.show, "algorithm"),
    _Entry("queue", live.show, "queue"),
    _Entry("rules", rules.show, "rules"),
)


def run() -> None:
    """Draw the page that the address names."""
    words = Words(_language())
    st.set_page_config(page_title=words("site"), page_icon=None, layout="wide", initial_sidebar_state="collapsed")
    pages = [
        st.Page(
            _page(entry, words),
            title=words(f"nav.{entry.key}"),
            url_path=entry.path,
            default=entry.path is None,
        )
        for entry in _PAGES
    ]
    st.navigation(pages, position="top").run()


def say_failure(error: Exception) -> bool:
    """Tell a reader that results cannot be read, without saying why; the log holds the rest."""
    if isinstance(error, HostError):
        _log.error("board_unreadable code=%s: %s", error.code, error)
    else:
        _log.error("board_page_failed", exc_info=error)
    st.html(empty_html(Words(_language())("error.store")))
    return True


def _page(entry: _Entry, words: Words) -> Callable[[], None]:
    def draw() -> None:
        if context.reader().challenges():
            entry.show(words)
        else:
            st.html(empty_html(words("empty.challenges"), words("empty.challenges_next")))

    draw.__name__ = entry.key
    return draw


def _language() -> Language:
    asked = address.asked("lang")
    language = Language.parse(asked if asked is not None else st.context.locale)
    address.keep("lang", language.value, default=Language.EN.value)
    return language
