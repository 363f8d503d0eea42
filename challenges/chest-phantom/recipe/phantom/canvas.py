"""The image plane: where a point of the body falls on the detector, and how bones and vessels are drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

ROWS = 256
COLUMNS = 240
OVERSAMPLING = 3

Map = NDArray[np.float32]
Points = NDArray[np.float64]


@dataclass(frozen=True)
class Frame:
    """One exposure's geometry. Body coordinates are millimetres: x to the image's right, y down, 0 between the hila.

    Frontal view as it is read: the patient's left is on the image's right.
    """

    spacing_mm: float
    shift_mm: tuple[float, float]
    tilt: float
    scale: float

    @cached_property
    def grid(self) -> tuple[Map, Map]:
        """Body coordinates x and y of every pixel's centre."""
        columns = (np.arange(COLUMNS, dtype=np.float32) - (COLUMNS - 1) / 2) * np.float32(self.spacing_mm)
        rows = (np.arange(ROWS, dtype=np.float32) - (ROWS - 1) / 2) * np.float32(self.spacing_mm)
        across, down = np.meshgrid(columns - np.float32(self.shift_mm[0]), rows - np.float32(self.shift_mm[1]))
        cosine, sine = np.float32(np.cos(self.tilt) / self.scale), np.float32(np.sin(self.tilt) / self.scale)
        return across * cosine + down * sine, down * cosine - across * sine

    def project(self, points: Points) -> Points:
        """Return points, shape (n, 2) in body millimetres, as column and row in pixels."""
        cosine, sine = np.cos(self.tilt) * self.scale, np.sin(self.tilt) * self.scale
        across = points[:, 0] * cosine - points[:, 1] * sine + self.shift_mm[0]
        down = points[:, 0] * sine + points[:, 1] * cosine + self.shift_mm[1]
        return np.stack([across / self.spacing_mm + (COLUMNS - 1) / 2, down / self.spacing_mm + (ROWS - 1) / 2], axis=1)


@dataclass(frozen=True, slots=True)
class Stroke:
    """A line through body points with a width in millimetres and a value in [0, 1]; `closed` fills a polygon."""

    points: Points
    width_mm: float
    value: float
    closed: bool = False


def draw(frame: Frame, strokes: Sequence[Stroke]) -> Map:
    """Draw strokes with smooth edges; where two meet, the later one counts."""
    canvas = Image.new("L", (COLUMNS * OVERSAMPLING, ROWS * OVERSAMPLING))
    pen = ImageDraw.Draw(canvas)
    places = (frame.project(np.concatenate([stroke.points for stroke in strokes])) + 0.5) * OVERSAMPLING
    ends = np.cumsum([len(stroke.points) for stroke in strokes]).tolist()
    fine = frame.scale / frame.spacing_mm * OVERSAMPLING
    for stroke, start, end in zip(strokes, [0, *ends], ends, strict=False):
        line = places[start:end].ravel().tolist()
        level = round(255 * min(max(stroke.value, 0.0), 1.0))
        if stroke.closed:
            pen.polygon(line, fill=level)
        else:
            pen.line(line, fill=level, width=max(1, round(stroke.width_mm * fine)))
    return np.asarray(canvas.reduce(OVERSAMPLING), dtype=np.float32) / np.float32(255)


def bezier(start: Points, control1: Points, control2: Points, end: Points, count: int = 24) -> Points:
    """Return `count` points along a cubic curve."""
    step = np.linspace(0, 1, count)[:, None]
    left = 1 - step
    return left**3 * start + 3 * left**2 * step * control1 + 3 * left * step**2 * control2 + step**3 * end


def edge(distance: Map, softness_mm: float) -> Map:
    """Return 0 outside, 1 inside, of a signed distance in millimetres, with a smooth step between."""
    ramp = distance / np.float32(2 * softness_mm)
    ramp += np.float32(0.5)
    np.clip(ramp, 0, 1, out=ramp)
    square = ramp * ramp
    ramp *= np.float32(-2)
    ramp += np.float32(3)
    ramp *= square
    return ramp


def enlarge(values: Map) -> Map:
    """Return a map four times as fine along both axes, by linear interpolation; borders are held."""
    for axis in (0, 1):
        place = np.clip((np.arange(values.shape[axis] * 4) + 0.5) / 4 - 0.5, 0, values.shape[axis] - 1)
        low = np.minimum(place.astype(np.intp), values.shape[axis] - 2)
        share = (place - low).astype(np.float32)
        share = share[:, None] if axis == 0 else share
        values = np.take(values, low, axis) * (1 - share) + np.take(values, low + 1, axis) * share
    return values


def ellipse(frame: Frame, centre: tuple[float, float], radii: tuple[float, float], turn: float = 0.0) -> Map:
    """Return the signed distance, roughly in millimetres, to an ellipse; positive inside."""
    x, y = frame.grid
    across, down = x - np.float32(centre[0]), y - np.float32(centre[1])
    cosine, sine = np.float32(np.cos(turn)), np.float32(np.sin(turn))
    along, aside = across * cosine + down * sine, down * cosine - across * sine
    radius = np.sqrt((along / np.float32(radii[0])) ** 2 + (aside / np.float32(radii[1])) ** 2)
    return (np.float32(1) - radius) * np.float32(min(radii))
