"""challengeR's three example contests, grown from their published recipe: its data are GPL and are not kept here.

`wiesenfa/challengeR`, Readme.Rmd, "Load data", draws them with R's generator from seeds 4 and 1; so do these, and some
of the values that it ships in inst/extdata/data_matrix.csv are checked. A contest there is 50 cases, each with one value
for each of five algorithms.
"""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import permutations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import expit, ndtri
from scipy.stats import rankdata

from arena.ranking.adjustment import Adjustment
from arena.ranking.ranks import Ranking, rank_entries
from arena.ranking.schemes import Scheme, kendall_tau, mean_ranks, scheme_places
from arena.ranking.stability import rank_stability
from arena.scoring.resampling import patient_weights
from tests.unit.test_ranking_ranks import Entry

CASES = 50


class RGenerator:
    """R's default generator: Mersenne Twister, seeded by a linear congruence, normals by inversion."""

    def __init__(self, seed: int) -> None:
        for _ in range(50):
            seed = (69069 * seed + 1) % 2**32
        words = []
        for _ in range(625):
            seed = (69069 * seed + 1) % 2**32
            words.append(seed)
        self._bits = np.random.MT19937()
        state = self._bits.state
        state["state"] = {"key": np.array(words[1:], dtype=np.uint32), "pos": 624}
        self._bits.state = state

    def uniform(self, n: int, low: float = 0.0, high: float = 1.0) -> NDArray[np.float64]:
        return low + (high - low) * self._bits.random_raw(n) * 2.3283064365386963e-10

    def normal(self, n: int) -> NDArray[np.float64]:
        pairs, big = self.uniform(2 * n).reshape(n, 2), 2.0**27
        return np.asarray(ndtri((np.floor(big * pairs[:, 0]) + pairs[:, 1]) / big), dtype=np.float64)


def ideal() -> NDArray[np.float64]:
    """Five algorithms whose values never overlap, shape (5, 50)."""
    generator = RGenerator(4)
    generator.uniform(CASES)
    ranges = [(0.9, 1.0), (0.8, 0.89), (0.7, 0.79), (0.6, 0.69), (0.5, 0.59)]
    return np.stack([generator.uniform(CASES, low, high) for low, high in ranges])


def random() -> NDArray[np.float64]:
    """Five algorithms whose values are drawn alike."""
    return np.asarray(expit(1.5 + RGenerator(1).normal(5 * CASES)).reshape(5, CASES), dtype=np.float64)


def worst_case() -> NDArray[np.float64]:
    """Each of the 120 orders of five algorithms once."""
    values = np.linspace(0.8, 1.0, 5)
    return np.array([[values[order.index(a)] for order in permutations(range(5))] for a in range(5)])


def as_entry(values: NDArray[np.float64]) -> Entry:
    """Rank by the mean over cases, each case a patient of its own; values as they are printed, to 15 digits."""
    score = sum((Fraction(f"{value:.15g}") for value in values), Fraction(0)) / len(values)
    n = len(values)
    return Entry(score, (values - float(score)) / n * math.sqrt(n / (n - 1)))


def ranked(values: NDArray[np.float64], adjustment: Adjustment) -> Ranking:
    return rank_entries([as_entry(row) for row in values], adjustment=adjustment)


def test_the_recipe_gives_the_values_that_challenger_ships() -> None:
    assert ideal()[[0, 0, 1, 2, 4], [0, 49, 0, 0, 49]] == pytest.approx(
        [0.938860999816097, 0.970128914294764, 0.822808462230023, 0.732027621136513, 0.51589159184834], abs=1e-15
    )
    assert random()[[0, 0, 2, 4], [0, 49, 0, 49]] == pytest.approx(
        [0.705483050079144, 0.915375281990771, 0.706746230801863, 0.925564022262169], abs=1e-14
    )
    assert ideal().mean(axis=1) == pytest.approx([0.95168, 0.84497, 0.74169, 0.64475, 0.54236], abs=5e-6)
    assert random().mean(axis=1) == pytest.approx([0.80468, 0.79752, 0.76148, 0.78841, 0.76974], abs=5e-6)


@pytest.mark.parametrize("adjustment", Adjustment)
def test_the_ideal_contest_is_ranked_one_by_one(adjustment: Adjustment) -> None:
    found = ranked(ideal(), adjustment)
    assert [(r.rank, r.low, r.high) for r in found.ranks] == [(i, i, i) for i in range(1, 6)]


@pytest.mark.parametrize("adjustment", Adjustment)
def test_in_the_random_contest_all_share_rank_one(adjustment: Adjustment) -> None:
    found = ranked(random(), adjustment)
    assert [(r.rank, r.low, r.high) for r in found.ranks] == [(1, 1, 5)] * 5
    assert min(pair.p_adjusted for pair in found.pairs) > 0.3


@pytest.mark.parametrize("adjustment", Adjustment)
def test_in_the_worst_case_all_tie_exactly(adjustment: Adjustment) -> None:
    found = ranked(worst_case(), adjustment)
    assert [(r.rank, r.low, r.high) for r in found.ranks] == [(1, 1, 5)] * 5
    assert {(pair.exact, pair.p_adjusted) for pair in found.pairs} == {(Fraction(0), 1.0)}
    exact = [[Fraction(f"{v:.15g}") for v in row] for row in worst_case()]
    assert [scheme_places(exact, scheme) for scheme in Scheme] == [(1,) * 5] * 2


def test_the_random_contest_is_ordered_otherwise_by_mean_ranks() -> None:
    exact = [[Fraction(v) for v in row] for row in random().tolist()]
    assert [float(rank) for rank in mean_ranks(exact)] == [2.72, 2.96, 3.32, 2.88, 3.12]
    by_mean, by_ranks = (scheme_places(exact, scheme) for scheme in Scheme)
    assert by_mean == (1, 2, 5, 3, 4)
    assert by_ranks == (1, 3, 5, 2, 4)
    assert kendall_tau(by_mean, by_ranks) == pytest.approx(0.8)
    assert mean_ranks(exact) == tuple(
        Fraction(float(rank)).limit_denominator(100) for rank in rankdata(-random(), axis=0).mean(axis=1)
    )


def test_the_random_contests_order_is_hardly_stable() -> None:
    # challengeR's own resamples: first in about 51 %, mean tau about 0.53.
    values, entries = random(), [as_entry(row) for row in random()]
    weights = np.stack([patient_weights(5, replicate, CASES) for replicate in range(2_000)])
    found = rank_stability(weights @ values.T / CASES, [entry.score or Fraction(0) for entry in entries])
    assert found.entries[0].share_first == pytest.approx(0.51, abs=0.04)
    assert found.tau_mean == pytest.approx(0.53, abs=0.04)


def test_the_ideal_contests_order_never_moves() -> None:
    weights = np.stack([patient_weights(5, replicate, CASES) for replicate in range(200)])
    scores = [entry.score or Fraction(0) for entry in map(as_entry, ideal())]
    found = rank_stability(weights @ ideal().T / CASES, scores)
    assert [entry.quantiles for entry in found.entries] == [(i,) * 5 for i in range(1, 6)]
    assert [entry.share_first for entry in found.entries] == [1.0, 0.0, 0.0, 0.0, 0.0]
    assert (found.tau_mean, found.tau_quantiles) == (1.0, (1.0,) * 5)
