"""What the scorer takes: plain arrays in the order of the case set, checked once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arena.scoring.influence import Cases, Column, make_cases, make_column, make_level_column
from arena.scoring.levels import MISSING_LEVEL, TOP_LEVEL
from arena.scoring.missing import MissingPolicy, apply_policy
from runners.values import Outcome

POSITIVE, NEGATIVE, UNKNOWN = 1, 0, -1


@dataclass(frozen=True, slots=True)
class FindingReferences:
    """The references of one finding.

    Attributes:
        known: Which cases of the set have a known reference, shape (n,); None where all have.
        cases: Those cases.
        in_macro: Whether enough patients hold each class.
    """

    known: NDArray[np.bool_] | None
    cases: Cases
    in_macro: bool


@dataclass(frozen=True, slots=True)
class References:
    """The references of a case set, prepared once for all entries.

    Attributes:
        labels: What they were prepared from, see `ScoringInputs`; so are `patients` and `min_per_class`.
        findings: Each finding's.
        in_macro: Whether one of a case's macro findings is known, shape (n,).
    """

    labels: NDArray[np.int8]
    patients: NDArray[np.int64]
    min_per_class: int
    findings: tuple[FindingReferences, ...]
    in_macro: NDArray[np.bool_]


def prepare_references(labels: NDArray[np.int8], patients: NDArray[np.int64], *, min_per_class: int = 30) -> References:
    """Take the known cases of each finding and count their patients; the arguments are those of `ScoringInputs`."""
    n_patients, found = int(patients.max()) + 1, []
    in_macro = np.zeros(patients.size, dtype=np.bool_)
    for column in labels.T:
        known = column != UNKNOWN
        whole = bool(known.all())
        cases = make_cases(
            (column if whole else column[known]) == POSITIVE, patients if whole else patients[known], n_patients
        )
        enough = min(cases.patients_positive, cases.patients_negative) >= min_per_class
        if enough:
            in_macro |= known
        found.append(FindingReferences(None if whole else known, cases, enough))
    return References(labels, patients, min_per_class, tuple(found), in_macro)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoringInputs:
    """One evaluation, its references and the rules that it is judged by; n cases, K findings.

    Attributes:
        findings: Codes of the findings in their declared order, K of them.
        thresholds: Level 0…10,000 of each finding's operating point; at or above it a case is called positive.
        levels: Level of each answer, −1 in the whole row of a case without a usable answer, shape (n, K), in any signed
            type of 16 bits or more. Fastest where each finding lies in one piece of memory, as in the transpose of a
            (K, n) array; the same holds for labels.
        labels: References: 1 positive, 0 negative, −1 unknown, shape (n, K).
        patients: Patient code of each case, shape (n,), 0…I − 1 with every code used (`levels.patient_codes`); the same
            for every entry of a case set.
        outcomes: How each case ended, n of them: `ok` exactly where there are levels, and never `not_run`.
        latency_seconds: Seconds to the answer of each case, n of them; None where none came.
        missing: What a case without levels counts as.
        min_per_class: Patients with and without a finding that its numbers need.
        references: `prepare_references` of these very labels and patients, where several entries share it.
    """

    findings: tuple[str, ...]
    thresholds: tuple[int, ...]
    levels: NDArray[np.signedinteger[Any]]
    labels: NDArray[np.int8]
    patients: NDArray[np.int64]
    outcomes: tuple[Outcome, ...]
    latency_seconds: tuple[float | None, ...]
    missing: MissingPolicy = MissingPolicy.WORST
    min_per_class: int = 30
    references: References | None = None

    def __post_init__(self) -> None:
        for message in _defects(self):
            raise ValueError(message)

    @property
    def n_cases(self) -> int:
        """Number of cases, n."""
        return len(self.outcomes)

    @property
    def n_patients(self) -> int:
        """Number of patients, I."""
        return int(self.patients.max()) + 1


def _defects(inputs: ScoringInputs) -> list[str]:
    """Return what is wrong with the inputs; a caller's bug, never a vendor's fault."""
    n, k = len(inputs.outcomes), len(inputs.findings)
    shapes = {
        "thresholds": len(inputs.thresholds) == k,
        "levels": inputs.levels.shape == (n, k),
        "labels": inputs.labels.shape == (n, k),
        "patients": inputs.patients.shape == (n,),
        "latency_seconds": len(inputs.latency_seconds) == n,
    }
    wrong = [f"{name}: expected {n} cases and {k} findings" for name, right in shapes.items() if not right]
    if n == 0 or k == 0 or wrong:
        return wrong or ["there is nothing to score: no case or no finding"]
    answered = np.array([outcome is Outcome.OK for outcome in inputs.outcomes])
    present = inputs.levels >= 0
    checks = {
        "thresholds: expected levels 0…10,000": all(0 <= level <= TOP_LEVEL for level in inputs.thresholds),
        "levels: expected −1…10,000": bool(((inputs.levels >= MISSING_LEVEL) & (inputs.levels <= TOP_LEVEL)).all()),
        "levels: a case has all findings with outcome ok, else none": bool((present == answered[:, None]).all()),
        "labels: expected 1, 0 or −1": bool(np.isin(inputs.labels, (POSITIVE, NEGATIVE, UNKNOWN)).all()),
        "patients: expected codes 0…I − 1, each used": _dense(inputs.patients),
        "outcomes: a case has not been run": Outcome.NOT_RUN not in inputs.outcomes,
        "references: prepared from other labels, patients or min_per_class": _prepared(inputs),
        "min_per_class: expected 2 or more": inputs.min_per_class >= 2,  # noqa: PLR2004 - a variance needs two
    }
    return [message for message, right in checks.items() if not right]


def _prepared(inputs: ScoringInputs) -> bool:
    of = inputs.references
    return of is None or (
        of.labels is inputs.labels and of.patients is inputs.patients and of.min_per_class == inputs.min_per_class
    )


def _dense(patients: NDArray[np.int64]) -> bool:
    if int(patients.min()) < 0 or int(patients.max()) >= patients.size:
        return False
    return bool((np.bincount(patients) > 0).all())


@dataclass(frozen=True, slots=True)
class FindingCases:
    """One finding before a policy: the cases whose reference is known.

    Attributes:
        finding: Its code.
        threshold: Its operating point's level.
        cases: References and patients.
        levels: Levels of the same cases, −1 where missing.
        in_macro: Whether enough patients hold each class; decided by references alone.
    """

    finding: str
    threshold: int
    cases: Cases
    levels: NDArray[np.signedinteger[Any]]
    in_macro: bool

    @property
    def n_missing(self) -> int:
        """Cases with a known reference and no usable answer."""
        return int(np.count_nonzero(self.levels == MISSING_LEVEL))

    def column(self, policy: MissingPolicy) -> Column | None:
        """Return the scored cases under a policy; None where the entry fails as a whole."""
        if self.levels.min(initial=0) > MISSING_LEVEL:  # sooner known than how many are missing
            return make_level_column(self.levels, self.cases)
        coded = apply_policy(policy, self.levels, self.cases.positive)
        if coded is None:
            return None
        return make_column(coded.codes, self.cases.subset(coded.kept), size=coded.size)


def split_findings(inputs: ScoringInputs) -> tuple[FindingCases, ...]:
    """Take the known cases of each finding; a study with an unknown reference leaves that finding for everyone."""
    return finding_cases(references_of(inputs), inputs.findings, inputs.thresholds, inputs.levels)


def references_of(inputs: ScoringInputs) -> References:
    """Return the prepared references of an evaluation; prepared here where no one did before."""
    return inputs.references or prepare_references(inputs.labels, inputs.patients, min_per_class=inputs.min_per_class)


def finding_cases(
    references: References,
    findings: Sequence[str],
    thresholds: Sequence[int],
    levels: NDArray[np.signedinteger[Any]],
) -> tuple[FindingCases, ...]:
    """Put the answers of one entry beside the references; the arguments are those of `ScoringInputs`."""
    return tuple(
        FindingCases(finding, threshold, of.cases, given if of.known is None else given[of.known], of.in_macro)
        for finding, threshold, of, given in zip(findings, thresholds, references.findings, levels.T, strict=True)
    )
