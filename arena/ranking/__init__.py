"""Scores of many entries in, ranks with their uncertainty out: pure functions, defined in docs/statistics.md."""
