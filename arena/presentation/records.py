"""Public records: the worker's document rounded for readers, without language; API and CSV show them as they are.

The document already holds nothing that may not be known. The records refuse once more: from a document written while
its phase was open they take the macro score, outcome shares and latency, whatever else it should hold.
"""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from arena.presentation.rounding import auc_digits, round_significant, round_to, whole_percents
from arena.store.documents import Disclosure, Entry, Estimate, FindingScores, Latency, LeaderboardDocument

_RATE_DIGITS = 3


class Record(BaseModel):
    """Immutable; NaN and infinity refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class EstimateRecord(Record):
    """A rounded number with its 95 % interval; `value` is null with a `reason` where there is none."""

    value: float | None
    low: float | None
    high: float | None
    n: int | None = Field(description="Cases under it; null where it is not known or must not be told.")
    reason: str | None = None


class LatencyRecord(Record):
    """Seconds per answered case, measured from outside, to two significant digits."""

    median_seconds: float | None
    p95_seconds: float | None


class FindingRecord(Record):
    """The numbers of one finding, public once the phase has closed."""

    finding: str
    in_macro: bool
    threshold: float
    n: int | None
    n_positive: int | None
    auc: EstimateRecord
    sensitivity: EstimateRecord
    specificity: EstimateRecord
    ppv: EstimateRecord
    npv: EstimateRecord
    brier: EstimateRecord


class EntryRecord(Record):
    """One line of a leaderboard."""

    entry: str = Field(description="The entry's stable code.")
    vendor: str
    vendor_name: str
    algorithm: str
    algorithm_name: str
    image_id: str
    rank: int | None
    rank_low: int | None
    rank_high: int | None
    tied_with_first: bool
    macro_auc: EstimateRecord
    macro_auc_answered_cases: EstimateRecord | None
    latency: LatencyRecord
    outcome_percents: dict[str, int] = Field(description="Whole percents that add up to 100.")
    submitted_at: datetime
    evaluated_at: datetime
    findings: tuple[FindingRecord, ...] = Field(description="Empty while the phase is open.")


class PairRecord(Record):
    """A paired comparison of two entries, public once the phase has closed."""

    a: str
    b: str
    difference: float | None
    p_adjusted: float | None


class LeaderboardRecord(Record):
    """A phase's published leaderboard."""

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
    entries: tuple[EntryRecord, ...]
    pairs: tuple[PairRecord, ...]

    def entry(self, code: str) -> EntryRecord | None:
        """Return the entry of that code."""
        return next((entry for entry in self.entries if entry.entry == code), None)


class CurveRecord(Record):
    """ROC points of one entry and finding, with the pointwise 95 % band of the sensitivity."""

    entry: str
    finding: str
    fpr: tuple[float, ...]
    tpr: tuple[float, ...]
    tpr_low: tuple[float, ...]
    tpr_high: tuple[float, ...]


def leaderboard_record(document: LeaderboardDocument) -> LeaderboardRecord:
    """Round a public document for its readers."""
    closed = document.disclosure is Disclosure.CLOSED
    return LeaderboardRecord(
        **document.model_dump(
            include={
                "challenge", "phase", "revision", "as_of", "disclosure", "case_set", "case_set_digest", "alpha",
                "challenge_version", "judging_digest", "scorer_version", "n_cases", "n_patients", "missing",
            }
        ),
        entries=tuple(_entry(entry, document.disclosure) for entry in document.entries),
        pairs=tuple(
            PairRecord(
                a=pair.a,
                b=pair.b,
                difference=round_to(pair.difference, _RATE_DIGITS),
                p_adjusted=round_significant(pair.p_adjusted),
            )
            for pair in document.pairs
            if closed
        ),
    )  # fmt: skip


def curve_record(document: LeaderboardDocument, entry: str, finding: str) -> CurveRecord | None:
    """Return a curve rounded to 3 decimals, or None where there is none or the phase was open."""
    if document.disclosure is not Disclosure.CLOSED:
        return None
    for scores in (f for e in document.entries if e.submission == entry for f in e.findings if f.finding == finding):
        if scores.curve is None:
            return None
        return CurveRecord(
            entry=entry,
            finding=finding,
            **{
                axis: tuple(round_to(x, _RATE_DIGITS) or 0.0 for x in getattr(scores.curve, axis))
                for axis in ("fpr", "tpr", "tpr_low", "tpr_high")
            },
        )
    return None


def _entry(entry: Entry, disclosure: Disclosure) -> EntryRecord:
    closed = disclosure is Disclosure.CLOSED
    digits = auc_digits(disclosure)
    answered = entry.macro_exclude_case if closed else None
    return EntryRecord(
        entry=entry.submission,
        vendor=entry.vendor,
        vendor_name=entry.vendor_name,
        algorithm=entry.algorithm,
        algorithm_name=entry.algorithm_name,
        image_id=entry.image_id,
        rank=entry.rank,
        rank_low=entry.rank_low,
        rank_high=entry.rank_high,
        tied_with_first=entry.tied_with_first,
        macro_auc=_estimate(entry.macro, digits),
        macro_auc_answered_cases=None if answered is None else _estimate(answered, digits),
        latency=_latency(entry.latency),
        outcome_percents=whole_percents({outcome.value: count for outcome, count in entry.outcomes.items()}),
        submitted_at=entry.submitted_at,
        evaluated_at=entry.evaluated_at,
        findings=tuple(_finding(scores) for scores in entry.findings if closed),
    )


def _estimate(estimate: Estimate, digits: int) -> EstimateRecord:
    return EstimateRecord(
        value=round_to(estimate.value, digits),
        low=round_to(estimate.low, digits),
        high=round_to(estimate.high, digits),
        n=estimate.n,
        reason=estimate.reason,
    )


def _latency(latency: Latency) -> LatencyRecord:
    return LatencyRecord(
        median_seconds=round_significant(latency.median_seconds), p95_seconds=round_significant(latency.p95_seconds)
    )


def _finding(scores: FindingScores) -> FindingRecord:
    return FindingRecord(
        finding=scores.finding,
        in_macro=scores.in_macro,
        threshold=scores.threshold,
        n=scores.auc.n,
        n_positive=scores.auc.n_positive,
        auc=_estimate(scores.auc, _RATE_DIGITS),
        sensitivity=_estimate(scores.sensitivity, _RATE_DIGITS),
        specificity=_estimate(scores.specificity, _RATE_DIGITS),
        ppv=_estimate(scores.ppv, _RATE_DIGITS),
        npv=_estimate(scores.npv, _RATE_DIGITS),
        brier=_estimate(scores.brier, _RATE_DIGITS),
    )
