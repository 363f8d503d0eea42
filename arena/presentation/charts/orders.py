"""Pictures of an order: how it moves over resampled patients, and who is separated from whom."""

from __future__ import annotations

import copy
from functools import cache
from typing import Any, Final

import altair as alt

from arena.presentation.charts.shape import (
    GREY,
    ORANGE,
    ROW_HEIGHT,
    TEAL,
    Spec,
    axis,
    bare,
    chart,
    name_text,
    rows_axis,
    set_domain,
)
from arena.presentation.language import Language
from arena.presentation.tabular import Named, Number, Table
from arena.presentation.wording import Words
from arena.store.documents import LeaderboardDocument

MOST_IN_MATRIX: Final = 24
"""Entries of the matrix of pairs; more make cells that no finger hits. The table has all pairs."""

_CELL = 34
_MOST_WITH_NUMBERS = 9
_MARK_DY = 6
_MOST_TICKS = 10
_QUANTILES = ("q025", "q250", "q500", "q750", "q975")


def stability_spec(table: Table, words: Words) -> Spec:
    """Draw, for each entry of the table `stability`, the median rank and the two ranges of its quantiles."""
    rows: list[dict[str, Any]] = []
    for place, told in enumerate(table.dicts()):
        percent = words.number(100 * (told["share_first"] or 0), 0)
        share = words("stability.line", percent=percent)
        name = told["entry_name"]
        rows.append({"place": place, "name": f"{name}: {share}", **{k: told[k] for k in told if k.startswith("q")}})
    spec = copy.deepcopy(_stability_shape(words.language))
    spec["datasets"] = {"entries": rows}
    spec["height"] = ROW_HEIGHT * max(1, len(rows))
    step = 1 + len(rows) // _MOST_TICKS
    set_domain(spec, "x", 0.7, max(2, len(rows)) + 0.3, list(range(1, len(rows) + 1, step)))
    return spec


@cache
def _stability_shape(language: Language) -> Spec:
    words = Words(language)
    top = axis(language, words("axis.rank"), orient="top", format="d", grid=True)
    scale = alt.Scale(domain=[1, 2], zero=False, nice=False)

    def x(field: str) -> alt.X:
        return alt.X(f"{field}:Q", scale=scale, axis=top)

    base = chart("entries").encode(
        y=rows_axis(),
        tooltip=["name:N", *(alt.Tooltip(f"{q}:Q", title=words(f"col.{q}")) for q in _QUANTILES)],
    )  # fmt: skip
    layers = (
        base.mark_rule(color=GREY, strokeWidth=2, yOffset=_MARK_DY).encode(x=x("q025"), x2="q975:Q"),
        base.mark_rule(color=TEAL, strokeWidth=6, strokeCap="round", yOffset=_MARK_DY).encode(x=x("q250"), x2="q750:Q"),
        base.mark_point(color=TEAL, filled=True, size=110, opacity=1, yOffset=_MARK_DY).encode(x=x("q500")),
        name_text("entries", 4),
    )
    return bare(alt.layer(*layers).properties(width="container", height=ROW_HEIGHT))


def pairs_spec(document: LeaderboardDocument, table: Table, words: Words) -> Spec:
    """Draw the paired differences of the table `pairs` as a matrix: row minus column, filled where they are separated.

    Separated means that the p value of the declared adjustment is below α; that decides ranks.
    """
    order = [entry.submission for entry in document.entries if entry.rank is not None][:MOST_IN_MATRIX]
    decides = {(pair.a, pair.b): pair.p_adjusted < document.alpha for pair in document.pairs}
    cells: list[dict[str, Any]] = []
    for a, b, difference in zip(*(table.values(key) for key in ("a", "b", "difference")), strict=True):
        if not (isinstance(a, Named) and isinstance(b, Named) and isinstance(difference, Number)):
            continue
        if a.code in order and b.code in order and difference.value is not None:
            separated = decides[a.code, b.code]
            cells.append(_pair(order, a, b, difference.value, words, separated=separated))
            cells.append(_pair(order, b, a, -difference.value, words, separated=separated))
    spec = copy.deepcopy(_pairs_shape(words.language))
    numbers = [str(k + 1) for k in range(len(order))]
    spec["datasets"] = {"pairs": cells}
    spec["height"] = _CELL * max(1, len(order))
    for layer in spec["layer"]:
        for channel in ("x", "y"):
            if layer["encoding"].get(channel, {}).get("field"):
                layer["encoding"][channel]["sort"] = numbers
                layer["encoding"][channel]["scale"] = {"domain": numbers, "padding": 0.06}
        if len(order) > _MOST_WITH_NUMBERS and layer["encoding"].get("text", {}).get("field") == "text":
            layer["encoding"]["opacity"] = {"value": 0}
    return spec


def matrix_key(document: LeaderboardDocument, names: dict[str, str]) -> tuple[str, ...]:
    """Return which number of the matrix stands for which entry."""
    order = [entry.submission for entry in document.entries if entry.rank is not None][:MOST_IN_MATRIX]
    return tuple(names.get(code, code) for code in order)


def _pair(order: list[str], a: Named, b: Named, value: float, words: Words, *, separated: bool) -> dict[str, Any]:
    sign = "" if value == 0 else "+" if value > 0 else "\N{MINUS SIGN}"
    state = "open" if not separated else "better" if value > 0 else "worse"
    return {
        "row": str(order.index(a.code) + 1),
        "column": str(order.index(b.code) + 1),
        "text": sign + words.number(abs(value), 2),
        "state": state,
        "words": f"{a.name} − {b.name}: {sign}{words.number(abs(value), 3)}; {words(f'pair.{state}')}",
    }


@cache
def _pairs_shape(language: Language) -> Spec:
    words = Words(language)
    states = ("better", "worse", "open")
    label = " : ".join(f"datum.label == '{s}' ? '{words(f'pair.{s}')}'" for s in states) + " : ''"
    legend = alt.Legend(
        title=None,
        orient="bottom",
        direction="horizontal",
        columns=1,
        labelExpr=label,
        symbolType="square",
        labelLimit=420,
    )
    x = alt.X("column:N", title=None, axis=alt.Axis(orient="top", labelAngle=0, tickSize=0, domain=False))
    y = alt.Y("row:N", title=None, axis=alt.Axis(tickSize=0, domain=False))
    base = chart("pairs").encode(x=x, y=y, tooltip=[alt.Tooltip("words:N", title=words("table.pairs"))])
    colour = alt.Scale(domain=list(states), range=[TEAL, ORANGE, GREY])
    layers = (
        base.mark_rect(strokeWidth=1.5, cornerRadius=3).encode(
            fill=alt.Fill("state:N", scale=colour, legend=legend),
            stroke=alt.Stroke("state:N", scale=colour, legend=None),
            fillOpacity=alt.condition("datum.state == 'open'", alt.value(0), alt.value(0.32)),
        ),
        base.mark_text(fontSize=11).encode(text="text:N"),
    )
    return bare(alt.layer(*layers).properties(width="container", height=_CELL))


def warm(language: Language) -> None:
    """Build the shapes of a language."""
    _stability_shape(language)
    _pairs_shape(language)
