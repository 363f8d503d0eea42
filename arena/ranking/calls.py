"""Two entries at their thresholds: paired differences of sensitivity, specificity or any share of right calls.

The cases of one class are called by both entries. Of each patient only the number that the first calls rightly and the
second does not, less the number of the reverse, bears on the difference: d_k, of n_k cases.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

FEW_DISCORDANT: Final = 25
"""With fewer discordant patients than these the test is exact: the usual bound for McNemar's χ²."""


class CallTest(StrEnum):
    """How the p value of a paired difference of shares was found."""

    EXACT = "exact"
    MCNEMAR = "mcnemar"
    OBUCHOWSKI = "obuchowski"


@dataclass(frozen=True, slots=True)
class PairedShares:
    """The share that entry a calls rightly less that of entry b, on the same cases.

    Attributes:
        n: Cases.
        patients: Patients that hold them, K.
        only_a: Cases that a alone calls rightly.
        only_b: Cases that b alone calls rightly.
        exact: The difference.
        standard_error: Of the difference, over patients; None where one patient holds all cases.
        correlation: Of both shares over patients, in [−1, 1]; 0 where one of them does not vary.
        p: Two-sided.
        test: How `p` was found.
    """

    n: int
    patients: int
    only_a: int
    only_b: int
    exact: Fraction
    standard_error: float | None
    correlation: float
    p: float
    test: CallTest

    @property
    def difference(self) -> float:
        """The difference as a float, in [−1, 1]."""
        return float(self.exact)


def compare_calls(
    right_a: NDArray[np.bool_], right_b: NDArray[np.bool_], patients: NDArray[np.int64]
) -> PairedShares | None:
    """Compare the right calls of two entries on the cases of one class.

    With the positives of a finding this compares sensitivities, with the negatives specificities.

    The test has three forms. *Exact*, where fewer than 25 patients have d_k ≠ 0: if the entries are alike, each d_k is
    as likely to have the other sign; the p value is the share of all 2^K choices of signs whose |Σ ± d_k| is at least
    |Σ d_k|. With one case for each patient this is McNemar's exact test (McNemar 1947, Psychometrika 12:153–157), and
    with several it stays exact where the binomial would not. *McNemar*, where no patient holds two cases: χ² = (b −
    c)²/(b + c) without continuity correction. *Obuchowski*, else: χ² = (K − 1)/K · (Σ d_k)² / Σ d_k² (Obuchowski 1998,
    Statistics in Medicine 17:1495–1507, in the form that Yang, Sun and Hardin 2010, Biometrical Journal 52:640–652,
    gave it). The test of Eliasziw and Donner 1991 (Statistics in Medicine 10:1981–1991) instead assumes one
    correlation for all patients.

    Args:
        right_a: Whether a calls each case rightly, shape (n,).
        right_b: The same for b.
        patients: Patient code of each case, shape (n,).

    Returns:
        The comparison; None where there is no case.
    """
    n = int(right_a.size)
    if n == 0:
        return None
    _, holder, held = np.unique(patients, return_inverse=True, return_counts=True)
    k = int(held.size)
    by_a = np.bincount(holder, weights=right_a, minlength=k).astype(np.int64)
    by_b = np.bincount(holder, weights=right_b, minlength=k).astype(np.int64)
    surplus = by_a - by_b
    total = int(surplus.sum())
    p, test = _p_value(surplus, one_case_each=k == n)
    return PairedShares(
        n=n,
        patients=k,
        only_a=int(np.count_nonzero(right_a & ~right_b)),
        only_b=int(np.count_nonzero(~right_a & right_b)),
        exact=Fraction(total, n),
        standard_error=_standard_error(surplus, held, n),
        correlation=_correlation(by_a, by_b, held, n),
        p=p,
        test=test,
    )


def _p_value(surplus: NDArray[np.int64], *, one_case_each: bool) -> tuple[float, CallTest]:
    discordant, total = surplus[surplus != 0], int(surplus.sum())
    if discordant.size < FEW_DISCORDANT:
        return sign_flip_p(discordant), CallTest.EXACT
    squares = int(np.sum(np.square(discordant)))
    k = surplus.size
    shrunk = 1.0 if one_case_each else (k - 1) / k
    z = math.sqrt(shrunk * total * total / squares)
    return 2 * float(ndtr(-z)), CallTest.MCNEMAR if one_case_each else CallTest.OBUCHOWSKI


def sign_flip_p(values: NDArray[np.int64]) -> float:
    """Return the share of all choices of signs whose |Σ ± value| is at least |Σ value|, counted in integers.

    Args:
        values: Few integers, shape (K,); time grows with K times their sum.
    """
    ways = Counter({0: 1})
    for value in np.abs(values).tolist():
        spread: Counter[int] = Counter()
        for reached, count in ways.items():
            spread[reached + value] += count
            spread[reached - value] += count
        ways = spread
    observed = abs(int(values.sum()))
    extreme = sum(count for reached, count in ways.items() if abs(reached) >= observed)
    return float(Fraction(extreme, 2 ** len(values)))


def _standard_error(surplus: NDArray[np.int64], held: NDArray[np.int64], n: int) -> float | None:
    """Return √(K/(K − 1) · Σ (d_k − n_k D)²) / n, D the difference; the numerators are integers."""
    k = surplus.size
    if k < 2:  # noqa: PLR2004 - a variance needs two patients
        return None
    residuals = surplus * n - held * int(surplus.sum())
    return math.sqrt(k / (k - 1) * float(np.sum(np.square(residuals / n)))) / n


def _correlation(by_a: NDArray[np.int64], by_b: NDArray[np.int64], held: NDArray[np.int64], n: int) -> float:
    of_a = (by_a * n - held * int(by_a.sum())) / n
    of_b = (by_b * n - held * int(by_b.sum())) / n
    spread = math.sqrt(float(np.sum(np.square(of_a))) * float(np.sum(np.square(of_b))))
    if spread == 0:
        return 0.0
    return min(max(float(np.sum(of_a * of_b)) / spread, -1.0), 1.0)
