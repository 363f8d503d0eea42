"""Answers that a hostile container gives, by the number of the attack; the tests put this file into an image as it is.

Nothing but the standard library, for the container has no more.
"""

from __future__ import annotations

import base64
import pickle
from collections.abc import Callable
from dataclasses import dataclass

OK = "ok"
PICKLED = "/tmp/arena-pickle-was-loaded"  # noqa: S108 - the place of a witness, made by nobody


@dataclass(frozen=True)
class Payload:
    """One answer: its attack, a name, the bytes for a case, and the reason that must stand in the record."""

    attack: int
    name: str
    line: Callable[[str], bytes]
    reason: str


def answer(case: str, effusion: str = "0.25", nodule: str = "0.5", more: str = "") -> bytes:
    """Return an answer that is right but for what is put in."""
    return f'{{"case": "{case}", "findings": {{"nodule": {nodule}, "effusion": {effusion}}}{more}}}'.encode()


def number(text: str) -> Callable[[str], bytes]:
    """Answer with this text where a probability is due."""
    return lambda case: answer(case, effusion=text)


def named(change: Callable[[str], str]) -> Callable[[str], bytes]:
    """Answer under another case's name."""
    return lambda case: answer(change(case))


def raw(content: bytes) -> Callable[[str], bytes]:
    """Answer these bytes."""
    return lambda _case: content


class Trap:
    """Makes a file when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return open, (PICKLED, "w")


PICKLE = pickle.dumps(Trap(), protocol=4)
NPY = b"\x93NUMPY\x01\x00v\x00{'descr': '|O', 'fortran_order': False, 'shape': (1,), }"

PAYLOADS = (
    Payload(41, "nan", number("NaN"), "not_a_number"),
    Payload(41, "infinity", number("Infinity"), "not_a_number"),
    Payload(41, "1e400", number("1e400"), "out_of_range"),
    Payload(42, "negative", number("-0.1"), "out_of_range"),
    Payload(42, "above_one", number("1.0001"), "out_of_range"),
    Payload(42, "true", number("true"), "not_a_number"),
    Payload(42, "underscore_in_a_string", number('"1_0"'), "not_a_number"),
    Payload(42, "nan_in_a_string", number('" nan "'), "not_a_number"),
    Payload(42, "arabic_digits", number("\u0660.\u0665"), "not_json"),
    Payload(42, "arabic_digits_in_a_string", number('"\u0660.\u0665"'), "not_a_number"),
    Payload(43, "finding_twice", lambda case: answer(case, nodule='0.1, "nodule": 0.9'), "duplicate_key"),
    Payload(43, "case_twice", lambda case: answer(case, more=f', "case": "{case}"'), "duplicate_key"),
    Payload(44, "400_digits", number("9" * 400), "not_a_number"),
    Payload(44, "5000_digits", number("9" * 5000), "not_a_number"),
    Payload(45, "nested", raw(b"[" * 100_000), "too_deep"),
    Payload(46, "empty_lists", raw(b"[" + b"[]," * 300_000 + b"[]]"), "too_deep"),
    Payload(46, "30_mb_of_empty_lists", raw(b"[" + b"[]," * 10_000_000 + b"[]]"), "overlong_line"),
    Payload(47, "byte_order_mark", lambda case: b"\xef\xbb\xbf" + answer(case), "not_json"),
    Payload(47, "utf_16", lambda case: answer(case).decode().encode("utf-16"), "not_utf8"),
    Payload(48, "escaped_nul", lambda case: answer(case + "\\u0000"), "wrong_case"),
    Payload(48, "raw_nul", lambda case: answer(case, nodule="0.5\x00"), "not_json"),
    Payload(48, "lone_surrogate", lambda case: answer(case, nodule='0.5, "\\ud800": 0.5'), "unknown_finding"),
    Payload(49, "unclosed_quote", lambda case: f'"{case},0.25,0.5'.encode(), "not_json"),
    Payload(
        50, "long_field", lambda case: answer(case, more=f', "abstain": true, "reason": "{"a" * 200_000}"'),
        "bad_abstention",
    ),
    Payload(51, "no_case", raw(b'{"findings": {"nodule": 0.5, "effusion": 0.25}}'), "wrong_case"),
    Payload(51, "unknown", named(lambda _case: "c9999"), "wrong_case"),
    Payload(51, "first_case_again", named(lambda _case: "c0001"), "wrong_case"),
    Payload(51, "answered_twice", lambda case: answer(case) + b"\n" + answer(case), "bytes_after_answer"),
    Payload(51, "capital", named(str.upper), "wrong_case"),
    Payload(51, "look_alike", named(lambda case: "\u0441" + case[1:]), "wrong_case"),
    Payload(51, "zero_width", named(lambda case: case + "\u200b"), "wrong_case"),
    Payload(52, "crlf", lambda case: answer(case) + b"\r", OK),
    Payload(52, "nothing", raw(b""), "not_json"),
    Payload(52, "header_only", raw(b"case,effusion,nodule"), "not_json"),
    Payload(52, "extra_field", lambda case: answer(case, more=', "confidence": 1'), "unknown_key"),
    Payload(53, "pickle", raw(PICKLE), "not_utf8"),
    Payload(53, "npy", raw(NPY), "not_utf8"),
    Payload(53, "base64_pickle", lambda case: f'{{"case": "{case}", "findings": "{base64.b64encode(PICKLE).decode()}"}}'.encode(), "missing_finding"),
    Payload(54, "digits", number("0.123456789012345678901234567890"), OK),
)  # fmt: skip


def line_of(case: str) -> bytes:
    """Return what is answered to a case: the payload of its number, an honest answer beyond them."""
    index = int(case[1:]) - 1
    return PAYLOADS[index].line(case) if index < len(PAYLOADS) else answer(case)
