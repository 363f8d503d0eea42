"""The check before opening finds what is wrong or weak, and nothing in a sound challenge."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from arena.challenge.bundle import read_bundle
from arena.challenge.lint import lint
from arena.challenge.weakness import Severity, Weakness
from arena.store.tables import CaseSet
from tests.bundles import AFTER, DURING, bundle_with, case_set, write_bundle

FULL = {"positive": 200, "negative": 300, "unknown": 0, "positive_patients": 200, "negative_patients": 300}


def both(**changes: Any) -> dict[str, CaseSet]:
    return {"public": case_set("public", **changes), "final": case_set("final")}


def places(found: list[Weakness], severity: Severity | None = None) -> list[str]:
    return [one.where for one in found if severity is None or one.severity is severity]


def test_a_sound_challenge_has_no_weakness(tmp_path: Path) -> None:
    assert lint(bundle_with(tmp_path), DURING, both()) == []


@pytest.mark.parametrize(
    ("old", "new", "where", "text"),
    [
        ("threshold: 0.5", "threshold: 1.0", "findings.nodule.threshold", "no operating point"),
        ("per_day: 2, total: 3", "per_day: 5, total: 3", "phases.public.quota", "more than the total of 3"),
        ("per_day: 2, total: 3", "total: 300", "phases.public.quota.total", "300 scores can teach"),
        ("    quota:", "    show: open\n    quota:", "phases.public.show", "one hidden case"),
        ("source: Generated\n", "", "source", "which licence"),
        ("source: Generated\n", "source: Generated\nmin_per_class: 29\n", "min_per_class", "29 is under 30"),
        ("cases: final", "cases: public", "case_sets.public", "use one set"),
        ("cases: final", "cases: public", "case_sets.final", "no phase uses it"),
        ("split: final", "split: public", "phases.final.cases", "should have a final set"),
        ("split: public", "split: sample", "phases.public.cases", "references are public"),
        ("    follows: public\n", "    opens_at: 2026-03-10\n    closes_at: 2026-04-10\n", "phases.public", "overlaps"),
        ("    follows: public\n", "    opens_at: 2026-04-10\n    closes_at: 2026-05-10\n", "phases", "tuned on"),
    ],
)  # fmt: skip
def test_a_weak_declaration_is_told_where(tmp_path: Path, old: str, new: str, where: str, text: str) -> None:
    found = lint(bundle_with(tmp_path, (old, new)), DURING, both())
    assert [one for one in found if one.where == where and text in one.text], found


@pytest.mark.parametrize(
    ("ladder", "total", "foretold"), [("false", 30, True), ("false", 2, False), ("true", 30, False)]
)
def test_without_the_ladder_it_is_foretold_what_the_quota_teaches(
    tmp_path: Path, ladder: str, total: int, foretold: bool
) -> None:
    few = FULL | {"positive": 38, "negative": 62}
    declared = ("per_day: 2, total: 3}", f"per_day: 2, total: {total}}}\n    feedback: {{ladder: {ladder}}}")
    found = lint(bundle_with(tmp_path, declared), DURING, both(counts={"nodule": few}))
    told = [one.text for one in found if "that knows nothing" in one.text]
    assert len(told) == foretold
    assert all("30 scores lead a vendor that knows nothing to an AUC of up to 0.79" in text for text in told)


@pytest.mark.parametrize(
    ("changes", "where", "text", "severity"),
    [
        ({"n_cases": 399}, "case_sets.public", "399 studies are under 400", Severity.WEAK),
        (
            {"counts": {"nodule": FULL | {"positive": 60, "positive_patients": 49}}},
            "case_sets.public.nodule",
            "49 positive patients are under 50",
            Severity.WEAK,
        ),
        (
            {"counts": {"nodule": FULL | {"negative": 60, "negative_patients": 31}}},
            "case_sets.public.nodule",
            "31 negative patients are under 50",
            Severity.WEAK,
        ),
        ({"n_patients": 450}, "case_sets.public", "500 studies are of 450 patients", Severity.NOTE),
        ({"counts": {}}, "case_sets.public", "without labels for nodule", Severity.BLOCKING),
        (
            {"counts": {"nodule": FULL | {"positive": 29, "positive_patients": 29}}},
            "case_sets.public.nodule",
            "29 positive patients are under min_per_class, 30",
            Severity.WEAK,
        ),
        (
            {"counts": {"nodule": FULL | {"negative": 0, "negative_patients": 0}}},
            "case_sets.public.nodule",
            "0 negative patients",
            Severity.BLOCKING,
        ),
        (
            {"counts": {"nodule": FULL | {"positive": 55, "negative": 545, "positive_patients": 55}}},
            "case_sets.public.nodule",
            "55 of 600 studies are positive, under 10%",
            Severity.WEAK,
        ),
    ],
)
def test_a_small_case_set_is_told_by_how_much(
    tmp_path: Path, changes: dict[str, Any], where: str, text: str, severity: Severity
) -> None:
    (found,) = lint(bundle_with(tmp_path), DURING, both(**changes))
    assert (found.where, found.severity) == (where, severity)
    assert text in found.text


def test_sets_that_are_not_imported_are_named_by_their_phases(tmp_path: Path) -> None:
    found = lint(bundle_with(tmp_path), DURING, {})
    assert places(found, Severity.WEAK) == ["phases.public.cases", "phases.final.cases"]


def test_a_window_in_the_past_is_weak(tmp_path: Path) -> None:
    assert places(lint(bundle_with(tmp_path), AFTER, both())) == ["phases.public"]


def test_missing_rules_are_named_by_language(tmp_path: Path) -> None:
    (write_bundle(tmp_path) / "rules.ru.md").unlink()
    assert places(lint(read_bundle(tmp_path), DURING, both())) == ["rules.ru.md"]


def test_the_gravest_comes_first(tmp_path: Path) -> None:
    found = lint(bundle_with(tmp_path, ("source: Generated\n", "")), DURING, both(counts={}, n_cases=10))
    assert [one.severity for one in found] == [Severity.BLOCKING, Severity.WEAK, Severity.NOTE]
