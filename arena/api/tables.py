"""Routes of the tables behind every picture, as JSON and CSV; there is none before the phase has closed."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response

from arena.api.models import Problem, TableRecord
from arena.api.routes import Form, FormParam, ReaderDep
from arena.errors import NotFound
from arena.presentation.boardtables import BOARD_TABLES, board_table, closed_document, names_of
from arena.presentation.cardtables import CARD_TABLES
from arena.presentation.language import Language
from arena.presentation.reader import PhaseFacts
from arena.presentation.tables import table_csv
from arena.presentation.tabular import Table

_PROBLEMS: dict[int | str, dict[str, Any]] = {404: {"model": Problem}, 503: {"model": Problem}}

router = APIRouter(prefix="/v1/challenges/{challenge}/phases/{phase}", responses=_PROBLEMS)


@router.get("/tables/{table}", summary="A table of a closed phase", response_model=None)
def table_of_phase(
    reader: ReaderDep, challenge: str, phase: str, table: str, form: FormParam = Form.JSON
) -> TableRecord | Response:
    """Show one of the tables behind the pictures: `ranks`, `pairs`, `stability`, `policies`, `schemes` and others.

    Findings are named in English. There is none before the phase has closed.
    """
    facts = reader.phase(reader.challenge(challenge), phase)
    _refuse_open(facts)
    found = board_table(facts, table, names_of(facts, Language.EN)) if table in BOARD_TABLES else None
    if found is None:
        raise NotFound(kind=f"table (known: {', '.join(BOARD_TABLES)})", code_given=table)
    return _answer(found, form, f"{challenge}-{phase}-{table}.csv")


@router.get("/entries/{entry}/tables/{table}", summary="A table of an entry", response_model=None)
def table_of_entry(
    reader: ReaderDep, challenge: str, phase: str, entry: str, table: str, form: FormParam = Form.JSON
) -> TableRecord | Response:
    """Show one of the tables of an entry's scorecard: `thresholds`, `calibration`, `norm`, `subgroups` and others.

    There is none before the phase has closed.
    """
    facts = reader.phase(reader.challenge(challenge), phase)
    _refuse_open(facts)
    card = reader.scorecard(facts, entry)
    if card is None:
        raise NotFound(kind=f'public scorecard in phase "{phase}" of entry', code_given=entry)
    if table not in CARD_TABLES:
        raise NotFound(kind=f"table (known: {', '.join(CARD_TABLES)})", code_given=table)
    found = CARD_TABLES[table](card, names_of(facts, Language.EN))
    return _answer(found, form, f"{challenge}-{phase}-{entry}-{table}.csv")


def _refuse_open(facts: PhaseFacts) -> None:
    if closed_document(facts) is None:
        raise NotFound(kind="public table before the phase has closed, in phase", code_given=facts.phase.name)


def _answer(table: Table, form: Form, name: str) -> TableRecord | Response:
    if form is Form.CSV:
        headers = {"content-disposition": f'attachment; filename="{name}"'}
        return Response(table_csv(table), media_type="text/csv; charset=utf-8", headers=headers)
    header, _ = table.flat()
    return TableRecord(table=table.name, columns=header, rows=tuple(table.dicts()), absent=table.absent or None)
