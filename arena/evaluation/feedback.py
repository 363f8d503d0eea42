"""Which scores of an open phase the Ladder shows to their vendors, judged in the scoring child; and what each tells."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from arena.blobs import BlobStore
from arena.challenge.schema import Declaration
from arena.evaluation.judging import load_references, scoring_inputs
from arena.evaluation.record import read_table
from arena.ranking.shown_best import improves
from arena.scoring.evaluate import entry_influence
from arena.scoring.influence import Influence

SCORE_BITS = 14
"""A shown score is one of fewer than 2¹⁴ (docs/security.md)."""

CHOICE_BITS = 1
"""Whether a score is shown at all, where that depends on the score."""


class Disclosed(StrEnum):
    """What a vendor learned of a submission: its rounded score, that it is not better, or everything at the close."""

    SCORE = "score"
    NOT_BETTER = "not_better"
    EVERYTHING = "everything"


def bits(disclosed: Disclosed, *, every_score_is_shown: bool) -> int | None:
    """Return how much was learned at most; None where there is no bound worth the name.

    The results of all attempts are a prefix code: one bit says whether a score follows, unless one always does.
    """
    if disclosed is Disclosed.EVERYTHING:
        return None
    choice = 0 if every_score_is_shown else CHOICE_BITS
    return choice + (SCORE_BITS if disclosed is Disclosed.SCORE else 0)


@dataclass(frozen=True, slots=True)
class Climb:
    """One vendor: the predictions of its shown best, None before the first, and of what was scored since, in order."""

    shown: str | None
    new: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LadderJob:
    """The climbs of one phase: same case set, same rules."""

    declaration: dict[str, Any]
    references_root: str
    references_sha256: str
    results_root: str
    eta: float
    climbs: tuple[Climb, ...]


def climb_ladder(job: LadderJob) -> tuple[tuple[bool, ...], ...]:
    """Return for each climb which of its new entries are shown, each judged against the best shown before it.

    Raises:
        BlobCorrupt: Stored predictions are missing or damaged.
        ReferencesUnavailable: The references are.
    """
    declaration = Declaration.model_validate(job.declaration)
    references = load_references(job.references_root, job.references_sha256, declaration)
    results = BlobStore(job.results_root)

    def influence(predictions: str) -> Influence:
        return entry_influence(scoring_inputs(declaration, references, read_table(results, predictions)))

    verdicts = []
    for climb in job.climbs:
        shown = None if climb.shown is None else influence(climb.shown)
        steps = []
        for predictions in climb.new:
            new = influence(predictions)
            steps.append(improves(new, shown, eta=job.eta))
            shown = new if steps[-1] else shown
        verdicts.append(tuple(steps))
    return tuple(verdicts)
