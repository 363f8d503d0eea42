"""Forests: an AUC with its interval for every entry, of one finding or in bands of equal rank."""

from __future__ import annotations

import copy
from functools import cache
from typing import Any

import altair as alt

from arena.presentation.charts.shape import (
    GREY,
    HEIGHT,
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
from arena.presentation.records import EstimateRecord, LeaderboardRecord
from arena.presentation.scale import CHANCE, shared_scale
from arena.presentation.tabular import Found, Named, Table
from arena.presentation.wording import Words

_SCORE_DIGITS = 3
_MARK_DY = 6


def forest_spec(record: LeaderboardRecord, finding: str, words: Words) -> Spec:
    """Draw the AUC of one finding with its interval for every entry, in the order of the leaderboard."""
    rows: list[dict[str, Any]] = []
    estimates = []
    for entry in record.entries:
        scores = next((f for f in entry.findings if f.finding == finding), None)
        if scores is None or scores.auc.value is None:
            continue
        estimates.append(scores.auc)
        name = f"{entry.algorithm_name} · {entry.vendor_name}"
        rows.append(_row(len(rows), name, scores.auc, words) | {"tied": entry.tied_with_first})
    return _filled(_forest_shape(words.language), rows, estimates, HEIGHT)


def ranks_spec(table: Table, words: Words) -> Spec:
    """Draw the macro AUC of every entry of the table `ranks`, rows of one rank on a common band."""
    rows: list[dict[str, Any]] = []
    estimates: list[EstimateRecord] = []
    band, before = 0, None
    for name, rank, _, _, macro in table.rows:
        if not isinstance(name, Named) or not isinstance(macro, Found) or macro.value is None:
            continue
        band += bool(rows) and rank != before
        told = "–" if rank is None else str(rank)
        first = not rows or rank != before
        before = rank
        estimates.append(macro)
        row = _row(len(rows), name.name, macro, words)
        rows.append(row | {"tied": rank == 1, "odd": band % 2 == 0, "rank": told if first else ""})
    return _filled(_ranks_shape(words.language), rows, estimates, ROW_HEIGHT * max(1, len(rows)))


def _row(place: int, name: str, estimate: EstimateRecord, words: Words) -> dict[str, Any]:
    value = estimate.value
    return {
        "place": place,
        "name": name,
        "value": value,
        "low": estimate.low if estimate.low is not None else value,
        "high": estimate.high if estimate.high is not None else value,
        "words": words.estimate(estimate, _SCORE_DIGITS),
    }


def _filled(shape: Spec, rows: list[dict[str, Any]], estimates: list[EstimateRecord], height: int) -> Spec:
    scale = shared_scale(estimates)
    spec = copy.deepcopy(shape)
    # Marks of chance stand beside the intervals only, so that no line goes through a name.
    chance = [{"place": row["place"], "chance": CHANCE} for row in rows] if scale.shows_chance else []
    spec["datasets"] = {"entries": rows, "chance": chance}
    spec["height"] = height
    set_domain(spec, "x", scale.low, scale.high, scale.ticks)
    return spec


def _layers(words: Words, left: float) -> list[alt.Chart]:
    top = axis(words.language, orient="top", format=".2f", grid=True)
    scale = alt.Scale(domain=[0.5, 1.0], zero=False, nice=False)
    base = chart("entries").encode(
        y=rows_axis(),
        color=alt.condition("datum.tied", alt.value(TEAL), alt.value(GREY)),
        tooltip=[alt.Tooltip("name:N", title=words("column.algorithm")), alt.Tooltip("words:N", title="AUC")],
    )
    low, value = alt.X("low:Q", scale=scale, axis=top), alt.X("value:Q", scale=scale, axis=top)
    return [
        chart("chance")
        .mark_tick(color=GREY, thickness=1.5, height=16, yOffset=_MARK_DY)
        .encode(x=alt.X("chance:Q", scale=scale, axis=top), y=rows_axis()),
        base.mark_rule(strokeWidth=3, strokeCap="round", yOffset=_MARK_DY).encode(x=low, x2="high:Q"),
        base.mark_point(filled=True, size=90, opacity=1, yOffset=_MARK_DY).encode(x=value),
        name_text("entries", left),
    ]


@cache
def _forest_shape(language: Language) -> Spec:
    return bare(alt.layer(*_layers(Words(language), 4)).properties(width="container", height=HEIGHT))


@cache
def _ranks_shape(language: Language) -> Spec:
    words = Words(language)
    bands = chart("entries").mark_rect(height=alt.RelativeBandSize(band=1)).encode(
        y=rows_axis(), x=alt.value(0), x2=alt.value("width"), color=alt.value(GREY),
        opacity=alt.condition("datum.odd", alt.value(0.14), alt.value(0)),
    )  # fmt: skip
    rank = chart("entries").mark_text(align="left", baseline="middle", dy=-10, fontSize=15, fontWeight=600).encode(
        x=alt.value(8), y=rows_axis(), text="rank:N"
    )  # fmt: skip
    layers = [bands, *_layers(words, 34), rank]
    return bare(alt.layer(*layers).properties(width="container", height=HEIGHT))


def warm(language: Language) -> None:
    """Build the shapes of a language."""
    _forest_shape(language)
    _ranks_shape(language)
