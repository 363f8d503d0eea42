"""A log line says what one event says, whatever the words are that come with it."""

from __future__ import annotations

import logging
import shlex
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any, NoReturn, cast

import pytest

from arena.cli import evaluate
from arena.cli.logs import EventFormatter, printable, quoted

FORGED = "l\n2026-05-01T12:00:00+0000 INFO evaluation_scored evaluation=e-forged\x1b[31m"


def line(message: str, *, exc: BaseException | None = None, **fields: object) -> str:
    record = logging.LogRecord("runners", logging.WARNING, __file__, 1, message, (), None)
    if exc is not None:
        record.exc_info = (type(exc), exc, exc.__traceback__)
    vars(record).update(fields)
    return EventFormatter().format(record)


def _fail() -> NoReturn:
    raise RuntimeError(FORGED)


def test_a_name_of_an_image_s_file_forges_no_line_and_moves_no_cursor() -> None:
    written = line("image_refused", image="sha256:1", reason=f"link {FORGED}: too many links")
    assert written.count("\n") == 0
    assert "\x1b" not in written
    # Within quotes, so that who splits the line into fields finds no field `evaluation`.
    assert [each.partition("=")[0] for each in shlex.split(written)[2:]] == ["image_refused", "image", "reason"]


@pytest.mark.parametrize(
    "odd", ["\r", "\x0b", "\x0c", "\x85", "\u2028", "\u2029", "\u202e", "\u200b", "\x9b", "\ud800"]
)
def test_what_breaks_a_line_or_turns_it_round_is_written_as_its_number(odd: str) -> None:
    written = line(f"said{odd}INFO", reason=f"a{odd}b")
    assert odd not in written
    assert len(written.splitlines()) == 1
    written.encode()


def test_lines_of_a_traceback_are_set_in_and_never_begin_as_an_event_does() -> None:
    with pytest.raises(RuntimeError) as raised:
        _fail()
    first, *below = line("job_failed", exc=raised.value).split("\n")
    assert first.endswith("WARNING job_failed")
    assert all(each.startswith("    ") for each in below)
    assert "\x1b" not in "".join(below)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("e-1", "e-1"),
        (0.5, "0.5"),
        ("Größe", "Größe"),
        ("", '""'),
        ("two words", '"two words"'),
        ("a=b", '"a=b"'),
        ('say "x"', r'"say \"x\""'),
        ("a\\nb", r'"a\\nb"'),
        ("a\nb", r'"a\x0ab"'),
        ("\U000e0001", r'"\U000e0001"'),
    ],
)
def test_a_value_is_quoted_where_it_is_not_one_plain_word(value: object, written: str) -> None:
    assert quoted(value) == written


def test_a_message_for_people_keeps_its_lines_and_nothing_else_that_is_not_printable() -> None:
    assert printable("one\ntwo\x1b[31m", keep="\n") == "one\ntwo\\x1b[31m"


def test_why_an_evaluation_is_held_is_printed_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    held = SimpleNamespace(code="e-1", held_reason=f"ImageUnavailable: {FORGED}")
    queue = SimpleNamespace(state_counts=lambda _session: {"held": 1}, held=lambda _session: [held])
    monkeypatch.setattr(evaluate, "queue", queue)
    host = SimpleNamespace(store=SimpleNamespace(read=nullcontext))
    evaluate.report(cast("Any", host), as_json=False)
    first, second = capsys.readouterr().out.splitlines()
    assert first == "Evaluations: 1 held."
    assert second.startswith("  e-1 is held: ImageUnavailable")
    assert r"l\x0a2026-05-01" in second
    assert "\x1b" not in second
