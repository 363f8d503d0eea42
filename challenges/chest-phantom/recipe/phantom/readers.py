"""Simulated readers of the final set, so that the demonstration has points and curves to draw beside the algorithms'.

Nobody has read these studies. A simulated reader sees a finding the sooner the more conspicuous it is, and takes a
look-alike for it now and then. The curve is the binormal one of equal spreads at the mean of their distances d'. Run as
`python challenges/chest-phantom/recipe/phantom/readers.py > readers.csv`.
"""

from __future__ import annotations

import csv
import io
import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist, fmean

import numpy as np

if __package__ in {None, ""}:
    sys.path.insert(0, str(Path(__file__).parents[1]))

from phantom.plan import CASE_SETS, RECIPE_SEED, Distractor, Finding, StudyPlan, plan_studies

SOURCE = "Simulated; nobody has read these studies · Смоделировано; врачи этих исследований не смотрели"
TOGETHER = "Simulated readers together · Модельные врачи вместе"
SPECIFICITIES = (0.99, 0.95, 0.90, 0.80, 0.60)
"""Where the curve of all readers is told."""

COLUMNS = (
    "finding", "label", "kind", "readers", "sensitivity", "specificity", "n_positive", "n_negative", "true_positive",
    "true_negative", "source",
)  # fmt: skip
LOOK_ALIKES = {
    Finding.NODULE: frozenset({Distractor.NIPPLE, Distractor.RIB_CROSSING}),
    Finding.EFFUSION: frozenset({Distractor.RAISED_DOME}),
    Finding.PNEUMOTHORAX: frozenset({Distractor.SKIN_FOLD}),
}
"""What may be taken for each finding."""


@dataclass(frozen=True, slots=True)
class Reader:
    """How a simulated reader reads.

    A finding of conspicuity c is seen with chance c ** `reserve`: the larger, the more is missed. A study without it is
    called with chance `mistaken` where it holds a look-alike, and `imagined` where it does not.
    """

    label: str
    reserve: float
    mistaken: float
    imagined: float


READERS = (
    Reader("Simulated reader 1 · Модельный врач 1", 0.45, 0.10, 0.01),
    Reader("Simulated reader 2 · Модельный врач 2", 0.30, 0.22, 0.03),
    Reader("Simulated reader 3 · Модельный врач 3", 0.18, 0.38, 0.08),
)


def calls(reader: Reader, finding: Finding, study: StudyPlan, chance: float) -> bool:
    """Say whether a reader calls a finding; `chance` is a random number in [0, 1)."""
    if finding in study.conspicuity:
        return chance < study.conspicuity[finding] ** reader.reserve
    return chance < (reader.mistaken if study.distractors & LOOK_ALIKES[finding] else reader.imagined)


@dataclass(frozen=True, slots=True)
class Counts:
    """What a reader got right of one finding."""

    positive: int
    negative: int
    true_positive: int
    true_negative: int

    @property
    def distance(self) -> float:
        """The distance d' between the two classes that the reader's point tells."""
        normal = NormalDist()
        return normal.inv_cdf(self.true_positive / self.positive) + normal.inv_cdf(self.true_negative / self.negative)


def read(finding: Finding, place: int, studies: list[StudyPlan]) -> list[Counts]:
    """Let every reader read one finding of all studies."""
    present = np.array([finding in study.conspicuity for study in studies])
    found = []
    for number, reader in enumerate(READERS):
        rng = np.random.default_rng([RECIPE_SEED, CASE_SETS["final"].seed, 3, number, place])
        chances = rng.random(len(studies))
        called = np.array([calls(reader, finding, *one) for one in zip(studies, chances.tolist(), strict=True)])
        counts = (present.sum(), (~present).sum(), (called & present).sum(), (~called & ~present).sum())
        found.append(Counts(*map(int, counts)))
    return found


def readers_table() -> str:
    """Return the table as CSV (docs/challenge.md): the points by counts, then the curves by shares."""
    studies = plan_studies(CASE_SETS["final"])
    readings = {finding: read(finding, place, studies) for place, finding in enumerate(Finding)}
    target = io.StringIO()
    writer = csv.DictWriter(target, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for finding, counted in readings.items():
        for reader, counts in zip(READERS, counted, strict=True):
            row = {"finding": finding.value, "label": reader.label, "kind": "point", "readers": 1, "source": SOURCE}
            sizes = {"n_positive": counts.positive, "n_negative": counts.negative}
            hits = {"true_positive": counts.true_positive, "true_negative": counts.true_negative}
            writer.writerow(row | sizes | hits)
    for finding, counted in readings.items():
        row = {"finding": finding.value, "label": TOGETHER, "kind": "curve", "readers": len(READERS), "source": SOURCE}
        for specificity in SPECIFICITIES:
            normal, distance = NormalDist(), fmean(counts.distance for counts in counted)
            sensitivity = normal.cdf(distance - normal.inv_cdf(specificity))
            writer.writerow(row | {"sensitivity": f"{sensitivity:.3f}", "specificity": f"{specificity:.2f}"})
    return target.getvalue()


if __name__ == "__main__":
    sys.stdout.write(readers_table())
