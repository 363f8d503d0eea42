"""What vendors learn while a phase is open, its ledger, nominations, judging anew, and computing documents again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from arena.blobs import BlobStore
from arena.errors import NominationRefused, NotFound, ScorerDiffers
from arena.evaluation import rejudging
from arena.evaluation.child import ScoringChild
from arena.evaluation.feedback import Disclosed
from arena.presentation.details import entry_view
from arena.presentation.language import Language
from arena.presentation.reader import Reader
from arena.presentation.views import leaderboard_view
from arena.presentation.wording import Words
from arena.recomputation import How, Kind, Recomputer, compare
from arena.schedule import advance
from arena.store.ledger import ledger
from arena.store.session import Store, transition
from arena.store.tables import (
    Challenge,
    ChallengeVersion,
    Evaluation,
    EvaluationState,
    Feedback,
    Leaderboard,
    Scorecard,
    Submission,
    SubmissionState,
)
from arena.submission.nominating import nominate
from runners.values import AttemptSpec, CaseInput, Outcome
from tests.integration.test_leaderboard import Contest, answers_with
from tests.scripted import Answer
from tests.seeding import NOW


@pytest.fixture(scope="module")
def child() -> Iterator[ScoringChild]:
    scoring = ScoringChild()
    yield scoring
    scoring.close()


@pytest.fixture
def contest(sqlite_store: Store, tmp_path: Path, child: ScoringChild) -> Contest:
    return Contest(sqlite_store, tmp_path, child)


def phases_with(contest: Contest, **changes: object) -> None:
    """Change the fields of the phase that takes submissions."""
    with contest.store.write() as session:
        version = session.get_one(ChallengeVersion, contest.version)
        season, final = version.declaration["phases"]
        version.declaration = version.declaration | {"phases": [season | changes, final]}
        session.add(version)


def told(contest: Contest, phase: str = "season") -> list[tuple[str, str, int | None]]:
    with contest.store.read() as session:
        rows = [row.feedback for row in ledger(session, "small", phase)]
    return [(row.submission_code, row.disclosed, row.bits) for row in rows]


def slightly_better(spec: AttemptSpec, case: CaseInput) -> tuple[Outcome, dict[str, float]]:
    """Answer like `answers_with(12)`, but for one case that now beats three more: macro AUC better by 0.00375."""
    outcome, answer = answers_with(12)(spec, case)
    return outcome, answer | {"nodule": 0.12} if case.case == "c0001" else answer


def climb(contest: Contest, *algorithms: int | Answer) -> list[str]:
    """Let one vendor hand in algorithms, by their errors, one after the other, and work each off."""
    codes = []
    for number, algorithm in enumerate(algorithms):
        answer = answers_with(algorithm) if isinstance(algorithm, int) else algorithm
        codes.append(contest.submit("good", answer, at=10 * number))
        contest.clock.now += timedelta(seconds=10)
        contest.work()
    return codes


def test_a_slightly_better_score_is_held_back_and_a_clearly_better_one_is_shown(contest: Contest) -> None:
    first, slightly, clearly = climb(contest, 12, slightly_better, 2)
    assert [entry.submission for entry in contest.board().entries] == [clearly]
    assert told(contest) == [
        (first, Disclosed.SCORE, 15),
        (slightly, Disclosed.NOT_BETTER, 1),
        (clearly, Disclosed.SCORE, 15),
    ]
    assert contest.board().ladder_eta == 0.01


def test_a_held_back_score_changes_nothing_that_is_public_but_the_one_sentence(contest: Contest) -> None:
    first, slightly = climb(contest, 12, slightly_better)
    assert len(contest.rows(Leaderboard)) == 1
    reader = Reader(contest.store, contest.roots.public, clock=lambda: NOW + timedelta(hours=1))
    facts = reader.entry(slightly)
    view = entry_view(facts, Words(Language.EN), board_path="/", entry_path="/algorithm")
    assert view.standings == ()
    assert view.notes == (
        "Season: not better than the shown best, or than chance, by more than 0.01. Its numbers appear when the phase has closed.",
    )
    assert entry_view(reader.entry(first), Words(Language.EN), board_path="/", entry_path="/a").standings != ()
    board = leaderboard_view(facts.phases[0], Words(Language.RU), entry_path="/a")
    assert "более чем на 0,01" in board.sentences[0]


def test_without_the_ladder_the_entry_rule_shows_every_better_score(contest: Contest) -> None:
    phases_with(contest, feedback={"ladder": False, "eta": 0.01})
    first, slightly, worse = climb(contest, 12, slightly_better, 20)
    assert [entry.submission for entry in contest.board().entries] == [slightly]
    assert told(contest) == [(first, Disclosed.SCORE, 15), (slightly, Disclosed.SCORE, 15)]
    assert contest.board().ladder_eta is None
    assert worse not in contest.board().model_dump_json()


def test_a_verdict_stands_when_the_phase_is_published_again(contest: Contest) -> None:
    climb(contest, 12, slightly_better)
    before = told(contest)
    contest.submit("fair", answers_with(30), at=50)
    contest.clock.now += timedelta(seconds=10)
    contest.work()
    assert told(contest)[: len(before)] == before
    assert len(told(contest)) == len(before) + 1


def test_withdrawing_the_shown_best_opens_no_second_look(contest: Contest) -> None:
    first, best = climb(contest, 20, 2)
    with contest.store.write() as session:
        transition(session, Submission, best, expected=SubmissionState.ACCEPTED, to=SubmissionState.WITHDRAWN)
    again = contest.submit("good", answers_with(3), at=60)
    contest.clock.now += timedelta(seconds=60)
    contest.work()
    assert [entry.submission for entry in contest.board().entries] == [first], "the one shown before it"
    assert told(contest)[-1] == (again, Disclosed.NOT_BETTER, 1)


def test_when_the_phase_has_closed_the_entry_rule_decides_and_all_is_told(contest: Contest) -> None:
    _, slightly = climb(contest, 12, slightly_better)
    contest.clock.now = NOW + timedelta(days=2)
    advance(contest.store, contest.publisher, contest.clock())
    assert [entry.submission for entry in contest.board().entries] == [slightly]
    assert contest.board().ladder_eta is None
    assert told(contest)[-1] == (slightly, Disclosed.EVERYTHING, None)
    assert contest.board().entries[0].predictions_sha256 == contest.rows(Evaluation)[1].predictions_sha256


def test_the_ledger_is_written_with_the_publication_or_not_at_all(
    contest: Contest, monkeypatch: pytest.MonkeyPatch
) -> None:
    contest.submit("good", answers_with(12))
    monkeypatch.setattr("arena.leaderboard.add_disclosures", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        contest.work()
    assert contest.rows(Leaderboard) == []
    assert contest.rows(Feedback) == []


# Nomination.


def test_the_nominated_submissions_run_in_the_final_and_the_first_named_ranks(contest: Contest) -> None:
    phases_with(contest, entry_rule="chosen")
    old, second, first, _ = climb(contest, 4, 3, 12, 20)
    fair = contest.submit("fair", answers_with(30), at=99)
    contest.work()
    nominate(contest.store, [old], NOW)
    nominate(contest.store, [first, second], NOW)
    contest.clock.now = NOW + timedelta(days=2)
    advance(contest.store, contest.publisher, contest.clock())
    assert {entry.submission for entry in contest.board().entries} == {first, fair}
    contest.answers["season-final", "good"] = answers_with(3)
    contest.answers["season-final", "fair"] = answers_with(40)
    contest.work()
    advance(contest.store, contest.publisher, contest.clock())
    entries = {entry.submission: entry for entry in contest.board("season-final").entries}
    assert set(entries) == {first, second, fair}
    assert (entries[first].rank, entries[first].unranked_reason) == (1, None)
    assert (entries[second].rank, entries[second].unranked_reason) == (None, "second_choice")
    assert entries[second].macro.value is not None
    assert {(pair.a, pair.b) for pair in contest.board("season-final").pairs} in ({(first, fair)}, {(fair, first)})


@pytest.mark.parametrize("rule", ["best", "last"])
def test_nothing_is_nominated_where_the_rule_chooses(contest: Contest, rule: str) -> None:
    phases_with(contest, entry_rule=rule)
    code = contest.submit("good", answers_with(3))
    with pytest.raises(NominationRefused, match=f"its entry_rule is {rule}"):
        nominate(contest.store, [code], NOW)


def test_a_nomination_that_cannot_be_is_refused_and_changes_nothing(contest: Contest) -> None:
    phases_with(contest, entry_rule="chosen")
    mine, other = contest.submit("good", answers_with(3)), contest.submit("fair", answers_with(3))
    nominate(contest.store, [mine], NOW)
    with pytest.raises(NominationRefused, match="of different vendors"):
        nominate(contest.store, [other, mine], NOW)
    with pytest.raises(NominationRefused, match="name one submission, or 2 different ones"):
        nominate(contest.store, [mine, mine], NOW)
    with pytest.raises(NominationRefused, match="is closed; one names until 2026-04-02 12:00 UTC"):
        nominate(contest.store, [other], NOW + timedelta(days=2))
    with pytest.raises(NotFound):
        nominate(contest.store, ["s-none"], NOW)
    with contest.store.write() as session:
        transition(session, Submission, other, expected=SubmissionState.ACCEPTED, to=SubmissionState.REFUSED)
    with pytest.raises(NominationRefused, match="is refused"):
        nominate(contest.store, [other], NOW)
    chosen = {submission.code for submission in contest.rows(Submission) if submission.chosen_for_final}
    assert chosen == {mine}


# Judging anew.


def rejudge(contest: Contest) -> dict[str, int]:
    marked = rejudging.mark_outdated(contest.store, "small", ["season"])
    rejudging.settle(contest.settler, contest.bell)
    while contest.settler.scored:
        contest.publisher.publish(*contest.settler.scored.pop(), contest.clock())
    return marked


def test_rules_that_changed_are_judged_anew_without_running_anything(contest: Contest) -> None:
    climb(contest, 12)
    ran = len(contest.runner.submitted)
    assert rejudge(contest) == {"season": 0}
    with contest.store.write() as session:
        version = session.get_one(ChallengeVersion, contest.version)
        session.add(
            ChallengeVersion(
                digest="1" * 64,
                challenge_slug="small",
                number=2,
                judging_digest="2" * 64,
                declaration=version.declaration | {"missing": "half"},
                rules_markdown={},
                valid_from=NOW,
            )
        )
    assert rejudge(contest) == {"season": 1}
    assert len(contest.runner.submitted) == ran
    assert {card.judging_digest for card in contest.rows(Scorecard)} == {version.judging_digest, "2" * 64}
    assert (contest.board().missing, contest.board().judging_digest) == ("half", "2" * 64)
    assert [evaluation.state for evaluation in contest.rows(Evaluation)] == [EvaluationState.SCORED]
    assert rejudge(contest) == {"season": 0}
    assert len(contest.rows(Challenge)) == 1


def test_another_scorer_is_a_reason_to_judge_anew(contest: Contest, monkeypatch: pytest.MonkeyPatch) -> None:
    climb(contest, 12)
    monkeypatch.setattr("arena.evaluation.rejudging.SCORER_VERSION", "99.0.0")
    assert rejudging.mark_outdated(contest.store, "small", ["season"]) == {"season": 1}
    assert [evaluation.state for evaluation in contest.rows(Evaluation)] == [EvaluationState.RECORDED]


# Computing again.


@pytest.fixture
def closed(contest: Contest) -> Contest:
    contest.submit("fair", answers_with(12))
    climb(contest, 12, 3)
    contest.clock.now = NOW + timedelta(days=2)
    advance(contest.store, contest.publisher, contest.clock())
    return contest


def recomputer(contest: Contest) -> Recomputer:
    roots = contest.roots
    return Recomputer(contest.store, roots.results, roots.references, roots.public, contest.child)


def test_every_scorecard_and_leaderboard_is_reproduced_to_the_byte(closed: Contest) -> None:
    cards, boards = closed.rows(Scorecard), closed.rows(Leaderboard)
    assert (len(cards), len(boards)) == (3, 3)
    for row, kind in [*((card, Kind.SCORECARD) for card in cards), *((board, Kind.LEADERBOARD) for board in boards)]:
        for name in (row.code, row.document_sha256):
            found = recomputer(closed).run(name)
            assert (found.kind, found.how, found.difference) == (kind, How.BYTES, None), name


def test_a_file_that_was_changed_is_told_from_what_follows_from_the_predictions(
    closed: Contest, tmp_path: Path
) -> None:
    document = json.loads(closed.board().model_dump_json())
    path = tmp_path / "board.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    assert recomputer(closed).run(str(path)).difference is None
    value = document["entries"][0]["macro"]["value"]
    document["entries"][0]["macro"]["value"] = value + 1e-9
    path.write_text(json.dumps(document), encoding="utf-8")
    found = recomputer(closed).run(str(path)).difference
    assert found is not None
    assert (found.place, float(found.recomputed)) == ("entries[0].macro.value", value)


def test_a_document_from_elsewhere_is_compared_by_its_numbers(closed: Contest, tmp_path: Path) -> None:
    document = json.loads(BlobStore(closed.roots.results.root).get(closed.rows(Scorecard)[0].document_sha256))
    document["produced_by"]["architecture"] = "another"
    path = tmp_path / "card.json"
    for factor, place in ((1 + 1e-14, None), (1 + 1e-10, "macro.low")):
        changed = document | {"macro": document["macro"] | {"low": document["macro"]["low"] * factor}}
        path.write_text(json.dumps(changed), encoding="utf-8")
        found = recomputer(closed).run(str(path))
        assert found.how is How.NUMBERS
        assert (found.difference and found.difference.place) == place


def test_what_another_scorer_computed_is_not_called_different(closed: Contest, tmp_path: Path) -> None:
    path = tmp_path / "board.json"
    path.write_text(closed.board().model_copy(update={"scorer_version": "0.9.0"}).model_dump_json(), encoding="utf-8")
    with pytest.raises(ScorerDiffers, match=r"was computed by scorer 0\.9\.0"):
        recomputer(closed).run(str(path))


@pytest.mark.parametrize("content", ["", "[1]", '{"evaluation": 1}', "\x00"])
def test_what_is_no_document_is_not_found(closed: Contest, tmp_path: Path, content: str) -> None:
    path = tmp_path / "some.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(NotFound):
        recomputer(closed).run(str(path))
    with pytest.raises(NotFound):
        recomputer(closed).run("no-such-code")


@pytest.mark.parametrize(
    ("stored", "again", "exactly", "place"),
    [
        ({"a": [1.0, 2.0]}, {"a": [1.0, 2.5]}, False, "a[1]"),
        ({"a": [1.0]}, {"a": [1.0, 2.0]}, False, "a"),
        ({"a": None}, {"a": 0.0}, False, "a"),
        ({"a": 0.0}, {"a": 1e-300}, False, "a"),
        ({"a": 1}, {"a": True}, False, "a"),
        ({"a": 1.0}, {"a": 1.0 + 2e-16}, True, "a"),
        ({"a": 1.0}, {"a": 1.0 + 2e-16}, False, None),
        ({"a": 1}, {"a": 1, "b": 2}, False, None),
        ({"a": 1}, {"a": 1, "b": 2}, True, "b"),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True, "(layout)"),
        ({"a": 1, "produced_by": 1}, {"a": 1, "produced_by": 2}, False, None),
    ],
)
def test_the_first_difference_is_named(stored: object, again: object, exactly: bool, place: str | None) -> None:
    found = compare(json.dumps(stored).encode(), json.dumps(again).encode(), exactly=exactly)
    assert (found and found.place) == place
