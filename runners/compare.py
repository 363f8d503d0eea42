"""Comparing what was asked of an engine with what it took, and saying each difference in words for operators."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def differ(asked: Any, took: Any) -> bool:
    """Whether two settings differ in more than how engines write them."""
    return bool(plain(asked) != plain(took))


def plain(value: Any) -> Any:
    """Make equal what engines write differently: absent, null, empty, false and 0; the order of ulimits."""
    if isinstance(value, Mapping):
        kept = {key: plain(item) for key, item in value.items()}
        return {key: item for key, item in kept.items() if item is not None} or None
    if isinstance(value, list | tuple):
        items = [plain(item) for item in value]
        if items and all(isinstance(item, dict) for item in items):
            items.sort(key=lambda item: json.dumps(item, sort_keys=True))
        return items or None
    return value or None


def said(where: str, asked: Any, took: Any) -> str:
    """Name a difference, each side cut to 200 characters."""
    return f"{where} asked {json.dumps(asked)[:200]}, took {json.dumps(took)[:200]}"
