"""The pictures and tables of a closed phase in a real browser: both languages, both themes, a desktop and a phone."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, expect

from arena.presentation.language import Language
from arena.presentation.sections import BOARD_PARTS, CARD_PARTS
from arena.presentation.wording import Words
from tests.browser.showcase import FINAL, SEASON, SLUG
from tests.browser.test_board_pages import PHONE, overflow, take, visit

pytestmark = pytest.mark.browser

DESK = (1280, 900)
CHARTS = "[data-testid=stVegaLiteChart] svg"
ENTRY = FINAL[4].code
BOARD = f"/?challenge={SLUG}&phase=spring-final&part="
CARD = f"/algorithm?entry={ENTRY}&card="
VARIANTS = [
    pytest.param("en", "light", DESK, id="en-light-desk"),
    pytest.param("ru", "dark", DESK, id="ru-dark-desk"),
    pytest.param("en", "dark", PHONE, id="en-dark-phone"),
    pytest.param("ru", "light", PHONE, id="ru-light-phone"),
]
PICTURES = {
    f"{BOARD}findings": ("chart.forest", "chart.roc"),
    f"{BOARD}ranks": ("picture.ranks", "picture.stability"),
    f"{BOARD}pairs": ("picture.pairs",),
    f"{BOARD}robustness": (),
    f"{BOARD}more": (),
    f"{CARD}accuracy": ("picture.roc",),
    f"{CARD}thresholds": (),
    f"{CARD}calibration": ("picture.reliability",),
    f"{CARD}clinic": ("picture.decision", "picture.decision"),
    f"{CARD}norm": ("picture.norm",),
    f"{CARD}test": (),
    f"{CARD}subgroups": (),
    f"{CARD}more": (),
}
"""The part's address, and the titles of its pictures in order."""

FOR_DOCS = {
    "closed-findings-en-light-desk.png",
    "closed-ranks-en-light-desk.png",
    "closed-ranks-ru-light-phone.png",
    "closed-pairs-ru-dark-desk.png",
    "algorithm-calibration-en-light-desk.png",
    "algorithm-norm-ru-dark-desk.png",
    "algorithm-test-en-light-desk.png",
}
"""Pictures that documents show; the others are for whoever looks at a run."""


def test_every_part_of_the_pages_is_looked_at() -> None:
    parts = {f"{BOARD}{part}" for part in BOARD_PARTS} | {f"{CARD}{part}" for part in CARD_PARTS}
    assert set(PICTURES) == parts


def name_of(address: str, language: str, scheme: str, size: tuple[int, int]) -> str:
    part = address.rpartition("=")[2]
    page = "algorithm" if address.startswith(CARD) else "closed"
    return f"{page}-{part}-{language}-{scheme}-{'phone' if size is PHONE else 'desk'}.png"


@pytest.mark.parametrize(("language", "scheme", "size"), VARIANTS)
@pytest.mark.parametrize("address", PICTURES)
def test_a_part_has_its_pictures_with_their_words_and_files_and_fits(
    browser: Browser, board: str, pictures: Path, tmp_path: Path, address: str, language: str,
    scheme: Literal["light", "dark"], size: tuple[int, int],
) -> None:  # fmt: skip
    words, titles = Words(Language(language)), PICTURES[address]
    with visit(browser, f"{board}{address}&lang={language}", size=size, scheme=scheme, content=".ar-footer") as seen:
        page = seen.page
        charts = page.locator(CHARTS)
        expect(charts).to_have_count(len(titles), timeout=20_000)
        shown = page.locator(".ar-chart-title")
        for at, title in enumerate(titles):
            expect(shown.nth(at)).to_contain_text(words(title, finding="").strip())
            box = charts.nth(at).bounding_box()
            assert box is not None
            assert box["height"] > 100
        if not titles:
            expect(page.locator(".ar-sheet").first).to_be_visible()
        files = page.locator(".ar-file a")
        absent = page.locator(".ar-absent")
        assert files.count() + absent.count() >= max(1, len(titles))
        assert overflow(page) <= 0
        assert seen.foreign == []
        text = page.locator("[data-testid=stMain]").inner_text()
        assert not re.search(r"\b[a-z]+_[a-z_]+\b", text.replace(ENTRY, "")), "a code stands where words should"
        name = name_of(address, language, scheme, size)
        take(page, (pictures if name in FOR_DOCS else tmp_path) / name, whole=True)


def test_a_picture_is_told_to_who_cannot_see_it_and_its_file_holds_its_numbers(browser: Browser, board: str) -> None:
    with visit(browser, f"{board}{BOARD}ranks", content=CHARTS) as seen:
        page = seen.page
        expect(page.locator(CHARTS)).to_have_count(2, timeout=20_000)
        told = [each.get_attribute("aria-label") or "" for each in _labelled(page)]
        assert any("grouped by shared rank" in text and "Thorax 3 · NovaScan" in text for text in told), told
        file = page.locator(".ar-file a").first.get_attribute("href")
        answer = page.request.get(f"{board}{file}")
        assert answer.headers["content-type"] == "text/csv; charset=utf-8"
        assert answer.text().splitlines()[0].startswith("entry,entry_name,rank,rank_low,rank_high,macro,macro_low")


def _labelled(page: Page) -> list[object]:
    return page.locator("[data-testid=stVegaLiteChart] [aria-label], [data-testid=stVegaLiteChart][aria-label]").all()


def test_a_verdict_is_told_in_words_with_a_sign_of_its_own(browser: Browser, board: str) -> None:
    shapes = set()
    for line, verdict in ((FINAL[0], "passes"), (FINAL[4], "fails")):
        with visit(browser, f"{board}/algorithm?entry={line.code}&card=test", content=".ar-banner") as seen:
            banner = seen.page.locator(".ar-banner")
            if verdict == "fails":
                expect(banner).to_contain_text("fails")
                expect(banner).to_contain_text("Limit: AUC 0.81")
                expect(banner).to_contain_text("Attempt 1 of 2")
            sign = seen.page.locator(".ar-banner .ar-verdict i")
            shapes.add(
                sign.evaluate("e => getComputedStyle(e).backgroundColor + getComputedStyle(e, '::before').width")
            )
            expect(seen.page.locator("#pass-chances")).to_contain_text("0.84")
    assert len(shapes) == 2


def test_an_open_phase_offers_no_part_and_no_scorecard(browser: Browser, board: str) -> None:
    for address in (f"/?phase=summer&part=pairs&challenge={SLUG}", f"/algorithm?entry={SEASON[0].code}&card=norm"):
        with visit(browser, board + address, content=".ar-footer") as seen:
            seen.page.wait_for_timeout(1000)
            expect(seen.page.locator("[data-testid=stVegaLiteChart]")).to_have_count(0)
            expect(seen.page.locator(".ar-sheet")).to_have_count(0)
            expect(seen.page.locator("[data-testid=stButtonGroup]")).to_have_count(1)  # the language alone


def test_choosing_a_part_changes_the_address(browser: Browser, board: str) -> None:
    with visit(browser, f"{board}/?phase=spring-final", content=".ar-footer") as seen:
        seen.page.get_by_text("Comparisons", exact=True).click()
        seen.page.wait_for_url(re.compile("part=pairs"), timeout=15_000)
        expect(seen.page.locator("#pairs")).to_contain_text("p, Holm", timeout=15_000)


@pytest.mark.parametrize("language", ["en", "ru"])
@pytest.mark.parametrize("size", [DESK, PHONE])
@pytest.mark.parametrize(
    "path", [f"/lite?challenge={SLUG}&phase=spring-final", f"/lite/algorithm?entry={FINAL[0].code}"]
)
def test_the_plain_door_has_every_part_without_script_and_fits(
    browser: Browser, board: str, tmp_path: Path, path: str, size: tuple[int, int], language: str
) -> None:
    parts = BOARD_PARTS if "phase=" in path else CARD_PARTS
    context = browser.new_context(java_script_enabled=False, viewport={"width": size[0], "height": size[1]})
    page = context.new_page()
    page.goto(f"{board}{path}&lang={language}")
    for part, tables in parts.items():
        expect(page.locator(f"#part-{part}")).to_have_count(1)
        for table in tables:
            assert page.locator(f"[id={table}]").count() >= 1, table
    page.screenshot(
        full_page=True, path=tmp_path / f"plain-{'entry' if 'entry=' in path else 'board'}-{language}-{size[0]}.png"
    )
    context.close()
    with visit(browser, f"{board}{path}&lang={language}", size=size, content="main") as seen:
        assert overflow(seen.page) <= 0
