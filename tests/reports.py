"""Files that algorithms leave beside answers: a structured report, a secondary capture, and what is wrong with others."""

from __future__ import annotations

import struct

from pydicom.dataset import Dataset
from pydicom.uid import ComprehensiveSRStorage, DeflatedExplicitVRLittleEndian, SecondaryCaptureImageStorage

from tests.radiographs import encode, radiograph


def code(value: str, meaning: str) -> Dataset:
    """Return a coded concept."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "DCM", meaning
    return item


def content(kind: str, *below: Dataset) -> Dataset:
    """Return a content item with others below it."""
    item = Dataset()
    item.RelationshipType, item.ValueType = "CONTAINS", kind
    item.ConceptNameCodeSequence = [code("121071", "Finding")]
    if kind == "TEXT":
        item.TextValue = "Nodule in the right upper lobe."
    if below:
        item.ContentSequence = list(below)
    return item


def report(*items: Dataset, **changes: object) -> Dataset:
    """Return a comprehensive SR of three content items, or of the given ones; `changes` set elements."""
    dataset = content("CONTAINER", *(items or (content("CONTAINER", content("TEXT"), content("TEXT")),)))
    dataset.SOPClassUID, dataset.SOPInstanceUID = ComprehensiveSRStorage, "2.25.1"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.Modality = "2.25.2", "2.25.3", "SR"
    for keyword, value in changes.items():
        setattr(dataset, keyword, value)
    return dataset


def secondary_capture(**changes: object) -> Dataset:
    """Return a small secondary capture; `changes` set elements, None deletes them."""
    return radiograph(**{"SOPClassUID": SecondaryCaptureImageStorage, "Modality": "OT", **changes})


def deflated_bomb(mib: int) -> bytes:
    """Return a secondary capture that expands to so many MiB, about a thousandth of it in size."""
    return encode(secondary_capture(PixelData=bytes(mib << 20)), DeflatedExplicitVRLittleEndian)


def many_items(count: int) -> bytes:
    """Return a report with so many empty content items, eight bytes each: each becomes an object of a kilobyte."""
    whole = encode(report())
    start = whole.index(struct.pack("<HH2s", 0x0040, 0xA730, b"SQ"))
    items = struct.pack("<HHI", 0xFFFE, 0xE000, 0) * count
    return whole[:start] + struct.pack("<HH2sHI", 0x0040, 0xA730, b"SQ", 0, len(items)) + items


def nested(depth: int) -> bytes:
    """Return a report whose content items lie in each other, so many deep."""
    whole = encode(report())
    start = whole.index(struct.pack("<HH2s", 0x0040, 0xA730, b"SQ"))
    level = struct.pack("<HH2sHI", 0x0040, 0xA730, b"SQ", 0, 0xFFFFFFFF) + struct.pack(
        "<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF
    )
    return whole[:start] + level * depth
