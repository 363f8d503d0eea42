"""The container's program: pneumonia on a chest radiograph by gradient histograms and logistic regression.

It reads pixels and what is needed to decode them, nothing else of the header.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
from features import features
from numpy.typing import NDArray

WEIGHTS = Path(__file__).with_name("weights.npz")


class Model:
    """A linear model: `weights` of shape (features,), and an `offset`."""

    def __init__(self, path: Path = WEIGHTS) -> None:
        """Load the weights that train.py wrote."""
        with np.load(path) as stored:
            self.weights: NDArray[np.float64] = stored["weights"]
            self.offset = float(stored["offset"])

    def predict(self, folder: Path) -> dict[str, float]:
        """Return the probability of pneumonia: the mean over the study's images."""
        images = [read_pixels(path) for path in sorted(folder.rglob("*.dcm"))]
        scores = [float(features(image) @ self.weights) + self.offset for image in images]
        return {"pneumonia": float(np.mean([1.0 / (1.0 + np.exp(-score)) for score in scores]))}


def read_pixels(path: Path) -> NDArray[np.float64]:
    """Return an image's grey values, bright where the body is dense."""
    dataset = pydicom.dcmread(path)
    pixels = dataset.pixel_array.astype(np.float64)
    if pixels.ndim == 3:
        pixels = pixels.mean(axis=2)
    return pixels.max() - pixels if dataset.PhotometricInterpretation == "MONOCHROME1" else pixels


def main() -> None:
    """Load the model once, then answer case after case."""
    from arena_algorithm import serve  # noqa: PLC0415 - the starter kit is beside this file in the image only

    serve(Model().predict)


if __name__ == "__main__":
    main()
