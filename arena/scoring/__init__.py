"""Numbers of one evaluation in, numbers out: pure functions of arrays, defined in docs/statistics.md.

NumPy and SciPy only: no file, no clock, no table. Random draws follow from a seed that the caller gives, by our own
mapping of a counter-based generator; no sum of floats is left to BLAS, where it would depend on the number of threads.
"""

from typing import Final

SCORER_VERSION: Final = "1.3.0"
"""Stands in every scorecard; raised with any change that could change a published digit."""
