"""A log is shown as plain text whatever a container wrote."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arena.presentation.plain_log import LINE_CHARACTERS, SIGN, sanitised
from runners.keptlog import HEAD_BYTES, TAIL_BYTES, TOTAL_BYTES, ContainerLog, KeptLog


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        (b"Traceback:\n\tFile x\n", "Traceback:\n\tFile x\n"),
        ("Ошибка: ё".encode(), "Ошибка: ё"),
        (b"\x1b[31mred\x1b[0m", "red"),
        (b"\x1b]0;owned\x07title", "title"),
        (b"\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        (b"\x1b[2J\x1b[1;1H\x1bcgone", "gone"),
        ("\x9b2Jeight bits".encode(), "eight bits"),
        (b"10 %\r20 %\r\n30 %", "10 %\n20 %\n30 %"),
        (b"\x1b[", SIGN + "["),
        (b"\x1b[31", SIGN + "[31"),
        (b"a\x00b\x07c\x08", f"a{SIGN}b{SIGN}c{SIGN}"),
        (b"\xff\xfe", SIGN * 2),
        ("\u202etxt.exe\u2066\u200b\ufeff".encode(), f"{SIGN}txt.exe{SIGN}{SIGN}{SIGN}"),
        ("a\u2028b\x85c\x0bd".encode(), "a\nb\nc\nd"),
        (
            b"<script>alert(1)</script> ![](http://x) [bold]x[/bold]",
            "<script>alert(1)</script> ![](http://x) [bold]x[/bold]",
        ),
        (b"x" * 3000, "x" * LINE_CHARACTERS + " … (1000 characters left out)"),
    ],
)
def test_what_controls_a_terminal_or_turns_text_round_is_taken_out(written: bytes, shown: str) -> None:
    assert sanitised(written) == shown


@given(st.binary(max_size=300) | st.text(max_size=300).map(lambda text: text.encode("utf-8", "surrogatepass")))
@settings(max_examples=2000, deadline=None)
def test_nothing_but_printable_characters_line_feeds_and_tabs_is_shown(written: bytes) -> None:
    shown = sanitised(written)
    assert all(char in "\n\t" or char.isprintable() for char in shown)
    shown.encode()


def test_beginning_and_end_of_a_long_log_are_kept() -> None:
    log = ContainerLog()
    pieces = [f"{number:07d}\n".encode() for number in range(100_000)]
    for piece in pieces:
        log.feed(memoryview(piece))
    head, left_out, tail = log.kept()
    whole = b"".join(pieces)
    assert head == whole[:HEAD_BYTES]
    assert tail == whole[-TAIL_BYTES:]
    assert left_out == len(whole) - HEAD_BYTES - TAIL_BYTES
    assert len(log._head) + len(log._tail) <= HEAD_BYTES + 3 * TAIL_BYTES, "and no more is held meanwhile"


@given(st.lists(st.binary(max_size=40_000), max_size=8))
@settings(max_examples=100, deadline=None)
def test_a_log_is_the_same_however_it_comes(pieces: list[bytes]) -> None:
    whole, cut = ContainerLog(), ContainerLog()
    whole.feed(b"".join(pieces))
    for piece in pieces:
        cut.feed(piece)
    assert whole.kept() == cut.kept()


def test_the_logs_of_an_attempt_are_bounded_together() -> None:
    kept = KeptLog()
    for _ in range(10):
        kept.container().feed(b"x" * 1_000_000)
    assert kept.content().count(b'"head"') == TOTAL_BYTES // (HEAD_BYTES + TAIL_BYTES) == 4
    assert b'"not_kept": 6' in kept.content()
    assert len(kept.content()) < TOTAL_BYTES * 3 // 2
