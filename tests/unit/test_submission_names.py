"""Names are of one form and one alphabet a word; codes made of them are safe in a link."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arena.errors import MalformedSubmission
from arena.submission.names import clean_name, code_of


@pytest.mark.parametrize(
    ("given_name", "name", "code"),
    [
        ("Acme", "Acme", "acme"),
        ("  Acme   Labs ", "Acme Labs", "acme-labs"),
        ("NoduleNet 2.1_b", "NoduleNet 2.1_b", "nodulenet-2-1-b"),
        ("Щёлково 3D", "Щёлково 3D", "shchelkovo-3d"),
        ("Société Générale", "Société Générale", "societe-generale"),
        ("Ａｃｍｅ", "Acme", "acme"),
        ("Рентген Lab", "Рентген Lab", "rentgen-lab"),
    ],
)
def test_a_name_has_one_form_and_a_readable_code(given_name: str, name: str, code: str) -> None:
    assert clean_name("vendor", given_name) == name
    assert code_of(name) == code


@pytest.mark.parametrize(
    "name",
    ["", "A", " A ", "x" * 41, "-Acme", ".Acme", "Acme/Labs", "Acme<script>", "Acme\x00", "名前", "Acme\u202eemca", "А́́́cme", "١٢"],
)  # fmt: skip
def test_a_name_of_another_form_is_refused(name: str) -> None:
    with pytest.raises(MalformedSubmission, match="2 to 40 Latin or Cyrillic letters"):
        clean_name("vendor", name)


def test_two_alphabets_in_one_word_are_refused() -> None:
    with pytest.raises(MalformedSubmission, match="one alphabet"):
        clean_name("algorithm", "Aсme")  # the second letter is Cyrillic


def test_a_name_without_transliteration_gets_a_digest() -> None:
    assert re.fullmatch(r"n-[0-9a-f]{10}", code_of("ъь"))
    assert code_of("ъь") != code_of("ьъ")


letters = st.text(st.sampled_from("abzABZ019 ._-абяАБЯ"), max_size=45)


@given(letters)
def test_whatever_is_accepted_is_stable_and_its_code_is_safe_in_a_link(text: str) -> None:
    try:
        name = clean_name("vendor", text)
    except MalformedSubmission:
        return
    assert clean_name("vendor", name) == name
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", code_of(name))
