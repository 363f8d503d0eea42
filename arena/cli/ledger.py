"""`arena ledger`: what each vendor learned of a phase's hidden references."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from arena.challenge.opening import version_in_force
from arena.challenge.schema import Declaration
from arena.cli.output import print_json, print_table, shown_time
from arena.errors import NotFound
from arena.settings import ReaderSettings
from arena.store.ledger import LedgerRow
from arena.store.ledger import ledger as read_ledger
from arena.store.session import Store

_COLUMNS = ("at", "vendor", "submission", "disclosed", "bits")


def ledger(
    challenge: Annotated[str, typer.Argument(help="The challenge's slug.")],
    phase: Annotated[str, typer.Argument(help="One of its phases.")],
    *,
    vendor: Annotated[str | None, typer.Option("--vendor", help="Only this vendor's lines: its name or code.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print one line a disclosure.")] = False,
) -> None:
    """Show what each vendor learned in a phase: scores shown, scores held back, and how many bits at most.

    A score that is not shown was not better than the vendor's shown best by more than the declared margin. What became
    public when the phase had closed has no bound.

    For example:

        arena ledger chest-phantom autumn --vendor Acme
    """
    if as_json and as_csv:
        raise typer.BadParameter("choose one of --json and --csv", param_hint="--json / --csv")
    store = Store(ReaderSettings().database)
    store.check()
    declared = Declaration.model_validate(version_in_force(store, challenge, datetime.now(UTC)).declaration).phase(
        phase
    )
    if declared is None:
        raise NotFound(kind=f'phase of "{challenge}"', code_given=phase)
    with store.read() as session:
        rows = read_ledger(session, challenge, phase)
    chosen = [row for row in rows if vendor in {None, row.vendor_name, row.feedback.vendor_code}]
    if as_json:
        print_json([_plain(row) for row in chosen])
    elif as_csv:
        typer.echo(_csv(chosen), nl=False)
    elif not chosen:
        typer.echo(f'Nothing has been disclosed in phase "{phase}" of "{challenge}".')
    else:
        _print(chosen, f"{challenge} · {phase}", declared.feedback.eta)


def _plain(row: LedgerRow) -> dict[str, Any]:
    found = row.feedback
    values = (found.at, row.vendor_name, found.submission_code, found.disclosed, found.bits)
    return dict(zip(_COLUMNS, values, strict=True))


def _csv(rows: Sequence[LedgerRow]) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for row in rows:
        plain = _plain(row)
        writer.writerow([plain["at"].isoformat(), *(plain[name] for name in _COLUMNS[1:])])
    return buffer.getvalue()


def _print(rows: Sequence[LedgerRow], title: str, eta: float) -> None:
    said = {
        "score": "its rounded score",
        "not_better": f"not better than the shown best, or than chance, by more than {eta:g}",
        "everything": "everything: the phase had closed",
    }
    lines = [
        [
            shown_time(row.feedback.at),
            row.vendor_name,
            row.feedback.submission_code,
            said[row.feedback.disclosed],
            "—" if row.feedback.bits is None else str(row.feedback.bits),
        ]
        for row in rows
    ]
    print_table(
        title, ["at", "vendor", "submission", "learned", "bits at most"], lines, right=frozenset({"bits at most"})
    )
    for name in sorted({row.vendor_name for row in rows}):
        total = sum(row.feedback.bits or 0 for row in rows if row.vendor_name == name)
        typer.echo(f"{name}: at most {total} bits while the phase was open.")
