"""A study's pixels as every honest baseline sees them. NumPy and pydicom only: the same file trains and infers.

Nothing is read but the pixels, what is needed to decode them, and the spacing.
"""

from __future__ import annotations

import os

# One core is all that a container has. NumPy reads these when it is imported.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["MKL_NUM_THREADS"] = "1"

from pathlib import Path

import numpy as np
import pydicom
from numpy.typing import NDArray

Picture = NDArray[np.float32]

ROWS, COLUMNS = 248, 232
SPACING_MM = 1.3
TAGS = (
    "ImagerPixelSpacing",
    "PhotometricInterpretation",
    "SamplesPerPixel",
    "Rows",
    "Columns",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "PixelData",
)


def read_picture(folder: Path) -> Picture:
    """Read the study in a folder: white bone, one spacing, one grid, and the lungs' tones spread alike.

    Args:
        folder: Holds one DICOM file, at any depth.

    Returns:
        The picture, shape (ROWS, COLUMNS), its centre's median 0 and middle spread 1.

    Raises:
        ValueError: The folder holds no DICOM file, or more than one.
    """
    return _spread_tones(_resample(*read_levels(folder)))


def read_levels(folder: Path) -> tuple[Picture, float]:
    """Read the study's levels as stored, but with white bone, and the pixels' side in millimetres.

    Raises:
        ValueError: The folder holds no DICOM file, or more than one.
    """
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix == ".dcm")
    if len(files) != 1:
        msg = f"expected one file, found {len(files)}"
        raise ValueError(msg)
    dataset = pydicom.dcmread(files[0], specific_tags=list(TAGS))
    levels = dataset.pixel_array.astype(np.float32)
    if dataset.PhotometricInterpretation == "MONOCHROME1":
        levels = np.float32(2**dataset.BitsStored - 1) - levels
    return levels, float(dataset.ImagerPixelSpacing[0])


def _resample(levels: Picture, spacing_mm: float) -> Picture:
    """Return the picture on the common grid, centre on centre, by linear interpolation."""
    picture = levels
    for axis, size in ((0, ROWS), (1, COLUMNS)):
        length = picture.shape[axis]
        place = (np.arange(size) - (size - 1) / 2) * (SPACING_MM / spacing_mm) + (length - 1) / 2
        place = np.clip(place, 0, length - 1.001)
        low = place.astype(np.intp)
        share = (place - low).astype(np.float32)
        share = share[:, None] if axis == 0 else share
        picture = np.take(picture, low, axis) * (1 - share) + np.take(picture, low + 1, axis) * share
    return picture


def _spread_tones(picture: Picture) -> Picture:
    """Return the picture with its centre's median at 0 and the distance between its quartiles at 1."""
    centre = picture[ROWS // 6 : -ROWS // 4, COLUMNS // 8 : -COLUMNS // 8]
    low, middle, high = np.percentile(centre[::2, ::2], [25, 50, 75])
    return (picture - np.float32(middle)) / np.float32(max(high - low, 1.0))


def shrink(picture: Picture, factor: int) -> Picture:
    """Return the means of square blocks; rows and columns that do not fill a block are left out."""
    rows, columns = picture.shape[0] // factor, picture.shape[1] // factor
    blocks = picture[: rows * factor, : columns * factor].reshape(rows, factor, columns, factor)
    return np.asarray(blocks.mean(axis=(1, 3)), dtype=np.float32)
