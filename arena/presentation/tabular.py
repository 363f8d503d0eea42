"""A table before it has a form: named columns, rounded cells. CSV, JSON, HTML and charts are all made from it.

So a picture shows the numbers of the table beside it, and the table those of its file; none of them has a finer digit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from arena.presentation.records import EstimateRecord
from arena.presentation.rounding import round_significant, round_to
from arena.store.documents import Estimate

DIGITS = 3
"""Decimals of shares and areas of a closed phase."""

_P_DIGITS = 4
_TOP_LEVEL = 10_000


@dataclass(frozen=True, slots=True)
class Number:
    """A rounded number; `value` None where there is none. A `signed` one is written with its plus."""

    value: float | None
    digits: int = DIGITS
    signed: bool = False


@dataclass(frozen=True, slots=True)
class Chance:
    """A p value, rounded to four decimals; what rounds to zero is told as smaller than the last of them."""

    value: float | None


@dataclass(frozen=True, slots=True)
class Coded:
    """A code of a closed set; its words stand in the catalogue under `prefix.code`."""

    prefix: str
    code: str


@dataclass(frozen=True, slots=True)
class Named:
    """A code with a name of its own: of an entry or a finding. A `reference` is the code of an entry's page."""

    code: str
    name: str
    reference: str = ""


class Found(EstimateRecord):
    """A rounded estimate with all that it is published with."""

    n_positive: int | None
    method: str
    digits: int = DIGITS


Cell = str | int | bool | Number | Chance | Coded | Named | Found | tuple[Coded, ...] | None
Row = tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Column:
    """A column by the key that it has in files; `title` is its catalogue key, by default `col.<key>`.

    An estimate in a `quiet` column is shown without its number of cases, where a column beside it has it.
    """

    key: str
    title: str = ""
    quiet: bool = False

    @property
    def words(self) -> str:
        """The catalogue key of its heading."""
        return self.title or f"col.{self.key}"


@dataclass(frozen=True, slots=True)
class Table:
    """A named table. Its words stand in the catalogue under `table.<name>` and `read.<name>`.

    Attributes:
        name: As in addresses.
        columns: In order.
        rows: Each as long as `columns`.
        absent: Catalogue key of the reason why there is no row; empty where there is one.
        drawn: Key of the column whose estimates are also drawn as intervals on a shared scale.
        line: A value of that scale to mark, such as a declared limit.
    """

    name: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    absent: str = ""
    drawn: str = ""
    line: float | None = None

    def values(self, key: str) -> tuple[Cell, ...]:
        """Return a column's cells."""
        at = [column.key for column in self.columns].index(key)
        return tuple(row[at] for row in self.rows)

    def where(self, key: str, code: str) -> Table:
        """Return the rows whose cell of a column has this code or text."""
        kept = tuple(row for row, cell in zip(self.rows, self.values(key), strict=True) if plain(cell) == code)
        return Table(
            self.name, self.columns, kept, self.absent or ("" if kept else "absent.row"), self.drawn, self.line
        )

    def flat(self) -> tuple[tuple[str, ...], tuple[tuple[Any, ...], ...]]:
        """Return header and rows with one plain value in each cell: an estimate takes seven."""
        wide = {c.key: _width(cells) for c, cells in zip(self.columns, self._cells(), strict=True)}
        header = tuple(f"{key}{end}" for key, ends in wide.items() for end in ends)
        rows = tuple(
            tuple(part for c, cell in zip(self.columns, row, strict=True) for part in _parts(cell, wide[c.key]))
            for row in self.rows
        )
        return header, rows

    def dicts(self) -> list[dict[str, Any]]:
        """Return the rows as mappings of plain values, such as charts and JSON take."""
        header, rows = self.flat()
        return [dict(zip(header, row, strict=True)) for row in rows]

    def _cells(self) -> Iterator[tuple[Cell, ...]]:
        for index in range(len(self.columns)):
            yield tuple(row[index] for row in self.rows)


_ENDS: Mapping[str, Callable[[Found], object]] = {
    "": lambda found: found.value,
    "_low": lambda found: found.low,
    "_high": lambda found: found.high,
    "_n": lambda found: found.n,
    "_n_positive": lambda found: found.n_positive,
    "_method": lambda found: found.method,
    "_reason": lambda found: found.reason,
}


def _width(cells: Iterable[Cell]) -> tuple[str, ...]:
    cells = tuple(cells)
    if any(isinstance(cell, Found) for cell in cells):
        return tuple(_ENDS)
    return ("", "_name") if any(isinstance(cell, Named) for cell in cells) else ("",)


def _parts(cell: Cell, ends: tuple[str, ...]) -> Iterator[object]:
    if isinstance(cell, Found):
        yield from (_ENDS[end](cell) for end in ends)
        return
    yield plain(cell)
    if len(ends) > 1:
        yield cell.name if isinstance(cell, Named) else None
        yield from (None for _ in ends[2:])


def plain(cell: Cell) -> object:
    """Return the one plain value of a cell."""
    if isinstance(cell, Number | Chance | Found):
        return cell.value
    if isinstance(cell, Coded | Named):
        return cell.code
    if isinstance(cell, tuple):
        return " ".join(each.code for each in cell)
    return cell


def found(estimate: Estimate | None, digits: int = DIGITS) -> Found | None:
    """Round an estimate of a document."""
    if estimate is None:
        return None
    return Found(
        value=round_to(estimate.value, digits),
        low=round_to(estimate.low, digits),
        high=round_to(estimate.high, digits),
        n=estimate.n,
        n_positive=estimate.n_positive,
        method=estimate.method,
        reason=estimate.reason,
        digits=digits,
    )


def number(value: float | None, digits: int = DIGITS, *, signed: bool = False) -> Number:
    """Round a number of a document."""
    return Number(round_to(value, digits), digits, signed)


def measured(value: float | None) -> Number:
    """Round a number without a natural scale to three significant digits."""
    rounded = round_significant(value, 3)
    text = "" if rounded is None else repr(rounded)
    return Number(rounded, 0 if "e" in text else len(text.partition(".")[2].rstrip("0")))


def chance(value: float | None) -> Chance:
    """Round a p value."""
    return Chance(round_to(value, _P_DIGITS))


def level(value: int | None) -> Number:
    """Return a level, 0…10,000, as the probability that it is."""
    return Number(None if value is None else value / _TOP_LEVEL, 4)


def reason(code: str | None) -> Coded | None:
    """Return why something is absent."""
    return None if code is None else Coded("reason", code)
