"""The closed phase of the showcase, scored and ranked by the real code on generated studies.

Answers follow the binormal model: an entry of AUC A sees a positive √2·Φ⁻¹(A) higher than a negative, shares half of its
noise with the other entries, and answers with the probability that follows, sharpened or flattened by its temper.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from arena.blobs import BlobStore
from arena.challenge.schema import Declaration
from arena.evaluation.attributes import CaseAttributes
from arena.evaluation.disclosing import fine_parts
from arena.evaluation.jobs import ScoreJob
from arena.evaluation.judging import score_evaluation
from arena.evaluation.ranking import Ranked, RankedEntry, RankJob, rank_entries
from arena.evaluation.record import JudgedCase, write_record
from arena.scoring.suppression import age_bands
from arena.store.attempts import Attempts
from arena.store.documents import PublicScorecard, ScorecardDocument
from arena.vault.references import write_references
from runners.values import Outcome

if TYPE_CHECKING:
    from tests.browser.showcase import Line

N_CASES, N_PATIENTS = 400, 340
SHARES = {"nodule": 0.26, "effusion": 0.31, "pneumothorax": 0.22, "fracture": 0.04}
UNKNOWN_SHARE = 0.02
RARE_AUC = 0.83
SHARED_NOISE = 0.5
TEMPERS = (1.0, 1.35, 0.8, 1.0, 1.9, 1.0)
"""How sharp an entry's probabilities are: above 1 it is too sure of itself."""

SEED = 20260301
CASE_SET, JUDGING = "5e" * 32, "1d" * 32


@dataclass(frozen=True, slots=True)
class Measured:
    """What the scorer gave: the scorecards by submission, and the ranking."""

    cards: dict[str, PublicScorecard]
    ranked: Ranked

    def parts(self) -> dict[str, object]:
        """Return what the leaderboard's document holds beside its entries."""
        return fine_parts(self.ranked)


@dataclass(frozen=True, slots=True)
class Generated:
    """Studies and references; labels of shape (cases, findings), 1, 0 or −1."""

    cases: tuple[str, ...]
    patients: tuple[str, ...]
    labels: NDArray[np.int8]
    attributes: CaseAttributes


@cache
def generated() -> Generated:
    """Draw the case set: 60 of the patients have two studies, one site is too small to be shown."""
    rng = np.random.default_rng(SEED)
    cases = tuple(f"c{i:04d}" for i in range(1, N_CASES + 1))
    of = np.concatenate([np.arange(N_PATIENTS), np.arange(N_CASES - N_PATIENTS)])
    labels = (rng.random((N_CASES, len(SHARES))) < np.array(list(SHARES.values()))).astype(np.int8)
    labels[rng.random(labels.shape) < UNKNOWN_SHARE] = -1
    sexes = rng.choice(["F", "M"], N_PATIENTS)
    ages = rng.integers(19, 92, N_PATIENTS)
    sites = rng.choice(
        ["City Hospital 7", "Polyclinic 12", "Regional Centre", "Mobile unit"], N_PATIENTS, p=[0.4, 0.33, 0.22, 0.05]
    )
    columns = {
        "sex": tuple(sexes[of].tolist()),
        "age": age_bands(ages[of].tolist(), (18, 45, 60, 75)),
        "site": tuple(sites[of].tolist()),
    }
    patients = tuple(f"p{i:04d}" for i in of.tolist())
    return Generated(cases, patients, labels, CaseAttributes(cases, columns))


def answers(line: Line, place: int) -> NDArray[np.int64]:
    """Return an entry's levels, shape (cases, findings)."""
    drawn, shared = generated(), np.random.default_rng(SEED + 1).standard_normal((N_CASES, len(SHARES)))
    own = np.random.default_rng([SEED, *line.code.encode()]).standard_normal(shared.shape)
    seen = np.sqrt(SHARED_NOISE) * shared + np.sqrt(1 - SHARED_NOISE) * own
    levels = np.empty(shared.shape, dtype=np.int64)
    for k, (auc, share) in enumerate(zip((*line.aucs, RARE_AUC), SHARES.values(), strict=True)):
        shift = np.sqrt(2) * NormalDist().inv_cdf(auc)
        heard = seen[:, k] + shift * (drawn.labels[:, k] == 1)
        logit = TEMPERS[place % len(TEMPERS)] * (shift * heard - shift**2 / 2 + np.log(share / (1 - share)))
        levels[:, k] = np.rint(10_000 / (1 + np.exp(-logit)))
    return levels


def _judged(line: Line, place: int) -> list[JudgedCase]:
    endings = [outcome for outcome, count in line.failures.items() for _ in range(count)]
    failed = dict(zip(np.random.default_rng(SEED + 2).permutation(N_CASES).tolist(), endings, strict=False))
    median, p95 = line.seconds
    seconds = median * np.exp(np.random.default_rng(SEED + 3).standard_normal(N_CASES) * np.log(p95 / median) / 1.645)
    return [
        JudgedCase(case, failed.get(i, Outcome.OK), "", float(seconds[i]), "a1", None if i in failed else tuple(row))
        for i, (case, row) in enumerate(zip(generated().cases, answers(line, place).tolist(), strict=True))
    ]


@cache
def measured(lines: tuple[Line, ...], body: str) -> Measured:
    """Score and rank entries by the rules of a declaration, given as JSON; the code of an entry decides its answers.

    A line that `copies` another has that one's answers.
    """
    declaration = Declaration.model_validate_json(body)
    codes = [finding.code for finding in declaration.findings]
    drawn = generated()
    with tempfile.TemporaryDirectory() as folder:
        results, references = BlobStore(Path(folder) / "results"), BlobStore(Path(folder) / "references")
        rows = [
            (case, patient, tuple(None if label < 0 else int(label) for label in labels))
            for case, patient, labels in zip(drawn.cases, drawn.patients, drawn.labels.tolist(), strict=True)
        ]
        truth = references.put(write_references(rows, codes))
        cards: dict[str, ScorecardDocument] = {}
        by_code = {line.code: line for line in lines}
        for place, line in enumerate(lines):
            source = by_code.get(line.copies, line)
            record = write_record(results, _judged(source, lines.index(source)), [], codes)
            job = ScoreJob(
                evaluation=f"e-{line.code}",
                challenge=declaration.slug,
                phase="spring-final",
                declaration=declaration.model_dump(mode="json"),
                challenge_version="0" * 64,
                judging_digest=JUDGING,
                case_set_digest=CASE_SET,
                references_root=references.root,
                references_sha256=truth.sha256,
                results_root=results.root,
                cases_sha256=record.cases_sha256,
                predictions_sha256=record.predictions_sha256,
                attributes=drawn.attributes,
                attempts=Attempts(on_set=1, sets=1 + place % 2),
            )
            cards[line.code] = ScorecardDocument.model_validate_json(score_evaluation(job))
        ranked = rank_entries(_rank_job(declaration, lines, cards, job))
    return Measured({code: card.public() for code, card in cards.items()}, ranked)


def _rank_job(
    declaration: Declaration, lines: Sequence[Line], cards: dict[str, ScorecardDocument], job: ScoreJob
) -> RankJob:
    entries = tuple(
        RankedEntry(
            line.code,
            card.predictions_sha256,
            line.vendor,
            {
                "worst": card.macro_worst or card.macro,
                "half": card.macro_half,
                "exclude_case": card.macro_exclude_case,
                card.missing: card.macro,
            },
        )
        for line in lines
        for card in (cards[line.code],)
    )
    return RankJob(
        declaration=job.declaration,
        judging_digest=JUDGING,
        case_set_digest=CASE_SET,
        references_root=job.references_root,
        references_sha256=job.references_sha256,
        results_root=job.results_root,
        entries=entries,
        finest=True,
    )
