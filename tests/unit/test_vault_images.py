"""A picture becomes a valid DICOM image with its grey values, or a named refusal."""

from __future__ import annotations

import io
import struct
import subprocess
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from arena.errors import InvalidStudy
from arena.vault.images import picture_kind, read_picture
from arena.vault.studies import read_study
from tests.radiographs import members, noise

GREY = noise(1, bits=8).astype(np.uint8)


def picture(kind: str, pixels: np.ndarray = GREY) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind)
    return stream.getvalue()


def test_a_png_keeps_its_grey_values() -> None:
    dataset = read_picture(picture("PNG"), "a.png")
    assert dataset.PixelData == GREY.tobytes()
    assert (dataset.Rows, dataset.Columns, dataset.Modality) == (24, 20, "DX")
    assert "LossyImageCompression" not in dataset


def test_a_jpeg_says_that_it_was_compressed_with_loss() -> None:
    assert read_picture(picture("JPEG"), "a.jpeg").LossyImageCompression == "01"


def test_a_grey_picture_stored_as_colour_keeps_its_values() -> None:
    assert read_picture(picture("PNG", np.dstack([GREY] * 3)), "a.png").PixelData == GREY.tobytes()


def test_no_spacing_is_invented() -> None:
    assert not {"PixelSpacing", "ImagerPixelSpacing"} & set(read_picture(picture("PNG"), "a.png").dir())


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_truncated_picture_is_refused(kind: str, share: float) -> None:
    content = picture(kind)
    with pytest.raises(InvalidStudy, match="damaged or truncated picture"):
        read_picture(content[: int(len(content) * share)], "a")


def test_a_picture_that_declares_too_many_pixels_is_refused_undecoded() -> None:
    header = b"IHDR" + struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    content = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    with pytest.raises(InvalidStudy, match="far too many pixels"):
        read_picture(content + struct.pack(">I", 0) + b"IDAT" + struct.pack(">I", zlib.crc32(b"IDAT")), "a")


@pytest.mark.parametrize("pixels", [noise(1), np.dstack([GREY] * 4)])
def test_sixteen_bits_and_transparency_are_refused(pixels: np.ndarray) -> None:
    with pytest.raises(InvalidStudy, match="8-bit grey"):
        read_picture(picture("PNG", pixels), "a")


def test_the_kind_is_told_by_the_bytes_and_not_by_the_name(tmp_path: Path) -> None:
    (tmp_path / "study.dcm").write_bytes(picture("PNG"))
    (image,) = members(read_study(tmp_path, "study.dcm", modality="DX").archive).values()
    assert image.PixelData == GREY.tobytes()
    assert picture_kind(b"GIF89a") is None


def test_a_picture_of_odd_size_is_valid_dicom_by_dciodvfy(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(picture("PNG", GREY[:23, :19]))
    (image,) = members(read_study(tmp_path, "a.png", modality="DX").archive).values()
    image.save_as(tmp_path / "out.dcm")
    report = subprocess.run(["dciodvfy", str(tmp_path / "out.dcm")], capture_output=True, text=True, check=False).stderr
    assert "SCImage" in report
    assert [line for line in report.splitlines() if line.startswith("Error")] == []
