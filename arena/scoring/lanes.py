"""Weighted counts of cases for 64 replicates at once: two sparse products of integers.

A replicate weighs every patient, and a finding needs the sum of the weights in each cell (code × class). One replicate
at a time, each case costs a random access; 64 at a time, one access of one cache line serves them all. Two weights
share one 16-bit number, one a byte, and a cell's cases are first added up in groups so small that no byte can run over.
The products run in SciPy without the interpreter's lock, and being integers they have no order.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from arena.scoring.influence import Column

LANES: Final = 64
"""Replicates of one block."""

_HALF: Final = LANES // 2
_GROUP: Final = 21
"""Cases added up in one byte, of weight `_PEAK` at most: 21 · 12 = 252. Of blocks of 600,000 patients fewer than one in
400 has a greater weight, and takes the slow way."""

_PEAK: Final = 12
_TILE: Final = 4096
_BYTE: Final = np.uint16(255)
_BITS: Final = np.uint16(8)
_FITS: Final = 1 << 30
"""Half of what 32 bits with a sign hold."""

Cell: TypeAlias = np.int32 | np.int64


@dataclass(frozen=True, slots=True)
class LaneBlock:
    """The weights of up to 64 replicates.

    Attributes:
        packed: Of patient i, replicates j and 32 + j in the low and the high byte of entry (i, j), shape (I, 32).
        peak: The largest weight.
    """

    packed: NDArray[np.uint16]
    peak: int


def pack_lanes(weights: NDArray[np.uint8], packed: NDArray[np.uint16] | None = None) -> LaneBlock:
    """Pack the weights of 64 replicates.

    Args:
        weights: Shape (64, I).
        packed: Room for the result, shape (I, 32), so that a loop touches no fresh memory; it is overwritten.
    """
    n_patients = weights.shape[1]
    if packed is None:
        packed = np.empty((n_patients, _HALF), dtype=np.uint16)
    peak = 0
    for start in range(0, n_patients, _TILE):
        tile = weights[:, start : start + _TILE]
        peak = max(peak, int(tile.max()))
        pairs = tile[_HALF:].astype(np.uint16)
        pairs <<= _BITS
        pairs |= tile[:_HALF]
        packed[start : start + _TILE] = pairs.T
    return LaneBlock(packed, peak)


@dataclass(frozen=True, slots=True)
class Tally:
    """A finding prepared for counting.

    The q codes that hold a case stand in a grid of `steps` × `groups`: the code at position p in rising order has group
    p // steps and step p % steps.

    Attributes:
        codes: The codes that hold a case, rising, shape (q,).
        size: Number of codes.
        steps: Codes of one group.
        groups: Groups; steps · groups ≥ q, the rest is empty.
        add: Sums patients' weights over small groups of cases of one cell, shape (g, I).
        gather: Sums those into cells, rows in the order (step, class, group), shape (steps · 2 · groups, g).
        heaviest: Cases in the fullest cell.
    """

    codes: NDArray[np.int64]
    size: int
    steps: int
    groups: int
    add: csr_array
    gather: csr_array
    heaviest: int

    @property
    def n_sums(self) -> int:
        """How many weighted counts a block of replicates has."""
        return self.steps * 2 * self.groups * LANES


def make_tally(column: Column) -> Tally:
    """Prepare a finding: sort its cases by their row of the grid, once for all replicates."""
    codes = np.flatnonzero(column.counts.table.any(axis=1))
    steps = max(math.isqrt(codes.size), 1)
    groups = max(-(-codes.size // steps), 1)
    position = np.arange(codes.size)
    row_of_code = np.zeros(column.size, dtype=np.uint16 if 2 * column.size <= np.iinfo(np.uint16).max else np.int64)
    row_of_code[codes] = position % steps * 2 * groups + position // steps
    row_of_cell = np.stack([row_of_code, row_of_code + groups], axis=1).reshape(-1)
    order = np.argsort(row_of_cell[column.cells], kind="stable")
    grid = np.zeros((steps, groups, 2), dtype=np.int64)
    grid[position % steps, position // steps] = column.counts.table[codes]
    held = grid.transpose(0, 2, 1).reshape(-1)
    bytes_of = -(-held // _GROUP)  # small groups of each row
    ends = np.cumsum(bytes_of)
    first = np.cumsum(held) - held
    rank = np.arange(int(ends[-1])) - np.repeat(ends - bytes_of, bytes_of)
    bounds = np.append(np.repeat(first, bytes_of) + rank * _GROUP, column.cells.size)
    add = _ones(bounds, column.cases.patients[order], column.cases.n_patients)
    gather = _ones(np.append(0, ends), np.arange(rank.size), rank.size)
    return Tally(codes, column.size, steps, groups, add, gather, int(held.max(initial=0)))


def _ones(bounds: NDArray[np.int64], indices: NDArray[np.int64], n_columns: int) -> csr_array:
    """Return the 0/1 matrix whose row r has its ones at indices[bounds[r]:bounds[r + 1]]; repeated ones add up."""
    narrow = np.int32 if max(indices.size, n_columns) < np.iinfo(np.int32).max else np.int64
    data = np.ones(indices.size, dtype=np.uint16)
    return csr_array(
        (data, indices.astype(narrow), bounds.astype(narrow)), shape=(bounds.size - 1, n_columns), copy=False
    )


def weighted_cells(tally: Tally, block: LaneBlock, room: NDArray[np.int32] | None = None) -> NDArray[Cell]:
    """Return the weighted counts of every cell and replicate.

    Args:
        tally: The finding.
        block: The weights.
        room: At least `tally.n_sums` numbers, where the result is put, so that a loop touches no fresh memory.

    Returns:
        Shape (steps, 2, groups, 64), class 1 positive; see `Tally` for where a code stands. 32 bits wide where all
        counts fit into 16, else 64.
    """
    halves: tuple[NDArray[Any], ...]
    if block.peak <= _PEAK:
        sums = tally.add @ block.packed
        halves = (sums & _BYTE, sums >> _BITS)
    else:
        add = tally.add.astype(np.int64)
        halves = tuple(add @ half.astype(np.int64) for half in (block.packed & _BYTE, block.packed >> _BITS))
    gather = tally.gather
    cells: NDArray[Cell]
    if block.peak <= _PEAK and block.peak * tally.heaviest <= np.iinfo(np.uint16).max:
        cells = np.empty(tally.n_sums, dtype=np.int32) if room is None else room[: tally.n_sums]
    else:
        gather, cells = gather.astype(np.int64), np.empty(tally.n_sums, dtype=np.int64)
    rows = cells.reshape(-1, LANES)
    for lanes, half in zip((slice(_HALF), slice(_HALF, None)), halves, strict=True):
        rows[:, lanes] = gather @ half.astype(gather.dtype, copy=False)
    return cells.reshape(tally.steps, 2, tally.groups, LANES)


def by_code(tally: Tally, cells: NDArray[Cell]) -> NDArray[Cell]:
    """Bring `weighted_cells` into the order (replicate, class, occupied code), shape (64, 2, q)."""
    ordered = np.ascontiguousarray(cells.transpose(3, 1, 2, 0))
    return ordered.reshape(LANES, 2, -1)[:, :, : tally.codes.size]


@dataclass(frozen=True, slots=True)
class LaneSums:
    """Sums of one finding under 64 replicates, exact; each of shape (64,) and 64 bits wide.

    Attributes:
        two_u: Twice the rightly ordered pairs (`arena.scoring.auc`).
        positives: Positive cases.
        negatives: Negative cases.
        true_positives: Positives at or above the threshold.
        true_negatives: Negatives below it.
        loss: The sum over cases of a loss of their cell.
    """

    two_u: NDArray[np.int64]
    positives: NDArray[np.int64]
    negatives: NDArray[np.int64]
    true_positives: NDArray[np.int64]
    true_negatives: NDArray[np.int64]
    loss: NDArray[np.int64]


def linear_sums(tally: Tally, losses: NDArray[np.int64], threshold_code: int) -> csr_array:
    """Return the matrix that takes cells to true positives, true negatives and loss, shape (3, steps · 2 · groups).

    Args:
        tally: The finding.
        losses: Loss of a case in each cell, 2 · code + class, shape (2 · size,).
        threshold_code: The code at or above which a case is called positive.
    """
    at = np.zeros((3, tally.groups * tally.steps, 2), dtype=np.int64)
    held = at[:, : tally.codes.size]
    held[0, :, 1] = tally.codes >= threshold_code
    held[1, :, 0] = tally.codes < threshold_code
    held[2] = losses.reshape(-1, 2)[tally.codes]
    ordered = at.reshape(3, tally.groups, tally.steps, 2).transpose(0, 2, 3, 1)
    return csr_array(ordered.reshape(3, -1))


def lane_sums(cells: NDArray[Cell], linear: csr_array) -> LaneSums:
    """Add up `weighted_cells` into what AUC, sensitivity, specificity and a mean loss are divided from.

    Args:
        cells: From `weighted_cells`.
        linear: From `linear_sums`.
    """
    true_positives, true_negatives, loss = linear @ cells.reshape(-1, LANES)
    ordered, negatives, positives = _within_groups(cells)
    if cells.dtype == np.int32 and int((negatives * positives).max()) >= _FITS:
        ordered, negatives, positives = _within_groups(cells.astype(np.int64))
    under = np.cumsum(negatives, axis=0) - negatives
    return LaneSums(
        two_u=(ordered + 2 * under * positives).sum(axis=0),
        positives=positives.sum(axis=0),
        negatives=negatives.sum(axis=0),
        true_positives=true_positives,
        true_negatives=true_negatives,
        loss=loss,
    )


def _within_groups(cells: NDArray[Cell]) -> tuple[NDArray[np.int64], ...]:
    """Return twice the rightly ordered pairs, the negatives and the positives of each group, shape (groups, 64).

    All groups advance by one code at a step, which keeps the work in the cache. In 32 bits the pairs are right where
    negatives times positives stay below 2³⁰; the counts of a group of up to 65,535 a cell always are.
    """
    ordered, below, place, positives = (np.zeros(cells.shape[2:], dtype=cells.dtype) for _ in range(4))
    for negative, positive in cells:
        np.add(below, negative, out=place)  # 2 · below + at, counted twice what lies below
        np.add(place, negative, out=below)
        positives += positive
        place *= positive
        ordered += place
    return ordered.astype(np.int64), (below >> 1).astype(np.int64), positives.astype(np.int64)
