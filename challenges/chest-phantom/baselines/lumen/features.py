"""Lumen's features: for each finding what shows it best.

Round spots at four sizes for the nodule, with the highest of the whole lung field; edges by direction for the pleural
line and for the fluid's surface, the latter with coarse brightness and texture.
"""

from __future__ import annotations

import numpy as np
from filters import blobness, block_maxima, edges_by_direction, highest_spots, texture
from numpy.typing import NDArray
from pixels import Picture, shrink

Vector = NDArray[np.float32]

SIZES = (2.0, 2.8, 4.0, 5.6)
TOP, BOTTOM, SIDE = 14, 22, 8
MIDLINE = slice(48, 68)


def compute_features(picture: Picture) -> dict[str, Vector]:
    """Return the features of each finding."""
    half = shrink(picture, 2)
    edges = edges_by_direction(half, 6, 8)
    fluid = np.concatenate([edges, shrink(picture, 8).ravel(), texture(half, 2.0, 6)])
    return {"nodule": _spots(half), "effusion": fluid, "pneumothorax": edges}


def _spots(half: Picture) -> Vector:
    found = []
    for size in SIZES:
        spots = blobness(half, size)
        spots[:TOP], spots[-BOTTOM:] = 0, 0
        spots[:, :SIDE], spots[:, -SIDE:] = 0, 0
        found.append(block_maxima(spots, 12))
        spots[:, MIDLINE] = 0
        found.append(highest_spots(spots, 6))
    return np.concatenate(found)
