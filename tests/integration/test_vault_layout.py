"""Studies that cannot be shown in a challenge's layout are told of before any evaluation is held for them."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from arena.errors import InvalidStudy
from arena.store.case_sets import cases_of_set
from arena.store.session import Store
from arena.vault.audit import Concern, Severity, audit_case_set
from arena.vault.volumes import LAYOUT, headers_of, not_one_volume
from runners.grand_challenge import read_series
from tests.radiographs import Declared, Desk, encode, noise, radiograph

TALL = noise(5, rows=30)
BOTH: dict[str, object] = {"StudyInstanceUID": "1.2.3", "PatientID": "RAY-1"}
IMAGES: dict[str, dict[str, object]] = {
    "another series": {"SeriesInstanceUID": "1.2.3.5"},
    "another size": {"SeriesInstanceUID": "1.2.3.4", "Rows": 30, "PixelData": TALL.tobytes()},
}


def add_pair(desk: Desk, second: dict[str, object]) -> None:
    """Put one whole study on the desk, and one of two images."""
    desk.add(
        "whole.dcm", "patient-1", "1", "0", content=encode(radiograph(1, **(BOTH | {"SeriesInstanceUID": "1.2.3.4"})))
    )
    folder = desk.folder / "pair"
    folder.mkdir()
    first: dict[str, object] = {"SeriesInstanceUID": "1.2.3.4"}
    for number, changes in enumerate((first, second)):
        (folder / f"{number}.dcm").write_bytes(encode(radiograph(10 + number, **(BOTH | changes))))
    desk.rows.append(["pair", "patient-2", "0", "1"])
    desk.write_table()


@pytest.mark.parametrize("kind", IMAGES)
def test_an_import_refuses_what_the_layout_cannot_show(tmp_path: Path, sqlite_store: Store, kind: str) -> None:
    desk = Desk(tmp_path, sqlite_store, Declared(layout=LAYOUT))
    add_pair(desk, IMAGES[kind])
    with pytest.raises(InvalidStudy, match=r"pair.*layout grand-challenge"):
        desk.load()
    assert desk.vault_files() == set()
    desk.declared = Declared()
    assert desk.load().n_cases == 2, "without the layout it is a study like others"


@pytest.mark.parametrize("kind", IMAGES)
def test_the_check_finds_such_a_study_in_a_set_that_was_imported_before_the_layout_was_declared(
    tmp_path: Path, sqlite_store: Store, kind: str
) -> None:
    desk = Desk(tmp_path, sqlite_store)
    add_pair(desk, IMAGES[kind])
    case_set = desk.load()
    with sqlite_store.read() as session:
        cases = cases_of_set(session, case_set.digest)
    assert [f for f in audit_case_set(case_set, cases, studies=desk.studies) if f.severity is Severity.ERROR] == []
    (found,) = [
        finding
        for finding in audit_case_set(case_set, cases, studies=desk.studies, layout=LAYOUT)
        if finding.severity is Severity.ERROR
    ]
    assert (found.concern, found.count) == (Concern.NOT_ONE_VOLUME, 1)
    assert "held" in found.text


def archive_of(members: Sequence[tuple[str, bytes]]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return stream.getvalue()


FRAMES: dict[str, object] = {"NumberOfFrames": 2, "PixelData": 2 * noise(7).tobytes()}
COLOUR: dict[str, object] = {"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB", "PlanarConfiguration": 0}
BYTES: dict[str, object] = {"BitsAllocated": 8, "BitsStored": 8, "HighBit": 7, "PixelData": bytes(range(240)) * 6}
STUDIES: dict[str, list[tuple[str, dict[str, object]]]] = {
    "one image": [("s1/i0001.dcm", {})],
    "two slices": [("s1/i0001.dcm", {}), ("s1/i0002.dcm", {})],
    "two series": [("s1/i0001.dcm", {}), ("s2/i0001.dcm", {})],
    "two sizes": [("s1/i0001.dcm", {}), ("s1/i0002.dcm", {"Rows": 30, "PixelData": TALL.tobytes()})],
    "several frames": [("s1/i0001.dcm", FRAMES)],
    "colour": [("s1/i0001.dcm", COLOUR | BYTES)],
    "grey and colour": [("s1/i0001.dcm", {}), ("s1/i0002.dcm", COLOUR | BYTES)],
}


@pytest.mark.parametrize("kind", STUDIES)
def test_the_check_and_the_run_agree(tmp_path: Path, kind: str) -> None:
    members = [(name, encode(radiograph(3, **changes))) for name, changes in STUDIES[kind]]
    reason = not_one_volume(headers_of(archive_of(members), "study"))
    for name, content in members:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
    if reason is None:
        assert read_series(tmp_path)[0].ndim in {3, 4}
    else:
        with pytest.raises(ValueError, match=r"series|size|frames"):
            read_series(tmp_path)
    assert (reason is None) == (kind in {"one image", "two slices", "colour"})
