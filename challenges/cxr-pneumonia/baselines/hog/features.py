"""Histograms of oriented gradients of a radiograph, in NumPy alone.

The same function runs where the weights are trained and inside the container, so that both see equal features.
Source of the descriptor: Dalal and Triggs, "Histograms of oriented gradients for human detection", CVPR 2005.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: Side of the square that a radiograph is reduced to, in pixels.
SIDE = 128
#: Side of the square cells, in pixels. Coarse cells keep what lungs look like and lose who acquired them.
CELL = 16
#: Orientation bins over half a turn.
BINS = 9
#: Keeps divisions by a norm finite where there is no gradient.
EPSILON = 1e-6
#: Values above this are cut before the second normalisation, as in the source.
CLIP = 0.2


def features(image: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the feature vector of one radiograph that is bright where the body is dense (MONOCHROME2).

    Args:
        image: Grey values in any unit, shape (rows, columns).

    Returns:
        A vector of (SIDE / CELL - 1)² · 4 · BINS numbers; scaling the grey values does not change it.
    """
    square = resize(image)
    low, high = square.min(), square.max()
    # The root compresses the bright range, where exposure differs most between devices (gamma 0.5 in the source).
    return gradient_histograms(np.sqrt((square - low) / max(high - low, EPSILON))).astype(np.float32)


def resize(image: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the image as a square: each new pixel is the mean of the pixels that it covers, by area."""
    square: NDArray[np.float64] = _shares(image.shape[0]) @ image @ _shares(image.shape[1]).T
    return square


def _shares(source: int) -> NDArray[np.float64]:
    """Return the share of each source pixel in each target pixel, shape (SIDE, source); rows sum to one."""
    edges = np.linspace(0.0, source, SIDE + 1)
    pixels = np.arange(source)
    overlap = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    return np.clip(overlap, 0.0, None) * (SIDE / source)


def gradient_histograms(image: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return normalised histograms of gradient directions, one per block of 2 × 2 cells, flattened."""
    down, right = np.gradient(image)
    strength = np.hypot(down, right)
    position = np.mod(np.arctan2(down, right), np.pi) / np.pi * BINS - 0.5
    lower = np.floor(position)
    upper_share = position - lower
    count = image.shape[0] // CELL
    place = np.arange(image.shape[0]) // CELL
    first_bin = (place[:, None] * count + place[None, :]) * BINS
    histograms = np.zeros(count * count * BINS)
    for direction, share in ((lower, 1.0 - upper_share), (lower + 1, upper_share)):
        bins = first_bin + np.mod(direction, BINS).astype(np.intp)
        histograms += np.bincount(bins.ravel(), weights=(share * strength).ravel(), minlength=histograms.size)
    histograms = histograms.reshape(count, count, BINS)
    corners = [histograms[:-1, :-1], histograms[:-1, 1:], histograms[1:, :-1], histograms[1:, 1:]]
    blocks = np.concatenate(corners, axis=2).reshape(-1, 4 * BINS)
    blocks = np.minimum(blocks / (np.linalg.norm(blocks, axis=1, keepdims=True) + EPSILON), CLIP)
    blocks = blocks / (np.linalg.norm(blocks, axis=1, keepdims=True) + EPSILON)
    return blocks.ravel()
