"""Orders under resampled patients, under other schemes and under other policies for missing answers."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kendalltau, rankdata

from arena.ranking.adjustment import Adjustment
from arena.ranking.floors import Unranked
from arena.ranking.ranks import Rank
from arena.ranking.schemes import Scheme, kendall_tau, mean_ranks, places, policy_sensitivity, scheme_places
from arena.ranking.stability import QUANTILES, rank_stability
from arena.scoring.influence import make_cases, make_column
from arena.scoring.resampling import plan_resamples, resampled_macros
from tests.unit.test_ranking_ranks import NO_SCORE, entry

ORDERS = st.lists(st.integers(0, 5), min_size=2, max_size=9)


@settings(deadline=None)
@given(st.integers(2, 9).flatmap(lambda n: st.tuples(*[st.lists(st.integers(0, 5), min_size=n, max_size=n)] * 2)))
def test_tau_equals_scipys(orders: tuple[list[int], list[int]]) -> None:
    expected = kendalltau(*orders).statistic
    found = kendall_tau(*orders)
    if np.isnan(expected):
        assert found is None
    else:
        assert found == pytest.approx(expected, abs=1e-12)


@given(ORDERS)
def test_places_count_the_higher_scores(scores: list[int]) -> None:
    exact: list[Fraction | None] = [Fraction(s, 7) for s in scores]
    assert places([*exact, None]) == (*[1 + sum(o > s for o in scores) for s in scores], None)


@settings(deadline=None)
@given(st.integers(1, 4).flatmap(lambda k: st.lists(st.lists(st.integers(0, 3), min_size=k, max_size=k), min_size=1)))
def test_mean_ranks_are_the_mid_ranks_averaged(table: list[list[int]]) -> None:
    found = [float(rank) for rank in mean_ranks([[Fraction(v) for v in row] for row in table])]
    assert found == pytest.approx(rankdata(-np.array(table), axis=0).mean(axis=1), abs=1e-12)


def test_two_schemes_may_order_the_same_entries_otherwise() -> None:
    # The first wins one finding by far, the second two of them by little.
    scores = [
        [Fraction(9, 10), Fraction(7, 10), Fraction(7, 10)],
        [Fraction(6, 10), Fraction(71, 100), Fraction(71, 100)],
    ]
    assert scheme_places(scores, Scheme.MEAN_THEN_RANK) == (1, 2)
    assert scheme_places(scores, Scheme.RANK_THEN_MEAN) == (2, 1)


def test_sums_in_another_order_tie_under_every_scheme() -> None:
    scores = [Fraction(1, 3), Fraction(1, 7), Fraction(10, 11)]
    turned = [scores[i:] + scores[:i] for i in range(3)]
    for scheme in Scheme:
        assert scheme_places(turned, scheme) == (1, 1, 1)


def test_stability_counts_ranks_shares_and_quantiles() -> None:
    scores = np.array([[0.9, 0.8, 0.7]] * 6 + [[0.8, 0.9, 0.7]] * 3 + [[0.8, 0.8, 0.9]])
    found = rank_stability(scores, [Fraction(9, 10), Fraction(8, 10), Fraction(7, 10)])
    assert [entry.rank_counts for entry in found.entries] == [(6, 4, 0), (3, 7, 0), (1, 0, 9)]
    assert [entry.share_first for entry in found.entries] == [0.6, 0.3, 0.1]
    assert [entry.quantiles for entry in found.entries] == [(1, 1, 1, 2, 2), (1, 1, 2, 2, 2), (1, 3, 3, 3, 3)]
    # Agreement in full, with one pair turned, and with two turned and one tied.
    taus = [1.0] * 6 + [1 / 3] * 3 + [kendalltau([2, 2, 3], [3, 2, 1]).statistic]
    assert found.tau_mean == pytest.approx(np.mean(taus), abs=1e-12)
    assert found.tau_quantiles == pytest.approx([taus[-1], 1 / 3, 1.0, 1.0, 1.0], abs=1e-12)


@given(st.integers(1, 60), st.integers(0, 10**6))
def test_quantiles_of_ranks_are_those_of_the_empirical_distribution(resamples: int, seed: int) -> None:
    scores = np.random.default_rng(seed).integers(0, 4, (resamples, 3)).astype(float)
    found = rank_stability(scores, [Fraction(1, 2)] * 3)
    for place, one in enumerate(found.entries):
        ranks = np.sort([1 + int((row > row[place]).sum()) for row in scores])
        for share, quantile in zip(QUANTILES, one.quantiles, strict=True):
            assert Fraction(int((ranks <= quantile).sum()), resamples) >= share
            assert Fraction(int((ranks < quantile).sum()), resamples) < share


def test_one_entry_has_no_order_to_agree_with() -> None:
    found = rank_stability(np.full((5, 1), 0.7), [Fraction(7, 10)])
    assert (found.tau_mean, found.tau_quantiles) == (None, ())
    assert found.entries[0].share_first == 1.0


def test_quantiles_of_resampled_ranks_do_not_cover_the_true_ranks_of_equal_entries() -> None:
    """Why they are never called 95 %: ten equal entries all have true rank 1, which their quantiles seldom all hold."""
    rng, held, trials = np.random.default_rng(7), 0, 60
    labels = np.arange(100) % 2 == 0
    cases = make_cases(labels, np.arange(100), 100)
    for trial in range(trials):
        answers = rng.normal(size=(10, 100)) + 1.5 * labels
        entries = [[make_column(np.argsort(np.argsort(row)), cases, size=100)] for row in answers]
        plan = plan_resamples([cases], trial, 200)
        stability = rank_stability(resampled_macros(entries, plan), [Fraction(1, 2)] * 10)
        held += all(one.quantiles[0] <= 1 <= one.quantiles[-1] for one in stability.entries)
    assert held / trials < 0.1


def test_the_ranking_is_shown_under_every_policy_for_missing_answers() -> None:
    # Under `worst` the second entry's gaps cost it its place; under `exclude_case` they flatter it.
    errors = np.eye(3) * 0.01
    worst = [entry("0.90", *errors[0]), entry("0.80", *errors[1]), NO_SCORE]
    excluded = [entry("0.90", *errors[0]), entry("0.97", *errors[1]), entry("0.99", *errors[2])]
    found = policy_sensitivity(
        {"worst": worst, "exclude_case": excluded},
        declared="worst",
        alpha=0.05,
        adjustment=Adjustment.HOLM,
        seed=1,
        unranked=[None, None, Unranked.NO_SCORE],
    )
    assert [one.policy for one in found] == ["worst", "exclude_case"]
    outside = Rank(None, None, None, Unranked.NO_SCORE)
    assert found[0].ranks == (Rank(1, 1, 1), Rank(2, 2, 2), outside)
    assert found[1].ranks == (Rank(2, 2, 2), Rank(1, 1, 1), outside)
    assert (found[0].places, found[1].places) == ((1, 2, None), (2, 1, None))
    assert (found[0].tau, found[1].tau) == (1.0, -1.0)
