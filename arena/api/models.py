"""What the routes answer beside the public records."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from arena.presentation.records import EntryRecord, LeaderboardRecord, Record


class Health(Record):
    """Whether the results can be read."""

    status: str


class Problem(Record):
    """An error: a stable code and a message that is safe to show."""

    code: str
    message: str


class PhaseRecord(Record):
    """A phase as it stands now. `opens_at` is null for a phase that follows another; counts before the set's import."""

    phase: str
    title: dict[str, str]
    state: str
    opens_at: datetime | None
    closes_at: datetime
    next_change_at: datetime | None
    follows: str | None
    entry_rule: str
    n_cases: int | None
    n_patients: int | None
    revision: int | None


class ChallengeRecord(Record):
    """A challenge by its newest version."""

    challenge: str
    title: dict[str, str]
    summary: dict[str, str]
    version: int
    version_digest: str
    findings: tuple[str, ...]
    phases: tuple[PhaseRecord, ...]


class LeaderboardAnswer(Record):
    """A phase's state and its published leaderboard; null before the first."""

    phase: PhaseRecord
    leaderboard: LeaderboardRecord | None


class StandingRecord(Record):
    """An entry on one phase's leaderboard."""

    phase: str
    entry: EntryRecord


class HeldBackRecord(Record):
    """An open phase in which a score is held back: not better than the vendor's shown best by more than `eta`."""

    phase: str
    eta: float


class EntryAnswer(Record):
    """A submission and where it stands."""

    entry: str
    challenge: str
    vendor_name: str
    algorithm_name: str
    image_id: str
    submitted_at: datetime
    standings: tuple[StandingRecord, ...]
    not_better_than_shown_best: tuple[HeldBackRecord, ...]


class QueueRecord(Record):
    """One evaluation of the queue; `position` counts those that wait."""

    entry: str
    vendor_name: str
    algorithm_name: str
    phase: str
    stage: str
    position: int | None
    cases_done: int | None
    cases_total: int | None
    queued_at: datetime
    started_at: datetime | None
    ended_at: datetime | None


class TableRecord(Record):
    """A table: each row by column. An estimate has columns of its interval, counts, method and reason."""

    table: str
    columns: tuple[str, ...]
    rows: tuple[dict[str, str | bool | int | float | None], ...]
    absent: str | None = Field(description="Why there is no row, as a code; null where there is one.")
