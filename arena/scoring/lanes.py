"""Weighted counts of cases for 64 replicates at once, and what scores are divided from.

A replicate weighs every patient, and a finding needs the sum of the weights in each cell (code × class). One replicate
at a time, each case costs a random access; 64 at a time, one access of one or two cache lines serves them all. Cases
are taken in the order of their patients, so that the weights are read one after the other and only the counts are
jumped about in; these stay in the processor's cache. Everything is an integer, so the order of adding does not matter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from arena.scoring.compiled import Compiled
from arena.scoring.influence import Column

LANES: Final = 64
"""Replicates of one block."""

_TILE: Final = 4096
_WIDTHS: Final = (np.uint16, np.uint32, np.uint64)


def pack_lanes(weights: NDArray[np.uint8], packed: NDArray[np.uint8] | None = None) -> NDArray[np.uint8]:
    """Put the 64 weights of each patient beside each other.

    Args:
        weights: Shape (64, I).
        packed: Room for the result, so that a loop touches no fresh memory; it is overwritten.

    Returns:
        Shape (I, 64).
    """
    n_patients = weights.shape[1]
    if packed is None:
        packed = np.empty((n_patients, LANES), dtype=np.uint8)
    for start in range(0, n_patients, _TILE):
        packed[start : start + _TILE] = weights[:, start : start + _TILE].T
    return packed


@dataclass(frozen=True, slots=True)
class Tally:
    """A finding prepared for counting.

    Attributes:
        codes: The codes that hold a case, rising, shape (q,).
        rows: 2 · (place among `codes`) + class of each case, in the order of `patients`, shape (c,).
        patients: Patient of each case, rising, shape (c,).
        heaviest: Cases in the fullest cell.
    """

    codes: NDArray[np.int64]
    rows: NDArray[np.unsignedinteger[Any]]
    patients: NDArray[np.uint32]
    heaviest: int


def make_tally(column: Column) -> Tally:
    """Prepare a finding: sort its cases by their patients, once for all replicates."""
    table = column.counts.table
    codes = np.flatnonzero(table.any(axis=1))
    narrow: type[np.unsignedinteger[Any]] = np.uint16 if 2 * codes.size <= np.iinfo(np.uint16).max else np.uint32
    row_of_cell: NDArray[np.unsignedinteger[Any]] = np.zeros(2 * column.size, dtype=narrow)
    row_of_cell.reshape(-1, 2)[codes] = np.arange(2 * codes.size, dtype=narrow).reshape(-1, 2)
    cases = column.cases
    rows: NDArray[np.unsignedinteger[Any]] = np.empty(cases.n, dtype=narrow)
    patients = np.empty(cases.n, dtype=np.uint32)
    places = np.zeros(cases.n_patients + 1, dtype=np.int64)
    _sort_by_patient(cases.patients, column.cells, row_of_cell, places, rows, patients)
    return Tally(codes, rows, patients, int(table.max(initial=0)))


@Compiled
def _sort_by_patient(
    patients: NDArray[np.int64],
    cells: NDArray[np.int64],
    row_of_cell: NDArray[np.unsignedinteger[Any]],
    places: NDArray[np.int64],
    rows: NDArray[np.unsignedinteger[Any]],
    owners: NDArray[np.uint32],
) -> None:
    """Write rows and patients of all cases in the order of patients; `places` is room of I + 1 zeros."""
    for patient in patients:
        places[patient + 1] += 1
    for patient in range(places.size - 1):
        places[patient + 1] += places[patient]
    for case in range(patients.size):
        place = places[patients[case]]
        places[patients[case]] = place + 1
        rows[place] = row_of_cell[cells[case]]
        owners[place] = patients[case]


def weighted_cells(
    tally: Tally, packed: NDArray[np.uint8], peak: int, room: NDArray[np.uint8] | None = None
) -> NDArray[np.unsignedinteger[Any]]:
    """Return the weighted counts of every cell and replicate.

    Args:
        tally: The finding.
        packed: The weights, from `pack_lanes`.
        peak: The largest of them.
        room: At least `room_bytes` bytes, where the result is put, so that a loop touches no fresh memory.

    Returns:
        Shape (2q, 64), the row of a code's negatives before that of its positives; as wide as its numbers need.
    """
    wide = next(width for width in _WIDTHS if peak * tally.heaviest <= np.iinfo(width).max)
    shape = (2 * tally.codes.size, LANES)
    if room is None:
        cells = np.zeros(shape, dtype=wide)
    else:
        cells = room[: shape[0] * LANES * np.dtype(wide).itemsize].view(wide).reshape(shape)
        cells[:] = 0
    _add_weights(tally.rows, tally.patients, packed, cells)
    return cells


def room_bytes(tally: Tally) -> int:
    """Return the most bytes that `weighted_cells` may need of a finding."""
    return 2 * tally.codes.size * LANES * np.dtype(_WIDTHS[-1]).itemsize


@Compiled
def _add_weights(
    rows: NDArray[np.unsignedinteger[Any]],
    patients: NDArray[np.uint32],
    packed: NDArray[np.uint8],
    cells: NDArray[np.unsignedinteger[Any]],
) -> None:
    # A constant number of lanes, and both indices written out: so it becomes a few wide additions.
    for case in range(rows.size):
        row, patient = rows[case], patients[case]
        for lane in range(LANES):
            cells[row, lane] += packed[patient, lane]


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


def lane_sums(
    tally: Tally, cells: NDArray[np.unsignedinteger[Any]], losses: NDArray[np.int64], threshold_code: int
) -> LaneSums:
    """Add up `weighted_cells` into what AUC, sensitivity, specificity and a mean loss are divided from.

    Args:
        tally: The finding.
        cells: From `weighted_cells`.
        losses: Loss of a case in each cell, 2 · code + class, shape (2 · size,).
        threshold_code: The code at or above which a case is called positive.
    """
    held = losses.reshape(-1, 2)[tally.codes]
    threshold = int(np.searchsorted(tally.codes, threshold_code))
    sums = np.zeros((4, LANES), dtype=np.int64)
    _add_up(cells, held, 0, threshold, sums)
    below = sums.copy()
    _add_up(cells, held, threshold, tally.codes.size, sums)
    two_u, positives, negatives, loss = sums
    return LaneSums(two_u, positives, negatives, positives - below[1], below[2], loss)


@Compiled
def _add_up(
    cells: NDArray[np.unsignedinteger[Any]], losses: NDArray[np.int64], start: int, stop: int, sums: NDArray[np.int64]
) -> None:
    """Add the codes from `start` up to `stop` to 2U, positives, negatives and loss."""
    for code in range(start, stop):
        for lane in range(LANES):
            negative, positive = np.int64(cells[2 * code, lane]), np.int64(cells[2 * code + 1, lane])
            sums[0, lane] += positive * (2 * sums[2, lane] + negative)
            sums[1, lane] += positive
            sums[2, lane] += negative
            sums[3, lane] += negative * losses[code, 0] + positive * losses[code, 1]
