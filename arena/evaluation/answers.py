"""Turns one answer's hostile bytes into predictions or a typed defect; nothing else in Arena parses an answer.

An answer is one JSON object (docs/contract.md). Numbers are read from their own text by a strict grammar and rounded
half-even to four decimals as decimals, so that no binary float stands between the vendor's digits and the level.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from enum import StrEnum
from typing import Any

LEVELS = 10_000
_QUANTUM = Decimal("0.0001")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,30})(?:\.[0-9]{1,60})?(?:[eE][+-]?[0-9]{1,4})?")
_MAX_BRACKETS = 4096


class Defect(StrEnum):
    """Why an answer is invalid: a closed list, safe to count, never text of the answer."""

    NOT_UTF8 = "not_utf8"
    NOT_JSON = "not_json"
    TOO_DEEP = "too_deep"
    DUPLICATE_KEY = "duplicate_key"
    NOT_AN_OBJECT = "not_an_object"
    UNKNOWN_KEY = "unknown_key"
    WRONG_CASE = "wrong_case"
    MISSING_FINDING = "missing_finding"
    UNKNOWN_FINDING = "unknown_finding"
    NOT_A_NUMBER = "not_a_number"
    OUT_OF_RANGE = "out_of_range"
    BAD_ABSTENTION = "bad_abstention"


class AbstentionReason(StrEnum):
    """Why an algorithm may decline a case."""

    WRONG_MODALITY = "wrong_modality"
    WRONG_BODY_PART = "wrong_body_part"
    UNREADABLE = "unreadable"
    WRONG_NUMBER_OF_IMAGES = "wrong_number_of_images"


@dataclass(frozen=True, slots=True)
class Predictions:
    """One level in 0…10,000 (probability × 10,000) for each finding, in the order asked for."""

    levels: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Abstention:
    """The algorithm declined the case."""

    reason: AbstentionReason


class _Number(str):
    """The text of a JSON number, kept apart from JSON strings."""

    __slots__ = ()


class _InvalidAnswerError(Exception):
    def __init__(self, defect: Defect) -> None:
        super().__init__(defect)
        self.defect = defect


def parse_answer(line: bytes, case: str, findings: Sequence[str]) -> Predictions | Abstention | Defect:
    """Read one answer line.

    Args:
        line: The bytes that the runner cut, without the newline; its length is already bounded.
        case: The case that was asked for.
        findings: Codes of the findings that every answer must name, no more and no fewer.

    Returns:
        The predictions, an abstention, or the first defect found.
    """
    try:
        answer = _read_object(line)
        if set(answer) - {"case", "findings", "abstain", "reason"}:
            return Defect.UNKNOWN_KEY
        if type(answer.get("case")) is not str or answer["case"] != case:
            return Defect.WRONG_CASE
        if "abstain" in answer or "reason" in answer:
            return _abstention(answer)
        return _predictions(answer.get("findings"), findings)
    except _InvalidAnswerError as error:
        return error.defect


def _read_object(line: bytes) -> dict[str, Any]:
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _InvalidAnswerError(Defect.NOT_UTF8) from error
    if line.count(b"[") + line.count(b"{") > _MAX_BRACKETS:
        raise _InvalidAnswerError(Defect.TOO_DEEP)
    try:
        answer = json.loads(
            text, object_pairs_hook=_unique, parse_float=_Number, parse_int=_Number, parse_constant=_refuse_constant
        )
    except RecursionError as error:
        raise _InvalidAnswerError(Defect.TOO_DEEP) from error
    except ValueError as error:
        raise _InvalidAnswerError(Defect.NOT_JSON) from error
    if not isinstance(answer, dict):
        raise _InvalidAnswerError(Defect.NOT_AN_OBJECT)
    return answer


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise _InvalidAnswerError(Defect.DUPLICATE_KEY)
    return result


def _refuse_constant(_name: str) -> None:
    # Python reads NaN, Infinity and -Infinity although JSON has no such words.
    raise _InvalidAnswerError(Defect.NOT_A_NUMBER)


def _abstention(answer: dict[str, Any]) -> Abstention | Defect:
    if answer.get("abstain") is not True or type(answer.get("reason")) is not str:
        return Defect.BAD_ABSTENTION
    try:
        return Abstention(AbstentionReason(answer["reason"]))
    except ValueError:
        return Defect.BAD_ABSTENTION


def _predictions(given: object, findings: Sequence[str]) -> Predictions | Defect:
    if not isinstance(given, dict):
        return Defect.MISSING_FINDING
    if set(findings) - set(given):
        return Defect.MISSING_FINDING
    if set(given) - set(findings):
        return Defect.UNKNOWN_FINDING
    return Predictions(tuple(_level(given[finding]) for finding in findings))


def _level(value: object) -> int:
    # Exactly the number's text: a JSON string, true or a list is no number.
    if type(value) is not _Number or not _NUMBER.fullmatch(value):
        raise _InvalidAnswerError(Defect.NOT_A_NUMBER)
    probability = Decimal(value)
    if not 0 <= probability <= 1:
        raise _InvalidAnswerError(Defect.OUT_OF_RANGE)
    return int(probability.quantize(_QUANTUM, rounding=ROUND_HALF_EVEN) * LEVELS)
