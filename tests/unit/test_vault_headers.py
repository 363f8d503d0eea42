"""What stays of a header is one published list, and nothing has another way in."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydicom.dataset import Dataset

from arena.errors import InvalidBundle
from arena.vault.headers import (
    EMPTIED,
    NAMEABLE,
    check_headers,
    markdown_table,
    nameable_table,
    strip,
    visible_keywords,
)
from tests.radiographs import SECRETS, radiograph

DOCS = Path(__file__).parents[2] / "docs" / "headers.md"


def test_the_documented_tables_are_the_ones_in_force() -> None:
    text = DOCS.read_text(encoding="utf-8")
    assert markdown_table() in text
    assert nameable_table() in text


def test_only_published_elements_stay() -> None:
    stripped = strip(radiograph())
    assert {element.keyword for element in stripped} <= visible_keywords()
    assert not [element for element in stripped if element.tag.is_private]


def test_no_secret_value_stays() -> None:
    text = str(strip(radiograph()))
    assert not [value for value in SECRETS.values() if value in text]


def test_what_interprets_the_pixels_stays_as_it_was() -> None:
    source = radiograph()
    stripped = strip(source)
    for keyword in (
        "Rows",
        "BitsStored",
        "PhotometricInterpretation",
        "ImagerPixelSpacing",
        "WindowWidth",
        "ViewPosition",
    ):
        assert stripped[keyword].value == source[keyword].value


def test_elements_that_must_be_present_stand_empty() -> None:
    stripped = strip(radiograph())
    assert [keyword for keyword in EMPTIED if keyword not in stripped] == []
    assert [keyword for keyword in EMPTIED if stripped[keyword].value] == []


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("BodyPartExamined", "IVANOVA"),
        ("ViewPosition", "PA ANNA"),
        ("ImageType", ["IVANOVA", "PRIMARY"]),
        ("RescaleType", "anna"),
        ("PixelIntensityRelationship", "IVANOVA"),
    ],
)
def test_a_value_of_another_form_is_left_out(keyword: str, value: object) -> None:
    assert keyword not in strip(radiograph(**{keyword: value}))


def test_values_after_the_first_of_another_form_are_left_out() -> None:
    stripped = strip(radiograph(ImageType=["DERIVED", "PRIMARY", "IVANOVA", "AXIAL"]))
    assert list(stripped.ImageType) == ["DERIVED", "PRIMARY"]


def test_the_meaning_of_a_region_is_written_from_the_list() -> None:
    (region,) = strip(radiograph()).AnatomicRegionSequence
    assert (region.CodeValue, region.CodeMeaning) == ("51185008", "Chest")


def test_an_unknown_region_leaves_an_empty_sequence() -> None:
    region = Dataset()
    region.CodeValue, region.CodingSchemeDesignator, region.CodeMeaning = "1", "99LOCAL", "Anna"
    assert len(strip(radiograph(AnatomicRegionSequence=[region])).AnatomicRegionSequence) == 0


def test_a_challenge_may_show_sex_age_and_manufacturer() -> None:
    stripped = strip(radiograph(), ("PatientSex", "PatientAge", "Manufacturer"))
    assert (stripped.PatientSex, stripped.PatientAge, stripped.Manufacturer) == ("F", "063Y", "Rayco")


def test_a_text_beyond_ascii_that_a_challenge_shows_is_utf_8() -> None:
    source = radiograph(InstitutionName="Клиника")
    assert strip(source, ("InstitutionName",)).SpecificCharacterSet == "ISO_IR 192"
    assert "SpecificCharacterSet" not in strip(source)


@pytest.mark.parametrize("keyword", ["PatientName", "PatientID", "StudyDate", "StudyDescription", "NoSuchElement"])
def test_a_challenge_may_not_show_identity(keyword: str) -> None:
    with pytest.raises(InvalidBundle) as caught:
        check_headers((keyword,))
    assert keyword in str(caught.value)


def test_every_nameable_element_may_be_named() -> None:
    check_headers(NAMEABLE)
    assert set(NAMEABLE).isdisjoint({"PatientName", "PatientID", "PatientBirthDate"})
