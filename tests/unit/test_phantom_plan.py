"""Who is in the generated case sets, before any pixel is drawn."""

from __future__ import annotations

import csv
import io
from itertools import combinations

import numpy as np
import pytest

from arena.challenge.bundle import read_bundle
from tests.phantom import CHALLENGE, HIDDEN

from phantom.plan import CASE_SETS, CaseSet, Distractor, Finding, StudyPlan, plan_studies  # isort: skip
from phantom.readers import READERS, SPECIFICITIES, readers_table  # isort: skip


def planned(name: str) -> list[StudyPlan]:
    return plan_studies(CASE_SETS[name])


def test_no_patient_and_no_study_is_in_two_sets() -> None:
    for first, second in combinations(CASE_SETS, 2):
        assert {plan.patient for plan in planned(first)}.isdisjoint(plan.patient for plan in planned(second))
        assert {plan.study for plan in planned(first)}.isdisjoint(plan.study for plan in planned(second))


def test_every_set_has_its_own_seed() -> None:
    assert len({each.seed for each in CASE_SETS.values()}) == len(CASE_SETS)


@pytest.mark.parametrize("name", HIDDEN)
@pytest.mark.parametrize("finding", list(Finding))
def test_hidden_sets_have_enough_patients_with_and_without_each_finding(name: str, finding: Finding) -> None:
    declared = read_bundle(CHALLENGE).declaration
    shown = {plan.patient for plan in planned(name) if finding in plan.conspicuity}
    everybody = {plan.patient for plan in planned(name)}
    assert len(shown) >= declared.min_per_class
    assert len(everybody - shown) >= declared.min_per_class


@pytest.mark.parametrize("name", sorted(CASE_SETS))
def test_some_patients_have_several_studies_and_keep_sex_and_age(name: str) -> None:
    plans = planned(name)
    assert len(plans) == CASE_SETS[name].studies
    people: dict[str, set[tuple[str, int]]] = {}
    for plan in plans:
        people.setdefault(plan.patient, set()).add((plan.sex, plan.age))
    assert 0.75 * len(plans) < len(people) < len(plans)
    assert all(len(person) == 1 for person in people.values())


def test_a_nodule_stays_while_the_other_findings_may_change() -> None:
    by_patient: dict[str, list[StudyPlan]] = {}
    for plan in planned("training"):
        by_patient.setdefault(plan.patient, []).append(plan)
    several = [plans for plans in by_patient.values() if len(plans) > 1]
    changed = {
        finding: sum(len({finding in plan.conspicuity for plan in plans}) > 1 for plans in several)
        for finding in Finding
    }
    assert changed[Finding.NODULE] == 0
    assert changed[Finding.EFFUSION] > 0
    assert changed[Finding.PNEUMOTHORAX] > 0


def test_findings_co_occur_as_often_as_chance_has_it() -> None:
    plans = plan_studies(CaseSet("many", 6000, 77))
    for first, second in combinations(Finding, 2):
        both = np.mean([first in plan.conspicuity and second in plan.conspicuity for plan in plans])
        assert both == pytest.approx(0.16, abs=0.02)


def test_conspicuity_is_spread_evenly_from_subtle_to_obvious() -> None:
    for finding in Finding:
        values = [plan.conspicuity[finding] for plan in planned("final") if finding in plan.conspicuity]
        thirds = np.histogram(values, bins=[0, 1 / 3, 2 / 3, 1])[0]
        assert thirds.max() - thirds.min() <= 1


def test_every_distractor_appears_in_studies_without_findings_as_often_as_in_others() -> None:
    plans = plan_studies(CaseSet("many", 6000, 78))
    for kind in Distractor:
        normal = [kind in plan.distractors for plan in plans if not plan.conspicuity]
        other = [kind in plan.distractors for plan in plans if plan.conspicuity]
        assert np.mean(normal) == pytest.approx(np.mean(other), abs=0.035)
        assert any(kind in plan.distractors and not plan.conspicuity for plan in planned("public"))


def test_headers_and_order_are_independent_of_labels_in_a_large_plan() -> None:
    """Chi-squared per header value: the largest of all must stay below what chance gives at 1 in 1,000 overall."""
    plans = plan_studies(CaseSet("many", 6000, 79))
    groups = {
        "sex": [plan.sex for plan in plans],
        "site": [plan.site for plan in plans],
        "model": [plan.device.model for plan in plans],
        "age": [str(plan.age // 10) for plan in plans],
        "order": [str(10 * number // len(plans)) for number in range(len(plans))],
    }
    worst = 0.0
    for finding in Finding:
        shown = np.array([finding in plan.conspicuity for plan in plans])
        rate = shown.mean()
        for values in groups.values():
            for value in set(values):
                inside = np.array(values) == value
                worst = max(worst, abs(shown[inside].mean() - rate) / np.sqrt(rate * (1 - rate) / inside.sum()))
    assert worst < 4.2


def test_a_set_needs_at_least_one_study() -> None:
    with pytest.raises(ValueError, match="at least one study"):
        plan_studies(CASE_SETS["sample"], 0)


def test_the_simulated_readers_are_what_the_recipe_makes_and_say_so() -> None:
    table = readers_table()
    assert (CHALLENGE / "readers.csv").read_text(encoding="utf-8") == table
    rows = list(csv.DictReader(io.StringIO(table)))
    points = [row for row in rows if row["kind"] == "point"]
    assert len(points) == len(READERS) * len(Finding)
    assert all(row["label"].startswith("Simulated") and "nobody" in row["source"] for row in rows)
    for finding in Finding:
        hits = [int(row["true_positive"]) for row in points if row["finding"] == finding.value]
        assert hits == sorted(hits), "readers are listed from the most reserved on"
        curve = [row for row in rows if row["kind"] == "curve" and row["finding"] == finding.value]
        rates = [float(row["sensitivity"]) for row in curve]
        assert len(rates) == len(SPECIFICITIES)
        assert rates == sorted(rates), "the less specific, the more sensitive"
