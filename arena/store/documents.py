"""Schemas of the JSON documents that stand in blobs: scorecards (inside) and leaderboards (public).

A public document is written by the worker with exactly what may be known at that time: while a phase is open it
holds no per-finding number and no curve, so nothing that reads it can show one.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import Field

from arena.store.clinical import CalibrationTest, Norm, SubgroupTable
from arena.store.contests import (
    Pair,
    PairedCalls,
    PolicyRanking,
    Readers,
    SchemeRanking,
    Stability,
)
from arena.store.numbers import (
    AnyPathology,
    Document,
    Estimate,
    FindingScores,
    Latency,
    OwnMetric,
    RocCurve,
)
from runners.values import Outcome

__all__ = [
    "SCHEMAS",
    "CalibrationSplit",
    "Disclosure",
    "Document",
    "Entry",
    "Estimate",
    "FindingScores",
    "Latency",
    "LeaderboardDocument",
    "OwnMetric",
    "Pair",
    "Producer",
    "PublicScorecard",
    "RocCurve",
    "ScorecardDocument",
    "json_schema",
]


class Producer(Document):
    """With what a document was computed; where it is equal, computing again gives the same bytes."""

    arena: str = Field(description="Version of Arena.")
    python: str
    numpy: str
    scipy: str
    packages_sha256: str = Field(
        description="Digest of the name and version of every installed package that numbers pass through."
    )
    architecture: str = Field(description="Of the processor, such as x86_64.")


class CalibrationSplit(Document):
    """On what thresholds were set: the set of the phase that this one follows, and the entry's answers there."""

    case_set_digest: str
    predictions_sha256: str
    entry_chosen_here: bool | None = Field(
        default=None,
        description="Whether this entry was chosen among several on that set: then the 95 % confidence of its "
        "thresholds does not hold.",
    )


class PublicScorecard(Document):
    """All scores of one evaluation, as it is public once the phase has closed."""

    schema_version: int = 1
    evaluation: str
    challenge: str
    phase: str
    case_set_digest: str
    predictions_sha256: str
    cases_sha256: str | None = None
    challenge_version: str | None = None
    judging_digest: str
    scorer_version: str
    seed: str | None = Field(
        default=None, description="Of all resamples and simulations, in hexadecimal: from case set and rules."
    )
    missing: str
    n_cases: int
    n_patients: int
    macro: Estimate
    macro_worst: Estimate | None = None
    macro_half: Estimate
    macro_exclude_case: Estimate
    findings: tuple[FindingScores, ...]
    any_pathology: AnyPathology | None = None
    norm: Norm | None = Field(default=None, description="Null unless the challenge declares limits of sorting.")
    calibration_test: CalibrationTest | None = Field(default=None, description="Null unless one is declared.")
    calibration_split: CalibrationSplit | None = Field(
        default=None, description="Null unless a threshold is declared to be set on the set of the phase before."
    )
    subgroups: tuple[SubgroupTable, ...] = Field(default=(), description="Exploratory; they move no rank.")
    latency: Latency
    outcomes: dict[Outcome, int]
    metrics: tuple[OwnMetric, ...] = ()
    produced_by: Producer | None = None


class ScorecardDocument(PublicScorecard):
    """All scores of one evaluation as they are stored: with the digests of references, public nowhere."""

    references_digest: str
    calibration_references_digest: str | None = None

    def public(self) -> PublicScorecard:
        """Return what may be public of it when the phase has closed."""
        return PublicScorecard(**{name: getattr(self, name) for name in PublicScorecard.model_fields})


class Disclosure(StrEnum):
    """How much a public document holds; OPEN: the rounded macro score, outcome shares and latency, nothing finer."""

    OPEN = "open"
    CLOSED = "closed"


class Entry(Document):
    """One line of a public leaderboard. `findings` is empty while the phase is open."""

    submission: str = Field(description="The entry's stable code, in permalinks.")
    vendor: str
    vendor_name: str
    algorithm: str
    algorithm_name: str
    image_id: str
    rank: int | None
    rank_low: int | None
    rank_high: int | None
    tied_with_first: bool
    macro: Estimate
    macro_exclude_case: Estimate | None = None
    latency: Latency
    outcomes: dict[Outcome, int]
    findings: tuple[FindingScores, ...] = ()
    metrics: tuple[OwnMetric, ...] = Field(default=(), description="The organiser's own; none while the phase is open.")
    submitted_at: datetime
    evaluated_at: datetime
    predictions_sha256: str | None = Field(default=None, description="Known when the phase has closed.")
    unranked_reason: str | None = Field(default=None, description="Why an entry that has a score has no rank.")
    scorecard: str | None = Field(
        default=None, description="SHA-256 of the entry's public scorecard; known when the phase has closed."
    )
    duplicates: tuple[str, ...] = Field(
        default=(), description="Entries of other vendors with the same answers; told when the phase has closed."
    )


class LeaderboardDocument(Document):
    """What the public may know of a phase at `as_of`."""

    schema_version: int = 1
    challenge: str
    phase: str
    revision: int
    as_of: datetime
    disclosure: Disclosure
    case_set: str
    case_set_digest: str
    judging_digest: str
    challenge_version: str
    scorer_version: str
    n_cases: int
    n_patients: int
    missing: str
    alpha: float
    ladder_eta: float | None = Field(
        default=None, description="While the Ladder holds scores back: the margin by which a new best must be better."
    )
    attempts_allowed: int | None = Field(
        default=None,
        description="Submissions that a vendor is allowed on this very set, told of scores. Where more than 1, entries "
        "were selected on it, which intervals and ranks do not allow for; a set that is scored once has 1.",
    )
    adjustment: str | None = Field(default=None, description="Which adjusted p value of a pair decides ranks.")
    seed: str | None = Field(default=None, description="Of all resamples, in hexadecimal: from case set and rules.")
    entries: tuple[Entry, ...]
    pairs: tuple[Pair, ...] = ()
    policies: tuple[PolicyRanking, ...] = ()
    schemes: tuple[SchemeRanking, ...] = ()
    stability: Stability | None = None
    calls: tuple[PairedCalls, ...] = ()
    calls_against: str | None = Field(
        default=None, description="`all` entries each, or where these are many, the one of highest score: `first`."
    )
    readers: Readers | None = None
    produced_by: Producer | None = None


SCHEMAS: dict[str, type[Document]] = {
    "leaderboard": LeaderboardDocument,
    "public-scorecard": PublicScorecard,
    "scorecard": ScorecardDocument,
}
"""The documents whose JSON Schema is published."""


def json_schema(name: str) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a stored document, by its name in `SCHEMAS`."""
    schema = SCHEMAS[name].model_json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
