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
    """How many positive and negative cases stand at each code, lowest first; both of shape (size,)."""

    positive: NDArray[np.int64]
    negative: NDArray[np.int64]

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
    # Two views of one table: copies of them would cost more than every pass over them saves.
    table = np.bincount(cells, minlength=2 * size).reshape(size, 2)
    return ClassCounts(positive=table[:, 1], negative=table[:, 0])


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
    upto_negative = np.cumsum(counts.negative)
    upto_positive = np.cumsum(counts.positive)
    positives, negatives = int(upto_positive[-1]), int(upto_negative[-1])
    upto_negative *= 2
    upto_negative -= counts.negative
    upto_positive *= -2
    upto_positive += counts.positive
    upto_positive += 2 * positives
    return Placements(upto_negative, upto_positive, positives, negatives)


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
    two_u = int((counts.positive * doubled.of_positive).sum())
    return Auc(two_u, doubled.positives, doubled.negatives)
