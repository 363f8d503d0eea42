"""Intervals of readers' sensitivity and specificity."""

from __future__ import annotations

from arena.scoring.binomial import lower_limit, upper_limit
from arena.scoring.estimates import LEVEL, Estimate, Interval, Method, Reason, iterated
from arena.scoring.proportions import wilson_interval
from arena.scoring.readers import Share


def clopper_pearson_interval(hits: int, n: int) -> Interval:
    """Return exact two-sided 95 % limits of a share (Clopper and Pearson 1934).

    Args:
        hits: 0…n.
        n: At least 1.
    """
    each = 0.5 + LEVEL / 2
    return Interval(iterated(lower_limit(hits, n, each)), iterated(upper_limit(hits, n, each)))


def share_estimate(share: Share, *, readers: int, positive: bool) -> Estimate:
    """Return a reader's share with its 95 % interval.

    From counts, Clopper and Pearson's; from a share with the number of cases, Wilson's. The mean of several readers has
    none (`several_readers`): they read the same cases, and how alike they read is not in the table. Without a number of
    cases there is none either (`no_counts`), and no count is told.

    Args:
        share: The share.
        readers: Readers that it is the mean of.
        positive: Whether it is of positives, that is a sensitivity.
    """
    method = Method.CLOPPER_PEARSON if share.hits is not None else Method.WILSON_DESIGN_EFFECT
    n = share.n
    n_positive = n if positive or n is None else 0
    if readers > 1 or n is None:
        reason = Reason.SEVERAL_READERS if readers > 1 else Reason.NO_COUNTS
        return Estimate(n=n, n_positive=n_positive, exact=share.exact, method=method, reason=reason)
    limits = (
        clopper_pearson_interval(share.hits, n) if share.hits is not None else wilson_interval(float(share.exact), n)
    )
    return Estimate(n=n, n_positive=n_positive, exact=share.exact, low=limits.low, high=limits.high, method=method)
