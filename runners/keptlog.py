"""What containers write beside the protocol, kept in part, for attempts whose cases are no secret.

A log can carry whatever a container has seen, so it is kept only where an attempt asks for it (`AttemptSpec.keep_log`):
for sample sets, whose studies the vendor has. It is bounded whatever is written: of each container the beginning, which
says how it started, and the end, which says how it died. The bytes are hostile and stored as they are, in base64.
"""

from __future__ import annotations

import base64
import json
from typing import Any

HEAD_BYTES = 16 * 1024
TAIL_BYTES = 48 * 1024
TOTAL_BYTES = 256 * 1024
"""What is kept of all containers of an attempt; of those that come later only their number is."""


class ContainerLog:
    """The log of one container while it is written, by one thread."""

    def __init__(self) -> None:
        self._head = bytearray()
        self._tail = bytearray()
        self.seen_bytes = 0

    def feed(self, data: bytes | memoryview) -> None:
        """Take what came; keep no more than head and twice the tail."""
        self.seen_bytes += len(data)
        room = HEAD_BYTES - len(self._head)
        self._head += data[:room]
        # Of a large piece only its end can stay.
        self._tail += data[max(0, room) :][-TAIL_BYTES:]
        if len(self._tail) > 2 * TAIL_BYTES:
            del self._tail[:-TAIL_BYTES]

    def kept(self) -> tuple[bytes, int, bytes]:
        """Return the beginning, how many bytes are left out after it, and the end."""
        head, tail = bytes(self._head), bytes(self._tail[-TAIL_BYTES:])
        return head, self.seen_bytes - len(head) - len(tail), tail


class KeptLog:
    """The logs of an attempt's containers, in the order in which they were started."""

    def __init__(self) -> None:
        self._containers: list[ContainerLog] = []

    def container(self) -> ContainerLog:
        """Return the log of the next container."""
        log = ContainerLog()
        self._containers.append(log)
        return log

    def content(self) -> bytes:
        """Return all of it as JSON: `containers` with `head`, `left_out_bytes`, `tail`, and how many are `not_kept`."""
        kept: list[dict[str, Any]] = []
        total = 0
        for log in self._containers:
            head, left_out, tail = log.kept()
            total += len(head) + len(tail)
            if total > TOTAL_BYTES:
                break
            kept.append(
                {
                    "head": base64.b64encode(head).decode(),
                    "left_out_bytes": left_out,
                    "tail": base64.b64encode(tail).decode(),
                }
            )
        return json.dumps({"containers": kept, "not_kept": len(self._containers) - len(kept)}).encode()
