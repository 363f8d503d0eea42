"""The table of labels that an organiser gives with a folder of studies, checked whole before anything is read.

A CSV in UTF-8 with the columns `study` (path under the folder: a file, or a folder of files), `patient`, and one
column per finding of the challenge with `0`, `1`, or empty or `unknown`; `sex`, `age`, `site` and `manufacturer` may
stand beside them and win over the header's. A further column by which the challenge declares subgroups must be there
too, with any short text. Another column is an error, because it is most often a misspelt finding.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from arena.errors import ReferenceMismatch
from arena.vault.studies import Attributes

STUDY, PATIENT = "study", "patient"
OPTIONAL_COLUMNS = ("sex", "age", "site", "manufacturer")

#: Label values as a table may write them; None is unknown.
LABELS: dict[str, int | None] = {"0": 0, "1": 1, "": None, "unknown": None}

#: Tables larger than this are refused, in bytes.
MAX_TABLE_BYTES = 64 << 20

_EXAMPLES = 5
_SEXES = ("M", "F", "O", "")
_OLDEST = 130
_MAX_TEXT = 64


@dataclass(frozen=True, slots=True)
class LabelRow:
    """One study of the table. `labels` are in the order of the findings, None where unknown.

    `further` holds the declared further columns where they have a value, in order of their names.
    """

    study: str
    patient: str
    labels: tuple[int | None, ...]
    attributes: Attributes
    further: tuple[tuple[str, str], ...] = ()


def read_labels(table: Path, findings: Sequence[str], columns: Sequence[str] = ()) -> tuple[LabelRow, ...]:
    """Read a label table.

    Args:
        table: The CSV file.
        findings: Codes of the challenge's findings.
        columns: By what the challenge declares subgroups; those that are no attribute of a header must be columns.

    Returns:
        Its rows, in the order of the file.

    Raises:
        ReferenceMismatch: Columns are missing or unknown, a study stands twice, or a value is not allowed; the
            message counts the offences and names up to five.
    """
    further = sorted(set(columns) - set(OPTIONAL_COLUMNS))
    rows = _parse(table, findings, further)
    for row in rows:
        row[STUDY] = _normal_path(row[STUDY], table)
    repeated = [study for study, count in Counter(row[STUDY] for row in rows).items() if count > 1]
    _refuse(table, "{n} have more than one row", repeated)
    _refuse(table, "{n} name no patient", [row[STUDY] for row in rows if not row[PATIENT]])
    wrong = [f'{row[STUDY]}: {f} "{_short(row[f])}"' for row in rows for f in findings if row[f] not in LABELS]
    _refuse(table, "{n} labels are neither 0, 1, empty nor unknown", wrong, noun="")
    _check_attributes(table, rows, ("site", "manufacturer", *further))
    return tuple(
        LabelRow(
            study=row[STUDY],
            patient=row[PATIENT],
            labels=tuple(LABELS[row[finding]] for finding in findings),
            attributes=_attributes(row),
            further=tuple((name, row[name]) for name in further if row[name]),
        )
        for row in rows
    )


def match_folder(folder: Path, table: Path, rows: Sequence[LabelRow]) -> None:
    """Make sure that every row has its files and every file its row.

    A study may be a file or a folder; a file under a study's folder belongs to that study. Tables (`*.csv`) may lie
    at the top of the folder: they can be no studies.

    Raises:
        ReferenceMismatch: A row's study is not there or lies outside the folder, a file has no row, or one study
            lies within another.
    """
    root = folder.resolve()
    _refuse(
        table,
        "{n} of the table are not under the folder",
        [row.study for row in rows if not _inside(root, row.study)],
    )
    studies = {row.study for row in rows}
    nested = [study for study in studies if any(p.as_posix() in studies for p in PurePosixPath(study).parents)]
    _refuse(table, "{n} lie within another study", sorted(nested))
    files = sorted(p for p in folder.rglob("*") if not p.is_dir() and not _is_table(folder, p))
    orphans = []
    for path in files:
        relative = PurePosixPath(path.relative_to(folder).as_posix())
        if not any(place.as_posix() in studies for place in (relative, *relative.parents)):
            orphans.append(relative.as_posix())
    _refuse(table, "{n} of the folder have no row", orphans, noun="files")


def _is_table(folder: Path, path: Path) -> bool:
    return path.parent == folder and path.suffix.lower() == ".csv"


def mismatch(table: Path, reason: str, examples: Sequence[str]) -> ReferenceMismatch:
    """Return the named error: the reason, and up to five examples."""
    shown = ", ".join(examples[:_EXAMPLES])
    more = len(examples) - _EXAMPLES
    return ReferenceMismatch(file=table.name, reason=reason, examples=shown + (f" and {more} more" if more > 0 else ""))


def _refuse(table: Path, reason: str, offences: Sequence[str], noun: str = "studies") -> None:
    if offences:
        raise mismatch(table, reason.format(n=f"{len(offences)} {noun}".strip()), offences)


def _parse(table: Path, findings: Sequence[str], further: Sequence[str]) -> list[dict[str, str]]:
    if not table.is_file():
        raise mismatch(table, "there is no such table", [str(table)])
    if table.stat().st_size > MAX_TABLE_BYTES:
        raise mismatch(table, "the table is too large, in bytes", [f"{table.stat().st_size} of {MAX_TABLE_BYTES}"])
    try:
        text = table.read_bytes().decode("utf-8-sig")
        lines = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except UnicodeDecodeError as error:
        raise mismatch(table, "the table is not UTF-8", [f"byte {error.start}"]) from error
    except csv.Error as error:
        raise mismatch(table, "the table is not CSV", [str(error)]) from error
    if not lines:
        raise mismatch(table, "the table is empty", ["no header line"])
    header = [name.strip() for name in lines[0]]
    _check_header(table, header, findings, further)
    body = [(number, line) for number, line in enumerate(lines[1:], start=2) if line]
    if not body:
        raise mismatch(table, "the table is empty", ["no row below the header"])
    ragged = [f"row {number}" for number, line in body if len(line) != len(header)]
    _refuse(table, "{n} have not as many values as the header", ragged, noun="rows")
    return [{name: value.strip() for name, value in zip(header, line, strict=True)} for _, line in body]


def _check_header(table: Path, header: Sequence[str], findings: Sequence[str], further: Sequence[str]) -> None:
    wanted = (STUDY, PATIENT, *findings, *further)
    _refuse(table, "{n} are missing", [name for name in wanted if name not in header], noun="columns")
    _refuse(table, "{n} stand twice", [n for n, count in Counter(header).items() if count > 1], noun="columns")
    unknown = [f'"{_short(name)}"' for name in header if name not in {*wanted, *OPTIONAL_COLUMNS}]
    allowed = ", ".join((*wanted, *OPTIONAL_COLUMNS))
    _refuse(table, "{n} are unknown (allowed: " + allowed + ")", unknown, noun="columns")


def _check_attributes(table: Path, rows: Iterable[dict[str, str]], texts: Sequence[str]) -> None:
    wrong = []
    for row in rows:
        if row.get("sex", "") not in _SEXES:
            wrong.append(f'{row[STUDY]}: sex "{_short(row["sex"])}" (M, F, O or empty)')
        if not re.fullmatch(r"[0-9]{0,3}", row.get("age", "")) or int(row.get("age") or 0) > _OLDEST:
            wrong.append(f'{row[STUDY]}: age "{_short(row["age"])}" (full years or empty)')
        wrong += [
            f"{row[STUDY]}: {name} (at most {_MAX_TEXT} characters)"
            for name in texts
            if len(row.get(name, "")) > _MAX_TEXT
        ]
    _refuse(table, "{n} attributes are not allowed", wrong, noun="")


def _attributes(row: dict[str, str]) -> Attributes:
    age = row.get("age", "")
    return Attributes(
        sex=row.get("sex") or None,
        age_years=int(age) if age else None,
        site=row.get("site") or None,
        manufacturer=row.get("manufacturer") or None,
    )


def _normal_path(study: str, table: Path) -> str:
    path = PurePosixPath(unicodedata.normalize("NFC", study.replace("\\", "/")))
    if not path.parts or path.is_absolute() or ".." in path.parts or "\0" in study:
        raise mismatch(table, "a study's path must lead down from the folder", [f'"{_short(study)}"'])
    return path.as_posix()


def _inside(root: Path, study: str) -> bool:
    place = (root / study).resolve()
    return place.exists() and place != root and place.is_relative_to(root)


def _short(value: str) -> str:
    return value if len(value) <= _MAX_TEXT // 2 else value[: _MAX_TEXT // 2] + "…"
