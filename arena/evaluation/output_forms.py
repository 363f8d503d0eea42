"""What a file that an algorithm leaves beside an answer must be, by its declared kind: the examination itself.

It is called in a process of its own alone (`output_child`), for a parser of DICOM given hostile bytes can be made to
take any amount of time and memory. What it says is an entry of a closed list and a number, never text of the file.
"""

from __future__ import annotations

from io import BytesIO

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import DeflatedExplicitVRLittleEndian

from arena.errors import InvalidStudy
from arena.evaluation.output_kinds import Examined, OutputDefect, OutputKind
from arena.vault.dicom import ACCEPTED_SYNTAXES, is_dicom, parsing, pixel_form, transfer_syntax

SR_CLASSES = {
    "1.2.840.10008.5.1.4.1.1.88.11": "Basic Text SR",
    "1.2.840.10008.5.1.4.1.1.88.22": "Enhanced SR",
    "1.2.840.10008.5.1.4.1.1.88.33": "Comprehensive SR",
    "1.2.840.10008.5.1.4.1.1.88.34": "Comprehensive 3D SR",
    "1.2.840.10008.5.1.4.1.1.88.50": "Mammography CAD SR",
    "1.2.840.10008.5.1.4.1.1.88.65": "Chest CAD SR",
}
SC_CLASSES = {"1.2.840.10008.5.1.4.1.1.7": "Secondary Capture Image"}

MAX_CONTENT_ITEMS = 10_000
MAX_CONTENT_DEPTH = 64
"""How large a report's tree may be; reports of detection results have some hundred items, ten deep."""

# DICOM PS3.3, table C.17.3-7: what a content item may be.
_VALUE_TYPES = frozenset(
    {
        "TEXT", "NUM", "CODE", "DATETIME", "DATE", "TIME", "UIDREF", "PNAME", "COMPOSITE", "IMAGE", "WAVEFORM",
        "SCOORD", "SCOORD3D", "TCOORD", "CONTAINER", "TABLE",
    }
)  # fmt: skip
_FILE = "the file"


_CAUSES: dict[type, OutputDefect] = {RecursionError: OutputDefect.TOO_DEEP, MemoryError: OutputDefect.TOO_COSTLY}


class _DefectError(Exception):
    def __init__(self, defect: OutputDefect) -> None:
        super().__init__(defect)
        self.defect = defect


def examine(content: bytes, kind: OutputKind) -> Examined:
    """Examine the bytes of one file, which may be hostile.

    Args:
        content: The file, whose size the runner has bounded.
        kind: What the challenge declares it to be; not `bytes`.
    """
    try:
        return Examined(None, _items(content, kind))
    except _DefectError as error:
        return Examined(error.defect)
    except MemoryError:
        return Examined(OutputDefect.TOO_COSTLY)


def _items(content: bytes, kind: OutputKind) -> int:
    if not is_dicom(content):
        raise _DefectError(OutputDefect.NOT_DICOM)
    _refuse_syntax(content)
    try:
        with parsing(_FILE):
            dataset = dcmread(BytesIO(content))
            storage_class = str(dataset.get("SOPClassUID", ""))
            frames = int(dataset.get("NumberOfFrames") or 1)
        if storage_class not in (SR_CLASSES if kind is OutputKind.DICOM_SR else SC_CLASSES):
            raise _DefectError(OutputDefect.SOP_CLASS)
        if kind is OutputKind.DICOM_SR:
            with parsing(_FILE):
                return _content_items(dataset)
    except InvalidStudy as error:
        raise _DefectError(_CAUSES.get(type(error.__cause__), OutputDefect.DAMAGED)) from error
    return _image(dataset, frames)


def _refuse_syntax(content: bytes) -> None:
    """Refuse by the file meta information alone: a parser would have inflated a deflated file by then."""
    try:
        syntax = transfer_syntax(content, _FILE)
    except InvalidStudy as error:
        raise _DefectError(OutputDefect.DAMAGED) from error
    if syntax == DeflatedExplicitVRLittleEndian:
        raise _DefectError(OutputDefect.DEFLATED)
    if syntax not in ACCEPTED_SYNTAXES:
        raise _DefectError(OutputDefect.TRANSFER_SYNTAX)


def _content_items(dataset: Dataset) -> int:
    """Count the content items of a report; its root is a container, and each item says what it is."""
    if dataset.get("ValueType") != "CONTAINER" or not dataset.get("ContentSequence"):
        raise _DefectError(OutputDefect.CONTENT)
    count, level = 0, [dataset]
    for _ in range(MAX_CONTENT_DEPTH):
        level = [item for parent in level for item in parent.get("ContentSequence") or ()]
        if not level:
            return count
        count += len(level)
        if count > MAX_CONTENT_ITEMS or any(item.get("ValueType") not in _VALUE_TYPES for item in level):
            raise _DefectError(OutputDefect.CONTENT)
    raise _DefectError(OutputDefect.TOO_DEEP)


def _image(dataset: Dataset, frames: int) -> int:
    if frames != 1:
        raise _DefectError(OutputDefect.PIXELS)
    try:
        pixel_form(dataset, _FILE)
    except InvalidStudy as error:
        raise _DefectError(OutputDefect.PIXELS) from error
    return 1
