"""Prevalence, norm, calibration test and subgroups are declared strictly, judged where they change numbers, and checked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from arena.challenge.bundle import Bundle, read_bundle
from arena.challenge.clinical import CalibrationTest, Subgroups
from arena.challenge.lint import lint
from arena.challenge.schema import Declaration
from arena.challenge.weakness import Severity
from arena.errors import InvalidBundle
from arena.scoring.declared import AttemptSets, CalibrationRules, NormLimits, Rule
from tests.bundles import CHALLENGE, DURING, case_set, write_bundle

PREVALENCE = "    prevalence: {value: 0.03, source: reports}"
NORM = "norm: {max_missed_of_abnormal: 0.01}"
PER_1000 = "norm: {max_missed_per_1000: 1, threshold: 0.05, prevalence: {value: 0.06, source: reports}}"
TEST = "calibration_test: {limit: 0.81}"


def bundle_of(folder: Path, *lines: str) -> Bundle:
    """Return the test challenge with lines added; those that are indented go to its finding."""
    text = CHALLENGE.replace(
        "threshold: 0.5\n", "threshold: 0.5\n" + "".join(f"{one}\n" for one in lines if one[0] == " ")
    )
    return read_bundle(write_bundle(folder, text + "".join(f"{one}\n" for one in lines if one[0] != " ")))


@pytest.mark.parametrize(
    ("line", "key", "value", "allowed"),
    [
        ("    prevalence: 0.03", "findings[0].prevalence", "0.03", "a mapping with the keys value, source"),
        ("    prevalence: {value: 0.03}", "findings[0].prevalence.source", "none", ""),
        ("    prevalence: {value: 0, source: reports}", "findings[0].prevalence.value", "0", "> 0"),
        ("    prevalence: {value: 3, source: reports}", "findings[0].prevalence.value", "3", "< 1"),
        ("norm: {}", "norm.max_missed_of_abnormal", "none", "one of max_missed_of_abnormal, max_missed_of_sorted"),
        ("norm: {max_missed_of_abnormal: 1}", "norm.max_missed_of_abnormal", "1", "< 1"),
        ("norm: {max_missed_per_1000: 1}", "norm.prevalence", "none", "a value and its source"),
        ("norm: {max_missed: 0.1}", "norm.max_missed", "0.1", "max_missed_of_abnormal"),
        ("norm: {max_missed_of_sorted: 0.1, threshold: 0.00001}", "norm.threshold", "1e-05", "a multiple of 0.0001"),
        ("calibration_test: {}", "calibration_test.limit", "none", ""),
        ("calibration_test: {limit: 0.5}", "calibration_test.limit", "0.5", "> 0.5"),
        ("calibration_test: {limit: 0.81, rule: estimate}", "calibration_test.rule", "estimate", "'interval' or 'point'"),
        ("calibration_test: {limit: 0.81, attempts: 0}", "calibration_test.attempts", "0", "≥ 1"),
        ("calibration_test: {limit: 0.81, attempt_sets: own}", "calibration_test.attempt_sets", "own", "'fresh' or 'same'"),
        ("calibration_test: {limit: 0.81, required: 2}", "calibration_test.required", "2", "1…1, the findings declared"),
        ("calibration_test: {limit: 0.81, equivocal: drop}", "calibration_test.equivocal", "drop", "'exclude'"),
        ("subgroups: {columns: [sex, patient]}", "subgroups.columns[1]", "patient", "another column"),
        ("subgroups: {columns: [sex, Weight]}", "subgroups.columns[1]", "Weight", "[a-z]"),
        ("subgroups: {columns: [sex, sex]}", "subgroups.columns[1]", "sex", "columns that differ"),
        ("subgroups: {age_bands: [60, 18]}", "subgroups.age_bands[1]", "18", "61…120"),
        ("subgroups: {age_bands: [0]}", "subgroups.age_bands[0]", "0", "1…120"),
        ("enriched_by_difficulty: 1", "enriched_by_difficulty", "1", ""),
    ],
)  # fmt: skip
def test_an_error_names_key_value_and_what_is_allowed(
    tmp_path: Path, line: str, key: str, value: str, allowed: str
) -> None:
    with pytest.raises(InvalidBundle) as caught:
        bundle_of(tmp_path, line)
    facts = caught.value.facts
    assert facts["key"] == key
    assert value in str(facts["value"])
    assert allowed in str(facts["allowed"])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("source_: none", PREVALENCE),
        (PREVALENCE, PREVALENCE.replace("0.03", "0.04")),
        ("source_: none", NORM),
        (NORM, NORM.replace("0.01", "0.02")),
        (PER_1000, PER_1000.replace("0.06", "0.07")),
        (PER_1000, PER_1000.replace("0.05", "0.04")),
        ("source_: none", TEST),
        (TEST, TEST.replace("0.81}", "0.81, attempts: 2}")),
        ("source_: none", "subgroups: {columns: [sex]}"),
        ("source_: none", "enriched_by_difficulty: true"),
    ],
)
def test_what_changes_a_number_changes_the_judging_digest(tmp_path: Path, one: str, other: str) -> None:
    lines = [() if line == "source_: none" else (line,) for line in (one, other)]
    before, after = (bundle_of(tmp_path / str(number), *given) for number, given in enumerate(lines))
    assert before.digest != after.digest
    assert before.judging_digest != after.judging_digest


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (PREVALENCE, PREVALENCE.replace("reports", "a register")),
        (PER_1000, PER_1000.replace("reports", "a register")),
    ],
)
def test_who_says_it_changes_no_number(tmp_path: Path, one: str, other: str) -> None:
    before, after = bundle_of(tmp_path / "one", one), bundle_of(tmp_path / "other", other)
    assert before.digest != after.digest
    assert before.judging_digest == after.judging_digest


def test_defaults_written_out_judge_as_if_left_out(tmp_path: Path) -> None:
    written = "subgroups: {columns: [sex, age], age_bands: [18, 45, 60, 75]}"
    one, other = bundle_of(tmp_path / "one"), bundle_of(tmp_path / "other", written, "enriched_by_difficulty: false")
    assert one.judging_digest == other.judging_digest
    assert one.declaration.subgroups == Subgroups()


def test_the_scorer_gets_plain_values(tmp_path: Path) -> None:
    declaration = bundle_of(tmp_path, PER_1000).declaration
    assert declaration.norm is not None
    assert declaration.norm.to_limits() == NormLimits(missed_of_incoming=0.001, prevalence=0.06)
    test = CalibrationTest(limit=0.81, attempts=2, attempt_sets=AttemptSets.SAME, rule=Rule.POINT, required=1)
    expected = CalibrationRules(limit=0.81, attempts=2, sets=AttemptSets.SAME, rule=Rule.POINT, required=1)
    assert test.to_rules() == expected
    assert test.to_rules().attempt_alpha == 0.025


def test_a_stored_declaration_is_read_back_equal(tmp_path: Path) -> None:
    declaration = bundle_of(tmp_path, PREVALENCE, PER_1000, TEST, "subgroups: {columns: [site]}").declaration
    assert Declaration.model_validate(declaration.model_dump(mode="json")) == declaration


@pytest.mark.parametrize(
    ("lines", "where", "text", "severity"),
    [
        ([PREVALENCE.replace("0.03", "0.5")], "findings.nodule.prevalence", "50.0% are more than in public (40.0%)", Severity.NOTE),
        ([PREVALENCE, "enriched_by_difficulty: true"], "findings.nodule.prevalence", "hard cases were sought", Severity.NOTE),
        ([NORM], "norm.max_missed_of_abnormal", "at most 200 abnormal patients; to pass without one miss takes 299", Severity.WEAK),
        ([NORM], "norm.threshold", "more sensitive", Severity.NOTE),
        ([PER_1000.replace("_1000: 1,", "_1000: 0.5,")], "norm.max_missed_per_1000", "takes 358", Severity.WEAK),
        ([PER_1000.replace("_1000: 1,", "_1000: 60,")], "norm.max_missed_per_1000", "every abnormal patient", Severity.WEAK),
        ([TEST], "calibration_test", "200 patients with and 300 without: AUC 0.78 passes with chance 0%", Severity.NOTE),
        (["calibration_test: {limit: 0.81, rule: point}"], "calibration_test.rule", "no third verdict", Severity.WEAK),
        (["calibration_test: {limit: 0.81, rule: point}"], "calibration_test", "AUC 0.84 passes with chance 9", Severity.WEAK),
        (["calibration_test: {limit: 0.7, attempts: 3}"], "calibration_test.attempts", "2 are declared", Severity.WEAK),
    ],
)  # fmt: skip
def test_what_no_set_of_this_size_could_show_is_told(
    tmp_path: Path, lines: list[str], where: str, text: str, severity: Severity
) -> None:
    imported = {"public": case_set("public"), "final": case_set("final")}
    found = lint(bundle_of(tmp_path, *lines), DURING, imported)
    assert [one for one in found if (one.where, one.severity) == (where, severity) and text in one.text], found


@pytest.mark.parametrize(
    "lines",
    [
        [PREVALENCE],
        [PER_1000.replace("_1000: 1,", "_1000: 6,")],
        ["calibration_test: {limit: 0.7, attempts: 2}"],
        ["subgroups: {columns: []}"],
    ],
)
def test_a_sound_declaration_has_no_weakness(tmp_path: Path, lines: list[str]) -> None:
    imported: dict[str, Any] = {"public": case_set("public"), "final": case_set("final")}
    assert lint(bundle_of(tmp_path, *lines), DURING, imported) == []


def test_of_several_findings_the_smallest_tells_the_chances_and_fewer_required_is_told(tmp_path: Path) -> None:
    text = CHALLENGE.replace("case_sets:", "  - {code: mass, name: {en: M, ru: М}, threshold: 0.5}\ncase_sets:")
    bundle = read_bundle(write_bundle(tmp_path, text + "calibration_test: {limit: 0.81, required: 1}\n"))
    large = {"positive": 200, "negative": 300, "unknown": 0, "positive_patients": 200, "negative_patients": 300}
    small = large | {"positive": 60, "negative": 440, "positive_patients": 60, "negative_patients": 440}
    found = lint(bundle, DURING, {"public": case_set("public", counts={"nodule": large, "mass": small})})
    told = [one.text for one in found if one.where == "calibration_test"]
    assert len(told) == 1
    assert "60 patients with and 440 without" in told[0]
    assert [one.severity for one in found if one.where == "calibration_test.required"] == [Severity.NOTE]


def test_a_limit_on_those_who_come_is_refused_where_hard_cases_were_sought(tmp_path: Path) -> None:
    found = lint(bundle_of(tmp_path, PER_1000, "enriched_by_difficulty: true"), DURING, {"public": case_set("public")})
    assert [one.severity for one in found if one.where == "norm.max_missed_per_1000" and "hard cases" in one.text] == [
        Severity.BLOCKING
    ]


def test_a_threshold_set_where_the_entry_is_chosen_is_weak(tmp_path: Path) -> None:
    line = "calibrated_threshold: {floor: 0.9}"
    (found,) = [one for one in lint(bundle_of(tmp_path, line), DURING, {}) if one.where == "calibrated_threshold"]
    assert found.severity is Severity.WEAK
    assert 'from "public", where each entry was chosen among up to 3' in found.text
    text = CHALLENGE.replace("per_day: 2, total: 3", "per_day: 1, total: 1") + line + "\n"
    once = lint(read_bundle(write_bundle(tmp_path / "once", text)), DURING, {})
    assert "calibrated_threshold" not in [one.where for one in once]


def test_a_test_that_no_service_can_pass_on_a_set_is_told(tmp_path: Path) -> None:
    few = {"positive": 25, "negative": 475, "unknown": 0, "positive_patients": 25, "negative_patients": 475}
    found = lint(bundle_of(tmp_path, TEST), DURING, {"public": case_set("public", counts={"nodule": few})})
    (told,) = [one.text for one in found if one.where == "calibration_test"]
    assert "on public no service can pass: too few patients for nodule" in told


def test_readers_without_counts_are_told_to_have_no_interval(tmp_path: Path) -> None:
    folder = write_bundle(tmp_path, CHALLENGE + "readers: readers.csv\n")
    rows = "nodule,A,,0.9,0.9,\nnodule,B,5,0.9,0.9,\nnodule,C,1,0.9,0.9,50\n"
    (folder / "readers.csv").write_text("finding,label,readers,sensitivity,specificity,n_positive\n" + rows)
    imported = {"public": case_set("public"), "final": case_set("final")}
    (found,) = lint(read_bundle(folder), DURING, imported)
    assert (found.where, found.severity) == ("readers", Severity.NOTE)
    assert found.text.startswith("1 points")
