"""Any pathology: a case's highest answer over all findings, against whether any finding is positive.

A case is positive if one of its findings is, whatever the others; negative if all findings are known and negative;
else unknown, and left out for every entry alike. All declared findings count, the rare ones too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from arena.scoring.confusion import Confusion, ThresholdSource, confusion_at_code
from arena.scoring.estimates import Estimate, Method, Reason, absent
from arena.scoring.influence import Column, column_auc, column_variance, make_cases
from arena.scoring.inputs import NEGATIVE, POSITIVE, FindingCases, ScoringInputs
from arena.scoring.intervals import auc_estimate
from arena.scoring.levels import MISSING_LEVEL, TOP_LEVEL
from arena.scoring.linearised import empty_class

CODE: Final = "any_pathology"
_MIDDLE: Final = TOP_LEVEL // 2


@dataclass(frozen=True, slots=True, kw_only=True)
class AnyPathology:
    """Numbers of the question whether a case has any finding.

    Attributes:
        n: Cases for which that is known.
        n_positive: How many of them have one.
        n_unknown: Cases left out: no finding positive, one at least unknown.
        n_missing: Of the n, those without a usable answer.
        auc: Of the highest answer, under the declared missing policy.
        declared: Counts and numbers where a case is called if one of its findings reaches that finding's declared
            threshold.
        reason: Why there is no number: `too_few_patients`, or `missing_answers` under `fail_entry`.
    """

    n: int
    n_positive: int
    n_unknown: int
    n_missing: int
    auc: Estimate
    declared: Confusion | None
    reason: Reason | None = None


def any_pathology(inputs: ScoringInputs) -> AnyPathology:
    """Return AUC and operating point of the question whether a case has any finding, under the declared policy.

    Held to `min_per_class` patients of each class as a finding is.

    Args:
        inputs: One evaluation.
    """
    positive = (inputs.labels == POSITIVE).any(axis=1)
    known = positive | (inputs.labels == NEGATIVE).all(axis=1)
    cases = make_cases(positive[known], inputs.patients[known], inputs.n_patients)
    levels = inputs.levels[known]
    called = (levels >= np.asarray(inputs.thresholds, dtype=np.int32)).any(axis=1)
    answered = levels[:, 0] != MISSING_LEVEL
    enough = min(cases.patients_positive, cases.patients_negative) >= inputs.min_per_class
    # A missing answer that counts as 0.5 for each finding is called where one of the thresholds is 0.5 or lower.
    threshold = _MIDDLE if min(inputs.thresholds) <= _MIDDLE else _MIDDLE + 1
    calls = np.where(answered, np.where(called, TOP_LEVEL, 0), MISSING_LEVEL).astype(np.int32)
    scored = FindingCases(CODE, threshold, cases, levels.max(axis=1), enough).column(inputs.missing)
    decided = FindingCases(CODE, threshold, cases, calls, enough).column(inputs.missing)
    reason = None if enough else Reason.TOO_FEW_PATIENTS
    if scored is None or decided is None:
        reason = reason or Reason.MISSING_ANSWERS
    n, positives = cases.n, int(np.count_nonzero(cases.positive))
    return AnyPathology(
        n=n,
        n_positive=positives,
        n_unknown=inputs.n_cases - n,
        n_missing=int(np.count_nonzero(~answered)),
        auc=_auc(scored, reason, n, positives),
        declared=_at_declared(decided, threshold, reason),
        reason=reason,
    )


def _at_declared(decided: Column | None, threshold: int, reason: Reason | None) -> Confusion | None:
    if decided is None or reason is not None:
        return None
    return confusion_at_code(decided, threshold + 1, None, ThresholdSource.DECLARED)


def _auc(column: Column | None, reason: Reason | None, n: int, positives: int) -> Estimate:
    method = Method.AUC_LOGIT_T
    if column is None or reason is not None:
        return absent(reason or Reason.MISSING_ANSWERS, n=n, n_positive=positives, method=method)
    found = column_auc(column)
    if found is None:
        empty = empty_class(column) or Reason.NO_CASE
        return absent(empty, n=column.cases.n, n_positive=column.counts.positives, method=method)
    return auc_estimate(
        found.auc.exact,
        None if found.table is None else column_variance(column, found.table),
        patients_positive=column.cases.patients_positive,
        patients_negative=column.cases.patients_negative,
        n=column.cases.n,
        n_positive=column.counts.positives,
    )
