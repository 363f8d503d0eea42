"""The real challenge the whole way: from the published pictures to a line on the final's leaderboard."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from arena.challenge.bundle import read_bundle
from arena.challenge.opening import open_challenge
from arena.settings import Settings
from arena.store import boards
from arena.store.documents import LeaderboardDocument
from arena.submission.intake import submit_algorithm
from arena.vault.importing import import_case_set
from arena.wiring import build_algorithm, export_image, open_host, utc_now
from arena.worker import Progress, Worker
from runners.engine import Engine
from runners.values import Outcome
from tests.images import BASE_IMAGE

CHALLENGE = Path(__file__).parents[2] / "challenges" / "cxr-pneumonia"
TAG = "arena-test-cxr-hog:1"


def run(*command: str | Path) -> None:
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def copy_that_closes(folder: Path, seconds: float) -> Path:
    """Copy the challenge with a season that closes soon."""
    shutil.copytree(CHALLENGE, folder, ignore=shutil.ignore_patterns("baselines"))
    path = folder / "challenge.yaml"
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    season = document["phases"][0]
    season["opens_at"] = (utc_now() - timedelta(days=1)).isoformat()
    season["closes_at"] = (utc_now() + timedelta(seconds=seconds)).isoformat()
    path.write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")
    return folder


@pytest.mark.engine
@pytest.mark.real_data
@pytest.mark.timeout(600)
def test_the_baseline_stands_on_the_final_leaderboard_with_an_auc_of_0_90(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sets, weights = tmp_path / "sets", tmp_path / "weights.npz"
    data = Path(os.environ["ARENA_REAL_DATA"]) / "kermany_pediatric_cxr"
    run(CHALLENGE / "prepare.py", "--data", data, "--out", sets)
    run(CHALLENGE / "baselines" / "hog" / "train.py", "--data", sets, "--out", weights)
    host = open_host(Settings(home=tmp_path / "home"))
    host.store.migrate()
    bundle = read_bundle(copy_that_closes(tmp_path / "challenge", 20))
    for name in ("public", "final"):
        import_case_set(
            store=host.store,
            studies=host.studies,
            references=host.references,
            declaration=bundle.declaration,
            set_name=name,
            folder=sets / name,
            labels=sets / f"{name}.csv",
            now=utc_now(),
        )
    now = bundle.declaration.phases[0].closes_at
    assert now is not None
    submitted_at = now - timedelta(seconds=1)  # the rules ask the time they are given, whatever the clock says
    open_challenge(host.store, bundle, submitted_at)
    image_id = build_algorithm(CHALLENGE / "baselines" / "hog", TAG, base=BASE_IMAGE, added=[weights])
    export_image(TAG, tmp_path / "image.tar")
    Engine().remove_image(TAG)  # so that the executor loads the archive that was handed in
    submit_algorithm(
        host.store,
        host.images,
        vendor="Gradient",
        algorithm="Hog",
        challenge="cxr-pneumonia",
        phase="season",
        archive=tmp_path / "image.tar",
        now=submitted_at,
    )

    def published(progress: Progress) -> bool:
        with host.store.read() as session:
            return boards.newest_board(session, "cxr-pneumonia", "season-final") is not None and not progress.unfinished

    try:
        Worker(host).run(until=published)
    finally:
        Engine().remove_image(image_id)
    with host.store.read() as session:
        board = boards.newest_board(session, "cxr-pneumonia", "season-final")
    assert board is not None
    document = LeaderboardDocument.model_validate_json(host.public.get(board.document_sha256))
    host.store.close()
    (entry,) = document.entries
    auc = entry.macro
    with capsys.disabled():
        print(f"\ncxr-pneumonia, leaderboard: AUC {auc.value} (95 % {auc.low} to {auc.high}), n {auc.n}")  # noqa: T201
    assert (document.n_cases, document.n_patients) == (618, 426)
    assert entry.outcomes == {Outcome.OK: 618}
    assert auc.value is not None
    assert auc.value >= 0.90
