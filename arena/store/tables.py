"""The whole schema on one page.

Rows are never validated by SQLModel: what comes from outside passes a pydantic model first. No table holds a
label, a prediction of a case or a participant's secret. Codes are short random words that stand in permalinks;
digests are SHA-256 in hexadecimal; times are aware UTC.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    ForeignKeyConstraint,
    Index,
    MetaData,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.engine import Dialect
from sqlmodel import Field, SQLModel

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC time; SQLite keeps it without a zone, so it is put back on reading. Naive times are refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Refuse naive times and convert others to UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            msg = f"naive time {value!r}"
            raise ValueError(msg)
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Give a time its zone back."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class SubmissionState(StrEnum):
    """Where a submission stands; arena/submission/states.py holds the transitions."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


class EvaluationState(StrEnum):
    """Where an evaluation stands; arena/store/states.py holds the transitions."""

    QUEUED = "queued"
    RUNNING = "running"
    RECORDED = "recorded"
    SCORED = "scored"
    HELD = "held"
    UNSCORED = "unscored"


ENDED = (EvaluationState.SCORED, EvaluationState.UNSCORED)
"""The states in which nothing more is run for an evaluation and nobody waits for it."""


class ShardState(StrEnum):
    """Whether a shard still needs an attempt."""

    WAITING = "waiting"
    OPEN = "open"
    ACCEPTED = "accepted"
    HELD = "held"


class AttemptState(StrEnum):
    """What became of one try of a shard. LATE: another attempt's receipt had been accepted before."""

    OPEN = "open"
    ACCEPTED = "accepted"
    FAULTED = "faulted"
    LOST = "lost"
    LATE = "late"


class RulingKind(StrEnum):
    """Why an evaluation ended without a score. NOT_EVALUABLE: this host alone did not get through with it."""

    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    NOT_EVALUABLE = "not_evaluable"


class Split(StrEnum):
    """What a case set is for."""

    SAMPLE = "sample"
    PUBLIC = "public"
    FINAL = "final"


class Base(SQLModel):
    """All tables share one metadata with a naming convention, which Alembic's batch mode needs."""

    metadata = MetaData(naming_convention=NAMING)


class Vendor(Base, table=True):
    """Who submits."""

    code: str = Field(primary_key=True)
    name: str = Field(unique=True)
    created_at: datetime = Field(sa_type=UtcDateTime)


class Algorithm(Base, table=True):
    """A vendor's product; each submission is one version of it."""

    __table_args__ = (UniqueConstraint("vendor_code", "name"),)
    code: str = Field(primary_key=True)
    vendor_code: str = Field(foreign_key="vendor.code")
    name: str
    created_at: datetime = Field(sa_type=UtcDateTime)


class Challenge(Base, table=True):
    """The contest; all that is declared stands in its versions."""

    slug: str = Field(primary_key=True)
    created_at: datetime = Field(sa_type=UtcDateTime)


class ChallengeVersion(Base, table=True):
    """The rules as declared at one time: the parsed challenge.yaml as canonical JSON, and rules.md."""

    __tablename__ = "challenge_version"
    __table_args__ = (UniqueConstraint("challenge_slug", "number"),)
    digest: str = Field(primary_key=True)
    challenge_slug: str = Field(foreign_key="challenge.slug")
    number: int
    judging_digest: str
    declaration: dict[str, Any] = Field(sa_type=JSON)
    rules_markdown: dict[str, str] = Field(sa_type=JSON, description="Language → text of the rules page.")
    valid_from: datetime = Field(sa_type=UtcDateTime)


class CaseSet(Base, table=True):
    """A sealed set of cases; its digest covers studies, names, patients and attributes, never references."""

    __tablename__ = "case_set"
    __table_args__ = (UniqueConstraint("challenge_slug", "name", "version"),)
    digest: str = Field(primary_key=True)
    challenge_slug: str = Field(index=True)
    name: str
    version: int
    split: str
    references_digest: str
    references_size_bytes: int = Field(sa_type=BigInteger)
    n_cases: int
    n_patients: int
    counts: dict[str, Any] = Field(
        sa_type=JSON,
        description="finding → {positive, negative, unknown} cases and {positive_patients, negative_patients}.",
    )
    imported_at: datetime = Field(sa_type=UtcDateTime)
    exposed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Case(Base, table=True):
    """One case of a set: opaque names, the study's blob, and attributes kept from the header before stripping."""

    __tablename__ = "study_case"
    case_set_digest: str = Field(primary_key=True, foreign_key="case_set.digest")
    name: str = Field(primary_key=True)
    patient_key: str
    study_sha256: str
    study_size_bytes: int = Field(sa_type=BigInteger)
    sex: str | None = None
    age_years: int | None = None
    site: str | None = None
    manufacturer: str | None = None
    further: dict[str, str] | None = Field(
        default=None, sa_type=JSON, description="Further columns of the label table, by which subgroups are declared."
    )


class Submission(Base, table=True):
    """One immutable entry of an algorithm's image in a phase, judged by the version it was made under."""

    __table_args__ = (Index("ix_submission_quota", "challenge_slug", "phase", "algorithm_code", "submitted_at"),)
    code: str = Field(primary_key=True)
    algorithm_code: str = Field(foreign_key="algorithm.code")
    challenge_slug: str = Field(foreign_key="challenge.slug")
    phase: str
    challenge_version: str = Field(foreign_key="challenge_version.digest")
    image_id: str = Field(description="Digest of the image's configuration, sha256:…; the image is run by it alone.")
    image_sha256: str = Field(description="Digest of the stored archive.")
    image_size_bytes: int = Field(sa_type=BigInteger)
    mode: str = "serve"
    state: str = Field(default=SubmissionState.ACCEPTED)
    chosen_for_final: bool = False
    second_choice: bool = Field(default=False, description="Chosen for the final beside another one, which ranks.")
    submitted_at: datetime = Field(sa_type=UtcDateTime)


class Evaluation(Base, table=True):
    """One execution of a submission on a case set."""

    __table_args__ = (UniqueConstraint("submission_code", "phase"), Index("ix_evaluation_state", "state"))
    code: str = Field(primary_key=True)
    submission_code: str = Field(foreign_key="submission.code")
    phase: str = Field(
        description="The phase whose leaderboard it enters: the submission's, or the final that follows it."
    )
    case_set_digest: str = Field(foreign_key="case_set.digest")
    challenge_version: str = Field(foreign_key="challenge_version.digest")
    state: str = Field(default=EvaluationState.QUEUED)
    held_reason: str | None = None
    queued_at: datetime = Field(sa_type=UtcDateTime)
    started_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    cases_sha256: str | None = None
    predictions_sha256: str | None = None
    policy_digest: str | None = None
    sandbox_sha256: str | None = Field(default=None, description="Blob of the sandbox manifests of its containers.")
    sandboxes: list[dict[str, Any]] | None = Field(
        default=None, sa_type=JSON, description="The same manifests, each once, for the board."
    )
    outcome_counts: dict[str, int] | None = Field(default=None, sa_type=JSON)
    ending_counts: dict[str, int] | None = Field(
        default=None, sa_type=JSON, description="The same, finer: what the vendor is told."
    )
    outputs_sha256: str | None = Field(default=None, description="Table of the files left beside answers.")
    output_counts: dict[str, dict[str, int]] | None = Field(
        default=None, sa_type=JSON, description="Declared file → `ok` or defect → number of cases."
    )


class Shard(Base, table=True):
    """A part of an evaluation's cases, run in one container world; kind `rerun`: cases that timed out, run alone."""

    __table_args__ = (UniqueConstraint("evaluation_code", "number"), Index("ix_shard_state", "state"))
    id: str = Field(primary_key=True)
    evaluation_code: str = Field(foreign_key="evaluation.code")
    number: int
    kind: str = "main"
    case_names: list[str] = Field(sa_type=JSON)
    state: str = Field(default=ShardState.WAITING)
    host_faults: int = 0


class Attempt(Base, table=True):
    """One try of one shard, written before it is submitted; its lease is renewed while the runner knows it."""

    __table_args__ = (Index("ix_attempt_state", "state"),)
    id: str = Field(primary_key=True)
    shard_id: str = Field(foreign_key="shard.id")
    number: int
    state: str = Field(default=AttemptState.OPEN)
    reason: str | None = None
    created_at: datetime = Field(sa_type=UtcDateTime)
    lease_until: datetime = Field(sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class ShardResult(Base, table=True):
    """The accepted receipt of a shard; the primary key makes acceptance happen once."""

    __tablename__ = "shard_result"
    shard_id: str = Field(primary_key=True, foreign_key="shard.id")
    attempt_id: str = Field(foreign_key="attempt.id")
    output_sha256: str
    output_size_bytes: int = Field(sa_type=BigInteger)
    manifest: dict[str, Any] = Field(sa_type=JSON)
    policy_digest: str
    startup_seconds: float | None = None
    run_seconds: float
    log_sha256: str | None = Field(default=None, description="What containers wrote; of sample sets only.")
    accepted_at: datetime = Field(sa_type=UtcDateTime)


class Scorecard(Base, table=True):
    """All scores of one evaluation under one judging digest, references digest and scorer version."""

    # Named by hand: PostgreSQL cuts names at 63 bytes.
    __table_args__ = (
        UniqueConstraint(
            "evaluation_code", "judging_digest", "references_digest", "scorer_version", name="uq_scorecard_judgement"
        ),
    )
    code: str = Field(primary_key=True)
    evaluation_code: str = Field(foreign_key="evaluation.code")
    judging_digest: str
    references_digest: str
    scorer_version: str
    document_sha256: str
    created_at: datetime = Field(sa_type=UtcDateTime)


class Score(Base, table=True):
    """One number of a scorecard; what is missing, a value with its reason or a count, is None, never zero or NaN."""

    scorecard_code: str = Field(primary_key=True, foreign_key="scorecard.code")
    finding: str = Field(primary_key=True, description="A finding's code, or `macro`.")
    subgroup: str = Field(primary_key=True, default="all")
    metric: str = Field(primary_key=True)
    value: float | None = None
    low: float | None = None
    high: float | None = None
    n: int | None = Field(
        default=None, description="Cases under it; none where they are not known or must not be told."
    )
    n_positive: int | None = None
    reason: str | None = None


class Ruling(Base, table=True):
    """Why an evaluation ended without a score: by whose word, when, and what its vendor is told of it."""

    evaluation_code: str = Field(primary_key=True, foreign_key="evaluation.code")
    kind: str = Field(description="refused, withdrawn or not_evaluable.")
    reason: str
    at: datetime = Field(sa_type=UtcDateTime)


class Leaderboard(Base, table=True):
    """One revision of a phase's public document, written by the worker; pages read the newest published one."""

    __table_args__ = (UniqueConstraint("challenge_slug", "phase", "revision"),)
    code: str = Field(primary_key=True)
    challenge_slug: str = Field(foreign_key="challenge.slug")
    phase: str
    revision: int
    state: str = Field(default="published", description="draft or published")
    as_of: datetime = Field(sa_type=UtcDateTime)
    document_sha256: str
    document_size_bytes: int = Field(sa_type=BigInteger)


class LeaderboardEntry(Base, table=True):
    """One line of a leaderboard revision."""

    __tablename__ = "leaderboard_entry"
    __table_args__ = (ForeignKeyConstraint(["leaderboard_code"], ["leaderboard.code"]),)
    leaderboard_code: str = Field(primary_key=True)
    position: int = Field(primary_key=True)
    submission_code: str = Field(foreign_key="submission.code")
    scorecard_code: str | None = Field(default=None, foreign_key="scorecard.code")
    rank: int | None = None
    rank_low: int | None = None
    rank_high: int | None = None


class PhaseAction(Base, table=True):
    """What has been done at a phase's boundary; the key makes it happen once."""

    __tablename__ = "phase_action"
    challenge_slug: str = Field(primary_key=True, foreign_key="challenge.slug")
    phase: str = Field(primary_key=True)
    action: str = Field(primary_key=True, description="open, close, nominate or publish.")
    done_at: datetime = Field(sa_type=UtcDateTime)


class Feedback(Base, table=True):
    """The ledger of what vendors learned: a row for each score, shown or held back, written as it is published.

    Whether a score was shown is decided once and kept, so that a later publication can tell nothing else.
    """

    __table_args__ = (Index("ix_feedback_phase", "challenge_slug", "phase", "vendor_code"),)
    scorecard_code: str = Field(primary_key=True, foreign_key="scorecard.code")
    disclosed: str = Field(primary_key=True, description="score, not_better or everything.")
    challenge_slug: str = Field(foreign_key="challenge.slug")
    phase: str
    vendor_code: str = Field(foreign_key="vendor.code")
    submission_code: str = Field(foreign_key="submission.code")
    leaderboard_code: str | None = Field(
        default=None, foreign_key="leaderboard.code", description="The revision that showed it; none for not_better."
    )
    bits: int | None = Field(default=None, description="At most so much was learned; none where there is no bound.")
    at: datetime = Field(sa_type=UtcDateTime)
