"""The references of a case set: one CSV blob, written at import and read by the scoring child alone.

UTF-8, header `case,patient,<finding codes in declared order>`, rows sorted by case, values `0`, `1`, or empty for
unknown, lines ended by a line feed: equal references have equal bytes.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from arena.errors import ReferenceMismatch

#: How an unknown label stands in `References.labels`.
UNKNOWN = -1

_VALUES = {"0": 0, "1": 1, "": UNKNOWN}
_FILE = "The references of the case set"


@dataclass(frozen=True, slots=True, eq=False)
class References:
    """Labels in the order of the cases. `labels` has shape (cases, findings): 1, 0, or `UNKNOWN`."""

    cases: tuple[str, ...]
    patients: tuple[str, ...]
    labels: NDArray[np.int8]


def write_references(rows: Sequence[tuple[str, str, tuple[int | None, ...]]], findings: Sequence[str]) -> bytes:
    """Return the blob of references.

    Args:
        rows: Case, patient, and a label for each finding (None: unknown), in any order.
        findings: Codes of the findings, in the declared order.
    """
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["case", "patient", *findings])
    for case, patient, labels in sorted(rows):
        writer.writerow([case, patient, *("" if label is None else label for label in labels)])
    return stream.getvalue().encode()


def read_references(content: bytes, findings: Sequence[str]) -> References:
    """Read a blob of references.

    Args:
        content: The blob's bytes, verified by their digest.
        findings: Codes of the findings that are wanted, in the order wanted; the blob may hold more.

    Raises:
        ReferenceMismatch: The blob has another form, or lacks a finding: the challenge now declares findings that
            these references were not imported for.
    """
    lines = list(csv.reader(io.StringIO(content.decode("utf-8"), newline="")))
    if not lines or lines[0][:2] != ["case", "patient"]:
        raise ReferenceMismatch(file=_FILE, reason="have an unknown form", examples="no header case,patient,…")
    header = lines[0]
    missing = [finding for finding in findings if finding not in header]
    if missing:
        raise ReferenceMismatch(file=_FILE, reason="lack findings of the challenge", examples=", ".join(missing))
    columns = [header.index(finding) for finding in findings]
    for number, line in enumerate(lines[1:], start=2):
        if len(line) != len(header) or any(line[column] not in _VALUES for column in columns):
            raise ReferenceMismatch(file=_FILE, reason="have an unknown form", examples=f"line {number}")
    labels = np.array([[_VALUES[line[column]] for column in columns] for line in lines[1:]], dtype=np.int8)
    return References(
        cases=tuple(line[0] for line in lines[1:]),
        patients=tuple(line[1] for line in lines[1:]),
        labels=labels.reshape(len(lines) - 1, len(columns)),
    )
