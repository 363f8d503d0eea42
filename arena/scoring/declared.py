"""What a challenge declares for the scorer, as plain values: importing this loads no numerics."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Rule(StrEnum):
    """INTERVAL: the bound decides, and may leave it undecided. POINT: the estimate alone decides, errors included."""

    INTERVAL = "interval"
    POINT = "point"


class AttemptSets(StrEnum):
    """FRESH: each attempt is on studies that the vendor never met. SAME: on one set, so alpha is shared by attempts."""

    FRESH = "fresh"
    SAME = "same"


class Floor(StrEnum):
    """Which share has to reach a floor on a calibration split."""

    SENSITIVITY = "sensitivity"
    SPECIFICITY = "specificity"


class Equivocal(StrEnum):
    """What an unknown reference counts as; BOTH: judged as either, and decided only where both agree."""

    EXCLUDE = "exclude"
    POSITIVE = "positive"
    NEGATIVE = "negative"
    BOTH = "both"


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationRules:
    """A calibration test as declared before its first attempt.

    Attributes:
        limit: AUC that a finding must reach, in (0, 1).
        alpha: Two-sided error of the interval; 0.05 gives 95 % intervals.
        attempts: Attempts that a service may make, k.
        sets: Whether each attempt has a fresh set; on the same set each attempt is judged at alpha / k.
        rule: Whether interval or estimate decides.
        required: How many of the findings must pass; None means all.
    """

    limit: float
    alpha: float = 0.05
    attempts: int = 1
    sets: AttemptSets = AttemptSets.FRESH
    rule: Rule = Rule.INTERVAL
    required: int | None = None

    @property
    def attempt_alpha(self) -> float:
        """The two-sided error of one attempt's intervals."""
        return self.alpha / self.attempts if self.sets is AttemptSets.SAME else self.alpha


@dataclass(frozen=True, slots=True, kw_only=True)
class NormLimits:
    """What the challenge declares; each limit is the largest tolerated share, None where it declares none.

    Attributes:
        missed_of_abnormal: Patients missed, of abnormal patients.
        missed_of_sorted: Patients missed, of patients with a study sorted as norm, in this set.
        missed_of_incoming: Patients missed, of all that come at the prevalence; a thousandth of "per 1,000".
        prevalence: Share of abnormal patients among those who come, in (0, 1).
    """

    missed_of_abnormal: float | None = None
    missed_of_sorted: float | None = None
    missed_of_incoming: float | None = None
    prevalence: float | None = None
