"""What stands in public when a phase has closed: a board with everything on it, and each entry's scorecard."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import httpx
import pytest
from sqlmodel import select, update
from starlette.applications import Starlette
from starlette.routing import Mount

from arena.api.application import create_api
from arena.errors import BlobCorrupt
from arena.evaluation import rejudging
from arena.evaluation.child import ScoringChild
from arena.evaluation.standing import Candidate
from arena.presentation.reader import Reader
from arena.recomputation import How, Kind, Recomputer
from arena.schedule import advance
from arena.store import lookup
from arena.store.attempts import Attempts, attempts_of
from arena.store.documents import Disclosure, LeaderboardDocument, PublicScorecard, ScorecardDocument
from arena.store.session import Store
from arena.store.tables import CaseSet, ChallengeVersion, Evaluation, Leaderboard, Scorecard
from tests.integration.test_leaderboard import Contest, answers_with
from tests.seeding import NOW

AFTER = NOW + timedelta(days=2)


@pytest.fixture(scope="module")
def child() -> Iterator[ScoringChild]:
    scoring = ScoringChild()
    yield scoring
    scoring.close()


@pytest.fixture
def contest(sqlite_store: Store, tmp_path: Path, child: ScoringChild) -> Contest:
    return Contest(sqlite_store, tmp_path, child)


@pytest.fixture
def closed(contest: Contest) -> Contest:
    with contest.store.write() as session:
        version = session.get_one(ChallengeVersion, contest.version)
        version.declaration = version.declaration | {"calibrated_threshold": {"kind": "sensitivity", "floor": 0.8}}
        session.add(version)
    for number, (vendor, errors) in enumerate((("good", 3), ("fair", 12), ("same", 12))):
        contest.submit(vendor, answers_with(errors), at=number)
        contest.answers["season-final", vendor] = answers_with(errors)
    contest.work()
    contest.clock.now = AFTER
    advance(contest.store, contest.publisher, contest.clock())
    contest.work()
    advance(contest.store, contest.publisher, contest.clock())
    return contest


def recomputer(contest: Contest) -> Recomputer:
    roots = contest.roots
    return Recomputer(contest.store, roots.results, roots.references, roots.public, contest.child)


def cards_of(contest: Contest, phase: str = "season") -> dict[str, PublicScorecard]:
    public = contest.roots.public
    return {
        entry.vendor: PublicScorecard.model_validate_json(public.get(entry.scorecard or ""))
        for entry in contest.board(phase).entries
    }


def test_a_closed_board_tells_everything_of_all_entries_together(closed: Contest) -> None:
    board = closed.board()
    codes = {entry.submission for entry in board.entries}
    assert board.disclosure is Disclosure.CLOSED
    assert [each.policy for each in board.policies] == ["worst", "half", "exclude_case"]
    assert all({e.submission for e in each.entries} == codes for each in board.policies)
    assert board.stability is not None
    assert board.stability.resamples == 1_000
    assert len(board.calls) == 3 * 2 * 2
    assert len(board.schemes) == 2
    assert all(finding.numbers is None for entry in board.entries for finding in entry.findings)
    flagged = {entry.vendor: entry.duplicates for entry in board.entries}
    by_vendor = {entry.vendor: entry.submission for entry in board.entries}
    assert flagged == {"good": (), "fair": (by_vendor["same"],), "same": (by_vendor["fair"],)}


def test_each_entry_s_scorecard_is_public_and_holds_no_digest_of_references(closed: Contest) -> None:
    references = {row.references_digest for row in closed.rows(CaseSet)}
    stored = {row.evaluation_code: row for row in closed.rows(Scorecard)}
    for phase in ("season", "season-final"):
        for vendor, card in cards_of(closed, phase).items():
            text = card.model_dump_json()
            assert not any(digest in text for digest in references), (phase, vendor)
            inside = ScorecardDocument.model_validate_json(
                closed.roots.results.get(stored[card.evaluation].document_sha256)
            )
            assert inside.public() == card
            assert card.findings[0].numbers is not None


def test_while_a_phase_is_open_no_scorecard_and_nothing_of_all_entries_is_public(contest: Contest) -> None:
    contest.submit("good", answers_with(3))
    contest.submit("fair", answers_with(12))
    contest.work()
    board = contest.board()
    told = {name for name in LeaderboardDocument.model_fields if getattr(board, name) not in ((), None)}
    assert not told & {"pairs", "policies", "schemes", "stability", "calls", "calls_against", "readers"}
    assert all((entry.scorecard, entry.duplicates) == (None, ()) for entry in board.entries)
    for row in contest.rows(Scorecard):
        card = ScorecardDocument.model_validate_json(contest.roots.results.get(row.document_sha256))
        public = sha256(card.public().model_dump_json(indent=1).encode()).hexdigest()
        with pytest.raises(BlobCorrupt):
            contest.roots.public.get(public)


def test_thresholds_of_the_final_are_set_on_the_set_of_the_phase_before(closed: Contest) -> None:
    before, final = cards_of(closed), cards_of(closed, "season-final")
    for vendor, card in final.items():
        assert card.calibration_split is not None
        assert card.calibration_split.predictions_sha256 == before[vendor].predictions_sha256
        for finding in card.findings:
            assert finding.calibrated_threshold is not None
            assert finding.calibrated_threshold.n == 20
            assert finding.numbers is not None
            assert (finding.numbers.calibrated is None) == (finding.calibrated_threshold.level is None)
        assert before[vendor].calibration_split is None


@pytest.mark.parametrize("phase", ["season", "season-final"])
def test_boards_and_scorecards_are_reproduced_to_the_byte(closed: Contest, phase: str, tmp_path: Path) -> None:
    board = closed.board(phase)
    row = next(row for row in reversed(closed.rows(Leaderboard)) if row.phase == phase)
    found = recomputer(closed).run(row.document_sha256)
    assert (found.kind, found.how, found.difference) == (Kind.LEADERBOARD, How.BYTES, None)
    digest = board.entries[0].scorecard
    assert digest is not None
    found = recomputer(closed).run(digest)
    assert (found.kind, found.how, found.difference) == (Kind.SCORECARD, How.BYTES, None)
    changed = json.loads(closed.roots.public.get(digest))
    changed["findings"][0]["numbers"]["calibration"]["slope"]["value"] += 1e-6
    path = tmp_path / "card.json"
    path.write_text(json.dumps(changed), encoding="utf-8")
    told = recomputer(closed).run(str(path)).difference
    assert told is not None
    assert told.place == "findings[0].numbers.calibration.slope.value"


def test_the_order_of_entries_changes_no_byte_of_a_board(closed: Contest) -> None:
    board = closed.board()
    with closed.store.read() as session:
        found = lookup.entries_of(session, "small", "season", board.revision)
        case_set = session.exec(select(CaseSet).where(CaseSet.digest == board.case_set_digest)).one()
    assert found is not None
    candidates = [
        Candidate(row, ScorecardDocument.model_validate_json(closed.roots.results.get(row.scorecard.document_sha256)))
        for row in found
    ]
    one, other = (
        closed.publisher.compose_again(board, order, case_set.references_digest)
        for order in (candidates, candidates[::-1])
    )
    assert one.model_dump_json() == other.model_dump_json() == board.model_dump_json()


def test_the_api_gives_a_scorecard_byte_by_byte_once_the_phase_has_closed(contest: Contest) -> None:
    code = contest.submit("good", answers_with(3))
    contest.work()
    reader = Reader(contest.store, contest.roots.public, clock=contest.clock)
    app = Starlette(routes=[Mount("/api", create_api(lambda: reader))])
    address = f"/api/v1/challenges/small/phases/season/entries/{code}/scorecard"

    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://arena.test") as client:
            return await client.get(address)

    assert asyncio.run(ask()).status_code == 404
    contest.clock.now = AFTER
    advance(contest.store, contest.publisher, contest.clock())
    answer = asyncio.run(ask())
    assert answer.status_code == 200
    assert sha256(answer.content).hexdigest() == contest.board().entries[0].scorecard


def test_after_an_update_of_the_scorer_a_board_stands_until_all_is_judged_anew(closed: Contest) -> None:
    before = closed.board()
    revision = before.revision
    with closed.store.write() as session:
        session.exec(update(Scorecard).values(scorer_version="0.9.0"))
    assert closed.publisher.publish("small", "season", closed.clock()) is None
    assert closed.board().revision == revision
    assert rejudging.mark_outdated(closed.store, "small", ["season"]) == {"season": 3}
    rejudging.settle(closed.settler, closed.bell)
    assert closed.publisher.publish("small", "season", closed.clock()) is not None
    again = closed.board()
    assert again.revision == revision + 1
    assert [entry.scorecard for entry in again.entries] == [entry.scorecard for entry in before.entries]
    assert again.pairs == before.pairs
    assert len(closed.rows(Scorecard)) == 6 + 3


def test_attempts_are_counted_over_a_vendor_s_evaluations(closed: Contest) -> None:
    with closed.store.read() as session:
        counted = {
            (row.phase, row.submission_code.split("-")[1]): attempts_of(session, row)
            for row in session.exec(select(Evaluation))
        }
    for vendor in ("good", "fair", "same"):
        assert counted["season", vendor] == Attempts(on_set=1, sets=1)
        assert counted["season-final", vendor] == Attempts(on_set=1, sets=2)
