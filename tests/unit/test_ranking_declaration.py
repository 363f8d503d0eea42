"""What challenge.yaml may say of ranking, and how it enters the judging digest."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from arena.challenge.bundle import canonical_digest, judging_digest
from arena.challenge.schema import Declaration, Ranking
from arena.ranking.adjustment import Adjustment
from tests.seeding import declaration


def with_ranking(**ranking: object) -> Declaration:
    return declaration().model_copy(update={"ranking": Ranking.model_validate(ranking)})


def test_a_new_challenge_is_adjusted_by_max_t_two_sided_without_floors() -> None:
    found = Ranking()
    assert (found.adjustment, found.sides, found.alpha) == (Adjustment.MAX_T, 2, 0.05)
    assert (found.floor_auc, found.floor_answered, found.noninferiority_margin) == (None, None, None)


@pytest.mark.parametrize(
    "change",
    [
        {"adjustment": "holm"},
        {"alpha": 0.01},
        {"floor_auc": 0.6},
        {"floor_answered": 0.9},
        {"noninferiority_margin": 0.05},
    ],
    ids=lambda change: next(iter(change)),
)
def test_everything_that_decides_a_verdict_changes_the_judging_digest(change: dict[str, object]) -> None:
    assert judging_digest(with_ranking()) != judging_digest(with_ranking(**change))


def test_a_challenge_that_declared_holm_before_there_was_a_choice_keeps_its_digest() -> None:
    declared = with_ranking(adjustment="holm")
    dumped = declared.model_dump(mode="json")
    before: dict[str, Any] = {key: dumped[key] for key in ("contract", "headers", "limits", "min_per_class", "missing")}
    before["ranking"] = {"alpha": 0.05, "adjustment": "holm", "metric": "macro_auc"}
    before["findings"] = [{"code": found.code, "threshold": found.threshold} for found in declared.findings]
    assert judging_digest(declared) == canonical_digest(before)


def test_sides_stand_in_the_digest_where_max_t_decides() -> None:
    assert judging_digest(with_ranking()) == judging_digest(with_ranking(sides=2, adjustment="max_t"))


@pytest.mark.parametrize(
    "wrong",
    [
        {"adjustment": "bonferroni"},
        {"sides": 1},
        {"floor_auc": 1.2},
        {"floor_answered": -0.1},
        {"floor_auc": 0.61234},
        {"noninferiority_margin": 0},
        {"noninferiority_margin": 0.5},
    ],
    ids=str,
)
def test_what_makes_no_sense_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Ranking.model_validate(wrong)


def test_a_stored_declaration_keeps_the_adjustment_that_it_names() -> None:
    stored = declaration().model_dump(mode="json")
    stored["ranking"] = {"alpha": 0.05, "adjustment": "holm", "metric": "macro_auc"}
    assert Declaration.model_validate(stored).ranking.adjustment is Adjustment.HOLM
