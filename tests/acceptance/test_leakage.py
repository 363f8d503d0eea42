"""The attacks that docs/security.md tells of, simulated: what the defaults hold back, and what others do not."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from arena.challenge.lint import guessers_auc
from arena.challenge.schema import Feedback, Quota
from arena.ranking.shown_best import improves
from arena.scoring.evaluate import entry_influence
from arena.scoring.inputs import ScoringInputs
from benchmarks import leakage
from runners.values import Outcome
from tests.acceptance.probing_simulation import Attack, Ladder, Size, macro_with_influence, reached

PAGE = (Path(__file__).parents[2] / "docs" / "security.md").read_text(encoding="utf-8")
STATED = 0.60
"""An attacker without knowledge reaches no more, on average, within the declared quota."""

NAMED = {defence.name: defence for defence in leakage.DEFENCES}
CONTESTS = 25


def stated(name: str) -> dict[int, tuple[float, float]]:
    """Return the page's line of a defence: attempts → mean and what 95 of 100 contests stay below."""
    section = PAGE.split(leakage.BEGIN)[1].split(leakage.END)[0].strip().splitlines()
    marks = [int(mark) for mark in re.findall(r"\d+", section[0])]
    (row,) = [line for line in section if line.startswith(f"| {name} |")]
    cells = [cell.strip() for cell in row.strip("|").split("|")[1:]]
    numbers = {mark: re.findall(r"\d\.\d\d", cell) for mark, cell in zip(marks, cells, strict=True)}
    return {mark: (float(found[0]), float(found[1])) for mark, found in numbers.items() if found}


def test_the_measured_defaults_are_the_declared_ones() -> None:
    assert (Feedback(), Quota().total) == (Feedback(ladder=True, eta=0.01), leakage.QUOTA)


def test_within_the_declared_quota_no_known_attack_reaches_the_stated_bound_by_the_defaults() -> None:
    found = leakage.measure(NAMED["Ladder 0.01"], (10, leakage.QUOTA), contests=CONTESTS)
    assert max(found.mean.values()) <= STATED
    assert max(mean for mark, (mean, _) in stated("Ladder 0.01").items() if mark <= leakage.QUOTA) <= STATED
    assert f"**{STATED:.2f}**" in PAGE


@pytest.mark.parametrize("name", ["rounded to 0.01", "none: exact score", "best stands, 0.01"])
def test_without_the_ladder_the_same_attacks_reach_more(name: str) -> None:
    with_ladder = leakage.measure(NAMED["Ladder 0.01"], (30,), contests=CONTESTS).mean[30]
    assert leakage.measure(NAMED[name], (30,), contests=CONTESTS).mean[30] > with_ladder + 0.02


def test_unprotected_boards_give_the_labels_away() -> None:
    assert leakage.measure_curves(contests=5).mean[10] >= 0.99
    exact = reached(NAMED["none: exact score"].verdict, Attack.VOTE, [300], contests=5, seed=1, size=Size())
    assert exact[300].mean() >= 0.90


def test_steps_from_below_chance_go_around_a_ladder_that_does_not_know_chance() -> None:
    def steps(*, chance: bool) -> float:
        found = reached(lambda: Ladder(0.01, chance=chance), Attack.STEPS, [30], contests=CONTESTS, seed=1, size=Size())
        return float(found[30].mean())

    assert steps(chance=False) > 0.58
    assert steps(chance=True) < 0.52


@pytest.mark.parametrize("name", ["rounded to 0.01", "best stands, 0.01", "Ladder 0.01"])
def test_the_stated_table_is_what_simulation_gives(name: str) -> None:
    found = leakage.measure(NAMED[name], (1, 10, 30), contests=CONTESTS)
    for mark, mean in found.mean.items():
        assert abs(mean - stated(name)[mark][0]) <= 0.02


def test_no_public_document_of_an_open_phase_teaches_more_than_the_stated_bound_and_the_page_says_how_much() -> None:
    section = PAGE.split(leakage.BEGIN_DOCUMENTS)[1].split(leakage.END_DOCUMENTS)[0].strip().splitlines()[2:]
    told = {
        row.split(" | ")[0].removeprefix("| "): [float(n) for n in re.findall(r"(\d\.\d\d) \(", row)] for row in section
    }
    for line in leakage.measure_documents(contests=CONTESTS, marks=(10, leakage.QUOTA)):
        assert max(line.mean.values()) <= STATED
        assert list(line.mean.values()) == pytest.approx(told.pop(line.defence)[2:], abs=0.02)
    (shown_all_the_same,) = told.values()
    assert min(shown_all_the_same) >= 0.95, "where a scorecard is public"


@pytest.mark.parametrize(("attempts", "auc"), [(10, 0.60), (30, 0.68), (100, 0.80)])
def test_what_the_check_of_a_challenge_foretells_without_the_ladder_is_what_simulation_gives(
    attempts: int, auc: float
) -> None:
    foretold = guessers_auc(attempts, [(38, 62)] * 3)
    assert foretold == pytest.approx(auc, abs=0.01)
    assert abs(foretold - stated("rounded to 0.01")[attempts][0]) <= 0.02


def test_the_simulated_ladder_decides_as_the_products_does() -> None:
    rng, cases = np.random.default_rng(7), 60
    labels = rng.random((cases, 2)) < 0.4
    guess = rng.integers(0, 10_001, (cases, 2))
    shown, decided = None, []
    ladder = Ladder(0.01)
    for _ in range(40):
        moved = np.where(rng.random((cases, 2)) < 0.1, np.where(labels, 9_000, 1_000) + rng.integers(0, 900), guess)
        influence = entry_influence(
            ScoringInputs(
                findings=("a", "b"),
                thresholds=(5000, 5000),
                levels=moved.astype(np.int32),
                labels=labels.astype(np.int8),
                patients=np.arange(cases),
                outcomes=(Outcome.OK,) * cases,
                latency_seconds=(0.1,) * cases,
                min_per_class=2,
            )
        )
        product = improves(influence, shown, eta=0.01)
        decided.append(product)
        assert product == (ladder(*macro_with_influence(moved.astype(float), labels)) is not None)
        if product:
            shown, guess = influence, moved
    assert 3 <= sum(decided) <= 37, "both verdicts must occur"
