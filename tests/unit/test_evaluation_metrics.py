"""An organiser's own metric: found by its entry point, computed in a process of its own, typed in every failure."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
import pytest

from arena.challenge.bundle import judging_digest
from arena.challenge.lint import lint
from arena.challenge.own_metrics import installed_metrics
from arena.challenge.schema import MetricDeclaration
from arena.challenge.weakness import Severity
from arena.errors import MetricFailed, UnknownMetric
from arena.evaluation.metrics import Fault, Input, MetricLimits, measure, measure_all
from arena.scoring.inputs import ScoringInputs
from arena.scoring.resampling import patient_weights
from arena.store.documents import OwnMetric
from runners.values import Outcome
from tests.bundles import bundle_with
from tests.seeding import declaration

N = 40
SEED = 2**100 + 7
LIMITS = MetricLimits(seconds=20, memory_mib=2048)

PACKAGE = '''
import math, os, sys, time

class Share:
    """Share of positive cases that are called."""
    version, direction, range = "1.2", "higher", (0.0, 1.0)
    requires, resampled = frozenset({"levels", "labels"}), True

    def compute(self, cases):
        assert cases.patients is None and cases.outcomes is None and cases.latency_seconds is None
        print("label", cases.labels[0])
        positive = cases.labels[:, 0] == 1
        if not positive.any():
            return None
        return float((cases.levels[positive, 0] >= cases.thresholds[0]).mean())

class Plain(Share):
    resampled = False

class Everything(Share):
    requires = frozenset({"levels", "labels", "patients", "outcomes", "latency_seconds"})
    resampled = False

    def compute(self, cases):
        ok = cases.outcomes.count("ok")
        return (ok + int(math.isnan(cases.latency_seconds[-1])) + int(cases.patients.max())) / 1000

class Raises(Plain):
    def compute(self, cases):
        raise RuntimeError(f"label of the first case: {cases.labels[0]}")

class Ends(Plain):
    def compute(self, cases):
        os._exit(3)

class Dies(Plain):
    def compute(self, cases):
        os.kill(os.getpid(), 11)

class Beyond(Plain):
    def compute(self, cases):
        return 1.5

class NotANumber(Plain):
    def compute(self, cases):
        return math.nan

class Words(Plain):
    def compute(self, cases):
        return "0.5"

class Sleeps(Plain):
    def compute(self, cases):
        time.sleep(60)

class Hungry(Plain):
    def compute(self, cases):
        return float(len(bytearray(4 << 30)))

class Nothing(Plain):
    def compute(self, cases):
        return None

class Rarely(Share):
    def compute(self, cases):
        return 0.5 if cases.labels[0, 0] == 0 and cases.levels.shape[0] else None

class Secretive(Plain):
    def compute(self, cases):
        return float(any(name.startswith("ARENA_") for name in os.environ))

class Sideways(Plain):
    direction = "sideways"

share = Share()
'''
PAGE = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text(encoding="utf-8")
CLASSES = re.findall(r"^class (\w+)\(", PACKAGE, re.MULTILINE)


@pytest.fixture(autouse=True)
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install a package of metrics, as far as the interpreter can tell."""
    facts = tmp_path / "hospital_metrics-1.0.dist-info"
    facts.mkdir()
    (tmp_path / "hospital_metrics.py").write_text(PACKAGE, encoding="utf-8")
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: hospital-metrics\nVersion: 1.0\n", encoding="utf-8")
    points = ["[arena.metrics]", "share = hospital_metrics:share", "missing = hospital_metrics:absent"]
    points += [f"{name.lower()} = hospital_metrics:{name}" for name in CLASSES]
    (tmp_path / "page_metrics.py").write_text(PAGE.split("```python\n")[1].split("```")[0], encoding="utf-8")
    points += ["cost-of-errors = page_metrics:CostOfErrors"]
    (facts / "entry_points.txt").write_text("\n".join(points) + "\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))


def inputs(*, patients: int = N) -> ScoringInputs:
    labels = np.zeros((N, 1), dtype=np.int8)
    labels[::2] = 1
    levels = (np.arange(N, dtype=np.int32) * 200).reshape(N, 1)
    levels[-1] = -1
    return ScoringInputs(
        findings=("nodule",),
        thresholds=(4000,),
        levels=levels,
        labels=labels,
        patients=np.arange(N) * patients // N,
        outcomes=(*(Outcome.OK,) * (N - 1), Outcome.CRASHED),
        latency_seconds=(*(0.1,) * (N - 1), None),
    )


def named(name: str, version: str = "1.2") -> MetricDeclaration:
    return MetricDeclaration(name=name, version=version)


def test_a_metric_is_computed_with_an_interval_over_resampled_patients() -> None:
    found = measure(named("share"), inputs(patients=20), SEED, LIMITS)
    assert (found.name, found.version, found.direction, found.least, found.greatest) == (
        *("share", "1.2", "higher"),
        *(0.0, 1.0),
    )
    assert (found.value, found.n, found.resamples, found.reason) == (0.5, N, 500, None)
    assert found.resamples_undefined == 0
    called = np.repeat([0.0, 1.0], 10)
    drawn = [patient_weights(SEED, replicate, 20) @ called / 20 for replicate in range(500)]
    assert (found.low, found.high) == tuple(np.quantile(drawn, (0.025, 0.975)).round(8))


def test_the_same_cases_give_the_same_numbers() -> None:
    assert measure(named("share"), inputs(), SEED, LIMITS) == measure(named("share"), inputs(), SEED, LIMITS)


def test_a_metric_that_is_not_to_be_resampled_has_no_interval() -> None:
    found = measure(named("plain"), inputs(), SEED, LIMITS)
    assert (found.value, found.low, found.high, found.resamples, found.reason) == (0.5, None, None, None, None)


def test_a_metric_gets_all_that_it_asks_for() -> None:
    assert measure(named("everything"), inputs(), SEED, LIMITS).value == (N - 1 + 1 + N - 1) / 1000


def test_the_environment_of_a_metric_holds_no_setting_of_arena(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARENA_VAULT_REFERENCES", "/secret")
    assert measure(named("secretive"), inputs(), SEED, LIMITS).value == 0.0


@pytest.mark.parametrize(
    ("name", "fault", "detail"),
    [
        ("raises", Fault.CRASHED, "RuntimeError"),
        ("ends", Fault.CRASHED, "its process ended with 3"),
        ("dies", Fault.CRASHED, "its process ended with -11"),
        ("missing", Fault.CRASHED, "AttributeError while it was imported"),
        ("beyond", Fault.OUT_OF_RANGE, "outside 0…1"),
        ("notanumber", Fault.NOT_A_NUMBER, "float"),
        ("words", Fault.NOT_A_NUMBER, "str"),
        ("hungry", Fault.TOO_LARGE, "MemoryError"),
        ("nothing", Fault.UNDEFINED, "on these cases"),
        ("sideways", Fault.MALFORMED, "its direction is not as docs/metrics.md says"),
    ],
)
def test_each_failure_has_its_kind_and_tells_no_label(name: str, fault: Fault, detail: str) -> None:
    with pytest.raises(MetricFailed) as caught:
        measure(named(name), inputs(), SEED, LIMITS)
    assert caught.value.facts == {"name": name, "reason": fault.value, "detail": detail}


def test_a_metric_that_takes_too_long_is_ended() -> None:
    with pytest.raises(MetricFailed) as caught:
        measure(named("sleeps"), inputs(), SEED, MetricLimits(seconds=2))
    assert caught.value.facts["reason"] == Fault.TOO_SLOW


def test_a_metric_undefined_in_many_resamples_has_a_value_and_no_interval() -> None:
    flipped = inputs()
    flipped.labels[0] = 0
    found = measure(named("rarely"), flipped, SEED, LIMITS)
    assert (found.value, found.low, found.reason) == (0.5, None, "undefined_in_resamples")
    assert (found.resamples_undefined or 0) > 0.01 * 500


def test_one_that_fails_leaves_the_others_their_values() -> None:
    found = measure_all([named("raises"), named("plain")], inputs(), SEED, LIMITS)
    assert found[0] == OwnMetric(name="raises", version="1.2", n=N, reason="crashed")
    assert found[1].value == 0.5


def test_a_metric_that_is_not_installed_is_the_organisers_to_mend() -> None:
    with pytest.raises(UnknownMetric, match=r"Installed: .*plain, raises.*share"):
        measure_all([named("other")], inputs(), SEED, LIMITS)
    with pytest.raises(UnknownMetric, match=r'"share" of version 2\.0 is installed. Installed: share 1\.2'):
        measure_all([named("share", "2.0")], inputs(), SEED, LIMITS)


def test_the_check_of_a_challenge_blocks_on_a_metric_that_is_not_installed(tmp_path: Path) -> None:
    change = ("case_sets:", 'metrics:\n  - {name: share, version: "1.2"}\n  - {name: other, version: "1"}\ncase_sets:')
    bundle = bundle_with(tmp_path / "chest", change)
    phase = bundle.declaration.phases[0]
    assert phase.opens_at is not None
    found = [weakness for weakness in lint(bundle, phase.opens_at, {}) if weakness.where.startswith("metrics")]
    assert [(weakness.severity, weakness.where) for weakness in found] == [(Severity.BLOCKING, "metrics.other")]


def test_the_version_of_a_metric_is_part_of_what_judges() -> None:
    digests = {
        judging_digest(declaration(metrics=metrics))
        for metrics in ([], [{"name": "share", "version": "1.2"}], [{"name": "share", "version": "1.3"}])
    }
    assert len(digests) == 3


def test_looking_for_metrics_imports_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert {"share", "missing", "plain"} <= set(installed_metrics())
    assert "hospital_metrics" not in __import__("sys").modules
    assert os.environ.get("ARENA_HOME") is None


def test_the_example_of_the_page_works_as_it_stands() -> None:
    found = measure(named("cost-of-errors", "1.0"), inputs(), SEED, LIMITS)
    # Of 20 positives 10 are missed, of 20 negatives 9 called: the last one was not answered.
    assert (found.value, found.direction) == ((5 * 10 + 9) / 40, "lower")
    assert found.low is not None
    assert found.high is not None
    assert found.low < (5 * 10 + 9) / 40 < found.high


def test_the_page_names_every_input_and_every_reason() -> None:
    words = [*Input, *Fault, "undefined_in_resamples"]
    assert [word for word in words if f"`{word}`" not in PAGE] == []
