"""Chart specifications: Vega-Lite, built with Altair once for each shape and filled with public numbers.

No ink colour stands in a specification: labels, axes and grid take theirs from the page's theme, so that a change of
theme leaves them readable. Marks clear 3:1 on the light and on the dark background.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from functools import cache
from typing import Any

import altair as alt

from arena.presentation.language import Language
from arena.presentation.reader import PhaseFacts
from arena.presentation.records import CurveRecord, LeaderboardRecord, curve_record
from arena.presentation.scale import shared_scale
from arena.presentation.wording import Words

TEAL, GREY = "#1F8CA3", "#7C8F97"
SERIES = ("#2F7FD1", "#D55E00", "#1E9A74", "#C265A0", "#96801C", "#3A9BD0", "#75838A")
DASHES = ((1, 0), (7, 3), (2, 2), (8, 3, 2, 3), (4, 4), (1, 0), (7, 3))
MOST_CURVES = 5
HEIGHT = 430
_SCORE_DIGITS = 3

Spec = dict[str, Any]


def forest_spec(record: LeaderboardRecord, finding: str, words: Words) -> Spec:
    """Draw the AUC of one finding with its interval for every entry, in the order of the leaderboard."""
    rows: list[dict[str, Any]] = []
    estimates = []
    for entry in record.entries:
        scores = next((f for f in entry.findings if f.finding == finding), None)
        if scores is None or scores.auc.value is None:
            continue
        estimates.append(scores.auc)
        rows.append(
            {
                "name": f"{entry.algorithm_name} · {entry.vendor_name}",
                "value": scores.auc.value,
                "low": scores.auc.low if scores.auc.low is not None else scores.auc.value,
                "high": scores.auc.high if scores.auc.high is not None else scores.auc.value,
                "tied": entry.tied_with_first,
                "words": words.estimate(scores.auc, _SCORE_DIGITS),
            }
        )
    scale = shared_scale(estimates)
    spec = copy.deepcopy(_forest_shape(words.language))
    spec["datasets"] = {"entries": rows}
    for layer in spec["layer"]:
        axis = layer["encoding"].get("x")
        if axis is not None:
            axis["scale"]["domain"] = [scale.low, scale.high]
            axis["axis"]["values"] = list(scale.ticks)
        layer["encoding"]["y"]["sort"] = [row["name"] for row in rows]
    return spec


def roc_spec(facts: PhaseFacts, finding: str, entries: Sequence[str], words: Words) -> Spec:
    """Draw the ROC curves of the chosen entries for one finding, each with its pointwise 95 % band; never cropped."""
    rows: list[dict[str, Any]] = []
    names: list[str] = []
    for code in entries[:MOST_CURVES]:
        curve = curve_record(facts.document, code, finding) if facts.document else None
        entry = facts.record.entry(code) if facts.record else None
        if curve is None or entry is None:
            continue
        auc = next((f.auc.value for f in entry.findings if f.finding == finding), None)
        names.append(f"{entry.algorithm_name} · {entry.vendor_name}  {words.number(auc, _SCORE_DIGITS)}")
        rows.extend(_points(curve, names[-1]))
    spec = copy.deepcopy(_roc_shape(words.language))
    spec["datasets"] = {"curves": rows, "chance": [{"x": 0, "y": 0}, {"x": 1, "y": 1}]}
    for layer in spec["layer"]:
        for channel, values in (("color", SERIES), ("strokeDash", [list(dash) for dash in DASHES])):
            if channel in layer["encoding"] and "field" in layer["encoding"][channel]:
                layer["encoding"][channel]["scale"] = {"domain": names, "range": list(values[: len(names)])}
    return spec


def _points(curve: CurveRecord, name: str) -> list[dict[str, Any]]:
    return [
        {"name": name, "fpr": fpr, "tpr": tpr, "low": low, "high": high}
        for fpr, tpr, low, high in zip(curve.fpr, curve.tpr, curve.tpr_low, curve.tpr_high, strict=True)
    ]


def _label(language: Language) -> str:
    return "replace(datum.label, '.', ',')" if language is Language.RU else "datum.label"


@cache
def _forest_shape(language: Language) -> Spec:
    words = Words(language)
    axis = alt.Axis(
        title=None, orient="top", format=".2f", labelExpr=_label(language), labelOverlap=False, labelFlush=False,
        labelBound=False, grid=True, tickSize=0, domain=False,
    )  # fmt: skip
    base = alt.Chart(alt.NamedData(name="entries")).encode(
        y=alt.Y("name:N", title=None, sort=[], axis=alt.Axis(labelLimit=210, tickSize=0, domain=False, labelPadding=8)),
        color=alt.condition("datum.tied", alt.value(TEAL), alt.value(GREY)),
        tooltip=[alt.Tooltip("name:N", title=words("column.algorithm")), alt.Tooltip("words:N", title="AUC")],
    )
    scale = alt.Scale(domain=[0.5, 1.0], zero=False, nice=False)
    shape = alt.layer(
        base.mark_rule(strokeWidth=3, strokeCap="round").encode(x=alt.X("low:Q", scale=scale, axis=axis), x2="high:Q"),
        base.mark_point(filled=True, size=90, opacity=1).encode(x=alt.X("value:Q", scale=scale, axis=axis)),
    ).properties(width="container", height=HEIGHT)
    return _bare(shape.to_dict())


@cache
def _roc_shape(language: Language) -> Spec:
    words = Words(language)

    def axis(title: str) -> alt.Axis:
        return alt.Axis(title=title, format=".1f", labelExpr=_label(language), values=[0, 0.2, 0.4, 0.6, 0.8, 1])

    unit = alt.Scale(domain=[0, 1], nice=False)
    x = alt.X("fpr:Q", scale=unit, axis=axis(words("chart.fpr")))
    y = alt.Y("tpr:Q", scale=unit, axis=axis(words("chart.tpr")))
    curves = alt.Chart(alt.NamedData(name="curves"))
    legend = alt.Legend(
        title=None,
        orient="bottom",
        direction="vertical",
        columns=1,
        labelLimit=420,
        symbolType="stroke",
        symbolOpacity=1,
        symbolStrokeWidth=2.5,
        symbolSize=300,
    )
    colour = alt.Color("name:N", legend=legend)
    shape = alt.layer(
        alt.Chart(alt.NamedData(name="chance")).mark_line(color=GREY, strokeDash=[3, 4], strokeWidth=1).encode(
            x=alt.X("x:Q", scale=unit, axis=axis(words("chart.fpr"))), y=alt.Y("y:Q", scale=unit)
        ),
        curves.mark_area(opacity=0.14).encode(x=x, y=alt.Y("low:Q", scale=unit), y2="high:Q", color=colour),
        curves.mark_line(strokeWidth=2.2, interpolate="linear").encode(
            x=x,
            y=y,
            color=colour,
            strokeDash=alt.StrokeDash("name:N", legend=legend),
            tooltip=["name:N", alt.Tooltip("fpr:Q", format=".3f"), alt.Tooltip("tpr:Q", format=".3f")],
        ),
    ).properties(width="container", height=HEIGHT)  # fmt: skip
    return _bare(shape.to_dict())


def _bare(spec: Spec) -> Spec:
    # Altair's defaults carry a configuration of its own; the page's theme supplies one. `$schema` names a foreign host.
    bare = {key: value for key, value in spec.items() if key not in {"config", "$schema"}}
    # As SVG the labels are text that the page's style sheet can ink, in either theme.
    return bare | {"usermeta": {"embedOptions": {"renderer": "svg"}}}


def warm(language: Language) -> None:
    """Build the shapes of a language now: the first reader should not wait for Altair."""
    _forest_shape(language)
    _roc_shape(language)
