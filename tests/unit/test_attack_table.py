"""The table of attacks is made out of what tests say, and a run that leaves something unsaid does not pass."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from scripts.attack_table import complaints, read_reports, table
from tests.hostile.corpus import ATTACKS, RUNTIMES, Attack

Properties = list[tuple[str, str]]
Cases = dict[str, Properties]


def names(attack: Attack) -> Iterator[str]:
    """Return the names of an attack's tests: one for each runtime, where it is tried on every one."""
    for runtime in sorted(RUNTIMES) if attack.by_runtime else [""]:
        yield f"test_attack_{attack.number:02d}_tried" + (f"[{runtime}]" if runtime else "")


def whole_run() -> Cases:
    """Return the report of a run in which every attack was tried wherever it has to be."""
    return {
        name: [("without", "it broke"), ("with", "it held"), *(("on", place) for place in attack.on - RUNTIMES)]
        + ([("on", "runc")] if attack.on and not attack.by_runtime and "runc" in attack.on else [])
        for attack in ATTACKS
        if not attack.postponed
        for name in names(attack)
    }


def written(folder: Path, cases: Cases, failed: str = "") -> Path:
    suite = ET.Element("testsuite")
    for name, properties in cases.items():
        case = ET.SubElement(suite, "testcase", name=name)
        kept = ET.SubElement(case, "properties")
        for key, value in properties:
            ET.SubElement(kept, "property", name=key, value=value)
        if name == failed:
            ET.SubElement(case, "failure")
    ET.ElementTree(suite).write(folder / "run.xml")
    return folder


def test_a_run_in_which_every_attack_was_tried_and_shown_passes(tmp_path: Path) -> None:
    assert complaints(read_reports(written(tmp_path, whole_run()))) == []


@pytest.mark.parametrize(
    ("name", "gone", "complaint"),
    [
        ("test_attack_03_tried[runsc]", "without", "attack 3 is not shown without its guard on runsc"),
        ("test_attack_64_tried", "without", "attack 64 is not shown without its guard"),
        ("test_attack_41_tried", "on", "attack 41 was not tried on runc"),
        ("test_attack_73_tried", "on", "attack 73 was not tried on a browser"),
    ],
)
def test_what_a_test_leaves_unsaid_is_complained_of(tmp_path: Path, name: str, gone: str, complaint: str) -> None:
    run = whole_run()
    run[name] = [each for each in run[name] if each[0] != gone]
    assert complaint in complaints(read_reports(written(tmp_path, run)))


def test_a_missing_runtime_a_missing_number_and_a_failure_are_complained_of(tmp_path: Path) -> None:
    run = whole_run()
    del run["test_attack_03_tried[runc]"], run["test_attack_64_tried"]
    found = complaints(read_reports(written(tmp_path, run, failed="test_attack_72_tried")))
    assert "attack 3 was not tried on runc" in found
    assert any(each.startswith("attack 64 has no test") for each in found)
    assert "attack 72 failed: test_attack_72_tried" in found


def test_the_column_of_places_names_runtimes_first_and_our_own_code_where_no_test_says_more(tmp_path: Path) -> None:
    run = whole_run()
    run["test_attack_41_tried"].append(("on", "the reader of answers"))
    lines = table(read_reports(written(tmp_path, run))).splitlines()
    places = {int(line.split("|")[1]): line.split("|")[-2].strip() for line in lines[2:]}
    assert places[1] == "runc, gVisor"
    assert places[41] == "runc, the reader of answers"
    assert places[55] == "intake, the engine"
    assert places[64] == "the host's own code"
    assert places[68] == "–"
