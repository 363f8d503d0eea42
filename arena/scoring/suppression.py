"""Which subgroups may be shown, decided from references and attributes alone, the same for every entry.

A cell is one value of one attribute, such as sex F. It is shown where enough patients hold a positive of it and
enough a negative. What is not shown must not follow from what is: cells of a column and the whole set are sums of
the same studies, so a single hidden cell is the whole less the others. Each hidden group therefore has to be free,
in the sense of linear algebra, of everything that is published, and further cells are hidden until it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

MIN_PATIENTS: Final = 20
"""Patients of each class that a shown cell has."""

NOT_STATED: Final = "not_stated"
"""Name of the cell of studies without a value."""

_PRIMES: Final = (2_147_483_647, 2_147_483_629)
"""The two largest primes below 2³¹: products of residues fit into int64."""

_SPARE: Final = 2
_KEY: Final = 20


@dataclass(frozen=True, slots=True)
class Cell:
    """One value of one attribute, with the studies and patients that hold it, by class of one finding."""

    column: str
    name: str
    positives: int
    negatives: int
    patients_positive: int
    patients_negative: int


@dataclass(frozen=True, slots=True)
class ColumnCells:
    """The shown cells of one column for one finding, in order of name, and how many are hidden."""

    column: str
    shown: tuple[Cell, ...]
    hidden: int

    @property
    def n(self) -> int:
        """Studies in shown cells; the column's total, so that no hidden cell is in it."""
        return sum(cell.positives + cell.negatives for cell in self.shown)

    @property
    def n_positive(self) -> int:
        """Positive studies in shown cells."""
        return sum(cell.positives for cell in self.shown)


@dataclass(frozen=True, slots=True, eq=False)
class _Group:
    """Some studies of one finding, with the attribute patterns that they have marked in `atoms`, shape (a,)."""

    column: str
    name: str
    atoms: NDArray[np.bool_]
    cell: Cell

    @property
    def weight(self) -> tuple[int, str, str]:
        """The order in which further cells are hidden: the smallest first."""
        return (min(self.cell.patients_positive, self.cell.patients_negative), self.column, self.name)


def age_bands(ages: Sequence[int | None], edges: Sequence[int]) -> tuple[str | None, ...]:
    """Return the band of each age in full years.

    Args:
        ages: Ages, None where not stated.
        edges: First years of the second band and of each further one, ascending; (18, 60) gives `0-17`, `18-59`, `60+`.
    """
    firsts = (0, *edges)
    names = [f"{first}-{after - 1}" for first, after in zip(firsts, edges, strict=False)] + [f"{firsts[-1]}+"]
    places = np.searchsorted(np.asarray(edges), [-1 if age is None else age for age in ages], side="right")
    return tuple(None if age is None else names[place] for age, place in zip(ages, places.tolist(), strict=True))


def shown_cells(
    columns: Mapping[str, Sequence[str | None]],
    labels: NDArray[np.int8],
    patients: NDArray[np.int64],
    *,
    minimum: int = MIN_PATIENTS,
) -> dict[str, ColumnCells]:
    """Decide which cells of each column are shown for one finding.

    Hidden are cells with fewer than `minimum` patients of a class; and then, smallest first, further cells until no
    group below the minimum follows: no hidden cell, no crossing of two columns' cells and no union of a column's
    hidden cells is a linear combination of the shown cells and the whole set. An attacker is supposed to know which
    values occur together.

    Args:
        columns: For each attribute the value of every study, None where not stated; each of length n.
        labels: References of one finding: 1, 0, −1 unknown, shape (n,); unknown studies are in no cell.
        patients: Patient code of each study, shape (n,).
        minimum: Patients of each class that a shown cell has.
    """
    known = labels != -1
    values = {name: np.array([v or NOT_STATED for v in columns[name]])[known] for name in sorted(columns)}
    studies = _Studies(values, labels[known] == 1, patients[known], minimum)
    cells = studies.cells()
    crossings = [crossing for crossing in studies.crossings(cells) if not studies.enough(crossing.cell)]
    shown = [cell for cell in cells if studies.enough(cell.cell)]
    while shown:
        following = _following(studies, cells, crossings, shown)
        if following is None:
            break
        shown.remove(_to_hide(studies, shown, following))
    kept = {(group.column, group.name) for group in shown}
    return {
        name: ColumnCells(
            column=name,
            shown=tuple(c.cell for c in cells if c.column == name and (name, c.name) in kept),
            hidden=sum(c.column == name and (name, c.name) not in kept for c in cells),
        )
        for name in columns
    }


class _Studies:
    """The studies of one finding, grouped by pattern: the combination of their values in all columns."""

    def __init__(
        self,
        values: Mapping[str, NDArray[np.str_]],
        positive: NDArray[np.bool_],
        patients: NDArray[np.int64],
        minimum: int,
    ) -> None:
        """Number the patterns."""
        self._values, self._positive, self._patients, self._minimum = values, positive, patients, minimum
        codes = np.stack([np.unique(column, return_inverse=True)[1] for column in values.values()], axis=1)
        patterns, self._pattern = np.unique(codes, axis=0, return_inverse=True)
        self.whole = np.ones(len(patterns), dtype=np.bool_)

    def cells(self) -> list[_Group]:
        """Return every cell of every column, by column and name."""
        return [
            self._group(name, str(value), column == value)
            for name, column in self._values.items()
            for value in np.unique(column)
        ]

    def crossings(self, cells: Sequence[_Group]) -> list[_Group]:
        """Return the studies that two cells of different columns share, where there are any."""
        return [
            self._group("", f"{one.name}, {other.name}", (one.atoms & other.atoms)[self._pattern])
            for place, one in enumerate(cells)
            for other in cells[place + 1 :]
            if one.column != other.column and (one.atoms & other.atoms).any()
        ]

    def union(self, cells: Sequence[_Group]) -> _Group:
        """Return the studies of several cells of a column together."""
        return self._group("", "", np.logical_or.reduce([cell.atoms for cell in cells])[self._pattern])

    def enough(self, cell: Cell) -> bool:
        """Say whether a cell reaches the minimum in both classes."""
        return min(cell.patients_positive, cell.patients_negative) >= self._minimum

    def _group(self, column: str, name: str, held: NDArray[np.bool_]) -> _Group:
        atoms = np.zeros_like(self.whole)
        atoms[self._pattern[held]] = True
        of_positive, of_negative = held & self._positive, held & ~self._positive
        cell = Cell(
            column=column,
            name=name,
            positives=int(np.count_nonzero(of_positive)),
            negatives=int(np.count_nonzero(of_negative)),
            patients_positive=int(np.count_nonzero(np.bincount(self._patients[of_positive]))),
            patients_negative=int(np.count_nonzero(np.bincount(self._patients[of_negative]))),
        )
        return _Group(column, name, atoms, cell)


def _following(studies: _Studies, cells: list[_Group], crossings: list[_Group], shown: list[_Group]) -> _Group | None:
    """Return a group below the minimum that follows from what is shown; None where none does."""
    hidden = [cell for cell in cells if cell not in shown]
    unions = [
        studies.union(together)
        for column in sorted({cell.column for cell in hidden})
        if len(together := [cell for cell in hidden if cell.column == column]) > 1
    ]
    small = [group for group in (*hidden, *crossings, *unions) if not studies.enough(group.cell)]
    follows = in_span(_published(studies, shown), [group.atoms for group in small])
    return next((group for group, found in zip(small, follows, strict=True) if found), None)


def _to_hide(studies: _Studies, shown: list[_Group], following: _Group) -> _Group:
    """Return the smallest shown cell without which the group no longer follows; the smallest of all if none alone."""
    ordered = sorted(shown, key=lambda cell: cell.weight)
    for cell in ordered:
        left = [other for other in shown if other is not cell]
        if not in_span(_published(studies, left), [following.atoms])[0]:
            return cell
    return ordered[0]


def _published(studies: _Studies, shown: list[_Group]) -> list[NDArray[np.bool_]]:
    return [studies.whole, *(cell.atoms for cell in shown)]


def in_span(rows: Sequence[NDArray[np.bool_]], wanted: Sequence[NDArray[np.bool_]]) -> list[bool]:
    """Say which 0/1 vectors are linear combinations of others, all of shape (a,).

    Computed in whole numbers, modulo two primes, after a projection onto a few more directions than there are rows.
    What follows stays following under both, unless a prime divides a minor of the rows, which no prime of this size
    does below rank 22 (Hadamard's bound), and hardly both do above. What does not follow is called following with a
    chance of about one in the prime: that can hide a cell more, never a cell less.
    """
    if not wanted:
        return []
    known, asked = np.array(rows, dtype=np.int64), np.array(wanted, dtype=np.int64)
    if known.shape[1] > len(rows) + _SPARE:
        directions = _directions(known.shape[1], len(rows) + _SPARE)
        known, asked = known @ directions, asked @ directions
    found = np.zeros(len(wanted), dtype=np.bool_)
    for prime in _PRIMES:
        found |= ~_reduced(known % prime, asked % prime, prime).any(axis=1)
    return [bool(follows) for follows in found]


def _directions(length: int, width: int) -> NDArray[np.int64]:
    """Return fixed pseudo-random vectors of 20 bits, shape (length, width): sums over 2⁴³ patterns stay exact."""
    raw = np.random.Philox(key=_KEY).random_raw(length * width)
    return (raw >> np.uint64(44)).astype(np.int64).reshape(length, width)


def _reduced(rows: NDArray[np.int64], wanted: NDArray[np.int64], prime: int) -> NDArray[np.int64]:
    """Return what is left of the wanted vectors when the rows have been eliminated from them."""
    for place in range(len(rows)):
        filled = np.flatnonzero(rows[place])
        if filled.size == 0:
            continue
        pivot = int(filled[0])
        rows[place] = rows[place] * pow(int(rows[place, pivot]), -1, prime) % prime
        for others in (rows[place + 1 :], wanted):
            others[:] = (others - others[:, [pivot]] * rows[place]) % prime
    return wanted
