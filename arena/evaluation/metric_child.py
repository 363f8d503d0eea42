"""The process in which one of an organiser's own metrics is computed: arrays on stdin, one JSON object on stdout."""

from __future__ import annotations

import io
import json
import math
import os
import resource
import signal
import sys
from collections.abc import Iterator
from importlib.metadata import entry_points
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arena.challenge.own_metrics import GROUP
from arena.evaluation.metrics import Direction, Fault, Input, Metric, MetricCases
from arena.scoring.resampling import MAX_REDRAWN, patient_weights

_DIGITS = 8
"""Significant digits of what comes from resamples."""


class _FaultError(Exception):
    """A metric that gives no value that can be used."""

    def __init__(self, fault: Fault, detail: str) -> None:
        super().__init__(detail)
        self.fault, self.detail = fault, detail


def main() -> None:
    """Answer once. What the metric prints goes where nobody reads."""
    out = os.dup(1)
    os.dup2(2, 1)
    with np.load(io.BytesIO(sys.stdin.buffer.read()), allow_pickle=False) as packed:
        arrays = {name: packed[name] for name in packed.files}
    header = json.loads(arrays.pop("header").tobytes())
    _confine(header["seconds"], header["memory_mib"])
    try:
        answer = _answer(header, arrays)
    except _FaultError as fault:
        answer = {"fault": fault.fault.value, "detail": fault.detail}
    with os.fdopen(out, "w", encoding="utf-8") as stream:
        json.dump(answer, stream, allow_nan=False)


def _confine(seconds: int, memory_mib: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (memory_mib << 20, memory_mib << 20))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # Whoever waits for this process may have been killed; it ends all the same.
    signal.alarm(seconds + 5)


def _answer(header: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> dict[str, Any]:
    metric = _load(header["name"])
    if metric.version != header["version"]:
        return {"installed": metric.version}
    low, high = metric.range
    value = _value(metric, _cases(header, arrays, metric))
    if value is None:
        raise _FaultError(Fault.UNDEFINED, "on these cases")
    answer: dict[str, Any] = {
        "direction": metric.direction,
        "least": None if math.isinf(low) else low,
        "greatest": None if math.isinf(high) else high,
        "value": value,
    }
    return answer | (_interval(metric, header, arrays) if metric.resampled else {})


def _load(name: str) -> Metric:
    (point, *_) = entry_points(group=GROUP, name=name)
    try:
        found = point.load()
        metric: Metric = found() if isinstance(found, type) else found
    except MemoryError as error:
        raise _FaultError(Fault.TOO_LARGE, "while it was imported") from error
    except Exception as error:
        raise _FaultError(Fault.CRASHED, f"{type(error).__name__} while it was imported") from error
    wrong = _malformed(metric)
    if wrong is not None:
        raise _FaultError(Fault.MALFORMED, f"its {wrong} is not as docs/metrics.md says")
    return metric


def _malformed(metric: Metric) -> str | None:
    """Return which attribute is not as declared, or None."""
    limits = getattr(metric, "range", None)
    numbers = isinstance(limits, tuple | list) and all(_is_number(limit) for limit in limits)
    checks = {
        "version": isinstance(getattr(metric, "version", None), str),
        "direction": getattr(metric, "direction", None) in set(Direction),
        "range": numbers and limits is not None and len(limits) == 2 and limits[0] < limits[1],  # noqa: PLR2004
        "requires": set(getattr(metric, "requires", ("?",))) <= {each.value for each in Input},
        "resampled": isinstance(getattr(metric, "resampled", None), bool),
        "compute": callable(getattr(metric, "compute", None)),
    }
    return next((name for name, right in checks.items() if not right), None)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and not math.isnan(value)


def _cases(
    header: dict[str, Any], arrays: dict[str, NDArray[Any]], metric: Metric, rows: NDArray[np.int64] | None = None
) -> MetricCases:
    """Return what the metric asks for, of all cases or of the given rows; arrays of its own, it may do with them."""
    asked = {name: array[slice(None) if rows is None else rows].copy() for name, array in arrays.items()}
    asked = {name: array for name, array in asked.items() if name in metric.requires}
    if Input.OUTCOMES in asked:
        asked[Input.OUTCOMES] = tuple(asked[Input.OUTCOMES].tolist())  # type: ignore[assignment] # a tuple of texts
    return MetricCases(findings=tuple(header["findings"]), thresholds=tuple(header["thresholds"]), **asked)  # type: ignore[arg-type]


def _value(metric: Metric, cases: MetricCases) -> float | None:
    try:
        value = metric.compute(cases)
    except MemoryError as error:
        raise _FaultError(Fault.TOO_LARGE, "MemoryError") from error
    except Exception as error:
        # Its message may tell of references; the kind of error does not.
        raise _FaultError(Fault.CRASHED, type(error).__name__) from error
    if value is None:
        return None
    if isinstance(value, np.floating | np.integer):
        value = value.item()
    if not _is_number(value) or math.isinf(value):
        raise _FaultError(Fault.NOT_A_NUMBER, type(value).__name__)
    low, high = metric.range
    if not low <= value <= high:
        raise _FaultError(Fault.OUT_OF_RANGE, f"outside {low:g}…{high:g}")
    return float(value)


def _interval(metric: Metric, header: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> dict[str, Any]:
    """Return the 2.5 % and 97.5 % quantiles over resampled patients, or why there are none.

    The draws are those of every entry. Where the metric is undefined depends on answers, so what is undefined is left
    out for this entry alone: redrawing for all would let one entry move another's interval.
    """
    values = [_value(metric, _cases(header, arrays, metric, rows)) for rows in _resamples(header, arrays["patients"])]
    defined = [value for value in values if value is not None]
    undefined = len(values) - len(defined)
    if undefined > MAX_REDRAWN * len(values):
        return {"reason": "undefined_in_resamples", "resamples_undefined": undefined}
    low, high = (_rounded(float(limit)) for limit in np.quantile(np.array(defined), (0.025, 0.975)))
    return {"low": low, "high": high, "resamples": len(defined), "resamples_undefined": undefined}


def _resamples(header: dict[str, Any], patients: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    rows = np.arange(patients.size)
    for replicate in range(header["resamples"]):
        weights = patient_weights(int(header["seed"]), replicate, int(patients.max()) + 1)
        yield np.repeat(rows, weights[patients])


def _rounded(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")


if __name__ == "__main__":
    main()
