"""How public numbers are rounded; a finer digit never leaves the server.

Rounding is for display. It is no defence against a vendor who fits to the hidden set; what may be shown at all is
decided when the public document is written (`Disclosure`).
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from math import floor, log10

from arena.store.documents import Disclosure


def auc_digits(disclosure: Disclosure) -> int:
    """Return the decimals of an AUC: 2 while a phase is open, 3 when it has closed."""
    return 2 if disclosure is Disclosure.OPEN else 3


def round_to(value: float | None, digits: int) -> float | None:
    """Round half-even in decimal, so that 0.125 gives 0.12 on every machine; None stays None."""
    if value is None:
        return None
    return float(Decimal(repr(value)).quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_EVEN))


def round_significant(value: float | None, digits: int = 2) -> float | None:
    """Round to significant digits; None stays None."""
    if value is None or value == 0:
        return value
    return round_to(value, digits - 1 - floor(log10(abs(value))))


def whole_percents(counts: dict[str, int]) -> dict[str, int]:
    """Turn counts into whole percents that add up to 100, by the largest remainder; an empty dict stays empty.

    A count above zero never shows as 0 %: it takes its percent from the largest share.
    """
    total = sum(counts.values())
    if total == 0:
        return {}
    exact = {key: count * 100 / total for key, count in counts.items() if count}
    shares = {key: max(1, floor(share)) for key, share in exact.items()}
    by_remainder = sorted(exact, key=lambda key: (shares[key] - exact[key], key))
    for key in by_remainder[: max(0, 100 - sum(shares.values()))]:
        shares[key] += 1
    largest = max(shares, key=lambda key: shares[key])
    shares[largest] -= sum(shares.values()) - 100
    return shares
