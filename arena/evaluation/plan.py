"""Cases → shards: a pure function of the case names and the challenge's `cases_per_shard`."""

from __future__ import annotations

from collections.abc import Sequence


def plan_shards(case_names: Sequence[str], cases_per_shard: int) -> list[tuple[str, ...]]:
    """Cut the cases, in their opaque order, into shards of at most `cases_per_shard`.

    Outcomes depend on the cut (restarts and total time count per shard), so it follows from the challenge version
    alone, never from the host.
    """
    ordered = sorted(case_names)
    return [tuple(ordered[start : start + cases_per_shard]) for start in range(0, len(ordered), cases_per_shard)]
