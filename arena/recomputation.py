"""Scorecards and leaderboards computed again from stored predictions and references, and held against what is stored.

Under the same packages and architecture the bytes must be the same. Elsewhere numbers are compared to a relative
1e-12, far below the last published digit and above what another processor may round differently.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from sqlmodel import Session

from arena.blobs import BlobStore
from arena.errors import BlobCorrupt, NotFound, ScorerDiffers
from arena.evaluation.child import ScoringChild
from arena.evaluation.disclosing import public_bytes
from arena.evaluation.jobs import ScoreJob, score_job
from arena.evaluation.judging import score_evaluation
from arena.evaluation.producer import producer
from arena.evaluation.standing import Candidate
from arena.leaderboard import Publisher
from arena.scoring import SCORER_VERSION
from arena.store import lookup
from arena.store.documents import LeaderboardDocument, Producer, PublicScorecard, ScorecardDocument
from arena.store.session import Store
from arena.store.tables import ChallengeVersion, Evaluation

RELATIVE = 1e-12

_SHA256 = re.compile(r"[0-9a-f]{64}")


class Kind(StrEnum):
    """What is computed again."""

    SCORECARD = "scorecard"
    LEADERBOARD = "leaderboard"


class How(StrEnum):
    """How the two were compared: byte by byte, or numbers to a relative 1e-12 because the environment is another."""

    BYTES = "bytes"
    NUMBERS = "numbers"


@dataclass(frozen=True, slots=True)
class Difference:
    """The first place in which they differ, as `entries[0].macro.value`, with both values as JSON."""

    place: str
    stored: str
    recomputed: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """What was compared and how; without a difference it was reproduced."""

    kind: Kind
    name: str
    how: How
    here: Producer
    there: Producer | None
    difference: Difference | None


@dataclass(frozen=True, slots=True)
class Recomputer:
    """Computes documents again in the scoring child; it writes nothing."""

    store: Store
    results: BlobStore
    references: BlobStore
    public: BlobStore
    child: ScoringChild

    def run(self, given: str) -> Comparison:
        """Compute again what is named by a code, by a document's digest, or as a file.

        Raises:
            NotFound: Nothing has this code or digest, or the file is no such document.
            ScorerDiffers: Another scorer computed it.
            BlobCorrupt: Stored predictions or documents are missing or damaged.
            ReferencesUnavailable: The references are.
        """
        content = self._content(given)
        document = _parse(given, content)
        if document.scorer_version != SCORER_VERSION:
            raise ScorerDiffers(what=given, theirs=document.scorer_version, ours=SCORER_VERSION)
        if Path(given).is_file():
            # What was exported may be laid out otherwise; its content counts, in the layout in which it was stored.
            content = document.model_dump_json(indent=1).encode()
        if isinstance(document, PublicScorecard):
            again = self._scorecard(document) if isinstance(document, ScorecardDocument) else self._public(document)
            return _compare(Kind.SCORECARD, given, content, again, document.produced_by)
        return _compare(Kind.LEADERBOARD, given, content, self._leaderboard(given, document), document.produced_by)

    def _content(self, given: str) -> bytes:
        if Path(given).is_file():
            return Path(given).read_bytes()
        by_digest = _SHA256.fullmatch(given) is not None
        with self.store.read() as session:
            card = lookup.scorecard(session, given, by_digest=by_digest)
            board = None if card is not None else lookup.leaderboard(session, given, by_digest=by_digest)
        if card is not None:
            return self.results.get(card.document_sha256)
        if board is not None:
            return self.public.get(board.document_sha256)
        if by_digest:
            # Public scorecards have no row of their own: a leaderboard names them.
            with suppress(BlobCorrupt):
                return self.public.get(given)
        raise NotFound(kind="scorecard, leaderboard or file", code_given=given)

    def _scorecard(self, document: ScorecardDocument) -> bytes:
        with self.store.read() as session:
            job = self._job(session, document)
        return self.child.run(score_evaluation, job)

    def _public(self, document: PublicScorecard) -> bytes:
        """Compute the stored scorecard again that a public one was taken from, and take the same from it.

        Where none has this content, the newest by the same rules and scorer shows what differs.
        """
        with self.store.read() as session:
            rows = lookup.scorecards_of(session, document.evaluation, document.judging_digest)
        stored = [ScorecardDocument.model_validate_json(self.results.get(row.document_sha256)) for row in rows]
        stored = [each for each in stored if each.scorer_version == document.scorer_version]
        if not stored:
            raise NotFound(kind="scorecard of evaluation", code_given=document.evaluation)
        source = next((each for each in stored if each.public() == document), stored[-1])
        return public_bytes(ScorecardDocument.model_validate_json(self._scorecard(source)))

    def _job(self, session: Session, document: ScorecardDocument) -> ScoreJob:
        evaluation = session.get(Evaluation, document.evaluation)
        if evaluation is None:
            raise NotFound(kind="evaluation", code_given=document.evaluation)
        version = session.get(ChallengeVersion, document.challenge_version or evaluation.challenge_version)
        if version is None or evaluation.predictions_sha256 is None or evaluation.cases_sha256 is None:
            raise NotFound(kind="record of evaluation", code_given=document.evaluation)
        return score_job(
            session,
            self.results,
            self.references,
            evaluation,
            version=version,
            references_sha256=document.references_digest,
            split_references_sha256=document.calibration_references_digest,
        )

    def _leaderboard(self, given: str, document: LeaderboardDocument) -> bytes:
        """Score every entry again and compose the board of these scores, not of the stored scorecards."""
        with self.store.read() as session:
            found = lookup.entries_of(session, document.challenge, document.phase, document.revision)
        if found is None:
            raise NotFound(kind="leaderboard", code_given=given)
        candidates = []
        references = ""
        for scored in found:
            stored = ScorecardDocument.model_validate_json(self.results.get(scored.scorecard.document_sha256))
            again = ScorecardDocument.model_validate_json(self._scorecard(stored))
            candidates.append(Candidate(scored, again))
            references = stored.references_digest
        publisher = Publisher(self.store, self.results, self.references, self.public, self.child)
        return publisher.compose_again(document, candidates, references).model_dump_json(indent=1).encode()


def _parse(given: str, content: bytes) -> PublicScorecard | LeaderboardDocument:
    try:
        fields = json.loads(content)
        kind: type[PublicScorecard | LeaderboardDocument] = LeaderboardDocument
        if isinstance(fields, dict) and "evaluation" in fields:
            kind = ScorecardDocument if "references_digest" in fields else PublicScorecard
        return kind.model_validate_json(content)
    except (ValueError, ValidationError) as error:
        raise NotFound(kind="scorecard or leaderboard in file", code_given=given) from error


def _compare(kind: Kind, name: str, stored: bytes, recomputed: bytes, there: Producer | None) -> Comparison:
    here = producer()
    how = How.BYTES if there == here else How.NUMBERS
    difference = compare(stored, recomputed, exactly=how is How.BYTES)
    return Comparison(kind, name, how, here, there, difference)


def compare(stored: bytes, recomputed: bytes, *, exactly: bool) -> Difference | None:
    """Return the first difference of two JSON documents: of any byte, or of more than rounding.

    Not exactly, numbers may differ by a relative 1e-12, and by whom a document was produced does not matter.
    """
    if stored == recomputed:
        return None
    one, other = json.loads(stored), json.loads(recomputed)
    if not exactly:
        one, other = ({key: value for key, value in each.items() if key != "produced_by"} for each in (one, other))
    found = next(_differences("", one, other, 0.0 if exactly else RELATIVE), None)
    if found is None and exactly:
        return Difference("(layout)", f"{len(stored)} bytes", f"{len(recomputed)} bytes")
    return found


def _differences(place: str, one: Any, other: Any, relative: float) -> Iterator[Difference]:
    if isinstance(one, dict) and isinstance(other, dict):
        # Documents gain keys: what an older one does not have cannot differ, unless the very bytes are compared.
        gained = [key for key in other if key not in one] if relative == 0 else []
        for key in [*one, *gained]:
            inner = f"{place}.{key}" if place else key
            yield from _differences(inner, one.get(key, _ABSENT), other.get(key, _ABSENT), relative)
    elif isinstance(one, list) and isinstance(other, list):
        if len(one) != len(other):
            yield Difference(place, f"{len(one)} items", f"{len(other)} items")
        for index, (mine, theirs) in enumerate(zip(one, other, strict=False)):
            yield from _differences(f"{place}[{index}]", mine, theirs, relative)
    elif not _equal(one, other, relative):
        yield Difference(place, _shown(one), _shown(other))


_ABSENT = object()


def _equal(one: Any, other: Any, relative: float) -> bool:
    if isinstance(one, float) and isinstance(other, float | int) and not isinstance(other, bool):
        return math.isclose(one, other, rel_tol=relative, abs_tol=0.0)
    return type(one) is type(other) and bool(one == other)


def _shown(value: Any) -> str:
    return "nothing" if value is _ABSENT else json.dumps(value, ensure_ascii=False)[:80]
