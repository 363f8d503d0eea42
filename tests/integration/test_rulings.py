"""What is held: the organiser's list and word, and that one held submission stops no final for ever."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from arena.cli.main import main
from arena.errors import NotFound, RulingRefused
from arena.evaluation.child import ScoringChild
from arena.evaluation.telling import tell
from arena.schedule import advance
from arena.store import queue
from arena.store.rulings import HELD_HOURS, held_rows
from arena.store.session import Store
from arena.store.tables import Evaluation, EvaluationState, Ruling, RulingKind, Submission, SubmissionState
from arena.submission.ruling import rule
from runners.values import AttemptSpec
from tests.integration.test_leaderboard import Contest, answers_with
from tests.seeding import NOW, seed_submission

Run = Callable[..., tuple[int, str, str]]
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def child() -> Iterator[ScoringChild]:
    scoring = ScoringChild()
    yield scoring
    scoring.close()


@pytest.fixture
def contest(tmp_path: Path, child: ScoringChild, monkeypatch: pytest.MonkeyPatch) -> Iterator[Contest]:
    home = tmp_path / "home"
    store = Store(f"sqlite:///{home / 'arena.db'}")
    store.migrate()
    monkeypatch.setenv("ARENA_HOME", str(home))
    yield Contest(store, home, child)
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


def vendor_of(contest: Contest, spec: AttemptSpec) -> str:
    with contest.store.read() as session:
        evaluation = session.get_one(Evaluation, spec.shard_id.rsplit("-", 1)[0])
        return session.get_one(Submission, evaluation.submission_code).algorithm_code.removesuffix("-one")


def fault(contest: Contest, vendor: str) -> int:
    """Let the host fail at every attempt of a vendor's until nothing of it is under way; return how many there were."""
    tries = 0
    while True:
        contest.dispatcher.step()
        running = [spec for spec in contest.runner.running() if vendor_of(contest, spec) == vendor]
        if not running:
            return tries
        for spec in running:
            tries += 1
            contest.runner.finish(spec, fault="SandboxRefused: \x1b[31mits words")


def evaluation_of(contest: Contest, submission: str, phase: str = "season") -> Evaluation:
    return next(e for e in contest.rows(Evaluation) if (e.submission_code, e.phase) == (submission, phase))


def held_beside_a_good_one(contest: Contest) -> str:
    """Hold the evaluation of `bad`, then let `good` be scored."""
    bad = contest.submit("bad", answers_with(3))
    fault(contest, "bad")
    assert evaluation_of(contest, bad).state == EvaluationState.HELD
    contest.clock.now += timedelta(minutes=1)
    contest.submit("good", answers_with(3), at=1)
    contest.work()
    return bad


def test_an_organiser_sees_what_is_held_and_for_how_long(contest: Contest, arena: Run) -> None:
    assert arena("held")[:2] == (0, "Nothing is held.\n")
    bad = held_beside_a_good_one(contest)
    code, out, _ = arena("held", "small")
    assert code == 0
    assert "\x1b" not in out
    assert f"{bad}: SandboxRefused" in out
    (row,) = json.loads(arena("held", "--json")[1])
    assert (row["submission"], row["vendor"], row["tries"] >= 4) == (bad, "Bad", True)
    assert row["others_since"] > 0
    assert json.loads(arena("held", "none", "--json")[1]) == []


@pytest.mark.parametrize(("command", "state"), [("refuse", "refused"), ("withdraw", "withdrawn")])
def test_an_organiser_ends_a_held_submission_with_a_reason_that_its_vendor_reads(
    contest: Contest, arena: Run, command: str, state: str
) -> None:
    bad = held_beside_a_good_one(contest)
    assert arena(command, bad, "--reason", " ")[0] == RulingRefused.exit_code
    code, out, _ = arena(command, bad, "--reason", "Said why.")
    assert (code, out) == (0, f"{bad} is {state}: its evaluation in season ends without a score.\n")
    assert next(s.state for s in contest.rows(Submission) if s.code == bad) == state
    assert "Said why." in arena("submission", bad)[1]
    (told,) = json.loads(arena("submission", bad, "--json")[1])
    assert (told["state"], told["ruling"], told["reason"]) == ("unscored", state, "Said why.")
    with contest.store.write() as session:
        assert queue.release_held(session) == [], "it is over for good"
        assert queue.unfinished(session) == 0
    code, _, err = arena(command, bad, "--reason", "Again.")
    assert code == RulingRefused.exit_code
    assert "nothing of it waits or is held" in err


def test_a_queued_submission_is_refused_and_never_runs(contest: Contest) -> None:
    code, _ = seed_submission(contest.store, "bad", contest.public, contest.version)
    with contest.store.read() as session:
        assert queue.unplanned(session) != []
    rule(contest.store, code, RulingKind.REFUSED, "Spam.", NOW)
    contest.work()
    assert contest.runner.submitted == []


def test_an_offer_that_was_ended_meanwhile_is_not_started_and_the_dispatcher_goes_on(
    contest: Contest, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = contest.submit("bad", answers_with(3))
    contest.submit("good", answers_with(3), at=1)
    contest.dispatcher._plan()
    with contest.store.read() as session:
        offers = queue.waiting(session)
    monkeypatch.setattr(queue, "waiting", lambda _session: offers)
    assert offers[0].evaluation.submission_code == code
    rule(contest.store, code, RulingKind.WITHDRAWN, "Asked for.", NOW)
    contest.dispatcher._start(offers[0])
    assert contest.runner.submitted == []


def test_what_runs_or_has_a_score_cannot_be_ended(contest: Contest) -> None:
    running = contest.submit("bad", answers_with(3))
    contest.dispatcher.step()
    with pytest.raises(RulingRefused, match=r"in phase season is running\. Wait until it is scored or held"):
        rule(contest.store, running, RulingKind.REFUSED, "No.", NOW)
    contest.work()
    with pytest.raises(RulingRefused, match="nothing of it waits or is held"):
        rule(contest.store, running, RulingKind.REFUSED, "No.", NOW)
    with pytest.raises(NotFound):
        rule(contest.store, "s-none", RulingKind.REFUSED, "No.", NOW)
    assert contest.rows(Ruling) == []


def test_a_final_goes_on_without_an_entry_that_the_organiser_ends_and_its_score_before_stands(contest: Contest) -> None:
    bad = contest.submit("bad", answers_with(3))
    contest.submit("good", answers_with(9), at=1)
    contest.work()
    contest.clock.now = NOW + 2 * DAY
    advance(contest.store, contest.publisher, contest.clock())
    contest.answers["season-final", "good"] = answers_with(5)
    fault(contest, "bad")
    contest.work()
    assert rule(contest.store, bad, RulingKind.REFUSED, "It voids attempts.", contest.clock()).stands
    done = advance(contest.store, contest.publisher, contest.clock())
    assert [(phase, action.value) for _, phase, action in done] == [("season-final", "publish")]
    assert [entry.vendor for entry in contest.board("season-final").entries] == ["good"]
    assert {entry.vendor for entry in contest.board("season").entries} == {"good", "bad"}


def test_a_held_entry_is_tried_once_more_after_a_day_and_after_another_stops_no_final(contest: Contest) -> None:
    bad = held_beside_a_good_one(contest)
    contest.clock.now = NOW + DAY + timedelta(hours=1)  # closed
    advance(contest.store, contest.publisher, contest.clock())
    assert evaluation_of(contest, bad).state == EvaluationState.RUNNING, "a day has gone by: once more"
    assert fault(contest, "bad") >= 4
    assert contest.rows(Ruling) == []
    contest.clock.now += timedelta(hours=HELD_HOURS - 1)
    assert advance(contest.store, contest.publisher, contest.clock()) == []
    contest.clock.now += timedelta(hours=2)
    done = advance(contest.store, contest.publisher, contest.clock())
    assert [(phase, action.value) for _, phase, action in done] == [("season-final", "nominate")]
    ended = evaluation_of(contest, bad)
    assert ended.state == EvaluationState.UNSCORED
    (ruling,) = contest.rows(Ruling)
    assert (ruling.evaluation_code, ruling.kind) == (ended.code, RulingKind.NOT_EVALUABLE)
    with contest.store.read() as session:
        assert "did not get through with it in " in str(tell(session, bad)[0].reason)
    assert next(s.state for s in contest.rows(Submission) if s.code == bad) == SubmissionState.ACCEPTED


def test_where_nobody_s_work_gets_through_everybody_waits_for_the_organiser(contest: Contest) -> None:
    contest.submit("good", answers_with(3))
    contest.work()
    contest.clock.now += timedelta(minutes=1)
    bad = contest.submit("bad", answers_with(3), at=1)
    fault(contest, "bad")
    contest.clock.now = NOW + 30 * DAY
    for _ in range(3):
        advance(contest.store, contest.publisher, contest.clock())
        contest.clock.now += 2 * DAY
    assert evaluation_of(contest, bad).state == EvaluationState.HELD
    with contest.store.read() as session:
        assert [row.others_since for row in held_rows(session)] == [0]
