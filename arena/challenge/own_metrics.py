"""Which of an organiser's own metrics are installed: names of entry points only, nothing of them is imported here."""

from __future__ import annotations

from importlib.metadata import entry_points

GROUP = "arena.metrics"


def installed_metrics() -> tuple[str, ...]:
    """Return the names of the installed metrics, sorted."""
    return tuple(sorted({point.name for point in entry_points(group=GROUP)}))
