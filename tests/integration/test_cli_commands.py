"""The organiser's and the vendor's commands: output for people and scripts, errors as messages with exit codes."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select
from typer.testing import CliRunner

from arena.blobs import BlobStore
from arena.challenge.opening import open_challenge
from arena.cli.main import _COMMANDS, app, main
from arena.store.boards import add_board
from arena.store.documents import Disclosure, Entry, Estimate, Latency, LeaderboardDocument
from arena.store.session import Store
from arena.store.tables import Case
from runners.values import Outcome
from tests.bundles import CHALLENGE, FakeImage, add_case_sets, bundle_with, write_bundle
from tests.radiographs import encode, radiograph
from tests.seeding import study_tar

ROOT = Path(__file__).parents[2]
NOW = datetime.now(UTC)
OPEN_NOW = (
    ("2026-03-01T09:00:00Z", (NOW - timedelta(days=1)).isoformat()),
    ("2026-03-20T09:00:00Z", (NOW + timedelta(days=9)).isoformat()),
)
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [name for name in os.environ if name.startswith("ARENA_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("ARENA_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def arena(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run `arena …` in this process and return its exit code, stdout and stderr."""

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["arena", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out, err

    return run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    text = CHALLENGE
    for old, new in OPEN_NOW:
        text = text.replace(old, new)
    return write_bundle(tmp_path / "chest", text)


def store_of(home: Path) -> Store:
    return Store(f"sqlite:///{home / 'arena.db'}")


def document(*entries: Entry) -> LeaderboardDocument:
    return LeaderboardDocument(
        challenge="chest",
        phase="public",
        revision=1,
        as_of=NOW,
        disclosure=Disclosure.OPEN,
        case_set="public",
        case_set_digest="c" * 64,
        judging_digest="j" * 64,
        challenge_version="v" * 64,
        scorer_version="1",
        n_cases=100,
        n_patients=90,
        missing="worst",
        alpha=0.05,
        entries=entries,
    )


def entry(**changes: Any) -> Entry:
    facts = {
        "submission": "s-1",
        "vendor": "acme",
        "vendor_name": "Acme",
        "algorithm": "acme.net",
        "algorithm_name": "Net",
        "image_id": "sha256:0",
        "rank": 1,
        "rank_low": 1,
        "rank_high": 2,
        "tied_with_first": True,
        "macro": Estimate(value=0.87, low=0.81, high=0.92, n=100, method="cluster"),
        "latency": Latency(median_seconds=0.021, p95_seconds=1.3, n=97),
        "outcomes": {Outcome.OK: 97, Outcome.TIMED_OUT: 3},
        "submitted_at": NOW,
        "evaluated_at": NOW,
    }
    return Entry(**(facts | changes))


def publish(home: Path, published: LeaderboardDocument) -> None:
    store = store_of(home)
    ref = BlobStore(home / "public").put(published.model_dump_json().encode())
    with store.write() as session:
        add_board(session, published.model_copy(update={"entries": ()}), ref, {})
    store.close()


def test_init_makes_the_state_and_says_what_comes_next(arena: Run, home: Path) -> None:
    code, out, _ = arena("init")
    assert code == 0
    assert str(home) in out
    assert "arena challenge open" in out
    assert (
        arena("init", "--json")[1]
        == json.dumps({"home": str(home), "database": f"sqlite:///{home / 'arena.db'}"}, indent=2) + "\n"
    )


def test_without_a_state_each_command_says_how_to_make_one(arena: Run, folder: Path) -> None:
    for command in (["challenge", "list"], ["cases", "list"], ["leaderboard", "chest"], ["challenge", "open", folder]):
        code, out, err = arena(*command)
        assert (code, out) == (6, "")
        assert "arena init" in err
        assert "Traceback" not in err


def test_open_list_and_show_tell_the_same_story(arena: Run, folder: Path) -> None:
    arena("init")
    code, out, _ = arena("challenge", "open", folder)
    assert code == 0
    assert "chest: version 1 is in force" in out
    (listed,) = json.loads(arena("challenge", "list", "--json")[1])
    shown = json.loads(arena("challenge", "show", "chest", "--json")[1])
    assert shown.pop("case_sets") == []
    assert shown == listed
    assert [(phase["name"], phase["state"]) for phase in shown["phases"]] == [("public", "open"), ("final", "upcoming")]
    assert "public (open), final (upcoming)" in arena("challenge", "list")[1]
    assert "0.5" in arena("challenge", "show", "chest")[1]


def test_check_needs_no_state_and_makes_none(arena: Run, folder: Path, home: Path) -> None:
    code, out, _ = arena("challenge", "check", folder, "--json")
    assert code == 0
    assert {found["where"] for found in json.loads(out)["weaknesses"]} == {"phases.public.cases", "phases.final.cases"}
    assert not home.exists()


def test_check_fails_where_something_is_wrong(arena: Run, folder: Path, home: Path) -> None:
    arena("init")
    add_case_sets(store_of(home), "public", "final")
    assert arena("challenge", "check", folder)[:2] == (0, arena("challenge", "check", folder)[1])
    text = (folder / "challenge.yaml").read_text(encoding="utf-8").replace("code: nodule", "code: effusion")
    (folder / "challenge.yaml").write_text(text, encoding="utf-8")
    code, out, err = arena("challenge", "check", folder)
    assert code == 4
    assert "without labels for effusion" in out
    assert "must be mended first" in err


def test_a_faulty_bundle_is_one_sentence_on_stderr(arena: Run, folder: Path) -> None:
    arena("init")
    (folder / "challenge.yaml").write_text("slug: chest\ncolour: red\n", encoding="utf-8")
    code, out, err = arena("challenge", "open", folder)
    assert (code, out) == (4, "")
    assert err.startswith("Error: ")
    assert "colour: there is no such key" in err
    assert "Traceback" not in err


def test_an_archive_is_submitted_and_its_quota_kept(arena: Run, folder: Path, home: Path, tmp_path: Path) -> None:
    arena("init")
    arena("challenge", "open", folder)
    add_case_sets(store_of(home), "public", "final")
    archive = FakeImage().write(tmp_path / "image.tar")
    command = ["submit", "chest", "--phase", "public", "--vendor", "Acme", "--algorithm", "Net", "--archive", archive]
    code, out, _ = arena(*command)
    assert code == 0
    assert "acme.net" in out
    assert json.loads(arena(*command, "--json")[1])["image_id"] == FakeImage().image_id
    code, out, err = arena(*command)
    assert (code, out) == (3, "")
    assert "2 submissions per day" in err


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["nope"], 2, "No such command"),
        (["submit", "chest", "--phase", "public", "--vendor", "A1", "--algorithm", "B1"], 2, "--archive"),
        (["submit", "chest", "--phase", "public", "--vendor", "A1", "--algorithm", "B1", "--archive", "none"], 2, "none"),
        (["leaderboard", "chest", "--json", "--csv"], 2, "--csv"),
        (["leaderboard", "chess"], 4, "Known: chest"),
        (["leaderboard", "chest", "--phase", "nope"], 5, "(it has: public, final)"),
        (["challenge", "check", "pyproject.toml"], 4, "a folder that holds challenge.yaml"),
        (["challenge", "show", "chess"], 4, "Known: chest"),
        (["challenge", "open", "nowhere"], 4, "the file is missing"),
        (["cases", "import", "chest", "public", "nowhere", "--labels", "none.csv"], 2, "exist"),
    ],
)  # fmt: skip
def test_wrong_use_has_a_message_and_its_exit_code(
    arena: Run, folder: Path, arguments: list[str], code: int, words: str
) -> None:
    arena("init")
    arena("challenge", "open", folder)
    found, out, err = arena(*arguments)
    assert (found, out) == (code, "")
    assert words in err
    assert "Traceback" not in err


@pytest.mark.parametrize("command", ["check", "open"])
def test_a_challenge_cannot_promise_a_header_that_no_import_shows(arena: Run, folder: Path, command: str) -> None:
    arena("init")
    path = folder / "challenge.yaml"
    path.write_text(path.read_text(encoding="utf-8") + "headers: [PatientName]\n", encoding="utf-8")
    code, out, err = arena("challenge", command, folder)
    assert (code, out) == (4, "")
    assert "PatientName" in err
    assert json.loads(arena("challenge", "list", "--json")[1]) == []


def test_a_command_without_an_engine_says_so_once(arena: Run, home: Path) -> None:
    arena("init")
    without = os.environ | {"ARENA_HOME": str(home), "DOCKER_HOST": "unix:///nowhere.sock"}
    command = [sys.executable, "-m", "arena.cli.main", "evaluate"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, env=without)
    assert (done.returncode, done.stdout.strip()) == (6, "")
    assert done.stderr.count("The container engine does not answer") == 1


def test_a_wrong_setting_is_named(arena: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARENA_SERVER_PORT", "many")
    code, _, err = arena("init")
    assert code == 2
    assert "ARENA_SERVER_PORT" in err


def test_a_leaderboard_is_shown_as_table_document_and_csv(arena: Run, folder: Path, home: Path) -> None:
    arena("init")
    arena("challenge", "open", folder)
    unscored = entry(
        submission="s-2",
        rank=None,
        rank_low=None,
        rank_high=None,
        macro=Estimate(n=None, method="cluster", reason="no answer"),
        latency=Latency(median_seconds=None, p95_seconds=None, n=0),
        outcomes={Outcome.CRASHED: 100},
    )
    published = document(entry(), unscored)
    publish(home, published)
    code, out, _ = arena("leaderboard", "chest")
    assert code == 0
    for words in (
        "0.87 (0.81–0.92)",
        "1 (1–2)",
        "21 ms / 1.3 s",
        "ok 97%, timed_out 3%",
        "none: no answer",
        "crashed 100%",
    ):
        assert words in out
    assert re.search(r"none: no answer\W+—", out), "a count that is not told is a dash"
    assert LeaderboardDocument.model_validate_json(arena("leaderboard", "chest", "--json")[1]) == published
    first, second = csv.DictReader(io.StringIO(arena("leaderboard", "chest", "--csv")[1]))
    assert (first["rank"], first["macro_auc"], first["n_cases"], first["timed_out_percent"]) == (
        "1",
        "0.87",
        "100",
        "3",
    )
    assert (second["rank"], second["macro_auc"], second["median_seconds"]) == ("", "", "")
    assert second["n_cases"] == "", "a count that is not told is an empty cell, not 0"


def test_a_phase_without_a_leaderboard_says_so(arena: Run, folder: Path) -> None:
    arena("init")
    arena("challenge", "open", folder)
    assert 'Phase "public" of "chest" has no leaderboard yet; it is open.' in arena("leaderboard", "chest")[1]
    assert json.loads(arena("leaderboard", "chest", "--json")[1]) is None
    assert arena("leaderboard", "chest", "--csv")[1].startswith("rank,")


def test_case_sets_are_listed_without_their_references(arena: Run, folder: Path, home: Path) -> None:
    arena("init")
    store = store_of(home)
    open_challenge(store, bundle_with(folder), NOW)
    add_case_sets(store, "public", "final")
    assert "digest-publi" in arena("cases", "list")[1]
    listed = arena("cases", "list", "chest", "--json")[1]
    assert [found["name"] for found in json.loads(listed)] == ["final", "public"]
    assert "reference" not in listed


@pytest.mark.parametrize("command", sorted(_COMMANDS))
def test_every_command_explains_itself(command: str) -> None:
    result = CliRunner().invoke(app, [command, "--help"])
    assert result.exit_code == 0
    assert "Usage" in result.output


def test_help_teaches_a_whole_contest() -> None:
    result = CliRunner().invoke(app, ["--help"])
    for command in ("init", "challenge open", "cases import", "submit", "evaluate", "leaderboard"):
        assert f"arena {command}" in result.output


def test_showing_a_leaderboard_loads_neither_the_engine_nor_the_vault() -> None:
    script = (
        "import sys, arena.cli.leaderboard, arena.cli.challenges;"
        "print(sorted(n for n in sys.modules if n.startswith(('runners.', 'arena.vault', 'docker', 'scipy'))))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout == "['runners.values']\n"


def test_check_reads_the_stored_studies_and_fails_on_what_should_not_stand_there(
    arena: Run, folder: Path, home: Path, tmp_path: Path
) -> None:
    arena("init")
    studies = tmp_path / "studies"
    studies.mkdir()
    lines = ["study,patient,nodule"]
    for number in range(4):
        (studies / f"{number}.dcm").write_bytes(encode(radiograph(number)))
        lines.append(f"{number}.dcm,p{number},{number % 2}")
    labels = tmp_path / "labels.csv"
    labels.write_text("\n".join(lines) + "\n")
    assert arena("cases", "import", str(folder), "public", str(studies), "--labels", str(labels))[0] == 0
    output = arena("challenge", "check", str(folder))[1]
    assert "attributes are known of no case" in output or "case_sets.public" in output
    assert "not in the published list" not in output
    # A study that the import would never have written: the whole header still in it.
    store = store_of(home)
    with store.write() as session:
        case = session.exec(select(Case)).first()
        assert case is not None
        unstripped = study_tar(encode(radiograph(0)))
        case.study_sha256 = BlobStore(home / "vault" / "studies").put(unstripped).sha256
        session.add(case)
    store.close()
    code, output, errors = arena("challenge", "check", str(folder))
    assert code == 4
    assert "not in the published list" in output
    assert "must be mended first" in errors


def test_check_tells_of_studies_that_the_declared_layout_cannot_show(
    arena: Run, folder: Path, home: Path, tmp_path: Path
) -> None:
    arena("init")
    studies, labels = tmp_path / "studies", tmp_path / "labels.csv"
    for number in range(2):
        (studies / "pair").mkdir(parents=True, exist_ok=True)
        changed = radiograph(number, StudyInstanceUID="1.2.3", PatientID="RAY-1")  # each is a series of its own
        (studies / "pair" / f"{number}.dcm").write_bytes(encode(changed))
    labels.write_text("study,patient,nodule\npair,p1,1\n")
    assert arena("cases", "import", folder, "public", studies, "--labels", labels)[0] == 0
    assert "layout" not in arena("challenge", "check", folder)[1]
    path = folder / "challenge.yaml"
    layout = "modes: [serve, case]\nlayout: grand-challenge\nsockets: {image: chest, findings: {nodule: nodule.json}}\n"
    path.write_text(path.read_text(encoding="utf-8") + layout, encoding="utf-8")
    code, output, _ = arena("challenge", "check", folder)
    assert code == 4
    assert "1 studies cannot be shown in layout grand-challenge" in output
    assert "2 series" in output
