"""From attenuation to stored values: quantum noise, the device's blur and tone curve, collimation and a side marker.

The picture's mean and standard deviation are drawn for each study without regard to what it shows, and the stored
values are set to them: brightness tells nothing of the labels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from .canvas import COLUMNS, ROWS, Frame, Map, Stroke, draw, edge, enlarge
from .plan import Device

WHITE = 4095
NOISE = 0.0125
"""Standard deviation of quantum noise, in log attenuation, at attenuation 1.5 and a normal dose."""
MEAN_RANGE = (1750.0, 2350.0)
SPREAD_RANGE = (690.0, 860.0)


@dataclass(frozen=True, slots=True)
class Exposure:
    """One exposure's settings; `dose` relative to a normal one, `kvp` in kilovolts."""

    dose: float
    kvp: int
    tone: float
    mean: float
    spread: float
    marker: int
    collimation_mm: tuple[float, float, float, float]
    noise_seed: int


def draw_exposure(rng: np.random.Generator) -> Exposure:
    """Draw an exposure."""
    tight = rng.random() < 0.35
    border = rng.uniform(2, 10, 4) if tight else np.zeros(4)
    return Exposure(
        dose=float(np.exp(rng.normal(0, 0.35))),
        kvp=int(rng.integers(110, 131)),
        tone=float(rng.normal(0, 0.10)),
        mean=float(rng.uniform(*MEAN_RANGE)),
        spread=float(rng.uniform(*SPREAD_RANGE)),
        marker=int(rng.choice([-1, 1])),
        collimation_mm=(float(border[0]), float(border[1]), float(border[2]), float(border[3])),
        noise_seed=int(rng.integers(2**62)),
    )


def expose(attenuation: Map, frame: Frame, device: Device, exposure: Exposure) -> NDArray[np.uint16]:
    """Return the stored values, shape (rows, columns), 12 bits; bone is white unless the device is MONOCHROME1."""
    rng = np.random.default_rng(exposure.noise_seed)
    seen = attenuation * np.float32(1 - 0.004 * (exposure.kvp - 120))
    seen = np.float32(0.86) * seen + np.float32(0.14) * _veil(seen)
    seen = np.maximum(seen, np.float32(0.9) * draw(frame, _marker(exposure.marker)) * np.float32(3.4))
    seen = np.asarray(gaussian_filter(seen, device.blur_pixels, truncate=3), dtype=np.float32)
    quantum = NOISE / np.sqrt(exposure.dose) * np.exp(np.float32(0.5) * (seen - np.float32(1.5)))
    seen = seen + rng.standard_normal(seen.shape, dtype=np.float32) * quantum.astype(np.float32)
    seen = seen + np.float32(device.detail) * (seen - _veil(seen))
    shown = 1 / (1 + np.exp(-(seen - np.float32(1.72 + exposure.tone)) / np.float32(device.latitude * 0.62)))
    shown = shown * _collimator(frame, exposure.collimation_mm)
    stored = _to_levels(shown.astype(np.float64), exposure.mean, exposure.spread)
    return np.asarray(WHITE - stored if device.monochrome1 else stored, dtype=np.uint16)


def _veil(values: Map) -> Map:
    """Return the slow part of a picture, computed on a grid four times as coarse."""
    small = values.reshape(ROWS // 4, 4, COLUMNS // 4, 4).mean(axis=(1, 3), dtype=np.float32)
    slow = gaussian_filter(small, 2.6, mode="nearest", truncate=3)
    return enlarge(np.asarray(slow, dtype=np.float32))


def _to_levels(shown: NDArray[np.float64], mean: float, spread: float) -> NDArray[np.int64]:
    """Return whole levels with the drawn mean and standard deviation; three rounds undo what clipping moved."""
    levels = shown
    for _ in range(3):
        levels = (levels - levels.mean()) / levels.std() * spread + mean
        levels = np.clip(levels, 0, WHITE)
    return np.rint(levels).astype(np.int64)


def _marker(side: int) -> list[Stroke]:
    """Return a lead letter at the patient's left (L) or right (R), high beside the shoulder."""
    x, y = 128.0 * side, -154.0
    if side > 0:
        lines = [[(x, y), (x, y + 13), (x + 8, y + 13)]]
    else:
        lines = [
            [(x, y + 13), (x, y), (x + 6, y), (x + 8, y + 3), (x + 6, y + 6), (x, y + 6)],
            [(x + 4, y + 6), (x + 8, y + 13)],
        ]
    return [Stroke(np.array(line), 2.3, 1.0) for line in lines]


def _collimator(frame: Frame, borders_mm: tuple[float, float, float, float]) -> Map:
    """Return 1 in the field, 0 under the collimator's blades, which stand straight on the detector."""
    if not any(borders_mm):
        return np.ones((ROWS, COLUMNS), dtype=np.float32)
    left, right, top, bottom = (border / frame.spacing_mm for border in borders_mm)
    columns, rows = np.arange(COLUMNS, dtype=np.float32), np.arange(ROWS, dtype=np.float32)
    across = edge(np.minimum(columns - np.float32(left), np.float32(COLUMNS - 1 - right) - columns), 0.8)
    down = edge(np.minimum(rows - np.float32(top), np.float32(ROWS - 1 - bottom) - rows), 0.8)
    return np.minimum(across[None, :], down[:, None])
