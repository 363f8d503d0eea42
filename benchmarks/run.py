"""Run every benchmark: `make bench`."""

from __future__ import annotations

from benchmarks import case_cost, leakage, ranking, scoring, startup

if __name__ == "__main__":
    case_cost.main()
    startup.main([])
    scoring.main()
    ranking.main()
    leakage.main([])
