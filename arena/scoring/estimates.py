"""The form of every published number: value, interval, counts and method, or the reason of its absence."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import Final

LEVEL: Final = 0.95
"""Coverage that every interval is computed for."""

TAIL: Final = 0.025
"""Share of trials in which each end of such an interval errs."""

Z_95: Final = 1.959963984540054
"""The 97.5 % point of the standard normal distribution."""


class Method(StrEnum):
    """How an estimate and its interval were computed; each is defined in docs/statistics.md."""

    AUC_LOGIT_T = "auc_logit_t"
    AUC_NEWCOMBE_5 = "auc_newcombe_5"
    WILSON_DESIGN_EFFECT = "wilson_design_effect"
    MEAN_LOGIT_T = "mean_logit_t"
    CLASS_MEANS_LOGIT_T = "class_means_logit_t"
    PARTIAL_AUC_LOGIT_T = "partial_auc_logit_t"
    AVERAGE_PRECISION_LOGIT_T = "average_precision_logit_t"
    F1_WILSON_DESIGN_EFFECT = "f1_wilson_design_effect"
    MCC_FISHER_T = "mcc_fisher_t"
    CLOPPER_PEARSON_PATIENTS = "clopper_pearson_patients"
    MOVER_WILSON = "mover_wilson"
    MOVER_LOGIT_T = "mover_logit_t"
    LOGISTIC_SANDWICH_T = "logistic_sandwich_t"
    BINNED_GAP = "binned_gap"
    CLOPPER_PEARSON_UPPER = "clopper_pearson_upper"
    CLOPPER_PEARSON = "clopper_pearson"


class Reason(StrEnum):
    """Why a value, or only its interval, is absent."""

    TOO_FEW_PATIENTS = "too_few_patients"
    MISSING_ANSWERS = "missing_answers"
    NO_POSITIVE = "no_positive"
    NO_NEGATIVE = "no_negative"
    NO_CASE = "no_case"
    ONE_PATIENT = "one_patient"
    NO_VARIANCE = "no_variance"
    NO_MACRO_FINDING = "no_macro_finding"
    FINDING_UNDEFINED = "finding_undefined"
    ALL_CALLED_ALIKE = "all_called_alike"
    POST_HOC = "post_hoc"
    CONSTANT_ANSWERS = "constant_answers"
    SEPARATED = "separated"
    NOT_CONVERGED = "not_converged"
    NULL_BESIDE = "null_beside"
    ENRICHED_BY_DIFFICULTY = "enriched_by_difficulty"
    TOO_FEW_NEGATIVES = "too_few_negatives"
    NO_PREVALENCE = "no_prevalence"
    SHARED_PATIENTS = "shared_patients"
    NO_LEVEL = "no_level"
    SUPPRESSED = "suppressed"
    SEVERAL_READERS = "several_readers"
    NO_COUNTS = "no_counts"


@dataclass(frozen=True, slots=True)
class Interval:
    """Two-sided 95 % limits, both within the range of what they are limits of."""

    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """One number.

    `exact` is the rational that `value` is the nearest float of; equal scores are compared by it. Where the number is
    no ratio of counts (a root, an average of many ratios, the end of an iteration) it is the float itself, written as a
    rational. `n` is the number of cases in the denominator and `n_positive` how many of them have the finding by the
    reference (None where several findings are averaged). `n` is None where it is not known or must not be told, and 0
    only where no case is counted. `value` None has a `reason`; a value without limits has one too.
    """

    n: int | None
    method: Method
    n_positive: int | None = None
    exact: Fraction | None = None
    low: float | None = None
    high: float | None = None
    standard_error: float | None = None
    reason: Reason | None = None

    @property
    def value(self) -> float | None:
        """The estimate as a float, correctly rounded from the exact rational."""
        return None if self.exact is None else float(self.exact)


def iterated(value: float) -> float:
    """Round the end of an iteration to 8 significant digits, which no rounding error inside it reaches."""
    return float(f"{value:.8g}")


def absent(reason: Reason, *, n: int | None, method: Method, n_positive: int | None = None) -> Estimate:
    """Return an estimate that has a reason and no value, and the counts that may be told."""
    return Estimate(n=n, n_positive=n_positive, method=method, reason=reason)
