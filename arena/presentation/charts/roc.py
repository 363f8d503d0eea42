"""ROC curves with their bands; readers' points and curves stand beside them as context."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from functools import cache
from typing import Any

import altair as alt

from arena.presentation.boardtables import closed_document
from arena.presentation.charts.shape import DASHES, GREY, HEIGHT, ORANGE, SERIES, Spec, bare, chart, share_axis
from arena.presentation.language import Language
from arena.presentation.reader import PhaseFacts
from arena.presentation.records import CurveRecord, curve_record
from arena.presentation.rounding import round_to
from arena.presentation.wording import Words

MOST_CURVES = 5
_DIGITS = 3


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
        names.append(f"{entry.algorithm_name} · {entry.vendor_name}  {words.number(auc, _DIGITS)}")
        rows.extend(_points(curve, names[-1]))
    points, curves = _readers(facts, finding)
    spec = copy.deepcopy(shape(words.language))
    spec["datasets"] = {
        "curves": rows,
        "chance": [{"x": 0, "y": 0}, {"x": 1, "y": 1}],
        "readers": points,
        "reader_curves": curves,
    }
    for layer in spec["layer"]:
        for channel, values in (("color", SERIES), ("strokeDash", [list(dash) for dash in DASHES])):
            if channel in layer["encoding"] and "field" in layer["encoding"][channel]:
                layer["encoding"][channel]["scale"] = {"domain": names, "range": list(values[: len(names)])}
    return spec


def has_readers(facts: PhaseFacts, finding: str) -> bool:
    """Say whether readers stand on the plot of a finding."""
    return any(_readers(facts, finding))


def _points(curve: CurveRecord, name: str) -> list[dict[str, Any]]:
    return [
        {"name": name, "fpr": fpr, "tpr": tpr, "low": low, "high": high}
        for fpr, tpr, low, high in zip(curve.fpr, curve.tpr, curve.tpr_low, curve.tpr_high, strict=True)
    ]


def _readers(facts: PhaseFacts, finding: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    document = closed_document(facts)
    if document is None or document.readers is None:
        return [], []
    points = [
        {
            "label": point.label,
            "fpr": round_to(1 - point.specificity.value, _DIGITS),
            "tpr": round_to(point.sensitivity.value, _DIGITS),
        }
        for point in document.readers.points
        if point.finding == finding and point.specificity.value is not None and point.sensitivity.value is not None
    ]
    curves = [
        {"label": curve.label, "fpr": round_to(fpr, _DIGITS), "tpr": round_to(tpr, _DIGITS)}
        for curve in document.readers.curves
        if curve.finding == finding
        for fpr, tpr in curve.points
    ]
    return points, curves


@cache
def shape(language: Language) -> Spec:
    """Build the specification without data."""
    words = Words(language)
    unit = alt.Scale(domain=[0, 1], nice=False)
    across = share_axis(language, words("chart.fpr"))
    x = alt.X("fpr:Q", scale=unit, axis=across)
    y = alt.Y("tpr:Q", scale=unit, axis=share_axis(language, words("chart.tpr")))
    curves, told = chart("curves"), [alt.Tooltip("fpr:Q", format=".3f"), alt.Tooltip("tpr:Q", format=".3f")]
    legend = alt.Legend(
        title=None, orient="bottom", direction="vertical", columns=1, labelLimit=420, symbolType="stroke",
        symbolOpacity=1, symbolStrokeWidth=2.5, symbolSize=300,
    )  # fmt: skip
    colour = alt.Color("name:N", legend=legend)
    layers = (
        chart("chance").mark_line(color=GREY, strokeDash=[3, 4], strokeWidth=1).encode(
            x=alt.X("x:Q", scale=unit, axis=across), y=alt.Y("y:Q", scale=unit)
        ),
        curves.mark_area(opacity=0.14).encode(x=x, y=alt.Y("low:Q", scale=unit), y2="high:Q", color=colour),
        curves.mark_line(strokeWidth=2.2, interpolate="linear").encode(
            x=x, y=y, color=colour, strokeDash=alt.StrokeDash("name:N", legend=legend), tooltip=["name:N", *told]
        ),
        chart("reader_curves").mark_line(color=ORANGE, strokeWidth=1.6, strokeDash=[5, 3]).encode(
            x=x, y=y, detail="label:N", tooltip=["label:N", *told]
        ),
        chart("readers").mark_point(color=ORANGE, shape="cross", size=90, filled=True, opacity=1).encode(
            x=x, y=y, tooltip=["label:N", *told]
        ),
    )  # fmt: skip
    return bare(alt.layer(*layers).properties(width="container", height=HEIGHT))
