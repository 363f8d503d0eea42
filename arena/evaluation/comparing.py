"""What the scoring child tells of a closed phase's entries beside their ranks.

Other orders (policies for missing answers, schemes), stability over resampled patients, paired calls at thresholds,
readers as context. None of it moves a rank.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from itertools import combinations
from typing import Final

import numpy as np
from numpy.typing import NDArray

from arena.challenge.clinical import ReadersTable
from arena.challenge.readers import reader_values
from arena.challenge.schema import Ranking
from arena.evaluation.counting import macro_cases
from arena.ranking.adjustment import Adjustment
from arena.ranking.calls import compare_calls
from arena.ranking.floors import Unranked
from arena.ranking.limits import joined_limits
from arena.ranking.schemes import PolicyRanking, Scheme, kendall_tau, places, policy_sensitivity, scheme_places
from arena.ranking.stability import QUANTILES, rank_stability
from arena.scoring.estimates import Interval, Method, Reason
from arena.scoring.evaluate import entry_influence
from arena.scoring.influence import Cases, Column, Influence, column_auc
from arena.scoring.inputs import FindingCases, ScoringInputs, split_findings
from arena.scoring.levels import MISSING_LEVEL, TOP_LEVEL
from arena.scoring.missing import MissingPolicy
from arena.scoring.proportions import design_effect, wilson_interval
from arena.scoring.reader_shares import share_estimate
from arena.scoring.resampling import ResamplingRefusedError, plan_resamples, resampled_macros
from arena.store import contests, numbers

RESAMPLES: Final = 1_000
"""Resampled contests under the stability of ranks."""

ALL_CALLS_UP_TO: Final = 12
"""With more ranked entries than these, calls are compared with the entry of highest score only."""

_POLICIES: Final = (MissingPolicy.WORST, MissingPolicy.HALF, MissingPolicy.EXCLUDE_CASE)
REDRAWN_TOO_OFTEN: Final = "redrawn_too_often"


@dataclass(frozen=True, slots=True)
class Contender:
    """A ranked entry: its code and everything that is compared."""

    code: str
    inputs: ScoringInputs
    parts: tuple[FindingCases, ...]
    columns: tuple[Column, ...]
    scores: tuple[Fraction, ...]

    @property
    def macro(self) -> Fraction:
        """The exact score that ranks."""
        return sum(self.scores, Fraction(0)) / len(self.scores)


def contender(code: str, inputs: ScoringInputs) -> Contender:
    """Prepare an entry that has a score under the declared policy."""
    parts = tuple(part for part in split_findings(inputs) if part.in_macro)
    columns = tuple(column for part in parts if (column := part.column(inputs.missing)) is not None)
    scores = tuple(auc.auc.exact for column in columns if (auc := column_auc(column)) is not None)
    return Contender(code, inputs, parts, columns, scores)


def by_policies(
    inputs: Sequence[ScoringInputs],
    influences: Sequence[Influence],
    unranked: Sequence[Unranked | None],
    rules: Ranking,
    seed: int,
) -> tuple[PolicyRanking, ...]:
    """Rank all entries under each policy for missing answers, the declared one first.

    Where no entry lacks an answer the policies cannot differ, and one ranking stands for all.
    """
    declared = inputs[0].missing
    policies = dict.fromkeys((declared, *_POLICIES))
    whole = not any((one.levels == MISSING_LEVEL).any() for one in inputs)

    def under(policy: MissingPolicy) -> Sequence[Influence]:
        if whole or policy is declared:
            return influences
        return [entry_influence(replace(one, missing=policy)) for one in inputs]

    asked = (declared,) if whole else tuple(policies)
    found = policy_sensitivity(
        {policy.value: under(policy) for policy in asked},
        declared=declared.value,
        alpha=rules.alpha,
        adjustment=Adjustment(rules.adjustment),
        seed=seed,
        unranked=unranked,
    )
    if whole:
        found = tuple(replace(found[0], policy=policy.value) for policy in policies)
    return found


def by_schemes(entries: Sequence[Contender]) -> tuple[contests.SchemeRanking, ...]:
    """Order the ranked entries under each scheme of joining findings."""
    published = [place for place in places([entry.macro for entry in entries]) if place is not None]
    found = []
    for scheme in Scheme:
        order = scheme_places([entry.scores for entry in entries], scheme)
        found.append(
            contests.SchemeRanking(
                scheme=scheme.value,
                tau=kendall_tau(published, order) if len(entries) > 1 else None,
                entries=tuple(
                    contests.SchemePlace(submission=entry.code, place=place)
                    for entry, place in zip(entries, order, strict=True)
                ),
            )
        )
    return tuple(found)


def stability(entries: Sequence[Contender], seed: int, resamples: int = RESAMPLES) -> contests.Stability:
    """Rank the entries again over resampled patients, the same draws for all; refused where a class is too rare."""
    quantiles_at = tuple(float(share) for share in QUANTILES)
    counts = asdict(macro_cases([entries[0].inputs]).counts())
    try:
        plan = plan_resamples(_references(entries), seed, resamples)
    except ResamplingRefusedError:
        return contests.Stability(
            resamples=0,
            redrawn=0,
            quantiles_at=quantiles_at,
            tau_mean=None,
            tau_quantiles=(),
            entries=(),
            reason=REDRAWN_TOO_OFTEN,
            **counts,
        )
    scores = resampled_macros([entry.columns for entry in entries], plan)
    found = rank_stability(scores, [entry.macro for entry in entries])
    return contests.Stability(
        resamples=found.resamples,
        redrawn=plan.redrawn,
        quantiles_at=quantiles_at,
        tau_mean=found.tau_mean,
        tau_quantiles=found.tau_quantiles,
        entries=tuple(
            contests.EntryStability(
                submission=entry.code,
                share_first=each.share_first,
                rank_counts=each.rank_counts,
                quantiles=each.quantiles,
            )
            for entry, each in zip(entries, found.entries, strict=True)
        ),
        **counts,
    )


def _references(entries: Sequence[Contender]) -> list[Cases]:
    """Return the cases that must keep both classes: where cases are excluded, each entry's own."""
    if entries[0].inputs.missing is MissingPolicy.EXCLUDE_CASE:
        return [column.cases for entry in entries for column in entry.columns]
    return [part.cases for part in entries[0].parts]


def paired_calls(entries: Sequence[Contender]) -> tuple[str, tuple[contests.PairedCalls, ...]]:
    """Compare sensitivity and specificity at the declared thresholds: every two entries, or each with the first."""
    if len(entries) <= ALL_CALLS_UP_TO:
        against, pairs = "all", list(combinations(entries, 2))
    else:
        first = min(entries, key=lambda entry: (-entry.macro, entry.code))
        against, pairs = "first", [(first, entry) for entry in entries if entry is not first]
    found = [
        compared
        for one, other in pairs
        for mine, theirs in zip(one.parts, other.parts, strict=True)
        for of in ("sensitivity", "specificity")
        if (compared := _compare(one, other, mine, theirs, of)) is not None
    ]
    return against, tuple(found)


def _compare(
    one: Contender, other: Contender, mine: FindingCases, theirs: FindingCases, of: str
) -> contests.PairedCalls | None:
    policy = one.inputs.missing
    wanted = mine.cases.positive if of == "sensitivity" else ~mine.cases.positive
    right_a, right_b = _right(mine, policy), _right(theirs, policy)
    if policy is MissingPolicy.EXCLUDE_CASE:
        wanted = wanted & (mine.levels != MISSING_LEVEL) & (theirs.levels != MISSING_LEVEL)
    right_a, right_b, patients = right_a[wanted], right_b[wanted], mine.cases.patients[wanted]
    found = compare_calls(right_a, right_b, patients)
    if found is None:
        return None
    shares = [float(np.count_nonzero(right)) / found.n for right in (right_a, right_b)]
    limits = [_limits(right, share, patients) for right, share in zip((right_a, right_b), shares, strict=True)]
    joined = joined_limits(shares[0], limits[0], shares[1], limits[1], found.correlation)
    return contests.PairedCalls(
        a=one.code,
        b=other.code,
        finding=mine.finding,
        of=of,
        difference=found.difference,
        standard_error=found.standard_error,
        low=joined.low,
        high=joined.high,
        n=found.n,
        patients=found.patients,
        only_a=found.only_a,
        only_b=found.only_b,
        p=found.p,
        interval=Method.MOVER_WILSON.value,
        test=found.test.value,
    )


def _limits(right: NDArray[np.bool_], share: float, patients: NDArray[np.int64]) -> Interval:
    return wilson_interval(share, right.size / design_effect(right.astype(np.float64), patients))


def _right(part: FindingCases, policy: MissingPolicy) -> NDArray[np.bool_]:
    """Return which cases of a finding are called rightly; a missing answer is an error, or under `half` 0.5."""
    answered = part.levels != MISSING_LEVEL
    if policy is MissingPolicy.HALF:
        called = np.where(answered, part.levels, TOP_LEVEL // 2) >= part.threshold
        return np.asarray(called == part.cases.positive, dtype=np.bool_)
    return np.asarray(answered & ((part.levels >= part.threshold) == part.cases.positive), dtype=np.bool_)


def readers(table: ReadersTable | None) -> contests.Readers | None:
    """Return the organiser's readers with intervals, as the board shows them."""
    if table is None:
        return None
    points, curves = reader_values(table)
    return contests.Readers(
        points=tuple(
            contests.ReaderPoint(
                finding=point.finding,
                label=point.label,
                readers=point.readers,
                sensitivity=numbers.Estimate.model_validate(
                    share_estimate(point.sensitivity, readers=point.readers, positive=True)
                ),
                specificity=numbers.Estimate.model_validate(
                    share_estimate(point.specificity, readers=point.readers, positive=False)
                ),
                source=point.source,
            )
            for point in points
        ),
        curves=tuple(
            contests.ReaderCurve(
                finding=curve.finding,
                label=curve.label,
                readers=curve.readers,
                points=tuple((float(fpr), float(tpr)) for fpr, tpr in curve.points),
                auc=numbers.Estimate(value=float(curve.auc), n=None, method="trapezoid", reason=Reason.NO_COUNTS.value),
                source=curve.source,
            )
            for curve in curves
        ),
    )
