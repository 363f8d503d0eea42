"""`arena recompute`: a published document, computed again."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from arena.cli.output import print_json
from arena.errors import NotReproduced
from arena.evaluation.child import ScoringChild
from arena.recomputation import Comparison, How, Recomputer
from arena.settings import Settings
from arena.wiring import open_host


def recompute(
    document: Annotated[
        str, typer.Argument(metavar="DOCUMENT", help="A scorecard or leaderboard: its code, its SHA-256, or a file.")
    ],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print the comparison as JSON.")] = False,
) -> None:
    """Compute a scorecard or a leaderboard again from stored predictions and references, and compare.

    Under the same packages and architecture the bytes must be equal; elsewhere numbers may differ by a relative 1e-12.
    Exit code 4 where it was not reproduced; the message names the first difference. No container runs.

    For example:

        arena leaderboard chest-phantom --phase spring --json > spring.json

        arena recompute spring.json
    """
    host = open_host(Settings())
    host.store.check()
    child = ScoringChild()
    try:
        found = Recomputer(host.store, host.results, host.references, host.public, child).run(document)
    finally:
        child.close()
    if as_json:
        print_json(_plain(found))
    elif found.difference is None:
        typer.echo(f"Reproduced: {found.kind} {found.name}. {_said(found)}")
    if found.difference is not None:
        facts = asdict(found.difference)
        raise NotReproduced(what=f"{found.kind.capitalize()} {found.name}", **facts)


def _said(found: Comparison) -> str:
    here = f"{found.here.architecture}, packages {found.here.packages_sha256[:12]}"
    if found.how is How.BYTES:
        return f"Every byte is equal, in the environment that wrote it ({here})."
    there = "not known"
    if found.there is not None:
        there = f"{found.there.architecture}, packages {found.there.packages_sha256[:12]}"
    return f"Numbers agree to a relative 1e-12; it was written elsewhere ({there}), computed again here ({here})."


def _plain(found: Comparison) -> dict[str, object]:
    return {
        "kind": found.kind.value,
        "document": found.name,
        "reproduced": found.difference is None,
        "compared": found.how.value,
        "difference": None if found.difference is None else asdict(found.difference),
        "here": found.here.model_dump(),
        "there": None if found.there is None else found.there.model_dump(),
    }
