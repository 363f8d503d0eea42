"""Documents tell every field of the values that they show: a number added to the scorer cannot be lost on the way."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

from arena.ranking import calls, noninferiority, stability
from arena.scoring import (
    any_pathology,
    calibration,
    confusion,
    declared,
    details,
    estimates,
    latency,
    norm,
    partial_auc,
    prevalence,
    subgroups,
    suppression,
    thresholds,
    verdict,
)
from arena.store import clinical, contests, numbers

SHOWN: list[tuple[type[numbers.Document], type[Any], set[str]]] = [
    (numbers.Estimate, estimates.Estimate, {"exact", "standard_error"}),
    (numbers.PartialAuc, partial_auc.PartialAuc, set()),
    (numbers.Confusion, confusion.Confusion, set()),
    (numbers.ThresholdChoice, thresholds.ThresholdChoice, set()),
    (numbers.Bins, calibration.Bins, set()),
    (numbers.CalibrationError, calibration.CalibrationError, set()),
    (numbers.ReliabilityBin, calibration.ReliabilityBin, set()),
    (numbers.Calibration, calibration.Calibration, set()),
    (numbers.PrevalenceScores, prevalence.PrevalenceScores, set()),
    (numbers.PredictiveValues, prevalence.PredictiveValues, set()),
    (numbers.FindingNumbers, details.FindingNumbers, set()),
    (numbers.AnyPathology, any_pathology.AnyPathology, set()),
    (numbers.Latency, latency.LatencyScores, set()),
    (clinical.NormCurve, norm.NormCurve, set()),
    (clinical.Norm, norm.NormScores, set()),
    (clinical.NormLimits, declared.NormLimits, set()),
    (clinical.FindingTest, verdict.FindingTest, set()),
    (clinical.PassChance, verdict.PassChance, set()),
    (clinical.Protocol, verdict.Protocol, set()),
    (clinical.ServiceTest, verdict.ServiceTest, set()),
    (clinical.Cell, suppression.Cell, set()),
    (clinical.CellScores, subgroups.CellScores, set()),
    (clinical.SubgroupDifference, subgroups.SubgroupDifference, {"exact"}),
    (clinical.SubgroupTable, subgroups.SubgroupTable, set()),
    (contests.NonInferiority, noninferiority.NonInferiority, {"exact", "standard_error"}),
    (contests.EntryStability, stability.EntryStability, set()),
    (contests.Stability, stability.Stability, set()),
    (contests.PairedCalls, calls.PairedShares, {"exact", "correlation"}),
]
"""Document, the value it shows, and the fields that it leaves out: what is told in another form or beside it."""


@pytest.mark.parametrize(("document", "value", "left_out"), SHOWN, ids=lambda each: getattr(each, "__name__", None))
def test_a_document_tells_every_field(document: type[numbers.Document], value: type[Any], left_out: set[str]) -> None:
    names = {field.name for field in fields(value)}
    told = {name.replace("threshold_level", "threshold") for name in document.model_fields} | set(document.model_fields)
    assert names - told == left_out


def test_every_class_of_a_scorecard_is_held_to_its_value() -> None:
    made_here = {"Document", "RocCurve", "DecisionCurve", "FindingScores", "OwnMetric", "CalibrationTest"}
    known = {document.__name__ for document, _, _ in SHOWN} | made_here
    for module in (numbers, clinical):
        classes = {
            name for name, each in vars(module).items() if isinstance(each, type) and each.__module__ == module.__name__
        }
        assert classes <= known
