"""docs/challenge.md names every key that challenge.yaml may hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from arena.challenge.bundle import read_bundle
from arena.challenge.clinical import CalibrationTest, NormDeclaration, Prevalence, Subgroups
from arena.challenge.lint import lint
from arena.challenge.readers import COLUMNS
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
from arena.scoring.declared import AttemptSets, Equivocal, Rule
from tests.bundles import CHALLENGE, case_set, write_bundle

PAGE = (Path(__file__).parents[2] / "docs" / "challenge.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "model",
    [CaseSetDeclaration, Declaration, Feedback, Finding, LimitsDeclaration, MetricDeclaration, Phase, Quota, Ranking],
    ids=lambda m: m.__name__,
)
def test_every_key_is_documented(model: type[Declaration]) -> None:
    assert [key for key in model.model_fields if f"`{key}`" not in PAGE] == []


@pytest.mark.parametrize("model", [CalibrationTest, NormDeclaration, Prevalence, Subgroups], ids=lambda m: m.__name__)
def test_every_clinical_key_is_documented(model: type[CalibrationTest]) -> None:
    assert [key for key in model.model_fields if f"`{key}`" not in PAGE] == []


@pytest.mark.parametrize("closed_set", [Rule, AttemptSets, Equivocal], ids=lambda e: e.__name__)
def test_every_word_of_the_calibration_test_is_documented(closed_set: type[Rule]) -> None:
    assert [word.value for word in closed_set if f"`{word.value}`" not in PAGE] == []


def test_every_column_of_the_readers_table_is_documented() -> None:
    assert [column for column in COLUMNS if f"`{column}`" not in PAGE] == []


def test_the_documented_example_is_read(tmp_path: Path) -> None:
    fences = PAGE.split("```")
    example = next(text for text in fences if text.startswith("yaml") and "calibration_test:" in text)
    table = next(text for text in fences if text.startswith("csv"))
    head, tail = CHALLENGE.split("findings:")[0], CHALLENGE[CHALLENGE.index("case_sets:") :]
    folder = write_bundle(tmp_path, head + example.removeprefix("yaml") + tail)
    (folder / "readers.csv").write_text(table.removeprefix("csv\n"), encoding="utf-8")
    declaration = read_bundle(folder).declaration
    assert declaration.readers is not None
    assert [row.label for row in declaration.readers.rows] == ["Reader 1", "Radiologists, mean"]
    assert declaration.findings[0].prevalence is not None


@pytest.mark.parametrize("closed_set", [EntryRule, Show], ids=lambda e: e.__name__)
def test_every_word_of_a_closed_set_is_documented(closed_set: type[EntryRule]) -> None:
    assert [word.value for word in closed_set if f"`{word.value}`" not in PAGE] == []


def _organisers_examples() -> list[str]:
    page = (Path(__file__).parents[2] / "docs" / "organisers.md").read_text(encoding="utf-8")
    return [text.removeprefix("yaml\n") for text in page.split("```") if text.startswith("yaml\n")]


def test_the_least_challenge_of_the_organisers_page_is_read(tmp_path: Path) -> None:
    least, _ = _organisers_examples()
    assert read_bundle(write_bundle(tmp_path, least)).declaration.slug == "wrist"


def test_the_rehearsal_of_the_organisers_page_is_read_and_warned_of_as_it_says(tmp_path: Path) -> None:
    least, rehearsal = _organisers_examples()
    bundle = read_bundle(write_bundle(tmp_path, least[: least.index("case_sets:")] + rehearsal))
    assert [phase.name for phase in bundle.declaration.phases] == ["rehearsal", "round-1", "final"]
    opens = bundle.declaration.phases[0].opens_at
    assert opens is not None
    sets = {each.name: case_set(each.name) for each in bundle.declaration.case_sets}
    warned = {one.where for one in lint(bundle, opens, sets) if one.where.startswith("phases.rehearsal")}
    assert warned == {
        "phases.rehearsal", "phases.rehearsal.cases", "phases.rehearsal.feedback.ladder", "phases.rehearsal.quota.total",
        "phases.rehearsal.show",
    }  # fmt: skip
