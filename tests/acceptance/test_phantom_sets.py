"""The generated case sets as a whole: valid DICOM, no shortcut to the labels, and baselines of graded strength."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tests.phantom import CHALLENGE, FINDINGS, HIDDEN, Rows, faults, prepared, probabilities, read_rows, stage_baseline

SETS = ("sample", *HIDDEN)
HONEST = ("lumen", "radix", "pallas")


@pytest.fixture(scope="session")
def made() -> Path:
    return prepared()


@pytest.fixture(scope="session")
def tables(made: Path) -> dict[str, Rows]:
    return {name: read_rows(made / "cases" / name) for name in SETS}


@pytest.fixture(scope="session")
def answers(
    made: Path, tables: dict[str, Rows], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, dict[str, NDArray[np.float64]]]:
    """Each baseline's answers on the final set, given over the protocol by the program as its image holds it."""
    folder = tmp_path_factory.mktemp("baselines")
    staged = {name: stage_baseline(name, folder, made / "weights" / name / "weights.npz") for name in HONEST}
    staged["dicey"] = stage_baseline("dicey", folder)
    return {name: probabilities(each, tables["final"]) for name, each in staged.items()}


def macro(rows: Rows, given: dict[str, NDArray[np.float64]]) -> float:
    return float(np.mean([roc_auc_score(rows.labels[each], given[each]) for each in FINDINGS]))


def files(rows: Rows) -> list[Path]:
    return [path for study in rows.studies for path in sorted((rows.folder / study).iterdir())]


def errors_found(path: Path) -> list[str]:
    """Return dciodvfy's complaints: every line that begins with "Error", and any sign that it did not run."""
    ran = subprocess.run(["dciodvfy", path], capture_output=True, text=True, check=False)
    lines = (ran.stdout + ran.stderr).splitlines()
    assert "DXImageForPresentation" in lines, f"dciodvfy did not recognise {path}: {lines}"
    return [line for line in lines if line.startswith("Error")]


def test_dciodvfy_finds_no_error_in_the_sample_set_nor_in_any_device_s_files(tables: dict[str, Rows]) -> None:
    chosen = files(tables["sample"])
    models: dict[tuple[str, str], Path] = {}
    for path in (path for name in HIDDEN for path in files(tables[name])):
        dataset = pydicom.dcmread(path, stop_before_pixels=True)
        models.setdefault((dataset.ManufacturerModelName, dataset.PatientSex), path)
    assert len(models) == 12
    found = {str(path): errors_found(path) for path in [*chosen, *models.values()]}
    assert not {path: lines for path, lines in found.items() if lines}


def test_dciodvfy_finds_the_error_in_a_file_without_its_detector(tables: dict[str, Rows], tmp_path: Path) -> None:
    dataset = pydicom.dcmread(files(tables["sample"])[0])
    del dataset.ImagerPixelSpacing
    dataset.save_as(tmp_path / "broken.dcm")
    assert any("ImagerPixelSpacing" in line for line in errors_found(tmp_path / "broken.dcm"))


def test_every_study_is_one_file_of_100_to_130_kilobytes(tables: dict[str, Rows]) -> None:
    for rows in tables.values():
        assert len(files(rows)) == len(rows.studies)
        assert all(100_000 <= path.stat().st_size <= 130_000 for path in files(rows))


def test_no_picture_and_no_identifier_is_in_two_studies(made: Path, tables: dict[str, Rows]) -> None:
    seen: Counter[str] = Counter()
    patients: dict[str, set[str]] = {}
    for rows in [*tables.values(), read_rows(made / "training")]:
        for path in files(rows):
            dataset = pydicom.dcmread(path)
            seen[hashlib.sha256(dataset.PixelData).hexdigest()] += 1
            for each in (dataset.SOPInstanceUID, dataset.SeriesInstanceUID, dataset.StudyInstanceUID):
                seen[str(each)] += 1
            patients.setdefault(dataset.PatientID, set()).add(rows.folder.name)
    assert not [name for name, times in seen.items() if times > 1]
    assert not [name for name, sets in patients.items() if len(sets) > 1]


def test_the_label_table_repeats_what_the_headers_say(tables: dict[str, Rows]) -> None:
    rows = tables["sample"]
    for number, path in enumerate(files(rows)):
        dataset = pydicom.dcmread(path, stop_before_pixels=True)
        assert dataset.PatientID == rows.patients[number]
        assert dataset.PatientSex == rows.columns["sex"][number]
        assert int(re.sub(r"\D", "", dataset.PatientAge)) == int(rows.columns["age"][number])
        assert dataset.InstitutionName == rows.columns["site"][number]
        assert dataset.Manufacturer == rows.columns["manufacturer"][number]


def shortcuts(rows: Rows) -> NDArray[np.float64]:
    """Return all that is known of a study without looking: headers, file size, order, mean and spread of the levels."""
    lines = []
    for number, path in enumerate(files(rows)):
        dataset = pydicom.dcmread(path)
        moment = float(dataset.StudyTime) / 1e4 + float(dataset.StudyDate) % 1e4
        line = [number, path.stat().st_size, float(dataset.KVP), float(dataset.ImagerPixelSpacing[0]), moment]
        line += [dataset.pixel_array.mean(), dataset.pixel_array.std(), float(rows.columns["age"][number])]
        lines.append(line)
    named = [rows.columns[each] == value for each in ("sex", "site", "manufacturer") for value in known(each)]
    return np.column_stack([np.array(lines), *named]).astype(np.float64)


def known(column: str) -> tuple[str, ...]:
    from phantom.plan import DEVICES, SITES  # noqa: PLC0415 - found once tests.phantom has put the recipe on the path

    return {"sex": ("F",), "site": SITES, "manufacturer": tuple(sorted({each.manufacturer for each in DEVICES}))}[
        column
    ]


def auc_interval(
    labels: NDArray[np.bool_], scores: NDArray[np.float64], patients: NDArray[np.str_]
) -> tuple[float, float]:
    """Return the 95 % percentile interval of the AUC over resampled patients."""
    rng = np.random.default_rng(5)
    names = np.unique(patients)
    rows_of = {name: np.flatnonzero(patients == name) for name in names}
    drawn = []
    for _ in range(1000):
        rows = np.concatenate([rows_of[name] for name in rng.choice(names, len(names))])
        drawn.append(roc_auc_score(labels[rows], scores[rows]))
    low, high = np.percentile(drawn, [2.5, 97.5])
    return float(low), float(high)


@pytest.mark.parametrize("finding", FINDINGS)
@pytest.mark.parametrize("name", HIDDEN)
def test_headers_size_order_and_brightness_do_not_tell_a_finding(
    tables: dict[str, Rows], name: str, finding: str
) -> None:
    rows = tables[name]
    labels = rows.labels[finding]
    model = make_pipeline(StandardScaler(), LogisticRegression(class_weight="balanced", max_iter=500))
    folds = GroupKFold(n_splits=5)
    scores = cross_val_predict(
        model, shortcuts(rows), labels, groups=rows.patients, cv=folds, method="decision_function"
    )
    low, high = auc_interval(labels, scores, rows.patients)
    assert low <= 0.5 <= high, f"AUC {roc_auc_score(labels, scores):.3f} ({low:.3f} to {high:.3f}) without a look"


def test_the_probe_would_notice_a_header_that_tells_a_finding(tables: dict[str, Rows]) -> None:
    rows = tables["final"]
    labels = rows.labels["nodule"]
    leaking = shortcuts(rows)
    leaking[:, 1] += 40 * labels
    model = make_pipeline(StandardScaler(), LogisticRegression(class_weight="balanced", max_iter=500))
    scores = cross_val_predict(
        model, leaking, labels, groups=rows.patients, cv=GroupKFold(n_splits=5), method="decision_function"
    )
    assert auc_interval(labels, scores, rows.patients)[0] > 0.5


def test_the_best_baseline_is_good_but_not_perfect_and_the_others_follow_in_order(
    tables: dict[str, Rows], answers: dict[str, dict[str, NDArray[np.float64]]]
) -> None:
    found = {name: macro(tables["final"], given) for name, given in answers.items()}
    assert 0.80 <= found["lumen"] <= 0.95
    assert found["lumen"] > found["radix"] + 0.03
    assert found["radix"] > found["pallas"] + 0.03
    assert found["pallas"] > 0.6
    assert found["dicey"] == pytest.approx(0.5, abs=0.08)


@pytest.mark.parametrize("finding", FINDINGS)
def test_subtle_findings_are_harder_than_obvious_ones(
    tables: dict[str, Rows], answers: dict[str, dict[str, NDArray[np.float64]]], finding: str
) -> None:
    rows, given = tables["final"], answers["lumen"][finding]
    thirds = []
    for low, high in ((0, 1 / 3), (2 / 3, 1.01)):
        value = rows.conspicuity[finding]
        chosen = ~rows.labels[finding] | ((value >= low) & (value < high))
        thirds.append(roc_auc_score(rows.labels[finding][chosen], given[chosen]))
    assert thirds[0] + 0.03 < thirds[1]


@pytest.mark.parametrize("name", HIDDEN)
def test_the_brittle_baseline_meets_each_of_its_faults_but_seldom_sleeps(
    tables: dict[str, Rows], tmp_path: Path, name: str
) -> None:
    rows = tables[name]
    count = Counter(faults(stage_baseline("brittle", tmp_path), [rows.folder / study for study in rows.studies]))
    share = {fault: times / len(rows.studies) for fault, times in count.items()}
    assert 0.005 <= share["crash"] <= 0.05
    assert 0.01 <= share["nan"] <= 0.06
    assert 1 <= count["slow"] <= 2


def test_what_is_prepared_is_not_made_again(made: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in (made / "weights").rglob("*.npz")}
    ran = subprocess.run(
        [sys.executable, CHALLENGE / "prepare.py", "--out", made], capture_output=True, text=True, check=True
    )
    assert "0 of 9 parts made anew" in ran.stdout
    assert {path: path.stat().st_mtime_ns for path in (made / "weights").rglob("*.npz")} == before
