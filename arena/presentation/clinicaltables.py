"""The tables of a scorecard for the clinic: sorting of norms, the calibration test, subgroups."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from arena.presentation.boardtables import Names
from arena.presentation.tabular import Cell, Coded, Column, Row, Table, chance, found, level, number, reason
from arena.store.clinical import Norm, SubgroupTable
from arena.store.documents import PublicScorecard

FINDING = Column("finding", "finding.name")
_SHARES = ("missed_of_abnormal", "missed_of_sorted", "missed_of_incoming")
_SHARE_DIGITS = 4


_ATTRIBUTES = frozenset({"sex", "age", "site", "manufacturer"})


def _norm(card: PublicScorecard, _names: Names) -> Table:
    columns = (Column("measure"), Column("found"), Column("limit"), Column("verdict"))
    norm = card.norm
    if norm is None:
        return Table("norm", columns, (), "absent.norm")
    rows: list[Row] = [(Coded("norm", "sorted_share"), found(norm.sorted_share), None, None)]
    rows += [_share(norm, name) for name in _SHARES]
    rows.append((Coded("norm", "whole"), None, None, _verdict(norm.verdict)))
    return Table("norm", columns, tuple(rows))


def _share(norm: Norm, name: str) -> Row:
    declared = getattr(norm.limits, name)
    return (
        Coded("norm", name),
        found(getattr(norm, name), _SHARE_DIGITS),
        number(declared, _SHARE_DIGITS),
        _verdict(norm.verdicts.get(name)),
    )


def _verdict(code: str | None) -> Cell:
    return None if code is None else Coded("verdict", code)


def _norm_curve(card: PublicScorecard, _names: Names) -> Table:
    columns = (
        Column("threshold", "finding.threshold"),
        Column("sorted_share"),
        Column("missed"),
        Column("missed_high"),
    )
    curve = None if card.norm is None else card.norm.curve
    if curve is None:
        return Table("norm-curve", columns, (), "absent.norm" if card.norm is None else "reason.no_positive")
    rows = tuple(
        (level(at), number(share), number(missed), number(high))
        for at, share, missed, high in zip(
            curve.threshold, curve.sorted_share, curve.missed, curve.missed_high, strict=True
        )
    )
    return Table("norm-curve", columns, rows)


def _test(card: PublicScorecard, names: Names) -> Table:
    columns = (
        Column("reading"), FINDING, Column("auc", "finding.auc"), Column("low"), Column("high"), Column("limit"),
        Column("verdict"), Column("patients_positive"), Column("patients_negative"), Column("reason"),
    )  # fmt: skip
    told = card.calibration_test
    if told is None or not told.readings:
        why = "absent.test" if told is None or told.reason is None else f"reason.{told.reason}"
        return Table("calibration-test", columns, (), why)
    rows = tuple(
        (
            Coded("equivocal", _reading(told.equivocal, number_, len(told.readings))), names.finding(test.finding),
            number(test.value), number(test.low), number(test.high), number(reading.protocol.limit),
            Coded("verdict", test.verdict), test.patients_positive, test.patients_negative, reason(test.reason),
        )
        for number_, reading in enumerate(told.readings)
        for test in reading.findings
    )  # fmt: skip
    return Table("calibration-test", columns, rows)


def _reading(equivocal: str, place: int, readings: int) -> str:
    """Return how unknown references were read: where both ways, as positive first."""
    return equivocal if readings == 1 else ("positive", "negative")[place]


def _chances(card: PublicScorecard, names: Names) -> Table:
    columns = (FINDING, Column("true_auc"), Column("one_attempt"), Column("any_attempt"))
    told = card.calibration_test
    if told is None or not told.readings:
        return Table("pass-chances", columns, (), "absent.test")
    protocol = told.readings[0].protocol
    finding = None if protocol.chances_finding is None else names.finding(protocol.chances_finding)
    rows = tuple((finding, number(c.auc, 2), number(c.one_attempt), number(c.any_attempt)) for c in protocol.chances)
    return Table("pass-chances", columns, rows, "" if rows else "reason.too_few_patients")


def _attribute(code: str) -> Cell:
    """Return an attribute's name; a further column of the organiser's table has no other name than its own."""
    return Coded("attribute", code) if code in _ATTRIBUTES else code.replace("_", " ")


def _value(column: str, name: str) -> Cell:
    """Return a cell's name: a closed word for sex and for what is not stated, else as the set has it."""
    if name == "not_stated":
        return Coded("value", name)
    return Coded("sex", name) if column == "sex" and name in {"F", "M", "O"} else name


def _subgroups(card: PublicScorecard, names: Names) -> Table:
    columns = (
        Column("attribute"), FINDING, Column("value", "col.cell"), Column("patients_positive"),
        Column("patients_negative"), Column("positives"), Column("negatives"), Column("n"),
        Column("auc", "finding.auc", quiet=True),
    )  # fmt: skip
    rows = tuple(
        (
            _attribute(table.column), names.finding(table.finding), _value(table.column, scores.name),
            *((None,) * 4 if cell is None else (
                cell.patients_positive, cell.patients_negative, cell.positives, cell.negatives)),
            # In cards of scorer 1.2.0 and before, 0 stands for the count of a suppressed macro score: it is not told.
            scores.auc.n or None, found(scores.auc),
        )
        for table in card.subgroups
        for scores in table.cells
        for cell in (scores.cell,)
    )  # fmt: skip
    return Table("subgroups", columns, rows, _none_shown(card), drawn="auc")


def _none_shown(card: PublicScorecard) -> str:
    if any(table.cells for table in card.subgroups):
        return ""
    return "reason.suppressed" if card.subgroups else "absent.subgroups"


def _hidden(card: PublicScorecard, names: Names) -> Table:
    columns = (Column("attribute"), FINDING, Column("n"), Column("n_positive"), Column("shown"), Column("hidden"))
    rows = tuple(
        (_attribute(t.column), names.finding(t.finding), t.n, t.n_positive, len(t.cells), t.hidden)
        for t in card.subgroups
    )
    return Table("suppressed", columns, rows, "" if rows else "absent.subgroups")


def _differences(card: PublicScorecard, names: Names) -> Table:
    columns = (
        Column("attribute"), FINDING, Column("cell_a"), Column("cell_b"), Column("difference"), Column("low"),
        Column("high"), Column("standard_error"), Column("p"), Column("p_holm"), Column("reason"), Column("n"),
        Column("n_positive"), Column("method"), Column("interval"),
    )  # fmt: skip
    rows = tuple(row for table in card.subgroups for row in _compared(table, names))
    return Table("subgroup-differences", columns, rows, "" if rows else "absent.differences")


def _compared(table: SubgroupTable, names: Names) -> tuple[Row, ...]:
    return tuple(
        (
            _attribute(table.column), names.finding(table.finding), _value(table.column, d.a),
            _value(table.column, d.b), number(d.difference, signed=True), number(d.low, signed=True),
            number(d.high, signed=True),
            number(d.standard_error, 4), chance(d.p), chance(d.p_adjusted), reason(d.reason),
            d.n, d.n_positive, Coded("method", d.method),
            None if d.interval is None else Coded("method", d.interval),
        )
        for d in table.differences
    )  # fmt: skip


CLINICAL_TABLES: Final[dict[str, Callable[[PublicScorecard, Names], Table]]] = {
    "norm": _norm,
    "norm-curve": _norm_curve,
    "calibration-test": _test,
    "pass-chances": _chances,
    "subgroups": _subgroups,
    "suppressed": _hidden,
    "subgroup-differences": _differences,
}
"""These tables by their names in addresses."""
