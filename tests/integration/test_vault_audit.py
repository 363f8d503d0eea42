"""The audit finds what is wrong or weak in what is stored, and keeps silent where nothing is."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from arena.store.case_sets import cases_of_set
from arena.store.session import Store
from arena.store.tables import Case, CaseSet
from arena.vault.audit import AuditFinding, Concern, Severity, audit_case_set
from runners.values import BlobRef
from tests.radiographs import Desk, encode, fill, radiograph


@pytest.fixture
def desk(tmp_path: Path, sqlite_store: Store) -> Desk:
    return Desk(tmp_path, sqlite_store)


def audit(desk: Desk, case_set: CaseSet, *, cases: list[Case] | None = None) -> dict[Concern, AuditFinding]:
    if cases is None:
        with desk.store.read() as session:
            cases = cases_of_set(session, case_set.digest)
    found = audit_case_set(case_set, cases, studies=desk.studies)
    return {finding.concern: finding for finding in found}


def stored(desk: Desk, content: bytes) -> BlobRef:
    """Store a study that the import did not strip."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        info = tarfile.TarInfo("s1/i0001.dcm")
        info.size = len(content)
        archive.addfile(info, io.BytesIO(content))
    return desk.studies.put(stream.getvalue())


def test_an_imported_set_has_no_error(desk: Desk) -> None:
    fill(desk)
    found = audit(desk, desk.load())
    assert [finding for finding in found.values() if finding.severity is Severity.ERROR] == []
    assert set(found) == {Concern.UNKNOWN_LABELS}


def test_identity_in_a_stored_study_is_an_error_and_its_value_is_not_repeated(desk: Desk) -> None:
    fill(desk)
    case_set = desk.load()
    ref = stored(desk, encode(radiograph(70)))
    case = Case(
        case_set_digest=case_set.digest,
        name="c0001",
        patient_key="p0001",
        study_sha256=ref.sha256,
        study_size_bytes=ref.size_bytes,
    )
    found = audit(desk, case_set, cases=[case])
    assert found[Concern.IDENTITY_LEFT].severity is Severity.ERROR
    assert "PatientName" in {*found[Concern.IDENTITY_LEFT].examples}
    assert found[Concern.UNPUBLISHED_ELEMENT].count > 5
    assert len(found[Concern.UNPUBLISHED_ELEMENT].examples) == 5
    assert "Ivanova" not in str(found)


def test_an_image_that_two_cases_share_is_an_error(desk: Desk) -> None:
    fill(desk)
    case_set = desk.load()
    with desk.store.read() as session:
        cases = cases_of_set(session, case_set.digest)
    cases[1].study_sha256 = cases[0].study_sha256
    assert audit(desk, case_set, cases=cases)[Concern.REPEATED_IMAGE].examples == ("c0001 = c0002",)


def test_blank_images_are_named(desk: Desk) -> None:
    desk.add("a.dcm", "x", "0", "1", content=encode(radiograph(1, PixelData=bytes(960))))
    desk.add("b.dcm", "y", "1", "0", content=encode(radiograph(2)))
    desk.write_table()
    found = audit(desk, desk.load())
    assert found[Concern.BLANK_IMAGE].count == 1
    assert Concern.REPEATED_IMAGE not in found
    assert Concern.UNKNOWN_LABELS not in found


def test_attributes_that_no_case_has_are_named(desk: Desk) -> None:
    content = encode(radiograph(1, InstitutionName="", PatientAge=""))
    desk.add("a.dcm", "x", "0", "1", content=content)
    desk.write_table()
    assert audit(desk, desk.load())[Concern.MISSING_ATTRIBUTES].examples == ("age_years", "site")


def test_errors_come_first(desk: Desk) -> None:
    fill(desk)
    case_set = desk.load()
    with desk.store.read() as session:
        cases = cases_of_set(session, case_set.digest)
    cases[1].study_sha256 = cases[0].study_sha256
    severities = [f.severity for f in audit_case_set(case_set, cases, studies=desk.studies)]
    assert severities == sorted(severities, key=list(Severity).index)
    assert severities[0] is Severity.ERROR
