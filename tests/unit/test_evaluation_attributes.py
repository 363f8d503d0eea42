"""Attributes reach the scorer from the stored rows, in the order of the references, and without a label."""

from __future__ import annotations

import pickle

import pytest
from pydantic import ValidationError

from arena.challenge.clinical import Subgroups
from arena.evaluation.attributes import case_attributes
from arena.store.tables import Case

EVERY = Subgroups(columns=("sex", "age", "site", "manufacturer"), age_bands=(18, 60))


def row(name: str, **attributes: str | int | dict[str, str] | None) -> Case:
    return Case(case_set_digest="d", name=name, patient_key="p0001", study_sha256="s", study_size_bytes=1, **attributes)


ROWS = [row("c0002", sex="M", age_years=17, site="North"), row("c0001", sex="F", age_years=60, manufacturer="Rayco")]


def test_declared_columns_come_in_the_order_asked_with_ages_in_bands() -> None:
    attributes = case_attributes(ROWS, EVERY)
    assert attributes.of(["c0001", "c0002"]) == {
        "sex": ("F", "M"),
        "age": ("60+", "0-17"),
        "site": (None, "North"),
        "manufacturer": ("Rayco", None),
    }
    assert attributes.of(["c0002", "c0001"])["sex"] == ("M", "F")


def test_only_declared_columns_are_handed_on() -> None:
    assert case_attributes(ROWS, Subgroups()).columns == {"sex": ("F", "M"), "age": ("60-74", "0-17")}
    assert case_attributes(ROWS, Subgroups(columns=())).of(["c0001", "c0002"]) == {}


def test_a_further_column_of_the_label_table_is_handed_on_too() -> None:
    rows = [row("c0001", further={"projection": "PA"}), row("c0002", further={}), row("c0003")]
    attributes = case_attributes(rows, Subgroups(columns=("projection",)))
    assert attributes.columns == {"projection": ("PA", None, None)}


@pytest.mark.parametrize("column", ["study", "patient", "case", "Sex", "9th", "a b", "x" * 31])
def test_a_column_that_identifies_or_has_an_odd_name_cannot_be_declared(column: str) -> None:
    with pytest.raises(ValidationError):
        Subgroups(columns=(column,))


def test_other_cases_than_the_set_s_are_refused() -> None:
    with pytest.raises(ValueError, match="different cases"):
        case_attributes(ROWS, EVERY).of(["c0001", "c0003"])


def test_the_values_can_be_handed_to_another_process() -> None:
    attributes = case_attributes(ROWS, EVERY)
    assert pickle.loads(pickle.dumps(attributes)) == attributes  # noqa: S301 - our own bytes
