"""Holm's step-down adjustment of p values."""

from __future__ import annotations

from collections.abc import Sequence


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """Return the p values adjusted for their number, in the given order.

    The i-th smallest of m is multiplied by m − i + 1, made no smaller than those before it and cut to 1 (Holm 1979,
    Scandinavian Journal of Statistics 6:65–70). Rejecting what lies below α keeps the chance of any false rejection at
    or below α, however the tests depend on each other.

    Raises:
        ValueError: A p value is NaN or outside [0, 1].
    """
    if not all(0 <= p <= 1 for p in p_values):
        msg = "p values must lie in [0, 1]"
        raise ValueError(msg)
    adjusted = [0.0] * len(p_values)
    largest = 0.0
    for step, index in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        largest = max(largest, min((len(p_values) - step) * p_values[index], 1.0))
        adjusted[index] = largest
    return tuple(adjusted)
