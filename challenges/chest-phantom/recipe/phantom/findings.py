"""What is to be found: each finding changes a chest's layers, from subtle to obvious by its conspicuity."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .anatomy import LUNG_DEFICIT, Chest, Layers, Lung
from .canvas import edge

Place = tuple[float, float]
"""Body coordinates, in millimetres, of what to look at."""


@dataclass(frozen=True, slots=True)
class Range:
    """A parameter's value at conspicuity 0 and 1; between them it grows as a straight line."""

    subtle: float
    obvious: float

    def at(self, conspicuity: float) -> float:
        """Return the value at a conspicuity."""
        return self.subtle + (self.obvious - self.subtle) * conspicuity


NODULE_RADIUS_MM = Range(5.2, 14.0)
NODULE_CONTRAST = Range(0.25, 0.85)
EFFUSION_HEIGHT_MM = Range(8.0, 88.0)
PNEUMOTHORAX_GAP_MM = Range(6.0, 34.0)
PNEUMOTHORAX_REACH_MM = Range(52.0, 205.0)
PLEURAL_LINE = Range(0.11, 0.20)


def add_nodule(chest: Chest, layers: Layers, conspicuity: float, rng: np.random.Generator) -> Place:
    """Add a round soft density in a lung: larger and denser as it grows obvious."""
    side = int(rng.choice([-1, 1]))
    lung = chest.lung(side)
    radius = NODULE_RADIUS_MM.at(conspicuity) * rng.uniform(0.9, 1.1)
    contrast = NODULE_CONTRAST.at(conspicuity) * rng.uniform(0.88, 1.12)
    place = _spot_in_lung(lung, rng, margin=radius + 5)
    x, y = chest.frame.grid
    across, down = x - np.float32(place[0]), y - np.float32(place[1])
    angle = np.arctan2(down, across)
    outline = np.float32(radius) * (
        1
        + np.float32(rng.uniform(0.03, 0.10)) * np.cos(2 * angle + np.float32(rng.uniform(0, 6.3)))
        + np.float32(rng.uniform(0.01, 0.06)) * np.cos(5 * angle + np.float32(rng.uniform(0, 6.3)))
    )
    inside = np.clip(1 - (across**2 + down**2) / outline**2, 0, 1)
    layers.solid += np.float32(contrast) * np.sqrt(inside) * lung.inside
    return place


def _spot_in_lung(lung: Lung, rng: np.random.Generator, margin: float) -> Place:
    """Draw a place well inside the lung's clear part."""
    while True:
        lateral, y = rng.uniform(44, 125), rng.uniform(-95, 85)
        clear_of_wall = lateral < lung.wall_at(y) - margin and y > lung.top + 14 + margin
        behind_heart = lung.side > 0 and lateral < 92 and y > -2
        if clear_of_wall and y < lung.dome_at(lateral) - margin and not behind_heart:
            return float(lung.side * lateral), float(y)


def add_effusion(chest: Chest, layers: Layers, conspicuity: float, rng: np.random.Generator) -> Place:
    """Let fluid fill a pleural space from the costophrenic angle up, with a meniscus that climbs at the chest wall."""
    side = int(rng.choice([-1, 1]))
    lung = chest.lung(side)
    height = EFFUSION_HEIGHT_MM.at(conspicuity**1.25) * rng.uniform(0.92, 1.08)
    level = lung.base - height
    wall = lung.wall_at(level)
    across = np.clip((lung.lateral - np.float32(30)) / np.float32(wall - 30), 0, 1)
    sag = np.float32(min(0.75 * height, 34.0) + 6) * (1 - across ** np.float32(rng.uniform(2.0, 3.0)))
    surface = np.float32(level) + sag
    depth = chest.frame.grid[1] - surface
    fluid = edge(depth + 2, 3.0 + 0.05 * height) * (np.float32(0.72) + np.float32(0.28) * edge(depth - 14, 14))
    creep = edge(np.float32(2.5 + 0.03 * height) - lung.wall, 1.6) * edge(depth + 0.35 * height + 8, 8)
    share = np.clip(np.maximum(fluid, np.float32(0.55) * creep), 0, 1) * lung.inside
    layers.air *= 1 - np.float32(0.94) * share
    layers.tissue *= 1 - np.float32(0.85) * share
    return float(side * (wall - 14)), float(lung.base - 0.5 * height - 4)


def add_pneumothorax(chest: Chest, layers: Layers, conspicuity: float, rng: np.random.Generator) -> Place:
    """Let air part a lung from the chest wall: a thin pleural line, and beyond it neither tissue nor vessels."""
    side = int(rng.choice([-1, 1]))
    lung = chest.lung(side)
    gap = PNEUMOTHORAX_GAP_MM.at(conspicuity) * rng.uniform(0.9, 1.1)
    reach = PNEUMOTHORAX_REACH_MM.at(conspicuity)
    y = chest.frame.grid[1]
    along = np.clip((y - np.float32(lung.top)) / np.float32(reach), 0, 1)
    waver = 1 + np.float32(rng.uniform(0.02, 0.08)) * np.sin(y / np.float32(rng.uniform(18, 34)))
    parting = np.float32(gap) * (1 - along ** np.float32(rng.uniform(1.6, 2.6))) * waver
    beyond = edge(parting - lung.wall, 0.8) * lung.inside * (parting > np.float32(0.6))
    line = np.exp(-(((lung.wall - parting) / np.float32(0.95)) ** 2)) * lung.inside * edge(parting - 1.5, 1.0)
    layers.tissue *= 1 - beyond
    layers.gas += beyond * np.minimum(layers.air * np.float32(1.6), 1)
    layers.solid += np.float32(PLEURAL_LINE.at(conspicuity)) * line
    collapsed = lung.inside * (1 - beyond) * np.float32(0.05 + 0.22 * conspicuity * (gap / 34))
    layers.air -= collapsed * layers.air * np.float32(0.30)
    level = lung.top + 0.35 * reach
    return float(side * (lung.wall_at(level) - gap * 0.8)), float(level)


def add_nipple(chest: Chest, layers: Layers, rng: np.random.Generator) -> Place:
    """Add a nipple's shadow, or both: small discs low in the lungs, sharp on their outer side."""
    sides = [(-1,), (1,), (-1, 1)][int(rng.integers(3))]
    lateral, level = rng.uniform(80, 98), rng.uniform(42, 62)
    radius, contrast = rng.uniform(4.2, 6.0), rng.uniform(0.16, 0.36)
    x, y = chest.frame.grid
    for side in sides:
        across = (x - np.float32(side * (lateral + rng.normal(0, 2)))) * np.float32(side)
        down = y - np.float32(level + rng.normal(0, 3))
        distance = np.float32(radius) - np.sqrt(across**2 + (down * np.float32(1.15)) ** 2)
        sharp = edge(distance, 0.8) * (np.float32(0.75) + np.float32(0.25) * edge(across, radius))
        layers.solid += np.float32(contrast) * sharp
    return float(sides[0] * lateral), float(level)


def add_rib_crossing(chest: Chest, layers: Layers, rng: np.random.Generator) -> Place:
    """Thicken the place where two ribs seem to cross: a lozenge along them, as calcified cartilage gives it."""
    side = int(rng.choice([-1, 1]))
    lung = chest.lung(side)
    y0 = rng.uniform(-62, 40)
    lateral = rng.uniform(0.62, 0.86) * lung.wall_at(y0)
    x, y = chest.frame.grid
    across, down = (x - np.float32(side * lateral)) * np.float32(side), y - np.float32(y0)
    steep = rng.uniform(0.35, 0.6)
    first = np.abs(down - np.float32(steep) * across) / np.float32(rng.uniform(5.5, 7.5))
    second = np.abs(down + np.float32(steep * 0.9) * across) / np.float32(rng.uniform(5.5, 7.5))
    layers.solid += np.float32(rng.uniform(0.18, 0.40)) * edge((1 - np.maximum(first, second)) * 6, 1.2)
    return float(side * lateral), float(y0)


def add_skin_fold(chest: Chest, layers: Layers, rng: np.random.Generator) -> Place:
    """Lay a fold of skin over a lung: a band that thickens and ends in an edge; markings go on beyond it."""
    side = int(rng.choice([-1, 1]))
    lung = chest.lung(side)
    x, y = chest.frame.grid
    middle = rng.uniform(-60, -5)
    lateral = lung.wall_at(middle) - rng.uniform(16, 34)
    tilt, bow = rng.uniform(-0.12, 0.30), rng.uniform(-0.0012, 0.0016)
    down = y - np.float32(middle)
    border = np.float32(lateral) + np.float32(tilt) * down - np.float32(bow) * down**2
    inward = border - x * np.float32(side)
    width = np.float32(rng.uniform(14, 26))
    band = edge(inward, 0.9) * np.exp(-np.maximum(inward, 0) / width)
    length = rng.uniform(60, 105)
    extent = edge(np.float32(length) - np.abs(down), 12)
    body = np.clip(layers.solid / np.float32(LUNG_DEFICIT), 0, 1)
    layers.solid += np.float32(rng.uniform(0.13, 0.24)) * band * extent * body
    return float(side * lateral), float(middle)


def raised_dome_mm(rng: np.random.Generator) -> tuple[int, float]:
    """Draw a raised half of the diaphragm: its side and by how many millimetres; the angle stays sharp."""
    return int(rng.choice([-1, 1])), float(rng.uniform(14, 30))
