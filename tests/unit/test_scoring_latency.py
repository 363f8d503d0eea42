"""Latency quantiles."""

from __future__ import annotations

import statistics
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arena.scoring.latency import latency_scores, quantile

seconds = st.lists(st.floats(0, 1000), min_size=1, max_size=80)


@settings(deadline=None)
@given(seconds, st.integers(1, 99))
def test_a_quantile_is_the_first_value_that_the_share_does_not_exceed(values: list[float], percent: int) -> None:
    def first(enough: Callable[[int], bool]) -> float:
        return min(value for value in values if enough(100 * sum(other <= value for other in values)))

    reached, exceeded = first(lambda s: s >= percent * len(values)), first(lambda s: s > percent * len(values))
    assert quantile(values, percent) == (reached + exceeded) / 2


@settings(deadline=None)
@given(seconds)
def test_the_median_is_the_usual_one(values: list[float]) -> None:
    assert quantile(values, 50) == statistics.median(values)


def test_at_a_whole_rank_the_95th_percentile_averages_two_neighbours() -> None:
    assert quantile(list(range(1, 21)), 95) == 19.5  # 19 of 20 values do not exceed 19
    assert quantile(list(range(1, 20)), 95) == 19


def test_no_answered_case_has_no_latency() -> None:
    found = latency_scores([])
    assert (found.median_seconds, found.p95_seconds, found.n) == (None, None, 0)


@pytest.mark.parametrize("bad", [-0.1, float("nan"), float("inf")])
def test_an_impossible_latency_is_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        latency_scores([0.1, bad])
