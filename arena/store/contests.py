"""What a closed phase's leaderboard tells of all entries together: comparisons, other orders, stability, readers.

Entries are named by their submissions' codes. As in `arena.store.numbers`, classes show values of `arena.ranking`.
"""

from __future__ import annotations

from pydantic import Field

from arena.store.numbers import Document, Estimate


class NonInferiority(Document):
    """Whether one entry is at most `margin` worse: `low` is the one-sided limit of the difference at 1 − α/2."""

    margin: float
    low: float
    p: float | None
    non_inferior: bool


class Pair(Document):
    """A paired comparison of two entries, `a` minus `b`; present when the phase has closed.

    `low` and `high` are the 95 % limits of this difference alone, found by `interval`; `method` is that of the test.
    `n` cases have a known reference of a finding of the macro score, and where `missing` is `exclude_case` an answer of
    both entries; `n_positive` of them have such a finding.
    """

    a: str
    b: str
    difference: float
    standard_error: float
    low: float | None = None
    high: float | None = None
    z: float | None = None
    p: float
    p_holm: float | None = None
    p_max_t: float | None = None
    p_adjusted: float = Field(description="The one of both that the challenge declares; it decides ranks.")
    a_against_b: NonInferiority | None = Field(default=None, description="Null unless a margin is declared.")
    b_against_a: NonInferiority | None = None
    n: int | None = None
    n_positive: int | None = None
    n_patients: int | None = None
    method: str = "paired_influence"
    interval: str | None = Field(
        default=None, description="Method of `low` and `high`; null before scorer 1.2.0: ± 1.96 standard errors."
    )


class PolicyEntry(Document):
    """An entry under one policy for missing answers; `place` is by score alone, without a test."""

    submission: str
    macro: Estimate
    rank: int | None
    rank_low: int | None
    rank_high: int | None
    place: int | None


class PolicyRanking(Document):
    """The leaderboard if missing answers counted otherwise; `tau` against the declared policy's order of scores."""

    policy: str
    tau: float | None
    entries: tuple[PolicyEntry, ...]


class SchemePlace(Document):
    """An entry's place under a scheme."""

    submission: str
    place: int


class SchemeRanking(Document):
    """The order of the ranked entries if findings were joined otherwise; `tau` against the order of scores."""

    scheme: str = Field(description="`mean_then_rank`, which is the published one, or `rank_then_mean`.")
    tau: float | None
    entries: tuple[SchemePlace, ...]


class EntryStability(Document):
    """An entry over resampled patients: no probability of being first, and no confidence limits.

    `rank_counts[k]` is in how many resamples it held rank k + 1; `quantiles` are ranks at `Stability.quantiles_at`.
    """

    submission: str
    share_first: float
    rank_counts: tuple[int, ...]
    quantiles: tuple[int, ...]


class Stability(Document):
    """How the order moves when patients are drawn again; without resamples, `reason` says why."""

    resamples: int
    redrawn: int = Field(description="Resamples drawn again because a finding lacked a class.")
    quantiles_at: tuple[float, ...]
    tau_mean: float | None
    tau_quantiles: tuple[float, ...]
    entries: tuple[EntryStability, ...]
    reason: str | None = None
    n: int | None = Field(default=None, description="Cases with a known reference of a finding of the macro score.")
    n_positive: int | None = Field(default=None, description="Those of them that have such a finding.")
    n_patients: int | None = Field(default=None, description="Patients that hold them.")


class PairedCalls(Document):
    """Two entries at the declared threshold of a finding: the share of right calls of `a` less that of `b`."""

    a: str
    b: str
    finding: str
    of: str = Field(description="`sensitivity`, over the positives, or `specificity`, over the negatives.")
    difference: float
    standard_error: float | None
    low: float
    high: float
    n: int
    patients: int
    only_a: int
    only_b: int
    p: float
    interval: str | None = Field(default=None, description="Method of `low` and `high`.")
    test: str = Field(description="`exact`, `mcnemar` or `obuchowski`; exploratory, not adjusted.")


class ReaderPoint(Document):
    """Context on an ROC plot: a reader's operating point, or the mean of several readers'."""

    finding: str
    label: str
    readers: int
    sensitivity: Estimate
    specificity: Estimate
    source: str


class ReaderCurve(Document):
    """Context on an ROC plot: a reader's curve as (false positive rate, true positive rate), or several readers'."""

    finding: str
    label: str
    readers: int
    points: tuple[tuple[float, float], ...]
    auc: Estimate
    source: str


class Readers(Document):
    """The organiser's table of readers; they compete with nobody."""

    points: tuple[ReaderPoint, ...]
    curves: tuple[ReaderCurve, ...]
