"""Attacks 72 and 74: names that reach spreadsheets, terminals and pages. HTML and Markdown (73): the browser's tests."""

from __future__ import annotations

import csv
import io
import unicodedata
from dataclasses import replace
from pathlib import Path

import pytest

from arena.errors import MalformedSubmission
from arena.presentation.reader import Reader
from arena.presentation.tables import leaderboard_csv
from arena.store.documents import Disclosure
from arena.submission.names import clean_name
from tests.browser.showcase import FINAL, SLUG, Showcase
from tests.hostile.corpus import Witness, witness

__all__ = ["witness"]

FORMULAS = ("=cmd|' /C calc'!A0", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "  =1", "\uff1d1+1")
DECEPTIVE = (
    "Nova\u202enacS",  # right-to-left override
    "Nova\u200bScan",  # zero-width space
    "Nova\u2066Scan",
    "N\u043evaScan",  # a Cyrillic o among Latin letters
    "Nova\u0301" * 3 + "\u0489",
    "N" * 10_000,
    "Nova\x1b[31mScan",
)


def test_attack_72_formulas_in_names(tmp_path: Path, witness: Witness) -> None:
    target = io.StringIO()
    csv.writer(target).writerow(FORMULAS)
    assert next(csv.reader(io.StringIO(target.getvalue(), newline="")))[0].startswith("=cmd")
    witness.without_guard("a table writer passes formulas on, and a spreadsheet computes them")
    for name in FORMULAS:
        with pytest.raises(MalformedSubmission):
            clean_name("vendor", name)
    # Should a name of that kind ever stand in the store all the same, the table still holds no formula.
    showcase = Showcase(tmp_path)
    showcase.declare()
    lines = tuple(replace(FINAL[0], code=f"{FINAL[0].code}{k}", vendor=name) for k, name in enumerate(FORMULAS))
    showcase.publish("spring-final", lines, Disclosure.CLOSED)
    reader = Reader(showcase.store, showcase.public, clock=lambda: showcase.now)
    record = reader.phase(reader.challenge(SLUG), "spring-final").record
    assert record is not None
    rows = list(csv.DictReader(io.StringIO(leaderboard_csv(record), newline="")))
    assert len(rows) == len(FORMULAS)
    assert {row["vendor"][0] for row in rows} == {"'"}
    witness.with_guard("refused as a name; a cell that begins like a formula gets an apostrophe")


def test_attack_74_names_that_deceive_the_eye(witness: Witness) -> None:
    assert "Nova\u202enacS".isprintable() is False
    assert unicodedata.normalize("NFKC", "Nova\u200bScan") != "NovaScan"
    assert len(unicodedata.normalize("NFKC", "N" * 10_000)) == 10_000
    witness.without_guard("normalising alone leaves direction marks, zero-width letters and any length")
    for name in DECEPTIVE:
        with pytest.raises(MalformedSubmission) as caught:
            clean_name("vendor", name)
        assert len(str(caught.value)) < 400, "the message does not repeat it"
    assert clean_name("vendor", "\uff2e\uff4f\uff56\uff41 Scan") == "Nova Scan"
    witness.with_guard("refused: letters of one alphabet a word, 2 to 40 signs, in one normal form")
