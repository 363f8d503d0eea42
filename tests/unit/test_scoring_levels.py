"""Probabilities become integer levels by their decimal value."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arena.scoring.levels import dense_levels, patient_codes, quantise, quantise_all


@pytest.mark.parametrize(
    ("written", "level"),
    [
        ("0", 0), ("1", 10_000), ("0.00005", 0), ("0.00015", 2), ("0.00025", 2), ("0.99995", 10_000), ("0.99985", 9998),
        ("0.000050000000000000000000001", 1), ("0.12345", 1234), ("0.12355", 1236), ("1e-4", 1), ("-0", 0), ("1.0", 10_000),
    ],
)  # fmt: skip
def test_a_written_probability_is_rounded_half_to_even_at_the_fourth_decimal(written: str, level: int) -> None:
    assert quantise(written) == level
    assert quantise(Decimal(written)) == level


def test_a_float_counts_as_the_shortest_decimal_that_reads_back_as_it() -> None:
    assert Fraction(0.00015) < Fraction("0.00015")  # the binary value lies below half-way
    assert quantise(0.00015) == 2
    assert quantise_all(np.array([0.00015, 0.00005, 0.12345])).tolist() == [2, 0, 1234]


@pytest.mark.parametrize("bad", ["-0.0001", "1.00001", "nan", "inf", "-inf", "", "0,5", "x"])
def test_what_is_no_probability_is_refused(bad: str) -> None:
    with pytest.raises(ValueError, match="probability"):
        quantise(bad)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -1e-9, 1 + 1e-9])
def test_an_array_with_one_bad_value_is_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="0, 1"):
        quantise_all(np.array([0.5, bad]))
    with pytest.raises(ValueError, match="probability"):
        quantise(bad)


@settings(deadline=None)
@given(st.lists(st.one_of(st.floats(0, 1), st.integers(0, 100_000).map(lambda i: i / 100_000)), max_size=30))
def test_an_array_is_rounded_like_its_elements(values: list[float]) -> None:
    assert quantise_all(np.array(values)).tolist() == [quantise(value) for value in values]


def test_every_level_survives_being_written_as_a_probability() -> None:
    levels = np.arange(10_001)
    assert (quantise_all(levels / 10_000) == levels).all()


def test_dense_levels_keep_order_and_ties_of_general_floats() -> None:
    dense = dense_levels(np.array([3.5, -2.0, 3.5, 1e300, 0.0]))
    assert dense.levels.tolist() == [2, 0, 2, 3, 1]
    assert dense.size == 4
    with pytest.raises(ValueError, match="finite"):
        dense_levels(np.array([1.0, np.nan]))


def test_patients_are_numbered_by_name_whatever_the_order_of_cases() -> None:
    assert patient_codes(["p2", "p1", "p2", "p3"]).tolist() == [1, 0, 1, 2]
    assert patient_codes(["p3", "p2", "p1", "p2"]).tolist() == [2, 1, 0, 1]
