"""Attacks 41 to 54: hostile answers of a real container, through a whole evaluation and the reader of answers."""

from __future__ import annotations

import csv
import io
import json
import math
import pickle
import sys
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from sqlmodel import select

from arena.evaluation.answers import LEVELS, Defect, Predictions, parse_answer
from arena.evaluation.record import read_table
from arena.settings import Settings
from arena.store.session import Store
from arena.store.tables import Evaluation, EvaluationState, Scorecard
from arena.wiring import open_host
from arena.worker import Worker
from runners.engine import Engine
from runners.images.build import build_from_files
from tests.hostile import payloads
from tests.hostile.apart import read_apart, reader
from tests.hostile.contest import unfinished
from tests.hostile.corpus import Witness, witness
from tests.hostile.payloads import OK, PAYLOADS, Payload
from tests.images import BASE_IMAGE, DOCKERFILE
from tests.seeding import FINDINGS, NOW, Roots, declaration, seed_case_set, seed_challenge, seed_submission

__all__ = ["witness"]

pytestmark = [pytest.mark.engine, pytest.mark.timeout(300)]

HONEST = 11
"""Cases after the hostile ones, which the same containers answer well."""

CASES = len(PAYLOADS) + HONEST
KILLED = {"overlong_line", "bytes_after_answer"}

PARSED = reader("import json", "json.loads(content)", "ValueError")
GUARDED = reader(
    "from arena.evaluation.answers import Defect, parse_answer\nfrom tests.seeding import FINDINGS",
    'assert parse_answer(content, "c0001", FINDINGS) != Defect.TOO_DEEP',
    "AssertionError",
)

MAIN = b"""
import json, os, sys
sys.path.insert(0, "/opt/algorithm")
from payloads import line_of

def say(data):
    while data:
        data = data[os.write(1, data):]

say(b'{"ready": true}\\n')
for request in sys.stdin:
    say(line_of(json.loads(request)["case"]) + b"\\n")
"""


@dataclass
class Evaluated:
    """What the host holds after one evaluation of the hostile algorithm."""

    cases: dict[str, dict[str, Any]]
    predictions: pa.Table
    scored: bool
    runtime: str

    def seen(self, payload: Payload) -> dict[str, Any]:
        """Return the row of the case that was answered with this payload."""
        return self.cases[f"c{PAYLOADS.index(payload) + 1:04d}"]

    def levels(self, case: str) -> dict[str, int]:
        """Return the levels that were kept of a case."""
        rows = self.predictions.to_pylist()
        return {row["finding"]: row["level"] for row in rows if row["case"] == case}


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> Evaluated:
    """Run the hostile algorithm through the real worker, once for all tests of this file."""
    Path(payloads.PICKLED).unlink(missing_ok=True)  # so that it is there only if the host has loaded the pickle
    home = tmp_path_factory.mktemp("answers")
    source = Path(payloads.__file__).read_bytes()
    files = {"Dockerfile": DOCKERFILE, "main.py": MAIN, "payloads.py": source}
    image_id = build_from_files(Engine(), files, "arena-test-hostile-answers", BASE_IMAGE)
    roots, settings = Roots(home), Settings(home=home)
    store = Store(settings.database)
    store.migrate()
    limits = {
        "cases_per_shard": CASES, "case_seconds": 20, "startup_seconds": 60, "memory_mib": 256, "answer_kib": 1024,
        "restarts": len(PAYLOADS),
    }  # fmt: skip
    window = {"opens_at": NOW - timedelta(days=1), "closes_at": NOW + timedelta(days=9)}
    phases = [{"name": "season", "title": {"en": "Season", "ru": "Сезон"}, "cases": "public", **window}]
    version = seed_challenge(store, declaration(phases=phases, limits=limits))
    case_set = seed_case_set(store, roots, "public", CASES)
    _, code = seed_submission(store, "mallory", case_set, version, image_id=image_id)
    Worker(open_host(settings), clock=lambda: NOW).run_until_idle()
    with store.read() as session:
        evaluation = session.get_one(Evaluation, code)
        scored = session.exec(select(Scorecard)).first() is not None
    left = unfinished(store)
    store.close()
    assert left == []
    assert evaluation.state == EvaluationState.SCORED
    assert evaluation.cases_sha256 is not None
    assert evaluation.predictions_sha256 is not None
    rows = read_table(roots.results, evaluation.cases_sha256).to_pylist()
    predictions = read_table(roots.results, evaluation.predictions_sha256)
    return Evaluated({row["case"]: row for row in rows}, predictions, scored, settings.runtime)


@pytest.fixture(autouse=True)
def _tried_by_a_container_and_by_the_reader(evaluated: Evaluated, witness: Witness) -> None:
    witness.tried_on(evaluated.runtime, "the reader of answers")


def hold(evaluated: Evaluated, attack: int) -> None:
    """Hold reader and record of every payload of an attack to what it has to come to."""
    for payload in [each for each in PAYLOADS if each.attack == attack]:
        row = evaluated.seen(payload)
        if payload.reason == OK:
            assert (row["outcome"], row["reason"]) == ("ok", None), payload.name
            assert isinstance(parse_answer(payload.line("c0001"), "c0001", FINDINGS), Predictions), payload.name
            continue
        assert (row["outcome"], row["reason"]) == ("invalid_answer", payload.reason), payload.name
        assert evaluated.levels(row["case"]) == {}, "nothing of an invalid answer is kept"
        if payload.reason not in KILLED:
            assert parse_answer(payload.line("c0007"), "c0007", FINDINGS) == Defect(payload.reason), payload.name


def lines(attack: int, case: str = "c0007") -> list[bytes]:
    """Return the answers of an attack."""
    return [payload.line(case) for payload in PAYLOADS if payload.attack == attack]


def test_the_honest_cases_of_the_hostile_algorithm_are_scored(evaluated: Evaluated) -> None:
    honest = [f"c{number:04d}" for number in range(len(PAYLOADS) + 1, CASES + 1)]
    assert [evaluated.cases[case]["outcome"] for case in honest] == ["ok"] * HONEST
    assert [evaluated.levels(case) for case in honest] == [{"nodule": 5000, "effusion": 2500}] * HONEST
    assert evaluated.scored


def test_attack_41_numbers_that_are_not_finite(evaluated: Evaluated, witness: Witness) -> None:
    values = [json.loads(line)["findings"]["effusion"] for line in lines(41)]
    assert not any(math.isfinite(value) for value in values)
    witness.without_guard("Python's JSON reader gives NaN and infinity")
    hold(evaluated, 41)
    witness.with_guard("invalid answer: not_a_number, out_of_range")


def test_attack_42_texts_that_float_takes_for_numbers(evaluated: Evaluated, witness: Witness) -> None:
    assert [float("1_0"), float(True), float("\u0660.\u0665")] == [10.0, 1.0, 0.5]
    assert math.isnan(float(" nan "))
    witness.without_guard("float() reads all of them")
    hold(evaluated, 42)
    witness.with_guard("invalid answer: out_of_range, not_a_number, not_json")


def test_attack_43_the_same_key_twice(evaluated: Evaluated, witness: Witness) -> None:
    assert json.loads(lines(43)[0])["findings"]["nodule"] == 0.9
    witness.without_guard("the last of two keys wins in silence")
    hold(evaluated, 43)
    witness.with_guard("invalid answer: duplicate_key")


def test_attack_44_integers_of_hundreds_of_digits(evaluated: Evaluated, witness: Witness) -> None:
    with pytest.raises(OverflowError):
        float(json.loads(lines(44)[0])["findings"]["effusion"])
    with pytest.raises(ValueError, match="limit"):
        json.loads(lines(44)[1])
    witness.without_guard("OverflowError and ValueError out of the reader")
    hold(evaluated, 44)
    witness.with_guard("invalid answer: not_a_number")


def test_attack_45_nesting_without_end(evaluated: Evaluated, witness: Witness) -> None:
    with pytest.raises(RecursionError):
        json.loads(lines(45)[0])
    witness.without_guard("RecursionError out of the reader")
    hold(evaluated, 45)
    witness.with_guard("invalid answer: too_deep, before it is parsed")


def test_attack_46_lists_that_eat_the_reader_s_memory(evaluated: Evaluated, witness: Witness) -> None:
    small, large = lines(46)
    parsed = json.loads(small)
    assert sys.getsizeof(parsed[0]) * len(parsed) > 15 * len(small)
    witness.without_guard("each two bytes of [] become an object of 56 bytes and its place in a list")
    said, grown = read_apart(PARSED, large[: 1 + 3 * 1_000_000] + b"[]]")
    assert (said, grown > 50) == ("read", True), "of 3 MB"
    said, grown = read_apart(GUARDED, large)
    assert (said, grown < 50) == ("refused", True), "30 MB as text, no more"
    hold(evaluated, 46)
    witness.with_guard("a line over the limit ends the container; a shorter one is an invalid answer, unparsed")


def test_attack_47_other_encodings(evaluated: Evaluated, witness: Witness) -> None:
    assert json.loads(lines(47)[1])["case"] == "c0007"
    witness.without_guard("json.loads guesses UTF-16 and reads it")
    hold(evaluated, 47)
    witness.with_guard("invalid answer: not_json, not_utf8")


def test_attack_48_nul_and_lone_surrogate(evaluated: Evaluated, witness: Witness) -> None:
    name = next(key for key in json.loads(lines(48)[2])["findings"] if key not in FINDINGS)
    with pytest.raises(UnicodeEncodeError):
        name.encode()
    witness.without_guard("the text is read, and crashes whoever writes it out")
    hold(evaluated, 48)
    witness.with_guard("invalid answer: wrong_case, not_json, unknown_finding")


def test_attack_49_a_quote_that_is_never_closed(evaluated: Evaluated, witness: Witness) -> None:
    table = "case,effusion\n" + '"c0001,0.1\n' + "c0002,0.2\nc0003,0.3\n"
    assert len(list(csv.reader(io.StringIO(table)))) == 2
    witness.without_guard("a table reader swallows all rows that follow, in silence")
    hold(evaluated, 49)
    witness.with_guard("one line answers one case, no table is read: not_json, and the next case counts")


def test_attack_50_a_field_longer_than_readers_take(evaluated: Evaluated, witness: Witness) -> None:
    with pytest.raises(csv.Error, match="field larger"):
        list(csv.reader(io.StringIO("a" * 200_000)))
    witness.without_guard("csv.Error out of the reader")
    hold(evaluated, 50)
    witness.with_guard("invalid answer: bad_abstention; the text is not kept")


def test_attack_51_case_names_that_are_not_the_case_s(evaluated: Evaluated, witness: Witness) -> None:
    assert {json.loads(line)["case"].strip("\u200b").replace("\u0441", "c").lower() for line in lines(51)[4:]} == {
        "c0007"
    }
    witness.without_guard("readers that fold case or strip marks take the name for the case's")
    hold(evaluated, 51)
    witness.with_guard("invalid answer: wrong_case; a second answer ends the container")


def test_attack_52_line_ends_nothing_headers_and_extra_fields(evaluated: Evaluated, witness: Witness) -> None:
    assert list(csv.DictReader(io.StringIO("case,effusion,nodule\n"))) == []
    witness.without_guard("a table of headers only reads as no cases, without an error")
    hold(evaluated, 52)
    witness.with_guard("CRLF is read as a line end; the others are invalid answers")


def test_attack_53_files_that_run_code_when_loaded(evaluated: Evaluated, witness: Witness) -> None:
    trace = Path(payloads.PICKLED)
    assert not trace.exists(), "the evaluation has loaded it"
    hold(evaluated, 53)
    try:
        pickle.loads(payloads.PICKLE).close()  # noqa: S301 - to show what loading does
        assert trace.exists()
    finally:
        trace.unlink(missing_ok=True)
    witness.without_guard("loading the pickle runs what its author wants")
    witness.with_guard("invalid answer: not_utf8, missing_finding; nothing of the host loads such files")


def test_attack_54_pixels_in_the_digits_of_a_probability(evaluated: Evaluated, witness: Witness) -> None:
    payload = next(each for each in PAYLOADS if each.attack == 54)
    naive = json.loads(payload.line("c0001"))["findings"]["effusion"]
    assert repr(naive) == "0.12345678901234568"
    witness.without_guard("a double keeps 53 bits for each finding of each case")
    hold(evaluated, 54)
    assert evaluated.levels(evaluated.seen(payload)["case"]) == {"effusion": 1235, "nodule": 5000}
    assert evaluated.predictions.schema.field("level").type == pa.uint16()
    assert max(evaluated.predictions["level"].to_pylist()) <= LEVELS
    witness.with_guard("10,001 levels are kept (13.3 bits), which stay on the host")
