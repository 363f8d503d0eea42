"""The reader that the server was built with, for the scripts that Streamlit runs without arguments."""

from __future__ import annotations

from arena.presentation.reader import Reader

_installed: list[Reader] = []


def install(reader: Reader) -> None:
    """Set the process's reader; a later call replaces it."""
    _installed[:] = [reader]


def reader() -> Reader:
    """Return the installed reader.

    Raises:
        RuntimeError: The script runs outside the server.
    """
    if not _installed:
        raise RuntimeError("no reader is installed: start the board with `arena serve`")
    return _installed[0]
