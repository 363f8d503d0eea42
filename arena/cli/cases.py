"""`arena cases import|list`: hidden studies and their references."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from arena.challenge.bundle import read_bundle
from arena.challenge.opening import version_in_force
from arena.challenge.schema import Declaration
from arena.cli.output import print_json, print_table, shown_time
from arena.settings import Settings
from arena.store import queries
from arena.store.session import Store
from arena.vault.importing import import_case_set
from arena.wiring import open_host, utc_now

app = typer.Typer(no_args_is_help=True, help="Hidden studies and their references: import and list case sets.")


@app.command("import")
def import_(
    challenge: Annotated[str, typer.Argument(help="The challenge's slug, or its folder before it is open.")],
    case_set: Annotated[str, typer.Argument(metavar="SET", help="A case set that challenge.yaml declares.")],
    folder: Annotated[Path, typer.Argument(help="Folder of the studies.", exists=True, file_okay=False)],
    labels: Annotated[
        Path,
        typer.Option("--labels", help="CSV: study, patient, one column a finding.", exists=True, dir_okay=False),
    ],
    *,
    correct_labels: Annotated[
        bool, typer.Option("--correct-labels", help="The studies are imported already; their labels are mended.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the case set as JSON, and no progress.")] = False,
) -> None:
    """Seal a folder of studies and a table of labels as a case set. The same content again changes nothing.

    `study` is a file or folder under FOLDER; a finding's column holds 0, 1, or nothing where it is not known; `sex`,
    `age`, `site` and `manufacturer` may stand beside. Names, dates and folder names do not reach any container.



    For example:

        arena cases import chest-phantom public studies/ --labels labels.csv
    """
    host = open_host(Settings())
    host.store.check()
    declaration = _declaration(host.store, challenge)
    console = Console(stderr=True)
    with Progress(console=console, disable=as_json or not console.is_terminal, transient=True) as bar:
        task = bar.add_task("Reading studies", total=None)
        sealed = import_case_set(
            store=host.store,
            studies=host.studies,
            references=host.references,
            declaration=declaration,
            set_name=case_set,
            folder=folder,
            labels=labels,
            now=utc_now(),
            progress=lambda done, total: bar.update(task, completed=done, total=total),
            correct_labels=correct_labels,
        )
    if as_json:
        print_json(sealed.model_dump(exclude={"references_digest", "references_size_bytes"}))
        return
    typer.echo(
        f"{sealed.challenge_slug}/{sealed.name}: {sealed.n_cases} studies of {sealed.n_patients} patients, "
        f"version {sealed.version}, digest {sealed.digest[:12]}"
    )
    for finding, counts in sealed.counts.items():
        typer.echo(f"  {finding}: {counts['positive']} with, {counts['negative']} without, {counts['unknown']} unknown")


@app.command("list")
def list_sets(
    challenge: Annotated[str | None, typer.Argument(help="Only this challenge's.")] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the imported case sets: sizes and digests, never a label."""
    host = open_host(Settings())
    host.store.check()
    with host.store.read() as session:
        found = queries.case_sets(session, challenge)
    if as_json:
        print_json([sealed.model_dump(exclude={"references_digest", "references_size_bytes"}) for sealed in found])
    elif not found:
        whose = "" if challenge is None else f' of challenge "{challenge}"'
        typer.echo(f"No case set{whose} has been imported. Import one with `arena cases import`; see --help there.")
    else:
        columns = ["challenge", "case set", "split", "version", "studies", "patients", "digest", "exposed"]
        rows = [
            [
                sealed.challenge_slug,
                sealed.name,
                sealed.split,
                str(sealed.version),
                str(sealed.n_cases),
                str(sealed.n_patients),
                sealed.digest[:12],
                shown_time(sealed.exposed_at),
            ]
            for sealed in found
        ]
        print_table("Case sets", columns, rows, right=frozenset({"version", "studies", "patients"}))


def _declaration(store: Store, challenge: str) -> Declaration:
    if (Path(challenge) / "challenge.yaml").is_file():
        return read_bundle(Path(challenge)).declaration
    return Declaration.model_validate(version_in_force(store, challenge, utc_now()).declaration)
