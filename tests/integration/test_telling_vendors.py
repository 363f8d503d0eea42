"""What vendors are told of their runs: counts of hidden ones, logs of sample ones, and what became of declared files."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from arena.blobs import BlobStore
from arena.cli.main import main
from arena.errors import LogSealed, NotFound
from arena.evaluation.dispatch import Dispatcher
from arena.evaluation.telling import kept_logs, tell
from arena.settings import Settings
from arena.store.boards import add_action
from arena.store.session import Store, transition
from arena.store.tables import Evaluation, EvaluationState, Submission
from arena.wiring import open_host
from arena.worker import Worker
from runners.engine import Engine
from runners.images.build import build_from_files
from tests.images import BASE_IMAGE, DOCKERFILE, build_algorithm
from tests.radiographs import encode
from tests.reports import deflated_bomb, report
from tests.scripted import Clock, ScriptedRunner
from tests.seeding import NOW, Roots, declaration, seed_case_set, seed_challenge, seed_submission

CASES = 12
MARK = "PIXELS-OF-A-HIDDEN-STUDY"
ENDINGS = {"ok": CASES - 2, "crashed/exit_nonzero": 1, "crashed/signal": 1}
LIMITS = {"cases_per_shard": CASES, "case_seconds": 20, "startup_seconds": 60, "memory_mib": 256, "restarts": 2}

TALKING = b"""
import os, sys
sys.path.insert(0, "/opt/algorithm")
print("\\x1b[31mloading\\x1b[0m weights", file=sys.stderr)
from arena_algorithm import serve

def predict(folder):
    print("PIXELS-OF-A-HIDDEN-STUDY", folder.name, "\\u202e<b>", file=sys.stderr, flush=True)
    if folder.name == "c0004":
        os._exit(165)
    if folder.name == "c0005":
        raise ValueError("no such thing")
    return {"nodule": 0.5, "effusion": 0.25}

serve(predict)
"""


def with_sample(**changes: object) -> Any:
    """Declare a phase on the sample set beside the usual ones."""
    window = {"opens_at": NOW - timedelta(days=1), "closes_at": NOW + timedelta(days=9)}
    phases = [
        {"name": name, "title": {"en": name, "ru": name}, "cases": cases, **window}
        for name, cases in (("rehearsal", "sample"), ("season", "public"))
    ]
    phases.append({"name": "season-final", "title": {"en": "F", "ru": "F"}, "cases": "final", "follows": "season"})
    sets = [{"name": name, "split": name} for name in ("sample", "public", "final")]
    return declaration(**{"phases": phases, "case_sets": sets, "limits": LIMITS, **changes})


def everything(home: Path) -> bytes:
    """Return all that lies under a folder but the studies and images."""
    kept = [path for path in home.rglob("*") if path.is_file() and not {"vault", "images"} & set(path.parts)]
    return b"".join(path.read_bytes() for path in kept)


def arena(*arguments: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """Run the command line; return its exit code."""
    monkeypatch.setenv("ARENA_HOME", str(home))
    monkeypatch.setattr("sys.argv", ["arena", *arguments])
    try:
        main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


@pytest.mark.parametrize(("which", "phase", "keeps"), [("sample", "rehearsal", True), ("public", "season", False)])
def test_a_log_is_asked_for_on_sample_sets_alone(
    sqlite_store: Store, tmp_path: Path, which: str, phase: str, keeps: bool
) -> None:
    roots, runner = Roots(tmp_path), ScriptedRunner(Roots(tmp_path))
    case_set = seed_case_set(sqlite_store, roots, which, CASES)
    seed_submission(sqlite_store, "acme", case_set, seed_challenge(sqlite_store, with_sample()), phase=phase)
    Dispatcher(sqlite_store, roots.results, runner, clock=Clock()).step()
    assert [spec.keep_log for spec in runner.submitted] == [keeps]


def settle(store: Store, evaluation: str, **changes: object) -> None:
    """Write what a scored evaluation holds."""
    with store.write() as session:
        states = list(EvaluationState)[: list(EvaluationState).index(EvaluationState.SCORED) + 1]
        current = EvaluationState(session.get_one(Evaluation, evaluation).state)
        for state in states[states.index(current) + 1 :]:
            transition(session, Evaluation, evaluation, expected=current, to=state, **changes)
            current = state


def test_counts_are_told_when_all_is_scored_and_of_a_final_when_it_is_published(
    sqlite_store: Store, tmp_path: Path
) -> None:
    version = seed_challenge(sqlite_store, with_sample())
    roots, counts = Roots(tmp_path), {"ok": 11, "crashed/exit_nonzero": 1}
    public, final = (seed_case_set(sqlite_store, roots, name, CASES) for name in ("public", "final"))
    open_code, open_evaluation = seed_submission(sqlite_store, "acme", public, version)
    final_code, final_evaluation = seed_submission(sqlite_store, "beta", final, version, phase="season-final")

    def endings(submission: str) -> list[dict[str, int] | None]:
        with sqlite_store.read() as session:
            return [each.endings for each in tell(session, submission)]

    assert (endings(open_code), endings(final_code)) == ([None], [None])
    for evaluation in (open_evaluation, final_evaluation):
        settle(sqlite_store, evaluation, ending_counts=counts)
    assert (endings(open_code), endings(final_code)) == ([counts], [None])
    with sqlite_store.write() as session:
        add_action(session, "small", "season-final", "publish", NOW)
    assert endings(final_code) == [counts]
    with sqlite_store.read() as session:
        assert [each.bits for each in tell(session, open_code)] == [40]
        with pytest.raises(NotFound):
            tell(session, "s-none")
        for sealed in (open_code, final_code):
            with pytest.raises(LogSealed, match="its cases are hidden"):
                kept_logs(session, BlobStore(tmp_path / "nowhere"), sealed)


@pytest.mark.engine
def test_a_vendor_reads_its_log_of_sample_cases_and_none_of_hidden_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    roots, settings = Roots(tmp_path), Settings(home=tmp_path)
    store = Store(settings.database)
    store.migrate()
    image = build_algorithm("arena-test-talking", TALKING)
    version = seed_challenge(store, with_sample())
    hidden = seed_case_set(store, roots, "public", CASES)
    sealed, _ = seed_submission(store, "acme", hidden, version, image_id=image)
    Worker(open_host(settings), clock=lambda: NOW).run_until_idle()
    assert MARK.encode() not in everything(tmp_path)
    assert b"loading" not in everything(tmp_path)
    with store.read() as session:
        (told,) = tell(session, sealed)
    assert told.endings == ENDINGS, "exit codes 1 and 165, which is told as a signal by the shells' rule"
    assert arena("logs", sealed, home=tmp_path, monkeypatch=monkeypatch) == 3
    assert "its cases are hidden" in capsys.readouterr().err

    sample = seed_case_set(store, roots, "sample", CASES)
    rehearsed, _ = seed_submission(store, "beta", sample, version, image_id=image, phase="rehearsal")
    Worker(open_host(settings), clock=lambda: NOW).run_until_idle()
    with store.read() as session:
        kept = kept_logs(session, roots.results, rehearsed)
        (told,) = tell(session, rehearsed)
    assert (told.endings, told.bits) == (ENDINGS, 0)
    assert [each.container for each in kept.containers] == [1, 2, 3], "one for each restart"
    assert b"\x1b[31mloading" in kept.containers[0].head
    assert b"ValueError: no such thing" in kept.containers[1].head
    capsys.readouterr()
    assert arena("logs", rehearsed, home=tmp_path, monkeypatch=monkeypatch) == 0
    shown = capsys.readouterr().out
    assert "== rehearsal, shard 1, container 1\nloading weights\n" in shown
    assert f"{MARK} c0001 \N{REPLACEMENT CHARACTER}<b>" in shown
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert arena("logs", rehearsed, "--json", home=tmp_path, monkeypatch=monkeypatch) == 0
    assert len(json.loads(capsys.readouterr().out)["containers"]) == 3
    assert arena("submission", sealed, home=tmp_path, monkeypatch=monkeypatch) == 0
    printed = capsys.readouterr().out
    assert f"{sealed} · season · 12 public cases · scored\n" in printed
    assert "crashed/exit_nonzero" in printed
    assert "at most 40 bits" in printed
    assert "165" not in printed
    assert arena("submission", sealed, "--json", home=tmp_path, monkeypatch=monkeypatch) == 0
    assert json.loads(capsys.readouterr().out)[0]["endings"]["ok"] == CASES - 2
    store.close()


LEAVING = b"""
import json, os, shutil
from pathlib import Path
(case,) = os.listdir("/input")
folder = Path("/output") / case
folder.mkdir()
Path("/output/prediction.json").write_text(json.dumps({"case": case, "findings": {"nodule": 0.5, "effusion": 0.25}}))
here = Path("/opt/algorithm")
if case == "c0002":
    shutil.copyfile(here / "bomb.dcm", folder / "report.dcm")
elif case == "c0003":
    (folder / "report.dcm").symlink_to("/opt/algorithm/report.dcm")
elif case == "c0004":
    pass
elif case == "c0005":
    (folder / "report.dcm").write_bytes(bytes(600 * 1024))
elif case == "c0006":
    with (folder / "rubbish").open("wb", buffering=0) as rubbish:
        try:
            while rubbish.write(bytes(4096)):
                pass
        except OSError:
            pass
else:
    shutil.copyfile(here / "report.dcm", folder / "report.dcm")
"""


@pytest.mark.engine
def test_files_beside_answers_are_counted_by_what_they_are(tmp_path: Path) -> None:
    roots, settings = Roots(tmp_path), Settings(home=tmp_path)
    store = Store(settings.database)
    store.migrate()
    bomb = deflated_bomb(400)
    assert len(bomb) < 500_000
    files = {"Dockerfile": DOCKERFILE, "main.py": LEAVING, "report.dcm": encode(report()), "bomb.dcm": bomb}
    image = build_from_files(Engine(), files, "arena-test-leaving", BASE_IMAGE)
    outputs = [{"name": "report.dcm", "kind": "dicom-sr", "max_kib": 512}]
    version = seed_challenge(store, with_sample(modes=["case"], outputs=outputs, limits={**LIMITS, "output_mib": 1}))
    code, evaluation = seed_submission(
        store, "acme", seed_case_set(store, roots, "public", CASES), version, image_id=image
    )
    with store.write() as session:
        session.get_one(Submission, code).mode = "case"
    Worker(open_host(settings), clock=lambda: NOW).run_until_idle()
    with store.read() as session:
        (told,) = tell(session, code)
        assert session.get_one(Evaluation, evaluation).outputs_sha256 is not None
    assert told.endings == {
        "ok": CASES - 3,
        "invalid_answer/output_refused": 1,
        "output_quota/overlong_file": 1,
        "output_quota/output_full": 1,
    }
    assert told.files == {"report.dcm": {"deflated": 1, "missing": 1, "ok": CASES - 5}}
    store.close()
