"""Resampled contests: patients are drawn with replacement, and every entry meets the same draws.

The unit that is drawn is the patient, with all of his studies (Field and Welsh 2007, Journal of the Royal Statistical
Society B 69:369–390). A replicate depends on its seed and its number alone, so it can be computed by any thread, in any
order, and for any entry. Everything is counted in integers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from decimal import Context, Decimal, localcontext
from functools import lru_cache
from itertools import islice
from typing import Any, Final

import numpy as np
from numpy.random import Philox
from numpy.typing import NDArray

from arena.scoring.influence import Cases, Column
from arena.scoring.lanes import LANES, LaneSums, Tally, lane_sums, make_tally, pack_lanes, room_bytes, weighted_cells
from arena.scoring.levels import TOP_LEVEL
from arena.scoring.missing import cell_losses

MAX_REDRAWN: Final = 0.01
"""More than this share of resamples redrawn for want of a class, and the bootstrap is refused."""

_NEVER_ABSENT: Final = 64
"""A class that so many patients hold is absent from a resample with probability below e⁻⁶⁴: it is not looked for."""

_FEW: Final = 1024
"""Below so many patients each draw is made singly."""

_POISSON_TERMS: Final = 40
"""Larger numbers have a probability below 10⁻⁴⁷, less than the last of 64 bits."""


_GRAIN: Final = 40
"""Mean AUCs of a resample are rounded to multiples of 2⁻⁴⁰: equal ones tie, whatever order they were added in."""


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
    weights = np.empty(n_patients, dtype=np.uint8)
    _draw(seed, replicate, weights, np.empty(n_patients, dtype=np.bool_))
    return weights.astype(np.int32)


def _draw(seed: int, replicate: int, weights: NDArray[np.uint8], flags: NDArray[np.bool_]) -> None:
    """Draw I patients with replacement and write how often each was drawn; `flags` is room for as many truths.

    Independent Poisson weights of a mean λ < 1 sum to some N and are, given N, a multinomial draw of N patients; the
    I − N missing ones are then drawn one by one. λ leaves N > I, on which all is drawn again, to a chance below 10⁻⁶.
    That is exact, and several times as fast as I single draws, whose random accesses it avoids. A patient cannot be
    drawn 256 times where I < 256, and elsewhere is not: that has a probability below 10⁻⁵⁰⁰.
    """
    stream = Philox(key=seed, counter=replicate << 128)
    n_patients = weights.size
    drawn = n_patients + 1
    if n_patients < _FEW:
        weights[:] = drawn = 0
    while drawn > n_patients:
        drawn = _poisson(stream, weights, flags)
    single = _scaled(stream.random_raw(n_patients - drawn), n_patients)
    np.add.at(weights, single, np.uint8(1))


def _poisson(stream: Philox, weights: NDArray[np.uint8], flags: NDArray[np.bool_]) -> int:
    """Fill `weights` with independent Poisson numbers and return their sum.

    One random byte decides where it can: each number k owns ⌊256 · P(k)⌋ bytes. The few bytes left over send to a
    second draw of 64 bits among what is left of the probabilities.
    """
    table = _poisson_table(weights.size)
    # Bytes in a fixed order, whatever the machine's own.
    raw = stream.random_raw(-(-weights.size // 8)).astype("<u8", copy=False).view(np.uint8)[: weights.size]
    np.greater_equal(raw, table.bytes_below[0], out=weights.view(np.bool_))
    total = int(np.count_nonzero(weights))
    for bound in table.bytes_below[1:-1]:
        np.greater_equal(raw, bound, out=flags)
        np.add(weights, flags.view(np.uint8), out=weights)
        total += int(np.count_nonzero(flags))
    open_ = np.flatnonzero(np.greater_equal(raw, table.bytes_below[-1], out=flags))
    decided = np.searchsorted(table.rest_below, stream.random_raw(open_.size), side="right")
    total += int(decided.sum()) - int(weights[open_].sum())
    weights[open_] = decided
    return total


@dataclass(frozen=True, slots=True)
class _PoissonTable:
    """How random bits become Poisson numbers.

    Attributes:
        bytes_below: Entry k is the number of byte values that mean k or less; a byte at or above the last is open.
        rest_below: The same for the second draw, of 2⁶⁴ values.
    """

    bytes_below: tuple[np.uint8, ...]
    rest_below: NDArray[np.uint64]


@lru_cache(maxsize=8)
def _poisson_table(n_patients: int) -> _PoissonTable:
    """Compute the table with mean λ = 1 − 5/√I, in decimal arithmetic, which is the same on every machine."""
    with localcontext(Context(prec=60)):
        mean = 1 - Decimal(5) / Decimal(n_patients).sqrt()
        probability = [(-mean).exp()]
        while len(probability) < _POISSON_TERMS:
            probability.append(probability[-1] * mean / len(probability))
        owned = [int(256 * p) for p in probability]
        below = [sum(owned[: k + 1]) for k in range(len(owned)) if owned[k]]
        rest = [256 * p - own for p, own in zip(probability, owned, strict=True)]
        scale = 2**64 / Decimal(256 - below[-1])
        rest_below = [min(int(sum(rest[: k + 1]) * scale), 2**64 - 1) for k in range(len(rest) - 1)]
    return _PoissonTable(tuple(np.uint8(b) for b in below), np.array(rest_below, dtype=np.uint64))


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
    held = ((cases.patients_positive, cases.positive), (cases.patients_negative, ~cases.positive))
    return [np.unique(cases.patients[of]) for count, of in held if count < _NEVER_ABSENT]


@dataclass(frozen=True, slots=True)
class ResampledScores:
    """What the scores of every replicate are divided from; exact integers of shape (K, replicates).

    A case's Brier loss is (level − 10,000 · class)², so `loss` is over 10⁸. Dividing is left to the properties; the
    plan's findings hold both classes in every replicate.
    """

    two_u: NDArray[np.int64]
    positives: NDArray[np.int64]
    negatives: NDArray[np.int64]
    true_positives: NDArray[np.int64]
    true_negatives: NDArray[np.int64]
    loss: NDArray[np.int64]

    @property
    def auc(self) -> NDArray[np.float64]:
        """AUC of each finding and replicate."""
        return _divided(self.two_u, 2 * self.positives * self.negatives)

    @property
    def macro_auc(self) -> NDArray[np.float64]:
        """Mean AUC over findings of each replicate, shape (replicates,); findings are added in their order."""
        total = np.zeros(self.two_u.shape[1])
        for auc in self.auc:
            total += auc
        total /= self.two_u.shape[0]
        return total

    @property
    def sensitivity(self) -> NDArray[np.float64]:
        """Sensitivity at the threshold."""
        return _divided(self.true_positives, self.positives)

    @property
    def specificity(self) -> NDArray[np.float64]:
        """Specificity at the threshold."""
        return _divided(self.true_negatives, self.negatives)

    @property
    def brier(self) -> NDArray[np.float64]:
        """Brier score."""
        return _divided(self.loss, (self.positives + self.negatives) * TOP_LEVEL**2)


def _divided(sums: NDArray[np.int64], by: NDArray[np.int64]) -> NDArray[np.float64]:
    """Divide integers below 2⁵³, so that each quotient is the nearest float to the exact one."""
    quotient: NDArray[np.float64] = np.true_divide(sums, by)
    return quotient


def resampled_scores(
    columns: Sequence[Column], threshold_codes: Sequence[int], plan: ResamplePlan, *, threads: int = 1
) -> ResampledScores:
    """Return AUC, sensitivity, specificity and Brier score of every finding under every replicate of a plan.

    Args:
        columns: The scored cases of each finding, whose codes are levels + 1 (`arena.scoring.missing`).
        threshold_codes: The code of each finding at or above which a case is called positive.
        plan: The replicates.
        threads: How many blocks of 64 replicates are computed at once; changes no bit of the result. Each needs about
            130 bytes per patient.
    """
    with ThreadPoolExecutor(threads) as pool:
        tallies = list(pool.map(make_tally, columns))
    losses = [cell_losses(column.size) for column in columns]
    starts = range(0, len(plan.replicates), LANES)

    def sums(thread: int) -> list[list[LaneSums]]:
        room = _Room(plan, tallies)
        return [
            [
                lane_sums(tally, cells, loss, code)
                for tally, cells, loss, code in zip(tallies, room.cells(start), losses, threshold_codes, strict=True)
            ]
            for start in starts[thread::threads]
        ]

    with ThreadPoolExecutor(threads) as pool:
        shares = list(pool.map(sums, range(threads)))
    blocks = [shares[index % threads][index // threads] for index in range(len(starts))]

    def joined(name: str) -> NDArray[np.int64]:
        rows = np.concatenate([np.stack([getattr(of, name) for of in block]) for block in blocks], axis=1)
        return rows[:, : len(plan.replicates)]

    return ResampledScores(**{field.name: joined(field.name) for field in fields(LaneSums)})


def resampled_macros(entries: Sequence[Sequence[Column]], plan: ResamplePlan) -> NDArray[np.float64]:
    """Return the macro AUC of every entry in every resample of patients.

    Args:
        entries: For each entry its macro findings, all entries on the same patients.
        plan: The resamples, the same for all entries, in which each finding keeps both classes.

    Returns:
        Shape (R, E), in [0, 1].

    Raises:
        ValueError: A resample lacks a class of a finding.
    """
    columns = [column for findings in entries for column in findings]
    found = resampled_scores(columns, [0] * len(columns), plan)
    if not (found.positives.all() and found.negatives.all()):
        msg = "a resample lacks a class of a finding"
        raise ValueError(msg)
    scores = np.empty((len(plan.replicates), len(entries)))
    aucs = iter(found.auc)
    for place, findings in enumerate(entries):
        total = sum(islice(aucs, len(findings)), np.zeros(len(plan.replicates)))
        scores[:, place] = np.ldexp(np.rint(np.ldexp(total / len(findings), _GRAIN)), -_GRAIN)
    return scores


class _Room:
    """The memory in which one thread draws blocks of replicates and counts their cases, one after the other."""

    def __init__(self, plan: ResamplePlan, tallies: Sequence[Tally]) -> None:
        self._plan = plan
        self._tallies = tallies
        self._weights = np.empty((LANES, plan.n_patients), dtype=np.uint8)
        self._flags = np.empty(plan.n_patients, dtype=np.bool_)
        self._packed = np.empty((plan.n_patients, LANES), dtype=np.uint8)
        self._cells = np.empty(max(map(room_bytes, tallies)), dtype=np.uint8)

    def cells(self, start: int) -> Iterator[NDArray[np.unsignedinteger[Any]]]:
        """Draw the 64 replicates from this one on; yield each finding's counts, overwritten by the next."""
        plan = self._plan
        numbers = plan.replicates[start : start + LANES]
        for row, number in zip(self._weights, numbers, strict=False):
            _draw(plan.seed, number, row, self._flags)
        self._weights[len(numbers) :] = 0
        peak = int(self._weights.max())
        pack_lanes(self._weights, self._packed)
        for tally in self._tallies:
            yield weighted_cells(tally, self._packed, peak, self._cells)
