"""Everything that is told of one finding beside its AUC, Brier score and curve."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from arena.scoring.calibration import DEFAULT_BINS, Bins, Calibration, calibration
from arena.scoring.confusion import Confusion, ThresholdSource, confusion_at, youden_level
from arena.scoring.estimates import Reason
from arena.scoring.inputs import FindingCases
from arena.scoring.missing import MissingPolicy
from arena.scoring.partial_auc import DEFAULT_RANGE, PartialAuc, partial_auc
from arena.scoring.prevalence import (
    DeclaredPrevalence,
    PredictiveValues,
    PrevalenceScores,
    predictive_values,
    scores_at_prevalence,
    scores_of_set,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DetailRules:
    """What a challenge declares about these numbers, beyond the finding's threshold.

    Attributes:
        calibration_threshold: Level set on a calibration split (`thresholds.set_threshold`); None where there is none.
        prevalence: Declared share of positives; None where none is declared.
        enriched_by_difficulty: Whether the set's cases were chosen for being hard.
        fpr_range: False positive rates of the partial AUC.
        bins: How answers are binned for calibration.
        seed: Below 2¹²⁸ (`resampling.resample_seed`); the same for every entry of a case set.
        simulations: Sets of references drawn for the null of the calibration error.
    """

    seed: int
    simulations: int = 1000
    calibration_threshold: int | None = None
    prevalence: DeclaredPrevalence | None = None
    enriched_by_difficulty: bool = False
    fpr_range: tuple[Fraction, Fraction] = DEFAULT_RANGE
    bins: Bins = DEFAULT_BINS


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingNumbers:
    """The numbers of a finding that enough patients hold; under the declared missing policy but for `calibration`.

    Attributes:
        partial_auc: Over the declared range of false positive rates.
        declared: At the declared threshold.
        calibrated: At the threshold of the calibration split; None where there is none.
        youden: At the post-hoc threshold, without intervals; None where nothing was answered.
        calibration: Of the answered cases.
        this_set: What depends on the share of positives, for the set's share.
        population: The same for the declared prevalence.
        population_calibrated: For that prevalence at the threshold of the calibration split; None where there is none.
    """

    partial_auc: PartialAuc
    declared: Confusion
    calibrated: Confusion | None
    youden: Confusion | None
    calibration: Calibration
    this_set: PrevalenceScores
    population: PrevalenceScores
    population_calibrated: PredictiveValues | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingDetails:
    """One finding's counts and numbers.

    Attributes:
        finding: Its code.
        n: Cases with a known reference.
        n_positive: How many of them are positive.
        n_missing: How many of them have no usable answer.
        numbers: None with a `reason`: `too_few_patients`, or `missing_answers` under `fail_entry`.
        reason: Why there are none.
    """

    finding: str
    n: int
    n_positive: int
    n_missing: int
    numbers: FindingNumbers | None
    reason: Reason | None = None


def finding_details(part: FindingCases, policy: MissingPolicy, rules: DetailRules) -> FindingDetails:
    """Return everything about one finding.

    Deterministic: the same arrays, policy and rules give the same bits.

    Args:
        part: The finding's cases with a known reference (`inputs.split_findings`), its declared threshold with them.
        policy: What a missing answer counts as.
        rules: What else is declared.
    """
    column, answered = part.column(policy), part.column(MissingPolicy.EXCLUDE_CASE)
    numbers, reason = None, None
    if not part.in_macro:
        reason = Reason.TOO_FEW_PATIENTS
    elif column is None or answered is None:
        reason = Reason.MISSING_ANSWERS
    else:
        youden = youden_level(column.counts)
        calibrated = rules.calibration_threshold
        measured = calibration(answered, part.cases.n, bins=rules.bins, seed=rules.seed, simulations=rules.simulations)
        numbers = FindingNumbers(
            partial_auc=partial_auc(column, *rules.fpr_range),
            declared=confusion_at(column, part.threshold),
            calibrated=None if calibrated is None else confusion_at(column, calibrated, ThresholdSource.CALIBRATION),
            youden=None if youden is None else confusion_at(column, youden, ThresholdSource.POST_HOC_YOUDEN),
            calibration=measured,
            this_set=scores_of_set(column, part.threshold, error=measured.error),
            population=scores_at_prevalence(
                column,
                answered,
                part.threshold,
                rules.prevalence,
                enriched_by_difficulty=rules.enriched_by_difficulty,
                bins=rules.bins,
                seed=rules.seed,
                simulations=rules.simulations,
            ),
            population_calibrated=None
            if calibrated is None
            else predictive_values(
                column, calibrated, rules.prevalence, enriched_by_difficulty=rules.enriched_by_difficulty
            ),
        )
    return FindingDetails(
        finding=part.finding,
        n=part.cases.n,
        n_positive=int(part.cases.positive.sum()),
        n_missing=part.n_missing,
        numbers=numbers,
        reason=reason,
    )
