"""The board in a real browser: what is visible, in two themes, two languages and two widths, and what is never asked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal
from urllib.parse import quote

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from arena.store.documents import Disclosure
from arena.store.tables import EvaluationState
from tests.browser.serving import served
from tests.browser.showcase import FINAL, HOSTILE, HOSTILE_MARKDOWN, SEASON, SLUG, Showcase
from tests.hostile.corpus import Witness, witness

__all__ = ["witness"]

pytestmark = pytest.mark.browser

WIDE, PHONE = (1360, 900), (390, 844)
CONTENT = ".ar-board, .ar-card, .ar-queue, .ar-empty"
_RELOADS = 3


@dataclass
class Visit:
    """A page and what the browser asked for and complained about while it was open."""

    page: Page
    foreign: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


@contextmanager
def visit(
    browser: Browser,
    address: str,
    *,
    size: tuple[int, int] = WIDE,
    scheme: Literal["light", "dark"] = "light",
    content: str = CONTENT,
) -> Iterator[Visit]:
    """Open an address and wait for its content.

    Chromium drops every request when an interface of the machine comes or goes, as containers make them do: then the
    page is asked for again.
    """
    origin = address.split("/", 3)[2]
    scale = 2 if size is PHONE else 1
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]}, color_scheme=scheme, device_scale_factor=scale, locale="en-GB"
    )
    page = context.new_page()
    seen = Visit(page)
    page.on("request", lambda r: seen.foreign.append(r.url) if _is_foreign(r.url, origin) else None)
    page.on("console", lambda m: seen.complaints.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: seen.complaints.append(str(error)))
    try:
        for attempt in range(_RELOADS):
            page.goto(address)
            try:
                page.wait_for_selector(content, timeout=20_000)
                break
            except Exception:
                if attempt == _RELOADS - 1 or not any("NETWORK_CHANGED" in text for text in seen.complaints):
                    raise
                seen.complaints.clear()
        yield seen
    finally:
        context.close()


def _is_foreign(url: str, origin: str) -> bool:
    return not url.startswith(("data:", "blob:", f"http://{origin}/", f"ws://{origin}/"))


def take(page: Page, path: Path, *, whole: bool = False) -> None:
    """Take a picture after fonts and charts have settled; `whole` makes the window as high as the page."""
    page.evaluate("document.fonts.ready")
    if whole:
        height = page.evaluate("(document.querySelector('[data-testid=stMain]') || document.body).scrollHeight")
        width = page.viewport_size["width"] if page.viewport_size else WIDE[0]
        page.set_viewport_size({"width": width, "height": height})
    page.wait_for_timeout(800)
    page.screenshot(path=path)
    assert path.stat().st_size > 20_000


def overflow(page: Page) -> int:
    """Return by how many pixels the page is wider than the screen."""
    return int(
        page.evaluate(
            "Math.max(document.documentElement.scrollWidth, "
            "...[...document.querySelectorAll('[data-testid=stMain]')].map(e => e.scrollWidth)) - innerWidth"
        )
    )


def test_the_leaderboard_of_a_closed_phase_shows_table_forest_and_curves(
    browser: Browser, board: str, pictures: Path
) -> None:
    with visit(browser, f"{board}/?challenge={SLUG}&phase=spring-final") as seen:
        page = seen.page
        expect(page.get_by_role("heading", level=1)).to_have_text("Chest radiograph challenge")
        table = page.locator("table.ar-board tbody tr")
        expect(table).to_have_count(len(FINAL))
        expect(table.first).to_contain_text("Thorax 3")
        expect(table.first).to_contain_text("0.905 to 0.939")
        charts = page.locator("[data-testid=stVegaLiteChart] svg")
        expect(charts).to_have_count(2, timeout=20_000)
        expect(charts.nth(1)).to_contain_text("Sensitivity")
        expect(charts.nth(1)).to_contain_text("Thorax 3 · NovaScan 0.877")
        assert overflow(page) <= 0
        take(page, pictures / "board-light.png", whole=True)
        assert seen.foreign == []
        assert seen.complaints == []


def test_the_dark_russian_board_is_the_same_view(browser: Browser, board: str, pictures: Path) -> None:
    with visit(browser, f"{board}/?challenge={SLUG}&phase=spring-final&lang=ru", scheme="dark") as seen:
        page = seen.page
        expect(page.locator("table.ar-board tbody tr").first).to_contain_text("от 0,905 до 0,939")
        expect(page.locator(".ar-facts").first).to_contain_text("400 закрытых исследований")
        expect(page.locator("[data-testid=stVegaLiteChart] svg").nth(1)).to_contain_text(
            "Чувствительность", timeout=20_000
        )
        assert page.evaluate("document.documentElement.lang") == "ru"
        background = page.evaluate("getComputedStyle(document.querySelector('[data-testid=stApp]')).backgroundColor")
        assert background == "rgb(14, 21, 24)"
        take(page, pictures / "board-dark.png", whole=True)
        assert seen.foreign == []


def test_an_open_phase_shows_no_curve_and_no_finding(browser: Browser, board: str, pictures: Path) -> None:
    with visit(browser, f"{board}/") as seen:
        page = seen.page
        expect(page.locator(".ar-state")).to_have_text("Open")
        expect(page.locator("table.ar-board tbody tr")).to_have_count(len(SEASON))
        expect(page.locator(".ar-sentences")).to_contain_text("While the phase is open")
        expect(page.locator("[data-testid=stVegaLiteChart]")).to_have_count(0)
        assert "Nodule" not in page.content()
        take(page, pictures / "board-open.png")


@pytest.mark.parametrize(("scheme", "language"), [("light", "ru"), ("dark", "en")])
def test_a_phone_sees_the_first_entry_without_scrolling_either_way(
    browser: Browser, board: str, pictures: Path, scheme: Literal["light", "dark"], language: str
) -> None:
    with visit(browser, f"{board}/?lang={language}", size=PHONE, scheme=scheme) as seen:
        page = seen.page
        row = page.locator("table.ar-board tbody tr").first
        box = row.bounding_box()
        assert box is not None
        assert box["y"] + box["height"] < PHONE[1]
        assert overflow(page) <= 0
        name = "board-phone.png" if language == "ru" else "board-phone-dark.png"
        take(page, pictures / name)


@pytest.mark.parametrize("path", [f"/algorithm?entry={FINAL[4].code}", "/queue", "/rules", "/?phase=spring-final"])
def test_no_page_is_wider_than_a_phone(browser: Browser, board: str, path: str) -> None:
    with visit(browser, board + path, size=PHONE) as seen:
        seen.page.wait_for_timeout(1500)
        assert overflow(seen.page) <= 0


def test_the_algorithm_page_is_a_fact_sheet_with_findings_and_history(
    browser: Browser, board: str, pictures: Path
) -> None:
    with visit(browser, f"{board}/algorithm?entry={FINAL[4].code}") as seen:
        page = seen.page
        expect(page.get_by_role("heading", level=1)).to_have_text("Triage CXR")
        expect(page.locator("table.ar-findings tbody tr")).to_have_count(4)
        expect(page.locator(".ar-card").first).to_contain_text("2 % crashed".replace(" ", "\N{NO-BREAK SPACE}"))
        expect(page.locator(".ar-card").nth(2)).to_contain_text("What holds its containers in")
        expect(page.locator(".ar-card").nth(3)).to_contain_text("Summer season")
        take(page, pictures / "board-algorithm.png", whole=True)
        assert seen.foreign == []


def test_the_queue_shows_stages_and_renews_itself(browser: Browser, board: str, pictures: Path) -> None:
    with visit(browser, f"{board}/queue", content=".ar-queue") as seen:
        page = seen.page
        expect(page.locator("table.ar-queue")).to_contain_text("50 of 100 cases")
        take(page, pictures / "board-queue.png")
        first = page.locator(".ar-facts").inner_text()
        page.wait_for_function("t => document.querySelector('.ar-facts').innerText !== t", arg=first, timeout=15_000)


def test_the_rules_page_has_text_calendar_and_limits(browser: Browser, board: str, pictures: Path) -> None:
    with visit(browser, f"{board}/rules") as seen:
        expect(seen.page.get_by_role("heading", name="Fair play")).to_be_visible()
        expect(seen.page.locator("body")).to_contain_text("Autumn season")
        take(seen.page, pictures / "board-rules.png", whole=True)


def test_choosing_changes_the_address_and_survives_a_change_of_page(browser: Browser, board: str) -> None:
    with visit(browser, f"{board}/") as seen:
        page = seen.page
        page.get_by_role("button", name="Русский").or_(page.get_by_role("radio", name="Русский")).first.click()
        expect(page.locator(".ar-state")).to_have_text("Открыт", timeout=15_000)
        page.wait_for_url(re.compile("lang=ru"))
        page.get_by_role("link", name="Правила").click()
        page.wait_for_url(re.compile("/rules.*lang=ru"), timeout=15_000)
        expect(page.get_by_role("heading", name="Честная игра")).to_be_visible(timeout=15_000)


def test_a_reader_chooses_finding_and_entries_for_the_curves(browser: Browser, board: str) -> None:
    address = f"{board}/?phase=spring-final&finding=effusion&entries={FINAL[4].code}"
    with visit(browser, address) as seen:
        roc = seen.page.locator("[data-testid=stVegaLiteChart] svg").nth(1)
        expect(roc).to_contain_text("Triage CXR · MediSight 0.769", timeout=20_000)
        expect(roc).not_to_contain_text("Thorax 3")


def test_an_unknown_code_in_the_address_is_named_and_the_default_shown(browser: Browser, board: str) -> None:
    with visit(browser, f"{board}/?phase=<b>nope</b>") as seen:
        expect(seen.page.locator(".ar-note").first).to_have_text(
            "There is no “<b>nope</b>” here; this is what there is."
        )
        expect(seen.page.locator("table.ar-board tbody tr")).to_have_count(len(SEASON))


def test_no_stray_button_of_the_framework_is_there(browser: Browser, board: str) -> None:
    with visit(browser, f"{board}/") as seen:
        seen.page.wait_for_timeout(1500)
        for marker in ("stAppDeployButton", "stMainMenu", "stStatusWidget"):
            expect(seen.page.locator(f"[data-testid={marker}]")).to_have_count(0)


def test_a_change_of_theme_while_reading_leaves_the_labels_readable(browser: Browser, board: str) -> None:
    with visit(browser, f"{board}/?phase=spring-final") as seen:
        page = seen.page
        label = page.locator("[data-testid=stVegaLiteChart] svg text").first
        expect(label).to_be_visible(timeout=20_000)
        page.emulate_media(color_scheme="dark")
        page.wait_for_function(
            "getComputedStyle(document.querySelector('[data-testid=stApp]')).backgroundColor === 'rgb(14, 21, 24)'",
            timeout=15_000,
        )
        page.wait_for_timeout(800)
        ink = page.evaluate("getComputedStyle(document.querySelector('[data-testid=stVegaLiteChart] svg text')).fill")
        assert ink == "rgb(228, 236, 238)"


def test_attack_73_html_and_markdown_in_names_load_and_run_nothing(
    browser: Browser, tmp_path: Path, witness: Witness
) -> None:
    witness.tried_on("a browser")
    context = browser.new_context(offline=True)
    page = context.new_page()
    page.set_content(f"<p>{HOSTILE}</p>")
    assert page.evaluate("window.hacked") is not None
    context.close()
    witness.without_guard("put into a page as it is, the name runs its script and calls out")
    home = tmp_path / "home"
    home.mkdir()
    showcase = Showcase(home)
    showcase.declare()
    lines = tuple(replace(line, vendor=HOSTILE, algorithm=HOSTILE_MARKDOWN) for line in FINAL[:1])
    showcase.publish("spring-final", lines, Disclosure.CLOSED)
    waiting = replace(lines[0], code="waiting001", algorithm=HOSTILE)
    showcase.submit(waiting, "summer", state=EvaluationState.QUEUED)
    with served(home) as (address, _):
        for path in ("/?phase=spring-final", f"/algorithm?entry={lines[0].code}", "/queue", "/lite?phase=spring-final"):
            with visit(browser, address + path) as seen:
                if path.startswith("/?"):
                    expect(seen.page.locator("[data-testid=stVegaLiteChart] svg")).to_have_count(2, timeout=20_000)
                    mark = seen.page.locator("[data-testid=stVegaLiteChart] svg path").first
                    mark.hover(force=True)
                seen.page.wait_for_timeout(1200)
                assert "tracker.example" in seen.page.locator("body").inner_text()
                assert seen.foreign == [], path
                assert seen.page.evaluate("window.hacked") is None
                assert seen.page.locator("a[href^=javascript]").count() == 0
                assert seen.page.locator("img[src*=tracker]").count() == 0
        with visit(browser, f"{address}/?phase={quote(HOSTILE)}") as seen:
            expect(seen.page.locator(".ar-note").first).to_contain_text("tracker.example")
            seen.page.wait_for_timeout(1200)
            assert seen.foreign == []
            assert seen.page.evaluate("window.hacked") is None
    witness.with_guard(
        "names are shown as text on every page, and so is a code that an error message names; nothing is loaded, "
        "nothing runs; of logs, which no page shows, see attack 16"
    )


def test_a_board_that_cannot_read_says_so_and_nothing_more(browser: Browser, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    with served(home) as (address, _), visit(browser, address) as seen:
        expect(seen.page.locator(".ar-empty")).to_contain_text("Results cannot be read at the moment")
        assert "sqlite" not in seen.page.content()
        assert "Traceback" not in seen.page.content()


@pytest.mark.parametrize(("size", "name"), [(WIDE, "lite"), (PHONE, "lite-phone")])
def test_the_plain_page_needs_no_script(
    browser: Browser, board: str, pictures: Path, size: tuple[int, int], name: str
) -> None:
    context = browser.new_context(java_script_enabled=False, viewport={"width": size[0], "height": size[1]})
    page = context.new_page()
    page.goto(f"{board}/lite?phase=spring-final")
    expect(page.locator("table.ar-board tbody tr")).to_have_count(len(FINAL))
    page.screenshot(path=pictures / f"board-{name}.png")
    assert httpx.get(f"{board}/lite?phase=spring-final").text.count("<script") == 0
    context.close()
