"""A filled store for tests of what people see: one closed phase of seven entries, one open phase of four, a busy queue.

The closed phase is scored by the real code (`tests.browser.measured`). The few numbers of an open phase, and of tests
that hold single records to their form, are made: intervals have the width usual at that size.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import exp, log, sqrt
from pathlib import Path
from statistics import NormalDist

from arena.blobs import BlobStore
from arena.challenge.schema import Declaration
from arena.settings import ReaderSettings
from arena.store.documents import (
    Disclosure,
    Entry,
    Estimate,
    FindingScores,
    Latency,
    LeaderboardDocument,
    RocCurve,
)
from arena.store.session import Store
from arena.store.tables import (
    Algorithm,
    CaseSet,
    Challenge,
    ChallengeVersion,
    Evaluation,
    EvaluationState,
    Leaderboard,
    LeaderboardEntry,
    PhaseAction,
    Shard,
    ShardState,
    Submission,
    Vendor,
)
from runners.values import Outcome
from tests.browser.measured import N_CASES, N_PATIENTS, Measured, measured

SLUG = "chest-radiographs"
FINDINGS = {
    "nodule": ("Nodule or mass", "Узел или образование", 0.42),
    "effusion": ("Pleural effusion", "Плевральный выпот", 0.5),
    "pneumothorax": ("Pneumothorax", "Пневмоторакс", 0.37),
}
RARE = {"fracture": ("Rib fracture", "Перелом ребра", 0.2)}
"""A finding that too few patients have: it is listed, without numbers."""

POPULATION = {
    "nodule": (0.021, "City screening registry 2025"),
    "effusion": (0.034, "City screening registry 2025"),
    "pneumothorax": (0.006, "Emergency admissions 2024"),
}
HOSTILE = '<img src="http://tracker.example/x.png" onerror="window.hacked=1"><script>window.hacked=2</script>'
HOSTILE_MARKDOWN = "![x](http://tracker.example/y.png) [free](javascript:window.hacked=3)"
CURVE_POINTS = 51

_NORMAL = NormalDist()
_DIGEST = hashlib.sha256


@dataclass(frozen=True, slots=True)
class Line:
    """What is made up about one entry: its AUC by finding and how its cases ended."""

    code: str
    vendor: str
    algorithm: str
    aucs: tuple[float, float, float]
    ranks: tuple[int | None, int | None, int | None]
    tied: bool
    seconds: tuple[float, float]
    failures: dict[Outcome, int]
    copies: str = ""

    def __hash__(self) -> int:
        """Return the hash of the code, so that scores may be kept by their lines."""
        return hash(self.code)


FINAL = (
    Line("cr7k2m9xpa", "NovaScan", "Thorax 3", (0.912, 0.954, 0.937), (1, 1, 2), True, (0.384, 0.612), {}),
    Line("pw4t8h3qzb", "Лучевая Диагностика", "Орион", (0.897, 0.949, 0.921), (1, 1, 3), True, (1.27, 1.94), {}),
    Line("hd6v5n2yrc", "HexaVision", "ChestNet 12", (0.884, 0.931, 0.902), (2, 2, 4), False, (0.0912, 0.118), {}),
    Line(
        "bk9f3w7tjd", "Polaris University", "OpenThorax", (0.861, 0.918, 0.894), (3, 2, 4), False, (2.61, 4.4),
        {Outcome.ABSTAINED: 4},
    ),
    Line(
        "mq2x6d8vge", "MediSight", "Triage CXR", (0.768, 0.842, 0.791), (5, 5, 5), False, (0.733, 3.02),
        {Outcome.CRASHED: 9, Outcome.TIMED_OUT: 5, Outcome.INVALID_ANSWER: 3},
    ),
    Line("zt5j4c7nhf", "Pixel Hash", "Control", (0.512, 0.478, 0.506), (6, 6, 6), False, (0.0214, 0.0302), {}),
    Line(
        "ec6h2p8rst", "Echo Imaging", "Mirror", (0.884, 0.931, 0.902), (2, 2, 4), False, (0.121, 0.19), {},
        copies="hd6v5n2yrc",
    ),
)  # fmt: skip
SEASON = (
    Line("ns3k8q5wpg", "NovaScan", "Thorax 4", (0.91, 0.95, 0.93), (1, 1, 3), True, (0.341, 0.559), {}),
    Line("or7m2x9thh", "Лучевая Диагностика", "Орион 2", (0.90, 0.94, 0.93), (1, 1, 3), True, (1.12, 1.7), {}),
    Line("hx4d6v3rjk", "HexaVision", "ChestNet 14", (0.87, 0.93, 0.90), (1, 1, 3), True, (0.102, 0.131), {}),
    Line(
        "ms8p5n7ykm", "MediSight", "Triage CXR", (0.79, 0.86, 0.82), (4, 4, 4), False, (0.69, 2.8),
        {Outcome.CRASHED: 2, Outcome.NO_ANSWER: 1},
    ),
)  # fmt: skip

RULES = {
    "en": (
        "Every vendor hands in one container. It gets one study at a time, without network, and answers with a "
        "probability for each finding.\n\n## Fair play\n\n- One entry for each vendor and phase.\n- Training on the "
        "hidden studies is impossible by design, and trying to read them out of the score ends an entry.\n\n"
        "## What is published\n\nWhile a phase is open: the rounded macro AUC, outcome shares and the time per case. "
        "When it has closed: curves and numbers by finding."
    ),
    "ru": (
        "Каждый разработчик подаёт один контейнер. Он получает исследования по одному, без сети, и отвечает "
        "вероятностью каждого признака.\n\n## Честная игра\n\n- Один участник от разработчика на этап.\n- Обучение на "
        "закрытых исследованиях невозможно по устройству площадки.\n\n## Что публикуется\n\nПока этап открыт: "
        "округлённая средняя AUC, доли исходов и время на случай. После закрытия: кривые и оценки по признакам."
    ),
}


READERS = tuple(
    {
        "finding": finding, "label": label, "n_positive": 100, "n_negative": 300, "true_positive": hits,
        "true_negative": passed, "source": "Reader study 2025",
    }
    for finding, points in {
        "nodule": (("Radiologist 1", 78, 276), ("Radiologist 2", 84, 261), ("Radiologist 3", 71, 285)),
        "effusion": (("Radiologist 1", 88, 279), ("Radiologist 2", 91, 270)),
    }.items()
    for label, hits, passed in points
)  # fmt: skip
"""What the organiser's table of readers holds."""


def declaration(now: datetime, **changes: object) -> Declaration:
    """A challenge with a closed season and its final, an open season, and one still to come."""
    hour = now.replace(minute=0, second=0, microsecond=0)
    windows = {
        "spring": ("Spring season", "Весенний сезон", hour - timedelta(days=90), hour - timedelta(days=12)),
        "summer": ("Summer season", "Летний сезон", hour - timedelta(days=9), hour + timedelta(days=5, hours=6)),
        "autumn": ("Autumn season", "Осенний сезон", hour + timedelta(days=40), hour + timedelta(days=100)),
    }
    phases: list[dict[str, object]] = [
        {"name": n, "title": {"en": en, "ru": ru}, "cases": "public", "opens_at": a, "closes_at": b}
        for n, (en, ru, a, b) in windows.items()
    ]
    final = {"name": "spring-final", "title": {"en": "Spring final", "ru": "Весенний финал"}, "cases": "final"}
    phases.insert(1, final | {"follows": "spring"})
    population = {code: {"value": v, "source": s} for code, (v, s) in POPULATION.items()}
    fields: dict[str, object] = {
        "slug": SLUG,
        "title": {"en": "Chest radiograph challenge", "ru": "Конкурс ИИ: рентген грудной клетки"},
        "summary": {
            "en": "Three findings on chest radiographs.",
            "ru": "Три признака на рентгенограммах грудной клетки.",
        },
        "modality": "DX",
        "organiser": "City Centre for Diagnostics",
        "source": "Generated for tests.",
        "findings": [
            {"code": code, "name": {"en": en, "ru": ru}, "threshold": threshold, "prevalence": population.get(code)}
            for code, (en, ru, threshold) in (FINDINGS | RARE).items()
        ],
        "ranking": {"floor_auc": 0.6, "noninferiority_margin": 0.03},
        "subgroups": {"columns": ("sex", "age", "site")},
        "norm": {
            "threshold": 0.05,
            "prevalence": {"value": 0.08, "source": "City screening registry 2025"},
            "max_missed_of_abnormal": 0.05,
            "max_missed_per_1000": 5.0,
        },
        "calibration_test": {"limit": 0.81, "attempts": 2, "required": 3},
        "readers": {"file": "readers.csv", "rows": READERS},
        "case_sets": [{"name": "public", "split": "public"}, {"name": "final", "split": "final"}],
        "phases": phases,
        "headers": ["PatientAge", "PatientSex"],
    }
    return Declaration.model_validate(fields | changes)


def estimate(value: float, n: int, *, positives: int | None = None, spread: float = 1.0) -> Estimate:
    """An AUC with an interval of plausible width on the logit scale."""
    positives = positives or n // 4
    half = 1.97 * spread * sqrt(value * (1 - value) * (1 / positives + 1 / (n - positives)) / 2) / (value * (1 - value))
    centre = log(value / (1 - value))
    low, high = (1 / (1 + exp(-(centre + sign * half))) for sign in (-1, 1))
    return Estimate(value=value, low=low, high=high, n=n, n_positive=positives, method="made")


def curve(auc: float) -> RocCurve:
    """The binormal ROC curve of an AUC, with a band that is narrow at the corners."""
    shift = sqrt(2) * _NORMAL.inv_cdf(auc)
    fpr = tuple(i / (CURVE_POINTS - 1) for i in range(CURVE_POINTS))
    tpr = tuple(0.0 if f == 0 else 1.0 if f == 1 else _NORMAL.cdf(_NORMAL.inv_cdf(f) + shift) for f in fpr)
    half = tuple(1.96 * sqrt(t * (1 - t) / 50) for t in tpr)
    low = tuple(max(0.0, t - h) for t, h in zip(tpr, half, strict=True))
    high = tuple(min(1.0, t + h) for t, h in zip(tpr, half, strict=True))
    return RocCurve(fpr=fpr, tpr=tpr, tpr_low=low, tpr_high=high)


def finding_scores(code: str, auc: float, n: int) -> FindingScores:
    """All numbers of one finding."""
    positives = {"nodule": 52, "effusion": 61, "pneumothorax": 44}.get(code, 50)
    area = estimate(auc, n, positives=positives)
    return FindingScores(
        finding=code,
        in_macro=True,
        auc=area,
        auc_half=area,
        auc_exclude_case=area,
        sensitivity=estimate(min(0.98, auc - 0.07), n, positives=positives),
        specificity=estimate(min(0.98, auc - 0.04), n, positives=positives),
        ppv=estimate(0.68 * auc, n, positives=positives),
        npv=estimate(min(0.99, auc + 0.03), n, positives=positives),
        brier=Estimate(value=0.25 - 0.18 * (auc - 0.5) * 2, n=n, n_positive=positives, method="made"),
        threshold=FINDINGS[code][2],
        curve=curve(auc),
    )


def entry(line: Line, n: int, disclosure: Disclosure, now: datetime) -> Entry:
    """One line of a public document."""
    closed = disclosure is Disclosure.CLOSED
    macro = estimate(sum(line.aucs) / 3 + (0.00036 if closed else 0), n, spread=0.62)
    failed = sum(line.failures.values())
    return Entry(
        submission=line.code,
        vendor=slug(line.vendor),
        vendor_name=line.vendor,
        algorithm=slug(line.vendor) + "-" + slug(line.algorithm),
        algorithm_name=line.algorithm,
        image_id="sha256:" + _DIGEST(line.code.encode()).hexdigest(),
        rank=line.ranks[0],
        rank_low=line.ranks[1],
        rank_high=line.ranks[2],
        tied_with_first=line.tied,
        macro=macro,
        macro_exclude_case=estimate(min(0.99, (macro.value or 0) + 0.0021 * failed), n) if closed else None,
        latency=Latency(median_seconds=line.seconds[0], p95_seconds=line.seconds[1], n=n - failed),
        outcomes={Outcome.OK: n - failed} | line.failures,
        findings=tuple(finding_scores(c, a, n) for c, a in zip(FINDINGS, line.aucs, strict=True)) if closed else (),
        submitted_at=now - timedelta(days=3, minutes=len(line.vendor) * 37),
        evaluated_at=now - timedelta(days=2, minutes=len(line.vendor) * 37),
    )


def scored_entry(line: Line, scored: Measured, card_sha256: str, now: datetime) -> Entry:
    """One line of a closed phase's document, as it was scored and ranked."""
    card, rank = scored.cards[line.code], scored.ranked.ranks[line.code]
    fine = scored.ranked.fine
    made = entry(line, N_CASES, Disclosure.CLOSED, now)
    return made.model_copy(
        update={
            "rank": rank.rank,
            "rank_low": rank.low,
            "rank_high": rank.high,
            "tied_with_first": rank.rank == 1,
            "macro": card.macro,
            "macro_exclude_case": card.macro_exclude_case,
            "latency": card.latency,
            "outcomes": card.outcomes,
            "findings": tuple(f.model_copy(update={"numbers": None}) for f in card.findings),
            "metrics": card.metrics,
            "predictions_sha256": card.predictions_sha256,
            "unranked_reason": None if rank.unranked is None else rank.unranked.value,
            "scorecard": card_sha256,
            "duplicates": () if fine is None else fine.duplicates[line.code],
        }
    )


def slug(name: str) -> str:
    """A code for a name, by digest: the names are of two alphabets."""
    return "v" + _DIGEST(name.encode()).hexdigest()[:8]


class Showcase:
    """A store and a public root under one home, filled step by step."""

    def __init__(self, home: Path, now: datetime | None = None) -> None:
        """Create the database; nothing is in it yet."""
        self.now = now or datetime.now(UTC)
        self.settings = ReaderSettings(home=home, database_url=None, public_documents=None)
        self.store = Store(self.settings.database)
        self.store.migrate()
        self.public = BlobStore(self.settings.public_root)
        self.version = ""
        self.declared = declaration(self.now)

    def declare(self, **changes: object) -> None:
        """Open the challenge and import its two case sets."""
        self.declared = declaration(self.now, **changes)
        body = self.declared.model_dump(mode="json")
        self.version = _DIGEST(json.dumps(body, sort_keys=True).encode()).hexdigest()
        with self.store.write() as session:
            session.add(Challenge(slug=SLUG, created_at=self.now - timedelta(days=120)))
            session.flush()
            session.add(
                ChallengeVersion(
                    digest=self.version,
                    challenge_slug=SLUG,
                    number=1,
                    judging_digest=_DIGEST(b"judging").hexdigest(),
                    declaration=body,
                    rules_markdown=RULES,
                    valid_from=self.now - timedelta(days=100),
                )
            )
            for name, cases, patients in (("public", 100, 88), ("final", N_CASES, N_PATIENTS)):
                session.add(
                    CaseSet(
                        digest=_DIGEST(name.encode()).hexdigest(),
                        challenge_slug=SLUG,
                        name=name,
                        version=1,
                        split=name,
                        references_digest=_DIGEST(b"references" + name.encode()).hexdigest(),
                        references_size_bytes=4000,
                        n_cases=cases,
                        n_patients=patients,
                        counts={},
                        imported_at=self.now - timedelta(days=110),
                    )
                )

    def publish(self, phase: str, lines: tuple[Line, ...], disclosure: Disclosure, revision: int = 1) -> None:
        """Write a phase's public document, its rows and the entries' submissions."""
        name = "final" if phase == "spring-final" else "public"
        n, patients = (N_CASES, N_PATIENTS) if name == "final" else (100, 88)
        closed = disclosure is Disclosure.CLOSED
        scored = measured(lines, self.declared.model_dump_json()) if closed else None
        if scored is None:
            entries = [entry(line, n, disclosure, self.now) for line in lines]
        else:
            cards = {c: self.public.put(card.model_dump_json(indent=1).encode()) for c, card in scored.cards.items()}
            entries = [scored_entry(line, scored, cards[line.code].sha256, self.now) for line in lines]
            entries.sort(key=lambda e: (e.rank is None, e.rank, -(e.macro.value or 0), e.submission))
        document = LeaderboardDocument(
            challenge=SLUG,
            phase=phase,
            revision=revision,
            as_of=self.now - timedelta(minutes=4),
            disclosure=disclosure,
            case_set=name,
            case_set_digest=_DIGEST(name.encode()).hexdigest(),
            judging_digest=_DIGEST(b"judging").hexdigest(),
            challenge_version=self.version,
            scorer_version="1",
            n_cases=n,
            n_patients=patients,
            missing="worst",
            alpha=0.05,
            adjustment="max_t" if closed else None,
            entries=tuple(entries),
            **({} if scored is None else scored.parts()),
        )
        ref = self.public.put(document.model_dump_json().encode())
        for line in lines:
            self.submit(line, phase, state=EvaluationState.SCORED)
        with self.store.write() as session:
            code = f"{phase}-{revision}"
            session.add(
                Leaderboard(
                    code=code,
                    challenge_slug=SLUG,
                    phase=phase,
                    revision=revision,
                    as_of=document.as_of,
                    document_sha256=ref.sha256,
                    document_size_bytes=ref.size_bytes,
                )
            )
            session.flush()
            for position, shown in enumerate(entries, start=1):
                ranks = {name: getattr(shown, name) for name in ("rank", "rank_low", "rank_high")}
                session.add(
                    LeaderboardEntry(
                        leaderboard_code=code, position=position, submission_code=shown.submission, **ranks
                    )
                )
            if disclosure is Disclosure.CLOSED:
                session.add(PhaseAction(challenge_slug=SLUG, phase=phase, action="publish", done_at=self.now))

    def submit(self, line: Line, phase: str, *, state: EvaluationState, minutes_ago: float = 2900) -> None:
        """Insert a submission with its evaluation; unknown vendors and algorithms are inserted first."""
        vendor, algorithm = slug(line.vendor), slug(line.vendor) + "-" + slug(line.algorithm)
        queued = self.now - timedelta(minutes=minutes_ago)
        window = "spring" if phase == "spring-final" else phase
        with self.store.write() as session:
            if session.get(Vendor, vendor) is None:
                session.add(Vendor(code=vendor, name=line.vendor, created_at=queued))
                session.flush()
            if session.get(Algorithm, algorithm) is None:
                session.add(Algorithm(code=algorithm, vendor_code=vendor, name=line.algorithm, created_at=queued))
                session.flush()
            if session.get(Submission, line.code) is not None:
                return
            image = _DIGEST(line.code.encode()).hexdigest()
            session.add(
                Submission(
                    code=line.code,
                    algorithm_code=algorithm,
                    challenge_slug=SLUG,
                    phase=window,
                    challenge_version=self.version,
                    image_id="sha256:" + image,
                    image_sha256=image,
                    image_size_bytes=412_316_860,
                    submitted_at=queued,
                )
            )
            session.flush()
            done = state in {EvaluationState.SCORED, EvaluationState.HELD}
            session.add(
                Evaluation(
                    code=f"e-{line.code}",
                    submission_code=line.code,
                    phase=phase,
                    case_set_digest=_DIGEST(b"final" if phase == "spring-final" else b"public").hexdigest(),
                    challenge_version=self.version,
                    state=state,
                    held_reason="engine gone: /var/run/secret" if state == EvaluationState.HELD else None,
                    queued_at=queued,
                    started_at=None if state == EvaluationState.QUEUED else queued + timedelta(minutes=1),
                    ended_at=queued + timedelta(minutes=9) if done else None,
                )
            )

    def busy(self) -> None:
        """Put one evaluation of each state into the queue."""
        made = (
            ("rn2b7k4xqa", "NovaScan", "Thorax 5", EvaluationState.RECORDED, 14),
            ("rn5c9m3wtb", "OrionLabs", "Lung 1", EvaluationState.RUNNING, 11),
            ("rn8d4p6yvc", "DeepAI", "Sentinel", EvaluationState.HELD, 40),
            ("rn3f7r2zhd", "Polaris University", "OpenThorax", EvaluationState.QUEUED, 6),
            ("rn6g5t9cje", "HexaVision", "ChestNet 15", EvaluationState.QUEUED, 3),
        )
        for code, vendor, algorithm, state, minutes in made:
            line = Line(
                code, vendor, algorithm, (0.5, 0.5, 0.5), (None, None, None), tied=False, seconds=(1, 1), failures={}
            )
            self.submit(line, "summer", state=state, minutes_ago=minutes)
        with self.store.write() as session:
            for number, state in enumerate(
                (ShardState.ACCEPTED, ShardState.ACCEPTED, ShardState.OPEN, ShardState.WAITING)
            ):
                names = [f"c{i:04d}" for i in range(number * 25 + 1, number * 25 + 26)]
                session.add(
                    Shard(id=f"s{number}", evaluation_code="e-rn5c9m3wtb", number=number, case_names=names, state=state)
                )

    def fill(self) -> Showcase:
        """Do all of it."""
        self.declare()
        self.publish("spring-final", FINAL, Disclosure.CLOSED)
        self.publish("summer", SEASON, Disclosure.OPEN)
        self.busy()
        return self
