"""The Chest Phantom's own metric: what an organiser installs beside Arena."""

from importlib.metadata import entry_points

import numpy as np
import pytest

from arena.challenge.own_metrics import GROUP
from arena.evaluation.metrics import MetricCases


def cost(labels: list[list[int]], levels: list[list[int]]) -> float | None:
    """Compute the installed metric at thresholds of one half."""
    (metric,) = (point.load()() for point in entry_points(group=GROUP, name="cost-of-errors"))
    half = (5000,) * len(labels[0])
    references, answers = np.array(labels, dtype=np.int8), np.array(levels, dtype=np.int32)
    cases = MetricCases(findings=(), thresholds=half, labels=references, levels=answers)
    found: float | None = metric.compute(cases)
    return found


@pytest.mark.parametrize(
    ("labels", "levels", "expected"),
    [
        ([[1, 0], [0, 1]], [[9000, 100], [200, 5000]], 0.0),
        ([[1, 0], [0, 1]], [[4999, 100], [200, 5000]], 5 / 4),
        ([[1, 0], [0, 1]], [[9000, 5000], [200, 5000]], 1 / 4),
        ([[1, -1], [0, -1]], [[9000, 9000], [200, 0]], 0.0),
        ([[1, 0]], [[-1, -1]], 5 / 2),
    ],
    ids=["no error", "one missed", "one false alarm", "an unknown reference", "no answer"],
)
def test_a_missed_finding_costs_five_false_alarms(
    labels: list[list[int]], levels: list[list[int]], expected: float
) -> None:
    assert cost(labels, levels) == expected


def test_without_a_known_reference_there_is_no_cost() -> None:
    assert cost([[-1]], [[5000]]) is None
