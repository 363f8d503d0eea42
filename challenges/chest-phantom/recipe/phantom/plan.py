"""Who is in each case set: patients, studies, labels and headers, before any pixel is drawn.

Labels, distractors and headers come from separate streams of random numbers, so a header cannot tell a label. Every
set has its own seed and its own patients.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

RECIPE_SEED = 20_260_301
PREVALENCE = 0.40
SEVERAL_STUDIES = (0.87, 0.10, 0.03)
"""Shares of patients with one, two and three studies."""
CHANGE = 0.3
"""Chance that an effusion or a pneumothorax has come or gone by a patient's next study; a nodule stays."""


class Finding(StrEnum):
    """The findings of the challenge, in its declared order."""

    NODULE = "nodule"
    EFFUSION = "effusion"
    PNEUMOTHORAX = "pneumothorax"


class Distractor(StrEnum):
    """What looks like a finding and is none; drawn without regard to the labels."""

    NIPPLE = "nipple"
    RIB_CROSSING = "rib_crossing"
    SKIN_FOLD = "skin_fold"
    RAISED_DOME = "raised_dome"


DISTRACTOR_SHARE = {
    Distractor.NIPPLE: 0.16,
    Distractor.RIB_CROSSING: 0.16,
    Distractor.SKIN_FOLD: 0.14,
    Distractor.RAISED_DOME: 0.12,
}


@dataclass(frozen=True, slots=True)
class Device:
    """An X-ray system with an invented maker: how it turns attenuation into stored values.

    `spacing_mm` is the side of a square detector element; `blur_pixels` the standard deviation of its point spread;
    `latitude` the width of its tone curve in units of log attenuation; `detail` the strength of its edge enhancement.
    """

    manufacturer: str
    model: str
    spacing_mm: float
    blur_pixels: float
    latitude: float
    detail: float
    monochrome1: bool


DEVICES = (
    Device("Vellum Imaging", "Vellum DR-2", 1.30, 0.45, 0.95, 0.35, monochrome1=False),
    Device("Vellum Imaging", "Vellum DR-5", 1.26, 0.35, 0.80, 0.55, monochrome1=False),
    Device("Orbis Rentgen", "Orbis 7", 1.34, 0.60, 1.05, 0.20, monochrome1=False),
    Device("Orbis Rentgen", "Orbis 9F", 1.38, 0.70, 0.90, 0.45, monochrome1=True),
    Device("Kestrel Medical", "Kestrel Bucky", 1.30, 0.55, 1.10, 0.30, monochrome1=True),
    Device("Kestrel Medical", "Kestrel Air", 1.34, 0.50, 0.85, 0.25, monochrome1=False),
)
SITES = ("Northern Clinic", "River Hospital", "City Polyclinic 4", "Lakeside Centre", "Harbour Hospital")


@dataclass(frozen=True, slots=True)
class CaseSet:
    """A named set of studies; `seed` differs between sets."""

    name: str
    studies: int
    seed: int


CASE_SETS = {
    each.name: each
    for each in (
        CaseSet("sample", 24, 11),
        CaseSet("public", 100, 1322),
        CaseSet("public-2", 100, 33),
        CaseSet("final", 200, 44),
        CaseSet("training", 900, 55),
    )
}


@dataclass(frozen=True, slots=True)
class StudyPlan:
    """One study before it is drawn.

    `conspicuity` holds each present finding's value in [0, 1], from subtle to obvious; an absent finding has no entry.
    """

    case_set: CaseSet
    number: int
    patient_number: int
    study: str
    patient: str
    conspicuity: dict[Finding, float]
    distractors: frozenset[Distractor]
    sex: str
    age: int
    site: str
    device: Device

    def anatomy_rng(self) -> np.random.Generator:
        """Return the patient's stream: what is the same in all studies of a patient."""
        return np.random.default_rng([RECIPE_SEED, self.case_set.seed, 1, self.patient_number])

    def study_rng(self, purpose: int) -> np.random.Generator:
        """Return one of the study's own streams."""
        return np.random.default_rng([RECIPE_SEED, self.case_set.seed, 2, self.number, purpose])


def opaque(*parts: object, length: int = 10) -> str:
    """Return a name that tells nothing of what it was made from."""
    return hashlib.sha256("|".join(map(str, (RECIPE_SEED, *parts))).encode()).hexdigest()[:length]


def plan_studies(case_set: CaseSet, count: int | None = None) -> list[StudyPlan]:
    """Plan a case set.

    Args:
        case_set: Which set.
        count: Number of studies in place of the set's own; another number gives another set, not a part of it.

    Returns:
        The studies in the order of their names, which are opaque.

    Raises:
        ValueError: `count` is below 1.
    """
    studies = case_set.studies if count is None else count
    if studies < 1:
        msg = f"a set needs at least one study, not {studies}"
        raise ValueError(msg)
    seed = [RECIPE_SEED, case_set.seed, studies]
    patient_of = _patients(studies, np.random.default_rng([*seed, 1]))
    present = _labels(patient_of, np.random.default_rng([*seed, 2]))
    conspicuity = _spread(present, np.random.default_rng([*seed, 3]))
    headers = np.random.default_rng([*seed, 4])
    people = [(str(headers.choice(["F", "M"])), int(headers.integers(19, 90))) for _ in range(patient_of[-1] + 1)]
    distract = np.random.default_rng([*seed, 5])
    plans = [
        StudyPlan(
            case_set=case_set,
            number=number,
            patient_number=int(patient),
            study=f"study-{opaque(case_set.name, studies, 'study', number)}",
            patient=f"CP-{opaque(case_set.name, studies, 'patient', patient)}",
            conspicuity={
                finding: float(conspicuity[number, column])
                for column, finding in enumerate(Finding)
                if present[number, column]
            },
            distractors=frozenset(kind for kind, share in DISTRACTOR_SHARE.items() if distract.random() < share),
            sex=people[patient][0],
            age=people[patient][1],
            site=SITES[int(headers.integers(len(SITES)))],
            device=DEVICES[int(headers.integers(len(DEVICES)))],
        )
        for number, patient in enumerate(patient_of.tolist())
    ]
    return sorted(plans, key=lambda plan: plan.study)


def _patients(studies: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Return the patient of each study: most have one, some two or three."""
    sizes = 1 + rng.choice(len(SEVERAL_STUDIES), size=studies, p=SEVERAL_STUDIES)
    return np.repeat(np.arange(studies), sizes)[:studies]


def _labels(patient_of: NDArray[np.intp], rng: np.random.Generator) -> NDArray[np.bool_]:
    """Return which study shows which finding.

    The same share of patients starts with each finding, to the nearest patient, and the findings are independent. A
    nodule stays; the others may change between the studies of a patient.
    """
    patients = int(patient_of[-1]) + 1
    first = np.arange(patients) < round(PREVALENCE * patients)
    start = np.stack([rng.permutation(first) for _ in Finding], axis=1)
    present: NDArray[np.bool_] = start[patient_of]
    later = np.concatenate([[False], patient_of[1:] == patient_of[:-1]])
    redrawn = rng.random((len(patient_of), len(Finding) - 1)) < PREVALENCE
    changed = later[:, None] & (rng.random(redrawn.shape) < CHANGE)
    present[:, 1:] = np.where(changed, redrawn, present[:, 1:])
    return present


def _spread(present: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.float64]:
    """Return conspicuities spread evenly over [0, 1] among the positive studies of each finding."""
    spread = np.zeros(present.shape)
    for column in range(present.shape[1]):
        rows = np.flatnonzero(present[:, column])
        spread[rows, column] = (rng.permutation(len(rows)) + rng.random(len(rows))) / max(len(rows), 1)
    return spread
