"""Chart specifications: Vega-Lite, built with Altair once for each shape and filled with public numbers.

Pictures of a table are filled with that table's rounded cells, so none shows a digit that its file has not.
"""

from __future__ import annotations

from arena.presentation.charts import clinic, forest, orders, roc
from arena.presentation.charts.clinic import LOW_HEIGHT, decision_spec, norm_spec, reliability_spec
from arena.presentation.charts.forest import forest_spec, ranks_spec
from arena.presentation.charts.orders import matrix_key, pairs_spec, stability_spec
from arena.presentation.charts.roc import MOST_CURVES, has_readers, roc_spec
from arena.presentation.charts.shape import HEIGHT, ROW_HEIGHT, Spec
from arena.presentation.language import Language

__all__ = [
    "HEIGHT",
    "LOW_HEIGHT",
    "MOST_CURVES",
    "ROW_HEIGHT",
    "Spec",
    "decision_spec",
    "forest_spec",
    "has_readers",
    "matrix_key",
    "norm_spec",
    "pairs_spec",
    "ranks_spec",
    "reliability_spec",
    "roc_spec",
    "stability_spec",
    "warm",
]


def warm(language: Language) -> None:
    """Build the shapes of a language now: the first reader should not wait for Altair."""
    for kind in (forest, orders, clinic):
        kind.warm(language)
    roc.shape(language)
