"""The ledger of what vendors learned of the hidden references while they could still submit."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from arena.store.tables import Feedback, Vendor


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """One disclosure with its vendor's name."""

    vendor_name: str
    feedback: Feedback


@dataclass(frozen=True, slots=True)
class Disclosure:
    """A disclosure to be written."""

    scorecard: str
    vendor: str
    submission: str
    disclosed: str
    bits: int | None
    shown: bool


def ledger(session: Session, slug: str, phase: str) -> list[LedgerRow]:
    """Return the disclosures of a phase, the earliest first; of one moment by submission."""
    rows = session.exec(
        select(Feedback, Vendor)
        .where(Feedback.vendor_code == Vendor.code, Feedback.challenge_slug == slug, Feedback.phase == phase)
        .order_by(col(Feedback.at), col(Feedback.submission_code), col(Feedback.disclosed))
    )
    return [LedgerRow(vendor.name, feedback) for feedback, vendor in rows]


def disclosed(session: Session, slug: str, phase: str) -> dict[tuple[str, str], Feedback]:
    """Return what has been disclosed in a phase, by scorecard and kind, the earliest first."""
    return {(row.feedback.scorecard_code, row.feedback.disclosed): row.feedback for row in ledger(session, slug, phase)}


def add_disclosures(
    session: Session, slug: str, phase: str, rows: Iterable[Disclosure], *, board: str | None, at: datetime
) -> None:
    """Write what is disclosed now and was not before; in the transaction that publishes it, revision `board`."""
    for row in rows:
        if session.get(Feedback, (row.scorecard, row.disclosed)) is None:
            session.add(
                Feedback(
                    scorecard_code=row.scorecard,
                    disclosed=row.disclosed,
                    challenge_slug=slug,
                    phase=phase,
                    vendor_code=row.vendor,
                    submission_code=row.submission,
                    leaderboard_code=board if row.shown else None,
                    bits=row.bits,
                    at=at,
                )
            )
