"""Exact binomial limits and the numbers of patients that they ask for."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta, binom
from statsmodels.stats.proportion import proportion_confint

from arena.scoring.binomial import chance_of_at_most, lower_limit, units_for_zero, upper_limit

COUNTS = st.integers(1, 2000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@settings(deadline=None)
@given(COUNTS)
def test_statsmodels_agrees_on_the_two_limits_at_once(counts: tuple[int, int]) -> None:
    x, n = counts
    both = (lower_limit(x, n, 0.975), upper_limit(x, n, 0.975))
    assert both == pytest.approx(proportion_confint(x, n, method="beta"), abs=1e-9)


@settings(deadline=None)
@given(COUNTS)
def test_at_a_limit_the_count_or_a_more_extreme_one_has_chance_one_in_twenty(counts: tuple[int, int]) -> None:
    x, n = counts
    if x < n:
        assert binom.cdf(x, n, upper_limit(x, n)) == pytest.approx(0.05, abs=1e-9)
    if x > 0:
        assert binom.sf(x - 1, n, lower_limit(x, n)) == pytest.approx(0.05, abs=1e-9)


def test_newcombe_s_published_exact_limits_are_met() -> None:
    # Newcombe 1998, Statistics in Medicine 17:857–872, table I, Clopper–Pearson.
    for x, n, low, high in (
        (81, 263, 0.2527, 0.3676),
        (15, 148, 0.0578, 0.1617),
        (0, 20, 0, 0.1684),
        (1, 29, 0.0009, 0.1776),
    ):
        assert (lower_limit(x, n, 0.975), upper_limit(x, n, 0.975)) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(("limit", "n"), [(0.01, 299), (0.05, 59), (0.1, 29), (0.001, 2995), (0.96, 1)])
def test_so_many_without_a_miss_are_needed_and_no_fewer(limit: float, n: int) -> None:
    assert units_for_zero(limit) == n
    assert upper_limit(0, n) <= limit
    assert n == 1 or upper_limit(0, n - 1) > limit


@given(COUNTS, st.floats(0.001, 0.999))
def test_the_chance_of_at_most_is_the_binomial_distribution(counts: tuple[int, int], share: float) -> None:
    x, n = counts
    expected = beta.sf(share, x + 1, n - x) if x < n else 1.0
    assert chance_of_at_most(x, n, share) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(("hits", "n"), [(0, 0), (3, 2), (-1, 5)])
def test_what_is_no_share_has_no_limit(hits: int, n: int) -> None:
    with pytest.raises(ValueError, match="is no share"):
        upper_limit(hits, n)
