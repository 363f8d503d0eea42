"""Numbers, shares and times in words, in one language: the smallest pieces that views are made of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from arena.presentation.catalogue import TEXTS, counted, text
from arena.presentation.language import Language, decimal, integer, largest_unit, moment, plain, significant
from arena.presentation.reader import PhaseFacts, Stand
from arena.presentation.records import EstimateRecord, LatencyRecord
from runners.values import Outcome

_NBSP = "\N{NO-BREAK SPACE}"
_TENTH = 0.1


@dataclass(frozen=True, slots=True)
class Words:
    """A language, ready to word what pages show."""

    language: Language

    def __call__(self, key: str, **facts: object) -> str:
        """Return a text of the catalogue."""
        return text(key, self.language, **facts)

    def counted(self, key: str, number: int) -> str:
        """Return a counted noun."""
        return counted(key, number, self.language)

    def number(self, value: float | None, digits: int) -> str:
        """Write a number, or a dash where there is none."""
        return "–" if value is None else decimal(value, digits, self.language)

    def integer(self, value: int | None) -> str:
        """Write a whole number, or a dash where there is none."""
        return "–" if value is None else integer(value, self.language)

    def estimate(self, estimate: EstimateRecord, digits: int) -> str:
        """Write an estimate in words: 0.87 (95 % interval 0.82 to 0.91)."""
        if estimate.value is None:
            return self("auc.none")
        value = self.number(estimate.value, digits)
        if estimate.low is None or estimate.high is None:
            return self("auc.alone", value=value)
        return self(
            "auc.interval", value=value, low=self.number(estimate.low, digits), high=self.number(estimate.high, digits)
        )

    def interval(self, estimate: EstimateRecord, digits: int) -> str:
        """Write the limits alone: 0.82 to 0.91; empty without limits."""
        if estimate.low is None or estimate.high is None:
            return ""
        return self("auc.range", low=self.number(estimate.low, digits), high=self.number(estimate.high, digits))

    def narrow(self, estimate: EstimateRecord, digits: int) -> str:
        """Write the limits in a narrow cell: 0.82–0.91; empty without limits."""
        if estimate.low is None or estimate.high is None:
            return ""
        return self("cell.range", low=self.number(estimate.low, digits), high=self.number(estimate.high, digits))

    def why(self, reason: str | None) -> str:
        """Write why a number is absent; empty without a reason."""
        if reason is None:
            return ""
        key = f"reason.{reason}"
        return self(key if key in TEXTS else "reason.other")

    def seconds(self, seconds: float | None) -> str:
        """Write a declared duration in seconds."""
        return "–" if seconds is None else self("seconds", number=plain(seconds, self.language))

    def measured(self, seconds: float) -> str:
        """Write a measured duration to two significant digits, below a tenth of a second in milliseconds."""
        if seconds < _TENTH:
            return self("milliseconds", number=significant(1000 * seconds, self.language))
        return self("seconds", number=significant(seconds, self.language))

    def latency(self, latency: LatencyRecord) -> tuple[str, str]:
        """Write the median and the 95th percentile."""
        if latency.median_seconds is None:
            return self("latency.none"), ""
        p95 = latency.p95_seconds
        tail = "" if p95 is None else self("latency.p95", p95=self.measured(p95))
        return self("latency.median", median=self.measured(latency.median_seconds)), tail

    def outcomes(self, percents: dict[str, int]) -> str:
        """Write outcome shares, answers first, then failures by their share."""
        if set(percents) == {Outcome.OK.value}:
            return self("answers.all")
        ordered = sorted(percents, key=lambda outcome: (outcome != Outcome.OK, -percents[outcome], outcome))
        shares = [self("answers.share", percent=percents[o], outcome=self(f"outcome.{o}")) for o in ordered]
        # A share is not broken over lines, and the dot stays with the share before it.
        return f"{_NBSP}· ".join(share.replace(" ", _NBSP) for share in shares)

    def span(self, start: datetime, end: datetime) -> str:
        """Write the time between two moments in its largest unit."""
        unit, number = largest_unit(end - start)
        return self.counted(f"span.{unit}", number)

    def clock(self, facts: PhaseFacts) -> str:
        """Say what the clock will do, or did, to a phase: closes in 3 days, 5 Mar 2026, 12:00 UTC."""
        status, now = facts.status, facts.now
        closes = moment(status.closes_at, self.language)
        if facts.stand is Stand.OPEN:
            return self("phase.closes_in", span=self.span(now, status.closes_at), moment=closes)
        if facts.stand is Stand.EVALUATING:
            return self("phase.evaluating_since", moment=closes)
        if facts.stand is Stand.CLOSED:
            return self("phase.closed_at", moment=closes)
        if status.opens_at is None:
            return self("phase.follows_in", span=self.span(now, status.closes_at), moment=closes)
        opens = moment(status.opens_at, self.language)
        return self("phase.opens_in", span=self.span(now, status.opens_at), moment=opens)

    def facts(self, facts: PhaseFacts) -> list[str]:
        """Return the one line of facts about a phase, in parts; the state itself stands before it."""
        parts = [self.clock(facts)]
        if facts.n_cases is not None:
            parts.append(self.counted("count.studies", facts.n_cases))
        if facts.n_patients is not None:
            parts.append(self.counted("count.patients", facts.n_patients))
        if facts.record is not None:
            parts.append(self("as_of", moment=moment(facts.record.as_of, self.language)))
        return parts
