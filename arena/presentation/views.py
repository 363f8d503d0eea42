"""What a page shows, worded in one language; the interactive board and the plain page draw the same views."""

from __future__ import annotations

from dataclasses import dataclass, replace
from urllib.parse import urlencode

from arena.presentation.catalogue import TEXTS
from arena.presentation.language import day, moment
from arena.presentation.reader import PhaseFacts, Stand
from arena.presentation.records import EntryRecord, EstimateRecord, LeaderboardRecord
from arena.presentation.rounding import auc_digits
from arena.presentation.scale import CHANCE, Scale, shared_scale
from arena.presentation.wording import Words
from arena.store.documents import Disclosure
from runners.values import Outcome


def link(path: str, words: Words, **parameters: str) -> str:
    """Return an address with stable parameters; the language is named only when it is not English."""
    if words.language != "en":
        parameters["lang"] = words.language.value
    return f"{path}?{urlencode(parameters)}" if parameters else path


@dataclass(frozen=True, slots=True)
class IntervalView:
    """An interval drawn on the shared scale: positions in percent of its width, None without limits."""

    at: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class RowView:
    """One line of the leaderboard table."""

    entry: str
    href: str
    algorithm: str
    vendor: str
    rank: str
    rank_range: str
    shares_rank: bool
    tied: bool
    auc: str
    interval: str
    spoken: str
    drawn: IntervalView | None
    cases: str
    answers: str
    failures: bool
    latency: str
    latency_tail: str
    when: str
    notes: tuple[str, ...] = ()
    ranked: bool = True


@dataclass(frozen=True, slots=True)
class LeaderboardView:
    """A phase's page: the line of facts, the table with its scale, and the sentences under it."""

    challenge: str
    summary: str
    phase: str
    state: str
    state_word: str
    facts: tuple[str, ...]
    rows: tuple[RowView, ...]
    ticks: tuple[tuple[float, str], ...]
    chance: float | None
    scale_words: str
    missing: str
    sentences: tuple[str, ...]
    empty: tuple[str, str] | None
    any_below: bool


def leaderboard_view(facts: PhaseFacts, words: Words, *, entry_path: str) -> LeaderboardView:
    """Word a phase's page; `entry_path` is the address of the door's page of one entry."""
    record = facts.record
    declaration = facts.challenge.declaration
    entries = record.entries if record else ()
    scale = shared_scale(entry.macro_auc for entry in entries)
    digits = auc_digits(record.disclosure if record else Disclosure.OPEN)
    rows = tuple(
        replace(
            _row(entry, entries[i - 1] if i else None, scale, digits, words, entry_path), notes=_notes(facts, i, words)
        )
        for i, entry in enumerate(entries)
    )
    return LeaderboardView(
        challenge=getattr(declaration.title, words.language),
        summary=getattr(declaration.summary, words.language),
        phase=getattr(facts.phase.title, words.language),
        state=facts.stand.value,
        state_word=words(f"phase.{facts.stand}"),
        facts=tuple(words.facts(facts)),
        rows=rows,
        ticks=tuple((scale.place(tick), words.number(tick, 2)) for tick in scale.ticks),
        chance=scale.place(CHANCE) if scale.shows_chance else None,
        scale_words=words(
            "scale.label" if scale.shows_chance else "scale.plain",
            low=words.number(scale.low, 2),
            high=words.number(scale.high, 2),
        ),
        missing=words(f"missing.{record.missing}") if record else "",
        sentences=_sentences(facts, record, words) if record else (),
        empty=None if rows else _empty(facts, words),
        any_below=any(not row.tied for row in rows),
    )


def place_estimate(estimate: EstimateRecord, scale: Scale) -> IntervalView | None:
    """Return where an estimate lies on a scale, or None without a value."""
    if estimate.value is None:
        return None
    return IntervalView(
        at=scale.place(estimate.value),
        low=None if estimate.low is None else scale.place(estimate.low),
        high=None if estimate.high is None else scale.place(estimate.high),
    )


def rank_range(entry: EntryRecord, words: Words) -> str:
    """Write the 95 % set of an entry's ranks: 1–3."""
    if entry.rank_low is None or entry.rank_high is None:
        return ""
    if entry.rank_low == entry.rank_high:
        return words("rank.only", rank=entry.rank_low)
    return words("rank.range", low=entry.rank_low, high=entry.rank_high)


def _row(
    entry: EntryRecord, above: EntryRecord | None, scale: Scale, digits: int, words: Words, entry_path: str
) -> RowView:
    latency, tail = words.latency(entry.latency)
    value = entry.macro_auc.value
    return RowView(
        entry=entry.entry,
        href=link(entry_path, words, entry=entry.entry),
        algorithm=entry.algorithm_name,
        vendor=entry.vendor_name,
        rank=words("rank.none") if entry.rank is None else str(entry.rank),
        rank_range=rank_range(entry, words),
        shares_rank=above is not None and above.rank == entry.rank,
        tied=entry.tied_with_first,
        auc=words("auc.none") if value is None else words.number(value, digits),
        interval=words.interval(entry.macro_auc, digits),
        spoken=words.estimate(entry.macro_auc, digits),
        drawn=place_estimate(entry.macro_auc, scale),
        cases=words.integer(entry.macro_auc.n),
        answers=words.outcomes(entry.outcome_percents),
        failures=set(entry.outcome_percents) != {Outcome.OK.value},
        latency=latency,
        latency_tail=tail,
        when=day(entry.submitted_at, words.language),
        ranked=entry.rank is not None,
    )


def _notes(facts: PhaseFacts, at: int, words: Words) -> tuple[str, ...]:
    """Say why an entry has no rank, and whose answers its own are the same as; nothing while the phase is open."""
    document, record = facts.document, facts.record
    if document is None or record is None or document.disclosure is not Disclosure.CLOSED:
        return ()
    entry = document.entries[at]
    known = {e.entry: e.algorithm_name for e in record.entries}
    notes = []
    if entry.rank is None and f"unranked.{entry.unranked_reason}" in TEXTS:
        notes.append(words(f"unranked.{entry.unranked_reason}"))
    if entry.duplicates:
        notes.append(words("row.same", names=", ".join(known.get(code, code) for code in entry.duplicates)))
    return tuple(notes)


def _sentences(facts: PhaseFacts, record: LeaderboardRecord, words: Words) -> tuple[str, ...]:
    missing = words(f"missing.{record.missing}")
    sentences = [
        _entry_rule(facts, words),
        words("rule.macro", missing=missing[0].upper() + missing[1:]),
        words("rule.ties", alpha=words.number(record.alpha, 2), adjusted=words(f"adjustment.{_adjustment(facts)}")),
    ]
    if record.disclosure is Disclosure.OPEN:
        sentences.append(words("rule.open"))
    elif facts.stand is Stand.OPEN:
        sentences.append(words("rule.exposed"))
    if facts.attempts_allowed > 1:
        allowed, made = words.integer(facts.attempts_allowed), words.integer(facts.attempts_made)
        sentences.append(words("rule.selected", allowed=allowed, made=made))
    return tuple(sentences)


def _entry_rule(facts: PhaseFacts, words: Words) -> str:
    eta = None if facts.document is None else facts.document.ladder_eta
    if eta is not None:
        return words("rule.entry.shown_best", eta=words.number(eta, margin_digits(eta)))
    return words(f"rule.entry.{facts.rule_phase.entry_rule}")


def _adjustment(facts: PhaseFacts) -> str:
    """Return the adjustment that decides ranks: as the document says, else as declared."""
    told = None if facts.document is None else facts.document.adjustment
    return told or facts.challenge.declaration.ranking.adjustment.value


def margin_digits(eta: float) -> int:
    """Return how many decimals show a margin as it was declared, two at least."""
    return max(2, len(repr(eta).partition(".")[2]))


def _empty(facts: PhaseFacts, words: Words) -> tuple[str, str]:
    if facts.stand is Stand.UPCOMING:
        waits = "upcoming" if facts.phase.follows is None else "follows"
        return words("empty.entries"), words(f"empty.entries_{waits}")
    return words("empty.entries"), words(f"empty.entries_{facts.stand}")


def as_of_words(record: LeaderboardRecord, words: Words) -> str:
    """Say from when the results are."""
    return words("as_of", moment=moment(record.as_of, words.language))
