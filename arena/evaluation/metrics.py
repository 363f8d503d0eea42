"""An organiser's own metric: what its package offers, and how its value is fetched from a process of its own.

The metric's code is the organiser's and runs with the worker's rights; it is kept apart so that it cannot stop, slow or
bloat the scoring of others. It stands beside the published numbers and ranks nothing. docs/metrics.md is its contract.
"""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from arena.challenge.own_metrics import installed_metrics
from arena.challenge.schema import MetricDeclaration
from arena.errors import MetricFailed, UnknownMetric
from arena.scoring.inputs import ScoringInputs
from arena.store.documents import OwnMetric

RESAMPLES = 500
"""Resamples of patients under an interval; the same draws for every entry of a case set."""


class Direction(StrEnum):
    """Which values are good."""

    HIGHER = "higher"
    LOWER = "lower"


class Input(StrEnum):
    """What a metric may ask for; all of it in the order of the cases."""

    LEVELS = "levels"
    LABELS = "labels"
    PATIENTS = "patients"
    OUTCOMES = "outcomes"
    LATENCY_SECONDS = "latency_seconds"


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricCases:
    """The cases of one evaluation, n of them, with K findings; what the metric does not require is None.

    Attributes:
        findings: Codes of the findings, K of them.
        thresholds: Level 0…10,000 of each finding's operating point.
        levels: Probability × 10,000 of each answer, −1 in the row of a case without a usable answer, shape (n, K).
        labels: References: 1 positive, 0 negative, −1 unknown, shape (n, K).
        patients: Code of each case's patient, shape (n,). In a resample a patient may stand several times.
        outcomes: How each case ended, such as `ok`, n of them.
        latency_seconds: Seconds to each answer, NaN where none came, shape (n,).
    """

    findings: tuple[str, ...]
    thresholds: tuple[int, ...]
    levels: NDArray[np.int32] | None = None
    labels: NDArray[np.int8] | None = None
    patients: NDArray[np.int64] | None = None
    outcomes: tuple[str, ...] | None = None
    latency_seconds: NDArray[np.float64] | None = None


class Metric(Protocol):
    """What an entry point of the group `arena.metrics` leads to: an object, or a class called without arguments.

    Attributes:
        version: Changes with every change that can move a value; challenge.yaml names it.
        direction: `higher` or `lower`: which values are good.
        range: Least and greatest possible value.
        requires: Names of the `Input` that it reads.
        resampled: Whether an interval may be formed by computing it on resampled patients.
    """

    version: str
    direction: str
    range: tuple[float, float]
    requires: frozenset[str]
    resampled: bool

    def compute(self, cases: MetricCases) -> float | None:
        """Return the value, or None where it is not defined on these cases. Equal cases give equal values."""


class Fault(StrEnum):
    """Why a metric has no value."""

    UNDEFINED = "undefined"
    CRASHED = "crashed"
    OUT_OF_RANGE = "out_of_range"
    NOT_A_NUMBER = "not_a_number"
    TOO_SLOW = "too_slow"
    TOO_LARGE = "too_large"
    MALFORMED = "malformed"


@dataclass(frozen=True, slots=True)
class MetricLimits:
    """What one metric may use on one evaluation, its resamples included."""

    seconds: int = 60
    memory_mib: int = 2048


def measure_all(
    declared: Sequence[MetricDeclaration], inputs: ScoringInputs, seed: int, limits: MetricLimits = MetricLimits()
) -> tuple[OwnMetric, ...]:
    """Return every declared metric; one that fails has no value and the reason.

    Raises:
        UnknownMetric: One is not installed in the declared version: the organiser's to mend before scoring goes on.
    """
    measured = []
    for metric in declared:
        try:
            measured.append(measure(metric, inputs, seed, limits))
        except MetricFailed as error:
            reason = str(error.facts["reason"])
            measured.append(OwnMetric(name=metric.name, version=metric.version, n=inputs.n_cases, reason=reason))
    return tuple(measured)


def measure(declared: MetricDeclaration, inputs: ScoringInputs, seed: int, limits: MetricLimits) -> OwnMetric:
    """Compute one metric in a process of its own.

    Raises:
        UnknownMetric: It is not installed in the declared version.
        MetricFailed: It gave no value that can be used; `reason` is a `Fault`.
    """
    known = installed_metrics()
    if declared.name not in known:
        raise UnknownMetric(name=declared.name, version=declared.version, known=", ".join(known) or "none")
    answer = _ask(declared, inputs, seed, limits)
    if "installed" in answer:
        raise UnknownMetric(
            name=declared.name, version=declared.version, known=f"{declared.name} {answer['installed']}"
        )
    if "fault" in answer:
        raise MetricFailed(name=declared.name, reason=answer["fault"], detail=answer["detail"])
    return OwnMetric(name=declared.name, version=declared.version, n=inputs.n_cases, **answer)


def _ask(declared: MetricDeclaration, inputs: ScoringInputs, seed: int, limits: MetricLimits) -> dict[str, Any]:
    environment = {
        # The child finds what this process finds, and nothing that says where the vault lies.
        "PATH": os.environ.get("PATH", os.defpath),
        "PYTHONPATH": os.pathsep.join(path or str(Path.cwd()) for path in sys.path),
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
    }
    try:
        done = subprocess.run(
            [sys.executable, "-m", "arena.evaluation.metric_child"],
            input=_packed(declared, inputs, seed, limits),
            stdout=subprocess.PIPE,
            # Whatever it prints may tell of references, so it reaches no log.
            stderr=subprocess.DEVNULL,
            timeout=limits.seconds,
            env=environment,
            cwd="/",
            check=False,
        )
    except subprocess.TimeoutExpired:
        return _fault(Fault.TOO_SLOW, f"over {limits.seconds} s")
    if done.returncode in {-signal.SIGXCPU, -signal.SIGALRM}:
        return _fault(Fault.TOO_SLOW, f"over {limits.seconds} s of processor time")
    if done.returncode != 0:
        return _fault(Fault.CRASHED, f"its process ended with {done.returncode}")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def _fault(fault: Fault, detail: str) -> dict[str, Any]:
    return {"fault": fault.value, "detail": detail}


def _packed(declared: MetricDeclaration, inputs: ScoringInputs, seed: int, limits: MetricLimits) -> bytes:
    header = {
        "name": declared.name,
        "version": declared.version,
        "findings": inputs.findings,
        "thresholds": inputs.thresholds,
        "seed": str(seed),
        "resamples": RESAMPLES,
        **asdict(limits),
    }
    latency = [np.nan if seconds is None else seconds for seconds in inputs.latency_seconds]
    buffer = io.BytesIO()
    np.savez(
        buffer,
        header=np.frombuffer(json.dumps(header).encode(), dtype=np.uint8),
        levels=inputs.levels.astype(np.int32),  # whose squares a metric may take
        labels=inputs.labels,
        patients=inputs.patients,
        outcomes=np.array([outcome.value for outcome in inputs.outcomes]),
        latency_seconds=np.array(latency, dtype=np.float64),
    )
    return buffer.getvalue()
