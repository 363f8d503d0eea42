"""What challenge.yaml may say of the clinic: prevalence, autonomous norm, the calibration test, subgroups, readers."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from arena.challenge.strict import FindingCode, Strict, disagreement
from arena.scoring.declared import AttemptSets, CalibrationRules, Equivocal, Floor, NormLimits, Rule

AGE_BANDS = (18, 45, 60, 75)
"""First years of the second band and of each further one."""

_IDENTIFYING = ("study", "patient", "case")
_OLDEST = 120


class Prevalence(Strict):
    """The share of positives among the studies, or patients, that the clinic sends, and who says so."""

    value: float = Field(gt=0, lt=1)
    source: str = Field(min_length=3, max_length=400)


class NormDeclaration(Strict):
    """Limits of autonomous sorting: a study with no finding at or above its threshold is released without a doctor.

    Each `max_…` holds for the one-sided 95 % upper limit of a share of patients (docs/statistics.md).
    """

    threshold: float | None = Field(
        default=None, ge=0, le=1, multiple_of=0.0001, description="For every finding; without it each has its own."
    )
    prevalence: Prevalence | None = Field(default=None, description="Of any finding of the list, among those who come.")
    max_missed_of_abnormal: float | None = Field(default=None, gt=0, lt=1)
    max_missed_of_sorted: float | None = Field(default=None, gt=0, lt=1)
    max_missed_per_1000: float | None = Field(default=None, gt=0, lt=1000)

    @model_validator(mode="after")
    def _limits_can_be_judged(self) -> NormDeclaration:
        names = ("max_missed_of_abnormal", "max_missed_of_sorted", "max_missed_per_1000")
        if all(getattr(self, name) is None for name in names):
            raise disagreement("no limit is declared", (names[0],), None, "one of " + ", ".join(names))
        if self.max_missed_per_1000 is not None and self.prevalence is None:
            reason = "how many of 1,000 incoming are missed depends on how many of them are abnormal"
            raise disagreement(reason, ("prevalence",), None, "a value and its source")
        return self

    def to_limits(self) -> NormLimits:
        """Return them as the plain value that the scorer takes."""
        per_1000 = self.max_missed_per_1000
        return NormLimits(
            missed_of_abnormal=self.max_missed_of_abnormal,
            missed_of_sorted=self.max_missed_of_sorted,
            missed_of_incoming=None if per_1000 is None else per_1000 / 1000,
            prevalence=None if self.prevalence is None else self.prevalence.value,
        )


class CalibrationTest(Strict):
    """A test against a limit, declared before its first attempt: `arena.scoring.declared.CalibrationRules`."""

    limit: float = Field(gt=0.5, lt=1, description="AUC that a finding must reach.")
    rule: Rule = Rule.INTERVAL
    alpha: float = Field(default=0.05, ge=0.001, le=0.2)
    attempts: int = Field(default=1, ge=1, le=10)
    attempt_sets: AttemptSets = AttemptSets.FRESH
    required: int | None = Field(default=None, ge=1, description="Findings that must pass; without it all of them.")
    equivocal: Equivocal = Equivocal.EXCLUDE

    def to_rules(self) -> CalibrationRules:
        """Return them as the plain value that the scorer takes; `equivocal` is applied to the references before."""
        return CalibrationRules(
            limit=self.limit,
            alpha=self.alpha,
            attempts=self.attempts,
            sets=self.attempt_sets,
            rule=self.rule,
            required=self.required,
        )


class CalibratedThreshold(Strict):
    """A threshold set for each entry of a phase that follows another, on the set of the phase that it follows.

    The share that has a floor then holds, with 95 % confidence, for patients not yet seen (`arena.scoring.thresholds`).
    """

    kind: Floor = Floor.SENSITIVITY
    floor: float = Field(ge=0.5, lt=1)


ColumnName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{1,29}$")]
"""Name of an attribute; study and patient identify, and are refused."""


class Subgroups(Strict):
    """The attributes by which numbers are also given, one at a time, and the bands of age."""

    columns: tuple[ColumnName, ...] = Field(
        default=("sex", "age"),
        max_length=8,
        description="sex, age, site, manufacturer, or a further column of the label table.",
    )
    age_bands: tuple[int, ...] = Field(default=AGE_BANDS, max_length=12, description="First year of each further band.")

    @model_validator(mode="after")
    def _bands_ascend(self) -> Subgroups:
        for number, column in enumerate(self.columns):
            if column in self.columns[:number]:
                raise disagreement("the column stands twice", ("columns", number), column, "columns that differ")
            if column in _IDENTIFYING:
                raise disagreement("the column identifies", ("columns", number), column, "another column")
        for number, (first, after) in enumerate(zip((0, *self.age_bands), self.age_bands, strict=False)):
            if not first < after <= _OLDEST:
                reason = "ages do not ascend"
                raise disagreement(reason, ("age_bands", number), after, f"{first + 1}…{_OLDEST}")
        return self


class ReaderRow(Strict):
    """One row of the readers' table as read (docs/challenge.md): a point, or one point of a curve.

    Shares are decimal text as written, so that they stay exact, or empty beside counts of cases.
    """

    finding: FindingCode
    label: str
    kind: Literal["point", "curve"] = "point"
    readers: int = 1
    sensitivity: str = ""
    specificity: str = ""
    n_positive: int | None = None
    n_negative: int | None = None
    true_positive: int | None = None
    true_negative: int | None = None
    source: str = ""


class ReadersTable(Strict):
    """The readers' table: its file's name, and its rows in the order of the file."""

    file: str
    rows: tuple[ReaderRow, ...]
