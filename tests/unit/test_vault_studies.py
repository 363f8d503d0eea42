"""A study's archive depends on its content alone, is readable, and carries no identity."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from pathlib import Path

import numpy as np
import pytest
from pydicom import config

from arena.errors import InvalidStudy
from arena.vault import studies
from arena.vault.headers import visible_keywords
from arena.vault.studies import Attributes, read_study
from tests.radiographs import SECRETS, encode, members, noise, radiograph


def two_series(folder: Path, names: tuple[str, str, str]) -> None:
    """Write a study of two series: two images in the one numbered 2, one in the one numbered 5."""
    one = {"StudyInstanceUID": "1.2.3", "FrameOfReferenceUID": "1.2.3.4"}
    images = (
        radiograph(1, **one, SeriesInstanceUID="1.2.3.1", SeriesNumber=5, InstanceNumber=1),
        radiograph(2, **one, SeriesInstanceUID="1.2.3.2", SeriesNumber=2, InstanceNumber=8),
        radiograph(3, **one, SeriesInstanceUID="1.2.3.2", SeriesNumber=2, InstanceNumber=4),
    )
    for name, image in zip(names, images, strict=True):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode(image))


def refused(folder: Path, study: str, **options: str) -> str:
    with pytest.raises(InvalidStudy) as caught:
        read_study(folder, study, modality=options.get("modality", "DX"))
    return str(caught.value)


def test_an_archive_holds_none_of_the_removed_values(tmp_path: Path) -> None:
    content = encode(radiograph())
    secrets = [
        value.encode() for value in (*SECRETS.values(), "private secret", "preamble secret", "Mrs Ivanova", "063Y")
    ]
    assert [value for value in secrets if value not in content] == []  # they were there
    (tmp_path / "a.dcm").write_bytes(content)
    archive = read_study(tmp_path, "a.dcm", modality="DX").archive
    identifiers = [
        str(radiograph()[k].value).encode() for k in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")
    ]
    assert [value for value in (*secrets, *identifiers) if value in archive] == []


def test_a_stripped_image_is_readable_with_its_pixels_as_they_were(tmp_path: Path) -> None:
    (tmp_path / "a.dcm").write_bytes(encode(radiograph(4)))
    (image,) = members(read_study(tmp_path, "a.dcm", modality="DX").archive).values()
    assert np.array_equal(image.pixel_array, noise(4))
    assert {element.keyword for element in image} <= visible_keywords()


def test_a_stripped_radiograph_is_valid_by_dciodvfy(tmp_path: Path) -> None:
    (tmp_path / "a.dcm").write_bytes(encode(radiograph(4)))
    (image,) = members(read_study(tmp_path, "a.dcm", modality="DX").archive).values()
    image.save_as(tmp_path / "out.dcm")
    report = subprocess.run(["dciodvfy", str(tmp_path / "out.dcm")], capture_output=True, text=True, check=False).stderr
    assert "DXImageForPresentation" in report
    assert [line for line in report.splitlines() if line.startswith("Error")] == []


def test_series_and_images_stand_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    two_series(tmp_path / "s", ("z.dcm", "deep/b", "a.dcm"))
    images = members(read_study(tmp_path, "s", modality="DX").archive)
    assert list(images) == ["s1/i0001.dcm", "s1/i0002.dcm", "s2/i0001.dcm"]
    for image, seed in zip(images.values(), (3, 2, 1), strict=True):
        assert np.array_equal(image.pixel_array, noise(seed))
    assert [(i.SeriesNumber, i.InstanceNumber) for i in images.values()] == [(1, 1), (1, 2), (2, 1)]


def test_identifiers_link_images_as_before_and_are_new(tmp_path: Path) -> None:
    two_series(tmp_path / "s", ("a", "b", "c"))
    images = list(members(read_study(tmp_path, "s", modality="DX").archive).values())
    assert len({i.StudyInstanceUID for i in images}) == len({i.FrameOfReferenceUID for i in images}) == 1
    assert images[0].SeriesInstanceUID == images[1].SeriesInstanceUID != images[2].SeriesInstanceUID
    assert len({i.SOPInstanceUID for i in images}) == 3
    assert all(i.file_meta.MediaStorageSOPInstanceUID == i.SOPInstanceUID for i in images)
    assert all(str(i.StudyInstanceUID).startswith("2.25.") and i.StudyInstanceUID.is_valid for i in images)


def test_names_times_and_identity_do_not_change_the_archive(tmp_path: Path) -> None:
    two_series(tmp_path / "s", ("a", "b", "c"))
    first = read_study(tmp_path, "s", modality="DX")
    two_series(tmp_path / "t", ("3", "x/2", "x/1"))
    for path in (tmp_path / "t").rglob("*"):
        os.utime(path, (1, 1))
    assert read_study(tmp_path, "t", modality="DX").sha256 == first.sha256


def test_another_pixel_gives_another_archive(tmp_path: Path) -> None:
    pixels = noise(1)
    (tmp_path / "a").write_bytes(encode(radiograph(1)))
    pixels[0, 0] ^= 1
    (tmp_path / "b").write_bytes(encode(radiograph(1, PixelData=pixels.tobytes())))
    assert read_study(tmp_path, "a", modality="DX").sha256 != read_study(tmp_path, "b", modality="DX").sha256


def test_an_archive_carries_no_time_and_no_owner(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(encode(radiograph()))
    with tarfile.open(fileobj=io.BytesIO(read_study(tmp_path, "a", modality="DX").archive)) as archive:
        assert {(m.mtime, m.uid, m.gid, m.uname, m.gname, m.mode) for m in archive} == {(0, 0, 0, "", "", 0o644)}


def test_no_header_value_reaches_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    # Values too long for their kind: the DICOM library would warn and log them, quoting the value.
    with config.disable_value_validation():
        content = encode(radiograph(BodyPartExamined="IVANOVA ANNA OF LESNAYA", PatientID="MRN-4711" * 20))
    (tmp_path / "a").write_bytes(content)
    assert b"LESNAYA" not in read_study(tmp_path, "a", modality="DX").archive
    assert caplog.text == ""


def test_attributes_are_taken_from_the_header_before_it_is_stripped(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(encode(radiograph()))
    study = read_study(tmp_path, "a", modality="DX")
    assert study.attributes == Attributes(sex="F", age_years=63, site="Clinic No 7", manufacturer="Rayco")


@pytest.mark.parametrize(
    ("age", "years"), [("011M", 0), ("024M", 2), ("009W", 0), ("063Y", 63), ("abcY", None), ("999Y", None)]
)
def test_ages_are_full_years(tmp_path: Path, age: str, years: int | None) -> None:
    content = encode(radiograph()).replace(b"063Y", age.encode())
    (tmp_path / "a").write_bytes(content)
    assert read_study(tmp_path, "a", modality="DX").attributes.age_years == years


def test_a_blank_image_has_no_digest_to_be_recognised_by(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(encode(radiograph(PixelData=np.full((24, 20), 7, np.uint16).tobytes())))
    (tmp_path / "b").write_bytes(encode(radiograph()))
    assert read_study(tmp_path, "a", modality="DX").image_digests == ()
    assert len(read_study(tmp_path, "b", modality="DX").image_digests) == 1


def test_a_file_of_another_modality_is_refused_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(encode(radiograph()))
    message = refused(tmp_path, "a", modality="CT")
    assert message.startswith("a cannot be imported: its modality is DX, the challenge declares CT")


def test_one_bad_file_in_a_folder_refuses_the_study_by_the_files_name(tmp_path: Path) -> None:
    two_series(tmp_path / "s", ("a", "b", "c"))
    (tmp_path / "s" / "notes.txt").write_text("not an image")
    assert refused(tmp_path, "s").startswith("s/notes.txt cannot be imported: it is neither DICOM nor")


def test_files_of_two_studies_are_not_one_study(tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    for seed in (1, 2):
        (tmp_path / "s" / str(seed)).write_bytes(encode(radiograph(seed)))
    assert "its files belong to 2 different study identifiers" in refused(tmp_path, "s")


def test_files_of_two_patients_are_not_one_study(tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    for seed in (1, 2):
        image = radiograph(seed, StudyInstanceUID="1.2.3", PatientID=f"MRN-{seed}")
        (tmp_path / "s" / str(seed)).write_bytes(encode(image))
    message = refused(tmp_path, "s")
    assert "its files belong to 2 different patient identifiers" in message
    assert "MRN" not in message


def test_an_empty_folder_and_an_empty_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    (tmp_path / "e").touch()
    assert "it holds no file" in refused(tmp_path, "s")
    assert "it is empty" in refused(tmp_path, "e")


def test_a_dangling_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "a").symlink_to(tmp_path / "nothing")
    assert refused(tmp_path, "s").startswith("s/a cannot be imported: it is not a regular file")


def test_too_many_files_and_too_many_bytes_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    two_series(tmp_path / "s", ("a", "b", "c"))
    monkeypatch.setattr(studies, "MAX_STUDY_BYTES", 5000)
    assert "it has more than 5000 bytes" in refused(tmp_path, "s")
    monkeypatch.setattr(studies, "MAX_FILES", 2)
    assert "it has 3 files, the limit is 2" in refused(tmp_path, "s")
