"""Whether a study can be shown to images that were made for grand-challenge.org: as one volume (docs/contract.md)."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable, Iterator

from pydicom import dcmread
from pydicom.dataset import Dataset

from arena.vault.dicom import parsing

LAYOUT = "grand-challenge"
_SHAPE = ("Rows", "Columns", "SamplesPerPixel")


def not_one_volume(images: Iterable[tuple[str, Dataset]]) -> str | None:
    """Say why a study's images do not make up one volume; None where they do.

    Args:
        images: The images by their names in the archive, `s1/i0001.dcm`.
    """
    series, shapes = set(), set()
    for name, image in images:
        series.add(name.partition("/")[0])
        shapes.add(tuple(int(image.get(keyword) or 0) for keyword in _SHAPE))
        if int(image.get("NumberOfFrames") or 1) != 1:
            return "an image has several frames"
    if len(series) != 1:
        return f"it has {len(series)} series, and that layout shows one"
    if len(shapes) != 1:
        return "its images differ in size, and that layout shows one volume"
    return None


def headers_of(archive: bytes, study: str) -> Iterator[tuple[str, Dataset]]:
    """Yield the images of a study's archive by name, without their pixels.

    Args:
        archive: The archive.
        study: What a refusal calls it.

    Raises:
        InvalidStudy: An image cannot be read.
    """
    with tarfile.open(fileobj=io.BytesIO(archive)) as members:
        for member in members:
            stream = members.extractfile(member)
            if stream is not None:
                with parsing(study):
                    image = dcmread(io.BytesIO(stream.read()), stop_before_pixels=True)
                yield member.name, image
