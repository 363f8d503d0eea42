"""How a challenge lets containers be run: modes, files beside answers, and the layout of another host."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from arena.challenge.strict import FindingCode, Strict
from runners.values import GrandChallengeLayout, OutputFile

Mode = Literal["serve", "batch", "case"]
Layout = Literal["arena", "grand-challenge"]

FileName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,59}(\.[a-z0-9]{1,8}){1,2}$")]
SocketSlug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,99}$")]
JsonName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,99}\.json$")]


class OutputDeclaration(Strict):
    """A file that an algorithm may leave beside each answer, as `/output/<case>/<name>`.

    A `kind` other than `bytes` is examined when the evaluation is recorded (docs/contract.md).
    """

    name: FileName
    max_kib: int = Field(default=1024, ge=1, le=65536)
    kind: Literal["bytes", "dicom-sr", "dicom-sc"] = "bytes"

    def to_file(self) -> OutputFile:
        """Return it as the plain value that crosses into `runners`."""
        return OutputFile(self.name, self.max_kib)


class Sockets(Strict):
    """The sockets of a grand-challenge.org algorithm: where it finds the study, and where it leaves each finding."""

    image: SocketSlug = Field(description="Slug of the image socket, /input/images/<slug>.")
    findings: dict[FindingCode, JsonName] = Field(min_length=1, description="File under /output of each finding.")

    def to_layout(self) -> GrandChallengeLayout:
        """Return them as the plain value that crosses into `runners`."""
        return GrandChallengeLayout(self.image, tuple(self.findings.items()))
