"""The base of every model of challenge.yaml, and the form of an error about values that disagree."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, StringConstraints
from pydantic_core import PydanticCustomError

FindingCode = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{1,39}$")]


def disagreement(reason: str, place: tuple[str | int, ...], value: object, allowed: str) -> PydanticCustomError:
    """Return an error about values that disagree: `place` is where to mend it, from the model that noticed."""
    facts: dict[str, Any] = {"place": place, "value": value, "allowed": allowed}
    return PydanticCustomError("disagreement", "{reason}", {"reason": reason, **facts})


class Strict(BaseModel):
    """Frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")
