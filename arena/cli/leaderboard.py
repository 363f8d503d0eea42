"""`arena leaderboard`: the newest published document of a phase, as a table, JSON or CSV."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from arena.blobs import BlobStore
from arena.challenge.opening import version_in_force
from arena.challenge.phases import PhaseState, phase_status
from arena.challenge.schema import Declaration
from arena.cli.output import print_table, shown_time
from arena.errors import NotFound
from arena.presentation.records import leaderboard_record
from arena.presentation.tables import leaderboard_csv
from arena.settings import ReaderSettings
from arena.store import reading
from arena.store.documents import Disclosure, Entry, Estimate, LeaderboardDocument
from arena.store.session import Store
from runners.values import Outcome


def leaderboard(
    challenge: Annotated[str, typer.Argument(help="The challenge's slug.")],
    *,
    phase: Annotated[
        str | None, typer.Option("--phase", help="By default the open phase, else the last one with a leaderboard.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the published document.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print one line an entry, rounded as on the board.")] = False,
) -> None:
    """Show a phase's newest published leaderboard. It holds what the public may know now, and nothing more.

    For example:

        arena leaderboard chest-phantom

        arena leaderboard chest-phantom --phase final --csv > final.csv
    """
    if as_json and as_csv:
        raise typer.BadParameter("choose one of --json and --csv", param_hint="--json / --csv")
    settings = ReaderSettings()
    store = Store(settings.database)
    store.check()
    public = BlobStore(settings.public_root)
    declaration = Declaration.model_validate(version_in_force(store, challenge, datetime.now(UTC)).declaration)
    name = phase or _default_phase(store, declaration)
    document = _newest(store, public, declaration, name)
    if document is None:
        _say_empty(declaration, name, as_json=as_json, as_csv=as_csv)
    elif as_json:
        typer.echo(document.model_dump_json(indent=2))
    elif as_csv:
        typer.echo(leaderboard_csv(leaderboard_record(document)), nl=False)
    else:
        print_leaderboard(document)


def print_leaderboard(document: LeaderboardDocument) -> None:
    """Print a leaderboard as a table with a line on what it rests on."""
    columns = ["rank", "vendor", "algorithm", "macro AUC (95 %)", "n", "latency median / p95", "outcomes"]
    rows = [
        [
            _rank(entry),
            entry.vendor_name,
            entry.algorithm_name,
            _estimate(entry.macro, document.disclosure),
            "—" if entry.macro.n is None else str(entry.macro.n),
            _latency(entry),
            _outcomes(entry),
        ]
        for entry in document.entries
    ]
    print_table(f"{document.challenge} · {document.phase}", columns, rows, right=frozenset({"n"}))
    typer.echo(
        f"{document.n_cases} cases of {document.n_patients} patients in set {document.case_set} "
        f"({document.case_set_digest[:12]}); revision {document.revision} of {shown_time(document.as_of)}."
    )
    typer.echo("Entries that share a rank do not differ significantly; a range says which ranks are possible.")


def _default_phase(store: Store, declaration: Declaration) -> str:
    now = datetime.now(UTC)
    with store.read() as session:
        published = [
            phase.name
            for phase in declaration.phases
            if reading.newest_leaderboard(session, declaration.slug, phase.name) is not None
        ]
    opened = [p.name for p in declaration.phases if phase_status(declaration, p.name, now).state is PhaseState.OPEN]
    for candidates in ([name for name in opened if name in published], published[-1:], opened):
        if candidates:
            return candidates[0]
    return declaration.phases[0].name


def _newest(store: Store, public: BlobStore, declaration: Declaration, phase: str) -> LeaderboardDocument | None:
    if declaration.phase(phase) is None:
        known = ", ".join(found.name for found in declaration.phases)
        raise NotFound(kind=f'phase of "{declaration.slug}" (it has: {known}) with the name', code_given=phase)
    with store.read() as session:
        row = reading.newest_leaderboard(session, declaration.slug, phase)
    return None if row is None else LeaderboardDocument.model_validate_json(public.get(row.document_sha256))


def _say_empty(declaration: Declaration, phase: str, *, as_json: bool, as_csv: bool) -> None:
    status = phase_status(declaration, phase, datetime.now(UTC))
    if as_json:
        typer.echo("null")
    elif as_csv:
        typer.echo(leaderboard_csv(None), nl=False)
    else:
        typer.echo(f'Phase "{phase}" of "{declaration.slug}" has no leaderboard yet; it is {status.state}.')


def _rank(entry: Entry) -> str:
    if entry.rank is None:
        return "—"
    if entry.rank_low is None or entry.rank_high is None or entry.rank_low == entry.rank_high:
        return str(entry.rank)
    return f"{entry.rank} ({entry.rank_low}–{entry.rank_high})"


def _estimate(estimate: Estimate, disclosure: Disclosure) -> str:
    digits = 2 if disclosure is Disclosure.OPEN else 3
    if estimate.value is None:
        return f"none: {estimate.reason}"
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:.{digits}f}"
    return f"{estimate.value:.{digits}f} ({estimate.low:.{digits}f}–{estimate.high:.{digits}f})"


def _latency(entry: Entry) -> str:
    if entry.latency.median_seconds is None:
        return "not timed"
    return f"{_seconds(entry.latency.median_seconds)} / {_seconds(entry.latency.p95_seconds)}"


def _seconds(value: float | None) -> str:
    if value is None:
        return "—"
    rounded = float(f"{value:.2g}")
    return f"{rounded:g} s" if rounded >= 1 else f"{1000 * rounded:g} ms"


def _outcomes(entry: Entry) -> str:
    total = sum(entry.outcomes.values())
    shares = [(outcome, entry.outcomes.get(outcome, 0)) for outcome in Outcome]
    return ", ".join(f"{outcome.value} {count / total:.0%}" for outcome, count in shares if count)
