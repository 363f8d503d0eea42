"""The readers' table of a challenge: a CSV beside challenge.yaml, read strictly (docs/challenge.md).

Each row is an operating point, by shares or by counts of cases, or one point of a curve. What is read goes into the
declaration, so that the challenge's digest follows from it.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from arena.challenge.clinical import ReaderRow, ReadersTable
from arena.challenge.strictyaml import shown
from arena.errors import InvalidBundle
from arena.scoring.readers import ReaderCurve, ReaderPoint, Share

MAX_BYTES = 256 * 1024
MAX_ROWS = 2000

_TEXT_COLUMNS = ("finding", "label", "kind", "source")
_SHARES = ("sensitivity", "specificity")
_SIZES = ("n_positive", "n_negative")
_COUNTS = ("true_positive", "true_negative")
COLUMNS = (*_TEXT_COLUMNS, "readers", *_SHARES, *_SIZES, *_COUNTS)

_SHARE = re.compile(r"0(\.[0-9]{1,6})?|1(\.0{1,6})?")
_WHOLE = re.compile(r"[0-9]{1,7}")
_MAX_LABEL, _MAX_SOURCE = 60, 300


def read_readers(folder: Path, name: object, findings: Sequence[str]) -> ReadersTable:
    """Read the readers' table that challenge.yaml names.

    Args:
        folder: The challenge's folder.
        name: The value of the key `readers`.
        findings: Codes of the declared findings.

    Raises:
        InvalidBundle: The table is missing or malformed; the message names file, line, column, value and what is
        allowed.
    """
    if not isinstance(name, str) or Path(name).name != name or not name.endswith(".csv"):
        raise InvalidBundle(
            file=folder / "challenge.yaml",
            key="readers",
            reason="it names no table",
            value=shown(name),
            allowed="the name of a CSV file beside challenge.yaml, such as readers.csv",
        )
    table = _Table(folder / name, tuple(findings))
    rows = tuple(table.row(number, values) for number, values in table.lines())
    table.refuse_contradictions(rows)
    return ReadersTable(file=name, rows=rows)


def reader_values(table: ReadersTable) -> tuple[tuple[ReaderPoint, ...], tuple[ReaderCurve, ...]]:
    """Return the points and the curves of a table, in the order in which each first stands there."""
    points = tuple(_point(row) for row in table.rows if row.kind == "point")
    groups: dict[tuple[str, str], list[ReaderRow]] = {}
    for row in table.rows:
        if row.kind == "curve":
            groups.setdefault((row.finding, row.label), []).append(row)
    return points, tuple(_curve(rows) for rows in groups.values())


def _point(row: ReaderRow) -> ReaderPoint:
    sensitivity = _share(row.sensitivity, row.n_positive, row.true_positive)
    specificity = _share(row.specificity, row.n_negative, row.true_negative)
    return ReaderPoint(
        finding=row.finding,
        label=row.label,
        readers=row.readers,
        sensitivity=sensitivity,
        specificity=specificity,
        source=row.source,
    )


def _share(text: str, n: int | None, hits: int | None) -> Share:
    if n is not None and hits is not None:
        return Share(Fraction(hits, n), n, hits)
    return Share(Fraction(text), n)


def _curve(rows: Sequence[ReaderRow]) -> ReaderCurve:
    inner = sorted((1 - Fraction(row.specificity), Fraction(row.sensitivity)) for row in rows)
    ends = ((Fraction(0), Fraction(0)), (Fraction(1), Fraction(1)))
    first = rows[0]
    return ReaderCurve(
        finding=first.finding,
        label=first.label,
        readers=first.readers,
        points=tuple(sorted({*ends, *inner})),
        source=first.source,
    )


@dataclass(frozen=True, slots=True)
class _Table:
    """The file, and what each of its cells has to be."""

    path: Path
    findings: tuple[str, ...]

    def lines(self) -> Iterable[tuple[int, dict[str, str]]]:
        """Return the number and the values of every line below the header."""
        header, *body = list(csv.reader(io.StringIO(self._text(), newline=""))) or [[]]
        header = [name.strip() for name in header]
        for name in header:
            if name not in COLUMNS:
                raise self._invalid("line 1", "there is no such column", name, ", ".join(COLUMNS))
            if header.count(name) > 1:
                raise self._invalid("line 1", "the column stands twice", name, "columns that differ")
        for name in ("finding", "label"):
            if name not in header:
                raise self._invalid("line 1", f"the column {name} is missing", ", ".join(header), ", ".join(COLUMNS))
        found = [(number, line) for number, line in enumerate(body, start=2) if line]
        if not 1 <= len(found) <= MAX_ROWS:
            raise self._invalid("(all)", "the number of rows", len(found), f"1…{MAX_ROWS} below the header")
        for number, line in found:
            if len(line) != len(header):
                raise self._invalid(f"line {number}", "it has not as many values as the header", len(line), len(header))
            yield number, {name: value.strip() for name, value in zip(header, line, strict=True)}

    def row(self, number: int, values: dict[str, str]) -> ReaderRow:
        """Return one row, checked."""
        given = {name: value for name, value in values.items() if value}
        whole = {name: self._whole(number, name, given) for name in (*_SIZES, *_COUNTS)}
        row = ReaderRow(
            finding=self._choice(number, "finding", given.get("finding", ""), self.findings),
            label=self._words(number, "label", given.get("label", ""), _MAX_LABEL),
            kind="curve" if self._choice(number, "kind", given.get("kind", "point"), _KINDS) == "curve" else "point",
            readers=self._whole(number, "readers", given, least=1) or 1,
            sensitivity=self._share(number, "sensitivity", given),
            specificity=self._share(number, "specificity", given),
            source=self._words(number, "source", given.get("source", ""), _MAX_SOURCE, empty=True),
            **whole,
        )
        self._check_form(number, row, set(given))
        return row

    def refuse_contradictions(self, rows: Sequence[ReaderRow]) -> None:
        """Raise if a point stands twice, or a curve falls."""
        seen: set[tuple[str, str]] = set()
        for row in rows:
            key = (row.finding, row.label)
            if row.kind == "point" and key in seen:
                reason = f"the point of {row.finding} stands twice"
                raise self._invalid("column label", reason, row.label, "labels that differ")
            if row.kind == "point":
                seen.add(key)
        _, curves = reader_values(ReadersTable(file=self.path.name, rows=tuple(rows)))
        for curve in curves:
            rates = [rate for _, rate in curve.points]
            if rates != sorted(rates):
                place, allowed = f"curve of {curve.finding}", "a sensitivity that never rises with specificity"
                raise self._invalid(place, "the curve falls", curve.label, allowed)

    def _check_form(self, number: int, row: ReaderRow, given: set[str]) -> None:
        """Raise unless the row has shares, or for a point the four counts, and not both."""
        shares, counts = given & set(_SHARES), given & set(_COUNTS)
        if row.kind == "curve":
            wrong = sorted(given & {*_COUNTS, *_SIZES})
            if wrong:
                raise self._invalid(f"line {number}, column {wrong[0]}", "a curve has shares only", "given", "nothing")
        if counts and shares:
            reason = "counts and shares could contradict each other"
            raise self._invalid(f"line {number}", reason, ", ".join(sorted(given)), "one or the other")
        needed = (*_COUNTS, *_SIZES) if counts else _SHARES
        missing = [name for name in needed if name not in given]
        if missing:
            raise self._invalid(f"line {number}, column {missing[0]}", "the value is missing", "", ", ".join(needed))
        for hits, n in zip(_COUNTS, _SIZES, strict=True):
            if counts and getattr(row, hits) > getattr(row, n):
                place, allowed = f"line {number}, column {hits}", f"up to {n}, {getattr(row, n)}"
                raise self._invalid(place, "more are right than there are", getattr(row, hits), allowed)

    def _text(self) -> str:
        try:
            size = self.path.stat().st_size
            if size > MAX_BYTES:
                raise self._invalid("(all)", "the table is too large", f"{size} bytes", f"up to {MAX_BYTES} bytes")
            return self.path.read_text(encoding="utf-8-sig")
        except FileNotFoundError as error:
            raise self._invalid("(all)", "the file is missing", "none", "a file beside challenge.yaml") from error
        except (OSError, UnicodeDecodeError) as error:
            reason = "it cannot be read as UTF-8 text"
            raise self._invalid("(all)", reason, type(error).__name__, "a CSV file in UTF-8") from error

    def _share(self, number: int, name: str, given: dict[str, str]) -> str:
        value = given.get(name, "")
        if value and not _SHARE.fullmatch(value):
            allowed = "a share from 0 to 1 with up to 6 decimals, such as 0.93"
            raise self._invalid(f"line {number}, column {name}", "it is no share", value, allowed)
        return value

    def _whole(self, number: int, name: str, given: dict[str, str], least: int | None = None) -> int | None:
        value = given.get(name)
        if value is None:
            return None
        least = least if least is not None else int(name in _SIZES)
        if not _WHOLE.fullmatch(value) or int(value) < least:
            allowed = f"a whole number, {least} or more"
            raise self._invalid(f"line {number}, column {name}", "it is no such number", value, allowed)
        return int(value)

    def _choice(self, number: int, name: str, value: str, allowed: Sequence[str]) -> str:
        if value not in allowed:
            raise self._invalid(f"line {number}, column {name}", "it is none of these", value, ", ".join(allowed))
        return value

    def _words(self, number: int, name: str, value: str, longest: int, *, empty: bool = False) -> str:
        if not value.isprintable() or len(value) > longest or not (value or empty):
            allowed = f"{'up to' if empty else '1 to'} {longest} printable characters"
            raise self._invalid(f"line {number}, column {name}", "it is no such text", value, allowed)
        return value

    def _invalid(self, place: str, reason: str, value: object, allowed: object) -> InvalidBundle:
        return InvalidBundle(file=self.path, key=place, reason=reason, value=shown(value), allowed=allowed)


_KINDS = ("point", "curve")
