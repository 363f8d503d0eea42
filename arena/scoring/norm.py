"""Autonomous sorting of norms: what is released without a doctor, and what is missed by it.

*Norm* means no finding of the whole list; *abnormal*, at least one. A study is sorted as norm when every finding's
level lies below its threshold; a study without an answer goes to the doctor. The unit of every share of misses is
the patient: an abnormal patient holds an abnormal study, and is missed when one of these is sorted as norm. So
studies of one patient do not count as independent evidence, and the limits are exact (Clopper and Pearson 1934).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray

from arena.scoring.binomial import lower_limit, upper_limit
from arena.scoring.declared import NormLimits
from arena.scoring.estimates import Estimate, Method, Reason, absent, iterated
from arena.scoring.levels import MISSING_LEVEL, TOP_LEVEL
from arena.scoring.proportions import design_effect, wilson_interval
from arena.scoring.verdict import Verdict

GRID: Final = 100
TO_DOCTOR: Final = TOP_LEVEL + 1
"""Score of a study without an answer: below no threshold."""


@dataclass(frozen=True, slots=True)
class NormCases:
    """The studies whose state is known: one finding positive, or all negative.

    Attributes:
        abnormal: Whether a finding is positive, shape (c,).
        scores: Highest level over the findings, 0…10,000; `TO_DOCTOR` without an answer; shape (c,).
        released: Whether the study is sorted as norm at the declared thresholds, shape (c,).
        patients: Patient code of each study, shape (c,).
    """

    abnormal: NDArray[np.bool_]
    scores: NDArray[np.int64]
    released: NDArray[np.bool_]
    patients: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class NormCurve:
    """Studies sorted as norm against patients missed, over a common threshold on the highest level; equal lengths.

    A point is the highest threshold that sorts no more than 0, 1, … 100 % of studies; equal ones stand once.
    `missed_high` is the one-sided 95 % limit at that point taken alone: a threshold chosen on the curve has no such
    limit.
    """

    threshold: tuple[int, ...]
    sorted_share: tuple[float, ...]
    missed: tuple[float, ...]
    missed_high: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NormScores:
    """What sorting would do. The three estimates of misses have `low` 0 and `high` their one-sided 95 % limit.

    Attributes:
        n: Studies whose state is known.
        n_abnormal: Abnormal ones of them.
        n_sorted: Studies sorted as norm.
        n_missed: Abnormal studies sorted as norm.
        n_unanswered: Studies that went to the doctor for want of an answer.
        sorted_share: Studies sorted as norm, of all; two-sided 95 % limits.
        missed_of_abnormal: Patients missed, of abnormal patients.
        missed_of_sorted: Patients missed, of patients with a study sorted as norm.
        missed_of_incoming: Patients missed, of all that come at the declared prevalence.
        verdict: Against the declared limits; None where none is declared.
        verdicts: The verdict on each declared limit by its name.
        curve: None where there is no abnormal patient.
    """

    n: int
    n_abnormal: int
    n_sorted: int
    n_missed: int
    n_unanswered: int
    sorted_share: Estimate
    missed_of_abnormal: Estimate
    missed_of_sorted: Estimate
    missed_of_incoming: Estimate
    verdict: Verdict | None
    verdicts: dict[str, Verdict]
    curve: NormCurve | None

    @property
    def missed_per_1000(self) -> tuple[float, float] | None:
        """Patients missed per 1,000 incoming, and the limit of that."""
        found = self.missed_of_incoming
        return None if found.value is None or found.high is None else (1000 * found.value, 1000 * found.high)


@dataclass(frozen=True, slots=True)
class _Misses:
    """Counts of patients."""

    abnormal: int
    missed: int
    released: int


def norm_cases(
    levels: NDArray[np.int32], labels: NDArray[np.int8], patients: NDArray[np.int64], thresholds: Sequence[int]
) -> NormCases:
    """Take the studies whose state is known and say which are sorted as norm.

    Args:
        levels: Level of each answer, −1 in the whole row of a study without one, shape (n, K).
        labels: 1 positive, 0 negative, −1 unknown, shape (n, K), K being the whole list of findings.
        patients: Patient code of each study, shape (n,).
        thresholds: Level of each finding, K of them; a study with any finding at or above it goes to the doctor.
    """
    abnormal = (labels == 1).any(axis=1)
    known = abnormal | (labels == 0).all(axis=1)
    answered = (levels != MISSING_LEVEL).all(axis=1)
    scores = np.where(answered, levels.max(axis=1).astype(np.int64), TO_DOCTOR)
    released = answered & (levels < np.asarray(thresholds)).all(axis=1)
    return NormCases(abnormal[known], scores[known], released[known], patients[known])


def norm_scores(cases: NormCases, limits: NormLimits, *, enriched_by_difficulty: bool = False) -> NormScores:
    """Return shares, limits, verdict and curve; see `NormScores`.

    Args:
        cases: The studies whose state is known.
        limits: What the challenge declares.
        enriched_by_difficulty: Whether hard cases were sought: then no share carries over to those who come, so a limit
            on what is missed of them is undecided.
    """
    counts = _misses(cases)
    of_abnormal = _share(counts.missed, counts.abnormal, counts.abnormal, Reason.NO_POSITIVE)
    of_sorted = _share(counts.missed, counts.released, counts.missed, Reason.NO_CASE)
    verdicts = _verdicts(counts, limits, enriched_by_difficulty=enriched_by_difficulty)
    return NormScores(
        n=cases.abnormal.size,
        n_abnormal=int(np.count_nonzero(cases.abnormal)),
        n_sorted=int(np.count_nonzero(cases.released)),
        n_missed=int(np.count_nonzero(cases.released & cases.abnormal)),
        n_unanswered=int(np.count_nonzero(cases.scores == TO_DOCTOR)),
        sorted_share=_sorted_share(cases),
        missed_of_abnormal=of_abnormal,
        missed_of_sorted=of_sorted,
        missed_of_incoming=_incoming(of_abnormal, limits.prevalence, enriched_by_difficulty=enriched_by_difficulty),
        verdict=_joined(list(verdicts.values())) if verdicts else None,
        verdicts=verdicts,
        curve=norm_curve(cases),
    )


def norm_curve(cases: NormCases) -> NormCurve | None:
    """Return the curve of a service; None without an abnormal patient."""
    if not cases.abnormal.any():
        return None
    ordered = np.sort(cases.scores)
    n = ordered.size
    # A threshold sorts what lies below it, so with the score at place g · n it sorts no more than g · n studies.
    places = [(share * n) // GRID for share in range(GRID + 1)]
    thresholds = np.unique([min(int(ordered[p]), TO_DOCTOR) if p < n else TO_DOCTOR for p in places])
    lowest = np.sort(_lowest(cases.scores[cases.abnormal], cases.patients[cases.abnormal]))
    missed = np.searchsorted(lowest, thresholds, side="left").tolist()
    return NormCurve(
        threshold=tuple(int(t) for t in thresholds),
        sorted_share=tuple(int(count) / n for count in np.searchsorted(ordered, thresholds, side="left")),
        missed=tuple(count / lowest.size for count in missed),
        missed_high=tuple(iterated(upper_limit(count, lowest.size)) for count in missed),
    )


def _lowest(scores: NDArray[np.int64], patients: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the lowest score of each patient that holds one; below a threshold, a study of theirs is released."""
    lowest = np.full(int(patients.max()) + 1, TO_DOCTOR + 1, dtype=np.int64)
    np.minimum.at(lowest, patients, scores)
    return lowest[lowest <= TO_DOCTOR]


def _misses(cases: NormCases) -> _Misses:
    abnormal, released, patients = cases.abnormal, cases.released, cases.patients
    return _Misses(
        abnormal=np.unique(patients[abnormal]).size,
        missed=np.unique(patients[abnormal & released]).size,
        released=np.unique(patients[released]).size,
    )


def _share(hits: int, n: int, n_positive: int, reason: Reason) -> Estimate:
    method = Method.CLOPPER_PEARSON_UPPER
    if n == 0:
        return absent(reason, n=0, n_positive=0, method=method)
    return Estimate(
        n=n, n_positive=n_positive, exact=Fraction(hits, n), low=0.0, high=iterated(upper_limit(hits, n)), method=method
    )


def _sorted_share(cases: NormCases) -> Estimate:
    n, hits, method = cases.released.size, int(np.count_nonzero(cases.released)), Method.WILSON_DESIGN_EFFECT
    if n == 0:
        return absent(Reason.NO_CASE, n=0, n_positive=0, method=method)
    limits = wilson_interval(hits / n, n / design_effect(cases.released.astype(np.float64), cases.patients))
    positives = int(np.count_nonzero(cases.abnormal))
    return Estimate(n=n, n_positive=positives, exact=Fraction(hits, n), low=limits.low, high=limits.high, method=method)


def _incoming(of_abnormal: Estimate, prevalence: float | None, *, enriched_by_difficulty: bool) -> Estimate:
    """Return prevalence · missed of abnormal, with the limit multiplied alike."""
    if of_abnormal.exact is None or of_abnormal.high is None:
        return of_abnormal
    if prevalence is None or enriched_by_difficulty:
        reason = Reason.NO_PREVALENCE if prevalence is None else Reason.ENRICHED_BY_DIFFICULTY
        return absent(reason, n=of_abnormal.n, n_positive=of_abnormal.n_positive, method=of_abnormal.method)
    return Estimate(
        n=of_abnormal.n,
        n_positive=of_abnormal.n_positive,
        exact=Fraction(repr(prevalence)) * of_abnormal.exact,
        low=0.0,
        high=iterated(prevalence * of_abnormal.high),
        method=of_abnormal.method,
    )


def _verdicts(counts: _Misses, limits: NormLimits, *, enriched_by_difficulty: bool) -> dict[str, Verdict]:
    """Hold each declared limit against one-sided 95 % limits: passes below it, fails above it, else undecided."""
    found: dict[str, Verdict] = {}
    if limits.missed_of_abnormal is not None:
        found["missed_of_abnormal"] = _verdict(counts.missed, counts.abnormal, limits.missed_of_abnormal)
    if limits.missed_of_sorted is not None:
        found["missed_of_sorted"] = _verdict(counts.missed, counts.released, limits.missed_of_sorted)
    if limits.missed_of_incoming is not None:
        known = limits.prevalence is not None and not enriched_by_difficulty
        tolerated = limits.missed_of_incoming / limits.prevalence if known and limits.prevalence else None
        found["missed_of_incoming"] = _verdict(counts.missed, counts.abnormal, tolerated)
    return found


def _verdict(missed: int, n: int, tolerated: float | None) -> Verdict:
    if n == 0 or tolerated is None:
        return Verdict.UNDECIDED
    if upper_limit(missed, n) <= tolerated:
        return Verdict.PASSES
    return Verdict.FAILS if lower_limit(missed, n) > tolerated else Verdict.UNDECIDED


def _joined(verdicts: Sequence[Verdict]) -> Verdict:
    for verdict in (Verdict.FAILS, Verdict.UNDECIDED):
        if verdict in verdicts:
            return verdict
    return Verdict.PASSES
