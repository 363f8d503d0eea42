"""What an image made for grand-challenge.org sees of a study, and what becomes of what it leaves."""

import hashlib
import io
import json
import os
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from arena.evaluation.answers import Defect, Predictions, parse_answer
from runners.archive import Refusal
from runners.faults import StudyUnavailable
from runners.grand_challenge import GrandChallengeFiles, arrangement, read_series
from runners.metaimage import Geometry, write_metaimage
from runners.stage import Stage
from runners.values import BlobRef, CaseInput, GrandChallengeLayout, Limits
from tests.radiographs import encode, noise, radiograph
from tests.unit.test_runner_stage import Blobs

LAYOUT = GrandChallengeLayout("chest-xray", (("nodule", "nodule-probability.json"), ("effusion", "effusion.json")))
CODES = ("nodule", "effusion")


def read_metaimage(path: Path) -> tuple[dict[str, str], NDArray[Any]]:
    """Read a file as its format says, by code that shares nothing with the writer."""
    content = path.read_bytes()
    end = content.index(b"ElementDataFile = LOCAL\n") + len(b"ElementDataFile = LOCAL\n")
    header = dict(line.split(" = ", 1) for line in content[:end].decode().splitlines())
    kinds = {"MET_SHORT": "<i2", "MET_USHORT": "<u2", "MET_FLOAT": "<f4", "MET_UCHAR": "u1"}
    columns, rows, slices = map(int, header["DimSize"].split())
    values = np.frombuffer(content[end:], kinds[header["ElementType"]])
    channels = int(header.get("ElementNumberOfChannels", 1))
    return header, values.reshape((slices, rows, columns, channels) if channels > 1 else (slices, rows, columns))


def series(folder: Path, *images: Any) -> Path:
    (folder / "s1").mkdir(parents=True)
    for number, image in enumerate(images, 1):
        (folder / "s1" / f"i{number:04d}.dcm").write_bytes(encode(image))
    return folder


def cut(seed: int) -> Any:
    image = radiograph(seed)
    image.Rows, image.PixelData = image.Rows - 2, noise(seed)[:-2].tobytes()
    return image


def slice_at(seed: int, z: float, number: int, **changes: object) -> Any:
    placed = {"ImagePositionPatient": [-10.0, -20.0, z], "ImageOrientationPatient": [1, 0, 0, 0, 1, 0]}
    return radiograph(seed, **(placed | {"InstanceNumber": number, "PixelSpacing": [0.5, 0.25]} | changes))


def test_a_metaimage_holds_its_values_and_where_they_lie(tmp_path: Path) -> None:
    voxels = np.arange(-12, 12, dtype=np.int16).reshape(2, 3, 4)
    geometry = Geometry((0.1, 0.2, 3.0), (-1.5, 2.0, 1 / 3), (0.0, 1.0, 0.0, -1.0, 0.0, 0.0, 0.0, 0.0, 1.0))
    write_metaimage(tmp_path / "x.mha", voxels, geometry)
    header, read = read_metaimage(tmp_path / "x.mha")
    np.testing.assert_array_equal(read, voxels)
    assert (header["NDims"], header["DimSize"], header["ElementSpacing"]) == (
        "3",
        "4 3 2",
        "0.10000000000000001 0.20000000000000001 3",
    )
    assert [float(number) for number in header["Offset"].split()] == [-1.5, 2.0, 1 / 3]
    assert header["TransformMatrix"] == "0 1 0 -1 0 0 0 0 1"
    assert header["BinaryDataByteOrderMSB"] == header["CompressedData"] == "False"


def test_big_endian_and_strange_values_are_written_rightly_or_refused(tmp_path: Path) -> None:
    write_metaimage(tmp_path / "x.mha", np.full((1, 1, 2), 258, dtype=">u2"), Geometry())
    assert read_metaimage(tmp_path / "x.mha")[1].tolist() == [[[258, 258]]]
    for wrong in (np.zeros((1, 1, 1), dtype=np.complex64), np.zeros((2, 2), dtype=np.int16)):
        with pytest.raises(ValueError, match="no volume"):
            write_metaimage(tmp_path / "y.mha", wrong, Geometry())


def test_a_radiograph_is_a_volume_of_one_slice(tmp_path: Path) -> None:
    image = radiograph(3)
    voxels, geometry = read_series(series(tmp_path, image))
    assert voxels.dtype == np.int16
    np.testing.assert_array_equal(voxels, image.pixel_array[np.newaxis])
    spacing = image.get("PixelSpacing") or image.get("ImagerPixelSpacing")
    assert geometry.spacing[:2] == (float(spacing[1]), float(spacing[0]))


def test_slices_stand_in_the_order_of_their_positions(tmp_path: Path) -> None:
    images = [slice_at(seed, z, number) for seed, z, number in ((1, 6.0, 1), (2, 0.0, 2), (3, 3.0, 3))]
    voxels, geometry = read_series(series(tmp_path, *images))
    np.testing.assert_array_equal(voxels, np.stack([images[at].pixel_array for at in (1, 2, 0)]))
    assert geometry == Geometry((0.25, 0.5, 3.0), (-10.0, -20.0, 0.0))


def test_without_positions_slices_stand_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    images = [radiograph(seed, InstanceNumber=number) for seed, number in ((1, 3), (2, 1), (3, 2))]
    voxels, _ = read_series(series(tmp_path, *images))
    np.testing.assert_array_equal(voxels, np.stack([images[at].pixel_array for at in (1, 2, 0)]))


def test_values_are_rescaled_where_the_header_says_so(tmp_path: Path) -> None:
    image = slice_at(1, 0.0, 1, RescaleSlope=2, RescaleIntercept=-1024)
    voxels, _ = read_series(series(tmp_path, image))
    assert voxels.dtype == np.float32
    np.testing.assert_array_equal(voxels[0], image.pixel_array * 2.0 - 1024)


def test_values_that_do_not_fit_into_16_signed_bits_stay_as_they_are(tmp_path: Path) -> None:
    image = radiograph(1)
    pixels = noise(1)
    pixels[0, 0] = 40_000
    image.BitsStored, image.HighBit, image.PixelData = 16, 15, pixels.tobytes()
    voxels, _ = read_series(series(tmp_path, image))
    assert voxels.dtype == np.uint16
    np.testing.assert_array_equal(voxels[0], pixels)


def test_what_is_no_single_volume_is_refused(tmp_path: Path) -> None:
    two = series(tmp_path / "two", radiograph(1))
    (two / "s2").mkdir()
    with pytest.raises(ValueError, match="2 series"):
        read_series(two)
    small = cut(2)
    with pytest.raises(ValueError, match="differ in size"):
        read_series(series(tmp_path / "sizes", radiograph(1), small))


def study_blob(blobs: Blobs, *images: Any) -> BlobRef:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for number, image in enumerate(images, 1):
            content = encode(image)
            info = tarfile.TarInfo(f"s1/i{number:04d}.dcm")
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return blobs.put(buffer.getvalue())


def test_the_container_sees_inputs_json_and_one_image_in_its_socket(tmp_path: Path) -> None:
    blobs, image = Blobs(), radiograph(5)
    stage = Stage(tmp_path / "attempt", blobs, arrangement(LAYOUT))
    stage.open()
    old = os.umask(0o077)
    try:
        staged = stage.prepare(CaseInput("c0001", study_blob(blobs, image)), digests=True)
    finally:
        os.umask(old)
    assert list(stage.input.iterdir()) == []
    stage.reveal(staged)
    seen = sorted(path.relative_to(stage.input).as_posix() for path in stage.input.rglob("*"))
    assert staged.path == "/input"
    assert seen[:3] == ["images", "images/chest-xray", seen[2]]
    assert seen[3:] == ["inputs.json"]
    inputs = json.loads((stage.input / "inputs.json").read_text())
    assert (
        [entry["socket"]["slug"] for entry in inputs]
        == [entry["interface"]["slug"] for entry in inputs]
        == ["chest-xray"]
    )
    assert inputs[0]["socket"]["relative_path"] == "images/chest-xray"
    assert inputs[0]["image"]["name"] == Path(seen[2]).name
    np.testing.assert_array_equal(read_metaimage(stage.input / seen[2])[1][0], image.pixel_array)
    assert b"c0001" not in (stage.input / "inputs.json").read_bytes()
    found = [stage.input / name for name in seen]
    assert {path.stat().st_mode & 0o777 for path in found if path.is_dir()} == {0o755}
    assert {path.stat().st_mode & 0o777 for path in found if path.is_file()} == {0o644}
    assert {path.stat().st_mtime for path in found} == {0.0}
    digests = {name: hashlib.sha256((stage.input / name).read_bytes()).hexdigest() for name in staged.files}
    assert digests == staged.files
    stage.withdraw(staged)
    assert list(stage.input.iterdir()) == []
    stage.reveal(staged)
    stage.discard(staged)
    assert list(stage.input.iterdir()) == []
    stage.close()


def test_a_study_that_cannot_be_shown_so_is_a_fault_of_the_host(tmp_path: Path) -> None:
    blobs = Blobs()
    stage = Stage(tmp_path / "attempt", blobs, arrangement(LAYOUT))
    stage.open()
    with pytest.raises(StudyUnavailable, match="cannot be shown in the layout"):
        stage.prepare(CaseInput("c0001", study_blob(blobs, radiograph(1), cut(2))))
    stage.close()


FORM = GrandChallengeFiles(LAYOUT)


def judged(**files: bytes) -> Any:
    named = {name.replace("_", "-") + ".json": content for name, content in files.items()}
    answer = FORM.answer("c0001", named)
    assert isinstance(answer, bytes)
    return parse_answer(answer, "c0001", CODES)


def test_one_number_in_a_file_for_each_finding_is_an_answer() -> None:
    assert FORM.wanted(Limits()) == {"nodule-probability.json": 4096, "effusion.json": 4096}
    assert judged(nodule_probability=b"0.12345\n", effusion=b" 1 ") == Predictions((1234, 10_000))
    assert judged(nodule_probability=b"1e-2", effusion=b"0") == Predictions((100, 0))


@pytest.mark.parametrize(
    ("content", "defect"),
    [
        (b"NaN", Defect.NOT_A_NUMBER),
        (b"Infinity", Defect.NOT_A_NUMBER),
        (b'"0.5"', Defect.NOT_A_NUMBER),
        (b"true", Defect.NOT_A_NUMBER),
        (b"[0.5]", Defect.NOT_A_NUMBER),
        (b'{"probability": 0.5}', Defect.NOT_A_NUMBER),
        (b"", Defect.NOT_A_NUMBER),
        (b"\xff\xfe0", Defect.NOT_A_NUMBER),
        (b'0.5, "effusion": 0.1', Defect.NOT_A_NUMBER),
        (b'0.5}, "case": "c0002"', Defect.NOT_A_NUMBER),
        (b"0" * 4000, Defect.NOT_A_NUMBER),
        (b"1.5", Defect.OUT_OF_RANGE),
        (b"-0.1", Defect.OUT_OF_RANGE),
        (b"0.5.5", Defect.NOT_JSON),
        (b"01", Defect.NOT_JSON),
    ],
)
def test_what_is_no_number_is_judged_where_answers_are(content: bytes, defect: Defect) -> None:
    assert judged(nodule_probability=content, effusion=b"0.5") is defect


def test_a_missing_file_is_a_missing_finding_and_no_file_no_answer() -> None:
    assert judged(effusion=b"0.5") is Defect.MISSING_FINDING
    assert FORM.answer("c0001", {}) is None


def test_a_refused_file_refuses_the_answer() -> None:
    files = {"effusion.json": Refusal.NOT_REGULAR, "nodule-probability.json": b"0.5"}
    assert FORM.answer("c0001", files) is Refusal.NOT_REGULAR
