"""Ranks of a phase's entries, computed in the scoring child from stored predictions and references."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from arena.blobs import BlobStore
from arena.challenge.schema import Declaration, Ranking
from arena.evaluation import comparing
from arena.evaluation.counting import Counts, MacroCases, answered, macro_cases
from arena.evaluation.judging import load_references, scoring_inputs
from arena.evaluation.record import read_table
from arena.ranking import ranks
from arena.ranking.differences import PairedDifference
from arena.ranking.duplicates import answers_digest, duplicates_across_organisations
from arena.ranking.floors import Floors, declared_floor, unranked_by
from arena.ranking.limits import pair_limits
from arena.ranking.noninferiority import non_inferiority
from arena.scoring.estimates import TAIL, Method
from arena.scoring.evaluate import entry_influence
from arena.scoring.influence import Influence
from arena.scoring.inputs import ScoringInputs
from arena.scoring.missing import MissingPolicy
from arena.scoring.resampling import resample_seed
from arena.store.contests import (
    NonInferiority,
    Pair,
    PairedCalls,
    PolicyEntry,
    PolicyRanking,
    Readers,
    SchemeRanking,
    Stability,
)
from arena.store.numbers import Estimate
from runners.values import Outcome


@dataclass(frozen=True, slots=True)
class RankedEntry:
    """A submission and the predictions that it is ranked by.

    Attributes:
        submission: Its code.
        predictions_sha256: Its stored answers.
        vendor: Who handed it in.
        macros: Its macro AUC under each policy for missing answers, from its scorecard.
    """

    submission: str
    predictions_sha256: str
    vendor: str = ""
    macros: dict[str, Estimate] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RankJob:
    """The entries of one leaderboard: same case set, same rules.

    `listed` are entries that stand on it and are not ranked. Beside ranks and pairs, `finest` asks for everything that
    is public when the phase has closed.
    """

    declaration: dict[str, Any]
    judging_digest: str
    case_set_digest: str
    references_root: str
    references_sha256: str
    results_root: str
    entries: tuple[RankedEntry, ...]
    listed: tuple[RankedEntry, ...] = ()
    finest: bool = False


@dataclass(frozen=True, slots=True)
class Fine:
    """What is told of all entries together when the phase has closed; `duplicates` by submission."""

    policies: tuple[PolicyRanking, ...]
    schemes: tuple[SchemeRanking, ...]
    stability: Stability | None
    calls: tuple[PairedCalls, ...]
    calls_against: str | None
    duplicates: dict[str, tuple[str, ...]]
    readers: Readers | None


@dataclass(frozen=True, slots=True)
class Ranked:
    """Rank and rank set of each submission, all pairs, and what else is asked for."""

    ranks: dict[str, ranks.Rank]
    pairs: tuple[Pair, ...]
    fine: Fine | None = None


def rank_entries(job: RankJob) -> Ranked:
    """Rank the entries by the paired tests of their primary metric; their order does not matter.

    Raises:
        BlobCorrupt: Stored predictions are missing or damaged.
        ReferencesUnavailable: The references are.
    """
    declaration = Declaration.model_validate(job.declaration)
    references = load_references(job.references_root, job.references_sha256, declaration)
    results = BlobStore(job.results_root)

    def inputs_of(entry: RankedEntry) -> ScoringInputs:
        return scoring_inputs(declaration, references, read_table(results, entry.predictions_sha256))

    family = _family(job, declaration.ranking, [(entry, inputs_of(entry)) for entry in job.entries])
    fine = None
    if job.finest:
        listed = sorted(job.listed, key=lambda entry: entry.submission)
        answers = [*family.inputs, *(inputs_of(entry) for entry in listed)]
        fine = _fine(family, declaration, _duplicates([*family.entries, *listed], answers))
    codes = [entry.submission for entry in family.entries]
    return Ranked(
        ranks=dict(zip(codes, family.ranking.ranks, strict=True)),
        pairs=tuple(_pair(pair, family) for pair in family.ranking.pairs),
        fine=fine,
    )


@dataclass(frozen=True, slots=True)
class _Family:
    """The entries that are compared, in order of score and code, and their ranking."""

    entries: tuple[RankedEntry, ...]
    inputs: tuple[ScoringInputs, ...]
    influences: tuple[Influence, ...]
    ranking: ranks.Ranking
    rules: Ranking
    seed: int
    macro: MacroCases
    counts: Counts

    def counted(self, a: int, b: int) -> Counts:
        """Return what a comparison rests on: the scored cases, or where each entry has its own, what both answered."""
        one, other = self.inputs[a], self.inputs[b]
        if one.missing is MissingPolicy.EXCLUDE_CASE:
            return self.macro.counts(answered(one) & answered(other))
        return self.counts


def _family(job: RankJob, rules: Ranking, given: Sequence[tuple[RankedEntry, ScoringInputs]]) -> _Family:
    known = [(entry, inputs, entry_influence(inputs)) for entry, inputs in given]
    # The higher of a pair comes first, so that a difference reads as a lead.
    known.sort(key=lambda one: (one[2].score is None, -(one[2].score or Fraction(0)), one[0].submission))
    entries = tuple(entry for entry, _, _ in known)
    inputs, influences = tuple(one for _, one, _ in known), tuple(one for _, _, one in known)
    floors = Floors(declared_floor(rules.floor_auc), declared_floor(rules.floor_answered))
    answered = [Fraction(entry.outcomes.count(Outcome.OK), entry.n_cases) for entry in inputs]
    seed = resample_seed(job.case_set_digest, job.judging_digest)
    ranking = ranks.rank_entries(
        influences,
        alpha=rules.alpha,
        adjustment=rules.adjustment,
        seed=seed,
        unranked=unranked_by(floors, [entry.score for entry in influences], answered),
    )
    macro = macro_cases(inputs[:1])
    return _Family(entries, inputs, influences, ranking, rules, seed, macro, macro.counts())


def _pair(pair: PairedDifference, family: _Family) -> Pair:
    a, b = family.entries[pair.a], family.entries[pair.b]
    limits = pair_limits(family.influences[pair.a], family.influences[pair.b]).at(TAIL)
    counts = family.counted(pair.a, pair.b)
    return Pair(
        a=a.submission,
        b=b.submission,
        difference=pair.difference,
        standard_error=pair.standard_error,
        low=limits.low,
        high=limits.high,
        z=pair.z,
        p=pair.p,
        p_holm=pair.p_holm,
        p_max_t=pair.p_max_t,
        p_adjusted=pair.p_adjusted,
        a_against_b=_non_inferiority(family, pair.a, pair.b),
        b_against_a=_non_inferiority(family, pair.b, pair.a),
        n=counts.n,
        n_positive=counts.n_positive,
        n_patients=counts.n_patients,
        interval=Method.MOVER_LOGIT_T.value,
    )


def _non_inferiority(family: _Family, a: int, b: int) -> NonInferiority | None:
    margin = declared_floor(family.rules.noninferiority_margin)
    if margin is None:
        return None
    found = non_inferiority(family.influences[a], family.influences[b], margin=margin, alpha=family.rules.alpha)
    return NonInferiority.model_validate(found)


def _duplicates(entries: Sequence[RankedEntry], inputs: Sequence[ScoringInputs]) -> dict[str, tuple[str, ...]]:
    found = duplicates_across_organisations(
        [answers_digest(one.levels) for one in inputs], [entry.vendor for entry in entries]
    )
    return {
        entry.submission: tuple(entries[other].submission for other in others)
        for entry, others in zip(entries, found, strict=True)
    }


def _fine(family: _Family, declaration: Declaration, duplicates: dict[str, tuple[str, ...]]) -> Fine:
    contenders = [
        comparing.contender(entry.submission, inputs)
        for entry, inputs, rank in zip(family.entries, family.inputs, family.ranking.ranks, strict=True)
        if rank.rank is not None
    ]
    against, calls = comparing.paired_calls(contenders) if len(contenders) > 1 else (None, ())
    return Fine(
        policies=_policies(family) if family.entries else (),
        schemes=comparing.by_schemes(contenders) if contenders else (),
        stability=comparing.stability(contenders, family.seed) if contenders else None,
        calls=calls,
        calls_against=against,
        duplicates=duplicates,
        readers=comparing.readers(declaration.readers),
    )


def _policies(family: _Family) -> tuple[PolicyRanking, ...]:
    unranked = [rank.unranked for rank in family.ranking.ranks]
    found = comparing.by_policies(family.inputs, family.influences, unranked, family.rules, family.seed)
    return tuple(
        PolicyRanking(
            policy=each.policy,
            tau=each.tau,
            entries=tuple(
                PolicyEntry(
                    submission=entry.submission,
                    macro=entry.macros[each.policy],
                    rank=rank.rank,
                    rank_low=rank.low,
                    rank_high=rank.high,
                    place=place,
                )
                for entry, rank, place in zip(family.entries, each.ranks, each.places, strict=True)
            ),
        )
        for each in found
    )
