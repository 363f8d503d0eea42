"""Everything that a stranger can read of a challenge without leave: the API, its CSV, the plain pages and the board."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
from sqlmodel import col, select
from starlette.applications import Starlette
from starlette.routing import Mount

from arena.api.application import create_api
from arena.api.lite import lite_routes
from arena.blobs import BlobStore
from arena.presentation.boardtables import BOARD_TABLES
from arena.presentation.cardtables import CARD_TABLES
from arena.presentation.reader import Reader
from arena.store.documents import LeaderboardDocument
from arena.store.session import Store
from arena.store.tables import Leaderboard
from tests.acceptance.probing_board import board_pages
from tests.seeding import NOW

BOARD = "/api/v1/challenges/small/phases/season"
ENTRY_FIELDS = {
    "entry", "vendor", "vendor_name", "algorithm", "algorithm_name", "image_id", "rank", "rank_low", "rank_high",
    "tied_with_first", "macro_auc", "macro_auc_answered_cases", "latency", "outcome_percents", "submitted_at",
    "evaluated_at", "findings",
}  # fmt: skip
BOARD_FIELDS = {
    "challenge", "phase", "revision", "as_of", "disclosure", "case_set", "case_set_digest", "judging_digest",
    "challenge_version", "scorer_version", "n_cases", "n_patients", "missing", "alpha", "entries", "pairs",
}  # fmt: skip
ESTIMATE_FIELDS = {"value", "low", "high", "n", "reason"}

Shown = tuple[str, float | None, float | None, float | None, int | None, int | None, int | None]
"""Of one line of the board, all that depends on labels: which entry, value, low, high, rank and rank set."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What stood in public at one time: status and text by address, and the stored document."""

    pages: dict[str, tuple[int, str]]
    document: dict[str, Any]

    @property
    def board(self) -> dict[str, Any]:
        """The leaderboard as the API gives it."""
        found: dict[str, Any] = json.loads(self.pages[f"{BOARD}/leaderboard"][1])["leaderboard"]
        return found

    def shown(self) -> tuple[Shown, ...]:
        """Return what is public and depends on labels."""
        return tuple(
            (e["entry"], *(e["macro_auc"][k] for k in ("value", "low", "high")),
             *(e[k] for k in ("rank", "rank_low", "rank_high")))
            for e in self.board["entries"]
        )  # fmt: skip


def see(store: Store, public: BlobStore, submissions: Sequence[str]) -> Seen:
    """Read everything public, at one frozen time so that two readings differ only by what is stored."""
    reader = Reader(store, public, clock=lambda: NOW + timedelta(days=1))
    app = Starlette(routes=[Mount("/api", create_api(lambda: reader)), *lite_routes(lambda: reader)])

    async def ask_all() -> dict[str, tuple[int, str]]:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://arena.test") as client:
            answers = {address: await client.get(address) for address in addresses(submissions)}
        return {address: (answer.status_code, answer.text) for address, answer in answers.items()}

    with store.read() as session:
        row = session.exec(select(Leaderboard).order_by(col(Leaderboard.revision).desc())).first()
    assert row is not None
    document = LeaderboardDocument.model_validate_json(public.get(row.document_sha256))
    return Seen(asyncio.run(ask_all()) | board_pages(reader, submissions), document.model_dump(mode="json"))


def addresses(submissions: Sequence[str]) -> Iterator[str]:
    """Return every address that could tell of the phase; a test holds this list to the routes that there are."""
    yield from ("/api/v1/health", "/api/v1/challenges", "/api/v1/challenges/small", "/api/v1/challenges/small/queue")
    yield from (f"/api/v1/schemas/{name}" for name in ("leaderboard", "public-scorecard", "scorecard"))
    yield from (f"{BOARD}/leaderboard", f"{BOARD}/leaderboard?format=csv")
    for language in ("en", "ru"):
        yield from (f"/lite{page}?challenge=small&lang={language}" for page in ("", "/queue", "/rules"))
    yield from (f"{BOARD}/tables/{table}" for table in BOARD_TABLES)
    for code in submissions:
        yield from (f"{BOARD}/entries/{code}/tables/{table}?format=csv" for table in CARD_TABLES)
        yield f"/api/v1/entries/{code}"
        yield f"{BOARD}/entries/{code}/curve?finding=nodule"
        yield f"{BOARD}/entries/{code}/scorecard"
        yield f"/lite/algorithm?entry={code}"


def assert_only_the_stated_fields(seen: Seen) -> None:
    """Hold a reading to the white list of an open phase."""
    board = seen.board
    assert set(board) == BOARD_FIELDS
    assert (board["disclosure"], board["pairs"]) == ("open", [])
    for entry in board["entries"]:
        assert set(entry) == ENTRY_FIELDS
        assert (entry["findings"], entry["macro_auc_answered_cases"]) == ([], None)
        assert set(entry["macro_auc"]) == ESTIMATE_FIELDS
        assert all(decimals(entry["macro_auc"][key]) <= 2 for key in ("value", "low", "high"))
        assert all(significant(seconds) <= 2 for seconds in entry["latency"].values())
    for entry in seen.document["entries"]:
        assert (entry["findings"], entry["macro_exclude_case"], entry["macro"]["n_positive"]) == ([], None, None)
        assert all(decimals(entry["macro"][key]) <= 2 for key in ("value", "low", "high"))
    assert seen.document["pairs"] == []
    for address, (status, text) in seen.pages.items():
        assert status == (404 if _is_finer(address) else 200), address
        assert "tpr" not in text or "/schemas/" in address, address


def _is_finer(address: str) -> bool:
    """Say whether an address is of what is told when the phase has closed."""
    scorecard = address.endswith("/scorecard") and "/entries/" in address
    return "/curve?" in address or "/tables/" in address or scorecard


def decimals(value: float) -> int:
    """Return how many decimals a number is written with."""
    return len(repr(value).partition(".")[2].rstrip("0"))


def significant(value: float) -> int:
    """Return how many significant digits a number is written with."""
    return len(f"{value:.15g}".replace(".", "").strip("0"))
