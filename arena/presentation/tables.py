"""CSV of whatever is published, safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

from arena.presentation.records import CurveRecord, EstimateRecord, LeaderboardRecord
from arena.presentation.tabular import Table
from runners.values import Outcome

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # full-width forms act alike


def guard_cell(value: object) -> object:
    """Return a cell that no spreadsheet reads as a formula: such a text gets an apostrophe before it.

    Numbers pass unchanged, negative ones too. Leading blanks are no shelter: spreadsheets trim them.
    """
    if not isinstance(value, str):
        return "" if value is None else value
    return f"'{value}" if value.lstrip(" \N{NO-BREAK SPACE}").startswith(_FORMULA_STARTS) else value


def leaderboard_csv(record: LeaderboardRecord | None) -> str:
    """Return one line for each entry; per-finding columns follow where they are public. None gives the header alone."""
    entries = () if record is None else record.entries
    findings = [finding.finding for finding in entries[0].findings] if entries else []
    header = [
        "rank", "rank_low", "rank_high", "entry", "vendor", "algorithm",
        "macro_auc", "macro_auc_low", "macro_auc_high", "n_cases",
        "median_seconds", "p95_seconds", *(f"{outcome}_percent" for outcome in Outcome),
        "image_id", "submitted_at", "evaluated_at",
        *(f"auc_{finding}{suffix}" for finding in findings for suffix in ("", "_low", "_high")),
    ]  # fmt: skip
    rows = (
        [
            entry.rank, entry.rank_low, entry.rank_high, entry.entry, entry.vendor_name, entry.algorithm_name,
            *_limits(entry.macro_auc), entry.macro_auc.n,
            entry.latency.median_seconds, entry.latency.p95_seconds,
            *(entry.outcome_percents.get(outcome, 0) for outcome in Outcome),
            entry.image_id, entry.submitted_at.isoformat(), entry.evaluated_at.isoformat(),
            *(limit for finding in entry.findings for limit in _limits(finding.auc)),
        ]
        for entry in entries
    )  # fmt: skip
    return _write(header, rows)


def curve_csv(curve: CurveRecord) -> str:
    """Return one line for each point of a curve."""
    return _write(
        ["fpr", "tpr", "tpr_low", "tpr_high"], zip(curve.fpr, curve.tpr, curve.tpr_low, curve.tpr_high, strict=True)
    )


def table_csv(table: Table) -> str:
    """Return a table with every number that it has, one plain value in each cell."""
    return _write(*table.flat())


def _limits(estimate: EstimateRecord) -> list[float | None]:
    return [estimate.value, estimate.low, estimate.high]


def _write(header: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    target = io.StringIO()
    # Lines end as RFC 4180 says. With "\n" alone the writer would leave a carriage return in a cell unquoted.
    writer = csv.writer(target, lineterminator="\r\n")
    writer.writerow(header)
    writer.writerows([guard_cell(cell) for cell in row] for row in rows)
    return target.getvalue()
