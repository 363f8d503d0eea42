"""A chest without findings: its shape, different in every patient, as log attenuation."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.ndimage import gaussian_filter

from .canvas import COLUMNS, ROWS, Frame, Map, edge, ellipse, enlarge
from .skeleton import bones
from .vessels import vessels

SOFT_TISSUE = 2.75
LUNG_DEFICIT = 1.75
"""How much less than soft tissue an aerated lung attenuates where it is deepest."""
PARENCHYMA = 0.26
"""Part of that attenuation that the lung's own tissue gives: it is gone where there is only air."""


@dataclass(frozen=True, slots=True)
class Habitus:
    """A patient's shape. Lengths in millimetres; `left` and `right` are the patient's."""

    width: float
    height: float
    apex: float
    mediastinum: float
    dome: float
    dome_right_higher: float
    heart: float
    heart_turn: float
    knob: float
    rib_pitch: float
    rib_drop: float
    bone: float
    markings: float
    clavicle_rise: float
    breast: float
    bubble: float
    thickness: float
    tortuosity: float


def draw_habitus(rng: np.random.Generator, sex: str, age: int) -> Habitus:
    """Draw a patient's shape."""
    female = sex == "F"
    size = rng.normal(0.965 if female else 1.0, 0.03)
    return Habitus(
        width=84 * size * rng.normal(1, 0.04),
        height=172 * size * rng.normal(1, 0.04),
        apex=rng.normal(50, 3.0),
        mediastinum=rng.normal(21, 2.0),
        dome=rng.normal(27, 4.0),
        dome_right_higher=rng.normal(11, 4.0),
        heart=rng.normal(1.0, 0.07) + 0.002 * (age - 50),
        heart_turn=rng.normal(0.62, 0.09),
        knob=rng.normal(13.5, 1.2) + 0.05 * (age - 50),
        rib_pitch=23.0 * size * rng.normal(1, 0.03),
        rib_drop=rng.normal(34, 5.0),
        bone=rng.normal(1.0, 0.12) - 0.003 * (age - 50),
        markings=rng.normal(1.0, 0.12),
        clavicle_rise=rng.normal(18, 7.0),
        breast=max(0.0, rng.normal(0.30, 0.10)) if female else 0.0,
        bubble=rng.uniform(0, 1),
        thickness=rng.normal(1.0, 0.06),
        tortuosity=max(0.0, rng.normal(0.02, 0.010)) * (age - 20) / 30,
    )


class Lung:
    """One lung's outline in body coordinates; `side` is -1 for the patient's right, +1 for the left."""

    def __init__(self, frame: Frame, shape: Habitus, side: int, inspiration: float) -> None:
        """Take the shape of one lung; `inspiration` moves the diaphragm down, in millimetres."""
        self.frame, self.shape, self.side = frame, shape, side
        self.base = 96.0 + inspiration - (shape.dome_right_higher / 2 if side < 0 else -shape.dome_right_higher / 2)
        """Level of the costophrenic angle's foot."""
        self.centre = (shape.apex, 58.0)

    @cached_property
    def lateral(self) -> Map:
        """Distance from the midline in millimetres, positive towards this side."""
        return self.frame.grid[0] * np.float32(self.side)

    @cached_property
    def wall(self) -> Map:
        """Distance in millimetres to the chest wall and apex; positive inside."""
        across = self.lateral - np.float32(self.centre[0])
        down = self.frame.grid[1] - np.float32(self.centre[1])
        tall = np.where(down < 0, np.float32(self.shape.height), np.float32(420))
        wide = np.where(across < 0, np.float32(self.shape.width * 0.9), np.float32(self.shape.width))
        power = np.float32(2.3)
        rho = (np.abs(across / wide) ** power + np.abs(down / tall) ** power) ** (1 / power)
        distance = (1 - rho) * np.sqrt(across**2 + down**2) / np.maximum(rho, np.float32(1e-3))
        return np.asarray(distance, dtype=np.float32)

    def wall_at(self, y: float) -> float:
        """Return how far from the midline, in millimetres, the chest wall is at level `y`."""
        tall = self.shape.height if y < self.centre[1] else 420.0
        inside = max(0.0, 1 - abs((y - self.centre[1]) / tall) ** 2.3)
        return float(self.centre[0] + self.shape.width * inside ** (1 / 2.3))

    @property
    def top(self) -> float:
        """Level of the apex."""
        return self.centre[1] - self.shape.height

    def dome_at(self, lateral: float) -> float:
        """Return the level of the diaphragm at a distance from the midline."""
        return float(self.base - self.shape.dome * (1 - abs((lateral - 62) / 70) ** 2.4))

    @cached_property
    def dome(self) -> Map:
        """Level of the diaphragm above each pixel."""
        offset = np.abs((self.lateral - np.float32(62)) / np.float32(70)) ** np.float32(2.4)
        return np.asarray(np.float32(self.base) - np.float32(self.shape.dome) * (1 - offset), dtype=np.float32)

    @cached_property
    def depth(self) -> Map:
        """Signed distance in millimetres to the nearest border; positive inside."""
        y = self.frame.grid[1]
        bulge = np.float32(4) * np.exp(-(((y - 8) / np.float32(24)) ** 2))
        inner = self.lateral - np.float32(self.shape.mediastinum) - bulge
        nearest = np.minimum(np.minimum(self.wall, inner), (self.dome - y) * np.float32(0.85))
        return np.asarray(nearest, dtype=np.float32)

    @cached_property
    def inside(self) -> Map:
        """1 inside the lung, 0 outside, smooth between."""
        return edge(self.depth, 1.6)

    @cached_property
    def aeration(self) -> Map:
        """Thickness of aerated lung along the beam as a share of the deepest."""
        return self.inside * (np.float32(0.62) + np.float32(0.38) * (1 - np.exp(-np.maximum(self.depth, 0) / 20)))


@dataclass(frozen=True)
class Chest:
    """All that the findings need to know of a chest before they change it."""

    frame: Frame
    shape: Habitus
    lungs: tuple[Lung, Lung]

    def lung(self, side: int) -> Lung:
        """Return the lung of a side: -1 the patient's right (image left), +1 the left."""
        return self.lungs[0 if side < 0 else 1]


@dataclass(slots=True)
class Layers:
    """The parts that findings change before they are summed: each lung's air, tissue texture and vessels, and the rest.

    `air` is the share of aerated lung per pixel, `tissue` the lung's markings in log attenuation, `solid` everything
    else.
    """

    air: Map
    tissue: Map
    solid: Map
    gas: Map

    def attenuation(self) -> Map:
        """Return the sum, as log attenuation."""
        lungs = self.air * np.float32(LUNG_DEFICIT) + self.gas * np.float32(PARENCHYMA)
        return np.asarray(np.maximum(self.solid - lungs + self.tissue, 0), dtype=np.float32)


def build(chest: Chest, anatomy: np.random.Generator, texture: np.random.Generator) -> Layers:
    """Assemble a chest without findings."""
    frame, shape = chest.frame, chest.shape
    air = chest.lungs[0].aeration + chest.lungs[1].aeration
    inside = chest.lungs[0].inside + chest.lungs[1].inside
    body, trunk = _trunk(chest)
    heart = _heart(chest)
    solid = trunk + _mediastinum(chest, air, heart) + _abdomen(chest)
    solid += body * bones(frame, shape, chest.lungs, anatomy)
    tissue = inside * (vessels(chest.frame, shape.markings, anatomy) + _interstitium(shape, texture))
    visible = 1 - np.float32(0.93) * heart
    tissue *= 1 - np.float32(0.6) * heart
    return Layers(air=air * visible, tissue=tissue, solid=solid, gas=np.zeros_like(air))


def _trunk(chest: Chest) -> tuple[Map, Map]:
    """Return the body's outline and its soft tissue: neck, shoulders, trunk and breasts."""
    x, y = chest.frame.grid
    shape = chest.shape
    wall = np.float32(shape.width + shape.apex + 22)
    width = wall + np.float32(40) * edge(-(y + 45), 45)
    side = width - np.abs(x)
    slope = y + 178 - np.float32(52) * (np.maximum(np.abs(x) - 46, 0) / np.float32(100)) ** np.float32(0.8)
    slope += np.float32(90) * edge(46 - np.abs(x), 9)
    body = edge(side, 2.5) * edge(slope, 4)
    rounding = np.sqrt(np.clip(side / np.float32(70), 0, 1))
    soft = body * np.float32(SOFT_TISSUE * shape.thickness) * (np.float32(0.55) + np.float32(0.45) * rounding)
    soft += body * np.float32(0.18) * edge(y - 40, 120)
    if shape.breast > 0:
        for way in (-1, 1):
            bulk = np.maximum(ellipse(chest.frame, (way * 84, 62), (52, 46), way * 0.25), 0) / np.float32(46)
            soft += body * np.float32(shape.breast) * np.sqrt(np.minimum(bulk * np.float32(1.6), 1))
    return body, soft


def _heart(chest: Chest) -> Map:
    shape = chest.shape
    left = ellipse(chest.frame, (22, 52), (66 * shape.heart, 45 * shape.heart), shape.heart_turn)
    right = ellipse(chest.frame, (-12, 50), (30 * shape.heart, 43 * shape.heart))
    outflow = ellipse(chest.frame, (19, -4), (19, 30), -0.12)
    return edge(np.maximum(np.maximum(left, right), outflow), 3.2)


def _mediastinum(chest: Chest, air: Map, heart: Map) -> Map:
    """Return what the heart, the great vessels and the airways add to soft tissue or take from it."""
    frame, shape = chest.frame, chest.shape
    x, y = frame.grid
    knob = edge(ellipse(frame, (13 + shape.knob * 0.3, -36), (shape.knob, shape.knob * 1.1)), 2.0)
    cava = edge(ellipse(frame, (-20, -45), (9, 44)), 2.5)
    shift = np.float32(shape.tortuosity * 260)
    aorta_x = np.float32(19) + shift * np.exp(-(((y - 5) / np.float32(45)) ** 2))
    aorta = edge(np.float32(8) - np.abs(x - aorta_x), 2.0) * edge(y + 40, 6) * edge(90 - y, 10)
    added = np.float32(0.16) * heart + np.float32(0.85) * air * np.maximum(knob, cava)
    added += np.float32(0.14) * knob + np.float32(0.12) * aorta
    trachea = edge(np.float32(7.5) - np.abs(x + np.float32(1.5)), 2.5) * edge(-12 - y, 7)
    right_bronchus = (
        edge(np.float32(5.5) - np.abs((x + 2) * np.float32(0.75) + (y + 14) * np.float32(0.75)), 2.2)
        * edge(-x + 2, 3)
        * edge(x + 34, 8)
    )
    left_bronchus = (
        edge(np.float32(4.5) - np.abs((x - 2) * np.float32(-0.55) + (y + 12) * np.float32(0.85)), 2.0)
        * edge(x - 2, 3)
        * edge(40 - x, 8)
    )
    airways = np.float32(0.42) * trachea + np.float32(0.30) * np.maximum(right_bronchus, left_bronchus)
    return np.asarray(added - airways, dtype=np.float32)


def _abdomen(chest: Chest) -> Map:
    """Return the liver's and the spleen's extra density and the stomach's gas under the left dome."""
    _, y = chest.frame.grid
    left = chest.lung(1)
    below = edge(y - chest.lung(-1).dome, 4) * edge(-chest.frame.grid[0], 30)
    level = left.dome_at(50) + 24
    bubble = edge(ellipse(chest.frame, (52, level), (24 * chest.shape.bubble + 6, 13)), 4)
    flat = edge(level + 9 - y, 1.5)
    return np.float32(0.28) * below - np.float32(0.5 * chest.shape.bubble) * bubble * flat * edge(y - left.dome - 6, 3)


def _interstitium(shape: Habitus, rng: np.random.Generator) -> Map:
    """Return the fine net of the lung's tissue: noise of two widths, different in every study."""
    fine = gaussian_filter(rng.standard_normal((ROWS, COLUMNS), dtype=np.float32), 1.1, truncate=3)
    small = gaussian_filter(rng.standard_normal((ROWS // 4, COLUMNS // 4), dtype=np.float32), 1.2)
    coarse = enlarge(small)
    net = np.float32(shape.markings) * (np.float32(0.085) * fine + np.float32(0.075) * coarse)
    return np.asarray(net, dtype=np.float32)
