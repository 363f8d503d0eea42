"""`arena challenge list|show|check|open`: what an organiser declares."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from arena.challenge.bundle import Bundle, read_bundle
from arena.challenge.lint import lint
from arena.challenge.opening import open_challenge, version_in_force
from arena.challenge.phases import phase_status
from arena.challenge.schema import Declaration
from arena.challenge.weakness import Severity, Weakness
from arena.cli.output import print_json, print_table, shown_time
from arena.errors import OrganiserError
from arena.settings import ReaderSettings
from arena.store import queries
from arena.store.session import Store
from arena.store.tables import CaseSet, ChallengeVersion

app = typer.Typer(no_args_is_help=True, help="What an organiser declares: list, show, check and open challenges.")

Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="The challenge's folder, which holds challenge.yaml.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def list_challenges(*, as_json: AsJson = False) -> None:
    """List the challenges that are open here, with their phases."""
    store, now = _store(), datetime.now(UTC)
    with store.read() as session:
        slugs = queries.challenge_slugs(session)
    versions = [version_in_force(store, slug, now) for slug in slugs]
    described = [_describe(version) for version in versions]
    if as_json:
        print_json(described)
    elif not described:
        typer.echo("No challenge is open here. Open one with `arena challenge open FOLDER`.")
    else:
        rows = [[item["slug"], item["title"], _phases_in_a_line(item)] for item in described]
        print_table("Challenges", ["slug", "title", "phases"], rows)


@app.command()
def show(challenge: Annotated[str, typer.Argument(help="The challenge's slug.")], *, as_json: AsJson = False) -> None:
    """Show a challenge: findings, phases with their windows, case sets and the version of its rules.

    For example:

        arena challenge show chest-phantom
    """
    store = _store()
    described = _describe(version_in_force(store, challenge, datetime.now(UTC)))
    described["case_sets"] = _case_sets(store, challenge)
    if as_json:
        print_json(described)
        return
    typer.echo(f"{described['title']} ({challenge}), rules version {described['version']}, {described['digest'][:12]}")
    rows = [
        [phase["name"], phase["state"], shown_time(phase["opens_at"]), shown_time(phase["closes_at"]), phase["cases"]]
        for phase in described["phases"]
    ]
    print_table("Phases", ["phase", "state", "opens", "closes", "case set"], rows)
    findings = [[finding["code"], finding["name"], f"{finding['threshold']:g}"] for finding in described["findings"]]
    print_table("Findings", ["code", "name", "threshold"], findings, right=frozenset({"threshold"}))
    sets = [
        [item["name"], item["split"], str(item["n_cases"]), str(item["n_patients"])] for item in described["case_sets"]
    ]
    if sets:
        print_table("Imported case sets", ["case set", "split", "studies", "patients"], sets)
    else:
        typer.echo("No case set has been imported yet: `arena cases import --help`.")


@app.command()
def check(folder: Folder, *, as_json: AsJson = False) -> None:
    """Read a challenge's folder, and the studies stored for it, and say what is wrong or weak, without opening it.

    Exit code 4 where something is wrong, 0 where something is only weak.

    For example:

        arena challenge check challenges/chest-phantom
    """
    bundle = _read(folder)
    imported = _imported(bundle)
    found = lint(bundle, datetime.now(UTC), imported)
    if imported:
        # Only here are studies read: the other commands do not wait for pydicom to load.
        from arena.cli.audit import audited  # noqa: PLC0415

        found += audited(_store(), bundle, list(imported.values()), quiet=as_json)
    if as_json:
        print_json({"slug": bundle.declaration.slug, "digest": bundle.digest, "weaknesses": [_plain(w) for w in found]})
    else:
        typer.echo(f"{bundle.declaration.slug}: challenge.yaml is well-formed, digest {bundle.digest[:12]}")
        _print_weaknesses(found)
    blocking = [weakness for weakness in found if weakness.severity is Severity.BLOCKING]
    if blocking:
        raise OrganiserError(reason=f"{len(blocking)} of the weaknesses above must be mended first")


@app.command("open")
def open_(folder: Folder, *, as_json: AsJson = False) -> None:
    """Bring a challenge's rules into force, or a changed folder as their next version. Safe to repeat.

    Submissions are judged by the version they were made under. What a phase that has opened promised is kept: its case
    set, opening and entry rule no longer change.

    For example:

        arena challenge open challenges/chest-phantom
    """
    bundle = _read(folder)
    store = _store()
    version = open_challenge(store, bundle, datetime.now(UTC))
    found = lint(bundle, datetime.now(UTC), _imported(bundle))
    if as_json:
        print_json({**_describe(version), "weaknesses": [_plain(weakness) for weakness in found]})
        return
    typer.echo(
        f"{version.challenge_slug}: version {version.number} is in force since {shown_time(version.valid_from)}."
    )
    _print_weaknesses(found)


def _read(folder: Path) -> Bundle:
    """Read a bundle whose headers an import would accept too; commands that only show do not load the vault."""
    from arena.vault.headers import check_headers  # noqa: PLC0415

    bundle = read_bundle(folder)
    check_headers(bundle.declaration.headers)
    return bundle


def _store() -> Store:
    store = Store(ReaderSettings().database)
    store.check()
    return store


def _imported(bundle: Bundle) -> dict[str, CaseSet]:
    """Return a bundle's imported case sets where there is a state to look into."""
    settings = ReaderSettings()
    if settings.database_url is None and not (settings.home / "arena.db").exists():
        return {}
    with _store().read() as session:
        return {found.name: found for found in queries.case_sets(session, bundle.declaration.slug)}


def _print_weaknesses(found: list[Weakness]) -> None:
    if not found:
        typer.echo("No weakness found.")
    for weakness in found:
        typer.echo(f"  {weakness.severity:<8}  {weakness.where}: {weakness.text}")


def _plain(weakness: Weakness) -> dict[str, str]:
    return {"severity": weakness.severity.value, "where": weakness.where, "text": weakness.text}


def _describe(version: ChallengeVersion) -> dict[str, Any]:
    declaration = Declaration.model_validate(version.declaration)
    phases = []
    for phase in declaration.phases:
        status = phase_status(declaration, phase.name, datetime.now(UTC))
        phases.append(
            {
                "name": phase.name,
                "state": status.state.value,
                "opens_at": status.opens_at,
                "closes_at": status.closes_at,
                "cases": phase.cases,
                "follows": phase.follows,
                "quota": phase.quota.model_dump(),
            }
        )
    return {
        "slug": declaration.slug,
        "title": declaration.title.en,
        "version": version.number,
        "digest": version.digest,
        "judging_digest": version.judging_digest,
        "valid_from": version.valid_from,
        "phases": phases,
        "findings": [{"code": f.code, "name": f.name.en, "threshold": f.threshold} for f in declaration.findings],
    }


def _phases_in_a_line(described: dict[str, Any]) -> str:
    return ", ".join(f"{phase['name']} ({phase['state']})" for phase in described["phases"])


def _case_sets(store: Store, challenge: str) -> list[dict[str, Any]]:
    with store.read() as session:
        keys = {"name", "version", "split", "digest", "n_cases", "n_patients", "imported_at", "exposed_at"}
        return [found.model_dump(include=keys) for found in queries.case_sets(session, challenge)]
