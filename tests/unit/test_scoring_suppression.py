"""No subgroup below the minimum is shown, and none follows from what is shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from arena.scoring.suppression import MIN_PATIENTS, NOT_STATED, ColumnCells, age_bands, in_span, shown_cells

Columns = dict[str, list[str | None]]


def blocks(*cells: tuple[str | None, int, int]) -> tuple[list[str | None], NDArray[np.int8]]:
    """Return one column and references: so many positives and negatives of each value."""
    values = [name for name, positive, negative in cells for _ in range(positive + negative)]
    labels = [label for _, positive, negative in cells for label in [1] * positive + [0] * negative]
    return values, np.array(labels, dtype=np.int8)


def shown_of(*cells: tuple[str | None, int, int]) -> ColumnCells:
    values, labels = blocks(*cells)
    return shown_cells({"site": values}, labels, np.arange(len(values)))["site"]


def names(cells: ColumnCells) -> list[str]:
    return [cell.name for cell in cells.shown]


def test_large_cells_are_all_shown_with_their_counts() -> None:
    found = shown_of(("A", 20, 30), ("B", 40, 20))
    assert [(c.name, c.positives, c.negatives, c.patients_positive) for c in found.shown] == [
        ("A", 20, 30, 20),
        ("B", 40, 20, 40),
    ]
    assert (found.n, found.n_positive, found.hidden) == (110, 60, 0)


@pytest.mark.parametrize("small", [(19, 500), (500, 19), (0, 100)])
def test_a_cell_below_the_minimum_takes_the_smallest_other_with_it(small: tuple[int, int]) -> None:
    found = shown_of(("A", *small), ("B", 60, 60), ("C", 30, 90), ("D", 80, 80))
    assert names(found) == ["B", "D"]
    assert found.hidden == 2
    assert (found.n, found.n_positive) == (280, 140)


def test_small_cells_that_are_small_together_take_another_with_them() -> None:
    assert names(shown_of(("A", 5, 50), ("B", 6, 50), ("C", 40, 40), ("D", 50, 50))) == ["D"]
    assert names(shown_of(("A", 12, 50), ("B", 12, 50), ("C", 40, 40), ("D", 50, 50))) == ["C", "D"]


def test_of_two_cells_a_small_one_hides_both() -> None:
    found = shown_of(("F", 300, 300), ("M", 10, 300))
    assert (names(found), found.hidden, found.n) == ([], 2, 0)


def test_studies_without_a_value_are_a_cell_too() -> None:
    assert names(shown_of(("A", 40, 40), ("B", 50, 50), (None, 60, 60))) == ["A", "B", NOT_STATED]
    assert names(shown_of(("A", 40, 40), ("B", 50, 50), (None, 1, 60))) == ["B"]


def test_patients_count_and_not_their_studies() -> None:
    values, labels = blocks(("A", 40, 40), ("B", 40, 40))
    patients = np.arange(160)
    patients[:40] //= 4
    found = shown_cells({"site": values}, labels, patients)["site"]
    assert names(found) == []


def test_a_study_of_unknown_reference_is_in_no_cell() -> None:
    values, labels = blocks(("A", 40, 40), ("B", 40, 40))
    labels[:25] = -1
    assert names(shown_cells({"site": values}, labels, np.arange(160))["site"]) == []


def test_a_hidden_cell_does_not_follow_from_another_column_that_holds_the_same_studies() -> None:
    # Sites S1 (small), S2, S3; device X stands at S2 alone, so "S2" could be read off the devices.
    values, labels = blocks(("S1", 5, 60), ("S2", 40, 40), ("S3", 50, 50), ("S4", 90, 90))
    devices: list[str | None] = ["X" if site == "S2" else "Y" for site in values]
    found = shown_cells({"site": values, "device": devices}, labels, np.arange(len(values)))
    assert follows({"site": values, "device": devices}, labels, found) == []
    published = {name for cells in found.values() for name in names(cells)}
    assert not {"X", "S3", "S4"} <= published


def follows(
    columns: Mapping[str, Sequence[str | None]], labels: NDArray[np.int8], found: Mapping[str, ColumnCells]
) -> list[str]:
    """Return the cells below the minimum that are a least-squares-exact combination of what is published.

    Slow and independent of the code: over studies instead of patterns, in floating point instead of residues.
    """
    known = labels != -1
    masks = {
        (name, value): (np.array([v or NOT_STATED for v in column]) == value)[known]
        for name, column in columns.items()
        for value in {v or NOT_STATED for v in column}
    }
    rows = [np.ones(int(known.sum()))]
    rows += [masks[name, cell.name].astype(float) for name, cells in found.items() for cell in cells.shown]
    matrix, positive, patients = np.array(rows).T, labels[known] == 1, np.arange(int(known.sum()))
    small = []
    wanted = dict(masks)
    for one, other in [(a, b) for a in masks for b in masks if a[0] < b[0]]:
        wanted[f"{one} and {other}", ""] = masks[one] & masks[other]
    for column in columns:
        shown = {cell.name for cell in found[column].shown}
        hidden = [mask for (name, value), mask in masks.items() if name == column and value not in shown]
        if hidden:
            wanted[f"hidden of {column}", ""] = np.logical_or.reduce(hidden)
    for (name, value), mask in wanted.items():
        held = [np.unique(patients[mask & side]).size for side in (positive, ~positive)]
        if mask.any() and not mask.all() and min(held) < MIN_PATIENTS:  # the whole set is told elsewhere
            weights = np.linalg.lstsq(matrix, mask.astype(float), rcond=None)[0]
            if np.abs(matrix @ weights - mask).max() < 1e-7:
                small.append(f"{name} {value}")
    return small


def random_set(seed: int) -> tuple[Columns, NDArray[np.int8]]:
    """Return a set with nested, unbalanced and sometimes coinciding columns."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(60, 700))
    site = rng.choice(6, n, p=rng.dirichlet(np.ones(6)))
    maker = np.where(rng.random(n) < rng.choice([0.0, 0.2]), rng.integers(0, 3, n), site // int(rng.integers(1, 4)))
    sex = rng.choice(["F", "M", ""], n, p=[0.5, 0.45, 0.05])
    ages = [int(age) if age > 2 else None for age in rng.integers(0, 95, n)]
    columns: Columns = {
        "sex": [str(value) or None for value in sex],
        "age": list(age_bands(ages, (18, 60))),
        "site": [f"s{value}" for value in site],
        "manufacturer": [f"m{value}" for value in maker],
    }
    return columns, rng.choice([1, 0, -1], n, p=[0.35, 0.6, 0.05]).astype(np.int8)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10_000))
def test_no_cell_below_the_minimum_follows_by_linear_combination(seed: int) -> None:
    columns, labels = random_set(seed)
    found = shown_cells(columns, labels, np.arange(labels.size))
    assert follows(columns, labels, found) == []
    for cells in found.values():
        assert all(min(c.patients_positive, c.patients_negative) >= MIN_PATIENTS for c in cells.shown)


def test_the_check_of_what_follows_can_fail() -> None:
    values, labels = blocks(("A", 5, 50), ("B", 40, 40), ("C", 50, 50))
    honest = shown_of(("A", 5, 50), ("B", 40, 40), ("C", 50, 50))
    naive = shown_of(("B", 40, 40), ("C", 50, 50))
    assert follows({"site": values}, labels, {"site": honest}) == []
    assert "site A" in follows({"site": values}, labels, {"site": naive})


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 10_000), st.randoms(use_true_random=False))
def test_neither_the_order_of_studies_nor_of_columns_matters(seed: int, random: object) -> None:
    columns, labels = random_set(seed)
    order = list(range(labels.size))
    random.shuffle(order)  # type: ignore[attr-defined]
    turned = {name: [columns[name][place] for place in order] for name in reversed(list(columns))}
    one = shown_cells(columns, labels, np.arange(labels.size))
    other = shown_cells(turned, labels[order], np.arange(labels.size)[order])
    assert one == other


def test_membership_in_a_span_is_exact() -> None:
    rng = np.random.default_rng(2)
    for width in (9, 9, 9, 40) * 15:
        rows = rng.random((6, width)) < 0.4
        wanted = np.concatenate([rng.random((8, width)) < 0.4, rows[:1] ^ rows[1:2], rows[2:4], rows[:1] & ~rows[:1]])
        rank = np.linalg.matrix_rank(rows.astype(float))
        expected = [np.linalg.matrix_rank(np.vstack([rows, w]).astype(float)) == rank for w in wanted]
        assert in_span(list(rows), list(wanted)) == expected
    assert in_span([np.array([True])], []) == []


@pytest.mark.parametrize(
    ("age", "band"), [(0, "0-17"), (17, "0-17"), (18, "18-59"), (59, "18-59"), (60, "60+"), (None, None)]
)
def test_a_band_begins_with_its_first_year(age: int | None, band: str | None) -> None:
    assert age_bands([age], (18, 60)) == (band,)


def test_without_edges_there_is_one_band() -> None:
    assert age_bands([3, None], ()) == ("0+", None)
