"""The influence of each patient on an AUC: one matrix under every variance, difference and test.

For patient i and finding k with placement values V, AUC A and class totals m, n (cases):
x = Σ over the patient's positives of (V − A)/m, y = Σ over the negatives of (V − A)/n, each scaled by √(I/(I − 1)) with
I the number of patients that hold that class; φ = x + y. Then Var(mean over K findings) = Σ_i (Σ_k φ_ik)² / K², and a
difference of two entries has φ_i(a) − φ_i(b). With one study per patient and one finding this is DeLong's variance
S10/m + S01/n; with several studies per patient it follows Obuchowski 1997 (Biometrics 53:567–578, doi:10.2307/2533958),
the unit of independence being the patient.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arena.scoring.auc import Auc, ClassCounts, auc_from_counts, class_cells, count_cells, placements
from arena.scoring.compiled import Compiled
from arena.scoring.estimates import Interval, Reason
from arena.scoring.intervals import auc_interval, newcombe_interval
from arena.scoring.levels import TOP_LEVEL


@dataclass(frozen=True, slots=True)
class Cases:
    """The references of some cases for one finding, with the patients that hold them.

    Attributes:
        positive: Whether the reference is positive, shape (c,).
        first_cell: The cell of the lowest answer of each case, 2 + class (`arena.scoring.missing`), shape (c,).
        patients: Patient code of each case, 0…n_patients − 1, shape (c,).
        n_patients: Patients of the whole case set, I.
        patients_positive: Patients that hold a positive of these cases.
        patients_negative: Patients that hold a negative.
        patients_held: Patients that hold either.
    """

    positive: NDArray[np.bool_]
    first_cell: NDArray[np.int16]
    patients: NDArray[np.int64]
    n_patients: int
    patients_positive: int
    patients_negative: int
    patients_held: int

    @property
    def n(self) -> int:
        """Number of cases."""
        return int(self.positive.size)

    @property
    def independent(self) -> bool:
        """Whether no patient holds two of these cases."""
        return self.patients_held == self.n

    def subset(self, kept: NDArray[np.bool_] | None) -> Cases:
        """Return the selected cases; all of them for None."""
        if kept is None:
            return self
        return make_cases(self.positive[kept], self.patients[kept], self.n_patients)


def make_cases(positive: NDArray[np.bool_], patients: NDArray[np.int64], n_patients: int) -> Cases:
    """Count the patients of some cases; see `Cases`."""
    holders = np.zeros((n_patients, 2), dtype=np.bool_)
    holders.reshape(-1)[patients * 2 + positive] = True
    return Cases(
        positive=positive,
        first_cell=positive + np.int16(2),
        patients=patients,
        n_patients=n_patients,
        patients_positive=int(np.count_nonzero(holders[:, 1])),
        patients_negative=int(np.count_nonzero(holders[:, 0])),
        patients_held=int(np.count_nonzero(holders[:, 0] | holders[:, 1])),
    )


@dataclass(frozen=True, slots=True)
class Column:
    """The scored cases of one finding: reference known, and left in by the missing policy.

    Attributes:
        cases: Their references and patients.
        cells: 2 · code + class of each case, shape (c,).
        counts: Cases per code and class.
    """

    cases: Cases
    cells: NDArray[np.int64]
    counts: ClassCounts

    @property
    def size(self) -> int:
        """Number of codes."""
        return int(self.counts.positive.size)


def make_column(codes: NDArray[np.int64], cases: Cases, *, size: int) -> Column:
    """Count the cases of one finding per code.

    Args:
        codes: Integers 0…size − 1 in the order of the scores, shape (c,).
        cases: The references of the same cases.
        size: Number of codes.
    """
    cells = class_cells(codes, cases.positive)
    return Column(cases=cases, cells=cells, counts=count_cells(cells, size))


def make_level_column(levels: NDArray[np.signedinteger[Any]], cases: Cases) -> Column:
    """Count the cases of one finding where each has an answer: level l has code l + 1 (`arena.scoring.missing`).

    Args:
        levels: 0…10,000, in any integer type of 16 bits or more.
        cases: The references of the same cases.

    Raises:
        ValueError: A level lies outside, or there are not as many as cases.
    """
    lowest, highest = int(levels.min(initial=0)), int(levels.max(initial=0))
    if lowest < 0 or highest > TOP_LEVEL or levels.shape != cases.first_cell.shape:  # a compiled loop does not look
        msg = f"expected {cases.n} levels 0…{TOP_LEVEL:,}, found {levels.size} of {lowest}…{highest}"
        raise ValueError(msg)
    cells = np.empty(levels.size, dtype=np.int64)
    table = np.zeros((TOP_LEVEL + 3, 2), dtype=np.int64)
    _count_levels(np.ascontiguousarray(levels, dtype=np.int16), cases.first_cell, cells, table.reshape(-1))
    return Column(cases=cases, cells=cells, counts=ClassCounts(table))


@Compiled
def _count_levels(
    levels: NDArray[np.int16], first_cell: NDArray[np.int16], cells: NDArray[np.int64], counts: NDArray[np.int64]
) -> None:
    """Write the cell of each case and count the cases of each cell, in one pass instead of five."""
    for case in range(levels.size):
        cell = 2 * np.int64(levels[case]) + first_cell[case]
        cells[case] = cell
        counts[cell] += 1


@dataclass(frozen=True, slots=True)
class ColumnAuc:
    """A finding's AUC and the influence of a case standing in each cell.

    Attributes:
        auc: The AUC in integers.
        table: Contribution of one case of each cell to its patient's φ, shape (2 · size,); None when a class is held by
            a single patient, from whom no variance can be learned.
    """

    auc: Auc
    table: NDArray[np.float64] | None


def column_auc(column: Column) -> ColumnAuc | None:
    """Return the AUC and the influence table of a column; None where a class is empty."""
    doubled = placements(column.counts)
    auc = auc_from_counts(column.counts, doubled)
    if auc is None:
        return None
    cases = column.cases
    if cases.patients_positive == 1 or cases.patients_negative == 1:
        return ColumnAuc(auc, None)
    m, n = auc.positives, auc.negatives
    scale = 2.0 * m * n
    table = np.empty((column.size, 2))
    # V − A = (2nV · m − 2U) / 2mn: the bracket is an integer, so equal orderings give equal floats.
    of_positive, of_negative = doubled.of_positive, doubled.of_negative
    of_positive *= m
    of_positive -= auc.two_u
    of_negative *= n
    of_negative -= auc.two_u
    np.multiply(of_positive, _correction(cases.patients_positive) / (scale * m), out=table[:, 1])
    np.multiply(of_negative, _correction(cases.patients_negative) / (scale * n), out=table[:, 0])
    return ColumnAuc(auc, table.reshape(-1))


def _correction(patients: int) -> float:
    return math.sqrt(patients / (patients - 1))


def patient_influence(column: Column, table: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return φ of every patient for one finding, shape (n_patients,); 0 for patients outside the column."""
    cases = column.cases
    sums = np.bincount(cases.patients, weights=table.take(column.cells), minlength=cases.n_patients)
    return np.asarray(sums, dtype=np.float64)


def column_variance(column: Column, table: NDArray[np.float64], influence: NDArray[np.float64] | None = None) -> float:
    """Return the variance of a finding's AUC, Σ φ²; over codes instead of cases where patients hold one case each.

    `influence` is φ where the caller has it already.
    """
    if column.cases.independent:
        squares = np.square(table)
        squares *= column.counts.table.reshape(-1)
        return float(np.sum(squares))
    return sum_of_squares(patient_influence(column, table) if influence is None else influence)


def sum_of_squares(values: NDArray[np.float64]) -> float:
    """Return Σ values²; NumPy's pairwise sum in the given order, not BLAS, so that thread counts cannot matter."""
    return float(np.sum(np.square(values)))


def mean_influence(columns: Sequence[Column], tables: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Return Σ_k φ_ik / K of every patient, shape (n_patients,), adding findings in their declared order."""
    total = np.zeros(columns[0].cases.n_patients)
    for column, table in zip(columns, tables, strict=True):
        total += patient_influence(column, table)
    total /= len(columns)
    return total


@dataclass(frozen=True, slots=True)
class Influence:
    """What comparisons and ranks need of one entry.

    Attributes:
        score: Its macro AUC, exact; None with a `reason` where it has none that can be compared.
        mean: Each patient's influence on the macro AUC, shape (I,): Σ `mean`² is its variance.
        phi: Each patient's influence on each macro finding, shape (I, K).
        findings: The K macro findings.
        patients_positive: The smallest number of patients that hold a positive, among the macro findings.
        patients_negative: The same for negatives.
        reason: Why there is no score.
        standard_error: Of the macro AUC; 0 where there is none.
    """

    score: Fraction | None
    mean: NDArray[np.float64] | None
    phi: NDArray[np.float64] | None
    findings: tuple[str, ...]
    patients_positive: int
    patients_negative: int
    reason: Reason | None = None
    standard_error: float = field(init=False)

    def __post_init__(self) -> None:
        """Sum the squares once: every pair asks for them."""
        error = 0.0 if self.mean is None else math.sqrt(sum_of_squares(self.mean))
        object.__setattr__(self, "standard_error", error)

    def limits(self, z: float) -> Interval:
        """Return Newcombe's limits of the score at a normal quantile; of use where the influence is 0 throughout.

        Raises:
            ValueError: The entry has no score.
        """
        if self.score is None:
            msg = "an entry without a score has no limits"
            raise ValueError(msg)
        return newcombe_interval(float(self.score), self.patients_positive, self.patients_negative, z)

    def interval(self, tail: float) -> Interval:
        """Return the limits of the score that are published, each erring in a share `tail` of trials.

        Raises:
            ValueError: The entry has no score.
        """
        if self.score is None:
            msg = "an entry without a score has no limits"
            raise ValueError(msg)
        return auc_interval(
            float(self.score), self.standard_error, self.patients_positive, self.patients_negative, tail
        )
