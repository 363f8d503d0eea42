"""Is an entry at most a declared margin worse than another? One-sided, the margin declared before the phase opens."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from scipy.special import ndtr, ndtri

from arena.ranking.differences import Rankable, paired_difference


@dataclass(frozen=True, slots=True)
class NonInferiority:
    """Whether entry a is not inferior to entry b.

    Attributes:
        exact: Score of a less score of b.
        standard_error: Of the difference.
        margin: δ, the largest loss that is accepted.
        low: Lower one-sided confidence limit of the difference at level 1 − α/2.
        p: One-sided p value of "a is worse than b by δ or more"; None where no variance can be estimated and `low`
            alone decides.
        non_inferior: Whether `low` lies above −δ.
    """

    exact: Fraction
    standard_error: float
    margin: Fraction
    low: float
    p: float | None
    non_inferior: bool


def non_inferiority(a: Rankable, b: Rankable, *, margin: Fraction, alpha: float) -> NonInferiority:
    """Test one entry against another.

    z = (A_a − A_b + δ) / SE with the paired standard error over patients, one-sided at α/2: a is not inferior exactly
    where the two-sided interval of the difference at 1 − α lies above −δ, so the same α serves both questions (ICH E9,
    sections 3.3.2 and 5.5). Where both influences are 0 throughout, the limit is joined from both entries' own limits,
    as in `compare_all`; where they agree and are not 0 the entries order all cases alike, and the limit is the
    difference.

    Args:
        a: The entry that is claimed to be as good.
        b: What it is held against: another entry, or the readers' reference.
        margin: δ > 0, as declared (`ranking.noninferiority_margin`).
        alpha: The challenge's two-sided α, in (0, 1).

    Raises:
        ValueError: The margin is not above 0, an entry has no score, or they are not of the same patients.
    """
    if margin <= 0:
        msg = "a margin of non-inferiority lies above 0"
        raise ValueError(msg)
    if a.score is None or b.score is None or a.mean is None:
        msg = "an entry without a score cannot be compared"
        raise ValueError(msg)
    pair = paired_difference(a, b)
    error, z = pair.standard_error, float(-ndtri(alpha / 2))
    p: float | None = None
    if error > 0:
        low = pair.difference - z * error
        p = float(ndtr(-float(pair.exact + margin) / error))
    elif np.any(a.mean):
        low = pair.difference
    else:
        reach = math.hypot(float(a.score) - a.limits(z).low, b.limits(z).high - float(b.score))
        low = pair.difference - reach
    return NonInferiority(
        exact=pair.exact, standard_error=error, margin=margin, low=low, p=p, non_inferior=low > -float(margin)
    )
