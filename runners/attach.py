"""A container's stdout as lines with times, read by a thread of its own that never stops draining.

An engine stops answering when a client leaves its attach stream unread, so the thread reads whatever comes and keeps
next to nothing: one line, while one is asked for. Bytes that nobody asked for are remembered as a fact and dropped.
"""

from __future__ import annotations

import contextlib
import queue
import select
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from runners.faults import EngineUnavailable
from runners.keptlog import ContainerLog

_CHUNK = 1 << 16
_FRAME = struct.Struct(">BxxxL")
_STDOUT = 1
_UNASKED_BYTES = 1 << 20
"""Unasked bytes after which the stream is closed: the engine then stops copying to us."""
LOG_BYTES = 64 << 20
"""The same where stdout is a log."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line without its newline; `at` is its newline's `time.monotonic()`, `trailing` whether bytes came behind it."""

    content: bytes
    at: float
    trailing: bool


@dataclass(frozen=True, slots=True)
class Overlong:
    """The line went beyond its limit before its newline."""

    at: float


@dataclass(frozen=True, slots=True)
class Ended:
    """The stream is at its end: the container closed its stdout or exited, or the engine went away."""

    at: float


@dataclass(frozen=True, slots=True)
class Interrupted:
    """Somebody called `interrupt`."""


Event = Line | Overlong | Ended | Interrupted


class LineCutter:
    """Cuts one line at a time out of bytes as they come; pure, so that it can be tested without a socket."""

    def __init__(self) -> None:
        self._limit: int | None = None
        self._line = bytearray()
        self.unasked = 0

    def open(self, limit_bytes: int) -> bool:
        """Ask for one line of at most that length; False when bytes came that nobody had asked for."""
        if self.unasked:
            return False
        self._limit = limit_bytes
        return True

    def feed(self, data: bytes | memoryview, at: float) -> Line | Overlong | None:
        """Take bytes; return what they complete."""
        if self._limit is None:
            self.unasked += len(data)
            return None
        held, limit = bytes(data), self._limit
        end = held.find(b"\n")
        length = len(self._line) + (end if end >= 0 else len(held))
        if length > limit:
            self._close()
            self.unasked += len(held)
            return Overlong(at)
        if end < 0:
            self._line += held
            return None
        line = bytes(self._line + held[:end])
        self._close()
        self.unasked += len(held) - end - 1
        return Line(line, at, trailing=len(held) > end + 1)

    def _close(self) -> None:
        self._limit = None
        self._line.clear()


class FrameReader:
    """Takes the engine's multiplexed stream apart: 8-byte headers (stream, length) before each piece.

    What belongs to another stream than stdout goes to `other`, where there is one.
    """

    def __init__(self, other: Callable[[memoryview], None] | None = None) -> None:
        self._other = other
        self._header = bytearray()
        self._left = 0
        self._stream = 0

    def feed(self, data: bytes) -> list[memoryview]:
        """Return the pieces of stdout in these bytes."""
        pieces, view = [], memoryview(data)
        while view:
            if self._left == 0:
                missing = _FRAME.size - len(self._header)
                self._header += view[:missing]
                view = view[missing:]
                if len(self._header) == _FRAME.size:
                    self._stream, self._left = _FRAME.unpack(self._header)
                    self._header.clear()
                continue
            piece, view = view[: self._left], view[self._left :]
            self._left -= len(piece)
            if self._stream == _STDOUT:
                pieces.append(piece)
            elif self._other is not None:
                self._other(piece)
        return pieces


class Conversation:
    """The runner's end of a container's stdin and stdout."""

    def __init__(
        self, joined: socket.socket, *, unasked_bytes: int = _UNASKED_BYTES,
        log: ContainerLog | None = None, stdout_too: bool = False,
    ) -> None:  # fmt: skip
        """Take over an attach socket and start draining it; `unasked_bytes` end it.

        What comes on stderr goes to `log`, where there is one, and with `stdout_too` what comes on stdout as well.
        """
        self._stdout_too = stdout_too
        self._unasked_bytes = unasked_bytes
        self._log = log
        self._socket = joined
        self._socket.settimeout(None)
        self._cutter = LineCutter()
        self._lock = threading.Lock()
        self._ended = False
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._drain, name="arena-attach", daemon=True)
        self._thread.start()

    def open_line(self, limit_bytes: int) -> float | None:
        """Ask for one line; return the time from which it counts.

        None when unasked bytes, or the stream's end, came before.
        """
        with self._lock:
            return time.monotonic() if not self._ended and self._cutter.open(limit_bytes) else None

    @property
    def unasked(self) -> int:
        """Number of bytes that came while no line was asked for."""
        return self._cutter.unasked

    @property
    def flooded(self) -> bool:
        """Whether more came unasked than is borne; the stream has then been closed."""
        return self._cutter.unasked > self._unasked_bytes

    def next_event(self, timeout_seconds: float) -> Event | None:
        """Return what comes next, or None when nothing comes in time."""
        try:
            return self._events.get(timeout=max(0.0, timeout_seconds))
        except queue.Empty:
            return None

    def send(self, line: bytes, timeout_seconds: float) -> bool:
        """Send a line without ever blocking for good; False when the other end is gone or takes nothing in time."""
        deadline = time.monotonic() + timeout_seconds
        view = memoryview(line)
        while view:
            try:
                view = view[self._socket.send(view, socket.MSG_DONTWAIT) :]
            except BlockingIOError:
                left = deadline - time.monotonic()
                if left <= 0 or not select.select([], [self._socket], [], left)[1]:
                    return False
            except OSError:
                return False
        return True

    def end_input(self) -> None:
        """Close the container's stdin; what it answers can still be read."""
        with contextlib.suppress(OSError):  # the other end is gone already
            self._socket.shutdown(socket.SHUT_WR)

    def interrupt(self) -> None:
        """Wake whoever waits for an event; may be called from another thread."""
        self._events.put(Interrupted())

    def close(self) -> None:
        """Close the socket and end the thread; must come before the engine is asked to kill the container.

        Raises:
            EngineUnavailable: The thread does not end, which would leak it.
        """
        with contextlib.suppress(OSError):  # not connected any more
            self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(timeout=10)
        self._socket.close()
        if self._thread.is_alive():
            msg = "The attach stream could not be closed."
            raise EngineUnavailable(msg)

    def _drain(self) -> None:
        frames = FrameReader(None if self._log is None else self._log.feed)
        while data := self._receive():
            at = time.monotonic()
            for piece in frames.feed(data):
                if self._stdout_too and self._log is not None:
                    self._log.feed(piece)
                with self._lock:
                    event = self._cutter.feed(piece, at)
                if event is not None:
                    self._events.put(event)
            if self.flooded:
                break
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        with self._lock:
            self._ended = True
            self._events.put(Ended(time.monotonic()))

    def _receive(self) -> bytes:
        try:
            return self._socket.recv(_CHUNK)
        except OSError:  # reset, or closed by us: the stream's end either way; the engine is asked what it means
            return b""
