"""Numbers, times and plurals in the board's two languages."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from math import floor, log10

_EN_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_RU_MONTHS = (
    "января", "февраля", "марта", "апреля", "мая", "июня",
    "июля", "августа", "сентября", "октября", "ноября", "декабря",
)  # fmt: skip


class Language(StrEnum):
    """A language of the board, by its code in addresses."""

    EN = "en"
    RU = "ru"

    @classmethod
    def parse(cls, text: str | None) -> Language:
        """Return the language of a code such as `ru` or `ru-RU`; English for anything else."""
        return cls.RU if (text or "").lower().startswith("ru") else cls.EN


def decimal(value: float, digits: int, language: Language) -> str:
    """Write a number with fixed decimals: 0.870 in English, 0,870 in Russian."""
    text = f"{value:.{digits}f}"
    return text.replace(".", ",") if language is Language.RU else text


def plain(value: float, language: Language) -> str:
    """Write a declared number as it was declared: without trailing zeros and without an exponent."""
    text = format(Decimal(repr(value)), "f")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return text.replace(".", ",") if language is Language.RU else text


def significant(value: float, language: Language, digits: int = 2) -> str:
    """Write a measured number with its significant digits, the zeros among them too: 3.0, 0.10, 12."""
    decimals = 0 if value == 0 else max(0, digits - 1 - floor(log10(abs(value))))
    return decimal(value, decimals, language)


def integer(value: int, language: Language) -> str:
    """Write a whole number with its thousands set apart: 4,812 in English, 4 812 in Russian."""
    return f"{value:,}".replace(",", "\N{NO-BREAK SPACE}" if language is Language.RU else ",")


def plural_form(number: int, language: Language) -> int:
    """Return which form a number takes: English 0 one, 2 other; Russian 0 one, 1 few, 2 many."""
    if language is Language.EN:
        return 0 if number == 1 else 2
    if number % 10 == 1 and number % 100 != 11:  # noqa: PLR2004 - Russian grammar
        return 0
    return 1 if number % 10 in {2, 3, 4} and number % 100 not in {12, 13, 14} else 2


def moment(time: datetime, language: Language) -> str:
    """Write a time to the minute in UTC: 3 Mar 2026, 14:05 UTC."""
    utc = time.astimezone(UTC)
    month = (_RU_MONTHS if language is Language.RU else _EN_MONTHS)[utc.month - 1]
    return f"{utc.day}\N{NO-BREAK SPACE}{month} {utc.year}, {utc:%H:%M}\N{NO-BREAK SPACE}UTC"


def day(time: datetime, language: Language) -> str:
    """Write the day of a time in UTC: 3 Mar 2026, or 03.03.2026 in Russian."""
    utc = time.astimezone(UTC)
    if language is Language.RU:
        return f"{utc:%d.%m.%Y}"
    return f"{utc.day}\N{NO-BREAK SPACE}{_EN_MONTHS[utc.month - 1]}\N{NO-BREAK SPACE}{utc.year}"


def largest_unit(span: timedelta) -> tuple[str, int]:
    """Return a span as its largest unit of at least two, else the next smaller: ("days", 3), ("hours", 47).

    A reader of "closes in 1 day" cannot tell 25 hours from 47, so one of a unit is told in the smaller one.
    """
    seconds = max(0, int(span.total_seconds()))
    for unit, length in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * length:
            return unit, seconds // length
    return "seconds", seconds
