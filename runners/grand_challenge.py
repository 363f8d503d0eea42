"""An image made for grand-challenge.org sees in mode `case` what it would see there, and answers as it would there.

Its conventions, from that platform's public documentation and templates (docs/contract.md has them in full): a job has
one set of inputs; /input/inputs.json lists them; an image socket is a folder /input/images/<slug> with one file of an
irrelevant name, here a MetaImage; a number that is put out is a JSON file of its own under /output. The studies are our
own bytes out of the vault, verified by their digest and rewritten when they were imported.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from runners.archive import Refusal
from runners.case import AnswerFiles
from runners.metaimage import Geometry, write_metaimage
from runners.stage import Arrangement
from runners.values import GrandChallengeLayout, Limits

_NUMBER_BYTES = 4096
_NUMBER = re.compile(rb"\s*(-?[0-9][0-9.eE+-]{0,63})\s*")
_NAMESPACE = uuid.UUID("3d1c5f0a-6a43-5c1e-9f0e-6f9f2c6a4b11")
"""Under it an image's name follows from the case's: the same case has the same name in every run."""


@dataclass(frozen=True, slots=True)
class GrandChallengeFiles:
    """The answer lies in one JSON file for each finding, which holds the bare number."""

    layout: GrandChallengeLayout

    def wanted(self, limits: Limits) -> Mapping[str, int]:  # noqa: ARG002 - a number needs less than any limit
        """Return the largest size of each file in bytes."""
        return {name: _NUMBER_BYTES for _, name in self.layout.outputs}

    def answer(self, case: str, files: AnswerFiles) -> bytes | Refusal | None:
        """Put the numbers, as they were written, into one answer; without any file there is none.

        What does not look like a number becomes a text, which no answer may have in its place: whether an answer is
        valid is decided where answers are read.
        """
        found = {code: files[name] for code, name in self.layout.outputs if name in files}
        refused = next((content for content in found.values() if isinstance(content, Refusal)), None)
        if refused is not None:
            return refused
        if not found:
            return None
        members = [f"{json.dumps(code)}: {_number(content)}" for code, content in found.items()]
        return f'{{"case": {json.dumps(case)}, "findings": {{{", ".join(members)}}}}}'.encode()


def _number(content: bytes | Refusal) -> str:
    matched = _NUMBER.fullmatch(content) if isinstance(content, bytes) else None
    return matched[1].decode() if matched else json.dumps("no number")


def arrangement(layout: GrandChallengeLayout) -> Arrangement:
    """Return what makes of an unpacked study the input of such an image."""

    def arrange(folder: Path, case: str) -> Sequence[str]:
        voxels, geometry = read_series(folder)
        name = f"images/{layout.image}/{uuid.uuid5(_NAMESPACE, case)}.mha"
        (folder / name).parent.mkdir(parents=True)
        write_metaimage(folder / name, voxels, geometry)
        inputs = json.dumps([_socket_value(layout.image, Path(name).name)], indent=4)
        (folder / "inputs.json").write_text(inputs + "\n", encoding="utf-8")
        for series in folder.glob("s*"):
            shutil.rmtree(series)
        for path in (folder / name, folder / "inputs.json"):
            path.chmod(0o644)
        for path in (folder / name, folder / "inputs.json", folder / "images" / layout.image, folder / "images"):
            if path.is_dir():
                path.chmod(0o755)
            os.utime(path, (0, 0))
        return [name, "inputs.json"]

    return arrange


def _socket_value(slug: str, file: str) -> dict[str, Any]:
    """Return one entry of inputs.json; templates of before 2025 look for `interface`, later ones for `socket`."""
    socket = {
        "title": slug,
        "description": "",
        "slug": slug,
        "kind": "Image",
        "pk": 1,
        "default_value": None,
        "super_kind": "Image",
        "relative_path": f"images/{slug}",
        "overlay_segments": [],
        "look_up_table": None,
    }
    image = {"pk": Path(file).stem, "name": file}
    return {"socket": socket, "interface": socket, "value": None, "file": None, "image": image, "pk": 1}


def read_series(folder: Path) -> tuple[NDArray[Any], Geometry]:
    """Read a study of one series as one volume.

    Values are rescaled, to 32-bit floats, where the header says so; else they are 16-bit integers as that platform
    makes them, or as stored where they do not fit. Slices stand in the order of their positions, or else of their
    numbers; a radiograph is a volume of one slice. Grey values are not inverted.

    Raises:
        ValueError: There is more than one series, or the images do not make up one volume.
    """
    series = sorted(folder.glob("s*"))
    if len(series) != 1:
        msg = f"a study of {len(series)} series is no single image"
        raise ValueError(msg)
    images = _in_order([pydicom.dcmread(path) for path in sorted(series[0].glob("*.dcm"))])
    frames = [_values(image) for image in images]
    shapes = {frame.shape for frame in frames}
    if len(shapes) != 1 or any(len(shape) not in {2, 3} for shape in shapes):
        msg = "the images of the series differ in size, or have more than one frame"
        raise ValueError(msg)
    return _narrowed(np.stack(frames)), _geometry(images)


def _values(image: Dataset) -> NDArray[Any]:
    stored: NDArray[Any] = image.pixel_array
    slope, intercept = float(image.get("RescaleSlope") or 1.0), float(image.get("RescaleIntercept") or 0.0)
    if int(image.get("NumberOfFrames") or 1) != 1:
        msg = "an image with several frames"
        raise ValueError(msg)
    return stored if (slope, intercept) == (1.0, 0.0) else (stored * slope + intercept).astype(np.float32)


def _narrowed(voxels: NDArray[Any]) -> NDArray[Any]:
    limits = np.iinfo(np.int16)
    fits = voxels.dtype.kind in "iu" and int(voxels.min()) >= limits.min and int(voxels.max()) <= limits.max
    return voxels.astype(np.int16) if fits else voxels


def _in_order(images: list[Dataset]) -> list[Dataset]:
    if len(images) > 1 and all(map(_is_placed, images)):
        normal = _normal(images[0])
        return sorted(images, key=lambda image: float(np.dot(normal, _vector(image.ImagePositionPatient))))
    return sorted(images, key=lambda image: int(image.get("InstanceNumber") or 0))


def _geometry(images: list[Dataset]) -> Geometry:
    first = images[0]
    between = first.get("PixelSpacing") or first.get("ImagerPixelSpacing") or (1.0, 1.0)
    # DICOM names the distance of rows first.
    down, across = float(between[0]), float(between[1])
    thickness = float(first.get("SpacingBetweenSlices") or first.get("SliceThickness") or 1.0)
    if not _is_placed(first):
        return Geometry((across, down, thickness))
    origin, normal = _vector(first.ImagePositionPatient), _normal(first)
    if len(images) > 1:
        depth = float(np.dot(normal, _vector(images[-1].ImagePositionPatient) - origin))
        thickness = depth / (len(images) - 1) or thickness
    direction = [*map(float, first.ImageOrientationPatient), *map(float, normal)]
    return Geometry((across, down, thickness), (float(origin[0]), float(origin[1]), float(origin[2])), tuple(direction))


def _is_placed(image: Dataset) -> bool:
    return "ImagePositionPatient" in image and "ImageOrientationPatient" in image


def _vector(values: Any) -> NDArray[np.float64]:
    return np.array([float(value) for value in values], dtype=np.float64)


def _normal(image: Dataset) -> NDArray[np.float64]:
    orientation = _vector(image.ImageOrientationPatient)
    return np.cross(orientation[:3], orientation[3:])
