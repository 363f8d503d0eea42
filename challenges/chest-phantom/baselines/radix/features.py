"""Radix's features, the same for every finding: coarse brightness, texture, and bright spots that ribs also give."""

from __future__ import annotations

import numpy as np
from filters import block_maxima, gaussian, texture
from numpy.typing import NDArray
from pixels import Picture, shrink

Vector = NDArray[np.float32]

SIZES = (2.0, 3.2, 5.0)


def compute_features(picture: Picture) -> dict[str, Vector]:
    """Return the features of each finding."""
    half = shrink(picture, 2)
    spots = [block_maxima(gaussian(half, size) - gaussian(half, 1.6 * size), 12) for size in SIZES]
    together = np.concatenate([shrink(picture, 8).ravel(), texture(half, 2.0, 6), *spots])
    return dict.fromkeys(("nodule", "effusion", "pneumothorax"), together)
