"""The contact sheet: each finding from subtle to obvious, and normal chests with what is mistaken for a finding."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from .canvas import COLUMNS, ROWS
from .exposure import WHITE
from .plan import CASE_SETS, DEVICES, Distractor, Finding, StudyPlan, plan_studies
from .study import Study, draw_study

STEPS = (0.05, 0.28, 0.52, 0.76, 1.0)
MARGIN = 10
CAPTION = 20
HEAD = 26
BACKGROUND, INK, TICK = (16, 18, 22), (222, 226, 232), (255, 196, 64)
ZOOM = 1.25


def write_sheet(path: Path) -> None:
    """Draw the contact sheet as a PNG file."""
    base = plan_studies(CASE_SETS["sample"])
    rows: list[tuple[str, list[tuple[str, Study]]]] = []
    for finding in Finding:
        cells = []
        for column, step in enumerate(STEPS):
            plan = _person(base, 5 * len(rows) + column, {finding: step}, frozenset())
            cells.append((f"conspicuity {step:.2f}", draw_study(plan)))
        rows.append((f"{finding}: present, from subtle to obvious", cells))
    cells = [("nothing added", draw_study(_person(base, 15, {}, frozenset())))]
    for column, kind in enumerate(Distractor):
        plan = _person(base, 16 + column, {}, frozenset({kind}))
        cells.append((kind.replace("_", " "), draw_study(plan)))
    rows.append(("no finding: a plain chest and the four distractors", cells))
    path.parent.mkdir(parents=True, exist_ok=True)
    _compose(rows).save(path, optimize=True)


def _person(
    base: list[StudyPlan], number: int, conspicuity: dict[Finding, float], distractors: frozenset[Distractor]
) -> StudyPlan:
    """Return a plan of the sample set with another content; people and devices differ from cell to cell."""
    plan = base[number % len(base)]
    device = DEVICES[number % len(DEVICES)]
    return replace(plan, number=900 + number, conspicuity=conspicuity, distractors=distractors, device=device)


def _compose(rows: list[tuple[str, list[tuple[str, Study]]]]) -> Image.Image:
    wide, high = round(COLUMNS * ZOOM), round(ROWS * ZOOM)
    row_height = HEAD + high + CAPTION + MARGIN
    size = (MARGIN + len(STEPS) * (wide + MARGIN), len(rows) * row_height + MARGIN)
    sheet = Image.new("RGB", size, BACKGROUND)
    pen = ImageDraw.Draw(sheet)
    title, small = ImageFont.load_default(16), ImageFont.load_default(13)
    for row, (heading, cells) in enumerate(rows):
        top = row * row_height + MARGIN
        pen.text((MARGIN, top), heading, fill=INK, font=title)
        for column, (caption, study) in enumerate(cells):
            left = MARGIN + column * (wide + MARGIN)
            picture = _picture(study).resize((wide, high), Image.Resampling.BICUBIC)
            sheet.paste(picture, (left, top + HEAD))
            for place in study.places.values():
                _ticks(pen, left, top + HEAD, (place[0] * ZOOM, place[1] * ZOOM), (wide, high))
            detail = f"{study.plan.sex} {study.plan.age}, {study.plan.device.model}"
            pen.text((left, top + HEAD + high + 3), f"{caption}  ·  {detail}", fill=INK, font=small)
    return sheet


def _picture(study: Study) -> Image.Image:
    levels = study.pixels.astype(np.float64)
    if study.plan.device.monochrome1:
        levels = WHITE - levels
    low, high = np.percentile(levels, [1, 99.7])
    return Image.fromarray(np.uint8(np.clip((levels - low) / (high - low), 0, 1) * 255)).convert("RGB")


def _ticks(pen: ImageDraw.ImageDraw, left: int, top: int, place: tuple[float, float], size: tuple[int, int]) -> None:
    """Point to a place from the picture's borders, so that nothing covers it."""
    x, y = left + place[0], top + place[1]
    right, bottom = left + size[0], top + size[1]
    for line in (
        [(x, top), (x, top + 7)],
        [(x, bottom - 7), (x, bottom)],
        [(left, y), (left + 7, y)],
        [(right - 7, y), (right, y)],
    ):
        pen.line(line, fill=TICK, width=2)
