"""Scorecards of a phase → the stored leaderboard document, with exactly what the public may know at that moment.

While a phase is open the document holds the rounded macro score with its interval, outcome shares and latency to two
digits; curves, findings and pairs enter it when the phase has closed. Nothing that reads a document can show more.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from arena.blobs import BlobStore
from arena.challenge.opening import version_of_phase
from arena.challenge.phases import PhaseState, attempts_allowed, phase_status
from arena.challenge.schema import Declaration, EntryRule, Phase, Show
from arena.challenge.schema import Feedback as Rule
from arena.errors import UnknownCaseSet, UnknownChallenge
from arena.evaluation.child import ScoringChild
from arena.evaluation.disclosing import by_place, entry_line, fine_parts, public_bytes, ranked_entry
from arena.evaluation.feedback import Disclosed, LadderJob, climb_ladder
from arena.evaluation.producer import producer
from arena.evaluation.ranking import Ranked, RankJob, rank_entries
from arena.evaluation.scorecard import SCHEMA_VERSION, seed_text
from arena.evaluation.standing import Candidate, Standing, accepted, choose, disclosure, ranked_of
from arena.scoring import SCORER_VERSION
from arena.scoring.resampling import resample_seed
from arena.store import boards, scorecards
from arena.store.documents import Disclosure as DocumentDisclosure
from arena.store.documents import (
    LeaderboardDocument,
    ScorecardDocument,
)
from arena.store.ledger import Disclosure, add_disclosures, disclosed
from arena.store.session import Store
from arena.store.tables import CaseSet, ChallengeVersion, Feedback, Leaderboard

log = logging.getLogger(__name__)


class Publisher:
    """Writes leaderboard documents; used by one thread at a time."""

    def __init__(
        self, store: Store, results: BlobStore, references: BlobStore, public: BlobStore, child: ScoringChild
    ) -> None:
        """Take the roots it reads and the public one it writes; ranks are computed in the scoring child."""
        self._store = store
        self._results = results
        self._references = references
        self._public = public
        self._child = child

    def publish(self, slug: str, phase_name: str, now: datetime) -> Leaderboard | None:
        """Write a new revision of a phase's leaderboard, unless nothing but its time would change.

        A phase that follows another has no leaderboard before all its entries are scored: no score of a final is
        seen while another entry still runs. Nor is anything published while an entry was judged by another scorer
        only, as after an update: its board would lose its lines. `arena rejudge` mends that.

        Raises:
            UnknownCaseSet: The phase's case set has not been imported.
            HostError: The scoring child died, or a stored file is damaged.
        """
        with self._store.read() as session:
            facts = _facts(session, slug, phase_name, now)
            if facts.phase.follows is not None and boards.unsettled(session, slug, phase_name) > 0:
                return None
            if scorecards.only_by_others(session, slug, phase_name, scorer_version=SCORER_VERSION):
                log.warning("leaderboard_waits_for_rejudging", extra={"challenge": slug, "phase": phase_name})
                return None
            candidates = self._candidates(session, facts)
            told = disclosed(session, slug, phase_name)
            previous = boards.newest_board(session, slug, phase_name)
        chosen, news = self._chosen(facts, candidates, told)
        document = self._compose(facts, chosen, now, 1 if previous is None else previous.revision + 1)
        if previous is not None:
            before = LeaderboardDocument.model_validate_json(self._public.get(previous.document_sha256))
            if _same(before, document):
                if news:
                    with self._store.write() as session:
                        add_disclosures(session, slug, phase_name, news, board=None, at=now)
                return None
        if document.disclosure is DocumentDisclosure.CLOSED:
            for candidate in chosen:
                self._public.put(public_bytes(candidate.card))
        ref = self._public.put(document.model_dump_json(indent=1).encode())
        cards = {candidate.scored.submission.code: candidate.scored.scorecard.code for candidate in chosen}
        with self._store.write() as session:
            board = boards.add_board(session, document, ref, cards)
            add_disclosures(session, slug, phase_name, news, board=board.code, at=now)
        log.info("leaderboard_written", extra={"challenge": slug, "phase": phase_name, "revision": board.revision})
        return board

    def compose_again(
        self, document: LeaderboardDocument, candidates: Sequence[Candidate], references_digest: str
    ) -> LeaderboardDocument:
        """Compose a stored document anew out of the entries that it lists, under its own rules and at its own time.

        What was not computed (names, codes of images, times) is taken from the document.
        """
        with self._store.read() as session:
            version = session.get_one(ChallengeVersion, document.challenge_version)
            case_set = session.get_one(CaseSet, document.case_set_digest)
        declaration = Declaration.model_validate(version.declaration)
        phase = declaration.phase(document.phase)
        if phase is None:
            msg = f"version {version.number} of {document.challenge} has no phase {document.phase}"
            raise ValueError(msg)
        facts = _Facts(
            version=version,
            declaration=declaration,
            phase=phase,
            entry_rule=phase.entry_rule,
            case_set=case_set,
            references_digest=references_digest,
            disclosure=document.disclosure,
            ladder=None if document.ladder_eta is None else Rule(eta=document.ladder_eta),
        )
        again = self._compose(facts, candidates, document.as_of, document.revision)
        told = {entry.submission: entry.model_dump(include=_NOT_COMPUTED) for entry in document.entries}
        entries = (entry.model_copy(update=told.get(entry.submission, {})) for entry in again.entries)
        return again.model_copy(update={"entries": tuple(entries)})

    def entrants(self, slug: str, phase_name: str, now: datetime) -> list[str]:
        """Return the submissions that a phase's entry rule sends on to the phase that follows it."""
        with self._store.read() as session:
            facts = _facts(session, slug, phase_name, now)
            standing = accepted(self._candidates(session, facts))
        chosen = choose(standing, facts.entry_rule)
        if facts.entry_rule is EntryRule.CHOSEN:
            chosen += [candidate for candidate in standing if candidate.scored.submission.second_choice]
        return [candidate.scored.submission.code for candidate in chosen]

    def awaits_rejudging(self, slug: str, phase_name: str) -> bool:
        """Say whether something in a phase was judged by other scorers only."""
        with self._store.read() as session:
            return scorecards.only_by_others(session, slug, phase_name, scorer_version=SCORER_VERSION)

    def _chosen(
        self, facts: _Facts, candidates: Sequence[Candidate], told: Mapping[tuple[str, str], Feedback]
    ) -> tuple[list[Candidate], list[Disclosure]]:
        """Return what stands on the board, and what its vendors learn by it that they did not know."""
        if facts.ladder is not None:
            return self._climbed(facts, candidates, told)
        standing = accepted(candidates)
        # The phase before one that follows it has chosen who takes part; all of them stand on this board.
        chosen = choose(standing, facts.entry_rule) if facts.phase.follows is None else standing
        kind = Disclosed.EVERYTHING if facts.disclosure is DocumentDisclosure.CLOSED else Disclosed.SCORE
        every = facts.entry_rule is not EntryRule.BEST
        news = [disclosure(candidate, kind, every_score_is_shown=every, shown=True) for candidate in chosen]
        return chosen, [row for row in news if (row.scorecard, row.disclosed) not in told]

    def _climbed(
        self, facts: _Facts, candidates: Sequence[Candidate], told: Mapping[tuple[str, str], Feedback]
    ) -> tuple[list[Candidate], list[Disclosure]]:
        """Show of each vendor the best that the Ladder lets through; what it has decided stands."""
        if facts.ladder is None:
            msg = "the phase has no Ladder"
            raise ValueError(msg)
        standing = Standing(candidates, told)
        job = LadderJob(
            declaration=facts.version.declaration,
            references_root=self._references.root,
            references_sha256=facts.references_digest,
            results_root=self._results.root,
            eta=facts.ladder.eta,
            climbs=standing.climbs(),
        )
        return standing.settle(self._child.run(climb_ladder, job) if standing.undecided else None)

    def _candidates(self, session: Session, facts: _Facts) -> list[Candidate]:
        rows = boards.scored(
            session,
            facts.declaration.slug,
            facts.phase.name,
            judging_digest=facts.version.judging_digest,
            case_set=facts.case_set,
            scorer_version=SCORER_VERSION,
        )
        return [
            Candidate(row, ScorecardDocument.model_validate_json(self._results.get(row.scorecard.document_sha256)))
            for row in rows
        ]

    def _rank(self, facts: _Facts, family: Sequence[Candidate], chosen: Sequence[Candidate]) -> Ranked:
        if not family:
            return Ranked(ranks={}, pairs=())
        job = RankJob(
            declaration=facts.version.declaration,
            judging_digest=facts.version.judging_digest,
            case_set_digest=facts.case_set.digest,
            references_root=self._references.root,
            references_sha256=facts.references_digest,
            results_root=self._results.root,
            entries=tuple(ranked_entry(candidate) for candidate in family),
            listed=tuple(ranked_entry(candidate) for candidate in chosen if candidate not in family),
            finest=facts.disclosure is DocumentDisclosure.CLOSED,
        )
        return self._child.run(rank_entries, job)

    def _compose(self, facts: _Facts, chosen: Sequence[Candidate], now: datetime, revision: int) -> LeaderboardDocument:
        # In one order whatever chose them, for a pair is written as one minus the other.
        chosen = sorted(chosen, key=lambda each: (each.scored.submission.submitted_at, each.scored.submission.code))
        family = ranked_of(chosen)
        ranked = self._rank(facts, family, chosen)
        finest = facts.disclosure is DocumentDisclosure.CLOSED
        entries = [entry_line(candidate, ranked, finest=finest, in_family=candidate in family) for candidate in chosen]
        entries.sort(key=by_place)
        return LeaderboardDocument(
            schema_version=SCHEMA_VERSION,
            challenge=facts.declaration.slug,
            phase=facts.phase.name,
            revision=revision,
            as_of=now,
            disclosure=facts.disclosure,
            case_set=facts.case_set.name,
            case_set_digest=facts.case_set.digest,
            judging_digest=facts.version.judging_digest,
            challenge_version=facts.version.digest,
            scorer_version=SCORER_VERSION,
            n_cases=facts.case_set.n_cases,
            n_patients=facts.case_set.n_patients,
            missing=facts.declaration.missing,
            alpha=facts.declaration.ranking.alpha,
            ladder_eta=None if facts.ladder is None else facts.ladder.eta,
            attempts_allowed=attempts_allowed(facts.declaration, facts.phase),
            adjustment=facts.declaration.ranking.adjustment.value,
            seed=seed_text(resample_seed(facts.case_set.digest, facts.version.judging_digest)),
            entries=tuple(entries),
            produced_by=producer(),
            **fine_parts(ranked) if finest else {},
        )


_NOT_COMPUTED = {"vendor_name", "algorithm_name", "image_id", "submitted_at", "evaluated_at"}


@dataclass(frozen=True, slots=True)
class _Facts:
    version: ChallengeVersion
    declaration: Declaration
    phase: Phase
    entry_rule: EntryRule
    case_set: CaseSet
    references_digest: str
    disclosure: DocumentDisclosure
    ladder: Rule | None


def _facts(session: Session, slug: str, phase_name: str, now: datetime) -> _Facts:
    # The newest version says when the phase closes; the one of the phase says by which rules it is judged.
    state = phase_status(declared(session, slug), phase_name, now).state
    version = version_of_phase(session, slug, phase_name)
    declaration = Declaration.model_validate(version.declaration)
    phase = declaration.phase(phase_name)
    if phase is None:
        msg = f"version {version.number} of {slug} has no phase {phase_name}"
        raise ValueError(msg)
    case_set = boards.newest_case_set(session, slug, phase.cases)
    if case_set is None:
        known = ", ".join(sorted(each.name for each in declaration.case_sets))
        raise UnknownCaseSet(slug=slug, name=phase.cases, known=known)
    shown = state is PhaseState.CLOSED or phase.show is Show.OPEN
    return _Facts(
        version=version,
        declaration=declaration,
        phase=phase,
        entry_rule=phase.entry_rule,
        case_set=case_set,
        references_digest=case_set.references_digest,
        disclosure=DocumentDisclosure.CLOSED if shown else DocumentDisclosure.OPEN,
        ladder=phase.feedback if phase.feedback.ladder and not shown and phase.follows is None else None,
    )


def declared(session: Session, slug: str) -> Declaration:
    """Return a challenge's newest declaration.

    Raises:
        UnknownChallenge: No challenge of that name is open here.
    """
    version = boards.newest_version(session, slug)
    if version is None:
        raise UnknownChallenge(slug=slug, known=", ".join(boards.challenge_slugs(session)) or "none")
    return Declaration.model_validate(version.declaration)


def _same(before: LeaderboardDocument, now: LeaderboardDocument) -> bool:
    volatile = {"revision", "as_of", "produced_by"}
    return before.model_dump(exclude=volatile) == now.model_dump(exclude=volatile)
