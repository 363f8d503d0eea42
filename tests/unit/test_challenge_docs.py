"""docs/challenge.md names every key that challenge.yaml may hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from arena.challenge.schema import (
    CaseSetDeclaration,
    Declaration,
    EntryRule,
    Feedback,
    Finding,
    LimitsDeclaration,
    MetricDeclaration,
    Phase,
    Quota,
    Ranking,
    Show,
)

PAGE = (Path(__file__).parents[2] / "docs" / "challenge.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "model",
    [CaseSetDeclaration, Declaration, Feedback, Finding, LimitsDeclaration, MetricDeclaration, Phase, Quota, Ranking],
    ids=lambda m: m.__name__,
)
def test_every_key_is_documented(model: type[Declaration]) -> None:
    assert [key for key in model.model_fields if f"`{key}`" not in PAGE] == []


@pytest.mark.parametrize("closed_set", [EntryRule, Show], ids=lambda e: e.__name__)
def test_every_word_of_a_closed_set_is_documented(closed_set: type[EntryRule]) -> None:
    assert [word.value for word in closed_set if f"`{word.value}`" not in PAGE] == []
