"""Files beside answers in plain values: what they are declared to be, and what can be wrong with one.

Nothing that reads DICOM is imported here, for this is what the worker and the commands know of such files.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import StrEnum

FRAME = struct.Struct(">BQ")
"""Before each file: its kind, by its place in `OutputKind`, and its number of bytes."""
READY = b"ready"
"""The first line that comes back: from here on, a process that dies has died of a file."""


class OutputKind(StrEnum):
    """What a declared file is; `bytes` is kept and never read."""

    BYTES = "bytes"
    DICOM_SR = "dicom-sr"
    DICOM_SC = "dicom-sc"


class OutputDefect(StrEnum):
    """Why a file is not what the challenge declares: a closed list, safe to count."""

    MISSING = "missing"
    NOT_DICOM = "not_dicom"
    DEFLATED = "deflated"
    TRANSFER_SYNTAX = "transfer_syntax"
    DAMAGED = "damaged"
    TOO_DEEP = "too_deep"
    SOP_CLASS = "sop_class"
    CONTENT = "content"
    PIXELS = "pixels"
    TOO_COSTLY = "too_costly"


@dataclass(frozen=True, slots=True)
class Examined:
    """What came of a file: its defect or none, and how many content items (SR) or images (SC) it holds."""

    defect: OutputDefect | None
    items: int = 0
