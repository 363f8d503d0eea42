"""Readers' operating points and curves: context on an ROC plot, no competitor and no part of any test.

Values only; `arena.challenge.readers` reads them from the organiser's table.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from arena.scoring.binomial import lower_limit, upper_limit
from arena.scoring.estimates import LEVEL, Estimate, Interval, Method, Reason, iterated
from arena.scoring.proportions import wilson_interval


@dataclass(frozen=True, slots=True)
class Share:
    """A sensitivity or a specificity.

    Attributes:
        exact: The share, in [0, 1].
        n: Cases that it is of; None where the table does not say.
        hits: Right ones of them, a whole number; None where the table gives the share only.
    """

    exact: Fraction
    n: int | None = None
    hits: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderPoint:
    """The operating point of a reader, or the mean of a group's.

    Attributes:
        finding: Code of the finding.
        label: How the plot names it, such as `Reader 3` or `Radiologists, mean`.
        readers: Readers that it is the mean of, at least 1.
        sensitivity: Called among positives.
        specificity: Not called among negatives.
        source: Where the numbers come from; empty where nobody says.
    """

    finding: str
    label: str
    readers: int
    sensitivity: Share
    specificity: Share
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderCurve:
    """The ROC curve of a reader's ratings, or a group's mean curve.

    Attributes:
        finding: Code of the finding.
        label: How the plot names it.
        readers: Readers that it is the mean of, at least 1.
        points: (false positive rate, true positive rate), both not falling, from (0, 0) to (1, 1).
        source: Where the numbers come from.
    """

    finding: str
    label: str
    readers: int
    points: tuple[tuple[Fraction, Fraction], ...]
    source: str = ""

    @property
    def auc(self) -> Fraction:
        """The area under the straight lines that join the points: for a rating scale the Mann–Whitney statistic."""
        steps = zip(self.points, self.points[1:], strict=False)
        return sum(((x1 - x0) * (y0 + y1) / 2 for (x0, y0), (x1, y1) in steps), Fraction(0))


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
    cases there is none either (`no_counts`).

    Args:
        share: The share.
        readers: Readers that it is the mean of.
        positive: Whether it is of positives, that is a sensitivity.
    """
    method = Method.CLOPPER_PEARSON if share.hits is not None else Method.WILSON_DESIGN_EFFECT
    n = share.n or 0
    n_positive = n if positive else 0
    if readers > 1 or not n:
        reason = Reason.SEVERAL_READERS if readers > 1 else Reason.NO_COUNTS
        return Estimate(n=n, n_positive=n_positive, exact=share.exact, method=method, reason=reason)
    limits = (
        clopper_pearson_interval(share.hits, n) if share.hits is not None else wilson_interval(float(share.exact), n)
    )
    return Estimate(n=n, n_positive=n_positive, exact=share.exact, low=limits.low, high=limits.high, method=method)
