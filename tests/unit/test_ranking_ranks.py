"""Comparisons of entries, ranks and rank sets."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import ndtr

from arena.ranking.differences import compare_all, paired_difference
from arena.ranking.floors import Unranked
from arena.ranking.ranks import Rank, rank_entries
from arena.scoring.estimates import Interval
from arena.scoring.evaluate import entry_influence
from arena.scoring.influence import Influence
from arena.scoring.inputs import ScoringInputs
from arena.scoring.intervals import auc_interval, newcombe_interval
from runners.values import Outcome


@dataclass(frozen=True)
class Entry:
    """A score with a chosen influence; entries of separate patients have independent errors."""

    score: Fraction | None
    mean: NDArray[np.float64] | None

    def limits(self, z: float) -> Interval:
        return newcombe_interval(float(self.score or 0), 50, 50, z)

    def interval(self, tail: float) -> Interval:
        error = 0.0 if self.mean is None else math.sqrt(float(np.sum(np.square(self.mean))))
        return auc_interval(float(self.score or 0), error, 50, 50, tail)


def entry(score: str, *errors: float) -> Entry:
    return Entry(Fraction(score), np.array(errors))


NO_SCORE = Entry(None, None)


def ranks(*entries: Entry) -> list[int | None]:
    return [rank.rank for rank in rank_entries(entries).ranks]


def sets(*entries: Entry) -> list[tuple[int | None, int | None]]:
    return [(rank.low, rank.high) for rank in rank_entries(entries).ranks]


def answers(levels: NDArray[np.int64], labels: NDArray[np.int64]) -> Influence:
    """Return the influence of an entry that answers every case, one study per patient."""
    n, k = levels.shape
    return entry_influence(
        ScoringInputs(
            findings=tuple(f"finding_{j}" for j in range(k)),
            thresholds=(5000,) * k,
            levels=levels.astype(np.int32),
            labels=labels.astype(np.int8),
            patients=np.arange(n),
            outcomes=(Outcome.OK,) * n,
            latency_seconds=(0.1,) * n,
            min_per_class=2,
        )
    )


def test_entries_that_every_test_separates_are_ranked_one_by_one() -> None:
    ideal = [entry(f"0.{95 - 10 * i}", *np.eye(5)[i] * 0.01) for i in range(5)]
    assert ranks(*ideal) == [1, 2, 3, 4, 5]
    assert sets(*ideal) == [(1, 1), (2, 2), (3, 3), (4, 4), (5, 5)]


def test_entries_that_no_test_separates_share_rank_one() -> None:
    alike = [entry(f"0.80{i}", *np.eye(5)[i] * 0.03) for i in range(5)]
    assert ranks(*alike) == [1] * 5
    assert sets(*alike) == [(1, 5)] * 5


def test_entries_with_identical_answers_tie_with_p_1() -> None:
    rng = np.random.default_rng(1)
    levels, labels = rng.integers(0, 10_001, size=(60, 2)), rng.integers(0, 2, size=(60, 2))
    pair = paired_difference(answers(levels, labels), answers(levels.copy(), labels))
    assert (pair.exact, pair.standard_error, pair.z, pair.p) == (0, 0.0, None, 1.0)
    assert ranks(*[entry("0.8", 0.01, 0.02)] * 4) == [1] * 4


def test_a_non_transitive_triple_shares_a_rank_with_its_neighbour() -> None:
    # A–B and B–C are not separated, A–C is: C has one entry surely above it, B none.
    first, middle, last = entry("0.90", 0.02, 0, 0), entry("0.86", 0, 0.02, 0), entry("0.82", 0, 0, 0.02)
    pairs = {(p.a, p.b): p.p_adjusted for p in compare_all([first, middle, last])}
    assert pairs[0, 2] < 0.05 < min(pairs[0, 1], pairs[1, 2])
    assert ranks(first, middle, last) == [1, 1, 2]
    assert sets(first, middle, last) == [(1, 2), (1, 3), (2, 3)]


def test_a_badly_measured_third_does_not_stand_before_a_well_measured_second() -> None:
    # Raw ranks are 1, 2, 1: the second is surely below the first, the third, of large error, is not.
    first, second, third = entry("0.90", 0.01, 0, 0), entry("0.85", 0, 0.01, 0), entry("0.84", 0, 0, 0.1)
    pairs = {(p.a, p.b): p.p_adjusted for p in compare_all([first, second, third])}
    assert pairs[0, 1] < 0.05 < pairs[0, 2]
    assert ranks(first, second, third) == [1, 1, 1]
    assert sets(first, second, third) == [(1, 2), (1, 3), (1, 3)]  # the first is surely above one of them


def test_entries_without_a_score_are_unranked_and_outside_the_family() -> None:
    good, bad = entry("0.9", 0.01, 0), entry("0.8", 0, 0.01)
    with_gap = rank_entries([NO_SCORE, good, NO_SCORE, bad])
    outside = Rank(None, None, None, Unranked.NO_SCORE)
    assert with_gap.ranks == (outside, Rank(1, 1, 1), outside, Rank(2, 2, 2))
    assert [(p.a, p.b) for p in with_gap.pairs] == [(1, 3)]
    assert with_gap.pairs[0].p_adjusted == paired_difference(good, bad).p


def test_one_entry_or_none_is_ranked_without_a_comparison() -> None:
    assert rank_entries([]).ranks == ()
    assert rank_entries([entry("0.7", 0.1)]).ranks == (Rank(1, 1, 1),)


def test_z_is_the_difference_over_the_error_of_the_influences_difference() -> None:
    pair = paired_difference(entry("0.9", 0.02, 0.01), entry("0.8", 0.01, -0.01))
    error = math.hypot(0.01, 0.02)
    assert pair.standard_error == pytest.approx(error, rel=1e-12)
    assert pair.z == pytest.approx(0.1 / error, rel=1e-12)
    assert pair.p == pytest.approx(2 * ndtr(-0.1 / error), rel=1e-12)


def test_without_variance_a_difference_is_judged_by_both_entries_own_limits() -> None:
    perfect, constant = entry("1", 0, 0), entry("1/2", 0, 0)
    pair = paired_difference(constant, perfect)
    assert (pair.standard_error, pair.z, pair.difference) == (0.0, None, -0.5)
    z = brentq(lambda at: math.hypot(1 - perfect.limits(at).low, constant.limits(at).high - 0.5) - 0.5, 1e-9, 38)
    assert 0 < pair.p < 1e-3
    assert pair.p == pytest.approx(2 * ndtr(-z), rel=1e-6)


def test_two_patients_a_class_cannot_separate_a_perfect_from_a_constant_entry() -> None:
    labels = np.array([[1], [1], [0], [0]])
    perfect = answers(np.array([[9000], [8000], [1000], [2000]]), labels)
    constant = answers(np.full((4, 1), 5000), labels)
    assert perfect.score == 1
    assert paired_difference(perfect, constant).p > 0.05


def test_sums_in_another_order_tie_exactly() -> None:
    # Three findings of equal class sizes with AUCs a, b, c; the second entry has them as c, a, b.
    rng = np.random.default_rng(2)
    labels = np.repeat((np.arange(90) < 37).astype(np.int64)[:, None], 3, axis=1)
    levels = rng.integers(0, 10_001, size=(90, 3))
    one, other = answers(levels, labels), answers(levels[:, [2, 0, 1]], labels)
    assert one.score == other.score
    assert [rank.rank for rank in rank_entries([one, other]).ranks] == [1, 1]
    assert paired_difference(one, other).p == 1.0


def test_entries_of_other_patients_cannot_be_compared() -> None:
    with pytest.raises(ValueError, match="same patients"):
        compare_all([entry("0.9", 0.1), entry("0.8", 0.1, 0.2)])


@st.composite
def leaderboards(draw: st.DrawFn) -> list[Entry]:
    def one() -> Entry:
        if draw(st.booleans()) and draw(st.booleans()):
            return NO_SCORE
        errors = draw(st.lists(st.sampled_from([0.0, 0.01, -0.02, 0.05]), min_size=4, max_size=4))
        return Entry(Fraction(draw(st.integers(0, 20)), 20), np.array(errors))

    return [one() for _ in range(draw(st.integers(1, 7)))]


@settings(deadline=None)
@given(leaderboards(), st.randoms())
def test_ranks_are_independent_of_entry_order(entries: list[Entry], random: object) -> None:
    order = list(range(len(entries)))
    random.shuffle(order)  # type: ignore[attr-defined]
    shuffled = rank_entries([entries[i] for i in order], resamples=99).ranks
    straight = rank_entries(entries, resamples=99).ranks
    assert [shuffled[order.index(i)] for i in range(len(entries))] == list(straight)


@settings(deadline=None)
@given(leaderboards())
def test_ranks_are_monotone_in_the_score_and_equal_for_ties(entries: list[Entry]) -> None:
    found = [
        (e.score, r)
        for e, r in zip(entries, rank_entries(entries, resamples=99).ranks, strict=True)
        if e.score is not None
    ]
    for score, rank in found:
        for other_score, other in found:
            if score == other_score:
                assert rank == other
            if score > other_score:
                assert (rank.rank or 0) <= (other.rank or 0)
                assert (rank.low or 0) <= (other.low or 0)
                assert (rank.high or 0) <= (other.high or 0)


@settings(deadline=None)
@given(leaderboards())
def test_the_best_score_has_rank_one_and_lies_in_its_rank_set(entries: list[Entry]) -> None:
    scores = [e.score for e in entries if e.score is not None]
    for one, rank in zip(entries, rank_entries(entries, resamples=99).ranks, strict=True):
        if one.score is not None:
            assert rank.rank is not None
            assert rank.low is not None
            assert rank.high is not None
            assert 1 <= rank.low <= rank.rank <= rank.high <= len(scores)
            assert rank.rank == 1 or one.score < max(scores)
            place = 1 + sum(score > one.score for score in scores)
            assert rank.low <= place <= rank.high


def simulated(rng: np.random.Generator, shifts: list[float], n: int) -> list[Influence]:
    """Simulate entries that read the same cases with correlated errors."""
    labels = (np.arange(n) % 2)[:, None]
    shared = rng.normal(size=(n, 1))
    entries = []
    for shift in shifts:
        scores = shift * labels + math.sqrt(0.5) * shared + math.sqrt(0.5) * rng.normal(size=(n, 1))
        entries.append(answers(np.rint(10_000 * ndtr(scores / 2)).astype(np.int64), labels))
    return entries


def test_equal_entries_are_falsely_separated_in_at_most_5_percent_of_contests() -> None:
    rng, trials = np.random.default_rng(3), 200
    separated = 0
    for _ in range(trials):
        separated += any(rank.rank != 1 for rank in rank_entries(simulated(rng, [1.5] * 5, 200), resamples=99).ranks)
    assert separated / trials <= 0.08  # 5 % and two Monte-Carlo errors


def test_rank_sets_hold_all_true_ranks_at_once_in_95_percent_of_contests() -> None:
    rng, trials, shifts = np.random.default_rng(4), 200, [2.6, 2.0, 1.7, 1.7, 1.2]
    true = [1 + sum(other > shift for other in shifts) for shift in shifts]
    held = 0
    for _ in range(trials):
        found = rank_entries(simulated(rng, shifts, 200), resamples=99).ranks
        held += all((r.low or 0) <= place <= (r.high or 0) for r, place in zip(found, true, strict=True))
    assert held / trials >= 0.93


def test_two_hundred_entries_are_compared_within_seconds() -> None:
    rng = np.random.default_rng(5)
    entries = [
        Entry(Fraction(int(s), 10_000), rng.normal(scale=5e-4, size=1000)) for s in rng.integers(8000, 9500, 200)
    ]
    found = rank_entries(entries)
    assert len(found.pairs) == 200 * 199 // 2
    assert min(rank.rank or 0 for rank in found.ranks) == 1
