"""Picture filters that the honest baselines choose from. NumPy only."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from pixels import Picture, shrink

Vector = NDArray[np.float32]


@lru_cache(maxsize=64)
def _kernel(sigma: float, order: int) -> Vector:
    """Return half a Gaussian or half its derivative, from its middle outwards."""
    step = np.arange(int(3.5 * sigma + 0.5) + 1, dtype=np.float64)
    bell = np.exp(-0.5 * (step / sigma) ** 2)
    bell /= 2 * bell.sum() - bell[0]
    bell *= {0: np.ones_like(step), 1: step / sigma**2, 2: (step**2 / sigma**2 - 1) / sigma**2}[order]
    return bell.astype(np.float32)


def gaussian(picture: Picture, sigma: float, order: tuple[int, int] = (0, 0)) -> Picture:
    """Return the picture filtered by a Gaussian, or by its derivative along rows and columns; borders are held.

    Shifted copies are added: a product with a matrix would be slow where NumPy comes without a fast BLAS.
    """
    return _along_rows(_along_rows(picture, sigma, order[0]).T, sigma, order[1]).T


def _along_rows(picture: Picture, sigma: float, order: int) -> Picture:
    kernel = _kernel(sigma, order)
    reach, rows = len(kernel) - 1, picture.shape[0]
    padded = np.pad(picture, ((reach, reach), (0, 0)), mode="edge")
    total = kernel[0] * padded[reach : reach + rows]
    for away in range(1, reach + 1):
        before, after = padded[reach - away : reach - away + rows], padded[reach + away : reach + away + rows]
        total += kernel[away] * (after - before if order == 1 else after + before)
    return np.asarray(total, dtype=np.float32)


def blobness(picture: Picture, sigma: float) -> Picture:
    """Return the weaker of the two curvatures where both are bright: high on round spots, low on ribs and vessels."""
    down = gaussian(picture, sigma, (2, 0))
    across = gaussian(picture, sigma, (0, 2))
    mixed = gaussian(picture, sigma, (1, 1))
    mean, spread = (down + across) / 2, np.sqrt(((down - across) / 2) ** 2 + mixed**2)
    return np.asarray(np.maximum(-(mean + spread), 0) * np.float32(sigma**2), dtype=np.float32)


def highest_spots(values: Picture, count: int) -> Vector:
    """Return the values of the highest local maxima (5 by 5), from the top; zeros fill up."""
    around = values
    for axis in (0, 1):
        padded = np.pad(around, [(2, 2) if each == axis else (0, 0) for each in (0, 1)])
        length = values.shape[axis]
        around = np.max([np.take(padded, np.arange(i, i + length), axis) for i in range(5)], axis=0)
    spots = np.sort(values[(values == around) & (values > 0)])[::-1][:count]
    return np.pad(spots, (0, count - len(spots))).astype(np.float32)


def block_maxima(values: Picture, size: int) -> Vector:
    """Return the maximum of each square block."""
    rows, columns = values.shape[0] // size, values.shape[1] // size
    blocks = values[: rows * size, : columns * size].reshape(rows, size, columns, size)
    return np.asarray(blocks.max(axis=(1, 3)).ravel(), dtype=np.float32)


def edges_by_direction(picture: Picture, directions: int, size: int) -> Vector:
    """Return the mean strength of edges in each direction (both ways apart) and square block."""
    down, across = np.gradient(picture)
    found = []
    for number in range(directions):
        angle = np.pi * number / directions
        along = np.float32(np.cos(angle)) * across + np.float32(np.sin(angle)) * down
        found += [shrink(np.maximum(along, 0), size).ravel(), shrink(np.maximum(-along, 0), size).ravel()]
    return np.concatenate(found)


def texture(picture: Picture, sigma: float, size: int) -> Vector:
    """Return the logarithm of the fine detail's strength in each square block."""
    detail = picture - gaussian(picture, sigma)
    return np.log(np.float32(1e-3) + np.sqrt(shrink(detail**2, size))).ravel()
