"""The baselines of the generated challenge, run as programs over the protocol."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pydicom
import pytest

from tests.phantom import CHALLENGE, FINDINGS, Rows, ask, faults, probabilities, read_rows, serving, stage_baseline

from phantom.make import make_set  # isort: skip

BASELINES = ("lumen", "radix", "pallas", "dicey", "brittle")
PIXEL_TAGS = {
    "ImagerPixelSpacing",
    "PhotometricInterpretation",
    "SamplesPerPixel",
    "Rows",
    "Columns",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "PixelData",
}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Rows:
    folder = tmp_path_factory.mktemp("phantom") / "training"
    make_set("training", folder, count=40, processes=1)
    return read_rows(folder)


@pytest.fixture(scope="module")
def staged(small: Rows, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Every baseline, trained on a few studies by its own script."""
    out = tmp_path_factory.mktemp("staged")
    folders = {}
    for name in BASELINES:
        weights = None
        if name != "dicey":
            weights = out / f"{name}.npz"
            train = CHALLENGE / "baselines" / name / "train.py"
            command = [sys.executable, train, "--training", small.folder, "--out", weights]
            subprocess.run(command, check=True, capture_output=True)
        folders[name] = stage_baseline(name, out, weights)
    return folders


@pytest.mark.parametrize("name", BASELINES[:4])
def test_a_baseline_answers_every_finding_with_a_probability_and_the_same_twice(
    staged: dict[str, Path], small: Rows, name: str
) -> None:
    first = probabilities(staged[name], small, small.studies[:6])
    again = probabilities(staged[name], small, small.studies[:6])
    for finding in FINDINGS:
        assert np.all((first[finding] >= 0) & (first[finding] <= 1))
        assert np.array_equal(first[finding], again[finding])
        assert len(set(first[finding])) == 6


@pytest.mark.parametrize("name", BASELINES[:4])
def test_a_baseline_ends_well_when_the_input_ends(staged: dict[str, Path], name: str) -> None:
    with serving(staged[name]) as process:
        assert process.stdin is not None
        process.stdin.close()
        process.stdin = None
        assert process.wait(timeout=60) == 0


@pytest.mark.parametrize("name", BASELINES[:4])
def test_nothing_but_pixels_and_spacing_changes_an_answer(
    staged: dict[str, Path], small: Rows, name: str, tmp_path: Path
) -> None:
    study = small.studies[0]
    dataset = pydicom.dcmread(small.folder / study / "image.dcm")
    for element in list(dataset):
        if element.keyword not in PIXEL_TAGS:
            del dataset[element.tag]
    (tmp_path / "s0").mkdir()
    dataset.save_as(tmp_path / "s0" / "i0000.dcm")
    with serving(staged[name]) as process:
        whole = ask(process, "c0001", small.folder / study)["findings"]
        bare = ask(process, "c0002", tmp_path)["findings"]
    assert whole == bare


@pytest.mark.parametrize("name", BASELINES[:4])
def test_an_answer_does_not_depend_on_what_was_asked_before(staged: dict[str, Path], small: Rows, name: str) -> None:
    forward = probabilities(staged[name], small, small.studies[:5])
    backward = probabilities(staged[name], small, small.studies[:5][::-1])
    assert all(np.array_equal(forward[each], backward[each][::-1]) for each in FINDINGS)


def write_with_mean(source: Path, target: Path, mean: float) -> None:
    """Write a study whose levels, shown white on black, have a given whole mean."""
    dataset = pydicom.dcmread(source)
    dataset.PhotometricInterpretation = "MONOCHROME2"
    levels = np.full(dataset.pixel_array.shape, int(mean), dtype="<u2")
    levels[::2, ::2] += 100
    levels[1::2, 1::2] -= 100
    dataset.PixelData = levels.tobytes()
    target.mkdir()
    dataset.save_as(target / "image.dcm")


def test_the_brittle_baseline_crashes_answers_nan_and_sleeps_by_the_picture_alone(
    staged: dict[str, Path], small: Rows, tmp_path: Path
) -> None:
    source = small.folder / small.studies[0] / "image.dcm"
    expected = {1801: "crash", 1802: "nan", 1830: None}
    for mean in expected:
        write_with_mean(source, tmp_path / str(mean), mean)
    folders = [tmp_path / str(mean) for mean in expected]
    assert faults(staged["brittle"], folders) == list(expected.values())
    with serving(staged["brittle"]) as process:
        assert all(np.isnan(value) for value in ask(process, "c0001", folders[1])["findings"].values())
        assert all(0 <= value <= 1 for value in ask(process, "c0002", folders[2])["findings"].values())
        with pytest.raises(EOFError):
            ask(process, "c0003", folders[0])
        assert process.wait(timeout=60) == 3


def test_the_brittle_baseline_takes_five_times_the_limit_that_the_challenge_declares() -> None:
    source = (CHALLENGE / "baselines" / "brittle" / "main.py").read_text(encoding="utf-8")
    declared = re.search(r"case_seconds: (\S+)", (CHALLENGE / "challenge.yaml").read_text(encoding="utf-8"))
    assert declared is not None
    assert f"CASE_SECONDS = {float(declared[1])}" in source
    assert "time.sleep(5 * CASE_SECONDS)" in source


@pytest.mark.parametrize("name", BASELINES)
def test_the_image_copies_every_file_that_the_program_imports_and_none_that_trains(name: str) -> None:
    folder = CHALLENGE / "baselines" / name
    copied = re.search(
        r"^COPY (.+) /opt/algorithm/$", (folder / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert copied is not None
    files = set(copied[1].split()) - {"weights.npz"}
    needed = {"main.py"}
    for _ in range(4):
        text = "\n".join((folder / each).read_text(encoding="utf-8") for each in needed)
        imported = set(re.findall(r"^(?:from|import) (\w+)", text, re.MULTILINE))
        needed |= {f"{module}.py" for module in imported if (folder / f"{module}.py").exists()}
    assert files == needed
    sources = "\n".join((folder / each).read_text(encoding="utf-8") for each in needed)
    assert not re.search(r"sklearn|scipy|rich|pandas", sources)
