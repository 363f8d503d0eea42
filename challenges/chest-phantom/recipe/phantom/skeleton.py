"""Ribs, spine, clavicles, shoulder blades and upper arms as strokes over the chest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from .canvas import Frame, Map, Points, Stroke, bezier, draw, edge

if TYPE_CHECKING:
    from .anatomy import Habitus, Lung

FIRST_RIB_Y = -112.0
RIBS = 9
ANTERIOR_RIBS = 7


def bones(frame: Frame, shape: Habitus, lungs: Sequence[Lung], rng: np.random.Generator) -> Map:
    """Return the skeleton's log attenuation."""
    posterior, anterior = [], []
    for lung in lungs:
        for number in range(RIBS):
            back, front = rib(shape, lung.wall_at, lung.side, number, rng.normal(0, 1.2, size=3))
            posterior += _tube(back, 9.2 - 0.12 * number, 0.82)
            if number < ANTERIOR_RIBS:
                anterior += _tube(front, 10.5, 0.62)
    ribs = draw(frame, posterior) * np.float32(0.40) + draw(frame, anterior) * np.float32(0.36)
    above = np.maximum(*(edge(lung.dome - frame.grid[1], 14) * edge(lung.lateral, 6) for lung in lungs))
    total = ribs * (np.float32(0.35) + np.float32(0.65) * above)
    total += draw(frame, _clavicles(shape)) * np.float32(0.42)
    total += draw(frame, _shoulders(shape)) * np.float32(0.36)
    total += draw(frame, _spine(rng)) * np.float32(0.40)
    return np.asarray(total * np.float32(shape.bone), dtype=np.float32)


def rib(
    shape: Habitus, wall: Callable[[float], float], side: int, number: int, jitter: np.ndarray
) -> tuple[Points, Points]:
    """Return a rib's back part, from the spine to the chest wall, and its front part, from there inwards."""
    y = FIRST_RIB_Y + shape.rib_pitch * number + float(jitter[0])
    drop = shape.rib_drop * (0.55 + 0.07 * number)
    turn = y + drop + float(jitter[1])
    outer = wall(turn) + 1.5
    back = bezier(
        _point(side, 14, y + 2),
        _point(side, 14 + 0.42 * outer, y - 9 - 0.5 * number),
        _point(side, outer + 3, y + 0.25 * drop),
        _point(side, outer, turn),
    )
    end = max(34.0, 26 + 5.5 * number)
    fall = 30 + 2.2 * number + float(jitter[2])
    front = bezier(
        _point(side, outer, turn),
        _point(side, outer - 1, turn + 0.55 * fall),
        _point(side, 0.72 * outer, turn + 0.95 * fall),
        _point(side, end, turn + 1.0 * fall),
    )
    return back, front


def _point(side: int, lateral: float, y: float) -> Points:
    return np.array([side * lateral, y])


def _tube(points: Points, width_mm: float, value: float) -> list[Stroke]:
    """Return a hollow bone: a bright rim, a paler inside."""
    return [
        Stroke(points, width_mm, 0.75 * value),
        Stroke(points, width_mm * 0.86, value),
        Stroke(points, width_mm * 0.55, 0.72 * value),
    ]


def _clavicles(shape: Habitus) -> list[Stroke]:
    strokes = []
    for side in (-1, 1):
        rise = shape.clavicle_rise
        points = bezier(
            _point(side, 17, -88),
            _point(side, 62, -88 - 0.1 * rise),
            _point(side, 95, -112 - rise),
            _point(side, 158, -104 - rise),
        )
        strokes += _tube(points, 11.5, 0.85)
        strokes.append(Stroke(points[:4], 15, 0.7))
    return strokes


def _shoulders(shape: Habitus) -> list[Stroke]:
    """Return the shoulder blades, turned outwards, and the heads of the upper arms."""
    strokes = []
    wall = shape.width + shape.apex
    for side in (-1, 1):
        blade = np.array(
            [(wall - 18, -92), (wall - 8, -20), (wall + 6, 18), (wall + 22, -10), (wall + 34, -72), (wall + 20, -104)]
        ) * [side, 1]
        strokes.append(Stroke(blade, 0, 0.22, closed=True))
        strokes.append(Stroke(blade[:3], 2.2, 0.55))
        strokes.append(Stroke(blade[[0, 5]], 5.0, 0.5))
        strokes.append(Stroke(blade[2:5], 3.0, 0.4))
        angle = np.linspace(0, 2 * np.pi, 30)
        head = np.stack([side * (wall + 45) + 20 * np.cos(angle), -92 + 22 * np.sin(angle)], axis=1)
        strokes += [Stroke(head, 0, 0.55, closed=True), Stroke(head, 2.5, 0.8)]
        strokes.append(Stroke(np.array([(wall + 50, -80), (wall + 62, 10)]) * [side, 1], 24, 0.6))
    return strokes


def _spine(rng: np.random.Generator) -> list[Stroke]:
    """Return the vertebrae, each a block with bright end plates, two pedicles and a spinous process."""
    strokes = []
    y = -190.0
    bend = rng.normal(0, 0.00012)
    while y < 190:
        pitch = 19.5 + 0.022 * (y + 190)
        x, half = bend * y * y, 13.5 + 0.012 * (y + 190)
        low, high = y + 1.4, y + pitch - 1.8
        block = np.array([(x - half, low), (x + half, low), (x + half - 1, high), (x - half + 1, high)])
        strokes.append(Stroke(block, 0, 0.52, closed=True))
        strokes += [Stroke(block[:2], 1.6, 0.8), Stroke(block[2:], 1.6, 0.76)]
        for way in (-1, 1):
            ring = np.linspace(0, 2 * np.pi, 14)
            oval = np.stack([x + way * (half - 4) + 2.4 * np.cos(ring), y + 7 + 3.6 * np.sin(ring)], axis=1)
            strokes.append(Stroke(oval, 1.2, 0.82))
        strokes.append(Stroke(np.array([(x, y + 9), (x, y + 15)]), 3.4, 0.85))
        y += pitch
    return strokes
