"""What the tests of the generated challenge share: its recipe, its prepared sets, and its baselines as programs."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

CHALLENGE = Path(__file__).parents[1] / "challenges" / "chest-phantom"
RECIPE = CHALLENGE / "recipe"
FINDINGS = ("nodule", "effusion", "pneumothorax")
HIDDEN = ("public", "public-2", "final")

if str(RECIPE) not in sys.path:
    sys.path.append(str(RECIPE))


def prepared() -> Path:
    """Return the folder with all case sets and weights, made if need be; shared with the demonstration."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "arena" / "chest-phantom"
    subprocess.run([sys.executable, CHALLENGE / "prepare.py", "--out", cache], check=True, capture_output=True)
    return cache


@dataclass(frozen=True)
class Rows:
    """A case set's table: one entry a study, in the order of references.csv."""

    folder: Path
    studies: tuple[str, ...]
    patients: NDArray[np.str_]
    labels: dict[str, NDArray[np.bool_]]
    conspicuity: dict[str, NDArray[np.float64]]
    columns: dict[str, NDArray[np.str_]]


def read_rows(folder: Path) -> Rows:
    """Read a case set's label table and, beside it, what only this phantom's tests read."""
    with (folder / "references.csv").open(encoding="utf-8", newline="") as file:
        table = list(csv.DictReader(file))
    with (folder / "conspicuity.csv").open(encoding="utf-8", newline="") as file:
        hidden = {row["study"]: row for row in csv.DictReader(file)}
    order = [hidden[row["study"]] for row in table]
    return Rows(
        folder=folder,
        studies=tuple(row["study"] for row in table),
        patients=np.array([row["patient"] for row in table]),
        labels={each: np.array([row[each] == "1" for row in table]) for each in FINDINGS},
        conspicuity={each: np.array([float(row[each] or "nan") for row in order]) for each in FINDINGS},
        columns={each: np.array([row[each] for row in table]) for each in ("sex", "age", "site", "manufacturer")},
    )


def stage_baseline(name: str, folder: Path, weights: Path | None = None) -> Path:
    """Copy a baseline as its image holds it: links followed, weights beside it, nothing else of the repository."""
    target = folder / name
    shutil.copytree(CHALLENGE / "baselines" / name, target, ignore=shutil.ignore_patterns("__pycache__", "train*.py"))
    if weights is not None:
        shutil.copy(weights, target / "weights.npz")
    return target


@contextmanager
def serving(staged: Path) -> Iterator[subprocess.Popen[str]]:
    """Run a staged baseline until the block ends; its first line, `ready`, has been read."""
    process = subprocess.Popen(
        [sys.executable, staged / "main.py"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={"PATH": os.environ["PATH"], "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    )
    try:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline()) == {"ready": True}
        yield process
    finally:
        process.kill()
        process.communicate()


def ask(process: subprocess.Popen[str], case: str, folder: Path) -> dict[str, Any]:
    """Send one request and return the answer.

    Raises:
        EOFError: The program ended instead of answering.
    """
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps({"case": case, "path": str(folder)}) + "\n")
    process.stdin.flush()
    line = process.stdout.readline()
    if not line:
        raise EOFError
    answer: dict[str, Any] = json.loads(line)
    assert answer["case"] == case
    return answer


def probabilities(staged: Path, rows: Rows, studies: Sequence[str] | None = None) -> dict[str, NDArray[np.float64]]:
    """Return a baseline's answers, over the protocol, for the studies of a set; for all by default."""
    with serving(staged) as process:
        answers = [
            ask(process, f"c{number:04d}", rows.folder / study)["findings"]
            for number, study in enumerate(studies if studies is not None else rows.studies)
        ]
    assert all(set(answer) == set(FINDINGS) for answer in answers)
    return {each: np.array([answer[each] for answer in answers]) for each in FINDINGS}


def faults(staged: Path, folders: Sequence[Path]) -> list[str | None]:
    """Return how the brittle baseline fails on studies, as its own code decides it."""
    script = (
        "import json, pathlib, sys; import main, pixels\n"
        "paths = json.load(sys.stdin)\n"
        "print(json.dumps([main.fault_of(pixels.read_levels(pathlib.Path(path))[0]) for path in paths]))\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script],
        cwd=staged,
        input=json.dumps([str(folder) for folder in folders]),
        capture_output=True,
        text=True,
        check=True,
    )
    found: list[str | None] = json.loads(ran.stdout)
    return found
