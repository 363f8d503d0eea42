"""Deque's axe-core finds nothing to say about any public page, in both languages and themes."""

from __future__ import annotations

from importlib.resources import files
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.showcase import FINAL, SEASON, SLUG
from tests.browser.test_board_pages import visit

pytestmark = pytest.mark.browser

AXE = (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
SETTLED = ".ar-footer, .ar-empty, .ar-queue, .ar-prose"
CLOSED, CARD = f"/?challenge={SLUG}&phase=spring-final&part=", f"/algorithm?entry={FINAL[4].code}&card="
PAGES = [
    *(CLOSED + part for part in ("findings", "ranks", "pairs")),
    *(CARD + part for part in ("accuracy", "thresholds", "calibration", "clinic", "norm", "test", "subgroups")),
    f"/?challenge={SLUG}&phase=summer",
    f"/algorithm?entry={SEASON[0].code}",
    "/algorithm?",
    "/queue?",
    "/rules?",
    "/api/docs?",
    "/no-such-page?",
    *(
        f"/lite{rest}"
        for rest in (f"?challenge={SLUG}&phase=spring-final", f"/algorithm?entry={FINAL[0].code}", "/rules?")
    ),
]


def complaints(page: Page) -> list[str]:
    """Return what axe finds wrong: the rule, how much it matters, and the first elements."""
    page.evaluate(AXE)
    found = page.evaluate("rules => axe.run(document, {runOnly: rules})", RULES)
    return [
        f"{each['impact']} {each['id']}: {[node['html'][:160] for node in each['nodes'][:3]]}"
        for each in found["violations"]
    ]


@pytest.mark.parametrize(("language", "scheme"), [("en", "light"), ("ru", "dark")])
@pytest.mark.parametrize("address", PAGES)
def test_axe_finds_nothing(
    browser: Browser, board: str, address: str, language: str, scheme: Literal["light", "dark"]
) -> None:
    with visit(browser, f"{board}{address}&lang={language}", scheme=scheme, content=SETTLED) as seen:
        seen.page.wait_for_timeout(1200)
        assert seen.page.evaluate("document.documentElement.lang") == (language if address != "/api/docs?" else "en")
        assert complaints(seen.page) == []


def test_axe_would_find_a_picture_without_words_and_faint_text(browser: Browser, board: str) -> None:
    with visit(browser, f"{board}/lite?challenge={SLUG}", content="main") as seen:
        seen.page.evaluate(
            "document.querySelector('main').innerHTML = '<h1>x</h1><img src=\"/assets/favicon.png\">"
            '<p style="color:#aaa;background:#fff">faint</p>\''
        )
        told = " ".join(complaints(seen.page))
        assert "image-alt" in told
        assert "color-contrast" in told


def test_links_files_and_groups_of_choices_are_reached_by_the_keyboard(browser: Browser, board: str) -> None:
    with visit(browser, f"{board}{CLOSED}ranks", content="[data-testid=stVegaLiteChart] svg") as seen:
        page = seen.page
        page.wait_for_timeout(800)
        reached = set()
        for _ in range(60):
            page.keyboard.press("Tab")
            reached.add(
                page.evaluate("(document.activeElement.innerText || document.activeElement.ariaLabel || '').trim()")
            )
        for label in ("English", "By finding", "Thorax 3", "CSV of these numbers", "Plain page"):
            assert label in reached, sorted(reached)
