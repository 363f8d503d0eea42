"""`arena submit`: an image into a phase."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

from arena.cli.output import print_json, shown_time
from arena.settings import Settings
from arena.submission.caps import MIB, caps_of
from arena.submission.intake import Accepted, submit_algorithm
from arena.submission.room import Room
from arena.wiring import Host, export_image, open_host, utc_now


def submit(
    challenge: Annotated[str, typer.Argument(help="The challenge's slug.")],
    *,
    phase: Annotated[str, typer.Option("--phase", help="A phase that is open now.")],
    vendor: Annotated[str, typer.Option("--vendor", help="Who submits; shown on the leaderboard.")],
    algorithm: Annotated[str, typer.Option("--algorithm", help="The product's name; shown on the leaderboard.")],
    archive: Annotated[
        Path | None,
        typer.Option(
            "--archive", help="A file that `docker save` wrote, or an OCI archive.", exists=True, dir_okay=False
        ),
    ] = None,
    image: Annotated[str | None, typer.Option("--image", help="An image of the local engine: a name or an id.")] = None,
    mode: Annotated[str, typer.Option("--mode", help="How its container is run: serve, batch or case.")] = "serve",
    as_json: Annotated[bool, typer.Option("--json", help="Print the submission as JSON.")] = False,
) -> None:
    """Submit an algorithm's container image to an open phase. The image is checked here and run by its digest.

    For example:

        arena submit chest-phantom --phase public --vendor "Acme" --algorithm "NoduleNet 2" --image nodulenet:2

        arena submit chest-phantom --phase public --vendor "Acme" --algorithm "NoduleNet 2" --archive net.tar
    """
    if (archive is None) == (image is None):
        raise typer.BadParameter("give either --archive FILE or --image REFERENCE", param_hint="--archive / --image")
    host = open_host(Settings())
    host.store.check()
    with tempfile.TemporaryDirectory(prefix="arena-export-") as scratch:
        if archive is None:
            archive = Path(scratch) / "image.tar"
            export_image(str(image), archive)
        entered = _enter(host, challenge, phase, vendor, algorithm, archive, mode)
    if as_json:
        print_json(_as_json(entered))
    else:
        _tell(entered)


def _enter(host: Host, challenge: str, phase: str, vendor: str, algorithm: str, archive: Path, mode: str) -> Accepted:
    settings = host.settings
    return submit_algorithm(
        host.store,
        host.images,
        vendor=vendor,
        algorithm=algorithm,
        challenge=challenge,
        phase=phase,
        archive=archive,
        now=utc_now(),
        mode=mode,
        caps=caps_of(settings.image_mib, settings.image_files),
        room=Room(settings.archives_mib * MIB, settings.free_mib * MIB),
    )


def _as_json(accepted: Accepted) -> dict[str, Any]:
    return accepted.submission.model_dump() | {
        "earlier_submissions": [submission.code for submission in accepted.earlier],
        "submissions_left": {"today": accepted.left_today, "phase": accepted.left_in_phase},
        "warnings": list(accepted.warnings),
    }


def _tell(accepted: Accepted) -> None:
    made = accepted.submission
    typer.echo(f"Accepted: submission {made.code} of {made.algorithm_code}, image {made.image_id[:19]}…")
    typer.echo(f"It is queued for phase {made.phase} since {shown_time(made.submitted_at)}.")
    if accepted.earlier:
        named = ", ".join(
            f"{old.code} ({old.challenge_slug}, {old.phase}, {shown_time(old.submitted_at)})"
            for old in accepted.earlier
        )
        typer.echo(f"Note: you have submitted this very image before: {named}. It counts again.")
    for warning in accepted.warnings:
        typer.echo(f"Note: {warning}")
    typer.echo(f"Left in this phase: {accepted.left_today} today, {accepted.left_in_phase} in all.")
    typer.echo("Next: `arena evaluate` works the queue once; a running `arena serve` does it by itself.")
