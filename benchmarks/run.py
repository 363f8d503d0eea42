"""Run every benchmark: `make bench`."""

from __future__ import annotations

from benchmarks import case_cost, ranking

if __name__ == "__main__":
    case_cost.main()
    ranking.main()
