"""What is weak about prevalence, norm, calibration test and readers: what no set of this size could ever show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from arena.challenge.clinical import CalibrationTest, NormDeclaration
from arena.challenge.phases import attempts_allowed
from arena.challenge.schema import Declaration
from arena.challenge.weakness import Severity, Weakness
from arena.scoring.declared import AttemptSets, Rule
from arena.store.tables import CaseSet, Split

LIKELY = 0.8
"""Chance to pass under which the check warns: the power that studies are usually planned for."""


def clinical_weaknesses(declaration: Declaration, imported: Mapping[str, CaseSet]) -> Iterator[Weakness]:
    """Return the weaknesses of what the clinic asks.

    Args:
        declaration: The challenge.
        imported: The newest version of each imported case set of this challenge, by name.
    """
    judged = [case_set for case_set in imported.values() if case_set.split != Split.SAMPLE]
    yield from _prevalences(declaration, judged)
    if declaration.norm is not None:
        yield from _norm(declaration, declaration.norm, judged)
    if declaration.calibration_test is not None:
        yield from _test(declaration, declaration.calibration_test, judged)
    yield from _split(declaration)
    yield from _readers(declaration)


def _split(declaration: Declaration) -> Iterator[Weakness]:
    """Tell of a calibrated threshold that is set where the entry is chosen."""
    for phase in declaration.phases:
        before = declaration.phase(phase.follows or "")
        if declaration.calibrated_threshold is None or before is None:
            continue
        attempts = attempts_allowed(declaration, before)
        if attempts > 1:
            chosen = (
                f'"{phase.name}" takes it from "{before.cases}", where each entry was chosen among up to {attempts}'
            )
            text = f"{chosen}: the floor is reached less often than with 95 % confidence"
            yield Weakness(Severity.WEAK, "calibrated_threshold", text)


def _prevalences(declaration: Declaration, judged: list[CaseSet]) -> Iterator[Weakness]:
    for finding in declaration.findings:
        if finding.prevalence is None:
            continue
        where = f"findings.{finding.code}.prevalence"
        if declaration.enriched_by_difficulty:
            text = "hard cases were sought, so nothing is carried over to this prevalence"
            yield Weakness(Severity.NOTE, where, text)
        for case_set in judged:
            counts = case_set.counts.get(finding.code, {"positive": 0, "negative": 0})
            known = counts["positive"] + counts["negative"]
            if known and counts["positive"] < finding.prevalence.value * known:
                share = counts["positive"] / known
                text = f"{finding.prevalence.value:.1%} are more than in {case_set.name} ({share:.1%}): a misprint?"
                yield Weakness(Severity.NOTE, where, text)


def _norm(declaration: Declaration, norm: NormDeclaration, judged: list[CaseSet]) -> Iterator[Weakness]:
    from arena.scoring.binomial import units_for_zero  # noqa: PLC0415 - reading a challenge loads no numerics

    if declaration.enriched_by_difficulty and norm.max_missed_per_1000 is not None:
        text = "hard cases were sought, so no share carries over to those who come: it can only be undecided"
        yield Weakness(Severity.BLOCKING, "norm.max_missed_per_1000", text)
    if norm.threshold is None:
        text = "the findings' own thresholds decide; sorting norms usually wants a more sensitive one"
        yield Weakness(Severity.NOTE, "norm.threshold", text)
    limits = norm.to_limits()
    tolerated = {"max_missed_of_abnormal": limits.missed_of_abnormal}
    if limits.missed_of_incoming is not None and limits.prevalence is not None:
        tolerated["max_missed_per_1000"] = limits.missed_of_incoming / limits.prevalence
    for key, share in tolerated.items():
        if share is not None and share >= 1:
            text = "it is met even if every abnormal patient is missed"
            yield Weakness(Severity.WEAK, f"norm.{key}", text)
        elif share is not None:
            yield from _abnormal(declaration, judged, f"norm.{key}", units_for_zero(share))


def _abnormal(declaration: Declaration, judged: list[CaseSet], where: str, needed: int) -> Iterator[Weakness]:
    for case_set in judged:
        # Patients with two findings are counted twice, so there are no more abnormal ones than this.
        counts = [case_set.counts.get(finding.code, {}) for finding in declaration.findings]
        most = min(sum(count.get("positive_patients", 0) for count in counts), case_set.n_patients)
        if most < needed:
            text = f"{case_set.name} has at most {most} abnormal patients; to pass without one miss takes {needed}"
            yield Weakness(Severity.WEAK, where, text)


def _test(declaration: Declaration, test: CalibrationTest, judged: list[CaseSet]) -> Iterator[Weakness]:
    where = "calibration_test"
    if test.attempt_sets is AttemptSets.FRESH:
        sets = sum(Split(declared.split) is not Split.SAMPLE for declared in declaration.case_sets)
        if test.attempts > sets:
            text = f"{test.attempts} attempts on fresh sets need as many sets; {sets} are declared"
            yield Weakness(Severity.WEAK, f"{where}.attempts", text)
    if test.required is not None and test.required < len(declaration.findings):
        text = f"with {test.required} of {len(declaration.findings)} findings each bad one has its own chance to pass"
        yield Weakness(Severity.NOTE, f"{where}.required", text)
    if test.rule is Rule.POINT:
        text = "the estimate alone decides, with these errors and no third verdict"
        yield Weakness(Severity.WEAK, f"{where}.rule", text)
    for case_set in judged:
        yield from _undecidable(declaration, test, case_set)
        yield from _chances(declaration, test, case_set)


def _undecidable(declaration: Declaration, test: CalibrationTest, case_set: CaseSet) -> Iterator[Weakness]:
    """Tell of a set on which too few findings will have numbers for any service to pass."""
    required = len(declaration.findings) if test.required is None else test.required
    rare = [
        finding.code
        for finding in declaration.findings
        if (counts := case_set.counts.get(finding.code)) is not None
        and min(counts["positive_patients"], counts["negative_patients"]) < declaration.min_per_class
    ]
    if rare and len(declaration.findings) - len(rare) < required:
        text = (
            f"on {case_set.name} no service can pass: too few patients for {', '.join(rare)}, and {required} must pass"
        )
        yield Weakness(Severity.WEAK, "calibration_test", text)


def _chances(declaration: Declaration, test: CalibrationTest, case_set: CaseSet) -> Iterator[Weakness]:
    """Tell the chances of the finding with the fewest patients of a class."""
    from arena.scoring.verdict import SHOWN_AUCS, pass_chance  # noqa: PLC0415 - as above

    sizes = [
        (counts["positive_patients"], counts["negative_patients"])
        for finding in declaration.findings
        if (counts := case_set.counts.get(finding.code)) is not None
    ]
    usable = [size for size in sizes if min(size) >= declaration.min_per_class]
    if not usable:
        return
    m, n = min(usable, key=min)
    chances = [pass_chance(auc, test.to_rules(), m, n) for auc in SHOWN_AUCS]
    if test.rule is Rule.POINT or chances[-1].any_attempt < LIKELY:
        told = " and ".join(f"AUC {chance.auc:g} passes with chance {chance.any_attempt:.0%}" for chance in chances)
        text = f"on {case_set.name}, one finding of {m} patients with and {n} without: {told}"
        severity = Severity.WEAK if test.rule is Rule.POINT else Severity.NOTE
        yield Weakness(severity, "calibration_test", text)


def _readers(declaration: Declaration) -> Iterator[Weakness]:
    rows = () if declaration.readers is None else declaration.readers.rows
    bare = sum(row.kind == "point" and row.readers == 1 and row.n_positive is None for row in rows)
    if bare:
        text = f"{bare} points of single readers have no number of cases, so no interval"
        yield Weakness(Severity.NOTE, "readers", text)
