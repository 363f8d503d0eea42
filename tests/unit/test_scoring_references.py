"""References prepared once, and answers in any layout, give the same scores."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from arena.scoring.evaluate import entry_influence, finding_aucs, score_evaluation
from arena.scoring.inputs import ScoringInputs, prepare_references, split_findings
from arena.scoring.levels import TOP_LEVEL
from arena.scoring.missing import MissingPolicy, cell_losses
from runners.values import Outcome


def contest(*, failed: int = 7) -> ScoringInputs:
    """Return 400 studies of 250 patients, three findings, the second unknown in places."""
    rng = np.random.default_rng(11)
    labels = (rng.random((400, 3)) < 0.3).astype(np.int8)
    levels = np.rint(TOP_LEVEL * rng.beta(2 + labels, 4)).astype(np.int32)
    labels[rng.random(400) < 0.1, 1] = -1
    levels[:failed] = -1
    return ScoringInputs(
        findings=("a", "b", "c"),
        thresholds=(5000, 4000, 3000),
        levels=levels,
        labels=labels,
        patients=rng.permutation(np.concatenate([np.arange(250), rng.integers(0, 250, 150)])),
        outcomes=(Outcome.TIMED_OUT,) * failed + (Outcome.OK,) * (400 - failed),
        latency_seconds=(None,) * failed + (1.0,) * (400 - failed),
    )


@pytest.mark.parametrize("failed", [0, 7])
def test_references_prepared_once_for_all_entries_give_the_same_bits(failed: int) -> None:
    plain = contest(failed=failed)
    prepared = prepare_references(plain.labels, plain.patients, min_per_class=plain.min_per_class)
    shared = dataclasses.replace(plain, references=prepared)
    assert score_evaluation(shared) == score_evaluation(plain)
    one, other = entry_influence(shared), entry_influence(plain)
    assert one.mean is not None
    assert other.mean is not None
    assert one.mean.tobytes() == other.mean.tobytes()


@pytest.mark.parametrize("change", ["labels", "patients", "min_per_class"])
def test_references_prepared_from_anything_else_are_refused(change: str) -> None:
    plain = contest()
    prepared = prepare_references(plain.labels, plain.patients, min_per_class=plain.min_per_class)
    other = {"labels": plain.labels.copy(), "patients": plain.patients.copy(), "min_per_class": 31}[change]
    with pytest.raises(ValueError, match="references: prepared from other"):
        dataclasses.replace(plain, references=prepared, **{change: other})


@pytest.mark.parametrize("kind", [np.int16, np.int32, np.int64])
@pytest.mark.parametrize("failed", [0, 7])
def test_neither_type_nor_layout_of_the_levels_moves_a_bit(kind: type, failed: int) -> None:
    plain = contest(failed=failed)
    levels = np.ascontiguousarray(plain.levels.T).T.astype(kind)
    assert score_evaluation(dataclasses.replace(plain, levels=levels)) == score_evaluation(plain)


def test_aucs_alone_leave_out_what_too_few_patients_hold() -> None:
    inputs = dataclasses.replace(contest(), min_per_class=105)
    expected = tuple(finding.auc for finding in score_evaluation(inputs).findings)
    assert {auc.value is None for auc in expected} == {True, False}
    assert finding_aucs(split_findings(inputs), inputs.missing) == expected


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("policy", [MissingPolicy.WORST, MissingPolicy.HALF, MissingPolicy.EXCLUDE_CASE])
def test_aucs_alone_are_those_of_the_scorecard(policy: MissingPolicy, threads: int) -> None:
    inputs = dataclasses.replace(contest(), missing=policy)
    expected = tuple(finding.auc for finding in score_evaluation(inputs).findings)
    assert finding_aucs(split_findings(inputs), policy, threads=threads) == expected


def test_an_entry_that_fails_as_a_whole_has_no_aucs() -> None:
    assert finding_aucs(split_findings(contest()), MissingPolicy.FAIL_ENTRY) == (None, None, None)
    complete = split_findings(contest(failed=0))
    assert finding_aucs(complete, MissingPolicy.FAIL_ENTRY) == finding_aucs(complete, MissingPolicy.WORST)


def test_a_case_loses_its_squared_distance_and_a_missing_answer_all() -> None:
    losses = cell_losses(TOP_LEVEL + 3).reshape(-1, 2)
    level = np.arange(TOP_LEVEL + 1, dtype=np.int64)
    assert np.array_equal(losses[1:-1, 0], level**2)
    assert np.array_equal(losses[1:-1, 1], (TOP_LEVEL - level) ** 2)
    assert losses[0, 1] == losses[-1, 0] == TOP_LEVEL**2
