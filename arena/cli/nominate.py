"""`arena nominate`: what goes to the final."""

from __future__ import annotations

from typing import Annotated

import typer

from arena.cli.output import print_json
from arena.settings import Settings
from arena.submission.nominating import nominate as nominate_submissions
from arena.wiring import open_host, utc_now


def nominate(
    first: Annotated[str, typer.Argument(metavar="SUBMISSION", help="Code of the submission that ranks in the final.")],
    second: Annotated[
        str | None, typer.Argument(metavar="SECOND", help="Another one, run and listed in the final without a rank.")
    ] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print the nominated submissions as JSON.")] = False,
) -> None:
    """Name the submission of a vendor that goes to the final, before its phase closes; naming again replaces it.

    For phases whose `entry_rule` is `chosen`. A vendor that names none is in the final with its last submission.

    For example:

        arena nominate s-7kq2mfh4zt

        arena nominate s-7kq2mfh4zt s-b3xw9c5npd
    """
    host = open_host(Settings())
    host.store.check()
    named = nominate_submissions(host.store, [first] if second is None else [first, second], utc_now())
    if as_json:
        print_json([{"submission": one.code, "phase": one.phase, "ranks": not one.second_choice} for one in named])
        return
    for one in named:
        part = "run and listed without a rank" if one.second_choice else "run and ranked"
        typer.echo(f"{one.code} of {one.algorithm_code} goes to the final of phase {one.phase}: {part}.")
