"""Step-down max-T adjustment of paired comparisons, by multiplying each patient's influence with a random sign.

The largest of all standardised differences is compared with its distribution when no entries differ. That distribution
is drawn from the data: in each resample every patient's influence on every entry keeps its size and takes a random
sign, the same for all entries (Westfall and Young 1993, Resampling-Based Multiple Testing, chapter 2; Romano and Wolf
2005, Journal of the American Statistical Association 100:94–108; signs as multipliers: Liu 1988, Annals of Statistics
16:1696–1708). So the adjustment knows how strongly the comparisons depend on each other, and Holm's need not assume
the worst. A sign squared is 1: each resample has the standard errors of the data, so the statistics are studentised as
they stand.

Every sum over patients is exact. The influences are rounded to integers such that no partial sum of them exceeds 2⁵²,
so that the floating-point products with ±1 and their sums have no error in whatever order, on whatever processor and
with however many threads they are formed; and the order of entries cannot matter.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.random import Philox
from numpy.typing import NDArray

RESAMPLES: Final = 9_999
"""At p = 0.05 the Monte-Carlo error of an adjusted p value is 0.0022."""

_SUM_BITS: Final = 51
"""Sums of the rounded influences stay below 2⁵², so they and the difference of two of them are exact as floats."""

_STREAM: Final = 1 << 255
"""Where this stream begins among those of a seed: resamples of patients begin below it (arena.scoring.resampling)."""

_BLOCK: Final = 1 << 22
"""Signs held at once."""


def sign_sums(influence: NDArray[np.float64], seed: int, resamples: int) -> NDArray[np.float64]:
    """Return Σ_i sign_ir · influence_ai of every entry a in every resample r.

    An influence is rounded to a multiple of I · 2⁻⁵¹ times the largest of all, which is below 10⁻⁹ of it for any case
    set up to a million patients.

    Args:
        influence: Shape (E, I), finite.
        seed: 0 … 2¹²⁸ − 1; the signs depend on it, on I and on `resamples` alone.
        resamples: R, 1 or more.

    Returns:
        Shape (E, R).
    """
    # The largest value is the same on every machine, a sum of floats need not be: Σ|influence| < 2^exponent. Rounding
    # adds at most I/2 to the sum of the integers, which then stays within 2⁵¹ + 2⁵¹.
    exponent = math.frexp(float(np.abs(influence).max(initial=0.0)))[1] + influence.shape[1].bit_length()
    whole = np.rint(np.ldexp(influence, _SUM_BITS - exponent))
    sums = np.zeros((influence.shape[0], resamples))
    n_patients, words = influence.shape[1], -(-resamples // 64)
    stream = Philox(key=seed, counter=_STREAM)
    step = max(1, _BLOCK // resamples)
    for start in range(0, n_patients, step):
        stop = min(start + step, n_patients)
        raw = stream.random_raw((stop - start) * words).astype("<u8").view(np.uint8)
        bits = np.unpackbits(raw.reshape(stop - start, 8 * words), axis=1, bitorder="little", count=resamples)
        sums += whole[:, start:stop] @ bits.astype(np.float64)
    # A sign is 2 · bit − 1.
    sums *= 2
    sums -= whole.sum(axis=1, keepdims=True)
    return np.asarray(np.ldexp(sums, exponent - _SUM_BITS), dtype=np.float64)


def max_t(
    influence: NDArray[np.float64],
    pairs: NDArray[np.int64],
    statistics: NDArray[np.float64],
    errors: NDArray[np.float64],
    *,
    seed: int,
    resamples: int = RESAMPLES,
) -> NDArray[np.float64]:
    """Return the adjusted p value of each comparison, two-sided.

    Comparisons are taken from the largest statistic down. Of each, the p value is (1 + b) / (R + 1), b the number of
    resamples in which the largest statistic among it and all smaller ones reaches it, and no smaller than that of the
    one before. Equal statistics get equal p values.

    Args:
        influence: Each patient's influence on each entry's score, shape (E, I).
        pairs: Places of the two entries of each comparison, shape (P, 2).
        statistics: |difference| / standard error, shape (P,); where the standard error is 0, the normal quantile that
            stands for the difference.
        errors: Standard errors √Σ_i (φ_ia − φ_ib)², shape (P,). A comparison without one has no resampled statistic of
            its own; the standardised sum of all signs stands in for it.
        seed: 0 … 2¹²⁸ − 1.
        resamples: R.
    """
    if not len(pairs):
        return np.empty(0)
    sums = sign_sums(influence, seed, resamples)
    stand_in = np.zeros(resamples)
    if bool(np.any((errors == 0) & (statistics > 0))):
        stand_in = np.abs(sign_sums(np.ones((1, influence.shape[1])), seed, resamples)[0])
        stand_in /= math.sqrt(influence.shape[1])
    order = np.argsort(statistics, kind="stable")
    reached = np.zeros(len(pairs), dtype=np.int64)
    largest, resampled = np.zeros(resamples), np.empty(resamples)
    for place in order:
        a, b = pairs[place]
        if errors[place] > 0:
            np.subtract(sums[a], sums[b], out=resampled)
            np.abs(resampled, out=resampled)
            resampled /= errors[place]
            np.maximum(largest, resampled, out=largest)
        elif statistics[place] > 0:
            np.maximum(largest, stand_in, out=largest)
        reached[place] = np.count_nonzero(largest >= statistics[place])
    adjusted = np.empty(len(pairs))
    adjusted[order[::-1]] = np.maximum.accumulate((1.0 + reached[order[::-1]]) / (resamples + 1.0))
    return adjusted
