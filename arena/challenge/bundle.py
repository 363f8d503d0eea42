"""A folder `challenges/<slug>/` → a declaration with its digests.

The folder holds challenge.yaml and the rules page, `rules.en.md` and `rules.ru.md` (`rules.md` counts as English).
"""

from __future__ import annotations

import difflib
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from arena.challenge.clinical import Subgroups
from arena.challenge.readers import read_readers
from arena.challenge.schema import Declaration, Finding
from arena.challenge.strictyaml import key_path, read_yaml, shown
from arena.errors import InvalidBundle
from arena.ranking.adjustment import Adjustment

LANGUAGES = ("en", "ru")
_RULES_MAX_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Bundle:
    """A challenge. `digest` covers declaration and rules, `judging_digest` what decides scores and ranks."""

    declaration: Declaration
    rules: dict[str, str]
    digest: str
    judging_digest: str


def read_bundle(folder: Path) -> Bundle:
    """Read and validate a challenge's folder.

    Raises:
        InvalidBundle: A file is missing or malformed; the message names file, key, value and what is allowed.
    """
    path = folder / "challenge.yaml"
    document = read_yaml(path)
    readers = document.pop("readers", None) if isinstance(document, dict) else None
    try:
        # Strict JSON: "2" is no number and true no 1, yet lists become tuples and ISO texts times.
        declaration = Declaration.model_validate_json(json.dumps(document), strict=True)
    except ValidationError as error:
        raise _translate(path, error) from error
    if readers is not None:
        table = read_readers(folder, readers, [finding.code for finding in declaration.findings])
        declaration = declaration.model_copy(update={"readers": table})
    rules = _read_rules(folder)
    digest = canonical_digest({"declaration": declaration.model_dump(mode="json"), "rules": rules})
    return Bundle(declaration, rules, digest, judging_digest(declaration))


def judging_digest(declaration: Declaration) -> str:
    """Return the digest of what decides scores and ranks: entries share a leaderboard only where it is equal.

    Titles, windows, quotas and the sets' names are not part of it. The contract and the headers that containers see
    are: they change what an algorithm can answer.
    """
    dumped = declaration.model_dump(mode="json")
    judged = {key: dumped[key] for key in ("contract", "headers", "limits", "min_per_class", "missing")}
    judged["ranking"] = _judged_ranking(dumped["ranking"])
    if declaration.metrics:
        # Absent where there are none: what judged before there were any keeps its digest.
        judged["metrics"] = dumped["metrics"]
    if declaration.sockets is not None:
        judged["sockets"] = dumped["sockets"]
    if declaration.outputs:
        judged["outputs"] = dumped["outputs"]
    if dumped["isolation"] != "standard":
        judged["isolation"] = dumped["isolation"]
    judged |= _judged_clinically(declaration, dumped)
    judged["findings"] = [_judged_finding(found) for found in declaration.findings]
    return canonical_digest(judged)


def _judged_finding(finding: Finding) -> dict[str, Any]:
    """Return what is judged by of a finding; who says the prevalence changes no number."""
    judged: dict[str, Any] = {"code": finding.code, "threshold": finding.threshold}
    return judged if finding.prevalence is None else judged | {"prevalence": finding.prevalence.value}


def _judged_clinically(declaration: Declaration, dumped: dict[str, Any]) -> dict[str, Any]:
    """Return what is judged by of prevalence, norm, calibration test and threshold, and subgroups.

    What is not declared is absent. Readers are context and judge nobody.
    """
    judged: dict[str, Any] = {}
    if declaration.enriched_by_difficulty:
        judged["enriched_by_difficulty"] = True
    if declaration.norm is not None:
        prevalence = declaration.norm.prevalence
        judged["norm"] = dumped["norm"] | {"prevalence": None if prevalence is None else prevalence.value}
    if declaration.calibration_test is not None:
        judged["calibration_test"] = dumped["calibration_test"]
    if declaration.calibrated_threshold is not None:
        judged["calibrated_threshold"] = dumped["calibrated_threshold"]
    if declaration.subgroups != Subgroups():
        judged["subgroups"] = dumped["subgroups"]
    return judged


def _judged_ranking(dumped: dict[str, Any]) -> dict[str, Any]:
    """Return what is judged by of `ranking`; what judged before a key could be declared keeps its digest.

    Floors and a margin are absent where none is declared. Holm's adjustment was two-sided when nothing else could be
    declared.
    """
    judged = {key: value for key, value in dumped.items() if value is not None}
    if dumped["adjustment"] == Adjustment.HOLM:
        del judged["sides"]
    return judged


def canonical_digest(value: Any) -> str:
    """Return the SHA-256 of a JSON value with sorted keys and no spaces."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _read_rules(folder: Path) -> dict[str, str]:
    rules: dict[str, str] = {}
    for language in LANGUAGES:
        names = [f"rules.{language}.md", *(["rules.md"] if language == "en" else [])]
        for path in [folder / name for name in names if (folder / name).is_file()][:1]:
            rules[language] = _read_rules_page(path)
    return rules


def _read_rules_page(path: Path) -> str:
    size = path.stat().st_size
    if size > _RULES_MAX_BYTES:
        allowed = f"up to {_RULES_MAX_BYTES} bytes"
        raise InvalidBundle(file=path, key="(text)", reason="the page is too large", value=size, allowed=allowed)
    try:
        return path.read_text(encoding="utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        reason, value = "it is not UTF-8", f"byte {error.start}"
        raise InvalidBundle(file=path, key="(text)", reason=reason, value=value, allowed="UTF-8 text") from error


@dataclass(frozen=True, slots=True)
class _Fault:
    """One of pydantic's errors in our words."""

    place: tuple[str | int, ...]
    reason: str
    value: object
    allowed: str


def _translate(path: Path, error: ValidationError) -> InvalidBundle:
    """Turn pydantic's errors into ours: the first in full, the others by their places."""
    found = error.errors(include_url=False)
    # A list with a faulty item is also called too short; a misspelt key also makes the right one missing.
    kept = [one for one in found if not any(_is_inside(other["loc"], one["loc"]) for other in found)]
    kept.sort(key=lambda one: one["type"] != "extra_forbidden")
    first, *others = [_fault(one) for one in kept]
    reason = first.reason
    if others:
        places = ", ".join(key_path(other.place) for other in others[:5])
        reason += f"; {len(others)} more to mend, at {places}"
    key = key_path(first.place)
    return InvalidBundle(file=path, key=key, reason=reason, value=shown(first.value), allowed=first.allowed)


def _is_inside(inner: tuple[str | int, ...], outer: tuple[str | int, ...]) -> bool:
    return len(inner) > len(outer) and inner[: len(outer)] == outer


def _fault(error: ErrorDetails) -> _Fault:
    place, kind, context = error["loc"], error["type"], error.get("ctx", {})
    if kind == "disagreement":
        value = context["value"] if context["value"] is not None else "none"
        return _Fault((*place, *context["place"]), context["reason"], value, context["allowed"])
    if kind == "extra_forbidden":
        keys = _keys(_model_at(place[:-1]))
        near = difflib.get_close_matches(str(place[-1]), keys, n=1)
        reason = "there is no such key" + (f"; did you mean {near[0]}?" if near else "")
        return _Fault(place, reason, error["input"], ", ".join(keys))
    if kind == "missing":
        return _Fault(place, "this key is required", "none", _allowed(place, kind, context))
    return _Fault(place, error["msg"].rstrip("."), error["input"], _allowed(place, kind, context))


_ALLOWED_TYPES = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "string_type": "text, in quotes if it looks like a number",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "datetime_parsing": "a time such as 2026-03-01T09:00:00Z",
    "datetime_from_date_parsing": "a time such as 2026-03-01T09:00:00Z",
    "datetime_type": "a time such as 2026-03-01T09:00:00Z",
    "timezone_aware": "a time with its zone, such as 2026-03-01T09:00:00Z",
    "missing": "a value",
}
_ALLOWED_BOUNDS = {
    "ge": "≥ {}",
    "gt": "> {}",
    "le": "≤ {}",
    "lt": "< {}",
    "multiple_of": "a multiple of {}",
    "min_length": "at least {} long",
    "max_length": "at most {} long",
    "pattern": "text that matches {}",
    "expected": "{}",
}


def _allowed(place: tuple[str | int, ...], kind: str, context: dict[str, Any]) -> str:
    model = _model_at(place)
    if model is not None:
        return "a mapping with the keys " + ", ".join(_keys(model))
    bounds = [form.format(context[name]) for name, form in _ALLOWED_BOUNDS.items() if name in context]
    return ", ".join(bounds) or _ALLOWED_TYPES.get(kind, "what docs/challenge.md says of this key")


def _keys(model: type[BaseModel] | None) -> list[str]:
    return [] if model is None else list(model.model_fields)


def _model_at(place: tuple[str | int, ...]) -> type[BaseModel] | None:
    """Return the model whose keys stand at a place, or None where a plain value does."""
    found: Any = Declaration
    for part in place:
        if isinstance(part, int):
            continue  # `_inner` has already stepped into the list
        if not (isinstance(found, type) and issubclass(found, BaseModel)) or part not in found.model_fields:
            return None
        found = _inner(found.model_fields[part].annotation)
    return found if isinstance(found, type) and issubclass(found, BaseModel) else None


def _inner(annotation: Any) -> Any:
    """Return the type inside tuple[X, ...] or X | None."""
    if get_origin(annotation) in {tuple, UnionType}:
        return next((part for part in get_args(annotation) if part not in {type(None), Ellipsis}), annotation)
    return annotation
