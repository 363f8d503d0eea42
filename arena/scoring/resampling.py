"""Resampled contests: patients are drawn with replacement, and every entry meets the same draws.

The unit that is drawn is the patient, with all of his studies (Field and Welsh 2007, Journal of the Royal Statistical
Society B 69:369–390). A replicate depends on its seed and its number alone, so it can be computed by any thread, in any
order, and for any entry. Everything is counted in integers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.random import Philox
from numpy.typing import NDArray

from arena.scoring.auc import ClassCounts
from arena.scoring.influence import Cases, Column

MAX_REDRAWN: Final = 0.01
"""More than this share of resamples redrawn for want of a class, and the bootstrap is refused."""

_NEVER_ABSENT: Final = 64
"""A class that so many patients hold is absent from a resample with probability below e⁻⁶⁴: it is not looked for."""


class ResamplingRefusedError(ValueError):
    """Too many resamples lack a class of a finding: the case set is too small to be resampled."""


def resample_seed(case_set_digest: str, judging_digest: str) -> int:
    """Return the seed of all resamples of a case set under one set of rules, a number below 2¹²⁸.

    Entries do not enter into it, so all of them share their resamples and their order cannot matter.
    """
    named = f"arena resamples\n{case_set_digest}\n{judging_digest}\n".encode()
    return int.from_bytes(hashlib.sha256(named).digest()[:16], "big")


def patient_weights(seed: int, replicate: int, n_patients: int) -> NDArray[np.int32]:
    """Return how often each patient is drawn in one replicate.

    Args:
        seed: From `resample_seed`.
        replicate: Its number, 0 or more; each has a stream of its own.
        n_patients: Patients of the case set, I, below 2³¹.

    Returns:
        Integers of shape (I,) that sum to I: a draw of the multinomial distribution with I equal cells.
    """
    stream = Philox(key=seed, counter=replicate << 128)
    drawn = _scaled(stream.random_raw(n_patients), n_patients)
    return np.bincount(drawn, minlength=n_patients).astype(np.int32)


def _scaled(raw: NDArray[np.uint64], bound: int) -> NDArray[np.int64]:
    """Map 64 random bits to 0…bound − 1, the integer part of bits · bound / 2⁶⁴; no value is favoured by 2⁻³³."""
    high, low = raw >> np.uint64(32), raw & np.uint64(0xFFFFFFFF)
    product = high * np.uint64(bound) + ((low * np.uint64(bound)) >> np.uint64(32))
    return (product >> np.uint64(32)).astype(np.int64)


@dataclass(frozen=True, slots=True)
class ResamplePlan:
    """Which replicates are used; the same for every entry of a case set.

    Attributes:
        seed: From `resample_seed`.
        n_patients: Patients of the case set, I.
        replicates: The numbers of the replicates, rising; those left out lacked a class and were redrawn.
        redrawn: How many were left out.
    """

    seed: int
    n_patients: int
    replicates: tuple[int, ...]
    redrawn: int

    @property
    def redrawn_share(self) -> float:
        """Share of all drawn replicates that were redrawn."""
        return self.redrawn / (len(self.replicates) + self.redrawn)


def plan_resamples(findings: Sequence[Cases], seed: int, count: int) -> ResamplePlan:
    """Choose the first `count` replicates in which each finding keeps both classes.

    Args:
        findings: References of the macro findings. Only references decide, so the plan is the same for all entries.
        seed: From `resample_seed`.
        count: Replicates wanted, 1 or more.

    Raises:
        ResamplingRefusedError: More than 1 % had to be redrawn.
    """
    n_patients = findings[0].n_patients
    rare = [holders for cases in findings for holders in _rare_holders(cases)]
    if not rare:
        return ResamplePlan(seed, n_patients, tuple(range(count)), 0)
    chosen: list[int] = []
    replicate = 0
    while len(chosen) < count:
        weights = patient_weights(seed, replicate, n_patients)
        if all(weights[holders].any() for holders in rare):
            chosen.append(replicate)
        replicate += 1
        if replicate - len(chosen) > MAX_REDRAWN * (count + replicate - len(chosen)):
            msg = f"more than {MAX_REDRAWN:.0%} of {count} resamples lack a class of a finding"
            raise ResamplingRefusedError(msg)
    return ResamplePlan(seed, n_patients, tuple(chosen), replicate - count)


def _rare_holders(cases: Cases) -> list[NDArray[np.int64]]:
    """Return the patients that hold each class which few patients hold."""
    held = [np.unique(cases.patients[cases.positive]), np.unique(cases.patients[~cases.positive])]
    return [patients for patients in held if patients.size < _NEVER_ABSENT]


def resampled_counts(columns: Sequence[Column], seed: int, count: int) -> Iterator[tuple[ClassCounts, ...]]:
    """Yield, replicate by replicate, the class counts per code of every finding; the same patients for all findings.

    Args:
        columns: The scored cases of each finding, codes as in `arena.scoring.missing`; their own cases make the plan.
        seed: From `resample_seed`.
        count: Replicates wanted.

    Raises:
        ResamplingRefusedError: More than 1 % had to be redrawn.
    """
    yield from planned_counts(columns, plan_resamples([column.cases for column in columns], seed, count))


def planned_counts(columns: Sequence[Column], plan: ResamplePlan) -> Iterator[tuple[ClassCounts, ...]]:
    """Yield the class counts of the replicates of a plan; see `resampled_counts`."""
    for replicate in plan.replicates:
        weights = patient_weights(plan.seed, replicate, plan.n_patients)
        yield tuple(_weighted_counts(column, weights) for column in columns)


def _weighted_counts(column: Column, weights: NDArray[np.int32]) -> ClassCounts:
    table = np.bincount(column.cells, weights=weights[column.cases.patients], minlength=2 * column.size)
    pairs = table.astype(np.int64).reshape(column.size, 2)
    return ClassCounts(positive=np.ascontiguousarray(pairs[:, 1]), negative=np.ascontiguousarray(pairs[:, 0]))
