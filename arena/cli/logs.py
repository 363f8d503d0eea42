"""Log lines of long-running commands: a fixed event name and its fields, never patients, labels or container output.

Some values are the words of an engine about an image, which quote names of the image's own files: any bytes at all. So
whatever could begin a line, move a cursor or turn a text round is written as its number, in the one place where lines
are made.
"""

from __future__ import annotations

import logging
import sys

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_NEEDS_QUOTES = frozenset(' "=\\')


def printable(text: str, *, keep: str = "") -> str:
    """Return a text of one line: what is not printable, but for the characters to `keep`, is written as its number."""
    return "".join(each if each.isprintable() or each in keep else _number(ord(each)) for each in text)


def _number(code: int) -> str:
    digits, letter = next((digits, letter) for digits, letter in ((2, "x"), (4, "u"), (8, "U")) if code < 16**digits)
    return f"\\{letter}{code:0{digits}x}"


def quoted(value: object) -> str:
    """Return a field's value so that a line's fields can be told apart: in quotes where it is not one plain word.

    Within quotes a backslash and a quote have a backslash before them.
    """
    text = str(value)
    shown = printable(text.replace("\\", "\\\\").replace('"', '\\"'))
    return f'"{shown}"' if not text or not _NEEDS_QUOTES.isdisjoint(text) or not text.isprintable() else text


class EventFormatter(logging.Formatter):
    """`2026-05-01T12:00:00Z INFO attempt_accepted attempt=… shard=… reason="two words"`."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line, and a traceback below it, set in by four spaces, where there is one."""
        time = self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z")
        fields = " ".join(f"{key}={quoted(value)}" for key, value in vars(record).items() if key not in _STANDARD)
        line = f"{time} {record.levelname} {printable(record.getMessage())} {fields}".rstrip()
        if not record.exc_info:
            return line
        below = self.formatException(record.exc_info).split("\n")
        return "\n".join([line, *(f"    {printable(each)}" for each in below)])


def log_to_stderr(level: int = logging.INFO) -> None:
    """Send Arena's events to stderr, and of other libraries only what is a warning or worse."""
    stream = logging.StreamHandler(sys.stderr)
    stream.setFormatter(EventFormatter())
    logging.basicConfig(level=logging.WARNING, handlers=[stream], force=True)
    for room in ("arena", "runners"):
        logging.getLogger(room).setLevel(level)
