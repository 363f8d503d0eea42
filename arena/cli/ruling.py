"""`arena held`, `arena refuse`, `arena withdraw`: what a fault of the host holds up, and the organiser's word on it."""

from __future__ import annotations

import logging
from typing import Annotated, Any

import typer

from arena.cli.logs import printable
from arena.cli.output import print_json, print_table, shown_time
from arena.settings import Settings
from arena.store.rulings import HeldRow, held_rows
from arena.store.tables import RulingKind
from arena.submission.ruling import rule
from arena.wiring import open_host, utc_now

log = logging.getLogger(__name__)

_Code = Annotated[str, typer.Argument(metavar="SUBMISSION", help="Code of the submission.")]
_Reason = Annotated[str, typer.Option("--reason", help="Why, in one line; its vendor reads it.")]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def held(
    challenge: Annotated[str | None, typer.Argument(help="Only this challenge: its slug.")] = None,
    *,
    as_json: _Json = False,
) -> None:
    """List the evaluations that a fault of this host holds up, since when and why.

    Next: mend the host and `arena evaluate --retry-held`, or `arena withdraw` or `arena refuse` them. Where a final
    waits for one, it is tried once more by itself after a day, and ends without a score after another, if other
    vendors' results were accepted here meanwhile. For example:

        arena held chest-phantom
    """
    host = open_host(Settings())
    host.store.check()
    with host.store.read() as session:
        rows = held_rows(session, challenge)
    if as_json:
        print_json([_plain(row) for row in rows])
    elif not rows:
        typer.echo("Nothing is held.")
    else:
        _print(rows)


def refuse(code: _Code, *, reason: _Reason, as_json: _Json = False) -> None:
    """Refuse a submission that waits or is held, because it breaks the rules; it stays counted in the quota.

    For example:

        arena refuse s-7kq2mfh4zt --reason "Its containers change their own process to void attempts."
    """
    _rule(code, RulingKind.REFUSED, reason, as_json=as_json)


def withdraw(code: _Code, *, reason: _Reason, as_json: _Json = False) -> None:
    """Withdraw a submission that waits or is held, and give its vendor the place in the quota back.

    For example:

        arena withdraw s-7kq2mfh4zt --reason "The host lacks the memory that the rules promise."
    """
    _rule(code, RulingKind.WITHDRAWN, reason, as_json=as_json)


def _rule(code: str, kind: RulingKind, reason: str, *, as_json: bool) -> None:
    host = open_host(Settings())
    host.store.check()
    ruled = rule(host.store, code, kind, reason, utc_now())
    log.info("submission_ruled", extra={"submission": code, "kind": kind.value, "phases": ",".join(ruled.phases)})
    if as_json:
        print_json({"submission": code, "kind": kind.value, "phases": list(ruled.phases), "stands": ruled.stands})
        return
    typer.echo(f"{code} is {kind.value}: its evaluation in {', '.join(ruled.phases)} ends without a score.")
    if ruled.stands:
        typer.echo("What it has scored before stands.")


def _plain(row: HeldRow) -> dict[str, Any]:
    return {
        "submission": row.submission.code,
        "evaluation": row.evaluation.code,
        "challenge": row.submission.challenge_slug,
        "phase": row.evaluation.phase,
        "vendor": row.vendor_name,
        "algorithm": row.algorithm_name,
        "since": row.since,
        "tries": row.tries,
        "others_since": row.others_since,
        "reason": row.evaluation.held_reason,
    }


def _print(rows: list[HeldRow]) -> None:
    lines = [
        [
            row.submission.code,
            f"{row.submission.challenge_slug} · {row.evaluation.phase}",
            row.vendor_name,
            shown_time(row.since),
            str(row.tries),
            str(row.others_since),
        ]
        for row in rows
    ]
    columns = ["submission", "phase", "vendor", "held since", "tries", "others' results since"]
    print_table("Held", columns, lines, right=frozenset({"tries", "others' results since"}))
    for row in rows:
        typer.echo(printable(f"{row.submission.code}: {row.evaluation.held_reason or 'no reason is known'}"))
