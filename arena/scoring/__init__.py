"""Numbers of one evaluation in, numbers out: pure functions of arrays, defined in docs/statistics.md.

NumPy and SciPy's special functions only: no file, no clock, no table, no randomness, no BLAS call (whose sums would
depend on the number of threads).
"""

from typing import Final

SCORER_VERSION: Final = "1.0.0"
"""Stands in every scorecard; raised with any change that could change a published digit."""
