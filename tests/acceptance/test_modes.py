"""One model in every mode, from the organiser's folder to the leaderboard: the same answers, and time where it is known."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from arena.cli.main import main
from arena.presentation.language import Language
from arena.presentation.records import LatencyRecord
from arena.presentation.wording import Words
from arena.store.session import Store
from arena.store.tables import Evaluation, EvaluationState, Submission
from runners.archived import kept_name
from runners.engine import Engine
from runners.images.build import build_from_files
from tests.bundles import CHALLENGE, write_bundle
from tests.images import BASE_IMAGE, build_algorithm
from tests.integration.test_runner_modes import GC_DOCKERFILE
from tests.radiographs import encode, radiograph

pytestmark = [pytest.mark.engine, pytest.mark.timeout(300)]

CASES = 8
MODEL = b"""
import sys
sys.path.insert(0, "/opt/algorithm")
import pydicom
from arena_algorithm import %(mode)s

def predict(folder):
    return {"nodule": int(pydicom.dcmread(next(folder.glob("*/*.dcm"))).pixel_array.ravel()[0]) / 4096}

%(mode)s(predict)
"""
# The same model by the conventions of grand-challenge.org: the first voxel of the one volume.
ELSEWHERE = b"""
import json
from pathlib import Path
(socket,) = json.loads(Path("/input/inputs.json").read_text())
(path,) = Path("/input", socket["socket"]["relative_path"]).glob("*.mha")
values = path.read_bytes().partition(b"ElementDataFile = LOCAL\\n")[2]
Path("/output/nodule-probability.json").write_text(json.dumps(int.from_bytes(values[:2], "little") / 4096))
"""
LAYOUT = "layout: grand-challenge\nsockets: {image: chest-xray, findings: {nodule: nodule-probability.json}}\n"
LIMITS = "limits: {cases_per_shard: 5, startup_seconds: 30, case_seconds: 30, memory_mib: 256, output_mib: 1}\nmin_per_class: 2\n"

Run = Callable[..., str]


@dataclass(frozen=True)
class Entered:
    """What came of one submission: its evaluation's row, and its line on the board."""

    evaluation: Evaluation
    entry: dict[str, Any]


def challenge(folder: Path, slug: str, more: str) -> Path:
    """Write a challenge whose first phase is open now."""
    now, text = datetime.now(UTC), CHALLENGE.replace("slug: chest", f"slug: {slug}")
    text = text.replace("2026-03-01T09:00:00Z", (now - timedelta(days=1)).isoformat())
    text = text.replace("2026-03-20T09:00:00Z", (now + timedelta(days=1)).isoformat())
    return write_bundle(folder / slug, text + LIMITS + more)


def studies(folder: Path) -> tuple[Path, Path]:
    """Write studies with one image each, and their labels."""
    rows = ["study,patient,nodule"]
    folder.mkdir()
    for number in range(CASES):
        (folder / f"{number}.dcm").write_bytes(encode(radiograph(number)))
        rows.append(f"{number}.dcm,p{number},{number % 2}")
    labels = folder.parent / "labels.csv"
    labels.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder, labels


def archives(folder: Path) -> dict[str, Path]:
    """Build the model for each mode, and by another host's conventions; nothing of it stays in the engine."""
    engine = Engine()
    ids = {
        mode: build_algorithm(f"arena-test-modes:{mode}", MODEL.replace(b"%(mode)s", mode.encode()))
        for mode in ("serve", "batch", "case")
    }
    files = {"Dockerfile": GC_DOCKERFILE, "inference.py": ELSEWHERE, "some_resource.txt": b"unused"}
    ids["elsewhere"] = build_from_files(engine, files, "arena-test-modes:elsewhere", BASE_IMAGE)
    for name, image_id in ids.items():
        engine.export(image_id, folder / f"{name}.tar")
        engine.remove_image(f"arena-test-modes:{name}")
    engine.close()
    return {name: folder / f"{name}.tar" for name in ids}


@pytest.fixture
def arena(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run `arena …` in this process; it must succeed."""
    monkeypatch.setenv("ARENA_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("ARENA_BASE_IMAGE", BASE_IMAGE)
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: object) -> str:
        monkeypatch.setattr(sys, "argv", ["arena", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        assert not ended.value.code, out + err
        return out

    return run


def played(arena: Run, folder: Path) -> dict[str, Entered]:
    """Play two contests on the same studies: one of Arena's three modes, one of another host's images."""
    arena("init")
    pictures, labels = studies(folder / "studies")
    for slug, more in (("chest", "modes: [serve, batch, case]\n"), ("elsewhere", "modes: [serve, case]\n" + LAYOUT)):
        declared = challenge(folder, slug, more)
        arena("challenge", "open", declared)
        arena("cases", "import", slug, "public", pictures, "--labels", labels)
    made = archives(folder)
    entered = {
        "serve": ("chest", "serve", made["serve"]),
        "batch": ("chest", "batch", made["batch"]),
        "case": ("chest", "case", made["case"]),
        "serve elsewhere": ("elsewhere", "serve", made["serve"]),
        "case elsewhere": ("elsewhere", "case", made["elsewhere"]),
    }
    codes = {}
    for name, (slug, mode, archive) in entered.items():
        said = arena("submit", slug, "--phase", "public", "--vendor", f"Vendor {mode}", "--algorithm", "Net", "--mode",
                     mode, "--archive", archive, "--json")  # fmt: skip
        codes[name] = json.loads(said)["code"]
    arena("evaluate")
    boards = [json.loads(arena("leaderboard", slug, "--phase", "public", "--json")) for slug in ("chest", "elsewhere")]
    lines = {entry["submission"]: entry for board in boards for entry in board["entries"]}
    store = Store(f"sqlite:///{folder / 'home' / 'arena.db'}")
    with store.read() as session:
        rows = {row.submission_code: row for row in session.exec(select(Evaluation))}
        images = {submission.image_id for submission in session.exec(select(Submission))}
    store.close()
    engine = Engine()
    for image_id in images:
        engine.remove_image(kept_name(image_id))
    engine.close()
    return {name: Entered(rows[code], lines[code]) for name, code in codes.items()}


def test_one_model_gives_the_same_predictions_in_every_mode_up_to_the_leaderboard(arena: Run, tmp_path: Path) -> None:
    found = played(arena, tmp_path)
    assert {each.evaluation.state for each in found.values()} == {EvaluationState.SCORED}
    assert len({each.evaluation.predictions_sha256 for each in found.values()}) == 1
    assert all(each.entry["outcomes"] == {"ok": CASES} for each in found.values())
    assert len({each.entry["macro"]["value"] for each in found.values()}) == 1
    timed = {name: each.entry["latency"]["median_seconds"] for name, each in found.items()}
    assert timed.pop("batch") is None
    assert all(seconds is not None and seconds > 0 for seconds in timed.values()), timed
    assert timed["case"] > timed["serve"], "a case's time in its own container has the start in it"
    printed = arena("leaderboard", "chest", "--phase", "public").splitlines()
    (untimed,) = [line for line in printed if "not timed" in line]
    assert "Vendor batch" in untimed


def test_a_mode_that_is_not_timed_says_so_in_both_languages() -> None:
    none = LatencyRecord(median_seconds=None, p95_seconds=None)
    assert Words(Language.EN).latency(none) == ("not timed", "")
    assert Words(Language.RU).latency(none) == ("время не измеряется", "")
