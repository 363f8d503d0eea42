"""From accepted outputs to published leaderboards and back over the phases' boundaries, without an engine."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlmodel import select

from arena.challenge.phases import BoundaryAction
from arena.evaluation.child import ScoringChild
from arena.evaluation.dispatch import Dispatcher
from arena.evaluation.record import read_table
from arena.evaluation.settle import Settler
from arena.leaderboard import Publisher
from arena.schedule import advance
from arena.store import boards
from arena.store.case_sets import replace_references
from arena.store.documents import Disclosure, LeaderboardDocument
from arena.store.session import Store
from arena.store.tables import (
    CaseSet,
    Evaluation,
    EvaluationState,
    Leaderboard,
    PhaseAction,
    Score,
    Scorecard,
    Submission,
)
from runners.values import AttemptSpec, CaseInput, Outcome
from tests.scripted import Answer, Clock, ScriptedRunner
from tests.seeding import FINDINGS, NOW, Roots, declaration, label, seed_case_set, seed_challenge, seed_submission


def answers_with(errors: int) -> Answer:
    """An algorithm that is right about every case but the first `errors` ones, where it says the opposite."""

    def answer(_spec: AttemptSpec, case: CaseInput) -> tuple[Outcome, dict[str, float]]:
        number = int(case.case[1:])
        right = [label(number, k) for k in range(len(FINDINGS))]
        wrong = number <= errors
        # Distinct within a class, so that curves have more than one step.
        return Outcome.OK, {
            finding: round(abs((1 if wrong else 0) - value) * 0.8 + 0.1 + number / 1000, 4)
            for finding, value in zip(FINDINGS, right, strict=True)
        }

    return answer


class Contest:
    """Everything behind the queue, driven step by step with a scripted runner."""

    def __init__(self, store: Store, home: Path, child: ScoringChild) -> None:
        self.store, self.roots, self.clock, self.child = store, Roots(home), Clock(), child
        self.runner = ScriptedRunner(self.roots)
        self.bell = threading.Event()
        self.dispatcher = Dispatcher(store, self.roots.results, self.runner, clock=self.clock)
        self.settler = Settler(
            store, self.roots.results, self.roots.references, child, clock=self.clock, doorbell=self.bell.set
        )
        self.publisher = Publisher(store, self.roots.results, self.roots.references, self.roots.public, child)
        self.version = seed_challenge(store, declaration())
        self.public = seed_case_set(store, self.roots, "public", 40)
        self.final = seed_case_set(store, self.roots, "final", 60)
        self.answers: dict[tuple[str, str], Answer] = {}

    def submit(self, vendor: str, answer: Answer, at: int = 0) -> str:
        code, _ = seed_submission(self.store, vendor, self.public, self.version, at=NOW + timedelta(seconds=at))
        self.answers["season", vendor] = answer
        return code

    def work(self) -> None:
        """Run the queue until nothing moves."""
        moved = True
        while moved or self.settler._pending:
            moved = self.dispatcher.step()
            for spec in self.runner.running():
                self.runner.finish(spec, answer=self.answer_of(spec))
                moved = True
            moved |= self.settler.step()
            self.bell.wait(0.02)
            self.bell.clear()
        while self.settler.scored:
            self.publisher.publish(*self.settler.scored.pop(), self.clock())

    def answer_of(self, spec: AttemptSpec) -> Answer:
        with self.store.read() as session:
            evaluation = session.get_one(Evaluation, spec.shard_id.rsplit("-", 1)[0])
            submission = session.get_one(Submission, evaluation.submission_code)
        return self.answers[evaluation.phase, submission.algorithm_code.removesuffix("-one")]

    def board(self, phase: str = "season") -> LeaderboardDocument:
        with self.store.read() as session:
            row = boards.newest_board(session, "small", phase)
        assert row is not None
        return LeaderboardDocument.model_validate_json(self.roots.public.get(row.document_sha256))

    def rows(self, table: type) -> list:  # type: ignore[type-arg]
        with self.store.read() as session:
            return list(session.exec(select(table)))


@pytest.fixture(scope="module")
def child() -> Iterator[ScoringChild]:
    scoring = ScoringChild()
    yield scoring
    scoring.close()


@pytest.fixture
def contest(sqlite_store: Store, tmp_path: Path, child: ScoringChild) -> Contest:
    return Contest(sqlite_store, tmp_path, child)


def test_an_open_phase_publishes_the_rounded_macro_score_and_nothing_finer(contest: Contest) -> None:
    contest.submit("good", answers_with(3))
    contest.submit("fair", answers_with(12))
    contest.work()
    document = contest.board()
    assert document.disclosure is Disclosure.OPEN
    assert [entry.vendor for entry in document.entries] == ["good", "fair"]
    for entry in document.entries:
        assert entry.findings == ()
        assert entry.macro_exclude_case is None
        for value in (entry.macro.value, entry.macro.low, entry.macro.high):
            assert value is not None
            assert value == round(value, 2)
    assert document.pairs == ()


def test_a_closed_phase_publishes_findings_curves_and_pairs(contest: Contest) -> None:
    contest.submit("good", answers_with(3))
    contest.submit("fair", answers_with(12))
    contest.work()
    contest.clock.now = NOW + timedelta(days=2)
    advance(contest.store, contest.publisher, contest.clock())
    document = contest.board()
    assert document.disclosure is Disclosure.CLOSED
    assert [finding.finding for finding in document.entries[0].findings] == list(FINDINGS)
    assert all(finding.curve is not None for entry in document.entries for finding in entry.findings)
    assert len(document.pairs) == 1
    assert contest.rows(CaseSet)[0].exposed_at == contest.clock()


def test_a_host_down_over_two_boundaries_does_both_in_order_once(contest: Contest) -> None:
    code = contest.submit("good", answers_with(3))
    contest.submit("fair", answers_with(12))
    contest.work()
    contest.clock.now = NOW + timedelta(days=9)
    done = advance(contest.store, contest.publisher, contest.clock())
    assert [(phase, action) for _, phase, action in done] == [
        ("season", BoundaryAction.OPEN),
        ("season", BoundaryAction.CLOSE),
        ("season-final", BoundaryAction.NOMINATE),
    ]
    assert advance(contest.store, contest.publisher, contest.clock()) == []
    finals = [evaluation for evaluation in contest.rows(Evaluation) if evaluation.phase == "season-final"]
    assert len(finals) == 2
    assert {evaluation.case_set_digest for evaluation in finals} == {contest.final}
    assert code in {evaluation.submission_code for evaluation in finals}


def test_a_final_has_no_leaderboard_before_all_its_entries_are_scored(contest: Contest) -> None:
    contest.submit("good", answers_with(3))
    contest.submit("fair", answers_with(12))
    contest.work()
    contest.clock.now = NOW + timedelta(days=2)
    advance(contest.store, contest.publisher, contest.clock())
    finals = [evaluation for evaluation in contest.rows(Evaluation) if evaluation.phase == "season-final"]
    assert contest.publisher.publish("small", "season-final", contest.clock()) is None
    with pytest.raises(AssertionError):
        contest.board("season-final")
    assert {evaluation.state for evaluation in finals} == {EvaluationState.QUEUED}
    contest.answers["season-final", "good"] = answers_with(5)
    contest.answers["season-final", "fair"] = answers_with(30)
    contest.work()
    done = advance(contest.store, contest.publisher, contest.clock())
    assert [(phase, action) for _, phase, action in done] == [("season-final", BoundaryAction.PUBLISH)]
    document = contest.board("season-final")
    assert document.n_cases == 60
    assert [entry.vendor for entry in document.entries] == ["good", "fair"]
    assert [entry.rank for entry in document.entries] == [1, 2]
    assert all(case_set.exposed_at for case_set in contest.rows(CaseSet))


def test_one_entry_stands_for_each_vendor_by_the_phase_s_rule(contest: Contest) -> None:
    contest.submit("good", answers_with(12))
    contest.work()
    best = contest.submit("good", answers_with(3), at=10)
    contest.work()
    contest.submit("good", answers_with(20), at=20)
    contest.work()
    assert [entry.submission for entry in contest.board().entries] == [best]


def test_publishing_again_changes_nothing(contest: Contest) -> None:
    contest.submit("good", answers_with(3))
    contest.work()
    before = len(contest.rows(Leaderboard))
    assert contest.publisher.publish("small", "season", contest.clock() + timedelta(hours=1)) is None
    assert len(contest.rows(Leaderboard)) == before


def test_scores_stand_in_rows_with_their_counts_and_reasons(contest: Contest) -> None:
    contest.submit("good", answers_with(3))
    contest.work()
    scores = {(score.finding, score.metric): score for score in contest.rows(Score)}
    assert scores["nodule", "auc"].n == 40
    assert scores["macro", "auc"].value is not None
    assert all(score.value is not None or score.reason for score in scores.values())
    assert len(contest.rows(Scorecard)) == 1


def test_a_case_that_timed_out_is_tried_once_more_alone_and_the_second_try_counts(contest: Contest) -> None:
    def slow_once(spec: AttemptSpec, case: CaseInput) -> tuple[Outcome, dict[str, float]]:
        if case.case == "c0007" and not spec.exclusive:
            return Outcome.TIMED_OUT, {}
        return answers_with(3)(spec, case)

    contest.submit("slow", slow_once)
    contest.work()
    (evaluation,) = contest.rows(Evaluation)
    assert evaluation.state == EvaluationState.SCORED
    assert evaluation.outcome_counts == {"ok": 40}
    cases = read_table(contest.roots.results, evaluation.cases_sha256).to_pylist()
    both = [(row["outcome"], row["counts"]) for row in cases if row["case"] == "c0007"]
    assert both == [("timed_out", False), ("ok", True)]
    assert [len(spec.cases) for spec in contest.runner.submitted if spec.exclusive] == [1]


def test_a_case_the_host_never_ran_is_never_scored(contest: Contest) -> None:
    def not_run(spec: AttemptSpec, case: CaseInput) -> tuple[Outcome, dict[str, float]]:
        return (Outcome.NOT_RUN, {}) if case.case == "c0001" else answers_with(3)(spec, case)

    contest.submit("unlucky", not_run)
    contest.work()
    (evaluation,) = contest.rows(Evaluation)
    assert evaluation.state == EvaluationState.HELD
    assert contest.rows(Scorecard) == []


def test_a_scoring_child_that_dies_is_replaced_and_nothing_is_lost(contest: Contest) -> None:
    contest.submit("good", answers_with(3))
    contest.child.run(len, ())
    assert contest.child._pool is not None
    for process in list(contest.child._pool._processes.values()):
        process.kill()
    contest.work()
    contest.work()
    assert contest.rows(Evaluation)[0].state == EvaluationState.SCORED


def test_damaged_references_hold_the_evaluation_and_the_others_go_on(contest: Contest) -> None:
    contest.submit("good", answers_with(3))
    with contest.store.write() as session:
        row = session.get_one(CaseSet, contest.public)
        digest, row.references_digest = row.references_digest, "0" * 64
        session.add(row)
    contest.work()
    held = contest.rows(Evaluation)[0]
    assert (held.state, held.held_reason) == (EvaluationState.HELD, "scoring failed (ReferencesUnavailable)")
    with contest.store.write() as session:
        row = session.get_one(CaseSet, contest.public)
        row.references_digest = digest
        session.add(row)
    contest.submit("fair", answers_with(9), at=5)
    contest.work()
    states = {e.code.split("-")[1]: e.state for e in contest.rows(Evaluation)}
    assert states == {"good": EvaluationState.HELD, "fair": EvaluationState.SCORED}


def test_corrected_labels_rejudge_what_was_scored_without_running_it_again(contest: Contest) -> None:
    contest.submit("good", answers_with(3))
    contest.work()
    ran, before = len(contest.runner.submitted), contest.board().entries[0].macro
    inverted = contest.roots.references.get(contest.rows(CaseSet)[0].references_digest).decode()
    inverted = inverted.replace(",0,0", ",x,x").replace(",1,1", ",0,0").replace(",x,x", ",1,1")
    ref = contest.roots.references.put(inverted.encode())
    with contest.store.write() as session:
        replace_references(session, contest.public, sha256=ref.sha256, size_bytes=ref.size_bytes, counts={})
    contest.work()
    assert len(contest.runner.submitted) == ran
    assert contest.rows(Evaluation)[0].state == EvaluationState.SCORED
    assert len(contest.rows(Scorecard)) == 2, "the first scorecard stays"
    after = contest.board().entries[0].macro
    assert after.value is not None
    assert before.value is not None
    assert after.value < before.value


def test_public_documents_of_an_open_phase_hold_no_label_and_no_reference_digest(contest: Contest) -> None:
    contest.submit("good", answers_with(3))
    contest.work()
    text = contest.board().model_dump_json()
    assert contest.rows(CaseSet)[0].references_digest not in text
    assert "curve" not in json.dumps([entry.findings for entry in contest.board().entries])


def test_two_runs_of_the_same_answers_give_the_same_predictions_to_the_byte(contest: Contest) -> None:
    contest.submit("good", answers_with(3))
    contest.submit("fair", answers_with(3))
    contest.work()
    first, second = contest.rows(Evaluation)
    assert first.predictions_sha256 == second.predictions_sha256
    assert first.cases_sha256 != second.cases_sha256, "attempts differ"


def test_equal_answers_share_a_rank(contest: Contest) -> None:
    contest.submit("good", answers_with(3))
    contest.submit("fair", answers_with(3))
    contest.work()
    assert [entry.rank for entry in contest.board().entries] == [1, 1]
    assert {action.action for action in contest.rows(PhaseAction)} == set()
