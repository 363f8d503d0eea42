"""What the scoring child is told of each case for subgroups: attributes of stored rows, never a label.

The rows come from the database, the references from their own root; they meet in the child alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from arena.challenge.clinical import Subgroups
from arena.scoring.suppression import age_bands
from arena.store.tables import Case


@dataclass(frozen=True, slots=True)
class CaseAttributes:
    """The declared attributes of a case set, as plain values that can be handed to another process.

    Attributes:
        cases: Names of the cases, in order of name.
        columns: Declared column → value of every case, None where not stated; ages in bands.
    """

    cases: tuple[str, ...]
    columns: dict[str, tuple[str | None, ...]]

    def in_order(self, cases: Sequence[str]) -> CaseAttributes:
        """Return the same with the cases in this order, such as that of the references."""
        return CaseAttributes(tuple(cases), self.of(cases))

    def of(self, cases: Sequence[str]) -> dict[str, tuple[str | None, ...]]:
        """Return the columns in the order of these cases, such as `arena.vault.references.References.cases`.

        Raises:
            ValueError: They are not exactly the cases of the set.
        """
        place = {name: number for number, name in enumerate(self.cases)}
        if sorted(cases) != sorted(self.cases):
            msg = "attributes and references are of different cases"
            raise ValueError(msg)
        return {name: tuple(values[place[case]] for case in cases) for name, values in self.columns.items()}


def case_attributes(cases: Sequence[Case], subgroups: Subgroups) -> CaseAttributes:
    """Return the declared attributes of the rows of a case set (`arena.store.case_sets.cases_of_set`)."""
    ordered = sorted(cases, key=lambda case: case.name)
    stored: dict[str, tuple[str | None, ...]] = {
        "sex": tuple(case.sex for case in ordered),
        "age": age_bands([case.age_years for case in ordered], subgroups.age_bands),
        "site": tuple(case.site for case in ordered),
        "manufacturer": tuple(case.manufacturer for case in ordered),
    }
    for name in set(subgroups.columns) - set(stored):
        stored[name] = tuple((case.further or {}).get(name) for case in ordered)
    return CaseAttributes(
        cases=tuple(case.name for case in ordered), columns={name: stored[name] for name in subgroups.columns}
    )
