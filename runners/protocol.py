"""What the dispatcher asks of a runner, and what a runner asks of the host's storage."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from runners.values import AttemptId, AttemptSpec, BlobRef, Status

Observe = Callable[[str, str], None]
"""Called as (step, attempt id) when a step has been done; tests interrupt the process there."""


def unobserved(step: str, name: str, /) -> None:
    """Watch nothing."""


@dataclass(frozen=True, slots=True)
class Slot:
    """A free place for one attempt: the host's name and the CPUs that its container is pinned to."""

    host: str
    cpus: tuple[int, ...]


class Runner(Protocol):
    """Runs attempts somewhere. Execution is at least once; acceptance is the dispatcher's."""

    def slots(self) -> list[Slot]:
        """Return the places that are free now; the dispatcher never submits beyond them."""

    def submit(self, spec: AttemptSpec) -> None:
        """Start an attempt; a second call with the same attempt id does nothing."""

    def status(self, ids: Iterable[AttemptId]) -> dict[AttemptId, Status]:
        """Say what is known of each attempt; GONE once its thread has ended, receipt or not."""

    def cancel(self, attempt_id: AttemptId) -> None:
        """Stop an attempt and remove what it left; unknown ids do nothing."""

    def close(self) -> None:
        """Stop every attempt and leave nothing behind."""


class BlobSource(Protocol):
    """Reads content-addressed blobs; implemented by `arena.blobs.BlobStore`."""

    def open(self, ref: BlobRef) -> BinaryIO:
        """Open a blob for reading; its bytes are not yet verified.

        Raises an error that the executor turns into a host fault where the blob is missing.
        """

    def local_path(self, ref: BlobRef) -> Path:
        """Return a verified local copy of the blob."""


class ResultSink(Protocol):
    """Where the executor leaves outputs and receipts; each write is temp-then-rename."""

    def put_file(self, path: Path) -> BlobRef:
        """Store a file's bytes under their digest; the file may be moved."""

    def put_named(self, name: str, content: bytes) -> None:
        """Store bytes under a name such as `receipts/<attempt>.json`, replacing nothing that exists."""

    def get_named(self, name: str) -> bytes | None:
        """Return the bytes of that name, or None."""
