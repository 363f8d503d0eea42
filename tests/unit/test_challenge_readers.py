"""The readers' table is read strictly: each error names file, line, column, value and what is allowed."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
from statsmodels.stats.proportion import proportion_confint

from arena.challenge.bundle import Bundle, read_bundle
from arena.challenge.readers import MAX_BYTES, MAX_ROWS, read_readers, reader_values
from arena.challenge.schema import Declaration
from arena.errors import InvalidBundle
from arena.scoring.estimates import Method, Reason
from arena.scoring.reader_shares import share_estimate
from arena.scoring.readers import ReaderCurve, ReaderPoint, Share
from tests.bundles import CHALLENGE, write_bundle

TABLE = """\
finding,label,kind,readers,sensitivity,specificity,n_positive,n_negative,true_positive,true_negative,source
nodule,Reader 1,,,,,80,120,71,113,reading of 2026
nodule,Mean,point,12,0.86,0.94,,,,,
nodule,Mean,curve,12,0.95,0.7,,,,,
nodule,Mean,curve,12,0.5,0.99,,,,,
"""


def bundle_of(folder: Path, table: str | None = TABLE, name: str = "readers: readers.csv") -> Bundle:
    write_bundle(folder, f"{CHALLENGE}{name}\n")
    if table is not None:
        (folder / "readers.csv").write_text(table, encoding="utf-8")
    return read_bundle(folder)


def values_of(folder: Path, table: str = TABLE) -> tuple[tuple[ReaderPoint, ...], tuple[ReaderCurve, ...]]:
    readers = bundle_of(folder, table).declaration.readers
    assert readers is not None
    return reader_values(readers)


def test_counts_and_shares_become_exact_points(tmp_path: Path) -> None:
    (one, mean), _ = values_of(tmp_path)
    assert (one.label, one.readers, one.source) == ("Reader 1", 1, "reading of 2026")
    assert one.sensitivity == Share(Fraction(71, 80), 80, 71)
    assert one.specificity == Share(Fraction(113, 120), 120, 113)
    assert (mean.readers, mean.sensitivity, mean.specificity) == (12, Share(Fraction(43, 50)), Share(Fraction(47, 50)))


def test_rows_of_a_curve_are_joined_from_corner_to_corner(tmp_path: Path) -> None:
    _, (curve,) = values_of(tmp_path)
    shares = [(Fraction(0), Fraction(0)), (Fraction(1, 100), Fraction(1, 2)), (Fraction(3, 10), Fraction(19, 20))]
    assert curve.points == (*shares, (Fraction(1), Fraction(1)))
    trapezoids = [0.01 * 0.25, 0.29 * (0.5 + 0.95) / 2, 0.7 * (0.95 + 1) / 2]
    assert float(curve.auc) == pytest.approx(sum(trapezoids), abs=1e-12)


def test_the_curve_of_ratings_has_the_mann_whitney_area(tmp_path: Path) -> None:
    # Hanley and McNeil 1982, Radiology 143:29: ratings 1–5 of 58 normal and 51 abnormal; AUC .893.
    normal, abnormal = (33, 6, 6, 11, 2), (3, 2, 2, 11, 33)
    rows = [f"nodule,HM,curve,{sum(abnormal[cut:]) / 51:.6f},{sum(normal[:cut]) / 58:.6f}" for cut in range(1, 5)]
    _, (curve,) = values_of(tmp_path, "\n".join(["finding,label,kind,sensitivity,specificity", *rows]))
    assert float(curve.auc) == pytest.approx(0.89317, abs=1e-5)


def test_a_single_reader_has_the_interval_of_counts_or_else_of_the_share() -> None:
    counted = share_estimate(Share(Fraction(71, 80), 80, 71), readers=1, positive=True)
    exact = proportion_confint(71, 80, method="beta")
    assert (counted.low, counted.high) == pytest.approx(exact, abs=1e-7)
    assert (counted.method, counted.n_positive) == (Method.CLOPPER_PEARSON, 80)
    shared = share_estimate(Share(Fraction(9, 10), 100), readers=1, positive=False)
    assert (shared.low, shared.high) == pytest.approx(proportion_confint(90, 100, method="wilson"), abs=1e-12)
    assert (shared.n, shared.n_positive) == (100, 0)


@pytest.mark.parametrize(("n", "readers", "reason"), [(80, 5, Reason.SEVERAL_READERS), (None, 1, Reason.NO_COUNTS)])
def test_no_interval_is_made_up(n: int | None, readers: int, reason: Reason) -> None:
    estimate = share_estimate(Share(Fraction(9, 10), n), readers=readers, positive=True)
    assert (estimate.value, estimate.low, estimate.reason) == (0.9, None, reason)
    assert (estimate.n, estimate.n_positive) == (n, n), "a count that the table does not have is not 0"


@pytest.mark.parametrize(
    ("old", "new", "place", "value", "allowed"),
    [
        ("source\n", "origin\n", "line 1", "origin", "finding, label"),
        ("kind,readers", "kind,kind", "line 1", "kind", "columns that differ"),
        ("finding,label,kind", "finding,kind,source", "line 1", "source", "columns that differ"),
        ("nodule,Reader 1", "nodul,Reader 1", "line 2, column finding", "nodul", "nodule"),
        ("nodule,Reader 1", "nodule,", "line 2, column label", "", "1 to 60 printable"),
        ("nodule,Reader 1", "nodule,Rea\tder", "line 2, column label", "Rea der", "1 to 60 printable"),
        ("Mean,point", "Mean,dot", "line 3, column kind", "dot", "point, curve"),
        ("point,12", "point,0", "line 3, column readers", "0", "a whole number, 1 or more"),
        ("point,12", "point,a", "line 3, column readers", "a", "a whole number"),
        ("0.86", "86", "line 3, column sensitivity", "86", "a share from 0 to 1"),
        ("0.86", "1.2", "line 3, column sensitivity", "1.2", "a share from 0 to 1"),
        ("0.86", '"0,86"', "line 3, column sensitivity", "0,86", "such as 0.93"),
        ("0.86", "nan", "line 3, column sensitivity", "nan", "a share"),
        ("0.86", "", "line 3, column sensitivity", "", "sensitivity, specificity"),
        ("80,120,71,113", "80,120,71,", "line 2, column true_negative", "", "true_positive, true_negative"),
        ("80,120,71,113", "80,120,81,113", "line 2, column true_positive", "81", "up to n_positive, 80"),
        ("80,120,71,113", "0,120,0,113", "line 2, column n_positive", "0", "1 or more"),
        ("80,120,71,113", "-80,120,71,113", "line 2, column n_positive", "-80", "1 or more"),
        (",,,,80,120", ",,0.9,0.9,80,120", "line 2", "finding, label", "one or the other"),
        ("0.95,0.7,,", "0.95,0.7,80,", "line 4, column n_positive", "given", "nothing"),
        ("0.5,0.99", "0.5,0.1", "curve of nodule", "Mean", "never rises with specificity"),
        ("nodule,Mean,point", "nodule,Reader 1,point", "column label", "Reader 1", "labels that differ"),
        ("0.86,0.94,,,,,", "0.86,0.94,,,,", "line 3", "10", "11"),
    ],
)  # fmt: skip
def test_an_error_names_line_column_value_and_what_is_allowed(
    tmp_path: Path, old: str, new: str, place: str, value: str, allowed: str
) -> None:
    assert old in TABLE
    with pytest.raises(InvalidBundle) as caught:
        bundle_of(tmp_path, TABLE.replace(old, new, 1))
    facts = caught.value.facts
    assert str(facts["file"]).endswith("readers.csv")
    assert facts["key"] == place
    assert value in str(facts["value"])
    assert allowed in str(facts["allowed"])


@pytest.mark.parametrize(
    "name",
    ["readers: ../readers.csv", "readers: /etc/passwd", "readers: readers.txt", "readers: [a]", "readers: 1"],
)
def test_only_a_table_beside_the_declaration_can_be_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidBundle, match=r"challenge.yaml: readers: it names no table"):
        bundle_of(tmp_path, name=name)


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        (None, "the file is missing"),
        ("", "the column finding is missing"),
        ("finding,label,sensitivity,specificity\n", "the number of rows"),
        ("finding,label,sensitivity,specificity\n" + "nodule,A,1,1\n" * (MAX_ROWS + 1), "the number of rows"),
        ("x" * (MAX_BYTES + 1), "the table is too large"),
    ],
)
def test_a_table_of_no_use_is_refused_whole(tmp_path: Path, table: str | None, reason: str) -> None:
    with pytest.raises(InvalidBundle, match=reason):
        bundle_of(tmp_path, table)


def test_a_table_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    bundle_of(tmp_path)
    (tmp_path / "readers.csv").write_bytes(TABLE.replace("Mean", "Среднее").encode("cp1251"))
    with pytest.raises(InvalidBundle, match="UTF-8"):
        read_bundle(tmp_path)


def test_a_spreadsheet_s_byte_order_mark_and_line_ends_are_taken(tmp_path: Path) -> None:
    plain = bundle_of(tmp_path / "plain")
    (tmp_path / "plain" / "readers.csv").write_bytes(b"\xef\xbb\xbf" + TABLE.replace("\n", "\r\n").encode())
    assert read_bundle(tmp_path / "plain") == plain


def test_the_table_is_in_the_challenge_s_digest_and_judges_nobody(tmp_path: Path) -> None:
    none = read_bundle(write_bundle(tmp_path / "none"))
    one, other = bundle_of(tmp_path / "one"), bundle_of(tmp_path / "other", TABLE.replace("0.86", "0.87"))
    assert len({none.digest, one.digest, other.digest}) == 3
    assert len({none.judging_digest, one.judging_digest, other.judging_digest}) == 1


def test_a_stored_declaration_keeps_its_readers(tmp_path: Path) -> None:
    declaration = bundle_of(tmp_path).declaration
    assert Declaration.model_validate(declaration.model_dump(mode="json")) == declaration


def test_a_name_that_is_a_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "readers.csv").mkdir()
    with pytest.raises(InvalidBundle, match="cannot be read"):
        read_readers(tmp_path, "readers.csv", ["nodule"])
