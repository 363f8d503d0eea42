"""The server as one process: its doors, its headers, what it refuses, and what it never needs."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from streamlit import config

from arena.board.delivery import shell_page
from arena.board.theme import streamlit_options
from arena.presentation.language import Language
from arena.settings import ReaderSettings
from tests.browser.serving import served
from tests.browser.showcase import SLUG, Showcase


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    home = tmp_path_factory.mktemp("served") / "home"
    home.mkdir()
    Showcase(home).fill()
    with served(home) as (base, process):
        assert not (home / "vault").exists()
        yield base
        assert process.poll() is None
        assert not (home / "vault").exists(), "the server must never make or need the vault"


def test_one_process_serves_the_board_the_plain_pages_and_the_api(address: str) -> None:
    for path, kind in (("/", "text/html"), ("/lite", "text/html"), ("/api/v1/health", "application/json")):
        answer = httpx.get(address + path)
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith(kind)


def test_every_answer_refuses_foreign_scripts_frames_and_guessed_types(address: str) -> None:
    for path in ("/", "/lite", "/api/v1/health", "/assets/arena.css", "/nowhere"):
        headers = httpx.get(address + path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert "frame-ancestors 'self'" in headers["content-security-policy"]
        assert "http" not in headers["content-security-policy"]
    assert "script-src" not in httpx.get(f"{address}/lite").headers["content-security-policy"]


@pytest.mark.parametrize("path", ["/_stcore/metrics", "/_stcore/agent/openapi.json", "/_stcore/agent/mcp"])
def test_doors_that_the_public_does_not_need_are_closed(address: str, path: str) -> None:
    assert httpx.get(address + path).status_code == 404


def test_a_mistyped_address_is_not_found(address: str) -> None:
    assert httpx.get(f"{address}/leaderbord").status_code == 404
    assert httpx.get(f"{address}/algorithm?entry=x").status_code == 200


def test_the_page_names_its_language_and_the_way_without_scripts(address: str) -> None:
    english, russian = httpx.get(address).text, httpx.get(f"{address}/?lang=ru").text
    assert '<html lang="en">' in english
    assert '<html lang="ru">' in russian
    assert 'href="/lite?lang=ru"' in russian
    assert "<title>Арена: Рейтинг</title>" in russian
    assert 'property="og:title"' in english
    assert "service-desc" not in english
    assert "SourceSans" not in english


def test_the_head_of_streamlits_page_is_where_the_server_looks_for_it() -> None:
    page = '<html lang="en"><head><title>Streamlit</title></head><noscript>x</noscript></html>'
    made = shell_page(page, Language.RU)
    assert "Streamlit" not in made
    assert made.count("<noscript>") == 1


def test_scripts_are_compressed_and_kept_for_ever(address: str) -> None:
    script = re.search(r'src="\./(static/js/[^"]+)"', httpx.get(address).text)
    assert script is not None
    with httpx.stream("GET", f"{address}/{script[1]}", headers={"accept-encoding": "gzip"}) as answer:
        packed = b"".join(answer.iter_raw())
    assert answer.headers["content-encoding"] == "gzip"
    assert "immutable" in answer.headers["cache-control"]
    plain = httpx.get(f"{address}/{script[1]}", headers={"accept-encoding": "identity"}).content
    assert gzip.decompress(packed) == plain
    assert len(packed) < len(plain) / 2


def test_compression_gives_no_file_outside_the_front_end(address: str) -> None:
    for path in ("/static/..%2f..%2fconfig.py", "/static/../index.html", "/static/%2e%2e/%2e%2e/version.py"):
        answer = httpx.get(address + path, headers={"accept-encoding": "gzip"})
        assert "import " not in answer.text


def test_fonts_come_from_the_server_itself_with_their_licence(address: str) -> None:
    for name in ("inter-latin.woff2", "inter-cyrillic.woff2"):
        assert httpx.get(f"{address}/assets/{name}").content[:4] == b"wOF2"
    assert "SIL Open Font License" in httpx.get(f"{address}/assets/inter-LICENSE.md").text


def test_the_server_listens_where_the_settings_say_only(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    Showcase(home).declare()
    everywhere = "0.0.0.0"  # noqa: S104 - what must be ignored
    with served(home, STREAMLIT_SERVER_ADDRESS=everywhere) as (base, process):
        port = int(base.rsplit(":", 1)[1])
        listening = [c.laddr for c in psutil.Process(process.pid).net_connections() if c.status == psutil.CONN_LISTEN]
        assert [(a.ip, a.port) for a in listening] == [("127.0.0.1", port)]


def test_the_server_starts_before_there_is_a_database(tmp_path: Path) -> None:
    home = tmp_path / "empty"
    home.mkdir()
    with served(home) as (base, _):
        assert httpx.get(f"{base}/api/v1/health").status_code == 503
        assert httpx.get(f"{base}/lite").status_code == 503
        assert httpx.get(base).status_code == 200
    assert list(home.iterdir()) == []


@pytest.mark.parametrize("name", sorted(streamlit_options(ReaderSettings())))
def test_streamlit_knows_every_option_that_we_set(name: str) -> None:
    assert name in config._config_options_template


def test_the_hidden_option_that_spares_collections_is_still_there() -> None:
    option = config._config_options_template["runner.postScriptGC"]
    assert option.default_val is True
    assert streamlit_options(ReaderSettings())["runner.postScriptGC"] is False


def test_a_challenge_opened_while_serving_is_seen(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    showcase = Showcase(home)
    with served(home) as (base, _):
        assert httpx.get(f"{base}/api/v1/challenges").json() == []
        showcase.declare()
        assert [c["challenge"] for c in httpx.get(f"{base}/api/v1/challenges").json()] == [SLUG]
