"""The starter kit at home: what its script shows a vendor before anything is submitted."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from arena.wiring import build_algorithm
from tests.images import BASE_IMAGE
from tests.radiographs import encode, radiograph

pytestmark = pytest.mark.engine

KIT = Path(__file__).parents[2] / "runners" / "images" / "starter_kit"

PREDICT = """
from arena_algorithm import serve
import pydicom
def predict(folder):
    print("a stray print")
    return {"nodule": float(pydicom.dcmread(next(folder.glob("*/*.dcm"))).Rows > 0) / 2}
serve(predict)
"""


def image(folder: Path, program: str, tag: str) -> str:
    folder.mkdir()
    shutil.copy(KIT / "arena_algorithm.py", folder)
    (folder / "predict.py").write_text(program, encoding="utf-8")
    (folder / "Dockerfile").write_text(
        'ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\nCOPY *.py /opt/app/\nENTRYPOINT ["python3", "/opt/app/predict.py"]\n',
        encoding="utf-8",
    )
    return build_algorithm(folder, tag, base=BASE_IMAGE)


def tried(image_id: str, *studies: Path) -> subprocess.CompletedProcess[str]:
    engine = shutil.which("docker") or shutil.which("podman")
    assert engine is not None, "the engine's command-line client is part of what a vendor has"
    command = ["sh", str(KIT / "try.sh"), image_id, *map(str, studies)]
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "ENGINE": engine}
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, env=environment)


def test_the_script_shows_the_answers_of_one_container_to_several_studies(tmp_path: Path) -> None:
    studies = []
    for number in range(2):
        studies.append(tmp_path / f"study-{number}")
        studies[-1].mkdir()
        (studies[-1] / "image.dcm").write_bytes(encode(radiograph(number)))
    done = tried(image(tmp_path / "good", PREDICT, "arena-test-kit:1"), *studies)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert lines == [
        {"ready": True},
        {"case": "c0001", "findings": {"nodule": 0.5}},
        {"case": "c0002", "findings": {"nodule": 0.5}},
    ]
    assert "a stray print" in done.stderr
    assert done.returncode == 0


def test_the_script_shows_what_the_sandbox_would_refuse(tmp_path: Path) -> None:
    study = tmp_path / "study"
    study.mkdir()
    (study / "image.dcm").write_bytes(encode(radiograph(0)))
    done = tried(image(tmp_path / "bad", "open('/opt/app/cache', 'w')\n", "arena-test-kit:2"), study)
    assert done.returncode == 1
    assert "Read-only file system" in done.stderr
    assert "the container exited with 1" in done.stderr
