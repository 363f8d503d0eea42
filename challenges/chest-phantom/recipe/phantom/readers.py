"""Simulated readers of the final set, so that the demonstration has points to draw beside the curves.

Nobody has read these studies. A simulated reader sees a finding the sooner the more conspicuous it is, and takes a
look-alike for it now and then. Run as `python challenges/chest-phantom/recipe/phantom/readers.py > readers.csv`.
"""

from __future__ import annotations

import csv
import io
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

if __package__ in {None, ""}:
    sys.path.insert(0, str(Path(__file__).parents[1]))

from phantom.plan import CASE_SETS, RECIPE_SEED, Distractor, Finding, StudyPlan, plan_studies

SOURCE = "Simulated from the recipe; nobody has read these studies"
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
    Reader("Simulated reader 1", 0.45, 0.10, 0.01),
    Reader("Simulated reader 2", 0.30, 0.22, 0.03),
    Reader("Simulated reader 3", 0.18, 0.38, 0.08),
)


def calls(reader: Reader, finding: Finding, study: StudyPlan, chance: float) -> bool:
    """Say whether a reader calls a finding; `chance` is a random number in [0, 1)."""
    if finding in study.conspicuity:
        return chance < study.conspicuity[finding] ** reader.reserve
    return chance < (reader.mistaken if study.distractors & LOOK_ALIKES[finding] else reader.imagined)


def readers_table() -> str:
    """Return the table of all simulated readers as CSV, by counts (docs/challenge.md)."""
    studies = plan_studies(CASE_SETS["final"])
    target = io.StringIO()
    writer = csv.writer(target, lineterminator="\n")
    writer.writerow(["finding", "label", "n_positive", "n_negative", "true_positive", "true_negative", "source"])
    for place, finding in enumerate(Finding):
        present = np.array([finding in study.conspicuity for study in studies])
        for number, reader in enumerate(READERS):
            rng = np.random.default_rng([RECIPE_SEED, CASE_SETS["final"].seed, 3, number, place])
            chances = rng.random(len(studies))
            called = np.array([calls(reader, finding, *one) for one in zip(studies, chances.tolist(), strict=True)])
            counts = (present.sum(), (~present).sum(), (called & present).sum(), (~called & ~present).sum())
            writer.writerow([finding.value, reader.label, *map(int, counts), SOURCE])
    return target.getvalue()


if __name__ == "__main__":
    sys.stdout.write(readers_table())
