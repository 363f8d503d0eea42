"""The area under the ROC curve from counts per code, in integers.

The AUC is the share of (positive, negative) pairs that the scores order rightly, a tie counting one half: U / mn
(Bamber 1975; Hanley and McNeil 1982, doi:10.1148/radiology.143.1.7063747). Twice U is an integer, so the AUC is an
exact rational and equal AUCs are equal.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class ClassCounts:
    """How many negative (column 0) and positive (column 1) cases stand at each code, lowest first.

    Attributes:
        table: Shape (size, 2), in one piece of memory.
    """

    table: NDArray[np.int64]

    @property
    def negative(self) -> NDArray[np.int64]:
        """Negative cases at each code, shape (size,); a view."""
        return self.table[:, 0]

    @property
    def positive(self) -> NDArray[np.int64]:
        """Positive cases at each code, shape (size,); a view."""
        return self.table[:, 1]

    @property
    def positives(self) -> int:
        """Number of positive cases, m."""
        return int(self.positive.sum())

    @property
    def negatives(self) -> int:
        """Number of negative cases, n."""
        return int(self.negative.sum())


def class_cells(codes: NDArray[np.int64], positive: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return for each case 2 · code + class: the cell of the table of counts that it falls into, shape (c,)."""
    cells = codes * 2
    cells += positive
    return cells


def count_cells(cells: NDArray[np.int64], size: int) -> ClassCounts:
    """Count the cases of each cell; `size` is the number of codes."""
    return ClassCounts(np.bincount(cells, minlength=2 * size).reshape(size, 2))


@dataclass(frozen=True, slots=True)
class Placements:
    """Doubled placement values of each code, integers of shape (size,).

    Attributes:
        of_positive: 2 · (negatives below) + (negatives at) the code: 2n times a positive's placement value.
        of_negative: 2 · (positives above) + (positives at) the code: 2m times a negative's placement value.
        positives: All positives, m.
        negatives: All negatives, n.
    """

    of_positive: NDArray[np.int64]
    of_negative: NDArray[np.int64]
    positives: int
    negatives: int


def placements(counts: ClassCounts) -> Placements:
    """Return the doubled placement values (DeLong, DeLong and Clarke-Pearson 1988, doi:10.2307/2531595)."""
    negatives, of_positive = _twice_below(counts.negative)
    positives, of_negative = _twice_below(counts.positive)
    np.subtract(2 * positives, of_negative, out=of_negative)
    return Placements(of_positive, of_negative, positives, negatives)


def _twice_below(count: NDArray[np.int64]) -> tuple[int, NDArray[np.int64]]:
    """Return how many there are in all, and for each code 2 · (those below) + (those at) it."""
    upto = np.empty(count.size + 1, dtype=np.int64)
    upto[0] = 0
    np.cumsum(count, out=upto[1:])
    return int(upto[-1]), upto[1:] + upto[:-1]


@dataclass(frozen=True, slots=True)
class Auc:
    """An AUC as integers: `two_u` is twice the number of rightly ordered pairs, of `positives` × `negatives`."""

    two_u: int
    positives: int
    negatives: int

    @property
    def exact(self) -> Fraction:
        """The AUC as a rational in [0, 1]."""
        return Fraction(self.two_u, 2 * self.positives * self.negatives)


def auc_from_counts(counts: ClassCounts, doubled: Placements | None = None) -> Auc | None:
    """Return the AUC: 2U = Σ positive · (2 · negatives below + negatives at); None where a class is empty.

    `doubled` are the placements where the caller has them already. Exact while 2mn < 2⁶³, that is for any case set
    below four thousand million cases.
    """
    doubled = placements(counts) if doubled is None else doubled
    if doubled.positives == 0 or doubled.negatives == 0:
        return None
    two_u = int(np.dot(counts.positive, doubled.of_positive))
    return Auc(two_u, doubled.positives, doubled.negatives)
