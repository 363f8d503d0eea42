"""What all pictures share: colours, axes, and a specification stripped of what the page supplies.

No ink colour stands in a specification: labels, axes and grid take theirs from the page's theme, so that a change of
theme leaves them readable. Marks clear 3:1 on the light and on the dark background.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import altair as alt

from arena.presentation.language import Language

TEAL, GREY, ORANGE = "#1F8CA3", "#7C8F97", "#C9741A"
SERIES = ("#2F7FD1", "#D55E00", "#1E9A74", "#C265A0", "#96801C", "#3590C4", "#75838A")
DASHES = ((1, 0), (7, 3), (2, 2), (8, 3, 2, 3), (4, 4), (1, 0), (7, 3))
HEIGHT: Final = 470
ROW_HEIGHT: Final = 42
"""Height of one entry's row, its name above its mark."""

Spec = dict[str, Any]


def chart(data: str) -> alt.Chart:
    """Return a chart of a named data set."""
    return alt.Chart(alt.NamedData(name=data))


def plain_label(language: Language) -> str:
    """Return the expression that writes an axis label with the language's decimal sign."""
    return "replace(datum.label, '.', ',')" if language is Language.RU else "datum.label"


def axis(language: Language, title: str | None = None, **more: Any) -> alt.Axis:
    """Return an axis whose labels are never dropped or shifted."""
    given: dict[str, Any] = {
        "format": ".1f",
        "labelOverlap": False,
        "labelFlush": False,
        "labelBound": False,
        "tickSize": 0,
    }
    return alt.Axis(title=title, labelExpr=plain_label(language), domain=False, **(given | more))


def share_axis(language: Language, title: str) -> alt.Axis:
    """Return an axis of a share, 0 to 1."""
    return axis(language, title, values=[0, 0.2, 0.4, 0.6, 0.8, 1])


def rows_axis(field: str = "place") -> alt.Y:
    """Return the bands of rows by their place; names are written above the marks, so that a phone has room for both."""
    return alt.Y(f"{field}:O", title=None, axis=None, scale=alt.Scale(paddingInner=0, paddingOuter=0))


def name_text(data: str, x: float, field: str = "name") -> alt.Chart:
    """Write the name of each row above its mark, from `x` on the left of the axis.

    Args:
        data: Name of the data set.
        x: Pixels from the left edge of the plot.
        field: Which field is written.
    """
    marked: alt.Chart = chart(data).mark_text(
        align="left", baseline="middle", dy=-11, fontSize=12, limit=alt.ExprRef(f"width - {x}")
    )
    encoded: alt.Chart = marked.encode(x=alt.value(x), y=rows_axis(), text=f"{field}:N")
    return encoded


def bare(shape: alt.TopLevelMixin) -> Spec:
    """Return a specification without Altair's own configuration: the page's theme supplies one.

    `$schema` names a foreign host. As SVG the labels are text that the page's style sheet can ink, in either theme.
    """
    spec = {key: value for key, value in shape.to_dict().items() if key not in {"config", "$schema"}}
    return spec | {"usermeta": {"embedOptions": {"renderer": "svg"}}}


def set_domain(spec: Spec, channel: str, low: float, high: float, ticks: Sequence[float] = ()) -> None:
    """Set the limits of an axis in every layer that has it; ticks where they are given."""
    for layer in spec["layer"]:
        encoded = layer["encoding"].get(channel, {})
        if "scale" in encoded and encoded.get("field"):
            encoded["scale"]["domain"] = [low, high]
            if ticks and isinstance(encoded.get("axis"), dict):
                encoded["axis"]["values"] = list(ticks)
