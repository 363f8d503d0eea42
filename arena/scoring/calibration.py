"""Whether a probability means what it says: expected calibration error, reliability curve, slope and intercept.

All of it over answered cases with a known reference, the coverage beside it. None of it is ranked.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import Final

import numpy as np
from numpy.random import Philox
from numpy.typing import NDArray

from arena.scoring.auc import ClassCounts
from arena.scoring.estimates import Estimate, Method, Reason, absent
from arena.scoring.influence import Column
from arena.scoring.latency import quantile
from arena.scoring.levels import N_LEVELS, TOP_LEVEL
from arena.scoring.linearised import empty_class
from arena.scoring.logistic import calibration_intercept, calibration_slope, check_answered
from arena.scoring.proportions import share

_BITS: Final = 63
_MOST_DRAWS: Final = 20_000_000
_FEWEST_SIMULATIONS: Final = 100


class Binning(StrEnum):
    """How answers are put into bins. EQUAL_MASS: about as many cases in each. EQUAL_WIDTH: equal parts of 0…1."""

    EQUAL_MASS = "equal_mass"
    EQUAL_WIDTH = "equal_width"


@dataclass(frozen=True, slots=True)
class Bins:
    """A declared way of binning.

    Attributes:
        kind: Equal mass or equal width.
        count: How many bins, at least 1; those without a case are left out.
    """

    kind: Binning = Binning.EQUAL_MASS
    count: int = 10

    def of_codes(self, counts: ClassCounts) -> NDArray[np.int64]:
        """Return the bin of each code, 0…count − 1, shape (size,).

        Equal mass: with `below` cases under a code and `at` cases at it of n, the integer part of count · (below +
        at/2) / n, so that cases of one answer share a bin and their order cannot matter. Equal width: the integer part
        of count · p, and the last bin for p = 1.
        """
        if self.kind is Binning.EQUAL_WIDTH:
            level = np.clip(np.arange(counts.positive.size, dtype=np.int64) - 1, 0, TOP_LEVEL)
            return np.asarray(np.minimum(level * self.count // TOP_LEVEL, self.count - 1), dtype=np.int64)
        at = counts.positive + counts.negative
        twice_middle = 2 * np.cumsum(at) - at
        return np.asarray(np.minimum(self.count * twice_middle // (2 * int(at.sum())), self.count - 1), dtype=np.int64)


DEFAULT_BINS: Final = Bins()


@dataclass(frozen=True, slots=True)
class CalibrationError:
    """An expected calibration error beside what a perfectly calibrated service with the same answers would have.

    Attributes:
        estimate: The error, 0…1, without an interval (`null_beside`).
        bins: How answers were binned.
        null_mean: Mean error of the perfectly calibrated service; None where there is no estimate.
        null_p95: Its 95th percentile.
        simulations: How many sets of references were drawn for these two.
    """

    estimate: Estimate
    bins: Bins
    null_mean: float | None
    null_p95: float | None
    simulations: int


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """One point of the reliability curve.

    Attributes:
        low_level: Lowest answer in the bin.
        high_level: Highest.
        mean_answer: Mean probability answered, 0…1.
        observed: Share of positives, with a 95 % interval of its own.
    """

    low_level: int
    high_level: int
    mean_answer: float
    observed: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Calibration of the answers to one finding.

    Attributes:
        n_known: Cases with a known reference.
        n_answered: Those of them that were answered; all numbers here are of these. Their share is the coverage.
        share_clipped: Share of the answered with probability 0 or 1, whose logit is taken at 1e-6 from them; None
            where nothing was answered.
        slope: 1 is ideal.
        intercept: Calibration in the large, 0 is ideal.
        error: Expected calibration error.
        reliability: Bins from the lowest answers to the highest.
    """

    n_known: int
    n_answered: int
    share_clipped: float | None
    slope: Estimate
    intercept: Estimate
    error: CalibrationError
    reliability: tuple[ReliabilityBin, ...]


def calibration(answered: Column, n_known: int, *, bins: Bins, seed: int, simulations: int) -> Calibration:
    """Return everything about the calibration of one finding's answers in this set.

    Args:
        answered: Answered cases with a known reference (policy `exclude_case`); codes are levels + 1.
        n_known: Cases with a known reference, answered or not.
        bins: How answers are binned.
        seed: Below 2¹²⁸ (`resampling.resample_seed`).
        simulations: Sets of references drawn for the null of the calibration error.
    """
    held, n = answered.counts.positive + answered.counts.negative, answered.cases.n
    return Calibration(
        n_known=n_known,
        n_answered=n,
        share_clipped=float(Fraction(int(held[1] + held[N_LEVELS]), n)) if n else None,
        slope=calibration_slope(answered),
        intercept=calibration_intercept(answered),
        error=calibration_error(answered, bins, seed=seed, simulations=simulations),
        reliability=reliability_curve(answered, bins),
    )


def reliability_curve(answered: Column, bins: Bins) -> tuple[ReliabilityBin, ...]:
    """Return mean answer and observed share of each bin that holds a case; Wilson limits with the design effect."""
    if answered.cases.n == 0:
        return ()
    counts, points = answered.counts, []
    of_code = bins.of_codes(counts)
    of_case = of_code[answered.cells // 2]
    at = counts.positive + counts.negative
    for index in range(bins.count):
        codes = np.flatnonzero((of_code == index) & (at > 0))
        if codes.size == 0:
            continue
        n, positives = int(at[codes].sum()), int(counts.positive[codes].sum())
        total = int((at[codes] * (codes - 1)).sum())
        observed = share(positives, n, positives, answered.cases, of_case == index, answered.cases.positive)
        mean = float(Fraction(total, n * TOP_LEVEL))
        points.append(ReliabilityBin(int(codes[0]) - 1, int(codes[-1]) - 1, mean, observed))
    return tuple(points)


def calibration_error(
    answered: Column, bins: Bins, *, seed: int, simulations: int, prevalence: Fraction | None = None
) -> CalibrationError:
    """Return the expected calibration error and its simulated null.

    Σ over bins of |mean answer − share of positives|, weighted by the bin's share of cases (Naeini and others 2015,
    AAAI 29:2901–2907), that is Σ |Σ (p − y)| / n; at a prevalence π a positive weighs π/m and a negative (1 − π)/n, in
    bins that stay those of the set.

    Args:
        answered: Answered cases with a known reference; codes are levels + 1.
        bins: How answers are binned.
        seed: Below 2¹²⁸.
        simulations: Sets of references drawn, 1 or more; fewer, but 100 at least, above 2 · 10⁷ cases times sets.
        prevalence: π, strictly between 0 and 1; None for the set as it is.

    Raises:
        ValueError: A missing answer is among the cases.
    """
    check_answered(answered)
    counts, n, m = answered.counts, answered.cases.n, answered.counts.positives
    reason = Reason.NO_CASE if n == 0 else None if prevalence is None else empty_class(answered)
    if reason is not None:
        return CalibrationError(absent(reason, n=n, n_positive=m, method=Method.BINNED_GAP), bins, None, None, 0)
    of_code, sums = bins.of_codes(counts), _Sums.of(counts, bins)
    weight = _weights(prevalence, m, n - m)
    exact = sum((abs(weight[0] * p + weight[1] * q) for p, q in sums.pairs()), Fraction(0)) / TOP_LEVEL
    count = max(min(simulations, _MOST_DRAWS // n), min(simulations, _FEWEST_SIMULATIONS))
    null = _null_errors(answered, of_code[answered.cells // 2], bins, prevalence, seed, count)
    return CalibrationError(
        Estimate(n=n, n_positive=m, exact=exact, method=Method.BINNED_GAP, reason=Reason.NULL_BESIDE),
        bins,
        math.fsum(null) / count,
        quantile(null, 95),
        count,
    )


def _weights(prevalence: Fraction | None, m: int, n: int) -> tuple[Fraction, Fraction]:
    """Return the weight of a positive and of a negative."""
    if prevalence is None:
        return Fraction(1, m + n), Fraction(1, m + n)
    return prevalence / max(m, 1), (1 - prevalence) / max(n, 1)


@dataclass(frozen=True, slots=True)
class _Sums:
    """Σ (level − 10,000) over positives and Σ level over negatives of each bin, shape (bins,)."""

    of_positive: NDArray[np.int64]
    of_negative: NDArray[np.int64]

    @classmethod
    def of(cls, counts: ClassCounts, bins: Bins) -> _Sums:
        """Sum the counts of each bin; exact, since all sums are integers below 2⁵³."""
        of_code, level = bins.of_codes(counts), np.arange(counts.positive.size) - 1
        up = np.bincount(of_code, weights=counts.positive * (level - TOP_LEVEL), minlength=bins.count)
        down = np.bincount(of_code, weights=counts.negative * level, minlength=bins.count)
        return cls(up.astype(np.int64), down.astype(np.int64))

    def pairs(self) -> list[tuple[int, int]]:
        """Return the two sums of each bin."""
        return [(int(p), int(q)) for p, q in zip(self.of_positive, self.of_negative, strict=True)]


def _null_errors(
    answered: Column, of_case: NDArray[np.int64], bins: Bins, prevalence: Fraction | None, seed: int, count: int
) -> list[float]:
    """Return the error in `count` simulated sets whose references agree with the answers.

    A case is positive where its patient's random number lies below its answer. The number is shared by the patient's
    cases, so that they agree as far as their answers allow: the worst for the error, as in the design effect; with
    one case per patient they are independent. At a prevalence other than the set's, an answer p that is right there is
    right in the set with p·r / (p·r + (1 − p)·s), r and s being how many times more of each class the set has;
    the cases drawn are weighted back with the weights of the set.
    """
    levels, m = answered.cells // 2 - 1, answered.counts.positives
    limit = _limits(prevalence, m, answered.counts.negatives)[levels]
    up, down = (float(weight) for weight in _weights(prevalence, m, answered.counts.negatives))
    key = int.from_bytes(hashlib.sha256(f"arena calibration null\n{seed}\n".encode()).digest()[:16], "big")
    errors = []
    for simulation in range(count):
        raw = Philox(key=key, counter=simulation << 128).random_raw(answered.cases.n_patients) >> np.uint64(64 - _BITS)
        positive = raw[answered.cases.patients] < limit
        drawn = int(np.count_nonzero(positive))
        gap = np.where(positive, levels - TOP_LEVEL, levels)
        summed = np.bincount(of_case * 2 + positive, weights=gap, minlength=2 * bins.count).reshape(-1, 2)
        error = float(np.sum(np.abs(up * summed[:, 1] + down * summed[:, 0]))) / TOP_LEVEL
        errors.append(error / (up * drawn + down * (levels.size - drawn)))
    return errors


def _limits(prevalence: Fraction | None, m: int, n: int) -> NDArray[np.uint64]:
    """Return for each level the number below which 63 random bits make a case positive, shape (10,001,)."""
    ratio = Fraction(1) if prevalence is None else Fraction(m, n) * (1 - prevalence) / prevalence
    top = 1 << _BITS
    up, down = ratio.numerator, ratio.denominator
    return np.array(
        [top * level * up // (level * up + (TOP_LEVEL - level) * down) for level in range(N_LEVELS)], dtype=np.uint64
    )
