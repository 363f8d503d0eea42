"""The numbers of one entry in a scorecard: each with its counts, its interval and how it was found.

Each class shows the value of the same name of `arena.scoring`, read by attribute (`model_validate`); a test holds both
to the same fields. They stand apart because a document must be readable without SciPy, keeps its form when the
scorer's changes, and writes an exact rational as the float that is published.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, model_validator

Level = int
"""A probability × 10,000."""


def _level(description: str, **more: Any) -> Any:
    """Return a field that is called `threshold_level` here and `threshold` in the scorer."""
    return Field(description=description, validation_alias=AliasChoices("threshold_level", "threshold"), **more)


def _since_1_3_0() -> Any:
    """Return a field that stored documents of earlier scorers lack."""
    return Field(default=None, description="Null before scorer 1.3.0.")


class Document(BaseModel):
    """Immutable, unknown keys refused, NaN and infinity refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, from_attributes=True)


class Estimate(Document):
    """A number with its 95 % interval; `value` is None with a `reason` where there is none."""

    value: float | None = None
    low: float | None = None
    high: float | None = None
    n: int | None = Field(description="Cases under it; null where not known or not to be told (up to scorer 1.2.0: 0).")
    n_positive: int | None = None
    method: str
    reason: str | None = None


class RocCurve(Document):
    """ROC points at fixed false positive rates with a pointwise 95 % band for the true positive rate."""

    fpr: tuple[float, ...]
    tpr: tuple[float, ...]
    tpr_low: tuple[float, ...]
    tpr_high: tuple[float, ...]
    n: int | None = None
    n_positive: int | None = None
    method: str = "mover_wilson"


class PartialAuc(Document):
    """The area over a range of false positive rates: as the mean sensitivity there, and in McClish's form."""

    fpr_low: float
    fpr_high: float
    sensitivity: Estimate
    standardised: Estimate


class Confusion(Document):
    """Counts and numbers at a threshold. `source`: `declared`, `calibration`, or `post_hoc_youden` (no intervals)."""

    threshold_level: Level | None = _level("Probability × 10,000; null where each finding has its own threshold.")
    source: str
    true_positive: int
    false_positive: int
    false_negative: int
    true_negative: int
    sensitivity: Estimate
    specificity: Estimate
    sensitivity_patients: Estimate = Field(description="Clopper–Pearson: patients all of whose positives are called.")
    specificity_patients: Estimate = Field(description="Clopper–Pearson: patients none of whose negatives is called.")
    ppv: Estimate
    npv: Estimate
    f1: Estimate
    mcc: Estimate


class ThresholdChoice(Document):
    """The threshold that a calibration split gave, or the `reason` why it gave none."""

    level: Level | None
    kind: str
    floor: float
    n: int = Field(description="Patients of the class that it is learned from.")
    needed: int = Field(description="Patients that the floor needs at least.")
    order: int
    confidence: float
    reason: str | None = None


class Bins(Document):
    """How answers were binned: `equal_mass` or `equal_width`."""

    kind: str
    count: int


class CalibrationError(Document):
    """The expected calibration error beside that of a perfectly calibrated service with the same answers."""

    estimate: Estimate
    bins: Bins
    null_mean: float | None
    null_p95: float | None
    simulations: int


class ReliabilityBin(Document):
    """A point of the reliability curve."""

    low_level: Level
    high_level: Level
    mean_answer: float
    observed: Estimate


class Calibration(Document):
    """Calibration of the answered cases; `n_answered` of `n_known` is the coverage."""

    n_known: int
    n_answered: int
    share_clipped: float | None
    slope: Estimate
    intercept: Estimate
    error: CalibrationError
    reliability: tuple[ReliabilityBin, ...]


class DecisionCurve(Document):
    """Net benefit per study over threshold probabilities, with pointwise 95 % limits; acting on none is worth 0."""

    prevalence: float
    n: int
    n_positive: int | None
    method: str
    levels: tuple[Level, ...]
    net_benefit: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    treat_all: tuple[float, ...]

    @model_validator(mode="before")
    @classmethod
    def _in_columns(cls, given: Any) -> Any:
        """Take the scorer's curve, whose points are estimates of the same cases, as columns."""
        if isinstance(given, Mapping | DecisionCurve):
            return given
        first = given.net_benefit[0]
        return {
            "prevalence": given.prevalence,
            "n": first.n,
            "n_positive": first.n_positive,
            "method": first.method,
            "levels": given.levels,
            "net_benefit": tuple(point.value for point in given.net_benefit),
            "low": tuple(point.low for point in given.net_benefit),
            "high": tuple(point.high for point in given.net_benefit),
            "treat_all": given.treat_all,
        }


class PrevalenceScores(Document):
    """What depends on the share of positives: for this set's, or re-weighted to the declared one of `source`."""

    prevalence: float | None
    source: str | None
    threshold_level: Level = _level("Probability × 10,000 at or above which a case is called.")
    ppv: Estimate
    npv: Estimate
    f1: Estimate | None = _since_1_3_0()
    mcc: Estimate | None = _since_1_3_0()
    workload: Estimate
    average_precision: Estimate
    brier: Estimate
    error: CalibrationError
    decision_curve: DecisionCurve | None
    reason: str | None = None


class PredictiveValues(Document):
    """PPV, NPV, F1 and MCC at the declared share of positives, or the `reason` why there are none."""

    prevalence: float | None
    source: str | None
    threshold_level: Level = _level("Probability × 10,000 at or above which a case is called.")
    ppv: Estimate
    npv: Estimate
    f1: Estimate | None = _since_1_3_0()
    mcc: Estimate | None = _since_1_3_0()
    reason: str | None = None


class FindingNumbers(Document):
    """What is told of a finding beside its AUC, operating point and ROC curve."""

    partial_auc: PartialAuc
    declared: Confusion
    calibrated: Confusion | None
    youden: Confusion | None = Field(description="At a threshold chosen on these very cases: never ranked.")
    calibration: Calibration
    this_set: PrevalenceScores
    population: PrevalenceScores
    population_calibrated: PredictiveValues | None = Field(
        default=None, description="For the declared prevalence at the calibration split's threshold; null without one."
    )


class FindingScores(Document):
    """All numbers of one finding. `curve` and `band` are ROC points, thinned (see `RocCurve`)."""

    finding: str
    in_macro: bool
    auc: Estimate
    auc_worst: Estimate | None = None
    auc_half: Estimate
    auc_exclude_case: Estimate
    sensitivity: Estimate
    specificity: Estimate
    ppv: Estimate
    npv: Estimate
    brier: Estimate
    threshold: float
    curve: RocCurve | None = None
    n_missing: int | None = Field(default=None, description="Cases with a known reference and no usable answer.")
    patients_positive: int | None = None
    patients_negative: int | None = None
    calibrated_threshold: ThresholdChoice | None = Field(
        default=None, description="The threshold of `numbers.calibrated`, or why there is none; null if none is asked."
    )
    numbers: FindingNumbers | None = Field(
        default=None, description="In scorecards; null where too few patients hold a class, or `numbers_reason`."
    )
    numbers_reason: str | None = None


class AnyPathology(Document):
    """Whether a case has any finding: by its highest answer, and by each finding's declared threshold."""

    n: int
    n_positive: int
    n_unknown: int
    n_missing: int
    auc: Estimate
    declared: Confusion | None
    reason: str | None = None


class Latency(Document):
    """Seconds per answered case, measured from outside."""

    median_seconds: float | None
    p95_seconds: float | None
    n: int


class OwnMetric(Document):
    """A metric of the organiser's own; it ranks nothing. `value` is None with a `reason` where there is none.

    `least` and `greatest` bound its range; None where it has no bound. `low` and `high` are quantiles over `resamples`
    resampled patients, absent where the metric is not one to be resampled. Resamples are the same for all entries;
    those on which it is undefined for this entry, `resamples_undefined`, are left out of its quantiles, not redrawn.
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
    resamples_undefined: int | None = None
    n: int
    reason: str | None = None
