"""Cutting lines out of a container's bytes, however they come."""

import socket
import struct
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runners.attach import Conversation, Ended, FrameReader, Line, LineCutter, Overlong


def frame(data: bytes, stream: int = 1) -> bytes:
    return struct.pack(">BxxxL", stream, len(data)) + data


@given(st.lists(st.tuples(st.sampled_from([1, 2]), st.binary(max_size=40)), max_size=8), st.data())
def test_stdout_is_found_however_the_stream_is_cut(pieces: list[tuple[int, bytes]], data: st.DataObject) -> None:
    stream = b"".join(frame(content, number) for number, content in pieces)
    reader, found = FrameReader(), b""
    while stream:
        length = data.draw(st.integers(1, len(stream)))
        found += b"".join(bytes(piece) for piece in reader.feed(stream[:length]))
        stream = stream[length:]
    assert found == b"".join(content for number, content in pieces if number == 1)


def test_a_line_is_kept_as_it_came_with_the_time_of_its_newline() -> None:
    cutter = LineCutter()
    assert cutter.open(10)
    assert cutter.feed(b"ab\xff", 1.0) is None
    assert cutter.feed(b"\x00\n", 2.0) == Line(b"ab\xff\x00", 2.0, trailing=False)
    assert cutter.open(10), "the next line may be asked for"


def test_a_line_may_be_as_long_as_its_limit_and_no_longer() -> None:
    assert isinstance(_fed(b"x" * 10 + b"\n", limit=10), Line)
    assert isinstance(_fed(b"x" * 11 + b"\n", limit=10), Overlong)
    assert isinstance(_fed(b"x" * 11, limit=10), Overlong), "without waiting for a newline"


def test_bytes_behind_a_line_are_told_and_block_the_next() -> None:
    cutter = LineCutter()
    cutter.open(10)
    assert cutter.feed(b"a\nb", 1.0) == Line(b"a", 1.0, trailing=True)
    assert not cutter.open(10)
    assert cutter.unasked == 1


def test_bytes_that_nobody_asked_for_are_counted_and_dropped() -> None:
    cutter = LineCutter()
    assert cutter.feed(b"early\n", 1.0) is None
    assert cutter.unasked == 6
    assert not cutter.open(10)


def _fed(data: bytes, limit: int) -> Line | Overlong | None:
    cutter = LineCutter()
    cutter.open(limit)
    return cutter.feed(data, 1.0)


@pytest.fixture
def joined() -> Iterator[tuple[Conversation, socket.socket]]:
    ours, theirs = socket.socketpair()
    conversation = Conversation(ours)
    yield conversation, theirs
    conversation.close()
    theirs.close()


def test_a_request_is_sent_and_its_answer_comes_back(joined: tuple[Conversation, socket.socket]) -> None:
    conversation, theirs = joined
    asked_at = conversation.open_line(100)
    assert asked_at is not None
    assert conversation.send(b"request\n", 1.0)
    assert theirs.recv(100) == b"request\n"
    theirs.sendall(frame(b"log", 2) + frame(b"answer\n"))
    event = conversation.next_event(5.0)
    assert isinstance(event, Line)
    assert event.content == b"answer"
    assert asked_at <= event.at <= time.monotonic()


def test_sending_gives_up_when_nobody_reads(joined: tuple[Conversation, socket.socket]) -> None:
    conversation, _ = joined
    began = time.monotonic()
    assert not conversation.send(b"x" * (8 << 20), 0.1)
    assert time.monotonic() - began < 5


def test_a_flood_is_drained_in_bounded_memory_and_then_cut_off(joined: tuple[Conversation, socket.socket]) -> None:
    conversation, theirs = joined
    with pytest.raises((BrokenPipeError, ConnectionResetError)):
        theirs.sendall(frame(b"x" * 65536) * 1_000)
    assert isinstance(conversation.next_event(5.0), Ended)
    assert conversation.unasked < 2 << 20
    assert conversation.open_line(10) is None


def test_the_streams_end_is_an_event_and_no_line_can_be_asked_for(joined: tuple[Conversation, socket.socket]) -> None:
    conversation, theirs = joined
    conversation.open_line(10)
    theirs.sendall(frame(b"half"))
    theirs.shutdown(socket.SHUT_RDWR)
    assert isinstance(conversation.next_event(5.0), Ended)
    assert conversation.open_line(10) is None
