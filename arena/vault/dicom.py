"""Reads one DICOM file defensively: a whole image of a known kind with uncompressed pixels, or a named refusal.

Accepted are single-frame images of the storage classes below, in Implicit or Explicit VR Little Endian. Compressed
pixels are refused rather than passed on: a vendor's container is promised plain pixels, and a JPEG stream has room for
comments that nobody strips. The deflated syntax is refused before anything is inflated (400 kB can become 400 MB).

The file is read into memory under a cap, so that a length that lies finds only the bytes that are there.
"""

from __future__ import annotations

import logging
import re
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from pydicom import config, dcmread
from pydicom.dataset import Dataset
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from arena.errors import InvalidStudy

#: A file larger than this is refused; in bytes.
MAX_FILE_BYTES = 256 << 20
#: An image larger than this, as declared, is refused; in bytes.
MAX_PIXEL_BYTES = 128 << 20

ACCEPTED_SYNTAXES = (ImplicitVRLittleEndian, ExplicitVRLittleEndian)
ACCEPTED_CLASSES = {
    "1.2.840.10008.5.1.4.1.1.1": "CR",
    "1.2.840.10008.5.1.4.1.1.1.1": "DX for presentation",
    "1.2.840.10008.5.1.4.1.1.1.1.1": "DX for processing",
    "1.2.840.10008.5.1.4.1.1.1.2": "MG for presentation",
    "1.2.840.10008.5.1.4.1.1.1.2.1": "MG for processing",
    "1.2.840.10008.5.1.4.1.1.2": "CT",
    "1.2.840.10008.5.1.4.1.1.4": "MR",
    "1.2.840.10008.5.1.4.1.1.7": "secondary capture",
}

_MARK_AT = 128
_LONG_VRS = frozenset({b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"})
_TRANSFER_SYNTAX = (0x0002, 0x0010)
_BITS_ALLOCATED = (8, 16)
_RGB_SAMPLES = 3

# What pydicom raises on bytes that are no valid DICOM, found by fuzzing; a bug of ours must still propagate, so only
# calls into pydicom stand under this net.
_PARSER_ERRORS = (
    BytesLengthException,
    InvalidDicomError,
    AttributeError,
    EOFError,
    IndexError,
    KeyError,
    MemoryError,
    NotImplementedError,
    OSError,
    OverflowError,
    TypeError,
    ValueError,
    struct.error,
)


@dataclass(frozen=True, slots=True)
class PixelForm:
    """How an image's pixels are laid out, as declared and found consistent."""

    rows: int
    columns: int
    samples: int
    bits_allocated: int
    bits_stored: int
    signed: bool

    @property
    def size_bytes(self) -> int:
        """Bytes that the pixels take without padding."""
        return self.rows * self.columns * self.samples * self.bits_allocated // 8


@contextmanager
def parsing(file: str) -> Iterator[None]:
    """Turn what pydicom raises on damaged bytes into a refusal that names the file.

    It is kept quiet meanwhile: its warnings and log lines quote header values, identity among them. Values that break
    a rule of form are judged by the published list.
    """
    logger = logging.getLogger("pydicom")
    disabled = logger.disabled
    try:
        with warnings.catch_warnings(), config.disable_value_validation():
            warnings.simplefilter("ignore")
            logger.disabled = True
            yield
    except RecursionError as error:
        raise refusal(file, "its sequences are nested too deeply", "Export the study again without them.") from error
    except _PARSER_ERRORS as error:
        reason = f"it is damaged ({type(error).__name__} while reading)"
        raise refusal(file, reason, "Export the study again, or remove its row from the table.") from error
    finally:
        logger.disabled = disabled


def refusal(file: str, reason: str, next_step: str) -> InvalidStudy:
    """Return the named error of a file that cannot be imported."""
    return InvalidStudy(file=file, reason=reason, next_step=next_step)


def read_bytes(path: Path, file: str) -> bytes:
    """Return a file's bytes.

    Args:
        path: Where it lies.
        file: How messages name it.

    Raises:
        InvalidStudy: It is no regular file, is empty, cannot be read, or is larger than `MAX_FILE_BYTES`.
    """
    step = "Check the file, or remove its row from the table."
    try:
        if not path.is_file():
            raise refusal(file, "it is not a regular file", step)
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise refusal(file, f"it has {size} bytes, the limit is {MAX_FILE_BYTES}", "Export it as single images.")
        if size == 0:
            raise refusal(file, "it is empty", step)
        return path.read_bytes()
    except OSError as error:
        raise refusal(file, f"it cannot be read ({error.strerror})", step) from error


def is_dicom(content: bytes) -> bool:
    """Say whether the bytes carry the DICOM mark."""
    return content[_MARK_AT : _MARK_AT + 4] == b"DICM"


def read_image(content: bytes, file: str) -> Dataset:
    """Return the dataset of one image whose pixels are whole and plain.

    Args:
        content: The file's bytes.
        file: How messages name it.

    Raises:
        InvalidStudy: It is no DICOM, damaged, truncated, compressed, or of a kind that is not accepted.
    """
    if not is_dicom(content):
        raise refusal(file, "it is neither DICOM nor a JPEG or PNG image", "Remove it, or export the study again.")
    syntax = transfer_syntax(content, file)
    if syntax not in ACCEPTED_SYNTAXES:
        raise refusal(
            file,
            f"its transfer syntax is {_uid_name(syntax)}; accepted: "
            + " and ".join(accepted.name for accepted in ACCEPTED_SYNTAXES),
            "Decompress it, for example with `gdcmconv --raw IN OUT` or `dcmdjpeg IN OUT`.",
        )
    with parsing(file):
        dataset = dcmread(BytesIO(content))
        # Deferred values are converted here, where damage is still the file's and not ours.
        storage_class = str(dataset.get("SOPClassUID", ""))
        annotated = str(dataset.get("BurnedInAnnotation", ""))
        has_table = "ModalityLUTSequence" in dataset
        frames = int(dataset.get("NumberOfFrames") or 1)
    if storage_class not in ACCEPTED_CLASSES:
        accepted = ", ".join(ACCEPTED_CLASSES.values())
        reason = f"its storage class is {_uid_name(storage_class)}; accepted: {accepted}"
        raise refusal(file, reason, "Leave it out of the study.")
    if annotated == "YES":
        raise refusal(file, "its header says that text is burned into the pixels", "Blank the text, then say NO there.")
    if has_table:
        raise refusal(file, "its grey values need a ModalityLUTSequence", "Apply the table and export it again.")
    if frames != 1:
        raise refusal(file, f"it has {frames} frames, one is accepted", "Export it as single images.")
    pixel_form(dataset, file)
    return dataset


def pixel_form(dataset: Dataset, file: str) -> PixelForm:
    """Return the layout of an image's pixels after comparing it with the bytes that are there.

    Raises:
        InvalidStudy: The declaration is impossible, too large, or not what the pixel data holds.
    """
    with parsing(file):
        rows, columns, samples, allocated, stored, high, sign = (
            int(dataset[keyword].value)
            for keyword in (
                "Rows",
                "Columns",
                "SamplesPerPixel",
                "BitsAllocated",
                "BitsStored",
                "HighBit",
                "PixelRepresentation",
            )
        )
        photometric = str(dataset["PhotometricInterpretation"].value)
        pixels = dataset["PixelData"].value
        found = len(pixels)
    step = "Export the study again."
    form = PixelForm(rows, columns, samples, allocated, stored, sign == 1)
    if rows < 1 or columns < 1 or form.size_bytes > MAX_PIXEL_BYTES:
        raise refusal(file, f"it declares {rows} × {columns} pixels; 1 to {MAX_PIXEL_BYTES} bytes are accepted", step)
    if allocated not in _BITS_ALLOCATED or not 1 <= stored <= allocated or high != stored - 1 or sign not in {0, 1}:
        bits = f"BitsAllocated {allocated}, BitsStored {stored}, HighBit {high}, PixelRepresentation {sign}"
        raise refusal(file, f"its pixels have {bits}; 8 or 16 bits with the stored ones lowest are accepted", step)
    plain = samples == 1 and photometric in {"MONOCHROME1", "MONOCHROME2"}
    colour = (samples, allocated, photometric) == (_RGB_SAMPLES, 8, "RGB")
    if not plain and not colour:
        raise refusal(file, f"its pixels are {photometric} with {samples} samples; accepted: grey, 8-bit RGB", step)
    if found < form.size_bytes:
        raise refusal(file, f"it is truncated: {found} bytes of pixels, {form.size_bytes} declared", step)
    if found > form.size_bytes + form.size_bytes % 2:
        raise refusal(file, f"its pixel data holds {found} bytes, {form.size_bytes} declared", step)
    return form


def clean_pixels(dataset: Dataset, form: PixelForm) -> bytes:
    """Return the pixels in little endian with every bit above the stored ones cleared (or filled with the sign).

    Those bits once held overlays, and so may hold burned-in text that no viewer shows.
    """
    content = bytes(dataset["PixelData"].value)[: form.size_bytes]
    spare = form.bits_allocated - form.bits_stored
    if spare:
        unsigned = np.dtype("u1" if form.bits_allocated == _BITS_ALLOCATED[0] else "<u2")
        kind = np.dtype("i1" if unsigned.itemsize == 1 else "<i2") if form.signed else unsigned
        # Shifting up and down again clears the spare bits of unsigned numbers and repeats the sign of signed ones.
        values = np.left_shift(np.frombuffer(content, unsigned), spare).astype(unsigned).view(kind)
        content = np.right_shift(values, spare).astype(kind).tobytes()
    return content


def _uid_name(uid: str) -> str:
    """Return a UID's name for a message; damaged bytes, which may hold anything, are not repeated."""
    if not uid:
        return "missing"
    return UID(uid, config.IGNORE).name if re.fullmatch(r"[0-9.]{1,64}", uid) else "unreadable"


def transfer_syntax(content: bytes, file: str) -> str:
    """Return the transfer syntax out of the file meta information, which is always Explicit VR Little Endian.

    It is read by hand because a parser would inflate a deflated file before anyone can refuse it.
    """
    offset, found = _MARK_AT + 4, ""
    seen: set[tuple[int, int]] = set()
    while offset + 8 <= len(content):
        group, element, vr, short = struct.unpack_from("<HH2sH", content, offset)
        if group != _TRANSFER_SYNTAX[0]:
            break
        if (group, element) in seen:
            raise refusal(file, "its file meta information repeats an element", "Export the study again.")
        seen.add((group, element))
        start, length = offset + 8, short
        if vr in _LONG_VRS:
            if offset + 12 > len(content):
                break
            start, length = offset + 12, struct.unpack_from("<I", content, offset + 8)[0]
        if (group, element) == _TRANSFER_SYNTAX:
            found = content[start : start + length].rstrip(b"\0 ").decode("ascii", "replace")
        offset = start + length
    if not found:
        raise refusal(file, "its file meta information names no transfer syntax", "Export the study again.")
    return found
