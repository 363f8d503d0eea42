"""The one hostile algorithm: the study of each case says which attack it plays, and the answer what came of it.

It runs in a container, on nothing but an interpreter. A study's file holds a JSON object: `attack` names a function of
the modules beside this one, the rest are its arguments. In mode `batch` all attacks are played one after the other.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import channels
import files
import kernel
import resources

PLAYS: dict[str, Callable[..., Any]] = {**channels.PLAYS, **files.PLAYS, **kernel.PLAYS, **resources.PLAYS}


def honest(**facts: Any) -> Any:
    """Do what an algorithm should: answer, by what the study says."""
    return facts or "well"


def say(record: Any) -> None:
    """Write one line to stdout, whole."""
    data = json.dumps(record).encode() + b"\n"
    while data:
        data = data[os.write(1, data) :]


def play(folder: str) -> Any:
    """Play what a study asks for."""
    asked = json.loads((Path(folder) / "s1" / "i0001.dcm").read_bytes())
    return PLAYS.get(asked.pop("attack"), honest)(**asked)


def main() -> None:
    """Answer requests until there are no more."""
    if sys.argv[1:]:
        PLAYS[sys.argv[1]]()
        return
    say({"ready": True})
    for line in sys.stdin:
        request = json.loads(line)
        saw = play(request["path"])
        say({"case": request["case"], "saw": saw})
    channels.at_the_end()


main()
