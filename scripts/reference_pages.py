"""Makes the reference pages of docs/ out of the code, so that they cannot tell another story.

python scripts/reference_pages.py            names the pages that are not up to date; exit 1 if there are any
python scripts/reference_pages.py --write    writes them
"""

from __future__ import annotations

import argparse
import inspect
import json
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import typer.main

from arena.cli.main import app
from arena.errors import ArenaError
from arena.settings import ReaderSettings, Settings
from arena.store.documents import SCHEMAS, json_schema

DOCS = Path(__file__).parents[1] / "docs"
MADE = "<!-- Made by `make docs` out of the code; change it there. -->\n"


def error_classes(root: type[ArenaError] = ArenaError) -> Iterator[type[ArenaError]]:
    """Give the class and all below it, each parent before its children, children in the order of the file."""
    yield root
    for child in root.__subclasses__():
        yield from error_classes(child)


def errors_page() -> str:
    """Make the table of errors: code, what is said, HTTP status, exit code."""
    rows = [
        f"| `{error.code}` | {error.__name__} | {inspect.cleandoc(error.__doc__ or '')} "
        f"| {error.http_status} | {error.exit_code} |"
        for error in error_classes()
    ]
    return "\n".join(
        [
            "# Errors",
            "",
            MADE,
            "Every error that Arena raises on purpose has a code that stays. A program goes by the code, the HTTP",
            "status or the exit code of a command; the message is for people. Words in braces stand for facts.",
            "",
            "| code | class | message | HTTP | exit |",
            "| --- | --- | --- | --- | --- |",
            *rows,
            "",
            "Exit code 0 means done, 1 an error without a kind of its own, 2 a command line that cannot be read.",
            "What a vendor's container does wrong is no error of this table: it is an outcome of a case, see",
            "[the contract](contract.md).",
            "",
        ]
    )


def settings_page() -> str:
    """Make the table of settings: variable, type, default, meaning, and whether the public server gets it."""
    rows = []
    for name, field in Settings.model_fields.items():
        default = "" if field.default is None else f"`{field.default}`"
        kind = getattr(field.annotation, "__name__", None)
        if kind in {None, "UnionType", "Union", "Optional"}:
            kind = str(field.annotation).replace("pathlib._local.", "").replace("pathlib.", "").replace(" | None", "")
        served = "yes" if name in ReaderSettings.model_fields else ""
        rows.append(f"| `ARENA_{name.upper()}` | {kind} | {default} | {field.description} | {served} |")
    return "\n".join(
        [
            "# Settings",
            "",
            MADE,
            "Each is read once, when a program starts, from the environment. The last column tells which the public",
            "server reads; the others lead to studies, references or the engine, and a server has no use for them.",
            "",
            "| variable | type | default | meaning | server |",
            "| --- | --- | --- | --- | --- |",
            *rows,
            "",
            "Two more are read by `make` and `arena demo`: `DOCKER_HOST`, the address of the container engine, and",
            "`ARENA_BASE_IMAGE`, the image under the baseline containers (see [operating Arena](operators.md)).",
            "",
        ]
    )


# Typer carries a Click of its own, whose classes are not public: what is read of them here is what both have in common.
def commands(command: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Give every command that does something, with the words that call it."""
    if not hasattr(command, "list_commands"):
        yield path, command
        return
    for name in command.list_commands(None):
        child = command.get_command(None, name)
        if not child.hidden:
            yield from commands(child, (*path, name))


def word(parameter: Any) -> str:
    """Name what one puts in the place of a parameter."""
    return str(parameter.metavar or parameter.name).strip("[]").upper()


def usage_of(parameter: Any) -> str:
    """Show a parameter as one writes it."""
    if parameter.param_type_name == "argument":
        return f"`{word(parameter)}`"
    names = ", ".join(f"`{name}`" for name in (*parameter.opts, *parameter.secondary_opts))
    return names if parameter.is_flag else f"{names} {word(parameter)}"


def command_section(path: tuple[str, ...], command: Any) -> list[str]:
    """Make one command's section: what it does, how it is called, its arguments and options."""
    shown = [one for one in command.params if one.expose_value and not one.hidden]
    arguments = [word(one) for one in shown if one.param_type_name == "argument"]
    call = " ".join([*path, *arguments, *(["[OPTIONS]"] if len(arguments) < len(shown) else [])])
    lines = [
        f"## {' '.join(path)}",
        "",
        f"    {call}",
        "",
        inspect.cleandoc(command.help or "").replace("\n\n\n\n", "\n\n"),
        "",
    ]
    if shown:
        rows = [f"| {usage_of(one)} | {'yes' if one.required else ''} | {one.help or ''} |" for one in shown]
        lines += ["| argument or option | required | meaning |", "| --- | --- | --- |", *rows, ""]
    return lines


def cli_page() -> str:
    """Make the page of commands."""
    lines = [
        "# Commands",
        "",
        MADE,
        "What `arena COMMAND --help` says, on one page. Exit codes stand in [errors](errors.md), settings in",
        "[settings](settings.md).",
        "",
    ]
    for path, command in commands(typer.main.get_command(app), ("arena",)):
        lines += command_section(path, command)
    return "\n".join(lines)


def schema_page(name: str) -> str:
    """Make the JSON Schema of a stored document, as the API serves it."""
    return json.dumps(json_schema(name), indent=2, ensure_ascii=False) + "\n"


PAGES: dict[str, Callable[[], str]] = {
    "errors.md": errors_page,
    "settings.md": settings_page,
    "cli.md": cli_page,
    **{f"schemas/{name}.json": partial(schema_page, name) for name in SCHEMAS},
}


def main() -> int:
    """Write the pages, or name those that differ."""
    parser = argparse.ArgumentParser(description="Make the reference pages of docs/ out of the code.")
    parser.add_argument("--write", action="store_true", help="write them instead of comparing")
    write = parser.parse_args().write
    stale = []
    for name, make in PAGES.items():
        page, text = DOCS / name, make()
        if not page.exists() or page.read_text(encoding="utf-8") != text:
            stale.append(name)
            if write:
                page.parent.mkdir(exist_ok=True)
                page.write_text(text, encoding="utf-8")
    if stale and not write:
        sys.stderr.write(f"Not up to date: {', '.join(stale)}; run `make docs`.\n")
    return 1 if stale and not write else 0


if __name__ == "__main__":
    raise SystemExit(main())
