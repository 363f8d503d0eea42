"""The interactive board's pages as a visitor's browser gets them: every element that the scripts send, as text."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import Any

from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Block, Node

from arena.board import context
from arena.board.shell import _PAGES
from arena.presentation.reader import Reader

BOARD_PAGES = "/board/"
"""How addresses of these readings begin; on the server the pages stand at the root, where Streamlit's shell loads them."""

LANGUAGES = ("en", "ru")
SECONDS = 30
"""A page may take so long on a busy machine; one takes a tenth of a second."""

# Streamlit's test harness runs one page of a navigation, the first, so each page is run inside a script of its own.
_SCRIPT = """
from arena.board.shell import _PAGES
from arena.presentation.language import Language
from arena.presentation.wording import Words

(page,) = [page for page in _PAGES if page.key == {key!r}]
page.show(Words(Language({language!r})))
"""


_components: list[Any] = []


def board_keys() -> tuple[str, ...]:
    """Return the pages that the board's navigation has."""
    return tuple(page.key for page in _PAGES)


def board_pages(reader: Reader, submissions: Sequence[str]) -> dict[str, tuple[int, str]]:
    """Return, by address, 200 and the text of each page of the board in each language.

    Of entries it is the newest one's page; the plain pages, which are made of the same views, are read of every entry.
    """
    context.install(reader)
    return {address: (200, _shown(key, language, entry)) for address, key, language, entry in _visits(submissions)}


def _visits(submissions: Sequence[str]) -> Iterator[tuple[str, str, str, str | None]]:
    for language in LANGUAGES:
        for key in board_keys():
            for entry in submissions[-1:] if key == "algorithm" else (None,):
                code = f"&entry={entry}" if entry else ""
                yield f"{BOARD_PAGES}{key}?lang={language}{code}", key, language, entry


def _shown(key: str, language: str, entry: str | None) -> str:
    # A session keeps its choices, so each visit is one of its own.
    app = AppTest.from_string(_SCRIPT.format(key=key, language=language), default_timeout=SECONDS)
    # What components there are is searched for in every installed package, which takes longer than the page; once will do.
    app._bidi_component_manager = _components[0] if _components else None
    if entry is not None:
        app.query_params["entry"] = entry
    main = sys.modules["__main__"]
    try:
        app.run()
    finally:
        # Streamlit puts the script there, and a process that is spawned later would run it.
        sys.modules["__main__"] = main
    _components[:] = [app._bidi_component_manager]
    if app.exception:
        raise AssertionError(f"{key}: {app.exception}")
    return "\n".join(_texts(app._tree))


def _texts(node: Node) -> Iterator[str]:
    proto = getattr(node, "proto", None)  # the root has none
    if proto is not None:
        yield str(proto)
    if isinstance(node, Block):
        for child in node.children.values():
            yield from _texts(child)
