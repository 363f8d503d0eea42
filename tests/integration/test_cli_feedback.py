"""The commands about feedback, judging anew and computing again, on a small contest that has been worked off."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from arena.cli.main import main
from arena.evaluation.child import ScoringChild
from arena.store.lock import only_dispatcher
from arena.store.session import Store
from arena.store.tables import Scorecard
from tests.integration.test_feedback import climb, slightly_better
from tests.integration.test_leaderboard import Contest

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def child() -> Iterator[ScoringChild]:
    scoring = ScoringChild()
    yield scoring
    scoring.close()


@pytest.fixture
def contest(tmp_path: Path, child: ScoringChild, monkeypatch: pytest.MonkeyPatch) -> Iterator[Contest]:
    """A vendor with one score shown and one held back, in the state that ARENA_HOME names."""
    home = tmp_path / "home"
    store = Store(f"sqlite:///{home / 'arena.db'}")
    store.migrate()
    monkeypatch.setenv("ARENA_HOME", str(home))
    contest = Contest(store, home, child)
    climb(contest, 12, slightly_better)
    yield contest
    store.close()


@pytest.fixture
def arena(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["arena", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out, err

    return run


def test_the_ledger_is_printed_for_people_and_for_programs(contest: Contest, arena: Run) -> None:
    code, out, _ = arena("ledger", "small", "season")
    assert code == 0
    assert "not better than the shown best, or than chance, by more than 0.01" in out
    assert "Good: at most 16 bits while the phase was open." in out
    rows = list(csv.DictReader(io.StringIO(arena("ledger", "small", "season", "--csv")[1])))
    assert [(row["vendor"], row["disclosed"], row["bits"]) for row in rows] == [
        ("Good", "score", "15"),
        ("Good", "not_better", "1"),
    ]
    assert [row["disclosed"] for row in json.loads(arena("ledger", "small", "season", "--json")[1])] == [
        "score",
        "not_better",
    ]
    assert "Nothing has been disclosed" in arena("ledger", "small", "season", "--vendor", "Other")[1]
    assert arena("ledger", "small", "winter")[0] == 5
    assert arena("ledger", "small", "season", "--csv", "--json")[0] == 2


def test_recompute_says_how_it_compared_and_fails_with_the_first_difference(
    contest: Contest, arena: Run, tmp_path: Path
) -> None:
    card = contest.rows(Scorecard)[0]
    code, out, _ = arena("recompute", card.code)
    assert (code, "Every byte is equal" in out) == (0, True)
    path = tmp_path / "board.json"
    path.write_text(arena("leaderboard", "small", "--phase", "season", "--json")[1], encoding="utf-8")
    assert arena("recompute", path)[0] == 0
    document = json.loads(path.read_text(encoding="utf-8"))
    document["n_patients"] += 1
    path.write_text(json.dumps(document), encoding="utf-8")
    code, _, err = arena("recompute", path)
    assert (code, "at n_patients it holds 41, computed again that is 40" in err) == (4, True)
    code, out, _ = arena("recompute", path, "--json")
    assert (code, json.loads(out)["compared"], json.loads(out)["reproduced"]) == (4, "bytes", False)
    assert arena("recompute", "nothing-has-this-code")[0] == 5


def test_rejudge_scores_here_or_leaves_it_to_the_worker_that_runs(contest: Contest, arena: Run) -> None:
    contest.clock.now = contest.clock.now.replace(year=2027)
    with contest.store.write() as session:
        for card in contest.rows(Scorecard):
            row = session.get_one(Scorecard, card.code)
            row.scorer_version = "0.0.1"
            session.add(row)
    with only_dispatcher(contest.store, contest.roots.home):
        code, out, _ = arena("rejudge", "small", "--phase", "season")
    assert (code, "season: 2 evaluations to be judged anew." in out) == (0, True)
    assert "The worker that runs scores them now" in out
    assert len(contest.rows(Scorecard)) == 2
    code, out, _ = arena("rejudge", "small", "--json")
    assert (code, json.loads(out)["scored_here"]) == (0, True)
    assert len(contest.rows(Scorecard)) == 4
    assert arena("rejudge", "small", "--phase", "winter")[0] == 5
    assert contest.runner.running() == []


def test_nominating_where_the_rule_chooses_is_refused_with_the_rule(contest: Contest, arena: Run) -> None:
    submission = contest.board().entries[0].submission
    code, _, err = arena("nominate", submission)
    assert code == 3
    assert 'The nomination was not accepted: phase "season" of "small" does not let vendors choose' in err
    assert arena("nominate", "s-none")[0] == 5
