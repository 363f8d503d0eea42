"""`arena runner`: whether this machine can hold a vendor's container."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from arena.cli.output import print_json
from arena.errors import HostError
from arena.settings import Settings
from arena.wiring import Checked, Tell, check_runner

app = typer.Typer(help="The runner: the container engine and its runtimes.", no_args_is_help=True)


@app.callback()
def _runner() -> None:
    """The runner: the container engine and its runtimes."""


@app.command()
def check(
    *,
    runtime: Annotated[
        str | None, typer.Option(help="Only this runtime of the engine; by default those of the settings.")
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Run every behaviour that a runner promises as well.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Try whether the sandbox holds: canary containers that fork, eat memory, burn CPU, write and call out.

    A worker tries the canaries before it takes work, once a day. With --full it takes about a minute for each runtime.
    Exit code 6 if anything is open. Example:

        arena runner check --full --runtime runsc
    """
    settings, began = Settings(), time.monotonic()
    with _telling(quiet=as_json) as tell:
        lines = check_runner(settings, runtime, full=full, tell=tell)
    if as_json:
        print_json([asdict(line) for line in lines])
    else:
        _print(lines)
        _sum_up(lines, time.monotonic() - began)
        if runtime is None and settings.gvisor_runtime not in {line.runtime for line in lines}:
            typer.echo(f"The engine has no runtime {settings.gvisor_runtime}: contests under gVisor cannot run here.")
    if not all(line.held for line in lines):
        raise typer.Exit(HostError.exit_code)


@contextmanager
def _telling(*, quiet: bool) -> Iterator[Tell]:
    """Show on stderr how far a check is: a bar on a terminal, elsewhere a line for each part unless it is `quiet`."""
    console = Console(stderr=True)
    columns = (TextColumn("Trying {task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        task: TaskID | None = None
        at = ""

        def tell(what: str, done: int, total: int | None) -> None:
            nonlocal task, at
            if what != at:
                at = what
                if task is not None:
                    bar.remove_task(task)
                task = bar.add_task(what, total=total)
                if not console.is_terminal and not quiet:
                    typer.echo(f"Trying {what}" + (f" ({total})" if total else ""), err=True)
            elif task is not None:
                bar.update(task, completed=done, total=total)

        yield tell


def _print(lines: list[Checked]) -> None:
    table = Table(title="What holds a container in", title_justify="left", title_style="bold", header_style="bold")
    for column in ("runtime", "tried", "result", "what must hold", "seen"):
        table.add_column(column, overflow="fold")
    for line in lines:
        table.add_row(line.runtime, line.name, "held" if line.held else "OPEN", line.claim, line.saw)
    Console(markup=False, highlight=False).print(table)


def _sum_up(lines: list[Checked], seconds: float) -> None:
    """Say behind a long table what has to be known: how many held under each runtime, and again each that did not."""
    for runtime in dict.fromkeys(line.runtime for line in lines):
        held = [line.held for line in lines if line.runtime == runtime]
        typer.echo(f"{runtime}: {sum(held)} of {len(held)} held")
    opened = [line for line in lines if not line.held]
    for line in opened:
        typer.echo(f"OPEN under {line.runtime}: {line.name}: {line.claim} Seen: {line.saw}")
    if not opened:
        typer.echo(f"Everything held ({seconds:.0f} s).")
        return
    where = " and ".join(dict.fromkeys(line.runtime for line in opened))
    typer.echo(f"{len(opened)} of {len(lines)} are open ({seconds:.0f} s): a worker takes no work under {where}.")
