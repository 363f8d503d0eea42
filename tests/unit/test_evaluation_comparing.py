"""What a closed phase tells of all entries together, from stored answers."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import numpy as np
import pytest

from arena.challenge.clinical import ReaderRow, ReadersTable
from arena.evaluation import comparing
from arena.evaluation.ranking import Fine, Ranked
from tests.judged import CLINIC, Judged
from tests.seeding import declaration


@pytest.fixture(scope="module")
def contest(tmp_path_factory: pytest.TempPathFactory) -> Judged:
    judged = Judged(tmp_path_factory.mktemp("contest"))
    for name, strength, silent in (("good", 2.0, 0), ("near", 1.9, 0), ("fair", 1.0, 0), ("silent", 2.2, 8)):
        judged.enter(name, strength, silent=silent)
    return judged


def fine(ranked: Ranked) -> Fine:
    assert ranked.fine is not None
    return ranked.fine


def test_the_order_in_which_entries_are_given_changes_nothing(contest: Judged) -> None:
    names = ("good", "near", "silent")
    first, *others = [contest.rank(*names, order=lambda _names, o=order: o) for order in permutations(names)]
    assert others == [first] * 5


def test_an_open_phase_asks_for_ranks_alone(contest: Judged) -> None:
    shallow = contest.rank("good", "fair", finest=False)
    assert shallow.fine is None
    assert shallow.ranks == contest.rank("good", "fair").ranks


def test_the_better_of_a_pair_comes_first_and_both_adjustments_stand_beside_each_other(contest: Judged) -> None:
    for pair in contest.rank("fair", "good", "near").pairs:
        assert pair.difference > 0
        assert pair.low is not None
        assert pair.low < pair.difference
        assert pair.p_holm is not None
        assert pair.p <= min(pair.p_holm, pair.p_adjusted)
        assert pair.p_adjusted == pair.p_max_t
        assert (pair.n, pair.n_patients) == (contest.cases, contest.cases)
        assert pair.n_positive == int((contest.labels == 1).any(axis=1).sum())
        assert (pair.method, pair.interval) == ("paired_influence", "mover_logit_t")
        assert pair.high is not None
        assert pair.difference < pair.high


def test_a_pair_counts_what_has_a_known_reference(tmp_path: Path) -> None:
    contest = Judged(tmp_path, unknown=0.3)
    contest.enter("good", 2.0)
    contest.enter("fair", 1.0, silent=8)
    known = (contest.labels >= 0).any(axis=1)
    assert 0 < known.sum() < contest.cases
    ranked = contest.rank("good", "fair")
    told = fine(ranked).stability
    assert told is not None
    for each in (ranked.pairs[0], told):
        assert each.n == each.n_patients == int(known.sum())
        assert each.n_positive == int((contest.labels == 1).any(axis=1).sum())


def test_where_cases_are_left_out_a_pair_counts_what_both_answered(tmp_path: Path) -> None:
    contest = Judged(tmp_path, declaration(**CLINIC | {"missing": "exclude_case"}), unknown=0.3)
    contest.enter("good", 2.0, silent=5)
    contest.enter("fair", 1.0, silent=8)
    number = np.arange(contest.cases)
    counted = (contest.labels >= 0).any(axis=1) & (number % 5 > 0) & (number % 8 > 0)
    (pair,) = contest.rank("good", "fair").pairs
    assert pair.n == pair.n_patients == int(counted.sum())
    assert pair.n_positive == int((contest.labels == 1)[counted].any(axis=1).sum())


def test_an_entry_and_its_copy_stand_at_a_difference_of_nothing(tmp_path: Path) -> None:
    contest = Judged(tmp_path)
    contest.enter("one", 1.5, seed=1)
    contest.enter("copy", 1.5, seed=1)
    (pair,) = contest.rank("one", "copy").pairs
    assert (pair.difference, pair.low, pair.high, pair.p) == (0, 0, 0, 1)


def test_non_inferiority_is_tested_both_ways_where_a_margin_is_declared(contest: Judged, tmp_path: Path) -> None:
    (pair,) = contest.rank("good", "fair").pairs
    assert pair.a_against_b is not None
    assert pair.b_against_a is not None
    assert (pair.a, pair.a_against_b.non_inferior, pair.b_against_a.non_inferior) == ("good", True, False)
    assert pair.a_against_b.margin == 0.05
    without = Judged(tmp_path, declaration(**CLINIC | {"ranking": {}}))
    without.enter("good", 2.0)
    without.enter("fair", 1.0)
    assert without.rank("good", "fair").pairs[0].a_against_b is None


def test_missing_answers_move_places_between_policies_and_nothing_else_does(contest: Judged) -> None:
    told = {each.policy: each for each in fine(contest.rank("good", "silent")).policies}
    assert list(told) == ["worst", "half", "exclude_case"]
    places = {policy: {e.submission: e.place for e in each.entries} for policy, each in told.items()}
    assert (places["worst"], places["exclude_case"]) == ({"good": 1, "silent": 2}, {"good": 2, "silent": 1})
    assert (told["worst"].tau, told["exclude_case"].tau) == (1.0, -1.0)
    card = contest.card("silent")
    macros = {policy: each.entries[1].macro for policy, each in told.items()}
    assert (macros["worst"], macros["half"]) == (card.macro_worst, card.macro_half)
    whole = fine(contest.rank("good", "fair")).policies
    assert all(each.entries == whole[0].entries and each.tau == 1 for each in whole)


def test_schemes_order_the_entries_by_findings_joined_otherwise(contest: Judged) -> None:
    first, second = fine(contest.rank("good", "near", "fair")).schemes
    assert (first.scheme, second.scheme) == ("mean_then_rank", "rank_then_mean")
    assert first.tau == 1
    assert {each.submission for each in second.entries} == {"good", "near", "fair"}
    assert next(each.place for each in second.entries if each.submission == "fair") == 3


def test_stability_tells_how_often_each_entry_led(contest: Judged) -> None:
    found = fine(contest.rank("good", "near", "fair")).stability
    assert found is not None
    assert (found.resamples, found.redrawn, found.reason) == (comparing.RESAMPLES, 0, None)
    assert all(sum(each.rank_counts) == found.resamples for each in found.entries)
    led = {each.submission: each.share_first for each in found.entries}
    assert sum(led.values()) == pytest.approx(1, abs=0.01)
    assert led["fair"] == 0
    assert found.quantiles_at == (0.025, 0.25, 0.5, 0.75, 0.975)
    assert all(len(each.quantiles) == 5 for each in found.entries)


def test_stability_is_refused_where_resamples_lack_a_class(tmp_path: Path) -> None:
    tiny = Judged(tmp_path, declaration(**CLINIC | {"min_per_class": 2}), cases=10)
    tiny.labels[:, 0] = [1, 1, 0, 0, 0, 0, 0, 0, 0, 0]
    rows = [(n, f"p{i}", tuple(r)) for i, (n, r) in enumerate(zip(tiny.names, tiny.labels.tolist(), strict=True))]
    from arena.vault.references import write_references  # noqa: PLC0415 - of these labels only

    tiny.references = tiny.roots.references.put(write_references(rows, ("nodule", "effusion"))).sha256
    tiny.enter("one", 1.0)
    tiny.enter("two", 0.5)
    found = fine(tiny.rank("one", "two")).stability
    assert found is not None
    assert (found.resamples, found.entries, found.reason) == (0, (), comparing.REDRAWN_TOO_OFTEN)


def test_calls_are_compared_case_by_case_and_a_missing_answer_is_an_error(contest: Judged) -> None:
    calls = fine(contest.rank("good", "silent")).calls
    assert len(calls) == 4
    found = next(call for call in calls if (call.finding, call.of) == ("nodule", "sensitivity"))
    positives = np.flatnonzero(contest.labels[:, 0] == 1)
    cards = {name: contest.card(name).findings[0] for name in ("good", "silent")}
    shares = {name: card.sensitivity.value for name, card in cards.items()}
    assert shares["good"] is not None
    assert shares["silent"] is not None
    sign = 1 if found.a == "good" else -1
    assert found.difference == pytest.approx(sign * (shares["good"] - shares["silent"]), abs=1e-12)
    assert (found.n, found.patients) == (positives.size, positives.size)
    assert found.low < found.difference < found.high
    assert (found.only_a - found.only_b) / found.n == pytest.approx(found.difference)


def test_with_many_entries_calls_are_compared_with_the_best_alone(
    contest: Judged, monkeypatch: pytest.MonkeyPatch
) -> None:
    everyone = fine(contest.rank("good", "near", "fair"))
    assert (everyone.calls_against, len(everyone.calls)) == ("all", 3 * 4)
    monkeypatch.setattr(comparing, "ALL_CALLS_UP_TO", 2)
    few = fine(contest.rank("good", "near", "fair"))
    assert (few.calls_against, len(few.calls)) == ("first", 2 * 4)
    best = max(("good", "near", "fair"), key=lambda name: contest.card(name).macro.value or 0)
    assert {call.a for call in few.calls} == {best}


def test_equal_answers_of_two_vendors_are_told_of_and_a_vendor_s_own_are_not(tmp_path: Path) -> None:
    contest = Judged(tmp_path)
    for name in ("one", "two", "three"):
        contest.enter(name, 1.5, seed=3)
    vendors = {"one": "a", "two": "b", "three": "b"}
    assert fine(contest.rank("one", "two", "three", vendors=vendors)).duplicates == {
        "one": ("three", "two"), "three": ("one",), "two": ("one",),
    }  # fmt: skip


def test_readers_stand_on_the_board_with_exact_intervals(tmp_path: Path) -> None:
    rows = (
        ReaderRow(finding="nodule", label="R1", n_positive=20, n_negative=30, true_positive=18, true_negative=24),
        ReaderRow(finding="nodule", label="Mean", readers=3, sensitivity="0.8", specificity="0.9", source="2026"),
        ReaderRow(finding="effusion", label="R2", kind="curve", sensitivity="0.8", specificity="0.9"),
    )
    declared = declaration(**CLINIC).model_copy(update={"readers": ReadersTable(file="readers.csv", rows=rows)})
    contest = Judged(tmp_path, declared)
    contest.enter("good", 2.0)
    readers = fine(contest.rank("good")).readers
    assert readers is not None
    one, mean = readers.points
    assert (one.sensitivity.value, one.sensitivity.method, one.sensitivity.n) == (0.9, "clopper_pearson", 20)
    assert one.sensitivity.low is not None
    assert (mean.sensitivity.value, mean.sensitivity.low, mean.source) == (0.8, None, "2026")
    assert readers.curves[0].points == ((0.0, 0.0), (0.1, 0.8), (1.0, 1.0))
    assert readers.curves[0].auc.value == pytest.approx(0.85)
    assert (readers.curves[0].auc.n, readers.curves[0].auc.reason) == (None, "no_counts")
    assert (mean.sensitivity.n, mean.sensitivity.n_positive) == (None, None)


def test_an_entry_below_a_floor_is_told_of_and_compared_with_nobody(tmp_path: Path) -> None:
    contest = Judged(tmp_path, declaration(**CLINIC | {"ranking": {"floor_auc": 0.6}}))
    contest.enter("good", 2.0)
    contest.enter("chance", 0.0)
    ranked = contest.rank("good", "chance")
    assert ranked.ranks["chance"].unranked == "below_floor_auc"
    told = fine(ranked)
    assert told.stability is not None
    assert [each.submission for each in told.stability.entries] == ["good"]
    assert (told.calls, ranked.pairs) == ((), ())
    assert [(e.submission, e.rank) for e in told.policies[0].entries] == [("good", 1), ("chance", None)]
