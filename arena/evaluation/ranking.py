"""Ranks of a phase's entries, computed in the scoring child from stored predictions and references."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from arena.blobs import BlobStore
from arena.challenge.bundle import judging_digest
from arena.challenge.schema import Declaration
from arena.evaluation.judging import load_references, scoring_inputs
from arena.evaluation.record import read_table
from arena.ranking import ranks
from arena.ranking.floors import Floors, declared_floor, unranked_by
from arena.scoring.evaluate import entry_influence
from arena.scoring.resampling import resample_seed
from runners.values import Outcome


@dataclass(frozen=True, slots=True)
class RankedEntry:
    """A submission and the predictions that it is ranked by."""

    submission: str
    predictions_sha256: str


@dataclass(frozen=True, slots=True)
class RankJob:
    """The entries of one leaderboard: same case set, same rules."""

    declaration: dict[str, Any]
    references_root: str
    references_sha256: str
    results_root: str
    entries: tuple[RankedEntry, ...]


@dataclass(frozen=True, slots=True)
class PairRow:
    """A paired comparison, `a` minus `b`, by submission."""

    a: str
    b: str
    difference: float
    standard_error: float
    p: float
    p_adjusted: float


@dataclass(frozen=True, slots=True)
class Ranked:
    """Rank and rank set of each submission, and all pairs."""

    ranks: dict[str, ranks.Rank]
    pairs: tuple[PairRow, ...]


def rank_entries(job: RankJob) -> Ranked:
    """Rank the entries by the paired tests of their primary metric."""
    declaration = Declaration.model_validate(job.declaration)
    references = load_references(job.references_root, job.references_sha256, declaration)
    results = BlobStore(job.results_root)
    inputs = [
        scoring_inputs(declaration, references, read_table(results, entry.predictions_sha256)) for entry in job.entries
    ]
    influences, rules = [entry_influence(entry) for entry in inputs], declaration.ranking
    floors = Floors(declared_floor(rules.floor_auc), declared_floor(rules.floor_answered))
    answered = [Fraction(entry.outcomes.count(Outcome.OK), entry.n_cases) for entry in inputs]
    ranking = ranks.rank_entries(
        influences,
        alpha=rules.alpha,
        adjustment=rules.adjustment,
        seed=resample_seed(job.references_sha256, judging_digest(declaration)),
        unranked=unranked_by(floors, [entry.score for entry in influences], answered),
    )
    codes = [entry.submission for entry in job.entries]
    return Ranked(
        ranks=dict(zip(codes, ranking.ranks, strict=True)),
        pairs=tuple(
            PairRow(codes[pair.a], codes[pair.b], pair.difference, pair.standard_error, pair.p, pair.p_adjusted)
            for pair in ranking.pairs
        ),
    )
