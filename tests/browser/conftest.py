"""A browser and a served showcase for the tests of what people see."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser.serving import served
from tests.browser.showcase import Showcase

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=os.environ.get("ARENA_CHROMIUM", "/usr/bin/chromium"), args=FLAGS
        )
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server with the whole showcase."""
    home = tmp_path_factory.mktemp("browser") / "home"
    home.mkdir()
    Showcase(home).fill()
    with served(home) as (address, _):
        yield address


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pictures go: docs/images when ARENA_WRITE_SCREENSHOTS is 1, else a temporary folder."""
    if os.environ.get("ARENA_WRITE_SCREENSHOTS") == "1":
        return Path(__file__).parents[2] / "docs" / "images"
    return tmp_path_factory.mktemp("pictures")
