"""Which images attempts are using, and that none is loaded before there is room for it.

Loads follow one another: two that were each promised the same room would not fit together.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol, TypeVar

from runners.faults import NoRoomForImage
from runners.shard import Canceller

WAIT_SECONDS = 900.0
"""How long an attempt waits for room, before it counts as failed by the host and its shard is tried again."""
PAUSE_SECONDS = 5.0

Loaded = TypeVar("Loaded")


class MakeRoom(Protocol):
    """Takes down what may go."""

    def __call__(self, size_bytes: int, in_use: frozenset[str], /) -> None:
        """Make room for an image of that size, and leave the images with these ids.

        Raises:
            RunnerFault: The engine does not answer, or there is no room (`NoRoomForImage`).
        """


def _enough(_size_bytes: int, _in_use: frozenset[str], /) -> None:
    return


class Shelving:
    """The images that attempts of one process use; `make_room` is asked before each load."""

    def __init__(
        self, make_room: MakeRoom = _enough, *, wait_seconds: float = WAIT_SECONDS, pause_seconds: float = PAUSE_SECONDS
    ) -> None:
        """Use nothing yet."""
        self._make_room = make_room
        self._wait_seconds, self._pause_seconds = wait_seconds, pause_seconds
        self._using: Counter[str] = Counter()
        self._guard = threading.Lock()
        self._loads = threading.Lock()

    @contextmanager
    def using(self, image_id: str) -> Iterator[None]:
        """Keep an image from being taken down meanwhile."""
        # One that is being taken down now is then seen to be missing, and loaded again.
        with self._guard:
            self._using[image_id] += 1
        try:
            yield
        finally:
            with self._guard:
                self._using[image_id] -= 1

    def load(
        self, size_bytes: int, find: Callable[[], Loaded | None], load: Callable[[], Loaded], canceller: Canceller
    ) -> Loaded:
        """Load an image when there is room, unless it is found: another attempt may have loaded it meanwhile.

        Raises:
            AttemptCancelled: Somebody cancelled while it waited.
            RunnerFault: There is no room in time, or what `make_room` and `load` raise.
        """
        deadline = time.monotonic() + self._wait_seconds
        while True:
            canceller.check()
            try:
                with self._loads:
                    if (found := find()) is not None:
                        return found
                    with self._guard:
                        self._make_room(size_bytes, frozenset(+self._using))
                    return load()
            except NoRoomForImage as full:
                if not full.may_pass or time.monotonic() + self._pause_seconds > deadline:
                    raise
            time.sleep(self._pause_seconds)
