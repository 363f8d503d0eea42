"""Answer with a weak model that fails on some studies, as products do: it crashes, divides by zero, or hangs.

Which studies is decided by the picture's mean level alone, so it is the same in every run. The last digits of the mean
are as good as random and say nothing of what the picture shows.
"""

from __future__ import annotations

import os
import sys
import time
from enum import StrEnum
from pathlib import Path

from arena_algorithm import serve
from features import compute_features
from linear import LinearModel
from pixels import Picture, read_levels, read_picture

CASE_SECONDS = 2.0
"""The challenge's limit for a case."""
MODEL: list[LinearModel] = []


class Fault(StrEnum):
    """How a study is lost."""

    CRASH = "crash"
    NAN = "nan"
    SLOW = "slow"


FAULTS = ((0.02, Fault.CRASH), (0.05, Fault.NAN), (0.06, Fault.SLOW))
"""Bounds of the shares, one above the other: 2 % crash, 3 % are NaN, 1 % take five times the limit."""


def fault_of(levels: Picture) -> Fault | None:
    """Return how a picture fails, if it does."""
    share = float(levels.mean(dtype="float64")) / 60.0 % 1.0
    return next((fault for bound, fault in FAULTS if share < bound), None)


def load() -> None:
    """Read the weights."""
    MODEL.append(LinearModel.load(Path(__file__).with_name("weights.npz")))


def predict(folder: Path) -> dict[str, float]:
    """Return each finding's probability for the study in a folder, or fail."""
    fault = fault_of(read_levels(folder)[0])
    if fault is Fault.CRASH:
        print("brittle: buffer index 4096 out of range", file=sys.stderr, flush=True)
        os._exit(3)
    if fault is Fault.SLOW:
        time.sleep(5 * CASE_SECONDS)
    answer = MODEL[0].probabilities(compute_features(read_picture(folder)))
    return dict.fromkeys(answer, float("nan")) if fault is Fault.NAN else answer


if __name__ == "__main__":
    serve(predict, load)
