"""The public API, version 1: each route parses, asks the reader once, and shows the result."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response

from arena.api.models import (
    ChallengeRecord,
    EntryAnswer,
    Health,
    HeldBackRecord,
    LeaderboardAnswer,
    PhaseRecord,
    Problem,
    QueueRecord,
    StandingRecord,
)
from arena.errors import NotFound
from arena.presentation.reader import ChallengeFacts, PhaseFacts, Reader
from arena.presentation.records import CurveRecord, curve_record
from arena.presentation.tables import curve_csv, leaderboard_csv
from arena.store.documents import SCHEMAS, Disclosure, json_schema
from arena.store.tables import EvaluationState


class Form(StrEnum):
    """The form of an answer."""

    JSON = "json"
    CSV = "csv"


def reader_of(request: Request) -> Reader:
    """Return the reader that the server was built with."""
    reader: Reader = request.app.state.reader()
    return reader


ReaderDep = Annotated[Reader, Depends(reader_of)]
FormParam = Annotated[Form, Query(alias="format", description="json, or csv for a spreadsheet.")]
_PROBLEMS: dict[int | str, dict[str, object]] = {404: {"model": Problem}, 503: {"model": Problem}}

router = APIRouter(prefix="/v1", responses=_PROBLEMS)


@router.get("/health", summary="Whether results can be read")
def health(reader: ReaderDep) -> Health:
    """Answer 200 when the store answers and its schema is the newest, else 503."""
    reader.check()
    return Health(status="ok")


@router.get("/schemas/{document}", summary="The form of a stored document")
def schema(document: str) -> dict[str, Any]:
    """Show the JSON Schema of a document.

    `leaderboard` and `public-scorecard` are public; `scorecard`, which names the references' digest, stays inside.
    """
    if document not in SCHEMAS:
        raise NotFound(kind="published schema", code_given=document)
    return json_schema(document)


@router.get("/challenges", summary="All challenges")
def challenges(reader: ReaderDep) -> list[ChallengeRecord]:
    """List all challenges with their phases."""
    return [_challenge(reader, challenge) for challenge in reader.challenges()]


@router.get("/challenges/{challenge}", summary="One challenge")
def challenge(reader: ReaderDep, challenge: str) -> ChallengeRecord:
    """Show a challenge with its phases."""
    return _challenge(reader, reader.challenge(challenge))


@router.get("/challenges/{challenge}/phases/{phase}/leaderboard", summary="A phase's leaderboard", response_model=None)
def leaderboard(
    reader: ReaderDep, challenge: str, phase: str, form: FormParam = Form.JSON
) -> LeaderboardAnswer | Response:
    """Show the newest published leaderboard. While the phase is open it holds the rounded macro score only."""
    facts = reader.phase(reader.challenge(challenge), phase)
    if form is Form.CSV:
        if facts.record is None:
            raise NotFound(kind="leaderboard yet in phase", code_given=phase)
        return _csv(leaderboard_csv(facts.record), f"{challenge}-{phase}.csv")
    return LeaderboardAnswer(phase=_phase(facts), leaderboard=facts.record)


@router.get("/challenges/{challenge}/phases/{phase}/entries/{entry}/curve", summary="A ROC curve", response_model=None)
def curve(
    reader: ReaderDep, challenge: str, phase: str, entry: str, finding: str, form: FormParam = Form.JSON
) -> CurveRecord | Response:
    """Show an entry's ROC curve for one finding, with its 95 % band. There is none before the phase has closed."""
    facts = reader.phase(reader.challenge(challenge), phase)
    document = facts.document
    if document is None or document.disclosure is Disclosure.OPEN:
        raise NotFound(kind="public curve before the phase has closed, in phase", code_given=phase)
    found = curve_record(document, entry, finding)
    if found is None:
        raise NotFound(kind=f'curve of entry "{entry}" for finding', code_given=finding)
    if form is Form.CSV:
        return _csv(curve_csv(found), f"{challenge}-{phase}-{entry}-{finding}.csv")
    return found


@router.get(
    "/challenges/{challenge}/phases/{phase}/entries/{entry}/scorecard",
    summary="All numbers of an entry",
    response_class=Response,
    responses={200: {"content": {"application/json": {}}, "description": "In the form of schema `public-scorecard`."}},
)
def scorecard(reader: ReaderDep, challenge: str, phase: str, entry: str) -> Response:
    """Give an entry's public scorecard byte by byte, as its digest in the leaderboard names it.

    There is none before the phase has closed.
    """
    facts = reader.phase(reader.challenge(challenge), phase)
    return Response(reader.scorecard_bytes(facts, entry), media_type="application/json")


@router.get("/entries/{entry}", summary="One entry")
def entry(reader: ReaderDep, entry: str) -> EntryAnswer:
    """Show a submission and its standings."""
    facts = reader.entry(entry)
    row = facts.submission
    standings = []
    for phase in facts.phases:
        record = phase.record.entry(entry) if phase.record else None
        if record is not None:
            standings.append(StandingRecord(phase=phase.phase.name, entry=record))
    return EntryAnswer(
        entry=entry,
        challenge=facts.challenge.slug,
        vendor_name=row.vendor.name,
        algorithm_name=row.algorithm.name,
        image_id=row.submission.image_id,
        submitted_at=row.submission.submitted_at,
        standings=tuple(standings),
        not_better_than_shown_best=tuple(
            HeldBackRecord(phase=phase.phase.name, eta=phase.document.ladder_eta)
            for phase in facts.not_better
            if phase.document is not None and phase.document.ladder_eta is not None
        ),
    )


@router.get("/challenges/{challenge}/queue", summary="The live queue")
def queue(reader: ReaderDep, challenge: str) -> list[QueueRecord]:
    """List what waits, runs or is held, in queue order, and what was scored within the last hour."""
    found, position = [], 0
    for row in reader.queue(reader.challenge(challenge)):
        evaluation = row.evaluation
        waits = evaluation.state == EvaluationState.QUEUED
        position += waits
        found.append(
            QueueRecord(
                entry=evaluation.submission_code,
                vendor_name=row.vendor.name,
                algorithm_name=row.algorithm.name,
                phase=evaluation.phase,
                stage=evaluation.state,
                position=position if waits else None,
                cases_done=row.cases_done if row.cases_total else None,
                cases_total=row.cases_total or None,
                queued_at=evaluation.queued_at,
                started_at=evaluation.started_at,
                ended_at=evaluation.ended_at,
            )
        )
    return found


def _challenge(reader: Reader, facts: ChallengeFacts) -> ChallengeRecord:
    declaration = facts.declaration
    return ChallengeRecord(
        challenge=facts.slug,
        title=declaration.title.model_dump(),
        summary=declaration.summary.model_dump(),
        version=facts.number,
        version_digest=facts.digest,
        findings=tuple(finding.code for finding in declaration.findings),
        phases=tuple(_phase(reader.phase(facts, phase.name)) for phase in declaration.phases),
    )


def _phase(facts: PhaseFacts) -> PhaseRecord:
    return PhaseRecord(
        phase=facts.phase.name,
        title=facts.phase.title.model_dump(),
        state=facts.stand.value,
        opens_at=facts.status.opens_at,
        closes_at=facts.status.closes_at,
        next_change_at=facts.status.next_change_at,
        follows=facts.phase.follows,
        entry_rule=facts.rule_phase.entry_rule.value,
        n_cases=facts.n_cases,
        n_patients=facts.n_patients,
        revision=facts.record.revision if facts.record else None,
    )


def _csv(text: str, name: str) -> Response:
    return Response(
        text, media_type="text/csv; charset=utf-8", headers={"content-disposition": f'attachment; filename="{name}"'}
    )
