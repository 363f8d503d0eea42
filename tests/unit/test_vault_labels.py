"""Each defect of a label table has its message, which counts the offences and names up to five."""

from __future__ import annotations

from pathlib import Path

import pytest

from arena.errors import ReferenceMismatch
from arena.vault.labels import match_folder, read_labels
from arena.vault.studies import Attributes

FINDINGS = ("nodule", "effusion")
HEADER = "study,patient,nodule,effusion\n"


def table(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "labels.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def refused(tmp_path: Path, text: str | bytes) -> str:
    with pytest.raises(ReferenceMismatch) as caught:
        read_labels(table(tmp_path, text), FINDINGS)
    message = str(caught.value)
    assert message.startswith("labels.csv: ")
    assert message.endswith("Nothing was imported; mend the table and import again.")
    return message


def test_values_are_read_in_the_order_of_the_findings(tmp_path: Path) -> None:
    text = "effusion,study,nodule,patient\n1,a.dcm,0,x\n,b/,unknown,y\n"
    rows = read_labels(table(tmp_path, text), FINDINGS)
    assert [(r.study, r.patient, r.labels) for r in rows] == [("a.dcm", "x", (0, 1)), ("b", "y", (None, None))]


def test_optional_columns_become_attributes(tmp_path: Path) -> None:
    text = "study,patient,nodule,effusion,sex,age,site,manufacturer\na,x,0,1,M,63,North,Rayco\nb,y,0,1,,,,\n"
    first, second = read_labels(table(tmp_path, text), FINDINGS)
    assert first.attributes == Attributes("M", 63, "North", "Rayco")
    assert second.attributes == Attributes()


def test_a_declared_further_column_is_read_beside_the_attributes(tmp_path: Path) -> None:
    text = "study,patient,nodule,effusion,sex,projection\na,x,0,1,M,PA\nb,y,0,1,,\n"
    first, second = read_labels(table(tmp_path, text), FINDINGS, ("sex", "projection"))
    assert (first.attributes, first.further) == (Attributes("M"), (("projection", "PA"),))
    assert second.further == ()


def test_a_declared_further_column_must_be_there_and_its_texts_be_short(tmp_path: Path) -> None:
    with pytest.raises(ReferenceMismatch, match="1 columns are missing: projection"):
        read_labels(table(tmp_path, HEADER + "a,x,0,1\n"), FINDINGS, ("projection",))
    long = f"{HEADER.strip()},projection\na,x,0,1,{'P' * 65}\n"
    with pytest.raises(ReferenceMismatch, match="projection \\(at most 64 characters\\)"):
        read_labels(table(tmp_path, long), FINDINGS, ("projection",))


def test_a_byte_order_mark_and_windows_lines_are_read(tmp_path: Path) -> None:
    text = b"\xef\xbb\xbf" + HEADER.replace("\n", "\r\n").encode() + b"a,x,0,1\r\n"
    assert len(read_labels(table(tmp_path, text), FINDINGS)) == 1


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "the table is empty: no header line"),
        (HEADER, "the table is empty: no row below the header"),
        ("study,patient,nodule\na,x,0\n", "1 columns are missing: effusion"),
        ("study;patient;nodule;effusion\na;x;0;1\n", "4 columns are missing: study, patient, nodule, effusion"),
        (
            "study,patient,nodule,effusion,nodul\na,x,0,1,1\n",
            "1 columns are unknown (allowed: study, patient, nodule, effusion, sex",
        ),
        ("study,patient,nodule,effusion,nodule\na,x,0,1,1\n", "1 columns stand twice: nodule"),
        (HEADER + "a,x,0\nb,y,0,1,1\n", "2 rows have not as many values as the header: row 2, row 3"),
        (HEADER + "a,x,0,1\nb,y,0,1\n./a,x,1,1\n", "1 studies have more than one row: a"),
        (HEADER + "a,,0,1\n", "1 studies name no patient: a"),
        (HEADER + "a,x,2,1\nb,y,yes,0.5\n", 'nodule "2", b: nodule "yes", b: effusion "0.5"'),
        (HEADER + "../a,x,0,1\n", 'a study\'s path must lead down from the folder: "../a"'),
        (HEADER + "/etc/passwd,x,0,1\n", 'a study\'s path must lead down from the folder: "/etc/passwd"'),
        (HEADER + ".,x,0,1\n", "a study's path must lead down from the folder"),
        (HEADER + 'a,"x,0,1\n', "the table is not CSV"),
        (HEADER.encode() + b"\xcf\xd0,x,0,1\n", "the table is not UTF-8: byte 30"),
        ("study,patient,nodule,effusion,sex\na,x,0,1,K\n", 'a: sex "K" (M, F, O or empty)'),
        ("study,patient,nodule,effusion,age\na,x,0,1,063Y\n", 'a: age "063Y" (full years or empty)'),
        ("study,patient,nodule,effusion,age\na,x,0,1,999\n", 'a: age "999" (full years or empty)'),
        ("study,patient,nodule,effusion,site\na,x,0,1," + "s" * 65 + "\n", "a: site (at most 64 characters)"),
    ],
)
def test_each_defect_has_its_message(tmp_path: Path, text: str | bytes, reason: str) -> None:
    assert reason in refused(tmp_path, text)


def test_at_most_five_examples_are_named_and_all_are_counted(tmp_path: Path) -> None:
    message = refused(tmp_path, HEADER + "".join(f"s{n},x,5,0\n" for n in range(8)))
    assert "8 labels are neither 0, 1, empty nor unknown" in message
    assert message.count('nodule "5"') == 5
    assert "and 3 more" in message


def test_a_long_value_is_cut_in_the_message(tmp_path: Path) -> None:
    assert "x" * 40 not in refused(tmp_path, HEADER + "a,p," + "x" * 500 + ",0\n")


def test_a_table_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ReferenceMismatch, match="there is no such table"):
        read_labels(tmp_path / "none.csv", FINDINGS)


def mismatched(tmp_path: Path, files: tuple[str, ...], studies: tuple[str, ...]) -> str:
    folder = tmp_path / "studies"
    for name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")
    labels = table(tmp_path, HEADER + "".join(f"{study},x,0,1\n" for study in studies))
    rows = read_labels(labels, FINDINGS)
    with pytest.raises(ReferenceMismatch) as caught:
        match_folder(folder, labels, rows)
    return str(caught.value)


def test_a_row_without_files_is_refused(tmp_path: Path) -> None:
    assert "1 studies of the table are not under the folder: b" in mismatched(tmp_path, ("a",), ("a", "b"))


def test_a_file_without_a_row_is_refused(tmp_path: Path) -> None:
    message = mismatched(tmp_path, ("a", "b/1.dcm", "c/2.dcm", "c.dcm"), ("a", "c"))
    assert "2 files of the folder have no row: b/1.dcm, c.dcm" in message


def test_a_study_within_another_is_refused(tmp_path: Path) -> None:
    assert "1 studies lie within another study: a/b" in mismatched(tmp_path, ("a/b/1", "a/2"), ("a", "a/b"))


def test_a_link_that_leads_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "studies").mkdir()
    (tmp_path / "outside").write_bytes(b"x")
    (tmp_path / "studies" / "link").symlink_to(tmp_path / "outside")
    assert "1 studies of the table are not under the folder: link" in mismatched(tmp_path, ("a",), ("a", "link"))


def test_tables_may_lie_at_the_top_of_the_folder_and_nowhere_below(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    (tmp_path / "notes.csv").write_text("anything")
    labels = table(tmp_path, HEADER + "a,x,0,1\n")
    match_folder(tmp_path, labels, read_labels(labels, FINDINGS))
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "notes.csv").write_text("anything")
    with pytest.raises(ReferenceMismatch, match=r"1 files of the folder have no row: deep/notes\.csv"):
        match_folder(tmp_path, labels, read_labels(labels, FINDINGS))
