"""The starter kit at home: what its script shows a vendor before anything is submitted."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pydicom
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
ENDED = {
    mode: PREDICT.replace("import serve", f"import {mode}").replace("serve(predict)", f"{mode}(predict)")
    for mode in ("batch", "case")
}
ANSWERS = [{"case": f"c000{number}", "findings": {"nodule": 0.5}} for number in (1, 2)]


def image(folder: Path, program: str, tag: str) -> str:
    folder.mkdir()
    shutil.copy(KIT / "arena_algorithm.py", folder)
    (folder / "predict.py").write_text(program, encoding="utf-8")
    (folder / "Dockerfile").write_text(
        'ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\nCOPY *.py /opt/app/\nENTRYPOINT ["python3", "/opt/app/predict.py"]\n',
        encoding="utf-8",
    )
    return build_algorithm(folder, tag, base=BASE_IMAGE)


def tried(image_id: str, *studies: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    engine = shutil.which("docker") or shutil.which("podman")
    assert engine is not None, "the engine's command-line client is part of what a vendor has"
    command = ["sh", str(KIT / "try.sh"), image_id, *map(str, studies)]
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "ENGINE": engine} | settings
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, env=environment)


@pytest.fixture
def studies(tmp_path: Path) -> list[Path]:
    made = [tmp_path / f"study-{number}" for number in range(2)]
    for number, folder in enumerate(made):
        folder.mkdir()
        (folder / "image.dcm").write_bytes(encode(radiograph(number)))
    return made


def test_the_script_shows_the_answers_of_one_container_to_several_studies(tmp_path: Path, studies: list[Path]) -> None:
    done = tried(image(tmp_path / "good", PREDICT, "arena-test-kit:1"), *studies)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert lines == [{"ready": True}, *ANSWERS]
    assert "a stray print" in done.stderr
    assert done.returncode == 0


@pytest.mark.parametrize("mode", ["batch", "case"])
def test_the_script_shows_what_is_left_in_output_in_the_other_modes(
    tmp_path: Path, studies: list[Path], mode: str
) -> None:
    before = set(Path(tempfile.gettempdir()).glob("tmp.*"))
    done = tried(image(tmp_path / mode, ENDED[mode], f"arena-test-kit:{mode}"), *studies, MODE=mode)
    assert [json.loads(line) for line in done.stdout.splitlines()] == ANSWERS
    assert done.stderr.count("a stray print") == 2
    assert done.returncode == 0
    assert set(Path(tempfile.gettempdir()).glob("tmp.*")) <= before


def test_the_script_says_when_an_image_was_made_for_another_mode(tmp_path: Path, studies: list[Path]) -> None:
    case = image(tmp_path / "case", ENDED["case"], "arena-test-kit:case")
    done = tried(case, *studies, MODE="batch")
    assert (done.returncode, done.stdout) == (1, "")
    assert "/input holds 2 cases; in mode `case` it is one" in done.stderr
    assert "there is no /output/predictions.jsonl" in done.stderr
    assert tried(case, *studies, MODE="swarm").returncode == 2


def test_the_script_shows_what_the_sandbox_would_refuse(tmp_path: Path, studies: list[Path]) -> None:
    done = tried(image(tmp_path / "bad", "open('/opt/app/cache', 'w')\n", "arena-test-kit:2"), studies[0])
    assert done.returncode == 1
    assert "Read-only file system" in done.stderr
    assert "the container exited with 1" in done.stderr


def blocks(path: Path) -> list[str]:
    """Return the Python examples of a page, in order."""
    return re.findall(r"```python\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL)


PAGE = blocks(KIT.parents[2] / "docs" / "vendors.md")
SERVE, BATCH, CASE, TOGETHER = PAGE
FUNCTION = SERVE.replace("from arena_algorithm import serve\n", "").replace("serve(predict)\n", "")
PREDICT_TOGETHER = """
def predict_together(folders):
    return [predict(folder) for folder in folders]
"""
EXAMPLES = {
    "serve": ("serve", SERVE),
    "batch": ("batch", FUNCTION + BATCH),
    "case": ("case", FUNCTION + CASE),
    "together": ("batch", FUNCTION + PREDICT_TOGETHER + TOGETHER),
}


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two studies of the sample set, drawn as the page says."""
    folder = tmp_path_factory.mktemp("sample")
    recipe = KIT.parents[2] / "challenges" / "chest-phantom" / "recipe"
    subprocess.run([sys.executable, recipe, "--set", "sample", "--out", folder], check=True, capture_output=True)
    return sorted(folder.glob("study-*"))[:2]


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_examples_of_the_vendors_page_answer_alike_in_each_mode(
    tmp_path: Path, sample: list[Path], example: str
) -> None:
    mode, program = EXAMPLES[example]
    done = tried(image(tmp_path / example, program, f"arena-test-kit:page-{example}"), *sample, MODE=mode)
    assert done.returncode == 0, done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines() if "ready" not in line]
    assert [answer["case"] for answer in answers] == ["c0001", "c0002"]
    for answer, study in zip(answers, sample, strict=True):
        dataset = pydicom.dcmread(next(study.glob("*.dcm")))
        pixels = dataset.pixel_array.astype(float)
        bright = pixels.max() - pixels if dataset.PhotometricInterpretation == "MONOCHROME1" else pixels
        assert answer["findings"]["effusion"] == pytest.approx(bright.mean() / bright.max())
        assert set(answer["findings"]) == {"nodule", "effusion", "pneumothorax"}


def test_the_examples_of_the_kits_own_page_run(tmp_path: Path, studies: list[Path]) -> None:
    first, together = blocks(KIT / "README.md")
    model = "def my_model(image, weights):\n    return 0.5\n"
    loaded = first.replace('np.load("/opt/app/weights.npz")', "np.zeros(1)")
    done = tried(image(tmp_path / "first", model + loaded, "arena-test-kit:readme-1"), *studies)
    assert done.stdout.count('"findings": {"pneumonia": 0.5}') == 2, done.stderr
    model = "def pairs(all):\n    return [all]\n\ndef my_model(some):\n    return [0.5 for _ in some]\n"
    done = tried(image(tmp_path / "together", model + together, "arena-test-kit:readme-2"), *studies, MODE="batch")
    assert done.stdout.count('"findings": {"pneumonia": 0.5}') == 2, done.stderr
