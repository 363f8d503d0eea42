"""A table in words: what the interactive board and the plain page show of it, with its file beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from arena.presentation.catalogue import TEXTS
from arena.presentation.records import EstimateRecord
from arena.presentation.scale import Scale, shared_scale
from arena.presentation.tabular import Cell, Chance, Coded, Column, Found, Named, Number, Table
from arena.presentation.views import IntervalView, link, place_estimate
from arena.presentation.wording import Words

MOST_ROWS: Final = 60
"""Lines of a table on a page; its file has all of them."""

_P_DIGITS = 4
_NBSP = "\N{NO-BREAK SPACE}"
_TOLD_BESIDE = frozenset({"post_hoc", "null_beside"})
"""Reasons for which a value has no limits that the row or the sentence above the table tells."""

_ONE_SIDED = frozenset({"clopper_pearson_upper"})
_LEFT = (str, Coded, Named, tuple)


@dataclass(frozen=True, slots=True)
class CellView:
    """One cell: its text, quiet lines under it, an address, a verdict's code, or an interval to draw."""

    text: str
    under: tuple[str, ...] = ()
    href: str = ""
    verdict: str = ""
    drawn: IntervalView | None = None


@dataclass(frozen=True, slots=True)
class ColumnView:
    """A heading; `numeric` columns stand to the right, a `drawing` has the scale's ticks instead of words."""

    title: str
    numeric: bool
    drawing: bool = False


@dataclass(frozen=True, slots=True)
class TableView:
    """A table, how it is read, how its numbers are found, and where its file is; or why there is none."""

    name: str
    title: str
    read: str
    columns: tuple[ColumnView, ...]
    rows: tuple[tuple[CellView, ...], ...]
    ticks: tuple[tuple[float, str], ...]
    mark: float | None
    methods: tuple[str, ...]
    cut: str
    absent: str
    csv: str
    notes: tuple[str, ...] = field(default=())


def table_view(
    table: Table,
    words: Words,
    *,
    csv: str,
    entry_path: str = "",
    notes: Sequence[str] = (),
    hide: Sequence[str] = (),
    title: str = "",
    most: int = MOST_ROWS,
) -> TableView:
    """Word a table.

    Args:
        table: Its rounded cells.
        words: The language.
        csv: Address of its file.
        entry_path: Address of the door's page of one entry; empty where entries are no links.
        notes: Sentences under it.
        hide: Keys of columns that the page leaves to the file.
        title: Catalogue key of another title; by default the table's own.
        most: How many lines are shown.
    """
    kept = [(k, c) for k, c in enumerate(table.columns) if c.key not in hide and not _is_empty(table, k)]
    scale = _scale(table)
    rows = tuple(
        tuple(cell for k, column in kept for cell in _cells(row[k], column, table, scale, words, entry_path))
        for row in table.rows[:most]
    )
    absent = _word(table.absent, words)
    cut = words("table.cut", shown=words.integer(most), total=words.integer(len(table.rows)))
    return TableView(
        name=title.partition(".")[2] or table.name,
        title=words(title or f"table.{table.name}"),
        read=words(f"read.{table.name}"),
        columns=tuple(heading for k, column in kept for heading in _headings(table, k, column, words)),
        rows=rows,
        ticks=() if scale is None else tuple((scale.place(tick), words.number(tick, 2)) for tick in scale.ticks),
        mark=None if scale is None or table.line is None else scale.place(table.line),
        methods=_methods(table, [k for k, c in enumerate(table.columns) if (k, c) in kept or c.key == "method"], words),
        cut=cut if len(table.rows) > most else "",
        absent=words("table.absent", reason=absent) if absent else "",
        csv=csv,
        notes=tuple(notes),
    )


def _is_empty(table: Table, at: int) -> bool:
    """Say whether a column has nothing in any row, as reasons mostly have."""
    return bool(table.rows) and all(
        row[at] is None or (isinstance(row[at], Number | Chance) and row[at].value is None)  # type: ignore[union-attr]
        for row in table.rows
    )


def _word(key: str, words: Words) -> str:
    if not key:
        return ""
    return words(key if key in TEXTS else "reason.other")


def _scale(table: Table) -> Scale | None:
    if not table.drawn:
        return None
    estimates: list[EstimateRecord] = [cell for cell in table.values(table.drawn) if isinstance(cell, Found)]
    if not any(estimate.value is not None for estimate in estimates):
        return None
    if table.line is not None:
        estimates.append(EstimateRecord(value=table.line, low=None, high=None, n=None))
    return shared_scale(estimates)


def _headings(table: Table, at: int, column: Column, words: Words) -> tuple[ColumnView, ...]:
    numeric = not any(isinstance(row[at], _LEFT) for row in table.rows)
    heading = ColumnView(words(column.words), numeric)
    if column.key == table.drawn and _scale(table) is not None:
        return (heading, ColumnView("", numeric=False, drawing=True))
    return (heading,)


def _cells(
    cell: Cell, column: Column, table: Table, scale: Scale | None, words: Words, entry_path: str
) -> tuple[CellView, ...]:
    view = cell_view(cell, words, entry_path=entry_path, counts=not column.quiet)
    if column.key != table.drawn or scale is None:
        return (view,)
    drawn = place_estimate(cell, scale) if isinstance(cell, Found) else None
    return (view, CellView("", drawn=drawn))


def cell_view(cell: Cell, words: Words, *, entry_path: str = "", counts: bool = True) -> CellView:
    """Word one cell; `counts` puts an estimate's number of cases under it."""
    if isinstance(cell, Found):
        return _estimate(cell, words, counts=counts)
    if isinstance(cell, Coded):
        return CellView(coded(cell, words), verdict=cell.code if cell.prefix == "verdict" else "")
    if isinstance(cell, Named):
        linked = bool(cell.reference and entry_path)
        return CellView(cell.name, href=link(entry_path, words, entry=cell.reference) if linked else "")
    return CellView(_text(cell, words))


def _text(cell: str | int | bool | Number | Chance | tuple[Coded, ...] | None, words: Words) -> str:
    match cell:
        case str():
            return cell
        case bool():
            return words("yes" if cell else "no")
        case Number():
            return signed(cell, words)
        case Chance():
            return words("cell.small_p") if cell.value == 0 else words.number(cell.value, _P_DIGITS)
        case tuple():
            return ", ".join(coded(each, words) for each in cell)
    return words.integer(cell)


def coded(cell: Coded, words: Words) -> str:
    """Return the words of a code; of one that no catalogue of ours can know, such as a site, the code itself."""
    key = f"{cell.prefix}.{cell.code}"
    if key in TEXTS:
        return words(key)
    return words("reason.other") if cell.prefix == "reason" else cell.code


def signed(cell: Number, words: Words) -> str:
    """Write a number, with its sign where it is a difference; the minus is a minus and no hyphen."""
    if cell.value is None:
        return "–"
    text = words.number(abs(cell.value), cell.digits)
    if cell.value < 0:
        return f"\N{MINUS SIGN}{text}"
    return f"+{text}" if cell.signed and cell.value > 0 else text


def _estimate(cell: Found, words: Words, *, counts: bool) -> CellView:
    n = "" if cell.n is None else words("cell.n", n=words.integer(cell.n)).replace(" ", _NBSP)
    why = words.why(cell.reason)
    if cell.value is None:
        return CellView("–", under=(why,) if why else ())
    text = signed(Number(cell.value, cell.digits), words)
    if cell.low is None or cell.high is None:
        told = "" if cell.reason in _TOLD_BESIDE else why
        return CellView(text, under=tuple(part for part in (told, n if counts else "") if part))
    limits = _limits(cell, cell.low, cell.high, words).replace(" ", _NBSP)
    return CellView(text, under=(limits, n) if counts and n else (limits,))


def _limits(cell: Found, low: float, high: float, words: Words) -> str:
    """Write an interval: a one-sided one by its limit, and no dash between where a minus could be taken for it."""
    told = {"low": signed(Number(low, cell.digits), words), "high": signed(Number(high, cell.digits), words)}
    if cell.method in _ONE_SIDED:
        return words("cell.at_most", high=told["high"])
    return words("auc.range" if low < 0 else "cell.range", **told)


def _methods(table: Table, kept: Sequence[int], words: Words) -> tuple[str, ...]:
    """Return, once each, in words, the methods of the shown estimates and of what names its method."""
    found = [
        cell.method if isinstance(cell, Found) else cell.code
        for row in table.rows
        for k in kept
        for cell in (row[k],)
        if (isinstance(cell, Found) and cell.value is not None) or (isinstance(cell, Coded) and cell.prefix == "method")
    ]
    return tuple(coded(Coded("method", method), words) for method in dict.fromkeys(found))
