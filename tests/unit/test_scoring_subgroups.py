"""AUC in subgroups: the machinery of the whole set, and differences that keep the covariance of shared patients."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import norm
from statsmodels.stats.multitest import multipletests

from arena.ranking.holm import holm
from arena.ranking.limits import joined_limits
from arena.scoring.estimates import Reason
from arena.scoring.evaluate import score_evaluation
from arena.scoring.inputs import ScoringInputs
from arena.scoring.missing import MissingPolicy
from arena.scoring.subgroups import Family, SubgroupTable, cell_column, subgroup_scores, suppress
from runners.values import Outcome
from tests.golden.oracles import brute_auc, brute_delong_variance, jackknife_variance


def made(
    seed: int = 1,
    n: int = 400,
    k: int = 1,
    *,
    patients: NDArray[np.int64] | None = None,
    answered: NDArray[np.bool_] | None = None,
    missing: MissingPolicy = MissingPolicy.WORST,
) -> ScoringInputs:
    """Return an entry of moderate quality on k findings."""
    rng = np.random.default_rng(seed)
    labels = (rng.random((n, k)) < 0.45).astype(np.int8)
    levels = np.clip(rng.normal(4000 + 1500.0 * labels, 1800), 0, 10_000).astype(np.int32)
    answered = np.ones(n, dtype=np.bool_) if answered is None else answered
    levels[~answered] = -1
    return ScoringInputs(
        findings=tuple(f"f{number}" for number in range(k)),
        thresholds=(5000,) * k,
        levels=levels,
        labels=labels,
        patients=np.arange(n) if patients is None else patients,
        outcomes=tuple(Outcome.OK if one else Outcome.NO_ANSWER for one in answered),
        latency_seconds=(None,) * n,
        missing=missing,
    )


def tables(inputs: ScoringInputs, **attributes: list[str | None]) -> dict[tuple[str, str | None], SubgroupTable]:
    found = subgroup_scores(inputs, attributes, suppress(inputs, attributes), Family(adjust=holm, join=joined_limits))
    return {(table.column, table.finding): table for table in found}


def thirds(n: int) -> list[str | None]:
    return [("A", "B", "C")[place % 3] for place in range(n)]


def test_a_cell_has_the_auc_and_interval_of_its_cases_alone() -> None:
    inputs, site = made(), thirds(400)
    table = tables(inputs, site=site)["site", "f0"]
    assert [row.name for row in table.cells] == ["A", "B", "C"]
    for row in table.cells:
        held = np.array([value == row.name for value in site])
        scores, positive = inputs.levels[held, 0].astype(float), inputs.labels[held, 0] == 1
        assert row.auc.value == pytest.approx(brute_auc(scores, positive), abs=1e-12)
        assert row.auc.standard_error == pytest.approx(brute_delong_variance(scores, positive) ** 0.5, abs=1e-12)
        assert (row.auc.n, row.auc.n_positive) == (int(held.sum()), int(positive.sum()))
        assert row.auc.low is not None
    assert table.n == 400
    assert table.n_positive == int(inputs.labels.sum())


def test_one_cell_of_everything_is_the_whole_set() -> None:
    inputs = made(k=2)
    whole = score_evaluation(inputs)
    found = tables(inputs, site=["A"] * 400)
    assert found["site", None].cells[0].auc == whole.macro
    assert [found["site", f"f{k}"].cells[0].auc for k in (0, 1)] == [finding.auc for finding in whole.findings]


def test_without_shared_patients_a_difference_has_the_sum_of_both_variances() -> None:
    inputs, sex = made(), ["F" if place % 2 else "M" for place in range(400)]
    (pair,) = tables(inputs, sex=list(sex))["sex", "f0"].differences
    variance = sum(
        brute_delong_variance(inputs.levels[chosen, 0].astype(float), inputs.labels[chosen, 0] == 1)
        for chosen in (np.arange(400) % 2 == 1, np.arange(400) % 2 == 0)
    )
    assert (pair.a, pair.b) == ("F", "M")
    assert pair.standard_error == pytest.approx(variance**0.5, abs=1e-12)
    assert pair.p == pytest.approx(2 * norm.sf(abs(pair.difference) / variance**0.5), abs=1e-12)
    # Independent cells: Newcombe's square-and-add, method 10.
    (a, a_low, a_high), (b, b_low, b_high) = (
        (row.auc.value or 0, row.auc.low or 0, row.auc.high or 0)
        for row in tables(inputs, sex=list(sex))["sex", "f0"].cells
    )
    assert pair.low == pytest.approx(pair.difference - ((a - a_low) ** 2 + (b_high - b) ** 2) ** 0.5)
    assert pair.high == pytest.approx(pair.difference + ((a_high - a) ** 2 + (b - b_low) ** 2) ** 0.5)
    assert (pair.n, pair.n_positive) == (400, int(inputs.labels.sum()))


def test_shared_patients_keep_their_covariance() -> None:
    # Each patient has one study at each site and the same answer to both: the difference is exactly 0.
    single = made(n=200)
    twice = ScoringInputs(
        findings=single.findings,
        thresholds=single.thresholds,
        levels=np.repeat(single.levels, 2, axis=0),
        labels=np.repeat(single.labels, 2, axis=0),
        patients=np.repeat(np.arange(200), 2),
        outcomes=single.outcomes * 2,
        latency_seconds=(None,) * 400,
    )
    (pair,) = tables(twice, site=["A", "B"] * 200)["site", "f0"].differences
    assert (pair.exact, pair.p, pair.reason) == (Fraction(0), None, Reason.NO_VARIANCE)


def test_the_variance_of_a_difference_is_that_of_the_jackknife_over_patients() -> None:
    rng = np.random.default_rng(6)
    inputs = made(n=300, patients=np.repeat(np.arange(150), 2))
    levels = inputs.levels.copy()
    levels[1::2] = np.clip(0.7 * levels[::2] + 0.3 * levels[1::2] + rng.normal(0, 50, (150, 1)), 0, 10_000)
    paired = ScoringInputs(
        findings=inputs.findings,
        thresholds=inputs.thresholds,
        levels=levels,
        labels=np.repeat(inputs.labels[::2], 2, axis=0),
        patients=inputs.patients,
        outcomes=inputs.outcomes,
        latency_seconds=inputs.latency_seconds,
    )
    site = np.array(["A", "B"] * 150)
    (pair,) = tables(paired, site=site.tolist())["site", "f0"].differences

    def difference(left_out: int) -> float:
        kept = paired.patients != left_out
        one, other = (
            brute_auc(
                paired.levels[kept & (site == name), 0].astype(float), paired.labels[kept & (site == name), 0] == 1
            )
            for name in ("A", "B")
        )
        return one - other

    values = np.array([difference(patient) for patient in range(150)])
    jackknife = float(149 / 150 * np.sum((values - values.mean()) ** 2))
    independent = sum(
        jackknife_variance(
            paired.levels[site == name, 0].astype(float), paired.labels[site == name, 0] == 1, np.arange(150)
        )
        for name in ("A", "B")
    )
    assert pair.standard_error is not None
    assert pair.standard_error**2 == pytest.approx(jackknife, rel=0.03)
    assert pair.standard_error**2 < 0.8 * independent


def test_p_values_of_a_column_are_one_family_by_holm() -> None:
    pairs = tables(made(), site=thirds(400))["site", "f0"].differences
    expected = multipletests([pair.p for pair in pairs], method="holm")[1]
    assert [pair.p_adjusted for pair in pairs] == pytest.approx(list(expected), abs=1e-12)
    assert [(pair.a, pair.b) for pair in pairs] == [("A", "B"), ("A", "C"), ("B", "C")]


def test_a_cell_that_one_finding_hides_has_no_macro_score() -> None:
    inputs = made(k=2, n=600)
    labels = inputs.labels.copy()
    site = np.array(thirds(600))
    labels[(site == "A"), 1] = 0
    rare = ScoringInputs(
        findings=inputs.findings,
        thresholds=inputs.thresholds,
        levels=inputs.levels,
        labels=labels,
        patients=inputs.patients,
        outcomes=inputs.outcomes,
        latency_seconds=inputs.latency_seconds,
    )
    found = tables(rare, site=site.tolist())
    assert [row.name for row in found["site", "f0"].cells] == ["A", "B", "C"]
    assert len(found["site", "f1"].cells) == 1
    macro = {row.name: row.auc for row in found["site", None].cells}
    (kept,) = [row.name for row in found["site", "f1"].cells]
    assert macro.pop(kept).value is not None
    assert {auc.reason for auc in macro.values()} == {Reason.SUPPRESSED}
    assert {(auc.n, auc.n_positive) for auc in macro.values()} == {(None, None)}, "a count could tell a hidden one"
    assert found["site", None].differences == ()


def test_answers_do_not_decide_what_is_shown() -> None:
    attributes = {"site": thirds(400)}
    one = made()
    silent = made(answered=np.arange(400) % 3 != 0)
    assert suppress(one, attributes) == suppress(silent, attributes)
    table = tables(silent, site=thirds(400))["site", "f0"]
    assert table.cells[0].auc.value == 0.0  # every answer of site A is missing, and counts as worst


@pytest.mark.parametrize(
    ("policy", "reason"),
    [(MissingPolicy.EXCLUDE_CASE, Reason.NO_POSITIVE), (MissingPolicy.FAIL_ENTRY, Reason.MISSING_ANSWERS)],
)
def test_a_cell_without_answers_says_why_it_has_no_number(policy: MissingPolicy, reason: Reason) -> None:
    inputs = made(k=2, answered=np.arange(400) % 3 != 0, missing=policy)
    found = tables(inputs, site=thirds(400))
    assert found["site", "f0"].cells[0].auc.reason is reason
    assert found["site", None].cells[0].auc.value is None


def test_a_finding_outside_the_macro_has_no_table() -> None:
    inputs = made(k=2)
    labels = inputs.labels.copy()
    labels[29:, 1] = 0
    rare = ScoringInputs(
        findings=inputs.findings,
        thresholds=inputs.thresholds,
        levels=inputs.levels,
        labels=labels,
        patients=inputs.patients,
        outcomes=inputs.outcomes,
        latency_seconds=inputs.latency_seconds,
    )
    assert set(tables(rare, site=thirds(400))) == {("site", "f0")}


def test_without_columns_there_are_no_tables() -> None:
    assert tables(made()) == {}


def test_a_column_of_another_length_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="one value for each case"):
        suppress(made(), {"site": ["A"]})


def test_a_cell_s_column_leaves_out_unknown_references() -> None:
    inputs = made()
    column = cell_column(inputs, "f0", np.arange(400) < 100)
    assert column is not None
    assert column.cases.n == 100
