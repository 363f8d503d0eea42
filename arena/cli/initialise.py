"""`arena init`: a new state folder and its database."""

from __future__ import annotations

from typing import Annotated

import typer

from arena.cli.output import print_json
from arena.settings import Settings
from arena.store.session import Store


def init(*, as_json: Annotated[bool, typer.Option("--json", help="Print what was made as JSON.")] = False) -> None:
    """Make the state folder and its database, or bring an older one up to date. Safe to repeat.

    The folder is ARENA_HOME (by default .arena here); the database is ARENA_DATABASE_URL (by default SQLite in that
    folder).

    For example:

        arena init

        ARENA_HOME=/srv/arena ARENA_DATABASE_URL=postgresql://arena@db/arena arena init
    """
    settings = Settings()
    store = Store(settings.database)
    store.migrate()
    store.check()
    settings.home.mkdir(parents=True, exist_ok=True)
    if as_json:
        print_json({"home": str(settings.home), "database": store.url})
    else:
        typer.echo(f"State folder: {settings.home}")
        typer.echo(f"Database:     {store.url}")
        typer.echo("Next: open a challenge with `arena challenge open FOLDER`; see its weak spots first with `check`.")
    store.close()
