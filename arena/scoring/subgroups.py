"""The AUC in each shown subgroup, and differences between subgroups of a column.

Which cells are shown is decided by `arena.scoring.suppression` before any answer is looked at. A cell's AUC has the
same interval as the whole set's. Cells of a column may share patients (whose studies differ in age, site or
device), so a difference has the variance of φ(a) − φ(b) summed over patients. These tests are exploratory: no rank
follows from them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import combinations
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from arena.scoring.estimates import Estimate, Interval, Method, Reason, absent
from arena.scoring.influence import (
    Column,
    ColumnAuc,
    column_auc,
    column_variance,
    make_cases,
    make_column,
    mean_influence,
    patient_influence,
    sum_of_squares,
)
from arena.scoring.inputs import POSITIVE, UNKNOWN, ScoringInputs, split_findings
from arena.scoring.intervals import auc_estimate
from arena.scoring.missing import apply_policy
from arena.scoring.suppression import MIN_PATIENTS, NOT_STATED, Cell, ColumnCells, shown_cells


class Bounds(Protocol):
    """Lower and upper limit of a difference."""

    @property
    def low(self) -> float:
        """Lower limit."""

    @property
    def high(self) -> float:
        """Upper limit."""


Adjust = Callable[[Sequence[float]], tuple[float, ...]]
"""Adjusts a family of p values, keeping their order; `arena.ranking.holm.holm`."""

Join = Callable[[float, Interval, float, Interval, float], Bounds]
"""Joins two values, the limits of each and their correlation into limits; `arena.ranking.limits.joined_limits`."""


@dataclass(frozen=True, slots=True)
class Family:
    """What differences need of `arena.ranking`, which this room does not reach."""

    adjust: Adjust
    join: Join


Attributes = Mapping[str, Sequence[str | None]]
"""Column → value of every case in the order of the case set, None where not stated; ages already in bands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CellScores:
    """One cell: its counts and AUC for one finding; for the macro score counts are those of no finding, so None."""

    name: str
    cell: Cell | None
    auc: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class SubgroupDifference:
    """AUC of cell `a` minus AUC of cell `b`, with a 95 % interval in [−1, 1]; p values are two-sided.

    `n` and `n_positive` are of both cells together (`n_positive` None for the macro score). `p_adjusted` is over all
    pairs of the column. Without variance there are neither limits nor p values (`reason`).
    """

    a: str
    b: str
    exact: Fraction
    n: int | None
    n_positive: int | None
    standard_error: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    p_adjusted: float | None = None
    reason: Reason | None = None
    interval: Method | None = None

    @property
    def difference(self) -> float:
        """The difference as a float."""
        return float(self.exact)


@dataclass(frozen=True, slots=True, kw_only=True)
class SubgroupTable:
    """One column of one finding, or of the macro score where `finding` is None.

    `n` and `n_positive` are of the shown cells together (`n_positive` None for the macro score); `hidden` cells are
    told by number alone.
    """

    column: str
    finding: str | None
    n: int
    n_positive: int | None
    hidden: int
    cells: tuple[CellScores, ...]
    differences: tuple[SubgroupDifference, ...]


@dataclass(frozen=True, slots=True)
class _Scored:
    """A cell's AUC with the influence of every patient on it, shape (I,); None without one."""

    name: str
    auc: Estimate
    influence: NDArray[np.float64] | None


def suppress(
    inputs: ScoringInputs, attributes: Attributes, *, minimum: int = MIN_PATIENTS
) -> dict[str, dict[str, ColumnCells]]:
    """Return for each macro finding the shown cells of each column; answers are not looked at.

    Args:
        inputs: The references, in the order of the case set.
        attributes: The columns.
        minimum: Patients of each class that a shown cell has.

    Raises:
        ValueError: A column is not as long as the case set.
    """
    if any(len(values) != inputs.n_cases for values in attributes.values()):
        msg = "an attribute has one value for each case"
        raise ValueError(msg)
    return {
        part.finding: shown_cells(attributes, inputs.labels[:, index], inputs.patients, minimum=minimum)
        for index, part in enumerate(split_findings(inputs))
        if part.in_macro and attributes
    }


def subgroup_scores(
    inputs: ScoringInputs, attributes: Attributes, shown: Mapping[str, Mapping[str, ColumnCells]], family: Family
) -> tuple[SubgroupTable, ...]:
    """Return the tables of an entry: for each column the macro score first, then each macro finding.

    The macro score of a cell is the mean over all macro findings, given where the cell is shown for all of them.

    Args:
        inputs: The entry.
        attributes: The columns.
        shown: What `suppress` says of the same references.
        family: How the differences of a table are told.
    """
    found = []
    for column, values in attributes.items():
        named = np.array([value or NOT_STATED for value in values])
        per_finding = {finding: cells[column] for finding, cells in shown.items()}
        tables = [_finding_table(inputs, named, finding, cells, family) for finding, cells in per_finding.items()]
        if len(per_finding) > 1:
            found.append(_macro_table(inputs, named, column, per_finding, family))
        found += tables
    return tuple(found)


def cell_column(inputs: ScoringInputs, finding: str, held: NDArray[np.bool_]) -> Column | None:
    """Return the scored cases of one finding that lie in a cell; None where the entry failed as a whole.

    Args:
        inputs: The entry.
        finding: Code of the finding.
        held: Whether a case lies in the cell, shape (n,).
    """
    index = inputs.findings.index(finding)
    chosen = held & (inputs.labels[:, index] != UNKNOWN)
    positive = inputs.labels[chosen, index] == POSITIVE
    coded = apply_policy(inputs.missing, inputs.levels[chosen, index], positive)
    if coded is None:
        return None
    cases = make_cases(positive, inputs.patients[chosen], inputs.n_patients)
    return make_column(coded.codes, cases.subset(coded.kept), size=coded.size)


def _finding_table(
    inputs: ScoringInputs, named: NDArray[np.str_], finding: str, cells: ColumnCells, family: Family
) -> SubgroupTable:
    rows, scored = [], []
    for cell in cells.shown:
        column = cell_column(inputs, finding, named == cell.name)
        estimate, influence = _cell_auc(column, cell)
        rows.append(CellScores(name=cell.name, cell=cell, auc=estimate))
        scored.append(_Scored(cell.name, estimate, influence))
    return SubgroupTable(
        column=cells.column,
        finding=finding,
        n=cells.n,
        n_positive=cells.n_positive,
        hidden=cells.hidden,
        cells=tuple(rows),
        differences=_differences(scored, family),
    )


def _cell_auc(column: Column | None, cell: Cell) -> tuple[Estimate, NDArray[np.float64] | None]:
    n, positives, method = cell.positives + cell.negatives, cell.positives, Method.AUC_LOGIT_T
    if column is None:
        return absent(Reason.MISSING_ANSWERS, n=n, n_positive=positives, method=method), None
    scored = column_auc(column)
    if scored is None:
        reason = Reason.NO_POSITIVE if column.counts.positives == 0 else Reason.NO_NEGATIVE
        return absent(reason, n=column.cases.n, n_positive=column.counts.positives, method=method), None
    estimate = auc_estimate(
        scored.auc.exact,
        None if scored.table is None else column_variance(column, scored.table),
        patients_positive=column.cases.patients_positive,
        patients_negative=column.cases.patients_negative,
        n=column.cases.n,
        n_positive=column.counts.positives,
    )
    return estimate, None if scored.table is None else patient_influence(column, scored.table)


def _macro_table(
    inputs: ScoringInputs,
    named: NDArray[np.str_],
    column: str,
    per_finding: Mapping[str, ColumnCells],
    family: Family,
) -> SubgroupTable:
    names = [{cell.name for cell in cells.shown} for cells in per_finding.values()]
    everywhere = set.intersection(*names)
    known = (inputs.labels[:, [inputs.findings.index(finding) for finding in per_finding]] != UNKNOWN).any(axis=1)
    rows, scored, n = [], [], 0
    for name in sorted(set.union(*names)):
        held = named == name
        if name not in everywhere:
            # How many cases it holds could tell a hidden count, so that is not said either.
            hidden = absent(Reason.SUPPRESSED, n=None, method=Method.AUC_LOGIT_T)
            rows.append(CellScores(name=name, cell=None, auc=hidden))
            continue
        count = int(np.count_nonzero(held & known))
        estimate, influence = _macro_auc([cell_column(inputs, finding, held) for finding in per_finding], count)
        rows.append(CellScores(name=name, cell=None, auc=estimate))
        scored.append(_Scored(name, estimate, influence))
        n += count
    return SubgroupTable(
        column=column,
        finding=None,
        n=n,
        n_positive=None,
        hidden=max(cells.hidden for cells in per_finding.values()),
        cells=tuple(rows),
        differences=_differences(scored, family),
    )


def _macro_auc(columns: Sequence[Column | None], n: int) -> tuple[Estimate, NDArray[np.float64] | None]:
    present = [column for column in columns if column is not None]
    if len(present) < len(columns):
        return absent(Reason.MISSING_ANSWERS, n=n, method=Method.AUC_LOGIT_T), None
    aucs: list[ColumnAuc] = [auc for column in present if (auc := column_auc(column)) is not None]
    if len(aucs) < len(present):
        return absent(Reason.FINDING_UNDEFINED, n=n, method=Method.AUC_LOGIT_T), None
    tables = [auc.table for auc in aucs if auc.table is not None]
    influence = mean_influence(present, tables) if len(tables) == len(aucs) else None
    estimate = auc_estimate(
        sum((auc.auc.exact for auc in aucs), Fraction(0)) / len(aucs),
        None if influence is None else sum_of_squares(influence),
        patients_positive=min(column.cases.patients_positive for column in present),
        patients_negative=min(column.cases.patients_negative for column in present),
        n=n,
        n_positive=None,
    )
    return estimate, influence


def _differences(scored: Sequence[_Scored], family: Family) -> tuple[SubgroupDifference, ...]:
    """Compare every two cells that have an AUC; the pairs with a p value are one family."""
    found = [
        _difference(one, other, family.join)
        for one, other in combinations(scored, 2)
        if one.auc.exact is not None and other.auc.exact is not None
    ]
    adjusted = iter(family.adjust([pair.p for pair in found if pair.p is not None]))
    return tuple(pair if pair.p is None else replace(pair, p_adjusted=next(adjusted)) for pair in found)


def _difference(one: _Scored, other: _Scored, join: Join) -> SubgroupDifference:
    """Compare two cells; those that share no patient are independent, and their correlation is then exactly 0."""
    a, b = one.auc, other.auc
    exact = (a.exact or Fraction(0)) - (b.exact or Fraction(0))
    found = SubgroupDifference(
        a=one.name,
        b=other.name,
        exact=exact,
        n=_together(a.n, b.n),
        n_positive=_together(a.n_positive, b.n_positive),
    )
    if one.influence is None or other.influence is None:
        return replace(found, reason=Reason.ONE_PATIENT)
    error = math.sqrt(sum_of_squares(one.influence - other.influence))
    limits = _limits_of(a), _limits_of(b)
    if error == 0 or limits[0] is None or limits[1] is None:
        return replace(found, reason=Reason.NO_VARIANCE)
    spread = math.sqrt(sum_of_squares(one.influence) * sum_of_squares(other.influence))
    shared = float(np.sum(one.influence * other.influence)) / spread if spread > 0 else 0.0
    joined = join(a.value or 0.0, limits[0], b.value or 0.0, limits[1], min(max(shared, -1.0), 1.0))
    return replace(
        found,
        standard_error=error,
        low=joined.low,
        high=joined.high,
        interval=Method.MOVER_LOGIT_T,
        p=2 * float(ndtr(-abs(float(exact)) / error)),
    )


def _together(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else one + other


def _limits_of(auc: Estimate) -> Interval | None:
    return None if auc.low is None or auc.high is None else Interval(auc.low, auc.high)
