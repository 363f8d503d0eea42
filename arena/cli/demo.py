"""`arena demo`: a whole contest on this machine, with everything real but the patients."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
import yaml
from pydantic import BaseModel, ConfigDict
from rich.console import Console

from arena.challenge.bundle import read_bundle
from arena.challenge.opening import open_challenge
from arena.challenge.schema import Declaration
from arena.cli.evaluate import queue_progress
from arena.cli.leaderboard import print_leaderboard
from arena.cli.serve import serve
from arena.errors import HostError
from arena.settings import Settings
from arena.store import boards
from arena.store.documents import LeaderboardDocument
from arena.submission.intake import submit_algorithm
from arena.vault.importing import import_case_set
from arena.wiring import Host, build_algorithm, export_image, open_host, require_engine, utc_now
from arena.worker import Progress, Worker

CHALLENGE = Path("challenges") / "chest-phantom"
STATES = Path(".arena-demo")
LINK = Path(".arena")
CLOSED, FINAL, OPEN = "spring", "spring-final", "autumn"
_SECONDS_PER_SUBMISSION = 4.0


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    baseline: str
    vendor: str
    algorithm: str
    phases: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Built:
    entry: _Entry
    archive: Path


def demo(
    *,
    serving: Annotated[
        bool, typer.Option("--serve/--no-serve", help="Serve the board at the end, until Ctrl-C.")
    ] = True,
) -> None:
    """Play a whole contest here: five vendors' containers, three case sets, a closed and an open phase.

    Run it in a checkout of the project. The studies are generated and everything else is real: DICOM files, containers
    under the sandbox, the database, the statistics and the board. Each run begins with a new state in .arena-demo/;
    plain `arena` commands read it through the link .arena. Only case sets and weights are kept between runs. With
    ARENA_HOME set, that folder holds the state instead; it must be new or empty.
    """
    console = Console(highlight=False)
    started = time.monotonic()
    if not (CHALLENGE / "prepare.py").is_file():
        raise HostError(reason=f"{CHALLENGE} is not here: run `arena demo` in a checkout of the project")
    require_engine()
    prepared = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "arena" / CHALLENGE.name
    with _step(console, "Case sets and weights"):
        subprocess.run([sys.executable, str(CHALLENGE / "prepare.py"), "--out", str(prepared)], check=True)
    host = open_host(_new_state(console))
    host.store.migrate()
    built = _build(console, host, prepared)
    declaration = _open(console, host, prepared, closes_in=len(built) * _SECONDS_PER_SUBMISSION)
    _submit(console, host, declaration, built)
    _evaluate(console, host)
    for phase in (CLOSED, FINAL, OPEN):
        console.print()
        print_leaderboard(newest_document(host, declaration.slug, phase))
    typer.echo(f"\nDone in {time.monotonic() - started:.0f} s. State: {host.settings.home} (link: {LINK}).")
    typer.echo("Look around with `.venv/bin/arena leaderboard chest-phantom` and `.venv/bin/arena --help`.")
    if serving:
        serve()


@contextmanager
def _step(console: Console, title: str) -> Iterator[None]:
    console.print(f"[bold]{title}[/bold]")
    started = time.monotonic()
    yield
    console.print(f"  done in {time.monotonic() - started:.1f} s")


def _new_state(console: Console) -> Settings:
    """Make a new state, let .arena lead to it, and remove the states of earlier demonstrations."""
    if os.environ.get("ARENA_HOME"):
        settings = Settings()
        if settings.home.exists() and any(settings.home.iterdir()):
            raise HostError(
                reason=f"ARENA_HOME is {settings.home}, which holds a state; a demonstration needs a new one"
            )
        settings.home.mkdir(parents=True, exist_ok=True)
        return settings
    home = STATES.absolute() / f"{utc_now():%Y%m%d-%H%M%S}"
    earlier = list(STATES.iterdir()) if STATES.is_dir() else []
    home.mkdir(parents=True)
    for state in earlier:
        shutil.rmtree(state)
    if LINK.is_symlink():
        LINK.unlink()
    if LINK.exists():
        console.print(f"{LINK} holds another state and is left alone; set ARENA_HOME={home} for `arena` commands.")
        os.environ["ARENA_HOME"] = str(home)
    else:
        LINK.symlink_to(home.relative_to(Path.cwd()))
    return Settings(home=home)


def _build(console: Console, host: Host, prepared: Path) -> list[_Built]:
    base = os.environ.get("ARENA_BASE_IMAGE", "arena-base:1")
    entries = [_Entry.model_validate(entry) for entry in _yaml(CHALLENGE / "demo.yaml")["entries"]]
    scratch = host.settings.home / "archives"
    scratch.mkdir()
    built = []
    with _step(console, f"Building {len(entries)} vendors' images"):
        for entry in entries:
            weights = prepared / "weights" / entry.baseline / "weights.npz"
            added = [weights] if weights.is_file() else []
            tag = f"arena-demo-{entry.baseline}:1"
            image = build_algorithm(CHALLENGE / "baselines" / entry.baseline, tag, base=base, added=added)
            archive = scratch / f"{entry.baseline}.tar"
            export_image(image, archive)
            console.print(f"  {entry.vendor}: {image[:19]}… {archive.stat().st_size / 1e6:.0f} MB")
            built.append(_Built(entry, archive))
    return built


def _open(console: Console, host: Host, prepared: Path, *, closes_in: float) -> Declaration:
    """Import the case sets and open the challenge, its first phase about to close."""
    folder = host.settings.home / "challenge"
    shutil.copytree(CHALLENGE, folder, ignore=shutil.ignore_patterns("baselines", "recipe", "__pycache__"))
    with _step(console, "Sealing the case sets"):
        declaration = read_bundle(folder).declaration
        for case_set in declaration.case_sets:
            source = prepared / "cases" / case_set.name
            sealed = import_case_set(
                store=host.store,
                studies=host.studies,
                references=host.references,
                declaration=declaration,
                set_name=case_set.name,
                folder=source,
                labels=source / "references.csv",
                now=utc_now(),
            )
            console.print(f"  {case_set.name}: {sealed.n_cases} cases of {sealed.n_patients} patients")
    _redate(folder / "challenge.yaml", utc_now(), closes_in)
    return Declaration.model_validate(open_challenge(host.store, read_bundle(folder), utc_now()).declaration)


def _redate(path: Path, now: datetime, closes_in: float) -> None:
    """Move the phases' windows: the first closes soon, the second stays open."""
    document = _yaml(path)
    windows = {
        CLOSED: (now - timedelta(days=60), now + timedelta(seconds=closes_in)),
        OPEN: (now - timedelta(days=1), now + timedelta(days=60)),
    }
    for phase in document["phases"]:
        if phase["name"] in windows:
            opens_at, closes_at = windows[phase["name"]]
            phase["opens_at"], phase["closes_at"] = opens_at.isoformat(), closes_at.isoformat()
    path.write_text(yaml.safe_dump(document, allow_unicode=True, sort_keys=False), encoding="utf-8")


def _submit(console: Console, host: Host, declaration: Declaration, built: list[_Built]) -> None:
    with _step(console, "Submitting"):
        for phase in (CLOSED, OPEN):
            for one in built:
                if phase in one.entry.phases:
                    accepted = submit_algorithm(
                        host.store,
                        host.images,
                        vendor=one.entry.vendor,
                        algorithm=one.entry.algorithm,
                        challenge=declaration.slug,
                        phase=phase,
                        archive=one.archive,
                        now=utc_now(),
                    )
                    console.print(f"  {one.entry.vendor} → {phase}: submission {accepted.submission.code}")
    shutil.rmtree(host.settings.home / "archives")


def _evaluate(console: Console, host: Host) -> None:
    """Work until the closed phase's final is published and nothing is left in the queue."""
    slug = CHALLENGE.name
    with _step(console, "Evaluating in sandboxed containers"), queue_progress() as bar:
        task = bar.add_task("Evaluating", total=None)

        def over(progress: Progress) -> bool:
            bar.update(task, completed=progress.cases_done, total=progress.cases_planned or None)
            with host.store.read() as session:
                published = boards.newest_board(session, slug, FINAL) is not None
            return published and progress.unfinished == 0

        Worker(host).run(until=over)


def newest_document(host: Host, slug: str, phase: str) -> LeaderboardDocument:
    """Return a phase's newest published leaderboard."""
    with host.store.read() as session:
        board = boards.newest_board(session, slug, phase)
    if board is None:
        raise HostError(reason=f"phase {phase} of {slug} has no leaderboard; `arena evaluate` says what is held")
    return LeaderboardDocument.model_validate_json(host.public.get(board.document_sha256))


def _yaml(path: Path) -> dict[str, list[dict[str, object]]]:
    document: dict[str, list[dict[str, object]]] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return document
