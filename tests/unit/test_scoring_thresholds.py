"""A threshold from a calibration split keeps its floor for patients not yet seen."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import beta

from arena.scoring.declared import Floor
from arena.scoring.estimates import Reason
from arena.scoring.thresholds import (
    set_threshold,
    shared_patients,
    tolerance_confidence,
    tolerance_order,
)

POSITIVE = np.array([True])


def alone(levels: list[int] | NDArray[np.int64], *, positive: bool = True) -> tuple[NDArray[np.int32], ...]:
    """Return levels, references and patients of studies of one class, one a patient."""
    n = len(levels)
    return np.array(levels, dtype=np.int32), np.full(n, positive), np.arange(n)  # type: ignore[return-value]


def test_the_lowest_of_eight_positives_promises_next_to_nothing() -> None:
    assert tolerance_confidence(8, 1, 0.99) == pytest.approx(1 - 0.99**8)
    assert tolerance_confidence(8, 1, 0.99) == pytest.approx(0.077, abs=0.0005)


@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.just(n), st.integers(1, n))), st.floats(0.5, 0.999))
def test_the_confidence_is_that_of_the_beta_distribution(place: tuple[int, int], floor: float) -> None:
    n, order = place
    assert tolerance_confidence(n, order, floor) == pytest.approx(beta.sf(floor, n - order + 1, order), abs=1e-9)


@given(st.integers(0, 800), st.sampled_from([0.8, 0.9, 0.95, 0.99]))
def test_the_order_is_the_largest_that_suffices(n: int, floor: float) -> None:
    order = tolerance_order(n, floor)
    enough = [r for r in range(1, n + 1) if tolerance_confidence(n, r, floor) >= 0.95]
    assert order == max(enough, default=0)


@pytest.mark.parametrize(("floor", "needed"), [(0.99, 299), (0.95, 59)])
@pytest.mark.parametrize("kind", list(Floor))
def test_one_patient_too_few_is_refused_with_the_number_needed(kind: Floor, floor: float, needed: int) -> None:
    positive = kind is Floor.SENSITIVITY
    levels = np.arange(1000, 1000 + needed)
    enough = set_threshold(*alone(levels, positive=positive), floor=floor, kind=kind)
    short = set_threshold(*alone(levels[:-1], positive=positive), floor=floor, kind=kind)
    assert enough.level == (1000 if positive else 1000 + needed)
    assert (enough.order, enough.reason) == (1, None)
    assert enough.confidence >= 0.95
    assert (short.level, short.reason, short.needed) == (None, Reason.TOO_FEW_PATIENTS, needed)
    assert short.confidence < 0.95


def test_no_patient_of_the_class_is_too_few() -> None:
    choice = set_threshold(*alone([5, 6], positive=False), floor=0.9)
    assert (choice.level, choice.n, choice.reason) == (None, 0, Reason.TOO_FEW_PATIENTS)


def test_a_patient_counts_once_by_the_study_nearest_to_error() -> None:
    levels, positive, patients = alone(np.tile(np.arange(2000, 2059), 2))
    levels[59:] += 3000
    for kind, expected in ((Floor.SENSITIVITY, 2000), (Floor.SPECIFICITY, 5059)):
        choice = set_threshold(levels, positive == (kind is Floor.SENSITIVITY), patients % 59, floor=0.95, kind=kind)
        assert (choice.n, choice.level) == (59, expected)


def test_a_missing_answer_at_the_place_leaves_no_threshold() -> None:
    levels, positive, patients = alone(np.arange(100, 159))
    levels[7] = -1
    assert set_threshold(levels, positive, patients, floor=0.95).reason is Reason.MISSING_ANSWERS
    assert (
        set_threshold(levels, ~positive, patients, floor=0.95, kind=Floor.SPECIFICITY).reason is Reason.MISSING_ANSWERS
    )
    longer = set_threshold(*alone(np.r_[levels, np.arange(1000, 1060)]), floor=0.95)
    assert longer.order == 2
    assert longer.level == 100


def test_a_negative_at_the_top_level_leaves_no_level_above_it() -> None:
    choice = set_threshold(*alone(np.full(60, 10_000), positive=False), floor=0.95, kind=Floor.SPECIFICITY)
    assert (choice.level, choice.reason) == (None, Reason.NO_LEVEL)


def test_a_split_that_shares_a_patient_gives_no_threshold() -> None:
    shared = shared_patients(["a", "b"], ["b", "c"])
    choice = set_threshold(*alone(np.arange(100)), floor=0.9, shared=shared)
    assert shared == {"b"}
    assert (choice.level, choice.reason) == (None, Reason.SHARED_PATIENTS)
    assert shared_patients(["a"], ["c"]) == frozenset()


@pytest.mark.parametrize("floor", [0.0, 1.0, 1.2])
def test_a_floor_outside_the_open_interval_is_a_mistake(floor: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        set_threshold(*alone([1]), floor=floor)


@pytest.mark.parametrize("kind", list(Floor))
def test_in_95_of_100_splits_the_true_share_reaches_its_floor(kind: Floor) -> None:
    rng, hits, trials = np.random.default_rng(3), 0, 2000
    positive = kind is Floor.SENSITIVITY
    for _ in range(trials):
        choice = set_threshold(*alone(rng.integers(0, 10_000, 150), positive=positive), floor=0.9, kind=kind)
        assert choice.level is not None
        true = 1 - choice.level / 10_000 if positive else choice.level / 10_000
        hits += true >= 0.9
    # The order statistic at which the confidence is met is a whole number, so it exceeds 95 % a little.
    expected = tolerance_confidence(150, tolerance_order(150, 0.9), 0.9)
    assert expected >= 0.95
    assert hits / trials == pytest.approx(expected, abs=0.015)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(0, 10_000), min_size=60, max_size=200), st.randoms(use_true_random=False))
def test_the_order_of_patients_does_not_matter(levels: list[int], random: object) -> None:
    shuffled = list(levels)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert set_threshold(*alone(levels), floor=0.95) == set_threshold(*alone(shuffled), floor=0.95)
