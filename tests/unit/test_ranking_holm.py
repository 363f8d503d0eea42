"""Holm's adjustment."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from arena.ranking.holm import holm

p_values = st.lists(st.floats(0, 1, allow_subnormal=False), min_size=1, max_size=25)


@settings(deadline=None, max_examples=30)
@given(p_values)
def test_statsmodels_agrees(values: list[float]) -> None:
    assert holm(values) == pytest.approx(multipletests(values, method="holm")[1], abs=1e-15)


@settings(deadline=None)
@given(p_values)
def test_adjusting_never_lowers_a_p_value_or_changes_their_order(values: list[float]) -> None:
    adjusted = holm(values)
    assert all(p <= q <= 1 for p, q in zip(values, adjusted, strict=True))
    assert [q for _, q in sorted(zip(values, adjusted, strict=True))] == sorted(adjusted)


@settings(deadline=None)
@given(p_values, st.randoms())
def test_the_order_of_tests_cannot_matter(values: list[float], random: object) -> None:
    order = list(range(len(values)))
    random.shuffle(order)  # type: ignore[attr-defined]
    shuffled = holm([values[i] for i in order])
    assert [shuffled[order.index(i)] for i in range(len(values))] == list(holm(values))


def test_no_tests_need_no_adjustment() -> None:
    assert holm([]) == ()


@pytest.mark.parametrize("bad", [-0.1, 1.1, float("nan")])
def test_what_is_no_p_value_is_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="p values"):
        holm([0.5, bad])
