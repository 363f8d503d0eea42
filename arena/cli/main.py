"""The `arena` command: its subcommands, and how errors become messages and exit codes."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import typer
from pydantic import ValidationError
from typer.core import TyperGroup
from typer.main import get_command, get_group

from arena.cli.logs import printable
from arena.errors import ArenaError

_HELP = """Rapid contests between radiology-AI products on sealed DICOM studies.

A contest in six commands:

    arena init

    arena challenge open challenges/chest-phantom

    arena cases import chest-phantom public studies/ --labels labels.csv

    arena submit chest-phantom --phase public --vendor Acme --algorithm NoduleNet --image nodulenet:1

    arena evaluate

    arena leaderboard chest-phantom

All state lies under ARENA_HOME, by default .arena.

Exit codes: 0 done, 2 bad usage, 3 the vendor's to mend, 4 the organiser's, 5 not found, 6 this host's.
"""

_COMMANDS = {
    "init": "arena.cli.initialise:init",
    "challenge": "arena.cli.challenges:app",
    "cases": "arena.cli.cases:app",
    "submit": "arena.cli.submit:submit",
    "nominate": "arena.cli.nominate:nominate",
    "submission": "arena.cli.submission:submission",
    "logs": "arena.cli.submission:logs",
    "evaluate": "arena.cli.evaluate:evaluate",
    "held": "arena.cli.ruling:held",
    "refuse": "arena.cli.ruling:refuse",
    "withdraw": "arena.cli.ruling:withdraw",
    "leaderboard": "arena.cli.leaderboard:leaderboard",
    "ledger": "arena.cli.ledger:ledger",
    "rejudge": "arena.cli.rejudge:rejudge",
    "recompute": "arena.cli.recompute:recompute",
    "serve": "arena.cli.serve:serve",
    "worker": "arena.cli.evaluate:work",
    "runner": "arena.cli.runner:app",
    "images": "arena.cli.images:images",
    "demo": "arena.cli.demo:demo",
}
"""Each command and what defines it: a function, or the Typer app of a group."""


class _LazyGroup(TyperGroup):
    """Imports a command when it is asked for: showing a leaderboard does not wait for SciPy and pydicom to load."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 -- the base class's signature
        return list(_COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 -- the base class's signature
        if cmd_name not in _COMMANDS:
            return None
        module, _, attribute = _COMMANDS[cmd_name].partition(":")
        found = getattr(import_module(module), attribute)
        if isinstance(found, typer.Typer):
            group = get_group(found)
            group.name = cmd_name
            return group
        single = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
        single.command(cmd_name)(found)
        return get_command(single)


app = typer.Typer(
    name="arena",
    cls=_LazyGroup,
    help=_HELP,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def _arena() -> None:
    """Typer needs one function; the commands come from `_COMMANDS`."""


def main() -> None:
    """Run the command line: an error raised on purpose is one message on stderr and its exit code, no traceback."""
    try:
        app()
    except ArenaError as error:
        shown = printable(str(error), keep="\n")  # an engine's words may quote a name inside an image
        typer.echo(f"Error: {shown}", err=True)
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
