"""A container's log as plain text that can be shown: nothing in it moves a cursor, hides, turns round or is markup.

What is shown is text and never HTML or Markdown; whoever puts it on a page escapes it. Bytes that are no UTF-8 and
characters that are not printable become a visible sign, so that the log of a broken program can still be read.
"""

from __future__ import annotations

import re

SIGN = "\N{REPLACEMENT CHARACTER}"
LINE_CHARACTERS = 2000
"""Longer lines are cut, and say so."""

# ECMA-48: CSI and OSC sequences, then any other escape, of 7 or 8 bits.
_ESCAPES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]{0,64}[ -/]{0,16}[@-~]"
    r"|(?:\x1b\]|\x9d)[^\x07\x1b\x9c\n]{0,4096}(?:\x07|\x1b\\|\x9c)"
    r"|\x1b[ -/]{0,16}[0-Z\\^-~]"
)
_LINE_ENDS = re.compile(r"\r\n?|[\x0b\x0c\x85\u2028\u2029]")


def sanitised(content: bytes) -> str:
    """Return a log as printable characters, line feeds and tabs; line ends of every kind become line feeds."""
    text = _LINE_ENDS.sub("\n", content.decode("utf-8", "replace"))
    text = _ESCAPES.sub("", text)
    return "\n".join(_line(line) for line in text.split("\n"))


def _line(line: str) -> str:
    # Python calls what Unicode names Cc, Cf (bidirectional marks, zero width), Cs, Co, Cn, Zl, Zp not printable.
    shown = "".join(char if char == "\t" or char.isprintable() else SIGN for char in line[:LINE_CHARACTERS])
    left_out = len(line) - LINE_CHARACTERS
    return shown if left_out <= 0 else f"{shown} … ({left_out} characters left out)"
