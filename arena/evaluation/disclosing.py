"""What of scorecards and ranks enters a public document: all of it when a phase has closed, little while it is open."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from arena.evaluation.ranking import Ranked, RankedEntry
from arena.evaluation.standing import SECOND_CHOICE, Candidate
from arena.ranking.ranks import Rank
from arena.scoring.missing import MissingPolicy
from arena.store.documents import Entry, Estimate, FindingScores, Latency, ScorecardDocument

OPEN_DECIMALS = 2
"""Decimals of the macro score and its limits while a phase is open."""

SIGNIFICANT_DIGITS = 2
"""Significant digits of a latency while a phase is open."""


def public_bytes(card: ScorecardDocument) -> bytes:
    """Return a scorecard as it is public when its phase has closed."""
    return card.public().model_dump_json(indent=1).encode()


def ranked_entry(candidate: Candidate) -> RankedEntry:
    """Return what the scoring child ranks of a candidate."""
    card = candidate.card
    declared = {card.missing: card.macro}
    beside = {
        MissingPolicy.WORST.value: card.macro_worst or card.macro,
        MissingPolicy.HALF.value: card.macro_half,
        MissingPolicy.EXCLUDE_CASE.value: card.macro_exclude_case,
    }
    return RankedEntry(
        candidate.scored.submission.code, card.predictions_sha256, candidate.scored.vendor.code, beside | declared
    )


def fine_parts(ranked: Ranked) -> dict[str, Any]:
    """Return what a closed phase's document holds besides its entries."""
    told: dict[str, Any] = {"pairs": ranked.pairs}
    if ranked.fine is not None:
        names = ("policies", "schemes", "stability", "calls", "calls_against", "readers")
        told |= {name: getattr(ranked.fine, name) for name in names}
    return told


def entry_line(candidate: Candidate, ranked: Ranked, *, finest: bool, in_family: bool) -> Entry:
    """Return a candidate's line: not `finest`, with the rounded macro score, outcomes and latency only."""
    scored, card = candidate.scored, candidate.card
    rank = ranked.ranks.get(scored.submission.code)
    return Entry(
        submission=scored.submission.code,
        vendor=scored.vendor.code,
        vendor_name=scored.vendor.name,
        algorithm=scored.algorithm.code,
        algorithm_name=scored.algorithm.name,
        image_id=scored.submission.image_id,
        rank=None if rank is None else rank.rank,
        rank_low=None if rank is None else rank.low,
        rank_high=None if rank is None else rank.high,
        tied_with_first=rank is not None and rank.rank == 1,
        macro=card.macro if finest else _rounded(card.macro),
        macro_exclude_case=card.macro_exclude_case if finest else None,
        latency=card.latency if finest else _two_digits(card.latency),
        outcomes=card.outcomes,
        findings=tuple(_without_numbers(finding) for finding in card.findings) if finest else (),
        metrics=card.metrics if finest else (),
        submitted_at=scored.submission.submitted_at,
        evaluated_at=scored.evaluation.ended_at or scored.scorecard.created_at,
        predictions_sha256=card.predictions_sha256 if finest else None,
        unranked_reason=_unranked(rank) if in_family else SECOND_CHOICE,
        scorecard=sha256(public_bytes(card)).hexdigest() if finest else None,
        duplicates=ranked.fine.duplicates[scored.submission.code] if finest and ranked.fine else (),
    )


def _unranked(rank: Rank | None) -> str | None:
    return None if rank is None or rank.unranked is None else rank.unranked.value


def _without_numbers(finding: FindingScores) -> FindingScores:
    """Leave to the scorecard what would make the board many times as large."""
    return finding.model_copy(update={"numbers": None})


def _rounded(estimate: Estimate) -> Estimate:
    def cut(value: float | None) -> float | None:
        return None if value is None else round(value, OPEN_DECIMALS)

    return estimate.model_copy(
        update={"value": cut(estimate.value), "low": cut(estimate.low), "high": cut(estimate.high)}
    )


def _two_digits(latency: Latency) -> Latency:
    def cut(seconds: float | None) -> float | None:
        return None if seconds is None else float(f"{seconds:.{SIGNIFICANT_DIGITS}g}")

    return Latency(median_seconds=cut(latency.median_seconds), p95_seconds=cut(latency.p95_seconds), n=latency.n)


def by_place(entry: Entry) -> tuple[int, float, str]:
    """Sort lines by rank, score and code; those without a rank come last."""
    rank = entry.rank if entry.rank is not None else 1_000_000
    return rank, -(entry.macro.value if entry.macro.value is not None else -1.0), entry.submission
