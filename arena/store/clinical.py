"""What a scorecard tells for the clinic: sorting of norms, the calibration test, subgroups.

As in `arena.store.numbers`, classes show values of `arena.scoring`.
"""

from __future__ import annotations

from pydantic import Field

from arena.store.numbers import Document, Estimate, Level


class NormCurve(Document):
    """Studies sorted as norm against patients missed; `missed_high` is the one-sided 95 % limit at each point alone."""

    threshold: tuple[Level, ...] = Field(description="Probability × 10,000; 10,001 sorts all that were answered.")
    sorted_share: tuple[float, ...]
    missed: tuple[float, ...]
    missed_high: tuple[float, ...]
    method: str = "clopper_pearson_upper"


class NormLimits(Document):
    """The largest tolerated shares, as declared; null where none is."""

    missed_of_abnormal: float | None
    missed_of_sorted: float | None
    missed_of_incoming: float | None
    prevalence: float | None


class Norm(Document):
    """Autonomous sorting of norms. The estimates of misses have `low` 0 and a one-sided 95 % limit as `high`."""

    n: int
    n_abnormal: int
    n_sorted: int
    n_missed: int
    n_unanswered: int
    sorted_share: Estimate
    missed_of_abnormal: Estimate
    missed_of_sorted: Estimate
    missed_of_incoming: Estimate
    verdict: str | None
    verdicts: dict[str, str]
    curve: NormCurve | None
    limits: NormLimits
    prevalence_source: str | None = None
    threshold_levels: dict[str, Level] = Field(description="Of each finding: below all of them a study is norm.")


class FindingTest(Document):
    """One finding held against the limit; `low` and `high` are at 1 − `alpha`."""

    finding: str
    verdict: str
    value: float | None
    low: float | None
    high: float | None
    alpha: float
    patients_positive: int
    patients_negative: int
    reason: str | None = None


class PassChance(Document):
    """The chance that a finding of a true AUC passes; `any_attempt` supposes fresh sets."""

    auc: float
    one_attempt: float
    any_attempt: float


class Protocol(Document):
    """What a verdict is read with; `alpha` is that of one attempt.

    `chances` are those of `chances_finding` alone: of the findings that have numbers, the one with the fewest patients
    of a class. A service that needs several findings passes less often.
    """

    attempts_made: int
    attempts_allowed: int
    sets: str
    rule: str
    alpha: float
    limit: float
    chances: tuple[PassChance, ...]
    chances_finding: str | None = None


class ServiceTest(Document):
    """The verdict of a service under one reading of its equivocal references."""

    verdict: str
    findings: tuple[FindingTest, ...]
    passed: int
    required: int
    protocol: Protocol


class CalibrationTest(Document):
    """The verdict of the declared calibration test; without one, `reason` says why this was no valid attempt.

    `readings` holds one test, or two where equivocal references are read both ways: as positive, then as negative.
    """

    verdict: str | None
    reason: str | None = Field(default=None, description="`attempts_used_up` or `set_not_fresh`.")
    attempts_made: int
    attempts_allowed: int
    equivocal: str
    readings: tuple[ServiceTest, ...]


class Cell(Document):
    """A shown value of an attribute with its counts for one finding."""

    column: str
    name: str
    positives: int
    negatives: int
    patients_positive: int
    patients_negative: int


class CellScores(Document):
    """One cell of a subgroup table; `cell` is null for the macro score, which has no counts of its own."""

    name: str
    cell: Cell | None
    auc: Estimate


class SubgroupDifference(Document):
    """AUC of cell `a` minus AUC of cell `b`; exploratory, `p_adjusted` over the pairs of its table by Holm.

    `n` and `n_positive` are of both cells. `method` is that of the test, `interval` that of `low` and `high`.
    """

    a: str
    b: str
    difference: float
    n: int | None = None
    n_positive: int | None = None
    standard_error: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    p_adjusted: float | None = None
    reason: str | None = None
    method: str = "paired_influence"
    interval: str | None = Field(default=None, description="Null before scorer 1.2.0: ± 1.96 standard errors.")


class SubgroupTable(Document):
    """One attribute and one finding, or the macro score where `finding` is null; `hidden` cells by number alone."""

    column: str
    finding: str | None
    n: int
    n_positive: int | None
    hidden: int
    cells: tuple[CellScores, ...]
    differences: tuple[SubgroupDifference, ...]
