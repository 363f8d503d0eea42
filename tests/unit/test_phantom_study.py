"""How a generated study is drawn and written."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray

from tests.phantom import RECIPE

from phantom.canvas import COLUMNS, ROWS  # isort: skip
from phantom.dicom import write_study  # isort: skip
from phantom.make import make_set  # isort: skip
from phantom.plan import CASE_SETS, DEVICES, Device, Distractor, Finding, StudyPlan, plan_studies  # isort: skip
from phantom.study import Study, draw_study  # isort: skip

assert RECIPE.is_dir()

FIRST = plan_studies(CASE_SETS["sample"])[0]
PLAIN = replace(FIRST, conspicuity={}, distractors=frozenset(), device=DEVICES[1])


def contents(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def levels(study: Study) -> NDArray[np.float64]:
    stored = study.pixels.astype(np.float64)
    return 4095 - stored if study.plan.device.monochrome1 else stored


def around(picture: NDArray[np.float64], place: tuple[float, float], reach: int) -> NDArray[np.float64]:
    column, row = round(place[0]), round(place[1])
    return picture[row - reach : row + reach + 1, column - reach : column + reach + 1]


def with_finding(finding: Finding, conspicuity: float) -> Study:
    return draw_study(replace(PLAIN, conspicuity={finding: conspicuity}))


def test_a_set_is_the_same_bytes_whatever_the_number_of_processes(tmp_path: Path) -> None:
    for name, processes in (("one", 1), ("two", 2)):
        make_set("sample", tmp_path / name, count=5, processes=processes)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    assert len(contents(tmp_path / "one")) == 7


def test_a_full_folder_is_refused_and_nothing_half_made_stays(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "note.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(FileExistsError, match="not empty"):
        make_set("sample", tmp_path / "set", count=1, processes=1)
    assert contents(tmp_path) == {"set/note.txt": hashlib.sha256(b"mine").hexdigest()}


@pytest.mark.parametrize("device", DEVICES, ids=lambda device: device.model)
def test_mean_and_spread_are_those_that_were_drawn(device: Device) -> None:
    study = draw_study(replace(FIRST, device=device))
    assert levels(study).mean() == pytest.approx(study.exposure.mean, abs=0.5)
    assert levels(study).std() == pytest.approx(study.exposure.spread, abs=0.5)


def test_an_obvious_finding_moves_neither_mean_nor_spread() -> None:
    plain = levels(draw_study(PLAIN))
    for finding in Finding:
        shown = levels(with_finding(finding, 1.0))
        assert shown.mean() == pytest.approx(plain.mean(), abs=0.5)
        assert shown.std() == pytest.approx(plain.std(), abs=0.5)


@pytest.mark.parametrize("finding", list(Finding))
def test_a_finding_changes_more_of_the_picture_as_it_grows_obvious(finding: Finding) -> None:
    plain = levels(draw_study(PLAIN))
    change = [np.abs(levels(with_finding(finding, value)) - plain).sum() for value in (0.0, 0.5, 1.0)]
    assert 0 < change[0] < change[1] < change[2]


def test_a_nodule_is_brighter_than_the_lung_around_it() -> None:
    study = with_finding(Finding.NODULE, 1.0)
    gain = levels(study) - levels(draw_study(PLAIN))
    assert around(gain, study.places["nodule"], 2).mean() > 150


def test_an_effusion_whitens_the_costophrenic_angle() -> None:
    study = with_finding(Finding.EFFUSION, 0.6)
    gain = levels(study) - levels(draw_study(PLAIN))
    assert around(gain, study.places["effusion"], 4).mean() > 300


def test_beyond_a_pneumothorax_s_line_there_are_no_markings() -> None:
    study = with_finding(Finding.PNEUMOTHORAX, 1.0)
    plain = draw_study(PLAIN)
    column, row = (round(value) for value in study.places["pneumothorax"])
    outward = 1 if column > COLUMNS / 2 else -1
    beyond = (slice(row - 6, row + 7), slice(*sorted((column + 4 * outward, column + 14 * outward))))
    detail = [np.abs(np.diff(levels(each)[beyond], axis=0)).mean() for each in (study, plain)]
    assert detail[0] < 0.85 * detail[1]
    assert levels(study)[beyond].mean() < levels(plain)[beyond].mean()


@pytest.mark.parametrize("kind", list(Distractor))
def test_every_distractor_can_be_seen(kind: Distractor) -> None:
    plain = levels(draw_study(PLAIN))
    shown = levels(draw_study(replace(PLAIN, distractors=frozenset({kind}))))
    assert np.sort(np.abs(shown - plain), axis=None)[-30:].mean() > 80


def test_a_patient_s_studies_show_one_anatomy_in_different_pictures() -> None:
    later = draw_study(replace(PLAIN, number=PLAIN.number + 500))
    other = draw_study(replace(PLAIN, number=PLAIN.number + 500, patient_number=PLAIN.patient_number + 1))
    first = draw_study(PLAIN)
    assert not np.array_equal(first.pixels, later.pixels)
    assert not np.array_equal(later.pixels, other.pixels)


def written(plan: StudyPlan, folder: Path) -> pydicom.Dataset:
    write_study(draw_study(plan), folder / f"{plan.device.model}.dcm")
    return pydicom.dcmread(folder / f"{plan.device.model}.dcm")


@pytest.mark.parametrize("device", DEVICES, ids=lambda device: device.model)
def test_a_file_holds_the_drawn_pixels_and_says_how_to_show_them(device: Device, tmp_path: Path) -> None:
    plan = replace(FIRST, device=device)
    dataset = written(plan, tmp_path)
    assert np.array_equal(dataset.pixel_array, draw_study(plan).pixels)
    assert (dataset.Rows, dataset.Columns, dataset.BitsStored) == (ROWS, COLUMNS, 12)
    inverse = dataset.PhotometricInterpretation == "MONOCHROME1"
    assert inverse is plan.device.monochrome1
    corner, heart = dataset.pixel_array[:8, :8].mean(), dataset.pixel_array[170:190, 115:135].mean()
    assert bool(corner > heart) is inverse
    assert list(dataset.ImagerPixelSpacing) == [plan.device.spacing_mm] * 2


def test_both_photometric_interpretations_are_among_the_devices() -> None:
    assert {device.monochrome1 for device in DEVICES} == {True, False}
