"""The Brier score and its interval."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss

from arena.scoring.brier import brier_score
from arena.scoring.estimates import Estimate, Reason
from arena.scoring.influence import make_cases, make_column


def brier(levels: list[int], positive: list[bool], patients: list[int] | None = None) -> Estimate:
    owners = np.array(patients if patients is not None else range(len(levels)), dtype=np.int64)
    cases = make_cases(np.array(positive, dtype=np.bool_), owners, int(owners.max(initial=-1)) + 1)
    return brier_score(make_column(np.array(levels, dtype=np.int64) + 1, cases, size=10_003))


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 10_000), st.booleans()), min_size=1, max_size=30))
def test_scikit_learn_agrees(rows: list[tuple[int, bool]]) -> None:
    levels, positive = [level for level, _ in rows], [is_positive for _, is_positive in rows]
    expected = brier_score_loss(positive, np.array(levels) / 10_000, labels=[False, True])
    assert brier(levels, positive).value == pytest.approx(expected, abs=1e-12)


def test_certain_and_right_is_0_and_certain_and_wrong_is_1() -> None:
    assert brier([0, 10_000], [False, True]).exact == 0
    assert brier([10_000, 0], [False, True]).exact == 1


def test_losses_that_do_not_vary_give_a_value_without_an_interval() -> None:
    found = brier([5000, 5000, 5000], [True, False, True])
    assert found.exact == Fraction(1, 4)
    assert (found.low, found.high, found.reason) == (None, None, Reason.NO_VARIANCE)


def test_cases_of_one_patient_give_a_value_without_an_interval() -> None:
    assert brier([5000, 1000], [True, False], [0, 0]).reason is Reason.ONE_PATIENT


def test_no_cases_give_no_value() -> None:
    assert brier([], []).reason is Reason.NO_CASE


def test_the_standard_error_is_that_of_a_mean() -> None:
    levels, positive = [1000, 9000, 4000, 2000, 7000], [False, True, True, False, False]
    losses = [(level / 10_000 - is_positive) ** 2 for level, is_positive in zip(levels, positive, strict=True)]
    found = brier(levels, positive)
    assert found.standard_error == pytest.approx(np.std(losses, ddof=1) / np.sqrt(5), rel=1e-12)
    assert found.low is not None
    assert found.high is not None
    assert 0 < found.low < float(found.exact or 0) < found.high < 1


def test_repeated_studies_of_a_patient_add_no_certainty() -> None:
    levels, positive = [1000, 9000, 4000, 2000, 7000], [False, True, True, False, False]
    once, twice = brier(levels, positive), brier(levels * 2, positive * 2, list(range(5)) * 2)
    assert once.exact == twice.exact
    assert once.standard_error == pytest.approx(twice.standard_error, rel=1e-12)
