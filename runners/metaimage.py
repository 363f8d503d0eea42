"""Writing a volume as a MetaImage file (.mha): a header of text lines, then the values as they lie in memory.

The format is ITK's; its keys are described at https://itk.org/Wiki/ITK/MetaIO/Documentation. Only what a series of
studies needs is written: three dimensions, uncompressed, little-endian.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_TYPES = {"int8": "MET_CHAR", "uint8": "MET_UCHAR", "int16": "MET_SHORT", "uint16": "MET_USHORT", "int32": "MET_INT",
          "uint32": "MET_UINT", "float32": "MET_FLOAT"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Geometry:
    """Where a volume's voxels lie, in mm, in DICOM's patient coordinates (to the left, back and head).

    `spacing` runs along columns, rows and slices; `direction` holds the unit vectors of these three axes one after the
    other; `origin` is the centre of the first voxel.
    """

    spacing: tuple[float, float, float] = (1.0, 1.0, 1.0)
    origin: tuple[float, float, float] = (0.0, 0.0, 0.0)
    direction: tuple[float, ...] = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)


def write_metaimage(path: Path, voxels: NDArray[Any], geometry: Geometry) -> None:
    """Write a volume.

    Args:
        path: The new file.
        voxels: Shape (slices, rows, columns), or (slices, rows, columns, channels) for colour.
        geometry: Where they lie.

    Raises:
        ValueError: The values are of a type that is not written, or the shape is none of these.
    """
    if voxels.ndim not in {3, 4} or voxels.dtype.name not in _TYPES:
        msg = f"no volume of shape {voxels.shape} and type {voxels.dtype} is written"
        raise ValueError(msg)
    channels = voxels.shape[3] if voxels.ndim == 4 else 1  # noqa: PLR2004 - slices, rows, columns, channels
    lines = [
        "ObjectType = Image",
        "NDims = 3",
        "BinaryData = True",
        "BinaryDataByteOrderMSB = False",
        "CompressedData = False",
        f"TransformMatrix = {_numbers(geometry.direction)}",
        f"Offset = {_numbers(geometry.origin)}",
        "CenterOfRotation = 0 0 0",
        f"ElementSpacing = {_numbers(geometry.spacing)}",
        f"DimSize = {voxels.shape[2]} {voxels.shape[1]} {voxels.shape[0]}",
        *([f"ElementNumberOfChannels = {channels}"] if channels > 1 else []),
        f"ElementType = {_TYPES[voxels.dtype.name]}",
        "ElementDataFile = LOCAL",
    ]
    with path.open("xb") as file:
        file.write("\n".join(lines).encode("ascii") + b"\n")
        file.write(np.ascontiguousarray(voxels, dtype=voxels.dtype.newbyteorder("<")).tobytes())


def _numbers(values: Sequence[float]) -> str:
    return " ".join(f"{value:.17g}" for value in values)
