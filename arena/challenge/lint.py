"""What is wrong or weak about a challenge before it opens.

The thresholds on sizes: 400 studies with 10 % of each class is what the Moscow experiment's calibration sets have
(Kodenko et al., Doklady Mathematics 2024, doi:10.1134/S1064562424602063).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import combinations
from statistics import NormalDist

from arena.challenge.bundle import LANGUAGES, Bundle
from arena.challenge.clinical_lint import clinical_weaknesses
from arena.challenge.own_metrics import installed_metrics
from arena.challenge.phases import PhaseState, phase_status
from arena.challenge.schema import Declaration, EntryRule, Phase, Show
from arena.challenge.weakness import Severity, Weakness
from arena.scoring.missing import MissingPolicy
from arena.store.tables import CaseSet, Split

MIN_CASES = 400
MIN_PATIENTS = 50
"""Of each class; under it a finding's number is given and warned of, under `min_per_class` there is none."""

LEAST_MIN_PER_CLASS = 30
MIN_CLASS_SHARE = 0.10
MAX_LEARNED = 0.60
"""What the Ladder holds a vendor that knows nothing to, as macro AUC on the hidden labels (docs/security.md)."""

MAX_TOTAL = 30
"""More submissions than this teach an attacker the hidden labels by their scores alone."""


def lint(bundle: Bundle, now: datetime, imported: Mapping[str, CaseSet]) -> list[Weakness]:
    """Return all weaknesses, the gravest first.

    Args:
        bundle: The challenge as read from its folder.
        now: The present.
        imported: The newest version of each imported case set of this challenge, by name.
    """
    declaration = bundle.declaration
    found = [
        *_texts(bundle),
        *_findings(declaration),
        *_minimum(declaration),
        *_metrics(declaration),
        *_windows(declaration, now),
        *_quotas(declaration),
        *(weakness for phase in declaration.phases for weakness in _learned(phase, imported)),
        *_sets(declaration, imported),
        *clinical_weaknesses(declaration, imported),
        *(weakness for case_set in imported.values() for weakness in _sizes(declaration, case_set)),
    ]
    order = list(Severity)
    return sorted(found, key=lambda weakness: order.index(weakness.severity))


def _texts(bundle: Bundle) -> Iterator[Weakness]:
    for language in LANGUAGES:
        if not bundle.rules.get(language, "").strip():
            yield Weakness(Severity.WEAK, f"rules.{language}.md", f"there is no rules page in language {language}")
    if not bundle.declaration.source:
        yield Weakness(Severity.NOTE, "source", "it is not said where the studies come from and under which licence")


def _findings(declaration: Declaration) -> Iterator[Weakness]:
    for finding in declaration.findings:
        if finding.threshold in {0.0, 1.0}:
            text = f"at threshold {finding.threshold:g} every answer, or hardly one, is positive: no operating point"
            yield Weakness(Severity.WEAK, f"findings.{finding.code}.threshold", text)


def _minimum(declaration: Declaration) -> Iterator[Weakness]:
    if declaration.min_per_class < LEAST_MIN_PER_CLASS:
        text = (
            f"{declaration.min_per_class} is under {LEAST_MIN_PER_CLASS}: intervals of so few patients cover too little"
        )
        yield Weakness(Severity.WEAK, "min_per_class", text)


def _metrics(declaration: Declaration) -> Iterator[Weakness]:
    known = installed_metrics()
    for metric in declaration.metrics:
        if metric.name not in known:
            text = f"it is not installed here (installed: {', '.join(known) or 'none'}); no evaluation could be scored"
            yield Weakness(Severity.BLOCKING, f"metrics.{metric.name}", text)


def _windows(declaration: Declaration, now: datetime) -> Iterator[Weakness]:
    windows = [phase for phase in declaration.phases if phase.follows is None]
    for phase in windows:
        status = phase_status(declaration, phase.name, now)
        if status.state is PhaseState.CLOSED:
            text = f"its window ended at {status.closes_at:%Y-%m-%d %H:%M} UTC: nobody can submit"
            yield Weakness(Severity.WEAK, f"phases.{phase.name}", text)
    if declaration.missing is MissingPolicy.EXCLUDE_CASE:
        text = "with exclude_case a vendor chooses by silence which few cases its score covers, and learns their labels"
        yield Weakness(Severity.WEAK, "missing", text)
    for one, other in combinations(windows, 2):
        if _overlap(one, other):
            text = f'it overlaps "{other.name}"; a vendor may submit to both, each by its own quota'
            yield Weakness(Severity.NOTE, f"phases.{one.name}", text)
    if all(phase.follows is None for phase in declaration.phases):
        text = "no phase follows another: the last word is spoken on a set that vendors have tuned on"
        yield Weakness(Severity.NOTE, "phases", text)


def _overlap(one: Phase, other: Phase) -> bool:
    if one.opens_at is None or one.closes_at is None or other.opens_at is None or other.closes_at is None:
        return False
    return one.opens_at < other.closes_at and other.opens_at < one.closes_at


def _quotas(declaration: Declaration) -> Iterator[Weakness]:
    for phase in declaration.phases:
        where = f"phases.{phase.name}"
        if phase.follows is not None:
            continue
        if phase.quota.per_day > phase.quota.total:
            text = f"{phase.quota.per_day} a day are more than the total of {phase.quota.total}"
            yield Weakness(Severity.WEAK, f"{where}.quota", text)
        if phase.quota.total > MAX_TOTAL:
            text = f"{phase.quota.total} scores can teach a vendor the hidden labels; up to {MAX_TOTAL} are advised"
            yield Weakness(Severity.WEAK, f"{where}.quota.total", text)
        if not phase.feedback.ladder:
            which = "each better score" if phase.entry_rule is EntryRule.BEST else "each score"
            text = f"{which} is shown, however little it is better: vendors learn more of the hidden labels"
            yield Weakness(Severity.WEAK, f"{where}.feedback.ladder", text)
        if phase.show is Show.OPEN:
            text = "curves are public while the phase is open, and each step of a curve is one hidden case"
            yield Weakness(Severity.WEAK, f"{where}.show", text)


def _learned(phase: Phase, imported: Mapping[str, CaseSet]) -> Iterator[Weakness]:
    """Say what a vendor that knows nothing reaches on the hidden labels within the quota, where the Ladder is off."""
    case_set = imported.get(phase.cases)
    if phase.follows is not None or phase.feedback.ladder or case_set is None:
        return
    counts = [(each["positive"], each["negative"]) for each in case_set.counts.values()]
    reached = guessers_auc(phase.quota.total, counts)
    if reached > MAX_LEARNED:
        text = (
            f"without the Ladder {phase.quota.total} scores lead a vendor that knows nothing to an AUC of up to "
            f"{reached:.2f} on the hidden labels, over {MAX_LEARNED:.2f}; with it the default quota keeps below that"
        )
        yield Weakness(Severity.WEAK, f"phases.{phase.name}.feedback.ladder", text)


def guessers_auc(attempts: int, counts: Sequence[tuple[int, int]]) -> float:
    """Return the macro AUC of guesses that vote, each weighted by how far its shown macro AUC is from 0.5.

    A uniform guess's AUC has variance (m + n + 1) / 12mn on m positives and n negatives (Mann and Whitney 1947), and
    so the mean of K findings has s² = Σ (m + n + 1) / 12mn / K². The weights make the vote's mean differ between the
    classes by q·s² after q guesses, at a standard deviation of s·√(q/12): its AUC is Φ(s·√(6q)). A test holds this
    against simulation.

    Args:
        attempts: Guesses whose score is shown, q.
        counts: Positives and negatives of each finding.
    """
    held = [(m, n) for m, n in counts if m > 0 and n > 0]
    if not held:
        return 0.5
    variance = sum((m + n + 1) / (12 * m * n) for m, n in held) / len(held) ** 2
    return float(NormalDist().cdf(math.sqrt(6 * attempts * variance)))


def _sets(declaration: Declaration, imported: Mapping[str, CaseSet]) -> Iterator[Weakness]:
    split = {case_set.name: Split(case_set.split) for case_set in declaration.case_sets}
    users: dict[str, list[str]] = {}
    for phase in declaration.phases:
        where = f"phases.{phase.name}.cases"
        users.setdefault(phase.cases, []).append(phase.name)
        if phase.cases not in imported:
            waits = "no submission can be accepted" if phase.follows is None else "no entry can be evaluated"
            text = f'"{phase.cases}" is not imported: {waits} before `arena cases import`'
            yield Weakness(Severity.WEAK, where, text)
        if split[phase.cases] is Split.SAMPLE:
            yield Weakness(
                Severity.WEAK,
                where,
                f'"{phase.cases}" is a sample: its references are public, and vendors read their logs',
            )
        if phase.follows is not None and split[phase.cases] is not Split.FINAL:
            yield Weakness(
                Severity.WEAK, where, f'a phase that follows another should have a final set, not "{phase.cases}"'
            )
    for name, phases in users.items():
        if len(phases) > 1:
            text = f"{' and '.join(phases)} use one set; once one has closed, the other is refused or is no test"
            yield Weakness(Severity.WEAK, f"case_sets.{name}", text)
    for name, kind in split.items():
        if name not in users and kind is not Split.SAMPLE:
            yield Weakness(Severity.NOTE, f"case_sets.{name}", "no phase uses it")


def _sizes(declaration: Declaration, case_set: CaseSet) -> Iterator[Weakness]:
    if case_set.split == Split.SAMPLE:
        return
    where = f"case_sets.{case_set.name}"
    if case_set.n_cases < MIN_CASES:
        text = f"{case_set.n_cases} studies are under {MIN_CASES}: intervals will be wide"
        yield Weakness(Severity.WEAK, where, text)
    if case_set.n_patients < case_set.n_cases:
        text = f"{case_set.n_cases} studies are of {case_set.n_patients} patients; intervals count patients"
        yield Weakness(Severity.NOTE, where, text)
    for finding in declaration.findings:
        counts = case_set.counts.get(finding.code)
        if counts is None:
            yield Weakness(
                Severity.BLOCKING, where, f"it was imported without labels for {finding.code}: import it again"
            )
        else:
            yield from _classes(declaration, f"{where}.{finding.code}", counts)


def _classes(declaration: Declaration, where: str, counts: Mapping[str, int]) -> Iterator[Weakness]:
    known = counts["positive"] + counts["negative"]
    for kind in ("positive", "negative"):
        patients = counts[f"{kind}_patients"]
        if patients < declaration.min_per_class:
            text = f"{patients} {kind} patients are under min_per_class, {declaration.min_per_class}: no number for it"
            yield Weakness(Severity.BLOCKING if patients == 0 else Severity.WEAK, where, text)
            continue
        if patients < MIN_PATIENTS:
            text = f"{patients} {kind} patients are under {MIN_PATIENTS}: the interval is wide and covers less surely"
            yield Weakness(Severity.WEAK, where, text)
        if counts[kind] < MIN_CLASS_SHARE * known:
            text = f"{counts[kind]} of {known} studies are {kind}, under {MIN_CLASS_SHARE:.0%}"
            yield Weakness(Severity.WEAK, where, text)
