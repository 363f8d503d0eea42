"""`arena images`: what is kept of submitted images, how large it is, why, and what may go."""

from __future__ import annotations

import csv
import io
import shutil
from typing import Annotated, Any

import typer

from arena.cli.output import print_json, print_table, shown_time
from arena.settings import Settings
from arena.submission.caps import MIB, nearest_folder, shown_bytes
from arena.submission.retention import KeptFile, ShelfImage, sizes
from arena.wiring import Host, ImageSurvey, open_host, survey_images, sweep_images, utc_now

_COLUMNS = ["where", "name", "size_bytes", "last_used_at", "submissions", "kept_because"]
_SHOWN_CODES = 3
_Row = tuple[str, KeptFile | ShelfImage]


def images(
    *,
    prune: Annotated[bool, typer.Option("--prune", help="Remove what nothing keeps, as a worker does hourly.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="With --prune: only say what would be removed.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print one line an archive or image.")] = False,
) -> None:
    """List submitted images: archives on disk and copies in the engine, with sizes, last use and why they are kept.

    What may go has no reason. An archive is kept while an evaluation of it is not scored, it stands on a board or its
    contest goes on, and ARENA_ARCHIVE_DAYS longer; the engine's copies go by ARENA_ENGINE_IMAGE_HOURS and
    ARENA_ENGINE_IMAGES_MIB. For example:

        arena images

        arena images --prune --dry-run
    """
    if as_json and as_csv:
        raise typer.BadParameter("choose one of --json and --csv", param_hint="--json / --csv")
    if dry_run and not prune:
        raise typer.BadParameter("it belongs to --prune", param_hint="--dry-run")
    host = open_host(Settings())
    host.store.check()
    now = utc_now()
    if prune and not dry_run:
        swept = sweep_images(host, now)
        survey = ImageSurvey(swept.archives, swept.images)
    else:
        survey = survey_images(host, now)
        if dry_run:
            survey = _removable(survey)
    rows: list[_Row] = [("archive", file) for file in survey.archives]
    rows += [("engine", image) for image in survey.images or []]
    if as_json:
        print_json(_document(host, survey, rows))
    elif as_csv:
        typer.echo(_csv(rows), nl=False)
    else:
        _print(survey, rows, _title(prune=prune, dry_run=dry_run))
        if not prune:
            _print_budgets(host.settings, survey)
    if survey.images is None:
        typer.echo("The container engine does not answer: its images are not listed.", err=True)


def _removable(survey: ImageSurvey) -> ImageSurvey:
    return ImageSurvey(
        [file for file in survey.archives if file.kept is None],
        None if survey.images is None else [image for image in survey.images if image.kept is None],
    )


def _title(*, prune: bool, dry_run: bool) -> str:
    if dry_run:
        return "Would be removed"
    return "Removed" if prune else "Submitted images"


def _record(where: str, file: KeptFile | ShelfImage) -> dict[str, Any]:
    return {
        "where": where,
        "name": file.name,
        "size_bytes": file.size_bytes,
        "last_used_at": file.last_used_at,
        "submissions": list(file.submissions),
        "kept_because": file.kept,
    }


def _document(host: Host, survey: ImageSurvey, rows: list[_Row]) -> dict[str, Any]:
    settings = host.settings
    archives = {**sizes(survey.archives), "budget_bytes": settings.archives_mib * MIB}
    engine = None
    if survey.images is not None:
        engine = {**sizes(survey.images), "budget_bytes": settings.engine_images_mib * MIB}
    return {"archives": archives, "engine": engine, "images": [_record(*row) for row in rows]}


def _csv(rows: list[_Row]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for row in rows:
        record = _record(*row)
        moment = record["last_used_at"]
        record["last_used_at"] = "" if moment is None else moment.isoformat().replace("+00:00", "Z")
        record["submissions"] = " ".join(record["submissions"])
        record["kept_because"] = record["kept_because"] or ""
        writer.writerow([record[column] for column in _COLUMNS])
    return text.getvalue()


def _print(survey: ImageSurvey, rows: list[_Row], title: str) -> None:
    if not rows:
        typer.echo(f"{title}: none.")
        return
    columns = ["where", "name", "size", "last used", "submissions", "kept because"]
    print_table(title, columns, [_line(*row) for row in rows], right=frozenset({"size"}))
    total = sizes([*survey.archives, *(survey.images or [])])["bytes"]
    typer.echo(f"In all {shown_bytes(total)}.")


def _print_budgets(settings: Settings, survey: ImageSurvey) -> None:
    typer.echo(_sum("Archives", survey.archives, settings.archives_mib))
    if survey.images is not None:
        typer.echo(_sum("Engine", survey.images, settings.engine_images_mib))
    home = nearest_folder(settings.home)
    free = shutil.disk_usage(home).free
    typer.echo(f"Free on the disk of {home}: {shown_bytes(free)}; {shown_bytes(settings.free_mib * MIB)} must stay.")


def _line(where: str, file: KeptFile | ShelfImage) -> list[str]:
    # A blob's name is its digest, an engine's image a prefix and a digest: both are told apart by twelve digits.
    name = f"{file.name.rpartition('/')[2].rpartition(':')[2][:12]}"
    codes = " ".join(file.submissions[:_SHOWN_CODES])
    if len(file.submissions) > _SHOWN_CODES:
        codes += f" and {len(file.submissions) - _SHOWN_CODES} more"
    return [where, name, shown_bytes(file.size_bytes), shown_time(file.last_used_at), codes or "—", file.kept or "—"]


def _sum(what: str, files: list[KeptFile] | list[ShelfImage], budget_mib: int) -> str:
    found = sizes(files)
    return f"{what}: {shown_bytes(found['bytes'])} of {shown_bytes(budget_mib * MIB)}."
