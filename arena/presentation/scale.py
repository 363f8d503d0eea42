"""The shared scale on which a leaderboard's intervals are drawn."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil, floor

from arena.presentation.records import EstimateRecord

CHANCE = 0.5
_STEPS = (0.01, 0.02, 0.05, 0.1, 0.2)
_MOST_TICKS = 5


@dataclass(frozen=True, slots=True)
class Scale:
    """Limits and ticks of an axis of AUC values; positions on it are percents of its width."""

    low: float
    high: float
    ticks: tuple[float, ...]

    def place(self, value: float) -> float:
        """Return where a value lies, in percent of the width, held within the axis."""
        share = (value - self.low) / (self.high - self.low)
        return round(100 * min(1.0, max(0.0, share)), 2)

    @property
    def shows_chance(self) -> bool:
        """Whether an AUC of 0.5 lies on the axis."""
        return self.low <= CHANCE <= self.high


def shared_scale(estimates: Iterable[EstimateRecord]) -> Scale:
    """Return the tightest scale with round limits that holds every interval; 0.5 to 1 when there is none."""
    values = [v for e in estimates for v in (e.value, e.low, e.high) if v is not None]
    low, high = (min(values), max(values)) if values else (CHANCE, 1.0)
    for step in _STEPS:
        first, last = floor(low / step + 1e-9), ceil(high / step - 1e-9)
        if last == first:
            last += 1
        if last - first < _MOST_TICKS:
            break
    last = min(last, round(1 / step))
    first = max(0, min(first, last - 1))
    return Scale(
        round(first * step, 4), round(last * step, 4), tuple(round(i * step, 4) for i in range(first, last + 1))
    )
