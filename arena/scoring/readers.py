"""Readers' operating points and curves: context on an ROC plot, no competitor and no part of any test.

Values only, of the standard library; `arena.challenge.readers` reads them from the organiser's table, and
`arena.scoring.reader_shares` puts intervals beside them.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction


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
