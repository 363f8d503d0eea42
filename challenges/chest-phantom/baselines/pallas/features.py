"""Pallas's features, the same for every finding: the picture's coarse brightness and nothing else."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pixels import Picture, shrink

Vector = NDArray[np.float32]


def compute_features(picture: Picture) -> dict[str, Vector]:
    """Return the features of each finding."""
    return dict.fromkeys(("nodule", "effusion", "pneumothorax"), shrink(picture, 8).ravel())
