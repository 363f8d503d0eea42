"""The container's side of Arena's contract, version 1. Copy this file into your image.

    from arena_algorithm import serve

    def predict(folder):                     # pathlib.Path, one study: one folder per series, DICOM files in them
        return {"pneumonia": 0.931}          # every finding that the challenge names, each in [0, 1]

    serve(predict)                           # or batch(predict), or case(predict): as you submit it, by --mode

Python 3.9 or newer, standard library only. `README.md` beside this file explains the rest.
"""

from __future__ import annotations

import json
import os
import pathlib
from collections.abc import Callable, Mapping
from typing import BinaryIO

ABSTAIN_REASONS = ("wrong_modality", "wrong_body_part", "unreadable", "wrong_number_of_images")

INPUT, OUTPUT = pathlib.Path("/input"), pathlib.Path("/output")

Predict = Callable[[pathlib.Path], Mapping[str, float]]


class Abstain(Exception):  # noqa: N818 - a vendor writes `raise Abstain("unreadable")`; it is no error of the program
    """Raise it from `predict` to decline a study that your product is not made for.

    Attributes:
        reason: One of `ABSTAIN_REASONS`.
    """

    def __init__(self, reason: str) -> None:
        """Decline a study.

        Raises:
            ValueError: The reason is not one of `ABSTAIN_REASONS`.
        """
        if reason not in ABSTAIN_REASONS:
            msg = f"abstain reason {reason!r}: allowed are {', '.join(ABSTAIN_REASONS)}"
            raise ValueError(msg)
        super().__init__(reason)
        self.reason = reason


def serve(predict: Predict, load: Callable[[], object] | None = None) -> None:
    """Answer every request until the runner closes the input, then return.

    The protocol's two descriptors are moved away first: what your code prints goes to stderr, and what it reads
    from stdin is empty, so neither a stray `print` nor a child process can break the conversation.

    Args:
        predict: Called with the folder of one study; returns a probability for each finding, or raises `Abstain`.
            Any other exception ends the program, which costs this case and one of the allowed restarts.
        load: Called once before the container counts as ready: read weights, warm up. Its time is start-up time.
    """
    requests, answers = _take_protocol_away()
    if load is not None:
        load()
    _send(answers, {"ready": True})
    for line in requests:
        request = json.loads(line)
        _send(answers, _answer(predict, request["case"], pathlib.Path(request["path"])))


def batch(predict: Predict, load: Callable[[], object] | None = None) -> None:
    """Answer every case of /input into /output/predictions.jsonl, for mode `batch`.

    Each line is written as soon as it is known: what stands in the file counts, however the program ends.

    Args:
        predict: As for `serve`. A model that is faster on many cases at once uses `cases` and `write_line` instead.
        load: Called once before the first case.
    """
    if load is not None:
        load()
    for folder in cases():
        write_line(_answer(predict, folder.name, folder))


def case(predict: Predict, load: Callable[[], object] | None = None) -> None:
    """Answer the one case of /input into /output/prediction.json, for mode `case`.

    Args:
        predict: As for `serve`.
        load: Called before it.

    Raises:
        ValueError: /input does not hold one case.
    """
    folders = cases()
    if len(folders) != 1:
        msg = f"/input holds {len(folders)} cases; in mode `case` it is one"
        raise ValueError(msg)
    if load is not None:
        load()
    answer = _answer(predict, folders[0].name, folders[0])
    (OUTPUT / "prediction.json").write_text(json.dumps(answer), encoding="utf-8")


def cases() -> list[pathlib.Path]:
    """Return the folders of the cases that are there, in order of their names."""
    return sorted(path for path in INPUT.iterdir() if path.is_dir())


def write_line(answer: Mapping[str, object]) -> None:
    """Add one answer to /output/predictions.jsonl: `{"case": "c0001", "findings": {"pneumonia": 0.931}}`."""
    with (OUTPUT / "predictions.jsonl").open("a", encoding="utf-8") as lines:
        lines.write(json.dumps(answer) + "\n")


def _answer(predict: Predict, case: str, folder: pathlib.Path) -> dict[str, object]:
    try:
        findings = predict(folder)
    except Abstain as declined:
        return {"case": case, "abstain": True, "reason": declined.reason}
    # float() also takes NumPy's scalars. A NaN is sent as it is: it costs this case, while an exception here would
    # cost a restart as well.
    return {"case": case, "findings": {name: float(value) for name, value in findings.items()}}


def _take_protocol_away() -> tuple[BinaryIO, BinaryIO]:
    """Return private copies of stdin and stdout; leave /dev/null and stderr in their places."""
    requests = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return requests, answers


def _send(answers: BinaryIO, message: dict[str, object]) -> None:
    """Send one line at once: it must leave before the next request is awaited."""
    answers.write(json.dumps(message).encode() + b"\n")
    answers.flush()
