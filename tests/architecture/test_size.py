"""A module or a function that outgrows one look is split, or stands here with its reason."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULE_LINES = 400
FUNCTION_LINES = 60

LONGER_MODULES: dict[str, str] = {}
LONGER_FUNCTIONS: dict[str, str] = {}


def source_files() -> list[Path]:
    """List our own modules; migrations are history and are never edited again."""
    files = [
        path
        for folder in ("arena", "runners", "scripts", "benchmarks", "challenges")
        for path in (ROOT / folder).rglob("*.py")
        if "versions" not in path.parts and "build" not in path.relative_to(ROOT).parts
    ]
    return sorted(files)


def functions(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Name every function with the lines of its body, its docstring left out: a promise may be long."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            if body:
                yield node.name, (body[-1].end_lineno or 0) - body[0].lineno + 1


@pytest.mark.parametrize("path", source_files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_and_its_functions_are_of_readable_size(path: Path) -> None:
    name = str(path.relative_to(ROOT))
    text = path.read_text(encoding="utf-8")
    lines = len(text.splitlines())
    assert lines <= MODULE_LINES or name in LONGER_MODULES, f"{name} has {lines} lines; split it"
    too_long = {
        f"{name}:{function}": length
        for function, length in functions(ast.parse(text))
        if length > FUNCTION_LINES and f"{name}:{function}" not in LONGER_FUNCTIONS
    }
    assert not too_long


def test_the_listed_exceptions_are_still_needed() -> None:
    lengths = {
        f"{path.relative_to(ROOT)}:{function}": length
        for path in source_files()
        for function, length in functions(ast.parse(path.read_text(encoding="utf-8")))
    }
    assert all(lengths.get(name, 0) > FUNCTION_LINES for name in LONGER_FUNCTIONS)
    assert all(len((ROOT / name).read_text(encoding="utf-8").splitlines()) > MODULE_LINES for name in LONGER_MODULES)
