"""The API and the plain pages over HTTP, without the interactive board."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from arena.api.application import create_api
from arena.api.lite import PageCache, lite_routes
from arena.blobs import BlobStore
from arena.presentation.reader import Reader
from arena.store.session import Store
from tests.browser.showcase import FINAL, SEASON, SLUG, Showcase

BOARD = f"/api/v1/challenges/{SLUG}/phases"


class Client:
    """Asks an application without a socket."""

    def __init__(self, reader: Reader) -> None:
        routes = [Mount("/api", create_api(lambda: reader)), *lite_routes(lambda: reader)]
        self._app = Starlette(routes=routes)

    def get(self, address: str) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self._app)
            async with httpx.AsyncClient(transport=transport, base_url="http://arena.test") as client:
                return await client.get(address)

        return asyncio.run(ask())


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Client:
    showcase = Showcase(tmp_path_factory.mktemp("showcase")).fill()
    return Client(Reader(showcase.store, showcase.public))


def test_challenges_list_their_phases_with_states(client: Client) -> None:
    (challenge,) = client.get("/api/v1/challenges").json()
    assert {p["phase"]: p["state"] for p in challenge["phases"]} == {
        "spring": "closed",
        "spring-final": "closed",
        "summer": "open",
        "autumn": "upcoming",
    }
    assert client.get(f"/api/v1/challenges/{SLUG}").json() == challenge


def test_the_leaderboard_is_there_as_json_and_csv(client: Client) -> None:
    answer = client.get(f"{BOARD}/summer/leaderboard").json()
    assert answer["phase"]["state"] == "open"
    assert [entry["entry"] for entry in answer["leaderboard"]["entries"]] == [line.code for line in SEASON]
    table = client.get(f"{BOARD}/summer/leaderboard?format=csv")
    assert table.headers["content-type"] == "text/csv; charset=utf-8"
    assert len(table.text.splitlines()) == len(SEASON) + 1


def test_a_phase_without_results_has_no_leaderboard_yet(client: Client) -> None:
    assert client.get(f"{BOARD}/autumn/leaderboard").json()["leaderboard"] is None
    missing = client.get(f"{BOARD}/autumn/leaderboard?format=csv")
    assert (missing.status_code, missing.json()["code"]) == (404, "not_found")


def test_a_curve_of_a_closed_phase_is_there_as_json_and_csv(client: Client) -> None:
    address = f"{BOARD}/spring-final/entries/{FINAL[0].code}/curve?finding=nodule"
    assert client.get(address).json()["tpr"][-1] == 1.0
    assert client.get(f"{address}&format=csv").text.startswith("fpr,tpr,tpr_low,tpr_high\r\n0.0,0.")


def test_a_curve_of_an_open_phase_is_refused_with_its_reason(client: Client) -> None:
    refused = client.get(f"{BOARD}/summer/entries/{SEASON[0].code}/curve?finding=nodule")
    assert refused.status_code == 404
    assert refused.json() == {
        "code": "not_found",
        "message": 'There is no public curve before the phase has closed, in phase "summer".',
    }


@pytest.mark.parametrize(
    ("address", "status", "code"),
    [
        ("/api/v1/challenges/nope", 404, "not_found"),
        (f"{BOARD}/nope/leaderboard", 404, "not_found"),
        ("/api/v1/entries/nope", 404, "not_found"),
        (f"{BOARD}/spring-final/entries/{FINAL[0].code}/curve?finding=gout", 404, "not_found"),
        (f"{BOARD}/spring-final/entries/{FINAL[0].code}/curve", 422, "invalid_request"),
        (f"{BOARD}/summer/leaderboard?format=xls", 422, "invalid_request"),
        ("/api/v1/nowhere", 404, "http_error"),
    ],
)
def test_an_error_has_a_code_and_a_message(client: Client, address: str, status: int, code: str) -> None:
    answer = client.get(address)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.json()["message"]


def test_an_entry_tells_its_standings(client: Client) -> None:
    answer = client.get(f"/api/v1/entries/{FINAL[0].code}").json()
    (standing,) = answer["standings"]
    assert (standing["phase"], standing["entry"]["rank"]) == ("spring-final", 1)
    assert len(standing["entry"]["findings"]) == 4


def test_the_queue_hides_why_an_evaluation_is_held(client: Client) -> None:
    answer = client.get(f"/api/v1/challenges/{SLUG}/queue")
    assert [line["position"] for line in answer.json() if line["stage"] == "queued"] == [1, 2]
    assert "secret" not in answer.text


def test_nothing_of_an_open_phase_names_a_finding_with_a_number(client: Client) -> None:
    for address in (f"{BOARD}/summer/leaderboard", f"/api/v1/entries/{SEASON[0].code}"):
        assert '"findings":[]' in client.get(address).text
        assert '"threshold"' not in client.get(address).text
        assert '"tpr"' not in client.get(address).text


def test_a_store_that_cannot_be_read_is_our_fault(tmp_path: Path) -> None:
    reader = Reader(Store(f"sqlite:///{tmp_path / 'missing.db'}"), BlobStore(tmp_path / "public"))
    client = Client(reader)
    health = client.get("/api/v1/health")
    assert (health.status_code, health.json()["code"]) == (503, "store_unavailable")
    page = client.get("/lite")
    assert page.status_code == 503
    assert "missing.db" not in page.text


def test_the_description_and_the_list_of_routes_need_no_foreign_host(client: Client) -> None:
    assert client.get("/api/v1/health").json() == {"status": "ok"}
    assert "/v1/entries/{entry}" in client.get("/api/v1/openapi.json").json()["paths"]
    page = client.get("/api/docs").text
    assert "/api/v1/challenges/{challenge}/queue" in page
    assert "http://" not in page
    assert "https://" not in page


@pytest.mark.parametrize("language", ["en", "ru"])
@pytest.mark.parametrize(
    "address",
    [
        "/lite",
        f"/lite?challenge={SLUG}&phase=spring-final",
        "/lite/queue",
        "/lite/rules",
        f"/lite/algorithm?entry={FINAL[0].code}",
    ],
)
def test_plain_pages_are_whole_without_scripts(client: Client, address: str, language: str) -> None:
    page = client.get(address + ("&" if "?" in address else "?") + f"lang={language}")
    assert page.status_code == 200
    assert f'<html lang="{language}">' in page.text
    assert "<script" not in page.text
    assert "http://" not in page.text
    assert page.text.rstrip().endswith("</html>")
    assert page.text.count("<h1>") == 1


def test_the_plain_leaderboard_is_a_real_table_with_the_interval_in_text(client: Client) -> None:
    page = client.get("/lite?phase=summer").text
    assert '<table class="ar-table ar-board" role="table">' in page
    assert "0.86 to 0.97" in page
    assert "failures count as worst" in page


def test_an_unknown_address_of_the_plain_pages_is_not_found(client: Client) -> None:
    for address in ("/lite?challenge=nope", "/lite?phase=nope", "/lite/algorithm?entry=<b>", "/lite/algorithm"):
        page = client.get(address)
        assert page.status_code == 404
        assert "<b>" not in page.text


def test_a_wrong_address_is_answered_in_the_readers_language_with_a_way_on(client: Client) -> None:
    page = client.get("/lite?challenge=nope&lang=ru").text
    assert "Здесь нет «nope»." in page
    assert "There is no" not in page
    assert 'href="/lite?lang=ru"' in page, "the menu leads to what there is, not to the unknown challenge again"
    assert "Choose an algorithm in the list" in client.get("/lite/algorithm").text


def test_an_empty_host_says_how_to_open_a_challenge(tmp_path: Path) -> None:
    showcase = Showcase(tmp_path)
    client = Client(Reader(showcase.store, showcase.public))
    assert client.get("/api/v1/challenges").json() == []
    for address in ("/lite", "/lite/queue", "/lite/rules"):
        assert "arena challenge open" in client.get(address).text


def test_a_page_is_made_once_in_ten_seconds_and_few_are_kept() -> None:
    now = [0.0]
    made: list[str] = []
    cache = PageCache(clock=lambda: now[0])

    def make() -> tuple[int, str]:
        made.append("page")
        return 200, f"page {len(made)}"

    assert cache.get("a", make) == cache.get("a", make) == (200, "page 1")
    now[0] = 11.0
    assert cache.get("a", make) == (200, "page 2")
    for number in range(1000):
        cache.get(f"b{number}", make)
    assert len(cache._pages) <= 256
