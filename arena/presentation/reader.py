"""The one way in which pages and routes read: the store's rows and the public documents, and nothing else.

A `Reader` holds a database and one blob root. It knows no vault, no runner and no engine.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache

from arena.blobs import BlobStore
from arena.challenge.phases import PhaseState, PhaseStatus, attempts_allowed, phase_status
from arena.challenge.schema import Declaration, Phase
from arena.errors import NotFound
from arena.presentation.records import LeaderboardRecord, leaderboard_record
from arena.store import reading
from arena.store.documents import Disclosure, LeaderboardDocument, PublicScorecard
from arena.store.reading import EvaluationRow, SubmissionRow
from arena.store.session import Store
from arena.store.tables import ChallengeVersion

_SHOWN_AFTER_END = timedelta(hours=1)
_PUBLISH = "publish"


class Stand(StrEnum):
    """Where a phase stands, as readers are told: a phase that follows another is evaluated before it is published."""

    UPCOMING = "upcoming"
    OPEN = "open"
    EVALUATING = "evaluating"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class ChallengeFacts:
    """A challenge by its newest version."""

    slug: str
    number: int
    digest: str
    valid_from: datetime
    declaration: Declaration
    rules: dict[str, str]


@dataclass(frozen=True, slots=True)
class PhaseFacts:
    """A phase at one moment: its declaration, its clock, its set's size and its newest published document.

    `n_cases` and `n_patients` are None before the case set has been imported. `attempts_made` is the largest number of
    scored submissions that one vendor has made on that set; 1 where the set is scored once.
    """

    challenge: ChallengeFacts
    phase: Phase
    status: PhaseStatus
    stand: Stand
    now: datetime
    n_cases: int | None
    n_patients: int | None
    document: LeaderboardDocument | None
    document_sha256: str | None
    record: LeaderboardRecord | None
    attempts_made: int = 1

    @property
    def rule_phase(self) -> Phase:
        """The phase whose `entry_rule` chose the entries: the followed one, or the phase itself."""
        followed = self.challenge.declaration.phase(self.phase.follows or "")
        return followed or self.phase

    @property
    def attempts_allowed(self) -> int:
        """How many submissions a vendor was allowed on this very set, told of each score."""
        return attempts_allowed(self.challenge.declaration, self.phase)


@dataclass(frozen=True, slots=True)
class EntryFacts:
    """A submission, the phases on whose leaderboards it stands, and what else its algorithm has been through.

    `not_better` are the open phases in which the Ladder holds its score back.
    """

    challenge: ChallengeFacts
    submission: SubmissionRow
    phases: tuple[PhaseFacts, ...]
    history: tuple[EvaluationRow, ...]
    not_better: tuple[PhaseFacts, ...] = ()


class Reader:
    """Reads what may be public."""

    def __init__(self, store: Store, documents: BlobStore, *, clock: Callable[[], datetime] | None = None) -> None:
        """Read from a store and a root of public documents; `clock` gives aware UTC times."""
        self._store = store
        self._documents = documents
        self._clock = clock or (lambda: datetime.now(UTC))
        # A digest names one content for ever, so what was parsed once need not be parsed again.
        self._parsed = lru_cache(maxsize=64)(self._parse)
        self._parsed_card = lru_cache(maxsize=64)(self._parse_card)
        self._declarations: dict[str, Declaration] = {}

    def now(self) -> datetime:
        """Return the time that states and spans are told from."""
        return self._clock()

    def check(self) -> None:
        """Make sure that the store answers.

        Raises:
            StoreUnavailable: It does not, or its schema is not the newest.
        """
        self._store.check()

    def challenges(self) -> list[ChallengeFacts]:
        """Return all challenges, by slug."""
        with self._store.read() as session:
            return [self._challenge(version) for version in reading.newest_versions(session)]

    def challenge(self, slug: str) -> ChallengeFacts:
        """Return a challenge.

        Raises:
            NotFound: There is none of that slug.
        """
        found = next((challenge for challenge in self.challenges() if challenge.slug == slug), None)
        if found is None:
            raise NotFound(kind="challenge", code_given=slug)
        return found

    def phase(self, challenge: ChallengeFacts, name: str) -> PhaseFacts:
        """Return a phase of a challenge as it stands now.

        Raises:
            NotFound: The challenge declares no such phase.
        """
        phase = challenge.declaration.phase(name)
        if phase is None:
            raise NotFound(kind=f'phase of challenge "{challenge.slug}"', code_given=name)
        now = self.now()
        status = phase_status(challenge.declaration, name, now)
        with self._store.read() as session:
            board = reading.newest_leaderboard(session, challenge.slug, name)
            cases = reading.newest_case_set(session, challenge.slug, phase.cases)
            published = reading.is_done(session, challenge.slug, name, _PUBLISH)
            made = reading.most_attempts(session, challenge.slug, phase.follows or name)
        document, record = self._parsed(board.document_sha256) if board else (None, None)
        return PhaseFacts(
            challenge=challenge,
            phase=phase,
            status=status,
            stand=_stand(phase, status, published=published or document is not None),
            now=now,
            n_cases=document.n_cases if document else cases.n_cases if cases else None,
            n_patients=document.n_patients if document else cases.n_patients if cases else None,
            document=document,
            document_sha256=board.document_sha256 if board else None,
            record=record,
            attempts_made=made if attempts_allowed(challenge.declaration, phase) > 1 else 1,
        )

    def entry(self, code: str) -> EntryFacts:
        """Return an entry by its code.

        Raises:
            NotFound: There is no submission of that code.
        """
        with self._store.read() as session:
            submission = reading.find_submission(session, code)
            if submission is None:
                raise NotFound(kind="entry", code_given=code)
            slug = submission.submission.challenge_slug
            history = reading.evaluations_of_algorithm(session, submission.algorithm.code, slug)
            held_back = reading.phases_held_back(session, code)
        challenge = self.challenge(slug)
        phases = tuple(self.phase(challenge, phase.name) for phase in challenge.declaration.phases)
        not_better = tuple(
            phase
            for phase in phases
            if phase.phase.name in held_back and phase.document is not None and phase.document.ladder_eta is not None
        )
        return EntryFacts(challenge, submission, phases, tuple(history), not_better)

    def scorecard_bytes(self, phase: PhaseFacts, entry: str) -> bytes:
        """Return an entry's public scorecard as it is stored; its digest stands in the phase's leaderboard.

        Raises:
            NotFound: The entry does not stand there, or the phase has not closed.
        """
        digest = _scorecard_digest(phase.document, entry)
        if digest is None:
            raise NotFound(kind=f'public scorecard in phase "{phase.phase.name}" of entry', code_given=entry)
        return self._documents.get(digest)

    def scorecard(self, phase: PhaseFacts, entry: str) -> PublicScorecard | None:
        """Return an entry's public scorecard, or None where there is none, as while the phase is open."""
        digest = _scorecard_digest(phase.document, entry)
        return None if digest is None else self._parsed_card(digest)

    def queue(self, challenge: ChallengeFacts) -> list[EvaluationRow]:
        """Return what waits and runs, in queue order, and what was scored within the last hour."""
        with self._store.read() as session:
            return reading.queue(session, challenge.slug, ended_after=self.now() - _SHOWN_AFTER_END)

    def _challenge(self, version: ChallengeVersion) -> ChallengeFacts:
        if version.digest not in self._declarations:
            self._declarations[version.digest] = Declaration.model_validate(version.declaration)
        return ChallengeFacts(
            slug=version.challenge_slug,
            number=version.number,
            digest=version.digest,
            valid_from=version.valid_from,
            declaration=self._declarations[version.digest],
            rules=dict(version.rules_markdown),
        )

    def _parse(self, sha256: str) -> tuple[LeaderboardDocument, LeaderboardRecord]:
        document = LeaderboardDocument.model_validate_json(self._documents.get(sha256))
        return document, leaderboard_record(document)

    def _parse_card(self, sha256: str) -> PublicScorecard:
        return PublicScorecard.model_validate_json(self._documents.get(sha256))


def _scorecard_digest(document: LeaderboardDocument | None, entry: str) -> str | None:
    if document is None or document.disclosure is not Disclosure.CLOSED:
        return None
    return next((line.scorecard for line in document.entries if line.submission == entry), None)


def _stand(phase: Phase, status: PhaseStatus, *, published: bool) -> Stand:
    if status.state is PhaseState.CLOSED and phase.follows is not None and not published:
        return Stand.EVALUATING
    return Stand(status.state.value)


def default_phase(phases: list[PhaseFacts]) -> PhaseFacts:
    """Return the phase that a reader wants first: the open one, else the newest with results, else the first."""
    for phase in phases:
        if phase.stand is Stand.OPEN:
            return phase
    with_results = [phase for phase in phases if phase.record is not None]
    return max(with_results, key=lambda phase: phase.status.closes_at) if with_results else phases[0]
