"""The same accepted outputs before other labels or another entry rule, through the product's own scoring and board."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from sqlalchemy import delete
from sqlmodel import select

from arena.blobs import BlobStore
from arena.evaluation.child import ScoringChild
from arena.evaluation.settle import Settler
from arena.leaderboard import Publisher
from arena.store.session import Store
from arena.store.tables import (
    CaseSet,
    ChallengeVersion,
    Evaluation,
    EvaluationState,
    Feedback,
    Leaderboard,
    LeaderboardEntry,
    Score,
    Scorecard,
    Submission,
    SubmissionState,
)
from tests.acceptance.probing import Labels, Season, references
from tests.acceptance.probing_public import Seen, see
from tests.acceptance.probing_scripted import ScriptedSeason
from tests.seeding import NOW

LATER = NOW + timedelta(days=1)


@dataclass(frozen=True)
class Replay:
    """A copy of a season's rows; files other than public documents are the season's own."""

    season: Season | ScriptedSeason
    store: Store
    public: BlobStore
    child: ScoringChild

    @property
    def publisher(self) -> Publisher:
        roots = self.season.roots
        return Publisher(self.store, roots.results, roots.references, self.public, self.child)

    def forget_boards(self) -> None:
        """Begin again before the first revision."""
        with self.store.write() as session:
            session.exec(delete(Feedback))
            session.exec(delete(LeaderboardEntry))
            session.exec(delete(Leaderboard))

    def enter(self, *codes: str) -> None:
        """Let only these submissions be in the phase."""
        with self.store.write() as session:
            for submission in session.exec(select(Submission)):
                inside = submission.code in codes
                submission.state = SubmissionState.ACCEPTED if inside else SubmissionState.WITHDRAWN
                session.add(submission)

    def rule(self, entry_rule: str, *, ladder: bool = False) -> None:
        """Choose entries by another rule, or by what the Ladder shows."""
        with self.store.write() as session:
            version = session.exec(select(ChallengeVersion)).one()
            (phase,) = version.declaration["phases"]
            version.declaration = version.declaration | {
                "phases": [phase | {"entry_rule": entry_rule, "feedback": {"ladder": ladder}}]
            }
            session.add(version)

    def read(self, *codes: str) -> Seen:
        """Publish and read, of the entries' pages those of these submissions."""
        self.publisher.publish("small", "season", LATER)
        return see(self.store, self.public, codes)

    def score_against(self, labels: Labels, *codes: str) -> Seen:
        """Score these submissions' stored answers against other labels, publish, and read."""
        self.forget_boards()
        self.enter(*codes)
        held = self.season.roots.references.put(references(labels))
        with self.store.write() as session:
            session.exec(delete(Score))
            session.exec(delete(Scorecard))
            case_set = session.exec(select(CaseSet)).one()
            case_set.references_digest = held.sha256
            session.add(case_set)
            for evaluation in session.exec(select(Evaluation)):
                again = evaluation.submission_code in codes
                evaluation.state = EvaluationState.RECORDED if again else EvaluationState.SCORED
                session.add(evaluation)
        self._settle(len(codes))
        return self.read(*codes)

    def _settle(self, evaluations: int) -> None:
        bell = threading.Event()
        roots = self.season.roots
        settler = Settler(
            self.store, roots.results, roots.references, self.child, clock=lambda: LATER, doorbell=bell.set
        )
        while self._scored() < evaluations:
            bell.clear()
            settler.step()
            bell.wait(0.05)

    def _scored(self) -> int:
        with self.store.read() as session:
            return len(session.exec(select(Scorecard)).all())


@contextmanager
def replaying(season: Season | ScriptedSeason, home: Path, child: ScoringChild) -> Iterator[Replay]:
    """Copy a season's rows into a new folder."""
    home.mkdir()
    with (
        closing(sqlite3.connect(season.home / "arena.db")) as old,
        closing(sqlite3.connect(home / "arena.db")) as new,
    ):
        old.backup(new)
    store = Store(f"sqlite:///{home / 'arena.db'}")
    try:
        yield Replay(season, store, BlobStore(home / "public"), child)
    finally:
        store.close()
