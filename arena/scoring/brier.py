"""The Brier score of a finding: the mean squared distance of the probability from the reference, 0 best, 1 worst.

Source: Brier 1950, Monthly Weather Review 78:1–3, in the binary form that scikit-learn's
`brier_score_loss` has; the multi-class sum of other packages is twice as large.
"""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np

from arena.scoring.estimates import Estimate, Method, Reason, absent
from arena.scoring.influence import Column, sum_of_squares
from arena.scoring.intervals import logit_t_interval
from arena.scoring.levels import TOP_LEVEL
from arena.scoring.missing import cell_losses


def brier_score(column: Column) -> Estimate:
    """Return the Brier score with a 95 % interval over patients.

    Summed in integers on levels and divided once. A missing answer under `worst` stands below level 0 for a positive
    and above the top level for a negative, and counts 1. The interval is formed on the logit scale with Student's t on
    patients − 1 degrees, the variance from patients' summed residuals as for any mean of clustered values.

    Args:
        column: Scored cases whose codes are levels + 1 (`arena.scoring.missing`).
    """
    n, positives, method = column.cases.n, column.counts.positives, Method.MEAN_LOGIT_T
    if n == 0:
        return absent(Reason.NO_CASE, n=0, n_positive=0, method=method)
    losses = cell_losses(column.size)
    total = int((column.counts.negative * losses[::2]).sum()) + int((column.counts.positive * losses[1::2]).sum())
    exact = Fraction(total, n * TOP_LEVEL**2)
    patients = column.cases.patients_held
    if patients == 1:
        return Estimate(n=n, n_positive=positives, exact=exact, method=method, reason=Reason.ONE_PATIENT)
    # Integers below 2⁵³, so sums by patient are exact and an error of 0 is 0.
    residuals = np.bincount(column.cases.patients, weights=losses[column.cells] * n - total) / (n * TOP_LEVEL**2)
    error = math.sqrt(sum_of_squares(residuals) * patients / (patients - 1)) / n
    if error == 0:
        return Estimate(n=n, n_positive=positives, exact=exact, method=method, reason=Reason.NO_VARIANCE)
    limits = logit_t_interval(float(exact), error, patients - 1)
    return Estimate(
        n=n, n_positive=positives, exact=exact, low=limits.low, high=limits.high, standard_error=error, method=method
    )
