"""A folder and a table become one sealed set, or nothing at all."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import sqlite3
import stat
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from arena.blobs import BlobStore
from arena.challenge.schema import Declaration
from arena.errors import BlobCorrupt, InvalidBundle, InvalidStudy, ReferenceMismatch, StoreUnavailable, UnknownCaseSet
from arena.store.case_sets import case_sets_of, cases_of_set
from arena.store.session import Store
from arena.store.tables import Case, CaseSet
from arena.vault import importing
from arena.vault.declared import DeclaredChallenge
from arena.vault.references import read_references
from tests.radiographs import (
    NOW,
    Declared,
    DeclaredSubgroups,
    Desk,
    encode,
    fill,
    members,
    noise,
    radiograph,
    write_png,
)

SLUG = Declared().slug


@pytest.fixture
def desk(tmp_path: Path, sqlite_store: Store) -> Desk:
    return Desk(tmp_path, sqlite_store)


@pytest.fixture
def any_desk(tmp_path: Path, store: Store) -> Desk:
    """A desk on each of the supported databases."""
    return Desk(tmp_path, store)


def second_desk(desk: Desk, name: str = "second") -> Desk:
    """Return another folder and table for the same vault and database."""
    root = desk.root / name
    root.mkdir()
    other = Desk(root, desk.store, desk.declared)
    other.studies, other.references = desk.studies, desk.references
    return other


def cases(store: Store, case_set: CaseSet) -> list[Case]:
    with store.read() as session:
        return cases_of_set(session, case_set.digest)


def sets(store: Store) -> list[CaseSet]:
    with store.read() as session:
        return case_sets_of(session, SLUG)


def refused(desk: Desk, error: type[Exception], *, set_name: str = "public") -> str:
    """Import what must be refused, and make sure that nothing was left behind."""
    files, rows = desk.vault_files(), sets(desk.store)
    with pytest.raises(error) as caught:
        desk.load(set_name)
    assert desk.vault_files() == files
    assert sets(desk.store) == rows
    return str(caught.value)


def test_a_set_has_its_rows_blobs_and_counts(desk: Desk) -> None:
    fill(desk)
    case_set = desk.load()
    assert (case_set.name, case_set.version, case_set.split, case_set.imported_at) == ("public", 1, "public", NOW)
    assert (case_set.n_cases, case_set.n_patients, case_set.exposed_at) == (6, 3, None)
    assert case_set.counts == {
        "nodule": {"positive": 2, "negative": 3, "unknown": 1, "positive_patients": 2, "negative_patients": 3},
        "effusion": {"positive": 2, "negative": 3, "unknown": 1, "positive_patients": 2, "negative_patients": 3},
    }
    rows = cases(desk.store, case_set)
    assert [case.name for case in rows] == [f"c000{n}" for n in range(1, 7)]
    for case in rows:
        assert len(desk.studies.get(case.study_sha256)) == case.study_size_bytes
        assert (case.sex, case.age_years, case.site, case.manufacturer) == ("F", 63, "Clinic No 7", "Rayco")


def test_names_follow_the_digests_and_labels_follow_the_pixels(desk: Desk) -> None:
    fill(desk)
    case_set = desk.load()
    rows = cases(desk.store, case_set)
    assert [case.study_sha256 for case in rows] == sorted(case.study_sha256 for case in rows)
    assert rows[0].patient_key == "p0001"
    references = read_references(desk.references.get(case_set.references_digest), ("nodule", "effusion"))
    assert references.cases == tuple(case.name for case in rows)
    assert references.patients == tuple(case.patient_key for case in rows)
    seeds = {noise(seed).tobytes(): seed for seed in range(6)}
    wanted = [(1, 0), (0, 1), (0, 0), (-1, 1), (1, -1), (0, 0)]
    patients: dict[int, str] = {}
    for case, labels in zip(rows, references.labels.tolist(), strict=True):
        (image,) = members(desk.studies.get(case.study_sha256)).values()
        seed = seeds[image.PixelData]
        assert tuple(labels) == wanted[seed]
        assert patients.setdefault(seed // 2, case.patient_key) == case.patient_key
    assert len(set(patients.values())) == 3


def test_the_digest_covers_studies_names_patients_and_attributes(desk: Desk) -> None:
    fill(desk)
    case_set = desk.load()
    document = {
        "cases": [
            [
                case.name,
                case.patient_key,
                case.study_sha256,
                {"sex": case.sex, "age_years": case.age_years, "site": case.site, "manufacturer": case.manufacturer},
            ]
            for case in cases(desk.store, case_set)
        ],
        "challenge": SLUG,
        "name": "public",
    }
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert case_set.digest == hashlib.sha256(text.encode()).hexdigest()


def test_two_imports_elsewhere_give_equal_digests(desk: Desk, tmp_path: Path) -> None:
    fill(desk)
    first = desk.load()
    (tmp_path / "elsewhere").mkdir()
    store = Store(f"sqlite:///{tmp_path}/elsewhere/arena.db")
    store.migrate()
    other = Desk(tmp_path / "elsewhere", store)
    fill(other, (5, 3, 1, 0, 2, 4))
    second = other.load()
    store.close()
    assert (second.digest, second.references_digest) == (first.digest, first.references_digest)


def test_the_same_content_again_gives_the_set_that_is_there(any_desk: Desk) -> None:
    desk = any_desk
    fill(desk)
    first = desk.load()
    files = desk.vault_files()
    assert desk.load() == first
    assert desk.vault_files() == files
    assert len(sets(desk.store)) == 1


def test_importing_again_brings_a_lost_study_back(desk: Desk) -> None:
    fill(desk)
    case = cases(desk.store, desk.load())[0]
    lost = Path(desk.studies.root) / case.study_sha256[:2] / case.study_sha256
    lost.unlink()
    desk.load()
    assert lost.is_file()


def test_other_studies_under_the_same_name_are_its_next_version(any_desk: Desk) -> None:
    desk = any_desk
    fill(desk)
    first = desk.load()
    other = second_desk(desk)
    fill(other, range(5))
    second = other.load()
    assert (second.name, second.version) == ("public", 2)
    assert second.digest != first.digest
    assert [s.version for s in sets(desk.store)] == [1, 2]
    assert len(cases(desk.store, first)) == 6


def test_other_labels_for_the_same_studies_are_refused_unless_meant(desk: Desk) -> None:
    fill(desk)
    first = desk.load()
    desk.rows[0][2] = "0"
    desk.write_table()
    message = refused(desk, ReferenceMismatch)
    assert 'already case set "public", version 1, with other labels' in message
    assert "--correct-labels" in message
    corrected = desk.load(correct_labels=True)
    assert (corrected.digest, corrected.version) == (first.digest, 1)
    assert corrected.references_digest != first.references_digest
    assert corrected.counts["nodule"]["positive"] == 1
    assert sets(desk.store) == [corrected]


def test_the_database_holds_no_label_no_patient_and_no_name(desk: Desk) -> None:
    fill(desk)
    desk.load()
    (path,) = [Path(desk.store.engine.url.database or "")]
    with sqlite3.connect(path) as connection:
        dump = "\n".join(connection.iterdump())
    connection.close()
    assert "c0001" in dump
    for secret in ("patient-0", "study-0", "MRN-4711", "Ivanova"):
        assert secret not in dump
    key = desk.references.get_named("register.key")
    assert key is not None
    assert key.hex() not in dump


def test_references_and_registers_lie_in_a_private_folder_without_identifiers(desk: Desk) -> None:
    fill(desk)
    desk.load()
    root = Path(desk.references.root)
    assert stat.S_IMODE(root.stat().st_mode) == 0o700
    everything = b"".join(p.read_bytes() for p in root.rglob("*") if p.is_file())
    assert b"patient-0" not in everything
    assert not any(b"nodule" in p.read_bytes() for p in Path(desk.studies.root).rglob("*") if p.is_file())


def test_the_table_wins_over_the_header(desk: Desk) -> None:
    desk.header += ["sex", "age", "site", "manufacturer"]
    desk.add("a.dcm", "x", "0", "1", "M", "", "North", "")
    desk.write_table()
    (case,) = cases(desk.store, desk.load())
    assert (case.sex, case.age_years, case.site, case.manufacturer) == ("M", 63, "North", "Rayco")


def test_pictures_and_folders_of_dicom_are_imported_together(desk: Desk) -> None:
    write_png(desk.root / "p.png", 50)
    desk.add("pictures/p.png", "x", "0", "1", content=(desk.root / "p.png").read_bytes())
    one = {"StudyInstanceUID": "1.2.3", "SeriesInstanceUID": "1.2.3.1"}
    for number in (1, 2):
        path = desk.folder / "deep" / "study" / f"{number}.dcm"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode(radiograph(number, **one, InstanceNumber=number)))
    desk.rows.append(["deep/study", "y", "1", "0"])
    desk.write_table()
    found = {len(members(desk.studies.get(case.study_sha256))) for case in cases(desk.store, desk.load())}
    assert found == {1, 2}


def test_progress_counts_every_study(desk: Desk) -> None:
    fill(desk)
    seen: list[tuple[int, int]] = []
    importing.import_case_set(
        store=desk.store,
        studies=desk.studies,
        references=desk.references,
        declaration=desk.declared,
        set_name="public",
        folder=desk.folder,
        labels=desk.table,
        now=NOW,
        progress=lambda done, total: seen.append((done, total)),
    )
    assert seen == [(n, 6) for n in range(1, 7)]


def test_a_parsed_challenge_is_what_the_vault_needs() -> None:
    declaration: DeclaredChallenge = Declaration.model_validate(
        {
            "slug": "cxr-test",
            "title": {"en": "t", "ru": "т"},
            "summary": {"en": "s", "ru": "с"},
            "modality": "DX",
            "organiser": "Arena",
            "findings": [{"code": "nodule", "name": {"en": "n", "ru": "у"}, "threshold": 0.5}],
            "case_sets": [{"name": "public", "split": "public"}],
            "phases": [
                {
                    "name": "season",
                    "title": {"en": "s", "ru": "с"},
                    "cases": "public",
                    "opens_at": "2026-01-01T00:00:00Z",
                    "closes_at": "2026-02-01T00:00:00Z",
                }
            ],
        }
    )
    assert (declaration.slug, declaration.findings[0].code, declaration.case_sets[0].split) == (
        "cxr-test",
        "nodule",
        "public",
    )


@pytest.mark.parametrize(
    "content",
    [
        encode(radiograph(90))[:-100],
        b"no DICOM",
        b"",
        b"\xff\xd8\xff\xe0 a broken JPEG",
        encode(radiograph(90, BurnedInAnnotation="YES")),
    ],
    ids=["truncated", "no DICOM", "empty", "broken picture", "burned-in text"],
)
def test_one_bad_study_imports_nothing_and_is_named(desk: Desk, content: bytes) -> None:
    fill(desk)
    desk.add("last.dcm", "z", "0", "1", content=content)
    desk.write_table()
    assert refused(desk, InvalidStudy).startswith("last.dcm cannot be imported: ")


def test_a_bad_table_imports_nothing(desk: Desk) -> None:
    fill(desk)
    rows = [list(row) for row in desk.rows]
    for change, reason in (
        (
            lambda r: r.append(["ghost.dcm", "x", "0", "1"]),
            "1 studies of the table are not under the folder: ghost.dcm",
        ),
        (lambda r: r.pop(), "1 files of the folder have no row: study-5.dcm"),
        (lambda r: r.append(r[0]), "1 studies have more than one row: study-0.dcm"),
        (lambda r: r[0].__setitem__(2, "maybe"), 'study-0.dcm: nodule "maybe"'),
    ):
        desk.rows = [list(row) for row in rows]
        change(desk.rows)
        desk.write_table()
        assert reason in refused(desk, ReferenceMismatch)


def test_equal_images_in_one_set_are_refused(desk: Desk) -> None:
    fill(desk)
    desk.add("copy.dcm", "z", "0", "1", content=encode(radiograph(0, PatientID="other", StudyInstanceUID="1.2.9")))
    desk.write_table()
    message = refused(desk, ReferenceMismatch)
    assert "1 pairs of studies share an image, pixel for pixel: copy.dcm = study-0.dcm" in message


def test_a_patient_of_another_set_is_refused_without_being_named(desk: Desk) -> None:
    fill(desk)
    desk.load()
    other = second_desk(desk)
    fill(other, (4, 10, 11))
    other.folder.joinpath("study-4.dcm").write_bytes(encode(radiograph(77)))
    message = refused(other, ReferenceMismatch, set_name="final")
    assert 'the patients of 1 studies are also in case set "public" (version 1): study-4.dcm' in message
    assert "patient-2" not in message


def test_an_image_of_another_set_is_refused(desk: Desk) -> None:
    fill(desk)
    desk.load()
    other = second_desk(desk)
    other.add("again.dcm", "stranger", "0", "1", content=encode(radiograph(0, PatientID="new")))
    other.write_table()
    message = refused(other, ReferenceMismatch, set_name="final")
    assert '1 studies have an image that is also in case set "public" (version 1): again.dcm' in message


def test_disjoint_sets_are_both_imported(desk: Desk) -> None:
    fill(desk)
    desk.load()
    other = second_desk(desk)
    fill(other, (10, 11, 12))
    assert other.load("final").split == "final"
    assert [s.name for s in sets(desk.store)] == ["final", "public"]


def test_a_patient_of_a_replaced_and_unused_version_is_free_again(desk: Desk) -> None:
    fill(desk)
    desk.load()
    smaller = second_desk(desk)
    fill(smaller, (0, 1))
    smaller.load()
    final = second_desk(desk, "third")
    fill(final, (4, 5))
    assert final.load("final").n_cases == 2


def test_a_patient_of_a_replaced_but_exposed_version_stays_taken(desk: Desk) -> None:
    fill(desk)
    first = desk.load()
    with desk.store.write() as session:
        session.get_one(CaseSet, first.digest).exposed_at = NOW
    smaller = second_desk(desk)
    fill(smaller, (0, 1))
    smaller.load()
    final = second_desk(desk, "third")
    fill(final, (4, 5))
    assert "(version 1)" in refused(final, ReferenceMismatch, set_name="final")


def test_a_lost_register_stops_the_next_import(desk: Desk) -> None:
    fill(desk)
    digest = desk.load().digest
    desk.references.remove_named(f"registers/{digest}.json")
    other = second_desk(desk)
    fill(other, (10, 11))
    assert "register" in refused(other, BlobCorrupt, set_name="final")


def test_a_failing_database_takes_the_blobs_away_again(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(desk)
    desk.load()
    other = second_desk(desk)
    fill(other, (10, 11))

    def fail(*_arguments: object) -> None:
        raise StoreUnavailable(url="x", reason="disk full", next_step="Free some.")

    monkeypatch.setattr(importing, "add_case_set", fail)
    refused(other, StoreUnavailable, set_name="final")


def test_a_failing_disk_takes_the_blobs_away_again(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(desk)
    desk.load()
    other = second_desk(desk)
    fill(other, (10, 11))

    def fail(_self: BlobStore, _content: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(BlobStore, "put", fail)
    refused(other, OSError, set_name="final")


def test_the_staging_folder_is_gone_after_success_and_failure(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "tmp"
    place.mkdir()
    monkeypatch.setattr(importing.tempfile, "tempdir", str(place))
    fill(desk)
    desk.add("last.dcm", "z", "0", "1", content=b"bad")
    desk.write_table()
    refused(desk, InvalidStudy)
    assert list(place.iterdir()) == []
    (desk.folder / "last.dcm").write_bytes(encode(radiograph(99)))
    desk.load()
    assert list(place.iterdir()) == []


def test_an_undeclared_set_and_a_forbidden_header_are_refused(desk: Desk) -> None:
    fill(desk)
    assert "Known: public, final" in refused(desk, UnknownCaseSet, set_name="secret")
    desk.declared = Declared(headers=("PatientName",))
    assert "PatientName" in refused(desk, InvalidBundle)


def test_a_shown_header_changes_the_studies_and_so_the_digest(desk: Desk) -> None:
    fill(desk)
    first = desk.load()
    desk.declared = Declared(headers=("PatientSex",))
    second = desk.load()
    assert second.version == 2
    assert second.digest != first.digest
    archive = desk.studies.get(cases(desk.store, second)[0].study_sha256)
    assert [image.PatientSex for image in members(archive).values()] == ["F"]


def test_a_label_table_may_be_as_large_as_a_set(desk: Desk) -> None:
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(desk.header)
    for seed in range(60):
        pixels = np.random.default_rng(seed).integers(0, 255, (8, 8), dtype=np.uint8)
        Image.fromarray(pixels).save(desk.folder / f"{seed}.png")
        writer.writerow([f"{seed}.png", f"x{seed}", seed % 2, ""])
    desk.write_table(buffer.getvalue())
    assert desk.load().counts["effusion"]["unknown"] == 60


def test_a_further_column_is_stored_with_each_case_and_covered_by_the_digest(
    tmp_path: Path, sqlite_store: Store
) -> None:
    desk = Desk(tmp_path, sqlite_store, Declared(subgroups=DeclaredSubgroups(("sex", "projection"))))
    desk.header.append("projection")
    for seed in range(4):
        desk.add(f"s{seed}.dcm", f"p{seed}", "0", "1", "PA" if seed % 2 else "")
    desk.write_table()
    first = desk.load()
    with sqlite_store.read() as session:
        kept = [case.further for case in cases_of_set(session, first.digest)]
    assert sorted(map(str, kept)) == ["{'projection': 'PA'}"] * 2 + ["{}"] * 2
    desk.rows[0][-1] = "AP"
    desk.write_table()
    second = desk.load()
    assert (second.version, second.digest != first.digest) == (2, True)
