"""YAML as challenge.yaml may use it: plain mappings, lists and scalars; every error names its key.

Refused, because each has hidden a mistake or a trap somewhere: duplicate keys (the last would win silently), aliases
(a short file may unfold to gigabytes), keys other than text, NaN and infinity, and tags that make objects.
"""

from __future__ import annotations

import json
import math
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import yaml

from arena.errors import InvalidBundle

MAX_BYTES = 256 * 1024
"""Size above which a challenge.yaml is refused unread."""


def read_yaml(path: Path) -> Any:
    """Read a YAML file into JSON-like values: dict, list, str, int, float, bool and None.

    Times become ISO 8601 text in UTC; a time without a zone and a bare date are taken as UTC.

    Raises:
        InvalidBundle: The file is missing, too large, not UTF-8, not YAML, or uses what is refused here.
    """
    content = _read(path)
    try:
        loader = _Loader(content)
        node = loader.get_single_node()
        if node is None:
            raise _invalid(path, (), "the file is empty", "", "a mapping of keys to values")
        return _value(loader, node, path, ())
    except yaml.MarkedYAMLError as error:
        raise _invalid(path, (), _where(error), error.problem or "?", "YAML without aliases and tags") from error
    except yaml.YAMLError as error:
        raise _invalid(path, (), "it is not YAML", str(error).splitlines()[0], "printable text in UTF-8") from error
    except RecursionError as error:
        raise _invalid(path, (), "it is nested too deeply", "…", "the keys of challenge.yaml") from error


class _Loader(yaml.SafeLoader):
    """SafeLoader without aliases."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            event = self.get_event()  # type: ignore[no-untyped-call]
            raise yaml.MarkedYAMLError(problem=f"alias *{event.anchor}", problem_mark=event.start_mark)
        return super().compose_node(parent, index)


def _read(path: Path) -> str:
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise _invalid(path, (), "the file is too large", f"{size} bytes", f"up to {MAX_BYTES} bytes")
        return path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError) as error:
        raise _invalid(path, (), "the file is missing", "none", "a folder that holds challenge.yaml") from error
    except (OSError, UnicodeDecodeError) as error:
        raise _invalid(path, (), "it cannot be read as UTF-8 text", type(error).__name__, "a text file") from error


def _value(loader: _Loader, node: yaml.Node, path: Path, at: tuple[str | int, ...]) -> Any:
    if isinstance(node, yaml.MappingNode):
        return _mapping(loader, node, path, at)
    if isinstance(node, yaml.SequenceNode):
        return [_value(loader, child, path, (*at, number)) for number, child in enumerate(node.value)]
    try:
        found = loader.construct_object(node)
    except ValueError as error:  # a date such as 2026-02-30 has the form of one
        raise _invalid(path, at, str(error), node.value, "a value that exists") from error
    if isinstance(found, float) and not math.isfinite(found):
        raise _invalid(path, at, "it is not a finite number", node.value, "a finite number")
    if isinstance(found, datetime):
        aware = found if found.tzinfo is not None else found.replace(tzinfo=UTC)
        return aware.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(found, date):
        return f"{found.isoformat()}T00:00:00Z"
    if found is None or isinstance(found, str | int | float):
        return found
    raise _invalid(path, at, f"values of type {node.tag} are not used here", node.value, "text, numbers, true, false")


def _mapping(loader: _Loader, node: yaml.MappingNode, path: Path, at: tuple[str | int, ...]) -> dict[str, Any]:
    built: dict[str, Any] = {}
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        if not isinstance(key, str):
            raise _invalid(
                path, at, "a key must be text", key_node.value, 'a name, in quotes if it reads as "yes" or 1'
            )
        if key in built:
            line = key_node.start_mark.line + 1
            raise _invalid(
                path, (*at, key), f"the key stands twice, again in line {line}", value_node.value, "one value"
            )
        built[key] = _value(loader, value_node, path, (*at, key))
    return built


def _where(error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark
    return "it is not YAML" if mark is None else f"it is not YAML at line {mark.line + 1}, column {mark.column + 1}"


def key_path(at: tuple[str | int, ...]) -> str:
    """Return a place such as `phases[0].quota.per_day`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in at)
    return text.lstrip(".") or "(top)"


def shown(value: object) -> str:
    """Return a value on one short line."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    flat = " ".join(text.split())
    return flat if len(flat) <= 80 else f"{flat[:79]}…"  # noqa: PLR2004 -- a line's width


def _invalid(path: Path, at: tuple[str | int, ...], reason: str, value: object, allowed: str) -> InvalidBundle:
    return InvalidBundle(file=str(path), key=key_path(at), reason=reason, value=shown(value), allowed=allowed)
