"""How many cases, positives and patients stand under a comparison of macro scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from arena.scoring.inputs import POSITIVE, ScoringInputs, references_of
from arena.scoring.levels import MISSING_LEVEL


@dataclass(frozen=True, slots=True)
class Counts:
    """What is counted.

    Attributes:
        n: Cases with a known reference of at least one macro finding.
        n_positive: Those of them that are positive for at least one.
        n_patients: Patients that hold the cases.
    """

    n: int
    n_positive: int
    n_patients: int


@dataclass(frozen=True, slots=True)
class MacroCases:
    """The references behind the macro score, the same for all entries of a case set; arrays of shape (n,)."""

    known: NDArray[np.bool_]
    positive: NDArray[np.bool_]
    patients: NDArray[np.int64]

    def counts(self, kept: NDArray[np.bool_] | None = None) -> Counts:
        """Count all of them, or those that are kept, shape (n,)."""
        chosen = self.known if kept is None else self.known & kept
        return Counts(
            n=int(np.count_nonzero(chosen)),
            n_positive=int(np.count_nonzero(self.positive & chosen)),
            n_patients=int(np.count_nonzero(np.bincount(self.patients[chosen]))),
        )


def macro_cases(inputs: Sequence[ScoringInputs]) -> MacroCases:
    """Return the cases of a case set that some macro finding is known of.

    Args:
        inputs: Of any entries of the set; their references are the same. Without an entry there is no case.
    """
    if not inputs:
        none = np.zeros(0, dtype=np.bool_)
        return MacroCases(none, none, np.zeros(0, dtype=np.int64))
    first, references = inputs[0], references_of(inputs[0])
    columns = [index for index, finding in enumerate(references.findings) if finding.in_macro]
    positive = (first.labels[:, columns] == POSITIVE).any(axis=1)
    return MacroCases(references.in_macro, positive, first.patients)


def answered(inputs: ScoringInputs) -> NDArray[np.bool_]:
    """Return which cases have a usable answer, shape (n,); a case has one for all findings or for none."""
    return np.asarray(inputs.levels[:, 0] != MISSING_LEVEL, dtype=np.bool_)
