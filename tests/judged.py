"""A contest of stored answers and references, judged as the scoring child does it, without queue and containers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arena.challenge.schema import Declaration
from arena.evaluation.attributes import CaseAttributes
from arena.evaluation.jobs import ScoreJob, SplitJob
from arena.evaluation.judging import score_evaluation
from arena.evaluation.ranking import Ranked, RankedEntry, RankJob, rank_entries
from arena.evaluation.record import JudgedCase, Record, write_record
from arena.store.attempts import Attempts
from arena.store.documents import ScorecardDocument
from arena.vault.references import write_references
from runners.values import Outcome
from tests.seeding import FINDINGS, Roots, declaration

SOURCE = "A survey that nobody made"
CLINIC: dict[str, Any] = {
    "findings": [
        {
            "code": code,
            "name": {"en": code, "ru": code},
            "threshold": 0.5,
            "prevalence": {"value": share, "source": SOURCE},
        }
        for code, share in zip(FINDINGS, (0.05, 0.2), strict=True)
    ],
    "min_per_class": 30,
    "norm": {
        "threshold": 0.3,
        "prevalence": {"value": 0.2, "source": SOURCE},
        "max_missed_of_abnormal": 0.1,
        "max_missed_per_1000": 20,
    },
    "calibration_test": {"limit": 0.7, "attempts": 2},
    "calibrated_threshold": {"kind": "sensitivity", "floor": 0.8},
    "ranking": {"noninferiority_margin": 0.05},
}
"""A challenge that declares everything."""

FIRST = Attempts(on_set=1, sets=1)


@dataclass
class Judged:
    """A case set of `cases` studies of as many patients, and the stored answers of entries by name."""

    home: Path
    declared: Declaration = field(default_factory=lambda: declaration(**CLINIC))
    cases: int = 240
    seed: int = 5
    unknown: float = 0.0
    records: dict[str, Record] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.roots = Roots(self.home)
        rng = np.random.default_rng(self.seed)
        self.labels = (rng.random((self.cases, len(FINDINGS))) < 0.4).astype(np.int8)
        self.labels[rng.random(self.labels.shape) < self.unknown] = -1
        self.names = tuple(f"c{number:04d}" for number in range(self.cases))
        rows: list[tuple[str, str, tuple[int | None, ...]]] = [
            (name, f"p{number:04d}", tuple(None if value < 0 else value for value in row))
            for number, (name, row) in enumerate(zip(self.names, self.labels.tolist(), strict=True))
        ]
        self.references = self.roots.references.put(write_references(rows, FINDINGS)).sha256
        self.attributes = CaseAttributes(
            self.names, {"sex": tuple("FM"[value] for value in rng.integers(0, 2, self.cases))}
        )

    def enter(self, name: str, strength: float, *, silent: int = 0, seed: int | None = None) -> str:
        """Store the answers of an entry: the larger `strength`, the better; every `silent`-th case crashed."""
        rng = np.random.default_rng(sum(map(ord, name)) if seed is None else seed)
        drawn = rng.normal(size=self.labels.shape) + strength * (self.labels == 1)
        return self.answer(name, np.clip(np.rint(5_000 + 900 * (drawn - strength / 2)), 0, 10_000), silent=silent)

    def answer(self, name: str, levels: NDArray[np.float64], *, silent: int = 0) -> str:
        """Store these levels as an entry's answers."""
        rows = []
        for number, row in enumerate(levels.astype(int).tolist()):
            failed = bool(silent) and number % silent == 0
            rows.append(
                JudgedCase(
                    case=self.names[number],
                    outcome=Outcome.CRASHED if failed else Outcome.OK,
                    reason=None,
                    latency_seconds=None if failed else 0.1,
                    attempt="a1",
                    levels=None if failed else tuple(row),
                )
            )
        self.records[name] = write_record(self.roots.results, rows, [], FINDINGS)
        return name

    def job(self, name: str, *, attempts: Attempts = FIRST, split: SplitJob | None = None) -> ScoreJob:
        return ScoreJob(
            evaluation=f"e-{name}",
            challenge="small",
            phase="season",
            declaration=self.declared.model_dump(mode="json"),
            challenge_version="version",
            judging_digest="rules",
            case_set_digest="cases",
            references_root=self.roots.references.root,
            references_sha256=self.references,
            results_root=self.roots.results.root,
            cases_sha256=self.records[name].cases_sha256,
            predictions_sha256=self.records[name].predictions_sha256,
            attributes=self.attributes,
            attempts=attempts,
            split=split,
        )

    def card(self, name: str, **changes: Any) -> ScorecardDocument:
        """Judge an entry."""
        return ScorecardDocument.model_validate_json(score_evaluation(self.job(name, **changes)))

    def split(self, name: str) -> SplitJob:
        """Let this very set be the calibration split of another one's entry of the same name."""
        return SplitJob("before", self.references, self.records[name].predictions_sha256)

    def ranked_entry(self, name: str, vendor: str | None = None) -> RankedEntry:
        card = self.card(name)
        macros = {
            "worst": card.macro_worst or card.macro,
            "half": card.macro_half,
            "exclude_case": card.macro_exclude_case,
            card.missing: card.macro,
        }
        return RankedEntry(name, card.predictions_sha256, vendor or f"vendor of {name}", macros)

    def rank(
        self,
        *names: str,
        finest: bool = True,
        vendors: Mapping[str, str] | None = None,
        order: Callable[[Sequence[str]], Sequence[str]] = tuple,
    ) -> Ranked:
        """Rank entries, given in an order."""
        known = vendors or {}
        return rank_entries(
            RankJob(
                declaration=self.declared.model_dump(mode="json"),
                judging_digest="rules",
                case_set_digest="cases",
                references_root=self.roots.references.root,
                references_sha256=self.references,
                results_root=self.roots.results.root,
                entries=tuple(self.ranked_entry(name, known.get(name)) for name in order(names)),
                finest=finest,
            )
        )
