"""Text and marks of the board stand out from their grounds, computed from the colours of theme, style sheets and charts.

The formulas of relative luminance and of contrast, and the least ratios of 4.5 for text and 3 for marks: Web Content
Accessibility Guidelines 2.2, criteria 1.4.3 and 1.4.11.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from arena.board import theme
from arena.presentation.charts import shape
from arena.settings import ReaderSettings

TEXT, MARK = 4.5, 3.0
ASSETS = Path(theme.__file__).parent / "assets"
STYLE = {name: (ASSETS / name).read_text(encoding="utf-8") for name in ("arena.css", "board.css", "lite.css")}
HEX = r"#[0-9a-fA-F]{6}|#[0-9a-fA-F]{3}"
SCHEMES = ("light", "dark")
GROUNDS = ("backgroundColor", "secondaryBackgroundColor")


def channels(colour: str) -> tuple[float, float, float]:
    """Return red, green and blue, 0 to 1, of `#rrggbb` or `#rgb`."""
    digits = colour.removeprefix("#")
    digits = digits if len(digits) == 6 else "".join(2 * digit for digit in digits)
    red, green, blue = (int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4))
    return red, green, blue


def luminance(rgb: tuple[float, float, float]) -> float:
    """Return the relative luminance."""
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in rgb)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(colour: str, ground: str, *, share: float = 1.0) -> float:
    """Return the ratio between a ground and a colour of which only a share is laid on it."""
    above, below = channels(colour), channels(ground)
    mixed = tuple(share * a + (1 - share) * b for a, b in zip(above, below, strict=True))
    one, other = luminance((mixed[0], mixed[1], mixed[2])), luminance(below)
    return (max(one, other) + 0.05) / (min(one, other) + 0.05)


def colour(scheme: str, name: str) -> str:
    """Return a colour of the board's theme."""
    return str(theme.streamlit_options(ReaderSettings())[f"theme.{scheme}.{name}"])


def grounds(scheme: str) -> list[str]:
    """Return what text and marks of a scheme may stand on."""
    return [colour(scheme, name) for name in GROUNDS]


def of_scheme(pair: tuple[str, str], scheme: str) -> str:
    """Return the colour of a scheme out of `light-dark(one, other)`."""
    return pair[SCHEMES.index(scheme)]


def declared(pattern: str, sheet: str) -> list[tuple[str, ...]]:
    """Return what a pattern finds in a style sheet; it must find something."""
    found = [match if isinstance(match, tuple) else (match,) for match in re.findall(pattern, STYLE[sheet])]
    assert found, f"{pattern} is not in {sheet}"
    return found


def test_the_formula_gives_the_known_ratios() -> None:
    assert contrast("#000", "#ffffff") == pytest.approx(21.0)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)  # the well-known grey that just fails


@pytest.mark.parametrize("scheme", SCHEMES)
def test_ink_links_and_quiet_text_are_read_on_every_ground(scheme: str) -> None:
    quiet = {
        float(share) / 100 for (share,) in declared(r"--ar-soft: color-mix\(in srgb, currentColor (\d+)%", "arena.css")
    }
    labels = {
        float(share) for (share,) in declared(r"svg text \{ fill: currentColor; fill-opacity: ([\d.]+)", "board.css")
    }
    ink = colour(scheme, "textColor")
    for ground in grounds(scheme):
        for share in {1.0} | quiet | labels:
            assert contrast(ink, ground, share=share) >= TEXT, (share, ground)
        for name in ("linkColor", "primaryColor"):
            assert contrast(colour(scheme, name), ground) >= TEXT, (name, ground)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_coloured_text_of_the_style_sheets_is_read(scheme: str) -> None:
    pairs = declared(rf"(?:--ar-link|[^-]color): light-dark\(({HEX}), ({HEX})\)", "arena.css")
    assert len(pairs) >= 3
    for pair in pairs:
        for ground in grounds(scheme):
            assert contrast(of_scheme((pair[0], pair[1]), scheme), ground) >= TEXT, (pair, ground)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_marks_of_charts_and_tables_stand_out(scheme: str) -> None:
    marks = {shape.TEAL, shape.GREY, shape.ORANGE, *shape.SERIES}
    marks |= {each for (each,) in declared(rf"--ar-(?:mark|grey|warn): ({HEX})", "arena.css")}
    faint = {
        (mark, ground): round(contrast(mark, ground), 2)
        for mark in marks
        for ground in grounds(scheme)
        if contrast(mark, ground) < MARK
    }
    assert faint == {}


def test_the_series_of_the_theme_are_those_of_the_charts() -> None:
    assert tuple(theme.streamlit_options(ReaderSettings())["theme.chartCategoricalColors"]) == shape.SERIES


def test_white_is_read_on_pills_and_signs() -> None:
    pills = declared(rf"\{{ color: #fff; background: ({HEX})", "arena.css")
    pills += declared(rf"\{{ background: ({HEX}); color: #fff", "arena.css")
    for (ground,) in pills:
        assert contrast("#fff", ground) >= TEXT, ground
    for (ground,) in declared(rf"\.ar-verdict-\w+ i \{{ background: ({HEX})", "arena.css"):
        assert contrast("#fff", ground) >= MARK, ground


@pytest.mark.parametrize("scheme", SCHEMES)
def test_tags_are_read_on_the_accent(scheme: str) -> None:
    ((light, dark),) = declared(rf"\[data-tag\] \* \{{ color: light-dark\(({HEX}), ({HEX})\)", "board.css")
    assert contrast(of_scheme((light, dark), scheme), colour(scheme, "primaryColor")) >= TEXT


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_plain_page_has_the_colours_of_the_board(scheme: str) -> None:
    ((ink, ink_dark, ground, ground_dark),) = declared(
        rf"body \{{.*?color: light-dark\(({HEX}), ({HEX})\); background: light-dark\(({HEX}), ({HEX})\)", "lite.css"
    )
    assert of_scheme((ink, ink_dark), scheme).upper() == colour(scheme, "textColor")
    assert of_scheme((ground, ground_dark), scheme).upper() == colour(scheme, "backgroundColor")
