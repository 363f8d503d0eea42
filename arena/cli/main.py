"""The `arena` command: its subcommands, and how errors become messages and exit codes."""

from __future__ import annotations

import typer
from pydantic import ValidationError

from arena.cli import cases, challenges, evaluate, initialise, leaderboard, serve, submit
from arena.errors import ArenaError

_HELP = """Rapid contests between radiology-AI products on sealed DICOM studies.

A contest in six commands:

    arena init

    arena challenge open challenges/chest-phantom

    arena cases import chest-phantom public studies/ --labels labels.csv

    arena submit chest-phantom --phase public --vendor Acme --algorithm NoduleNet --image nodulenet:1

    arena evaluate

    arena leaderboard chest-phantom

All state lies under ARENA_HOME (by default .arena). Exit codes: 0 done, 2 bad usage, 3 the vendor's to mend, 4 the
organiser's, 5 not found, 6 this host's.
"""

app = typer.Typer(
    name="arena",
    help=_HELP,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("init")(initialise.init)
app.add_typer(challenges.app, name="challenge")
app.add_typer(cases.app, name="cases")
app.command()(submit.submit)
app.command()(evaluate.evaluate)
app.command()(leaderboard.leaderboard)
app.command()(serve.serve)
app.command("worker")(evaluate.work)


def main() -> None:
    """Run the command line: an error raised on purpose is one message on stderr and its exit code, no traceback."""
    try:
        app()
    except ArenaError as error:
        typer.echo(f"Error: {error}", err=True)
        raise SystemExit(error.exit_code) from error
    except ValidationError as error:
        if not error.title.endswith("Settings"):
            raise
        for fault in error.errors():
            name = "ARENA_" + "_".join(str(part) for part in fault["loc"]).upper()
            typer.echo(f"Error: {name}: {fault['msg']} (value: {fault['input']})", err=True)
        raise SystemExit(2) from error


if __name__ == "__main__":
    main()
