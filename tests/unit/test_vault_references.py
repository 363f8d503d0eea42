"""References are read back as they were written, and equal references have equal bytes."""

from __future__ import annotations

import pytest

from arena.errors import ReferenceMismatch
from arena.vault.references import UNKNOWN, read_references, write_references

ROWS = [("c0002", "p0001", (None, 0)), ("c0001", "p0002", (1, 0))]


def test_the_blob_has_the_documented_form() -> None:
    assert write_references(ROWS, ("nodule", "effusion")) == (
        b"case,patient,nodule,effusion\nc0001,p0002,1,0\nc0002,p0001,,0\n"
    )


def test_the_order_of_the_rows_does_not_matter() -> None:
    assert write_references(ROWS, ("a", "b")) == write_references(ROWS[::-1], ("a", "b"))


def test_labels_come_back_in_the_order_asked_for() -> None:
    references = read_references(write_references(ROWS, ("nodule", "effusion")), ("effusion", "nodule"))
    assert references.cases == ("c0001", "c0002")
    assert references.patients == ("p0002", "p0001")
    assert references.labels.tolist() == [[0, 1], [0, UNKNOWN]]
    assert references.labels.dtype == "int8"


def test_a_finding_that_was_not_imported_is_named() -> None:
    with pytest.raises(ReferenceMismatch, match="lack findings of the challenge: mass"):
        read_references(write_references(ROWS, ("nodule", "effusion")), ("nodule", "mass"))


@pytest.mark.parametrize(
    "content", [b"", b"patient,case,nodule\n", b"case,patient,nodule\nc1,p1,2\n", b"case,patient,nodule\nc1,p1\n"]
)
def test_another_form_is_refused(content: bytes) -> None:
    with pytest.raises(ReferenceMismatch, match="have an unknown form"):
        read_references(content, ("nodule",))
