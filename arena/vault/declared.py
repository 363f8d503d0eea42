"""What the vault needs to know of a challenge. It reads no challenge.yaml: the challenge's room has these as values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class DeclaredFinding(Protocol):
    """What the vault needs of a finding."""

    @property
    def code(self) -> str:
        """Its code, a column of the label table."""


class DeclaredCaseSet(Protocol):
    """What the vault needs of a declared case set."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def split(self) -> str:
        """What it is for: sample, public or final."""


class DeclaredSubgroups(Protocol):
    """What the vault needs of the declared subgroups."""

    @property
    def columns(self) -> Sequence[str]:
        """Attributes of headers, or further columns of the label table."""


class DeclaredChallenge(Protocol):
    """What the vault needs of a challenge; `arena.challenge.schema.Declaration` has it."""

    @property
    def slug(self) -> str:
        """Its short name."""

    @property
    def modality(self) -> str:
        """DICOM modality of its studies."""

    @property
    def findings(self) -> Sequence[DeclaredFinding]:
        """Its findings, in order."""

    @property
    def case_sets(self) -> Sequence[DeclaredCaseSet]:
        """Its case sets."""

    @property
    def headers(self) -> Sequence[str]:
        """DICOM keywords shown to containers beside the published list."""

    @property
    def subgroups(self) -> DeclaredSubgroups:
        """By what numbers are also given."""

    @property
    def layout(self) -> str:
        """How mode `case` shows a study: as Arena does, or as another host."""
