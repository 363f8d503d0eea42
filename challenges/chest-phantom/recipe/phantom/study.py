"""One study from its plan: the chest, its findings and distractors, the exposure."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from . import findings
from .anatomy import Chest, Lung, build, draw_habitus
from .canvas import Frame
from .exposure import Exposure, draw_exposure, expose
from .findings import Place
from .plan import Distractor, Finding, StudyPlan

POSE, TEXTURE, EXPOSURE, DISTRACTION, CHANGES = range(5)


@dataclass(frozen=True, slots=True)
class Study:
    """A drawn study; `places` maps what it shows to columns and rows in pixels."""

    plan: StudyPlan
    pixels: NDArray[np.uint16]
    exposure: Exposure
    places: dict[str, tuple[float, float]]


def draw_study(plan: StudyPlan) -> Study:
    """Draw one study; equal plans give equal pixels."""
    chest = _pose(plan)
    anatomy = plan.anatomy_rng()
    anatomy.random(64)  # past what the habitus took, so that bones do not echo the shape
    layers = build(chest, anatomy, plan.study_rng(TEXTURE))
    found: dict[str, Place] = {}
    changes = plan.study_rng(CHANGES)
    where = np.random.default_rng([plan.case_set.seed, 3, plan.patient_number])  # a patient's nodule stays in its place
    if Finding.NODULE in plan.conspicuity:
        found[Finding.NODULE] = findings.add_nodule(chest, layers, plan.conspicuity[Finding.NODULE], where)
    distraction = plan.study_rng(DISTRACTION)
    for kind, add in (
        (Distractor.NIPPLE, findings.add_nipple),
        (Distractor.RIB_CROSSING, findings.add_rib_crossing),
    ):
        if kind in plan.distractors:
            found[kind] = add(chest, layers, distraction)
    if Finding.PNEUMOTHORAX in plan.conspicuity:
        value = plan.conspicuity[Finding.PNEUMOTHORAX]
        found[Finding.PNEUMOTHORAX] = findings.add_pneumothorax(chest, layers, value, changes)
    if Finding.EFFUSION in plan.conspicuity:
        value = plan.conspicuity[Finding.EFFUSION]
        found[Finding.EFFUSION] = findings.add_effusion(chest, layers, value, changes)
    if Distractor.SKIN_FOLD in plan.distractors:
        found[Distractor.SKIN_FOLD] = findings.add_skin_fold(chest, layers, distraction)
    exposure = draw_exposure(plan.study_rng(EXPOSURE))
    pixels = expose(layers.attenuation(), chest.frame, plan.device, exposure)
    return Study(plan, pixels, exposure, {kind: _pixel(chest.frame, place) for kind, place in found.items()})


def _pose(plan: StudyPlan) -> Chest:
    """Return the patient's chest as placed, breathed and, where planned, with a raised half of the diaphragm."""
    shape = draw_habitus(plan.anatomy_rng(), plan.sex, plan.age)
    pose = plan.study_rng(POSE)
    frame = Frame(
        spacing_mm=plan.device.spacing_mm,
        shift_mm=(pose.normal(0, 4.5), 8 + pose.normal(0, 5.5)),
        tilt=pose.normal(0, 0.022),
        scale=pose.normal(1.0, 0.015),
    )
    inspiration = pose.normal(0, 6.0)
    side, raised = findings.raised_dome_mm(pose)
    if Distractor.RAISED_DOME not in plan.distractors:
        raised = 0.0
    lungs = tuple(
        Lung(frame, replace(shape, dome=shape.dome + (raised if each == side else 0.0)), each, inspiration)
        for each in (-1, 1)
    )
    return Chest(frame, shape, (lungs[0], lungs[1]))


def _pixel(frame: Frame, place: Place) -> tuple[float, float]:
    column, row = frame.project(np.array([place]))[0]
    return float(column), float(row)
