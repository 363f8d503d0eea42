"""docs/statistics.md defines every method and reason that a published number may carry."""

from __future__ import annotations

from pathlib import Path

import pytest

from arena.scoring.estimates import Method, Reason
from arena.scoring.missing import MissingPolicy

TEXT = (Path(__file__).parents[2] / "docs" / "statistics.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("word", [*Method, *Reason, *MissingPolicy])
def test_every_method_reason_and_policy_is_documented(word: str) -> None:
    assert f"`{word}`" in TEXT
