"""One file is either a whole plain image or a named refusal; no bytes make the reader fall."""

from __future__ import annotations

import struct
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
)

from arena.errors import InvalidStudy
from arena.vault import dicom
from arena.vault.dicom import clean_pixels, pixel_form, read_bytes, read_image
from tests.radiographs import encode, noise, radiograph

WHOLE = encode(radiograph())


def refused(content: bytes) -> str:
    with pytest.raises(InvalidStudy) as caught:
        read_image(content, "a/b.dcm")
    message = str(caught.value)
    assert message.startswith("a/b.dcm cannot be imported: ")
    return message


def with_syntax(content: bytes, uid: str) -> bytes:
    """Return a file that claims another transfer syntax, whose UID is padded to the length of the old one."""
    old = ExplicitVRLittleEndian.encode()
    assert content.count(old) == 1
    head, tail = content.split(old)
    length = len(old) + len(old) % 2
    new = uid.encode().ljust(len(uid) + len(uid) % 2, b"\0")
    head = head[:-2] + struct.pack("<H", len(new))
    return head + new + tail[length - len(old) :]


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian])
def test_both_uncompressed_little_endian_syntaxes_are_read(syntax: str) -> None:
    dataset = read_image(encode(radiograph(3), syntax), "x")
    assert np.array_equal(np.frombuffer(dataset.PixelData, "<u2"), noise(3).ravel())


@pytest.mark.parametrize("content", [b"no DICOM at all", b"\0" * 4096, b"%PDF-1.7" + b"x" * 500, b"\0" * 128 + b"DICM"])
def test_other_files_are_refused(content: bytes) -> None:
    refused(content)


@pytest.mark.parametrize("kept", [140, 300, 700, len(WHOLE) - 2])
def test_a_truncated_file_is_refused(kept: int) -> None:
    refused(WHOLE[:kept])


def test_a_truncated_file_names_what_is_there_and_what_was_declared() -> None:
    assert "it is truncated: 958 bytes of pixels, 960 declared" in refused(WHOLE[:-2])


def test_a_deflated_file_is_refused_before_it_is_inflated() -> None:
    bomb = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    body = b"".join(bomb.compress(bytes(1 << 20)) for _ in range(200)) + bomb.flush()
    head = with_syntax(WHOLE, DeflatedExplicitVRLittleEndian)[:400]
    tracemalloc.start()
    try:
        message = refused(head + body)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert "Deflated Explicit VR Little Endian" in message
    assert peak < 10 << 20


def test_a_number_of_odd_length_is_refused() -> None:
    # Found by fuzzing: pydicom raises an error of its own for it, which is no ValueError.
    element = struct.pack("<HH2sH", 0x0028, 0x0102, b"US", 2)
    start = WHOLE.index(element)
    odd = WHOLE[:start] + struct.pack("<HH2sH", 0x0028, 0x0102, b"US", 3) + WHOLE[start + 8 :]
    assert "damaged" in refused(odd)


def test_a_repeated_transfer_syntax_is_refused() -> None:
    # The reader takes the last one: a second, deflated one must not pass behind a plain first one.
    element = struct.pack("<HH2sH", 2, 0x10, b"UI", 20) + ExplicitVRLittleEndian.encode().ljust(20, b"\0")
    assert WHOLE.count(element) == 1
    assert "repeats an element" in refused(WHOLE.replace(element, element * 2))


def test_compressed_pixels_are_refused_with_the_way_to_decompress_them() -> None:
    message = refused(with_syntax(WHOLE, JPEGBaseline8Bit))
    assert "JPEG Baseline" in message
    assert "gdcmconv --raw" in message


def test_a_length_that_lies_finds_only_the_bytes_that_are_there() -> None:
    start = WHOLE.rindex(struct.pack("<HH2sH", 0x7FE0, 0x10, b"OW", 0))
    lying = WHOLE[: start + 8] + struct.pack("<I", 0xFFFFFFF0) + WHOLE[start + 12 : -10]
    tracemalloc.start()
    try:
        refused(lying)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 10 << 20


def test_thousands_of_nested_sequences_are_refused() -> None:
    item = struct.pack("<HH2sHI", 0x0040, 0x0555, b"SQ", 0, 0xFFFFFFFF) + struct.pack(
        "<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF
    )
    start = WHOLE.index(struct.pack("<HH2s", 0x0008, 0x0008, b"CS"))
    assert "nested too deeply" in refused(WHOLE[:start] + item * 5000)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"Rows": 65535, "Columns": 65535}, "it declares 65535 × 65535 pixels"),
        ({"Rows": 0}, "it declares 0 × 20 pixels"),
        ({"Rows": 25}, "it is truncated: 960 bytes of pixels, 1000 declared"),
        ({"Rows": 23}, "its pixel data holds 960 bytes, 920 declared"),
        ({"Rows": None}, "it is damaged (KeyError while reading)"),
        ({"PixelData": None}, "it is damaged (KeyError while reading)"),
        ({"BitsAllocated": 32}, "BitsAllocated 32"),
        ({"BitsStored": 17}, "BitsStored 17"),
        ({"HighBit": 15}, "HighBit 15"),
        ({"PhotometricInterpretation": "PALETTE COLOR"}, "PALETTE COLOR"),
        ({"SamplesPerPixel": 3}, "with 3 samples"),
        ({"NumberOfFrames": 2}, "it has 2 frames"),
        ({"BurnedInAnnotation": "YES"}, "burned into the pixels"),
        ({"ModalityLUTSequence": []}, "ModalityLUTSequence"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.88.11"}, "Basic Text SR"),
        ({"SOPClassUID": None}, "its storage class is missing"),
    ],
)
def test_an_image_that_contradicts_itself_or_is_of_another_kind_is_refused(
    changes: dict[str, object], reason: str
) -> None:
    dataset = radiograph(**changes)
    uid = "1.2.840.10008.5.1.4.1.1.1.1"
    if "SOPClassUID" not in dataset:
        content = encode(radiograph())
        start = content.index(struct.pack("<HH2sH", 0x0008, 0x0016, b"UI", 28))
        content = content[:start] + content[start + 8 + 28 :]
        assert content.count(uid.encode()) == 1
    else:
        content = encode(dataset)
    assert reason in refused(content)


def test_bits_above_the_stored_ones_are_cleared() -> None:
    pixels = noise(5)
    dataset = radiograph(PixelData=(pixels | np.uint16(0xF000)).tobytes())
    assert clean_pixels(dataset, pixel_form(dataset, "x")) == pixels.tobytes()


def test_bits_above_the_stored_ones_repeat_the_sign_of_signed_pixels() -> None:
    values = np.array([-2048, -1, 0, 1, 2047] * 96, dtype="<i2")
    hidden = (values.view("<u2") & np.uint16(0x0FFF)) | np.uint16(0x5000)
    dataset = radiograph(PixelRepresentation=1, PixelData=hidden.astype("<u2").tobytes())
    assert clean_pixels(dataset, pixel_form(dataset, "x")) == values.tobytes()


def test_eight_bit_pixels_with_padding_lose_the_padding() -> None:
    dataset = radiograph(Rows=3, Columns=3, BitsAllocated=8, BitsStored=8, HighBit=7, PixelData=bytes(range(9)) + b"!")
    assert clean_pixels(dataset, pixel_form(dataset, "x")) == bytes(range(9))


def test_an_oversized_file_is_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dicom, "MAX_FILE_BYTES", 10)
    (tmp_path / "big").write_bytes(b"x" * 11)
    with pytest.raises(InvalidStudy, match="it has 11 bytes, the limit is 10"):
        read_bytes(tmp_path / "big", "big")


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_no_damage_makes_the_reader_fall(data: st.DataObject) -> None:
    content = bytearray(WHOLE)
    for _ in range(data.draw(st.integers(1, 8))):
        position = data.draw(st.integers(128, len(content) - 1))
        content[position : position + 4] = data.draw(st.binary(min_size=1, max_size=4))
    damaged = bytes(content[: data.draw(st.integers(130, len(content)))])
    try:
        dataset = read_image(damaged, "x")
    except InvalidStudy:
        return
    form = pixel_form(dataset, "x")
    assert len(clean_pixels(dataset, form)) == form.size_bytes
