"""What challenge.yaml may say: strict models, unknown keys refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AwareDatetime, BeforeValidator, Field, StringConstraints, model_validator

from arena.challenge.clinical import (
    CalibratedThreshold,
    CalibrationTest,
    NormDeclaration,
    Prevalence,
    ReadersTable,
    Subgroups,
)
from arena.challenge.containers import Layout, Mode, OutputDeclaration, Sockets
from arena.challenge.strict import FindingCode, Strict, disagreement
from arena.ranking.adjustment import Adjustment
from arena.scoring.missing import MissingPolicy
from runners.values import Limits

Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{1,39}$")]


class Text(Strict):
    """A text in both languages of the board."""

    en: str = Field(min_length=1, max_length=400)
    ru: str = Field(min_length=1, max_length=400)


class EntryRule(StrEnum):
    """Which submission of a vendor stands on the leaderboard and goes to the final."""

    LAST = "last"
    BEST = "best"
    CHOSEN = "chosen"


class Show(StrEnum):
    """When the fine numbers of a phase become public; `closed`: when it has closed."""

    CLOSED = "closed"
    OPEN = "open"


class Finding(Strict):
    """A finding that every answer must give a probability for, and the threshold of its operating point."""

    code: FindingCode
    name: Text
    threshold: float = Field(ge=0, le=1, multiple_of=0.0001)
    prevalence: Prevalence | None = None


class CaseSetDeclaration(Strict):
    """A case set by name; its studies are imported with `arena cases import`."""

    name: Slug
    split: Literal["sample", "public", "final"]


class Quota(Strict):
    """How many submissions a vendor may make in a phase; days are UTC days."""

    per_day: int = Field(default=2, ge=1)
    total: int = Field(default=30, ge=1)


class Feedback(Strict):
    """What a vendor learns from its submissions while the phase is open (docs/security.md).

    With the Ladder a new best of a vendor is shown only if it is better than the vendor's shown best by more than
    `eta` and by more than one standard error of the difference; chance counts as shown.
    """

    ladder: bool = True
    eta: float = Field(default=0.01, ge=0, le=0.2)


class MetricDeclaration(Strict):
    """An organiser's own metric, installed beside Arena as an entry point of the group `arena.metrics`."""

    name: Slug
    version: str = Field(min_length=1, max_length=40)


def _utc(value: object) -> object:
    """Read ISO 8601 text, which strict validation would leave to the caller; a time without a zone is UTC."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return value
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) and value.tzinfo is None else value


UtcTime = Annotated[AwareDatetime, BeforeValidator(_utc)]


class Phase(Strict):
    """A window with its case set, quota and leaderboard.

    A phase with `follows` takes no submissions: the entries chosen by `entry_rule` of the phase that it follows are
    evaluated once on its case set when that phase has closed. It is published when all of them have been scored.
    """

    name: Slug
    title: Text
    cases: Slug
    opens_at: UtcTime | None = None
    closes_at: UtcTime | None = None
    follows: Slug | None = None
    entry_rule: EntryRule = EntryRule.BEST
    quota: Quota = Quota()
    feedback: Feedback = Feedback()
    show: Show = Show.CLOSED

    @model_validator(mode="after")
    def _window_or_follows(self) -> Phase:
        if self.follows is None:
            if self.opens_at is None or self.closes_at is None:
                missing = "opens_at" if self.opens_at is None else "closes_at"
                raise disagreement("a phase needs a window or follows one", (missing,), None, "a time (or `follows`)")
            if self.closes_at - self.opens_at < timedelta(seconds=1):
                allowed = f"later than opens_at, {self.opens_at}"
                raise disagreement("a phase closes after it opens", ("closes_at",), self.closes_at, allowed)
        elif self.opens_at is not None or self.closes_at is not None:
            given = "opens_at" if self.opens_at is not None else "closes_at"
            reason = "a phase that follows another has no window of its own"
            raise disagreement(reason, (given,), getattr(self, given), "no such key beside follows")
        return self


MAX_ANSWERS_KIB = 64 * 1024
"""What the answers of one shard may come to: the worker holds them until the shard has ended."""


class LimitsDeclaration(Strict):
    """Limits of one shard (docs/contract.md); the defaults are those of `runners.values.Limits`."""

    cases_per_shard: int = Field(default=Limits().cases_per_shard, ge=1)
    startup_seconds: float = Field(default=Limits().startup_seconds, gt=0)
    shutdown_seconds: float = Field(default=Limits().shutdown_seconds, gt=0)
    case_seconds: float = Field(default=Limits().case_seconds, gt=0)
    total_seconds: float = Field(default=Limits().total_seconds, gt=0)
    memory_mib: int = Field(default=Limits().memory_mib, ge=16)
    cpus: float = Field(default=Limits().cpus, gt=0)
    gpus: int = Field(default=Limits().gpus, ge=0)
    pids: int = Field(default=Limits().pids, ge=4)
    tmp_mib: int = Field(default=Limits().tmp_mib, ge=1)
    shm_mib: int = Field(default=Limits().shm_mib, ge=1)
    output_mib: int = Field(default=Limits().output_mib, ge=1)
    answer_kib: int = Field(default=Limits().answer_kib, ge=1, le=1024)
    restarts: int = Field(default=Limits().restarts, ge=0)

    @model_validator(mode="after")
    def _answers_fit(self) -> LimitsDeclaration:
        answers = self.cases_per_shard * self.answer_kib
        if answers > MAX_ANSWERS_KIB:
            most = MAX_ANSWERS_KIB // self.answer_kib
            reason = (
                f"cases_per_shard × answer_kib is {answers} KiB; of a shard's answers a worker keeps at most "
                f"{MAX_ANSWERS_KIB} KiB"
            )
            allowed = f"at most {most} with answer_kib: {self.answer_kib}, or a smaller answer_kib"
            raise disagreement(reason, ("cases_per_shard",), self.cases_per_shard, allowed)
        return self

    def to_limits(self) -> Limits:
        """Return them as the plain value that crosses into `runners`."""
        return Limits(**self.model_dump())


class Ranking(Strict):
    """How entries are compared (docs/statistics.md); part of the judging digest."""

    alpha: float = Field(default=0.05, gt=0, lt=0.5)
    sides: Literal[2] = 2
    adjustment: Adjustment = Adjustment.MAX_T
    metric: Literal["macro_auc"] = "macro_auc"
    floor_auc: float | None = Field(default=None, ge=0, le=1, multiple_of=0.0001)
    floor_answered: float | None = Field(default=None, ge=0, le=1, multiple_of=0.0001)
    noninferiority_margin: float | None = Field(default=None, gt=0, lt=0.5, multiple_of=0.0001)


class Declaration(Strict):
    """A whole challenge.yaml."""

    contract: Literal[1] = 1
    slug: Slug
    title: Text
    summary: Text
    modality: str = Field(description="DICOM modality of the studies, such as DX.", pattern=r"^[A-Z]{2,4}$")
    organiser: str = Field(min_length=2, max_length=120)
    source: str = Field(default="", max_length=600, description="Where the studies come from and under which licence.")
    findings: tuple[Finding, ...] = Field(min_length=1, max_length=40)
    case_sets: tuple[CaseSetDeclaration, ...] = Field(min_length=1)
    phases: tuple[Phase, ...] = Field(min_length=1)
    modes: tuple[Mode, ...] = Field(default=("serve",), min_length=1)
    layout: Layout = "arena"
    sockets: Sockets | None = None
    outputs: tuple[OutputDeclaration, ...] = Field(default=(), max_length=10)
    isolation: Literal["standard", "gvisor"] = "standard"
    limits: LimitsDeclaration = LimitsDeclaration()
    missing: MissingPolicy = MissingPolicy.WORST
    min_per_class: int = Field(
        default=30, ge=2, description="Patients with and without a finding that a published number needs."
    )
    ranking: Ranking = Ranking()
    metrics: tuple[MetricDeclaration, ...] = Field(
        default=(), max_length=10, description="The organiser's own metrics, put beside the others."
    )
    subgroups: Subgroups = Subgroups()
    enriched_by_difficulty: bool = Field(
        default=False, description="Hard cases were sought: no number carries over to a declared prevalence."
    )
    norm: NormDeclaration | None = None
    calibration_test: CalibrationTest | None = None
    calibrated_threshold: CalibratedThreshold | None = None
    readers: ReadersTable | None = Field(default=None, description="In challenge.yaml: the name of a CSV beside it.")
    headers: tuple[str, ...] = Field(
        default=(), description="DICOM keywords shown to containers beside the published list."
    )

    @model_validator(mode="after")
    def _names_agree(self) -> Declaration:
        for kind, names in (
            ("findings", [f.code for f in self.findings]),
            ("case_sets", [c.name for c in self.case_sets]),
            ("phases", [p.name for p in self.phases]),
            ("metrics", [m.name for m in self.metrics]),
            ("modes", list(self.modes)),
            ("outputs", [o.name for o in self.outputs]),
        ):
            for number, name in enumerate(names):
                if name in names[:number]:
                    raise disagreement("the name stands twice", (kind, number), name, "names that differ")
        codes = {finding.code for finding in self.findings}
        for number, column in enumerate(self.subgroups.columns):
            if column in codes:
                reason = "the column is a finding"
                raise disagreement(reason, ("subgroups", "columns", number), column, "a column beside the findings")
        sets = [c.name for c in self.case_sets]
        windows = [p.name for p in self.phases if p.follows is None]
        for number, phase in enumerate(self.phases):
            if phase.cases not in sets:
                reason = "no such case set is declared"
                raise disagreement(reason, ("phases", number, "cases"), phase.cases, ", ".join(sets))
            if phase.follows is not None and phase.follows not in windows:
                reason, allowed = "it is no phase with a window", ", ".join(windows)
                raise disagreement(reason, ("phases", number, "follows"), phase.follows, allowed)
        return self

    @model_validator(mode="after")
    def _layout_is_whole(self) -> Declaration:
        if self.layout == "arena":
            if self.sockets is not None:
                reason = "sockets belong to layout grand-challenge"
                raise disagreement(reason, ("sockets",), "given", "no such key, or layout: grand-challenge")
            return self
        if self.sockets is None:
            reason = "layout grand-challenge needs its sockets"
            raise disagreement(reason, ("sockets",), None, "a mapping with the keys image, findings")
        if "case" not in self.modes:
            reason = "images of that layout run one container for each case"
            raise disagreement(reason, ("modes",), ", ".join(self.modes), "a list with case in it")
        codes, files = [f.code for f in self.findings], list(self.sockets.findings.values())
        if sorted(self.sockets.findings) != sorted(codes) or len(set(files)) != len(files):
            place, allowed = ("sockets", "findings"), f"a file of its own for each of {', '.join(codes)}"
            raise disagreement("each finding has one file", place, ", ".join(self.sockets.findings), allowed)
        return self

    @model_validator(mode="after")
    def _enough_findings_to_require(self) -> Declaration:
        test = self.calibration_test
        if test is not None and test.required is not None and test.required > len(self.findings):
            place, allowed = ("calibration_test", "required"), f"1…{len(self.findings)}, the findings declared"
            raise disagreement("more findings are required than there are", place, test.required, allowed)
        return self

    def phase(self, name: str) -> Phase | None:
        """Return the phase of that name."""
        return next((p for p in self.phases if p.name == name), None)
