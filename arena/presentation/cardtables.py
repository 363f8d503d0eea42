"""The tables of one entry's public scorecard; where a number is absent, its cell holds the reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from arena.presentation.boardtables import Names
from arena.presentation.clinicaltables import CLINICAL_TABLES
from arena.presentation.tabular import Coded as Code
from arena.presentation.tabular import Column, Row, Table, found, level, measured, number, reason
from arena.store.documents import FindingScores, PublicScorecard
from arena.store.numbers import Confusion, PrevalenceScores

FINDING = Column("finding", "finding.name")


def _findings(card: PublicScorecard, names: Names) -> Table:
    columns = (
        FINDING, Column("in_macro"), Column("patients_positive"), Column("patients_negative"), Column("n_missing"),
        Column("auc", "finding.auc"), Column("partial_auc"), Column("partial_auc_standardised"),
        Column("average_precision"), Column("brier", "finding.brier"), Column("reason"),
    )  # fmt: skip
    rows = []
    for f in card.findings:
        n = f.numbers
        rows.append(
            (
                names.finding(f.finding), f.in_macro, f.patients_positive, f.patients_negative, f.n_missing,
                found(f.auc),
                None if n is None else found(n.partial_auc.sensitivity),
                None if n is None else found(n.partial_auc.standardised),
                None if n is None else found(n.this_set.average_precision),
                found(f.brier), reason(f.numbers_reason),
            )
        )  # fmt: skip
    return Table("findings", columns, tuple(rows), drawn="auc")


def _policies(card: PublicScorecard, names: Names) -> Table:
    columns = (
        FINDING,
        Column("worst", "policy.worst"),
        Column("half", "policy.half"),
        Column("exclude_case", "policy.exclude_case"),
    )
    rows: list[Row] = [
        (names.finding(None), found(card.macro_worst), found(card.macro_half), found(card.macro_exclude_case))
    ]
    rows += [
        (names.finding(f.finding), found(f.auc_worst), found(f.auc_half), found(f.auc_exclude_case))
        for f in card.findings
    ]
    return Table("missing", columns, tuple(rows))


_COUNTS = ("true_positive", "false_positive", "false_negative", "true_negative")
_RATES = ("sensitivity", "specificity", "ppv", "npv", "f1", "mcc", "sensitivity_patients", "specificity_patients")
_COMMON = frozenset({"sensitivity", "specificity", "ppv", "npv"})


def _confusion(confusion: Confusion) -> Row:
    return (
        Code("threshold", confusion.source),
        level(confusion.threshold_level),
        *(getattr(confusion, name) for name in _COUNTS),
        *(found(getattr(confusion, name)) for name in _RATES),
    )


_CONFUSION = (
    Column("source", "col.threshold_source"), Column("threshold", "finding.threshold"),
    *(Column(name) for name in _COUNTS),
    *(Column(name, f"finding.{name}" if name in _COMMON else "") for name in _RATES),
)  # fmt: skip


def _thresholds(card: PublicScorecard, names: Names) -> Table:
    rows: list[Row] = []
    for f in card.findings:
        if f.numbers is not None:
            given = (f.numbers.declared, f.numbers.calibrated, f.numbers.youden)
            rows += [(names.finding(f.finding), *_confusion(each)) for each in given if each is not None]
    return Table("thresholds", (FINDING, *_CONFUSION), tuple(rows), _why(rows, card))


def _chosen(card: PublicScorecard, names: Names) -> Table:
    """How the thresholds of the calibration split came about, or why one did not."""
    columns = (
        FINDING, Column("threshold", "finding.threshold"), Column("of"), Column("floor"),
        Column("n", "col.split_patients"), Column("needed"), Column("order"), Column("confidence"), Column("reason"),
    )  # fmt: skip
    rows = tuple(
        (
            names.finding(f.finding), level(c.level), Code("of", c.kind), number(c.floor), c.n, c.needed, c.order,
            number(c.confidence), reason(c.reason),
        )
        for f in card.findings
        if (c := f.calibrated_threshold) is not None
    )  # fmt: skip
    return Table("calibrated-thresholds", columns, rows, "" if rows else "absent.calibrated")


def _calibration(card: PublicScorecard, names: Names) -> Table:
    columns = (
        FINDING, Column("n_answered"), Column("n_known"), Column("ece"), Column("null_mean"), Column("null_p95"),
        Column("bins"), Column("bin_count"), Column("simulations"), Column("slope"), Column("intercept"),
        Column("share_clipped"),
    )  # fmt: skip
    rows: list[Row] = []
    for f in card.findings:
        if f.numbers is None:
            continue
        c, error = f.numbers.calibration, f.numbers.calibration.error
        rows.append(
            (
                names.finding(f.finding), c.n_answered, c.n_known, found(error.estimate), number(error.null_mean),
                number(error.null_p95), Code("bins", error.bins.kind), error.bins.count, error.simulations,
                found(c.slope, 2), found(c.intercept, 2), number(c.share_clipped),
            )
        )  # fmt: skip
    return Table("calibration", columns, tuple(rows), _why(rows, card))


def _reliability(card: PublicScorecard, names: Names) -> Table:
    columns = (FINDING, Column("from"), Column("to"), Column("mean_answer"), Column("observed"))
    rows: list[Row] = [
        (names.finding(f.finding), level(b.low_level), level(b.high_level), number(b.mean_answer), found(b.observed))
        for f in card.findings
        if f.numbers is not None
        for b in f.numbers.calibration.reliability
    ]
    return Table("reliability", columns, tuple(rows), _why(rows, card))


def _both(f: FindingScores) -> Iterator[tuple[Code, PrevalenceScores]]:
    if f.numbers is not None:
        yield Code("share", "this_set"), f.numbers.this_set
        yield Code("share", "declared"), f.numbers.population


def _prevalence(card: PublicScorecard, names: Names) -> Table:
    columns = (
        FINDING, Column("share", "col.share"), Column("prevalence"), Column("source", "col.prevalence_source"),
        Column("threshold", "finding.threshold"), Column("ppv", "finding.ppv"), Column("npv", "finding.npv"),
        Column("f1"), Column("mcc"), Column("workload"), Column("average_precision"), Column("brier", "finding.brier"),
        Column("ece"), Column("null_mean"), Column("null_p95"), Column("reason"),
    )  # fmt: skip
    rows: list[Row] = []
    for f in card.findings:
        for share, s in _both(f):
            source = Code("share", "itself") if share.code == "this_set" else s.source
            rows.append(
                (
                    names.finding(f.finding), share, measured(s.prevalence), source, level(s.threshold_level),
                    *(found(e) for e in (s.ppv, s.npv, s.f1, s.mcc, s.workload)),
                    *(found(e) for e in (s.average_precision, s.brier, s.error.estimate)),
                    number(s.error.null_mean), number(s.error.null_p95), reason(s.reason),
                )
            )  # fmt: skip
        rows += _at_calibrated(f, names)
    return Table("prevalence", columns, tuple(rows), _why(rows, card))


def _at_calibrated(f: FindingScores, names: Names) -> list[Row]:
    """Return the line of the declared prevalence at the calibration split's threshold, where there is one."""
    told = None if f.numbers is None else f.numbers.population_calibrated
    if told is None:
        return []
    return [
        (
            names.finding(f.finding), Code("share", "declared_calibrated"), measured(told.prevalence), told.source,
            level(told.threshold_level), *(found(e) for e in (told.ppv, told.npv, told.f1, told.mcc)), *(None,) * 6,
            reason(told.reason),
        )
    ]  # fmt: skip


def _decision(card: PublicScorecard, names: Names) -> Table:
    columns = (
        FINDING, Column("share", "col.share"), Column("prevalence"), Column("threshold", "finding.threshold"),
        Column("net_benefit"), Column("low"), Column("high"), Column("treat_all"),
    )  # fmt: skip
    rows: list[Row] = [
        (
            names.finding(f.finding), share, measured(curve.prevalence), level(at), number(value), number(low),
            number(high), number(everybody),
        )
        for f in card.findings
        for share, scores in _both(f)
        if (curve := scores.decision_curve) is not None
        for at, value, low, high, everybody in zip(
            curve.levels, curve.net_benefit, curve.low, curve.high, curve.treat_all, strict=True
        )
    ]  # fmt: skip
    return Table("decision", columns, tuple(rows), _why(rows, card))


def _any(card: PublicScorecard, _names: Names) -> Table:
    told = card.any_pathology
    columns = (
        Column("n"), Column("n_positive"), Column("n_unknown"), Column("n_missing"), Column("auc", "finding.auc"),
        *_CONFUSION[2:], Column("reason"),
    )  # fmt: skip
    if told is None:
        return Table("any-pathology", columns, (), "absent.any")
    numbers = (None,) * (len(_COUNTS) + len(_RATES)) if told.declared is None else _confusion(told.declared)[2:]
    row = (told.n, told.n_positive, told.n_unknown, told.n_missing, found(told.auc), *numbers, reason(told.reason))
    return Table("any-pathology", columns, (row,))


def _metrics(card: PublicScorecard, _names: Names) -> Table:
    columns = (
        Column("metric"), Column("version"), Column("direction"), Column("least"), Column("greatest"), Column("value"),
        Column("low"), Column("high"), Column("n"), Column("resamples"), Column("reason"),
    )  # fmt: skip
    rows = tuple(
        (
            m.name, m.version, None if m.direction is None else Code("direction", m.direction), measured(m.least),
            measured(m.greatest), number(m.value), number(m.low), number(m.high), m.n, m.resamples, reason(m.reason),
        )
        for m in card.metrics
    )  # fmt: skip
    return Table("metrics", columns, rows, "" if rows else "absent.metrics")


def _why(rows: list[Row], card: PublicScorecard) -> str:
    """Return the reason why no finding has numbers; one of theirs, for they are mostly the same."""
    if rows:
        return ""
    given = next((f.numbers_reason for f in card.findings if f.numbers_reason is not None), None)
    return "absent.numbers" if given is None else f"reason.{given}"


CARD_TABLES: Final[dict[str, Callable[[PublicScorecard, Names], Table]]] = {
    "findings": _findings,
    "missing": _policies,
    "thresholds": _thresholds,
    "calibrated-thresholds": _chosen,
    "calibration": _calibration,
    "reliability": _reliability,
    "prevalence": _prevalence,
    "decision": _decision,
    "any-pathology": _any,
    **CLINICAL_TABLES,
    "metrics": _metrics,
}
"""Every table of a scorecard by its name in addresses."""
