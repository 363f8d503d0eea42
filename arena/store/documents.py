"""Schemas of the JSON documents that stand in blobs: scorecards (inside) and leaderboards (public).

A public document is written by the worker with exactly what may be known at that time: while a phase is open it
holds no per-finding number and no curve, so nothing that reads it can show one.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from runners.values import Outcome


class Document(BaseModel):
    """Immutable, unknown keys refused, NaN and infinity refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Estimate(Document):
    """A number with its 95 % interval; `value` is None with a `reason` where there is none."""

    value: float | None = None
    low: float | None = None
    high: float | None = None
    n: int
    n_positive: int | None = None
    method: str
    reason: str | None = None


class FindingScores(Document):
    """All numbers of one finding. `curve` and `band` are ROC points, thinned (see `RocCurve`)."""

    finding: str
    in_macro: bool
    auc: Estimate
    auc_half: Estimate
    auc_exclude_case: Estimate
    sensitivity: Estimate
    specificity: Estimate
    ppv: Estimate
    npv: Estimate
    brier: Estimate
    threshold: float
    curve: RocCurve | None = None


class RocCurve(Document):
    """ROC points at fixed false positive rates with a pointwise 95 % band for the true positive rate."""

    fpr: tuple[float, ...]
    tpr: tuple[float, ...]
    tpr_low: tuple[float, ...]
    tpr_high: tuple[float, ...]


class Latency(Document):
    """Seconds per answered case, measured from outside."""

    median_seconds: float | None
    p95_seconds: float | None
    n: int


class OwnMetric(Document):
    """A metric of the organiser's own; it ranks nothing. `value` is None with a `reason` where there is none.

    `least` and `greatest` bound its range; None where it has no bound. `low` and `high` are quantiles over `resamples`
    resampled patients, absent where the metric is not one to be resampled.
    """

    name: str
    version: str
    direction: str | None = None
    least: float | None = None
    greatest: float | None = None
    value: float | None = None
    low: float | None = None
    high: float | None = None
    resamples: int | None = None
    n: int
    reason: str | None = None


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


class ScorecardDocument(Document):
    """All scores of one evaluation; never public as it is."""

    schema_version: int = 1
    evaluation: str
    challenge: str
    phase: str
    case_set_digest: str
    references_digest: str
    predictions_sha256: str
    cases_sha256: str | None = None
    challenge_version: str | None = None
    judging_digest: str
    scorer_version: str
    missing: str
    n_cases: int
    n_patients: int
    macro: Estimate
    macro_half: Estimate
    macro_exclude_case: Estimate
    findings: tuple[FindingScores, ...]
    latency: Latency
    outcomes: dict[Outcome, int]
    metrics: tuple[OwnMetric, ...] = ()
    produced_by: Producer | None = None


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


class Pair(Document):
    """A paired comparison of two entries; present when the phase has closed."""

    a: str
    b: str
    difference: float
    standard_error: float
    p: float
    p_adjusted: float


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
    entries: tuple[Entry, ...]
    pairs: tuple[Pair, ...] = ()
    produced_by: Producer | None = None


FindingScores.model_rebuild()

SCHEMAS: dict[str, type[Document]] = {"leaderboard": LeaderboardDocument, "scorecard": ScorecardDocument}
"""The documents whose JSON Schema is published."""


def json_schema(name: str) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a stored document, by its name in `SCHEMAS`."""
    schema = SCHEMAS[name].model_json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
