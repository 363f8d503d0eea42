"""Pictures of one entry for the clinic: reliability, decision curve, norm curve."""

from __future__ import annotations

import copy
from functools import cache
from math import ceil
from typing import Any, Final

import altair as alt

from arena.presentation.charts.shape import GREY, ORANGE, TEAL, Spec, axis, bare, chart, set_domain, share_axis
from arena.presentation.language import Language
from arena.presentation.tabular import Table
from arena.presentation.wording import Words

LOW_HEIGHT: Final = 320
_BELOW = -0.25
"""How far below zero a decision curve is drawn, as a share of its greatest value."""


def reliability_spec(table: Table, words: Words) -> Spec:
    """Draw the observed share over the mean answer of each bin of the table `reliability` of one finding."""
    spec = copy.deepcopy(_reliability_shape(words.language))
    spec["datasets"] = {"bins": table.dicts(), "ideal": [{"x": 0, "y": 0}, {"x": 1, "y": 1}]}
    return spec


@cache
def _reliability_shape(language: Language) -> Spec:
    words = Words(language)
    unit = alt.Scale(domain=[0, 1], nice=False)
    across, up = share_axis(language, words("axis.answer")), share_axis(language, words("axis.observed"))
    x = alt.X("mean_answer:Q", scale=unit, axis=across)
    bins = chart("bins").encode(
        x=x,
        tooltip=[
            alt.Tooltip("mean_answer:Q", title=words("axis.answer"), format=".3f"),
            alt.Tooltip("observed:Q", title=words("axis.observed"), format=".3f"),
            alt.Tooltip("observed_n:Q", title=words("col.n")),
        ],
    )
    layers = (
        chart("ideal").mark_line(color=GREY, strokeDash=[3, 4], strokeWidth=1).encode(
            x=alt.X("x:Q", scale=unit, axis=across), y=alt.Y("y:Q", scale=unit, axis=up)
        ),
        bins.mark_rule(color=TEAL, strokeWidth=2).encode(
            y=alt.Y("observed_low:Q", scale=unit, axis=up), y2="observed_high:Q"
        ),
        bins.mark_line(color=TEAL, strokeWidth=1.4).encode(y=alt.Y("observed:Q", scale=unit, axis=up)),
        bins.mark_point(color=TEAL, filled=True, size=75, opacity=1).encode(y=alt.Y("observed:Q", scale=unit, axis=up)),
    )  # fmt: skip
    return bare(alt.layer(*layers).properties(width="container", height=LOW_HEIGHT))


def decision_spec(table: Table, words: Words) -> Spec:
    """Draw the table `decision` of one finding and one share of positives: the answers, everybody, nobody.

    What lies far below zero, where acting does harm, runs out of the picture; the note under it says so.
    """
    points = table.dicts()
    greatest = max([point["net_benefit"] for point in points] + [point["high"] for point in points], default=1.0)
    lines: list[dict[str, Any]] = []
    for name, value in (
        ("service", lambda p: p["net_benefit"]),
        ("all", lambda p: p["treat_all"]),
        ("none", lambda _: 0),
    ):
        lines += [{"line": name, "threshold": p["threshold"], "benefit": value(p)} for p in points]
    spec = copy.deepcopy(_decision_shape(words.language))
    spec["datasets"] = {"band": points, "lines": lines}
    set_domain(spec, "y", _BELOW * greatest, 1.08 * greatest)
    useful = [point["threshold"] for point in points if point["high"] >= 0 or point["treat_all"] >= 0]
    set_domain(spec, "x", 0, min(1.0, ceil(20 * max([*useful, 0.05]) + 1) / 20))
    return spec


@cache
def _decision_shape(language: Language) -> Spec:
    words = Words(language)
    kinds = ("service", "all", "none")
    label = " : ".join(f"datum.label == '{kind}' ? '{words(f'mark.{kind}')}'" for kind in kinds) + " : ''"
    legend = alt.Legend(
        title=None, orient="bottom", direction="vertical", columns=1, labelExpr=label, symbolType="stroke",
        symbolStrokeWidth=2.5, symbolSize=300, symbolOpacity=1, labelLimit=420,
    )  # fmt: skip
    unit = alt.Scale(domain=[0, 1], nice=False)
    benefit = alt.Scale(domain=[0, 1], nice=False, zero=False)
    x = alt.X("threshold:Q", scale=unit, axis=axis(language, words("axis.threshold"), format="~g", tickCount=6))
    up = axis(language, words("axis.benefit"), format="~g", tickCount=5)
    layers = (
        chart("band").mark_area(color=TEAL, opacity=0.16, clip=True).encode(
            x=x, y=alt.Y("low:Q", scale=benefit, axis=up), y2="high:Q"
        ),
        chart("lines").mark_line(strokeWidth=2.2, clip=True).encode(
            x=x,
            y=alt.Y("benefit:Q", scale=benefit, axis=up),
            color=alt.Color("line:N", scale=alt.Scale(domain=list(kinds), range=[TEAL, ORANGE, GREY]), legend=legend),
            strokeDash=alt.StrokeDash(
                "line:N", scale=alt.Scale(domain=list(kinds), range=[[1, 0], [7, 3], [2, 3]]), legend=legend
            ),
        ),
    )  # fmt: skip
    return bare(alt.layer(*layers).properties(width="container", height=LOW_HEIGHT))


def norm_spec(curve: Table, norm: Table, words: Words) -> Spec:
    """Draw the table `norm-curve` with the declared point and the declared limit out of the table `norm`."""
    told = {row["measure"]: row for row in norm.dicts()}
    share, missed = told.get("sorted_share", {}), told.get("missed_of_abnormal", {})
    limit, points = missed.get("limit"), curve.dicts()
    spec = copy.deepcopy(_norm_shape(words.language))
    at = {"sorted_share": share.get("found"), "missed": missed.get("found"), "missed_high": missed.get("found_high")}
    spec["datasets"] = {
        "curve": points,
        "point": [at] if at["sorted_share"] is not None and at["missed"] is not None else [],
        "limit": [] if limit is None else [{"missed": limit}],
    }
    reach = max([limit or 0.05] + [value for value in (at["missed_high"],) if value is not None])
    set_domain(spec, "y", 0, min(1.0, round(4 * reach, 2)))
    near = [p["sorted_share"] for p in points if p["missed"] <= 4 * reach]
    set_domain(spec, "x", 0, min(1.0, round(max([*near, 0.1]) + 0.05, 2)))
    return spec


@cache
def _norm_shape(language: Language) -> Spec:
    words = Words(language)
    scale_x, scale_y = (alt.Scale(domain=[0, 1], nice=False, zero=True) for _ in range(2))
    across = axis(language, words("axis.sorted"), format=".2f", tickCount=6)
    up = axis(language, words("axis.missed"), format=".2f", tickCount=5)
    x = alt.X("sorted_share:Q", scale=scale_x, axis=across)
    y = alt.Y("missed:Q", scale=scale_y, axis=up)
    told = [
        alt.Tooltip(f"{key}:Q", title=words(f"col.{key}"), format=".3f")
        for key in ("sorted_share", "missed", "missed_high")
    ]
    curve, point = chart("curve").encode(x=x, tooltip=told), chart("point").encode(x=x, tooltip=told)
    layers = (
        curve.mark_area(color=TEAL, opacity=0.16, clip=True).encode(y=y, y2="missed_high:Q"),
        curve.mark_line(color=TEAL, strokeWidth=2, clip=True).encode(y=y),
        curve.mark_line(color=TEAL, strokeWidth=1.4, strokeDash=[4, 3], clip=True).encode(
            y=alt.Y("missed_high:Q", scale=scale_y, axis=up)
        ),
        chart("limit").mark_rule(color=ORANGE, strokeWidth=2, strokeDash=[7, 3]).encode(y=y),
        point.mark_rule(color=TEAL, strokeWidth=4, strokeCap="round", clip=True).encode(y=y, y2="missed_high:Q"),
        point.mark_point(color=TEAL, filled=True, size=110, opacity=1).encode(y=y),
    )  # fmt: skip
    return bare(alt.layer(*layers).properties(width="container", height=LOW_HEIGHT))


def warm(language: Language) -> None:
    """Build the shapes of a language."""
    _reliability_shape(language)
    _decision_shape(language)
    _norm_shape(language)
