"""The lungs' vessels: trees that leave the hila, branch, and thin out before the pleura."""

from __future__ import annotations

import numpy as np

from .canvas import Frame, Map, Stroke, draw

GENERATIONS = 7
HILUM = (33.0, 2.0)
STEMS = ((-1.25, 0.75), (-0.75, 0.9), (-0.3, 0.8), (0.1, 0.8), (0.5, 0.95), (0.85, 1.1), (1.2, 1.1))
"""Angle below the horizontal and relative width of the stems of one lung."""


def vessels(frame: Frame, markings: float, rng: np.random.Generator) -> Map:
    """Return the vessels' log attenuation, before it is cut to the lungs."""
    by_generation: list[list[Stroke]] = [[] for _ in range(GENERATIONS)]
    for side in (-1, 1):
        hilum = np.array([HILUM[0], HILUM[1] - (5 if side > 0 else 0)])
        angle = np.array([stem[0] for stem in STEMS]) + rng.normal(0, 0.09, len(STEMS))
        width = np.array([5.6 * stem[1] for stem in STEMS])
        start = hilum + rng.normal(0, (3.0, 9.0), (len(STEMS), 2))
        for generation in range(GENERATIONS):
            length = rng.uniform(0.8, 1.25, len(angle)) * (25.0 * 0.84**generation)
            bend = angle + rng.normal(0, 0.16, len(angle))
            middle = start + 0.5 * length[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
            end = middle + 0.5 * length[:, None] * np.stack([np.cos(bend), np.sin(bend)], axis=1)
            lines = np.stack([start, middle, end], axis=1) * [side, 1]
            by_generation[generation] += [
                Stroke(line, float(wide), min(1.0, 0.19 * float(wide))) for line, wide in zip(lines, width, strict=True)
            ]
            fork = rng.normal(0.36, 0.12, (len(angle), 2)) * [-1, 1]
            thin = rng.uniform(0.68, 0.86, (len(angle), 2))
            angle = (bend[:, None] + fork).ravel()
            width = (width[:, None] * thin).ravel()
            start = np.repeat(end, 2, axis=0)
            if len(angle) > 110:
                kept = np.sort(rng.permutation(len(angle))[:110])
                angle, width, start = angle[kept], width[kept], start[kept]
    total = np.float32(0.46) * draw(frame, [stroke for level in reversed(by_generation[:3]) for stroke in level])
    total += np.float32(0.46) * draw(frame, [stroke for level in reversed(by_generation[3:]) for stroke in level])
    return total * np.float32(markings)
