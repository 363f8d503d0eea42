"""The tables of a closed phase's leaderboard, out of its public document; of an open phase there is none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from arena.presentation.reader import PhaseFacts
from arena.presentation.tabular import (
    Cell,
    Coded,
    Column,
    Named,
    Row,
    Table,
    chance,
    found,
    number,
)
from arena.store.contests import NonInferiority
from arena.store.documents import Disclosure, Entry, LeaderboardDocument

ENTRY = Column("entry", "column.algorithm")


@dataclass(frozen=True, slots=True)
class Names:
    """How codes are called in one language."""

    entries: dict[str, str]
    findings: dict[str, str]

    def entry(self, code: str) -> Named:
        """Return an entry by its code."""
        return Named(code, self.entries.get(code, code), code)

    def finding(self, code: str | None) -> Named | Coded:
        """Return a finding by its code; None stands for their mean."""
        return Coded("finding", "macro") if code is None else Named(code, self.findings.get(code, code))


def names_of(facts: PhaseFacts, language: str) -> Names:
    """Return what a phase's entries and findings are called."""
    record, declaration = facts.record, facts.challenge.declaration
    return Names(
        {e.entry: f"{e.algorithm_name} · {e.vendor_name}" for e in (record.entries if record else ())},
        {f.code: f.name.ru if language == "ru" else f.name.en for f in declaration.findings},
    )


def closed_document(facts: PhaseFacts) -> LeaderboardDocument | None:
    """Return a phase's public document where it may be told whole."""
    document = facts.document
    return document if document is not None and document.disclosure is Disclosure.CLOSED else None


def board_table(facts: PhaseFacts, name: str, names: Names) -> Table | None:
    """Return a table of `BOARD_TABLES`; None while the phase shows nothing so fine."""
    document = closed_document(facts)
    return None if document is None else BOARD_TABLES[name](document, names)


def _ranks(document: LeaderboardDocument, names: Names) -> Table:
    columns = (
        ENTRY,
        Column("rank", "column.rank"),
        Column("rank_low"),
        Column("rank_high"),
        Column("macro", "column.auc"),
    )
    rows = tuple((names.entry(e.submission), e.rank, e.rank_low, e.rank_high, found(e.macro)) for e in document.entries)
    return Table("ranks", columns, rows, _none(rows), drawn="macro")


def _findings(document: LeaderboardDocument, names: Names) -> Table:
    columns = (Column("finding", "finding.name"), ENTRY, Column("auc", "finding.auc"))
    order = [f.finding for f in document.entries[0].findings] if document.entries else []
    rows = tuple(
        (names.finding(finding), names.entry(entry.submission), found(scores.auc))
        for finding in order
        for entry in document.entries
        for scores in entry.findings
        if scores.finding == finding
    )
    return Table("findings", columns, rows, _none(rows), drawn="auc")


def _pairs(document: LeaderboardDocument, names: Names) -> Table:
    margin = next((p.a_against_b.margin for p in document.pairs if p.a_against_b is not None), None)
    columns: tuple[Column, ...] = (
        Column("a"), Column("b"), Column("difference"), Column("low"), Column("high"), Column("standard_error"),
        Column("z"), Column("p"), Column("p_max_t"), Column("p_holm"), Column("n"), Column("n_positive"),
        Column("n_patients"), Column("method"), Column("interval"),
    )  # fmt: skip
    if margin is not None:
        columns += (Column("margin"), Column("a_not_inferior"), Column("b_not_inferior"))
    rows = []
    for pair in document.pairs:
        row: Row = (
            names.entry(pair.a), names.entry(pair.b), number(pair.difference, signed=True),
            number(pair.low, signed=True), number(pair.high, signed=True), number(pair.standard_error, 4),
            number(pair.z, 2, signed=True), chance(pair.p), chance(pair.p_max_t), chance(pair.p_holm),
            pair.n, pair.n_positive, pair.n_patients, Coded("method", pair.method), _interval(pair.interval),
        )  # fmt: skip
        if margin is not None:
            row += (number(margin, 4), _inferior(pair.a_against_b), _inferior(pair.b_against_a))
        rows.append(row)
    return Table("pairs", columns, tuple(rows), "" if rows else "absent.pairs")


def _interval(method: str | None) -> Cell:
    return None if method is None else Coded("method", method)


def _inferior(told: NonInferiority | None) -> Cell:
    return None if told is None else Coded("inferior", "shown" if told.non_inferior else "not_shown")


def _policies(document: LeaderboardDocument, names: Names) -> Table:
    """One line for each entry, with the columns of each policy beside each other."""
    columns = [ENTRY]
    for policy in document.policies:
        columns += [Column(f"{key}_{policy.policy}") for key in ("macro", "rank", "rank_low", "rank_high", "place")]
    rows = []
    for entry in document.entries:
        row: list[Cell] = [names.entry(entry.submission)]
        for policy in document.policies:
            told = next((e for e in policy.entries if e.submission == entry.submission), None)
            row += (
                [None] * 5
                if told is None
                else [found(told.macro), told.rank, told.rank_low, told.rank_high, told.place]
            )
        rows.append(tuple(row))
    if not document.policies:
        return Table("policies", (ENTRY,), (), "absent.policies")
    return Table("policies", tuple(columns), tuple(rows), _none(tuple(rows)))


def _schemes(document: LeaderboardDocument, names: Names) -> Table:
    if not document.schemes:
        return Table("schemes", (ENTRY,), (), "absent.schemes")
    places = {scheme.scheme: {e.submission: e.place for e in scheme.entries} for scheme in document.schemes}
    rows = tuple(
        (names.entry(entry.submission), *(places[scheme].get(entry.submission) for scheme in places))
        for entry in document.entries
        if any(entry.submission in placed for placed in places.values())
    )
    columns = (ENTRY, *(Column(f"place_{scheme}", f"scheme.{scheme}") for scheme in places))
    return Table("schemes", columns, rows, _none(rows))


def _stability(document: LeaderboardDocument, names: Names) -> Table:
    told = document.stability
    if told is None or not told.entries:
        why = "absent.stability" if told is None or told.reason is None else f"reason.{told.reason}"
        return Table("stability", (ENTRY, Column("share_first")), (), why)
    at = {round(q, 4): k for k, q in enumerate(told.quantiles_at)}
    shown = {f"q{round(1000 * q):03d}": k for q, k in at.items()}
    columns = (
        ENTRY, Column("rank", "column.rank"), Column("share_first"),
        *(Column(key, f"col.{key}") for key in shown), Column("resamples"), Column("n"), Column("n_positive"),
        Column("n_patients"),
    )  # fmt: skip
    ranks = {e.submission: e.rank for e in document.entries}
    rows = tuple(
        (
            names.entry(e.submission), ranks.get(e.submission), number(e.share_first, 2),
            *(e.quantiles[k] for k in shown.values()), told.resamples, told.n, told.n_positive, told.n_patients,
        )
        for e in told.entries
    )  # fmt: skip
    return Table("stability", columns, rows)


def _calls(document: LeaderboardDocument, names: Names) -> Table:
    columns = (
        Column("finding", "finding.name"), Column("a"), Column("b"), Column("of"), Column("difference"),
        Column("low"), Column("high"), Column("only_a"), Column("only_b"), Column("n"), Column("patients"),
        Column("p"), Column("test"), Column("interval"),
    )  # fmt: skip
    rows = tuple(
        (
            names.finding(call.finding), names.entry(call.a), names.entry(call.b), Coded("of", call.of),
            number(call.difference, signed=True), number(call.low, signed=True), number(call.high, signed=True),
            call.only_a, call.only_b, call.n, call.patients, chance(call.p), Coded("test", call.test),
            _interval(call.interval),
        )
        for call in document.calls
    )  # fmt: skip
    return Table("calls", columns, rows, "" if rows else "absent.calls")


def _readers(document: LeaderboardDocument, names: Names) -> Table:
    columns = (
        Column("finding", "finding.name"), Column("label"), Column("readers"),
        Column("sensitivity", "finding.sensitivity"), Column("specificity", "finding.specificity"), Column("source"),
    )  # fmt: skip
    points = document.readers.points if document.readers else ()
    rows = tuple(
        (names.finding(p.finding), p.label, p.readers, found(p.sensitivity), found(p.specificity), p.source)
        for p in points
    )
    return Table("readers", columns, rows, "" if rows else "absent.readers")


def _reader_curves(document: LeaderboardDocument, names: Names) -> Table:
    columns = (
        Column("finding", "finding.name"), Column("label"), Column("readers"), Column("fpr", "chart.fpr"),
        Column("tpr", "chart.tpr"), Column("source"),
    )  # fmt: skip
    curves = document.readers.curves if document.readers else ()
    rows = tuple(
        (names.finding(c.finding), c.label, c.readers, number(fpr), number(tpr), c.source)
        for c in curves
        for fpr, tpr in c.points
    )
    return Table("reader-curves", columns, rows, "" if rows else "absent.readers")


def _remarks(document: LeaderboardDocument, names: Names) -> Table:
    columns = (ENTRY, Column("unranked"), Column("duplicates"))
    rows = tuple(
        (names.entry(e.submission), _unranked(e), ", ".join(names.entry(code).name for code in e.duplicates) or None)
        for e in document.entries
        if e.rank is None or e.unranked_reason is not None or e.duplicates
    )
    return Table("remarks", columns, rows, "" if rows else "absent.remarks")


def _unranked(entry: Entry) -> Cell:
    if entry.rank is not None:
        return None
    return Coded("unranked", entry.unranked_reason or "no_score")


def _metrics(document: LeaderboardDocument, names: Names) -> Table:
    columns = (
        ENTRY, Column("metric"), Column("version"), Column("direction"), Column("value"), Column("low"), Column("high"),
        Column("n"), Column("resamples"), Column("reason"),
    )  # fmt: skip
    rows = tuple(
        (
            names.entry(e.submission), m.name, m.version,
            None if m.direction is None else Coded("direction", m.direction), number(m.value), number(m.low),
            number(m.high), m.n, m.resamples,
            None if m.reason is None else Coded("reason", m.reason),
        )
        for e in document.entries
        for m in e.metrics
    )  # fmt: skip
    return Table("metrics", columns, rows, "" if rows else "absent.metrics")


def _none(rows: tuple[Row, ...]) -> str:
    return "" if rows else "absent.entries"


BOARD_TABLES: Final[dict[str, Callable[[LeaderboardDocument, Names], Table]]] = {
    "ranks": _ranks,
    "findings": _findings,
    "pairs": _pairs,
    "policies": _policies,
    "schemes": _schemes,
    "stability": _stability,
    "calls": _calls,
    "readers": _readers,
    "reader-curves": _reader_curves,
    "remarks": _remarks,
    "metrics": _metrics,
}
"""Every table of a leaderboard by its name in addresses."""
