"""`arena runner`: whether this machine can hold a vendor's container."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from arena.cli.output import print_json
from arena.errors import HostError
from arena.settings import Settings
from arena.wiring import Checked, check_runner

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

    A worker does the same before it takes work, once a day. Exit code 6 if anything is open. Example:

        arena runner check --full --runtime runsc
    """
    console = Console(stderr=True)
    with Progress(console=console, disable=as_json or not console.is_terminal, transient=True) as bar:
        task = bar.add_task("Trying", total=None)

        def tell(name: str, done: int, total: int | None) -> None:
            bar.update(task, description=f"Trying {name}", completed=done, total=total)

        lines = check_runner(Settings(), runtime, full=full, tell=tell)
    if as_json:
        print_json([asdict(line) for line in lines])
    else:
        _print(lines)
    if not all(line.held for line in lines):
        raise typer.Exit(HostError.exit_code)


def _print(lines: list[Checked]) -> None:
    table = Table(title="What holds a container in", title_justify="left", title_style="bold", header_style="bold")
    for column in ("runtime", "tried", "", "what must hold", "seen"):
        table.add_column(column, overflow="fold")
    for line in lines:
        table.add_row(line.runtime, line.name, "held" if line.held else "OPEN", line.claim, line.saw)
    Console(markup=False, highlight=False).print(table)
    opened = sum(not line.held for line in lines)
    typer.echo("Everything held." if not opened else f"{opened} of {len(lines)} are open: this runner takes no work.")
