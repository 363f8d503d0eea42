"""The parts of a closed phase's pages: which tables stand in which, with their sentences; both doors draw these."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from arena.presentation.boardtables import BOARD_TABLES, closed_document, names_of
from arena.presentation.cardtables import CARD_TABLES
from arena.presentation.language import plain, significant
from arena.presentation.reader import EntryFacts, PhaseFacts, Reader
from arena.presentation.sheets import MOST_ROWS, TableView, table_view
from arena.presentation.tabular import Table
from arena.presentation.tabular import plain as plain_cell
from arena.presentation.wording import Words
from arena.store.clinical import Norm
from arena.store.documents import LeaderboardDocument, PublicScorecard

BOARD_PARTS: Final[Mapping[str, tuple[str, ...]]] = {
    "findings": ("findings", "readers"),
    "ranks": ("ranks", "stability"),
    "pairs": ("pairs", "calls"),
    "robustness": ("policies", "schemes"),
    "more": ("remarks", "metrics"),
}
CARD_PARTS: Final[Mapping[str, tuple[str, ...]]] = {
    "accuracy": ("findings", "missing", "any-pathology"),
    "thresholds": ("thresholds", "calibrated-thresholds"),
    "calibration": ("calibration", "reliability"),
    "clinic": ("prevalence", "decision"),
    "norm": ("norm", "norm-curve"),
    "test": ("calibration-test", "pass-chances"),
    "subgroups": ("subgroups", "suppressed", "subgroup-differences"),
    "more": ("metrics",),
}
PICTURED: Final = frozenset({"ranks", "reliability", "decision", "norm-curve"})
"""Tables that the interactive board draws instead; the plain page shows them."""

_LEFT_TO_FILES: Final[Mapping[str, tuple[str, ...]]] = {
    "pairs": ("method", "interval", "n", "n_positive", "n_patients", "margin"),
    "calls": ("n", "patients", "interval"),
    "policies": tuple(
        f"{key}_{policy}"
        for key in ("rank_low", "rank_high", "place")
        for policy in ("worst", "half", "exclude_case", "fail_entry")
    ),
    "findings": ("reason",),
    "stability": ("resamples", "n", "n_positive", "n_patients"),
    "any-pathology": (
        "threshold", "true_positive", "false_positive", "false_negative", "true_negative", "sensitivity_patients",
        "specificity_patients",
    ),
    "calibration": ("bins", "bin_count", "simulations"),
    "prevalence": ("threshold",),
    "subgroups": ("positives", "negatives"),
    "subgroup-differences": ("method", "interval", "n", "n_positive", "standard_error"),
}  # fmt: skip
_COUNTED = (
    "true_positive", "false_positive", "false_negative", "true_negative", "sensitivity_patients",
    "specificity_patients",
)  # fmt: skip
_RATED = ("sensitivity", "specificity", "ppv", "npv", "f1", "mcc")
_ON_PAPER = frozenset({0.05, 0.1, 0.2, 0.3, 0.4, 0.5})
_EACH_TENTH = 10
_FEWER_ROWS: Final[Mapping[str, int]] = {"calls": 12, "subgroup-differences": 30}


@dataclass(frozen=True, slots=True)
class BannerView:
    """A verdict in words, with what it is read with."""

    code: str
    words: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SectionView:
    """A part of a page."""

    key: str
    title: str
    tables: tuple[TableView, ...]
    banner: BannerView | None = None


def finest_phase(reader: Reader, facts: EntryFacts, asked: str | None) -> tuple[PhaseFacts, PublicScorecard] | None:
    """Return the closed phase whose scorecard of an entry is shown: the asked one, else the last that has one."""
    code = facts.submission.submission.code
    found = [(phase, card) for phase in facts.phases if (card := reader.scorecard(phase, code)) is not None]
    return next((each for each in found if each[0].phase.name == asked), found[-1] if found else None)


def board_sections(facts: PhaseFacts, words: Words, entry_path: str, *, only: str = "") -> tuple[SectionView, ...]:
    """Return the parts of a closed phase's leaderboard; none while the phase is open.

    Args:
        facts: The phase.
        words: The language.
        entry_path: Address of the door's page of one entry.
        only: Key of the one part that is wanted; all of them without it.
    """
    document = closed_document(facts)
    if document is None or not document.entries:
        return ()
    names = names_of(facts, words.language)
    base = f"/api/v1/challenges/{facts.challenge.slug}/phases/{facts.phase.name}/tables"
    notes = _board_notes(document, words)
    return tuple(
        SectionView(
            key,
            words(f"section.{key}"),
            tuple(
                _view(BOARD_TABLES[name](document, names), words, base, notes.get(name, ()), entry_path)
                for name in tables
            ),
        )
        for key, tables in BOARD_PARTS.items()
        if only in {"", key}
    )


def card_sections(
    facts: PhaseFacts, card: PublicScorecard, entry: str, words: Words, *, only: str = ""
) -> tuple[SectionView, ...]:
    """Return the parts of an entry's page out of its public scorecard; `only` as in `board_sections`."""
    names = names_of(facts, words.language)
    base = f"/api/v1/challenges/{facts.challenge.slug}/phases/{facts.phase.name}/entries/{entry}/tables"
    notes = _card_notes(card, words)
    return tuple(
        SectionView(
            key,
            words(f"section.{key}"),
            tuple(
                view
                for name in tables
                for view in _card_views(CARD_TABLES[name](card, names), words, base, notes.get(name, ()))
            ),
            _banner(key, card, words),
        )
        for key, tables in CARD_PARTS.items()
        if only in {"", key}
    )


def _view(table: Table, words: Words, base: str, notes: Sequence[str], entry_path: str = "") -> TableView:
    hide = _LEFT_TO_FILES.get(table.name, ())
    if table.name == "calibration-test" and len({plain_cell(cell) for cell in table.values("reading")}) == 1:
        hide = ("reading",)
    csv, most = f"{base}/{table.name}?format=csv", _FEWER_ROWS.get(table.name, MOST_ROWS)
    return table_view(table, words, csv=csv, entry_path=entry_path, notes=notes, hide=hide, most=most)


def _card_views(table: Table, words: Words, base: str, notes: Sequence[str]) -> tuple[TableView, ...]:
    csv = f"{base}/{table.name}?format=csv"
    if table.name == "thresholds" and table.rows:
        counts = table_view(table, words, csv=csv, hide=_RATED, title="table.threshold-counts")
        return (table_view(table, words, csv=csv, notes=notes, hide=_COUNTED), counts)
    return (_view(_thinned(table), words, base, notes),)


def _thinned(table: Table) -> Table:
    """Take some points of a curve: whoever reads a page of numbers wants a few, and the file has all."""
    if table.name == "decision":
        kept = [
            row for row, at in zip(table.rows, table.values("threshold"), strict=True) if plain_cell(at) in _ON_PAPER
        ]
    elif table.name == "norm-curve":
        kept = list(table.rows[::_EACH_TENTH])
    else:
        return table
    return Table(table.name, table.columns, tuple(kept), table.absent)


def _board_notes(document: LeaderboardDocument, words: Words) -> dict[str, tuple[str, ...]]:
    adjusted = words(f"adjustment.{document.adjustment or 'holm'}")
    notes: dict[str, tuple[str, ...]] = {
        "pairs": (words("adjusted.by", name=adjusted, alpha=plain(document.alpha, words.language)),)
    }
    margin = next((p.a_against_b.margin for p in document.pairs if p.a_against_b is not None), None)
    if margin is not None:
        notes["pairs"] += (words("pairs.margin", margin=plain(margin, words.language)),)
    told = document.stability
    if told is not None and told.tau_mean is not None:
        resamples = words.integer(told.resamples)
        notes["stability"] = (words("stability.tau", resamples=resamples, tau=words.number(told.tau_mean, 2)),)
        if told.redrawn:
            notes["stability"] += (words("stability.redrawn", count=words.integer(told.redrawn)),)
    for table, given in (
        ("policies", [(words(f"policy.{p.policy}"), p.tau) for p in document.policies]),
        ("schemes", [(words(f"scheme.{s.scheme}"), s.tau) for s in document.schemes]),
    ):
        notes[table] = tuple(
            words("tau.scheme", name=name[:1].upper() + name[1:], tau=words.number(tau, 2)) for name, tau in given
        )
    return notes


def _card_notes(card: PublicScorecard, words: Words) -> dict[str, tuple[str, ...]]:
    numbers = next((f.numbers for f in card.findings if f.numbers is not None), None)
    notes: dict[str, tuple[str, ...]] = {}
    if numbers is not None:
        area, error = numbers.partial_auc, numbers.calibration.error
        low, high = (plain(value, words.language) for value in (area.fpr_low, area.fpr_high))
        notes["findings"] = (words("partial.range", low=low, high=high),)
        kind, simulated = words(f"bins.{error.bins.kind}"), words.integer(error.simulations)
        notes["calibration"] = (words("calibration.bins", count=error.bins.count, kind=kind, simulations=simulated),)
    if card.calibration_split is not None and card.calibration_split.entry_chosen_here:
        notes["calibrated-thresholds"] = (words("calibrated.chosen"),)
    if card.norm is not None:
        notes["norm"] = _norm_notes(card.norm, words)
    return notes


def _norm_notes(norm: Norm, words: Words) -> tuple[str, ...]:
    counts = {
        name: words.integer(getattr(norm, f"n_{name}")) for name in ("sorted", "missed", "abnormal", "unanswered")
    }
    lines = [words("norm.counts", n=words.integer(norm.n), **counts)]
    if norm.limits.prevalence is not None:
        value = plain(norm.limits.prevalence, words.language)
        lines.append(words("norm.prevalence", value=value, source=norm.prevalence_source or "–"))
    found = norm.missed_of_incoming
    if found.value is not None and found.high is not None:
        value, high = (significant(1000 * each, words.language) for each in (found.value, found.high))
        lines.append(words("norm.per_1000", value=value, high=high))
    return tuple(lines)


def _banner(key: str, card: PublicScorecard, words: Words) -> BannerView | None:
    if key == "norm" and card.norm is not None and card.norm.verdict is not None:
        return BannerView(card.norm.verdict, words(f"verdict.{card.norm.verdict}"), (words("norm.limits"),))
    if key == "test" and card.calibration_test is not None:
        return _test_banner(card, words)
    return None


def _test_banner(card: PublicScorecard, words: Words) -> BannerView | None:
    told = card.calibration_test
    if told is None:
        return None
    code = told.verdict or "none"
    if not told.readings:
        lines = [words("table.absent", reason=words.why(told.reason))] if told.reason else []
        lines.append(words("test.made", made=told.attempts_made, allowed=told.attempts_allowed))
        return BannerView(code, words(f"verdict.{code}"), tuple(lines))
    first = told.readings[0]
    protocol = first.protocol
    return BannerView(
        code,
        words(f"verdict.{code}"),
        (
            words("test.limit", limit=plain(protocol.limit, words.language), rule=words(f"rule.{protocol.rule}")),
            words("test.passed", passed=first.passed, required=first.required),
            words(
                "test.attempts",
                made=protocol.attempts_made,
                allowed=protocol.attempts_allowed,
                sets=words(f"sets.{protocol.sets}"),
                alpha=plain(protocol.alpha, words.language),
            ),
            words("test.equivocal", how=words(f"equivocal.{told.equivocal}")),
        ),
    )
