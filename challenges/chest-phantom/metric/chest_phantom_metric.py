"""A metric of the organiser's own, as docs/metrics.md describes it; it imports nothing of Arena."""

from __future__ import annotations

from typing import Any, Final

MISSED_COSTS: Final = 5
FALSE_ALARM_COSTS: Final = 1


class CostOfErrors:
    """Mean cost of a finding of a study: a missed one costs 5, a false alarm 1; invented for the demonstration."""

    version = "1.0"
    direction = "lower"
    range = (0.0, float(MISSED_COSTS))
    requires = frozenset({"levels", "labels"})
    resampled = True

    def compute(self, cases: Any) -> float | None:
        """Return the cost over all known references; None where there is none. A missing answer calls nothing."""
        positive, negative = cases.labels == 1, cases.labels == 0
        called = cases.levels >= cases.thresholds
        known = int(positive.sum() + negative.sum())
        if known == 0:
            return None
        missed, alarms = int((positive & ~called).sum()), int((negative & called).sum())
        return (MISSED_COSTS * missed + FALSE_ALARM_COSTS * alarms) / known
