"""The reader of hostile answers."""

from __future__ import annotations

import json
from decimal import ROUND_HALF_EVEN, Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arena.evaluation.answers import Abstention, AbstentionReason, Defect, Predictions, parse_answer

FINDINGS = ("effusion", "nodule")


def answer(effusion: str = "0.25", nodule: str = "0.5", case: str = '"c0001"') -> bytes:
    return f'{{"case": {case}, "findings": {{"nodule": {nodule}, "effusion": {effusion}}}}}'.encode()


def test_an_answer_gives_levels_in_the_order_asked_for() -> None:
    assert parse_answer(answer(), "c0001", FINDINGS) == Predictions((2500, 5000))


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("0", 0),
        ("1", 10_000),
        ("-0.0", 0),
        ("1.0", 10_000),
        ("1e-4", 1),
        ("0.00005", 0),
        ("0.00015", 2),
        ("0.00025", 2),
        ("9.9999e-1", 9_999 + 1),
        ("1e-9999", 0),
    ],
)
def test_probabilities_are_rounded_half_even_on_their_decimal_digits(text: str, level: int) -> None:
    assert parse_answer(answer(effusion=text), "c0001", FINDINGS) == Predictions((level, 5000))


@pytest.mark.parametrize(
    ("line", "defect"),
    [
        (b"", Defect.NOT_JSON),
        (b"garbage", Defect.NOT_JSON),
        (b"\xff\xfe{\x00", Defect.NOT_UTF8),
        (b"\xef\xbb\xbf" + answer(), Defect.NOT_JSON),
        (b"[1]", Defect.NOT_AN_OBJECT),
        (b"[" * 100_000, Defect.TOO_DEEP),
        (b"[" * 4000, Defect.TOO_DEEP),
        (answer() + answer(), Defect.NOT_JSON),
        (answer(effusion="NaN"), Defect.NOT_A_NUMBER),
        (answer(effusion="Infinity"), Defect.NOT_A_NUMBER),
        (answer(effusion="-Infinity"), Defect.NOT_A_NUMBER),
        (answer(effusion="true"), Defect.NOT_A_NUMBER),
        (answer(effusion="null"), Defect.NOT_A_NUMBER),
        (answer(effusion='"0.5"'), Defect.NOT_A_NUMBER),
        (answer(effusion="[0.5]"), Defect.NOT_A_NUMBER),
        (answer(effusion="1_0"), Defect.NOT_JSON),
        (answer(effusion="0x1"), Defect.NOT_JSON),
        (answer(effusion="٠"), Defect.NOT_JSON),
        (answer(effusion="1e400"), Defect.OUT_OF_RANGE),
        (answer(effusion="1e99999"), Defect.NOT_A_NUMBER),
        (answer(effusion="1.00001"), Defect.OUT_OF_RANGE),
        (answer(effusion="-0.1"), Defect.OUT_OF_RANGE),
        (answer(effusion="9" * 400), Defect.NOT_A_NUMBER),
        (answer(effusion="9" * 5000), Defect.NOT_A_NUMBER),
        (answer(case='"c0002"'), Defect.WRONG_CASE),
        (answer(case='"C0001"'), Defect.WRONG_CASE),
        (answer(case='"c0001\\u200b"'), Defect.WRONG_CASE),
        (answer(case='"\\ud800"'), Defect.WRONG_CASE),
        (answer(case="1"), Defect.WRONG_CASE),
        (b'{"case":"c0001","case":"c0001","findings":{}}', Defect.DUPLICATE_KEY),
        (b'{"case":"c0001","findings":{"nodule":0.1,"nodule":0.9,"effusion":0}}', Defect.DUPLICATE_KEY),
        (b'{"case":"c0001"}', Defect.MISSING_FINDING),
        (b'{"case":"c0001","findings":{"nodule":0.1}}', Defect.MISSING_FINDING),
        (b'{"case":"c0001","findings":{"nodule":0.1,"effusion":0.1,"mass":0.1}}', Defect.UNKNOWN_FINDING),
        (b'{"case":"c0001","findings":{"nodule":0.1,"effusion":0.1},"x":1}', Defect.UNKNOWN_KEY),
        (b'{"case":"c0001","abstain":true}', Defect.BAD_ABSTENTION),
        (b'{"case":"c0001","abstain":1,"reason":"unreadable"}', Defect.BAD_ABSTENTION),
        (b'{"case":"c0001","abstain":true,"reason":"tired"}', Defect.BAD_ABSTENTION),
    ],
)
def test_each_defect_is_named(line: bytes, defect: Defect) -> None:
    assert parse_answer(line, "c0001", FINDINGS) == defect


def test_an_abstention_gives_a_reason_out_of_the_closed_list() -> None:
    line = b'{"case":"c0001","abstain":true,"reason":"wrong_body_part"}'
    assert parse_answer(line, "c0001", FINDINGS) == Abstention(AbstentionReason.WRONG_BODY_PART)


@given(st.binary(max_size=400))
@settings(max_examples=2000, deadline=None)
def test_no_bytes_raise(line: bytes) -> None:
    assert isinstance(parse_answer(line, "c0001", FINDINGS), Predictions | Abstention | Defect)


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
    )
)
def test_no_json_value_raises(value: object) -> None:
    assert isinstance(parse_answer(json.dumps(value).encode(), "c0001", FINDINGS), Predictions | Abstention | Defect)


@given(st.data())
@settings(max_examples=2000, deadline=None)
def test_no_damage_to_an_answer_raises(data: st.DataObject) -> None:
    content = bytearray(
        data.draw(st.sampled_from([answer(), b'{"case":"c0001","abstain":true,"reason":"unreadable"}']))
    )
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(content)))
        content[at : at + data.draw(st.integers(0, 2))] = data.draw(
            st.sampled_from([b"", b"[", b"e9", b"\\", b'"', b"\xff", b":"])
        )
    found = parse_answer(bytes(content), "c0001", FINDINGS)
    assert isinstance(found, Predictions | Abstention | Defect)


@given(st.decimals(min_value=0, max_value=1, places=9))
def test_a_level_is_the_decimal_rounded_half_even(probability: Decimal) -> None:
    expected = int((probability * 10_000).quantize(Decimal(1), rounding=ROUND_HALF_EVEN))
    assert parse_answer(answer(effusion=f"{probability:f}"), "c0001", FINDINGS) == Predictions((expected, 5000))
