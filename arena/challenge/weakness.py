"""What the check of a challenge finds: a place, how grave it is, and a sentence."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """BLOCKING: the challenge cannot work so. WEAK: its results will be weaker than they look. NOTE: worth knowing."""

    BLOCKING = "blocking"
    WEAK = "weak"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Weakness:
    """One finding of the check: `where` is a place such as `phases.public.quota`."""

    severity: Severity
    where: str
    text: str
