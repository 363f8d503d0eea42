"""How the order of entries moves when patients are drawn again: the stability of ranks, and no confidence.

The quantiles of resampled ranks are no confidence limits: of ten equal entries they hold all true ranks in about 1 % of
contests, because the entry that happened to lead leads again in most resamples of the same patients. The rank set of
`arena.ranking.ranks` is what covers. The picture follows Wiesenfarth et al. 2021, Scientific Reports 11:2369.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray

from arena.ranking.schemes import pair_signs, tau_of_signs

QUANTILES: Final = (Fraction(1, 40), Fraction(1, 4), Fraction(1, 2), Fraction(3, 4), Fraction(39, 40))
"""Of the ranks over resamples; each is the smallest rank that at least this share of resamples does not exceed."""

_GRAIN: Final = 40
"""Mean AUCs of a resample are rounded to multiples of 2⁻⁴⁰: equal ones tie, whatever order they were added in."""

_SLAB: Final = 64
"""Resamples counted at once: what one entry needs of them stays in the processor's cache."""


@dataclass(frozen=True, slots=True)
class FindingCodes:
    """The scored cases of one entry for one finding.

    Attributes:
        codes: Integers in the order of the scores, shape (c,).
        positive: Whether each case's reference is positive, shape (c,).
        patients: Patient code of each case, 0…I − 1, shape (c,).
    """

    codes: NDArray[np.int64]
    positive: NDArray[np.bool_]
    patients: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Prepared:
    """Patients of positives, and of negatives in the order of their codes; where each positive stands among these."""

    positive_patients: NDArray[np.int64]
    negative_patients: NDArray[np.int64]
    below: NDArray[np.int64]
    upto: NDArray[np.int64]


def _prepare(finding: FindingCodes) -> _Prepared:
    negative_codes = finding.codes[~finding.positive]
    order = np.argsort(negative_codes, kind="stable")
    standing, positive_codes = negative_codes[order], finding.codes[finding.positive]
    return _Prepared(
        positive_patients=finding.patients[finding.positive],
        negative_patients=finding.patients[~finding.positive][order],
        below=np.searchsorted(standing, positive_codes, side="left"),
        upto=np.searchsorted(standing, positive_codes, side="right"),
    )


def resampled_scores(
    entries: Sequence[Sequence[FindingCodes]], blocks: Iterable[NDArray[np.int32]]
) -> NDArray[np.float64]:
    """Return the macro AUC of every entry in every resample of patients.

    In a resample a case counts as often as its patient was drawn; 2U is counted in integers and divided once for each
    finding.

    Args:
        entries: For each entry its macro findings, all entries on the same patients.
        blocks: How often each patient is drawn, arrays of shape (resamples of the block, I) whose rows follow each
            other; the same for all entries. From `arena.scoring.resampling`, which draws a resample again that lacks a
            class.

    Returns:
        Shape (R, E), in [0, 1].

    Raises:
        ValueError: A resample lacks a class of a finding.
    """
    prepared = [[_prepare(finding) for finding in findings] for findings in entries]
    found = []
    for slab in (block[start : start + _SLAB] for block in blocks for start in range(0, len(block), _SLAB)):
        by_patient = np.ascontiguousarray(slab.T)
        scores = np.empty((slab.shape[0], len(prepared)))
        for place, findings in enumerate(prepared):
            total = np.zeros(slab.shape[0])
            for finding in findings:
                total += _weighted_auc(finding, by_patient)
            scores[:, place] = np.rint(np.ldexp(total / len(findings), _GRAIN))
        found.append(np.ldexp(scores, -_GRAIN))
    return np.concatenate(found)


def _weighted_auc(finding: _Prepared, by_patient: NDArray[np.int32]) -> NDArray[np.float64]:
    """Return 2U / 2mn of each resample: Σ over positives of weight · (negatives below + negatives not above)."""
    drawn = by_patient[finding.positive_patients]
    cases = len(finding.positive_patients) + len(finding.negative_patients)
    # 2U is at most 2mn, half the square of all drawn cases: below 2³¹ while these are fewer than 2¹⁶.
    count = np.int32 if cases * int(by_patient.max()) < 1 << 16 else np.int64
    negatives = np.zeros((len(finding.negative_patients) + 1, by_patient.shape[1]), count)
    np.cumsum(by_patient[finding.negative_patients], axis=0, out=negatives[1:])
    doubled = negatives[finding.below]
    doubled += negatives[finding.upto]
    m, n = drawn.sum(axis=0, dtype=np.int64), negatives[-1].astype(np.int64)
    if not (m.all() and n.all()):
        msg = "a resample lacks a class of a finding"
        raise ValueError(msg)
    two_u = np.einsum("pr,pr->r", drawn.astype(count, copy=False), doubled)
    return np.asarray(two_u / (2 * m * n), dtype=np.float64)


@dataclass(frozen=True, slots=True)
class EntryStability:
    """One entry over the resamples.

    Attributes:
        share_first: Share of resamples in which no entry scored higher; equal leaders count each.
        rank_counts: In how many resamples the entry held rank 1, 2, … E.
        quantiles: Ranks at `QUANTILES`.
    """

    share_first: float
    rank_counts: tuple[int, ...]
    quantiles: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Stability:
    """All entries over the resamples, and how the resampled orders agree with the published one.

    Attributes:
        resamples: R.
        entries: In the order given.
        tau_mean: Mean of Kendall's τ-b between each resample's order and the published scores; None with one entry, or
            where either ties throughout in every resample.
        tau_quantiles: τ-b at `QUANTILES`; empty where `tau_mean` is None.
    """

    resamples: int
    entries: tuple[EntryStability, ...]
    tau_mean: float | None
    tau_quantiles: tuple[float, ...]


def rank_stability(scores: NDArray[np.float64], published: Sequence[Fraction]) -> Stability:
    """Rank the entries in each resample by score alone, 1 + the number of higher scores, and sum up.

    Args:
        scores: From `resampled_scores`, shape (R, E), R and E at least 1.
        published: The exact scores of the same entries on all patients.
    """
    resamples, n_entries = scores.shape
    counts = np.zeros((n_entries, n_entries), dtype=np.int64)
    level = {score: place for place, score in enumerate(sorted(set(published)))}
    reference = pair_signs(np.array([level[score] for score in published], dtype=np.int64))
    taus = []
    every = np.arange(n_entries)
    for row in scores:
        ranks = n_entries - np.searchsorted(np.sort(row), row, side="right")
        counts[every, ranks] += 1
        tau = tau_of_signs(pair_signs(row), reference)
        if tau is not None:
            taus.append(tau)
    taus.sort()
    return Stability(
        resamples=resamples,
        entries=tuple(
            EntryStability(
                share_first=int(row[0]) / resamples,
                rank_counts=tuple(row.tolist()),
                quantiles=tuple(int(np.searchsorted(np.cumsum(row), _rank_of(q, resamples))) + 1 for q in QUANTILES),
            )
            for row in counts
        ),
        tau_mean=float(np.mean(taus)) if taus else None,
        tau_quantiles=tuple(taus[_rank_of(q, len(taus)) - 1] for q in QUANTILES) if taus else (),
    )


def _rank_of(share: Fraction, n: int) -> int:
    """Return the smallest number of n that is at least this share of them, 1 or more."""
    return max(1, -(-share.numerator * n // share.denominator))
