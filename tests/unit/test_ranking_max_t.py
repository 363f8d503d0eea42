"""The step-down max-T adjustment."""

from __future__ import annotations

import hashlib
import math
import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import ndtr

from arena.ranking.adjustment import Adjustment
from arena.ranking.differences import PairedDifference, compare_all
from arena.ranking.max_t import max_t, sign_sums
from arena.ranking.ranks import rank_entries
from tests.unit.test_ranking_ranks import Entry, entry, leaderboards

ROOT = Path(__file__).parents[2]


def correlated(seed: int, entries: int, patients: int, *, own: float = 0.3) -> NDArray[np.float64]:
    """Return influences of entries that mostly err on the same patients."""
    rng = np.random.default_rng(seed)
    return np.asarray(rng.normal(size=patients) + own * rng.normal(size=(entries, patients)), dtype=np.float64)


def board(seed: int, entries: int = 8, patients: int = 90) -> list[Entry]:
    rng = np.random.default_rng(seed)
    influence = correlated(seed, entries, patients) / 500
    return [
        Entry(Fraction(int(s), 1000), phi) for s, phi in zip(rng.integers(820, 900, entries), influence, strict=True)
    ]


def plain_max_t(
    influence: NDArray[np.float64], signs: NDArray[np.float64], statistics: list[float], pairs: list[tuple[int, int]]
) -> list[float]:
    """Adjust one comparison after the other, as the definition reads."""
    resampled = []
    for a, b in pairs:
        difference = influence[a] - influence[b]
        resampled.append(np.abs(signs @ difference) / math.sqrt(float(np.sum(difference**2))))
    order = sorted(range(len(pairs)), key=lambda i: -statistics[i])
    adjusted, before = [0.0] * len(pairs), 0.0
    for step, place in enumerate(order):
        largest = np.max([resampled[i] for i in order[step:]], axis=0)
        reached = int(np.count_nonzero(largest >= statistics[place]))
        before = max(before, (1 + reached) / (signs.shape[0] + 1))
        adjusted[place] = before
    return adjusted


def test_the_adjusted_p_values_are_those_of_the_definition() -> None:
    influence, resamples = correlated(1, 6, 70), 499
    pairs = [(a, b) for a in range(6) for b in range(a + 1, 6)]
    errors = np.array([math.sqrt(float(np.sum((influence[a] - influence[b]) ** 2))) for a, b in pairs])
    statistics = np.random.default_rng(2).uniform(0, 3.5, len(pairs))
    signs = sign_sums(np.eye(70), 11, resamples).T  # an entry that one patient alone bears on tells his signs
    assert set(np.unique(signs)) == {-1.0, 1.0}
    found = max_t(influence, np.array(pairs), statistics, errors, seed=11, resamples=resamples)
    assert found.tolist() == plain_max_t(influence, signs, statistics.tolist(), pairs)


def test_signs_are_balanced_and_differ_between_seeds() -> None:
    one, other = sign_sums(np.eye(40), 1, 4000), sign_sums(np.eye(40), 2, 4000)
    assert abs(one.mean()) < 4 / math.sqrt(one.size)
    assert abs((one * other).mean()) < 4 / math.sqrt(one.size)
    assert np.abs(one @ one.T / 4000 - np.eye(40)).max() < 5 / math.sqrt(4000)


def test_sums_are_exact_in_any_order_of_patients() -> None:
    # Influences of very different size, whose float sums depend on their order; the integers' do not.
    rng = np.random.default_rng(3)
    influence = rng.normal(size=(3, 500)) * 10.0 ** rng.integers(-9, 1, size=500)
    signs = sign_sums(np.eye(500), 5, 200)
    found = sign_sums(influence, 5, 200)
    exponent = math.frexp(float(np.abs(influence).max()))[1] + (500).bit_length()
    whole = [[int(v) for v in row] for row in np.rint(np.ldexp(influence, 51 - exponent))]
    for a in range(3):
        for r in range(200):
            exact = sum(int(sign) * v for sign, v in zip(signs[:, r], whole[a], strict=True))
            assert found[a, r] == math.ldexp(exact, exponent - 51)
    assert found == pytest.approx(influence @ signs, abs=1e-9)


def test_equal_answers_differ_by_0_with_p_1_however_adjusted() -> None:
    twin = entry("0.9", 0.01, 0.02, -0.01)
    pair = next(p for p in compare_all([twin, twin, entry("0.5", 0.03, 0.0, 0.01)]) if (p.a, p.b) == (0, 1))
    assert (pair.exact, pair.p, pair.p_holm, pair.p_max_t) == (0, 1.0, 1.0, 1.0)


def test_a_single_comparison_needs_no_adjustment() -> None:
    pair = compare_all([entry("0.9", 0.02, 0.01), entry("0.8", 0.01, -0.01)])[0]
    assert pair.p == pair.p_holm == pair.p_max_t


def test_no_adjusted_p_value_is_below_that_of_its_comparison_alone() -> None:
    for pair in compare_all(board(4)):
        assert pair.p <= pair.p_max_t <= 1
        assert pair.p <= pair.p_holm <= 1


def test_dependent_comparisons_are_adjusted_less_than_holm_adjusts_them() -> None:
    pairs = compare_all(board(5, entries=12, patients=200), resamples=4_999)
    told = [pair for pair in pairs if 0.001 < pair.p_holm < 1]
    assert len(told) > 10
    assert sum(pair.p_max_t < pair.p_holm for pair in told) > 0.8 * len(told)


def test_the_declared_adjustment_decides() -> None:
    for adjustment in Adjustment:
        for pair in compare_all(board(6), adjustment=adjustment):
            assert pair.p_adjusted == (pair.p_max_t if adjustment is Adjustment.MAX_T else pair.p_holm)


def test_the_declared_adjustment_decides_ranks() -> None:
    found = {
        adjustment: [rank.rank for rank in rank_entries(board(5, 12, 200), adjustment=adjustment).ranks]
        for adjustment in Adjustment
    }
    assert found[Adjustment.MAX_T] != found[Adjustment.HOLM]
    assert sum(r or 0 for r in found[Adjustment.MAX_T]) > sum(r or 0 for r in found[Adjustment.HOLM])


def test_comparisons_without_variance_take_part() -> None:
    perfect, constant, other = entry("1", *[0.0] * 40), entry("1/2", *[0.0] * 40), entry("0.7", *[0.01, -0.01] * 20)
    pairs = {(p.a, p.b): p for p in compare_all([perfect, constant, other])}
    assert pairs[0, 1].z is None
    assert 0 < pairs[0, 1].p <= pairs[0, 1].p_max_t < 0.01


def test_equal_statistics_get_equal_p_values() -> None:
    influence, pairs = correlated(12, 6, 80, own=1.0), np.array([(0, 1), (2, 3), (4, 5), (0, 5)])
    errors = np.sqrt(np.sum((influence[pairs[:, 0]] - influence[pairs[:, 1]]) ** 2, axis=1))
    found = max_t(influence, pairs, np.array([1.8, 1.8, 0.4, 1.8]), errors, seed=1, resamples=99)
    assert found[0] == found[1] == found[3] < found[2]


@settings(deadline=None)
@given(leaderboards(), st.randoms())
def test_max_t_is_independent_of_entry_order(entries: list[Entry], random: object) -> None:
    order = list(range(len(entries)))
    random.shuffle(order)  # type: ignore[attr-defined]

    def told(pairs: tuple[PairedDifference, ...], names: list[int]) -> dict[frozenset[int], tuple[float, float]]:
        return {frozenset((names[p.a], names[p.b])): (p.p_holm, p.p_max_t) for p in pairs}

    straight = compare_all(entries, resamples=99, seed=3)
    shuffled = compare_all([entries[i] for i in order], resamples=99, seed=3)
    assert told(straight, list(range(len(entries)))) == told(shuffled, order)


def test_equal_entries_are_falsely_separated_in_at_most_5_percent_of_contests() -> None:
    # Heavy-tailed influences of a hundred patients; scores drawn from the same patients' errors.
    rng, trials, separated = np.random.default_rng(7), 1_000, 0
    for trial in range(trials):
        errors = (rng.normal(size=100) + rng.laplace(size=(6, 100))) / 100
        entries = [
            Entry(Fraction(round(10**9 * (0.8 + float(e.sum()))), 10**9), (e - e.mean()) * math.sqrt(100 / 99))
            for e in errors
        ]
        pairs = compare_all(entries, adjustment=Adjustment.MAX_T, resamples=199, seed=trial)
        separated += any(pair.p_adjusted < 0.05 for pair in pairs)
    assert 0.03 <= separated / trials <= 0.065


SCRIPT = """
import sys; sys.path.insert(0, {root!r})
from tests.unit.test_ranking_max_t import fingerprint
print(fingerprint())
"""


def fingerprint() -> str:
    """Hash the bits of every p value of a board that is large enough for threads to be used."""
    pairs = compare_all(board(8, entries=40, patients=3_000), adjustment=Adjustment.MAX_T, seed=9, resamples=1_000)
    text = "\n".join(f"{p.p.hex()} {p.p_holm.hex()} {p.p_max_t.hex()} {p.standard_error.hex()}" for p in pairs)
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize(
    "environment",
    [
        {"OPENBLAS_NUM_THREADS": "1"},
        {"OPENBLAS_NUM_THREADS": "2"},
        {"OPENBLAS_CORETYPE": "Prescott", "NPY_DISABLE_CPU_FEATURES": "AVX2 FMA3 AVX512F AVX512_SKX"},
    ],
    ids=["one thread", "two threads", "no wide instructions"],
)
def test_the_bits_are_the_same_with_other_threads_and_instructions(environment: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SCRIPT.format(root=str(ROOT))],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == fingerprint()


def test_p_values_of_many_resamples_approach_those_of_independent_comparisons() -> None:
    # Twelve patients in pairs of opposite influence bear each on one entry: three comparisons that share no entry are
    # independent, and of m independent normal statistics the largest exceeds t with probability 1 − (1 − p)^m.
    rng = np.random.default_rng(10)
    influence = np.zeros((6, 600))
    for a in range(6):
        influence[a, 100 * a : 100 * (a + 1)] = rng.normal(size=100)
    pairs = np.array([(0, 1), (2, 3), (4, 5)])
    errors = np.array([math.sqrt(float(np.sum((influence[a] - influence[b]) ** 2))) for a, b in pairs])
    found = max_t(influence, pairs, np.array([2.3, 2.0, 1.5]), errors, seed=4, resamples=99_999)
    alone = 2 * ndtr(-np.array([2.3, 2.0, 1.5]))
    assert found == pytest.approx([1 - (1 - alone[0]) ** 3, 1 - (1 - alone[1]) ** 2, alone[2]], abs=0.005)
