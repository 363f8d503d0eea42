"""How commands print: text for people, JSON for scripts, errors to stderr."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import typer
from rich.console import Console
from rich.table import Table

_WIDEST = 1000


def print_json(value: Any) -> None:
    """Print a JSON value on stdout; times as ISO 8601."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False, default=_plain))


def print_table(title: str, columns: list[str], rows: list[list[str]], *, right: frozenset[str] = frozenset()) -> None:
    """Print a table as wide as its content, whatever the terminal: a line that is cut says something else."""
    table = Table(title=title, title_justify="left", title_style="bold", header_style="bold")
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    needed = Console(width=_WIDEST).measure(table).maximum
    width = max(Console().width, needed)
    Console(width=width, markup=False, highlight=False).print(table)


def shown_time(moment: datetime | None) -> str:
    """Return a time to the minute in UTC."""
    return "—" if moment is None else f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    msg = f"{type(value).__name__} has no JSON form"
    raise TypeError(msg)
