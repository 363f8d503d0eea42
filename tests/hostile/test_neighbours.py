"""An honest algorithm is scored beside hostile ones as it is scored alone; and attack 34, what is told of those."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from arena.evaluation.record import read_table
from arena.store.tables import EvaluationState
from tests.hostile.contest import Contest, build_entry
from tests.hostile.corpus import Witness, witness

__all__ = ["witness"]

pytestmark = [pytest.mark.engine, pytest.mark.timeout(300)]

CASES = 10
HONEST = """
import hashlib, sys, time
sys.path.insert(0, "/opt/algorithm")
from arena_algorithm import serve

def predict(folder):
    digest = b"".join(path.read_bytes() for path in sorted(folder.rglob("*.dcm")))
    for _ in range(100_000):
        digest = hashlib.sha256(digest).digest()
    time.sleep(1.2)
    return {"nodule": digest[0] / 256, "effusion": digest[1] / 256}

serve(predict)
"""
"""Works and waits for long enough that all the others run beside it."""
HOSTILE = """
import json, os, sys
sys.path.insert(0, "/opt/algorithm/attacks")
import resources

os.write(1, b'{{"ready": true}}\\n')
for line in sys.stdin:
    case = json.loads(line)["case"]
    if case == "c0002":
        resources.{attack}
    os.write(1, json.dumps({{"case": case, "findings": {{"nodule": 0.5, "effusion": 0.5}}}}).encode() + b"\\n")
"""
"""Attacks in its second case, and otherwise answers."""
ATTACKS = {
    "memory": "eat(mib=4096)",
    "flood": "flood()",
    "disk": "fill('/tmp', mib=64), resources.fill('/dev/shm', mib=64), resources.fill('/opt/algorithm', mib=64)",
    "fork": "bomb()",
    "exit": "crash(code=0xA5, after=0.25)",
}
COSTS = {
    "memory": {"out_of_memory"}, "flood": {"invalid_answer"}, "disk": set(), "exit": {"crashed"},
    "fork": {"timed_out", "crashed", "out_of_memory"},
}  # fmt: skip


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Contest]:
    """The honest algorithm has the machine to itself."""
    contest = Contest(tmp_path_factory.mktemp("alone"), "runc", CASES)
    contest.enter("honest", build_entry("honest", HONEST))
    contest.run()
    assert contest.evaluation("honest").outcome_counts == {"ok": CASES}
    yield contest
    contest.close()


@pytest.fixture(scope="module", params=["runc", "runsc"])
def contest(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Contest]:
    """The same algorithm in the queue with hostile ones, which run one after the other beside it."""
    made = Contest(tmp_path_factory.mktemp("beside"), request.param, CASES)
    made.enter("honest", build_entry("honest", HONEST))
    for name, attack in ATTACKS.items():
        made.enter(name, build_entry(name, HOSTILE.format(attack=attack)))
    made.run()
    yield made
    made.close()


def test_an_honest_algorithm_beside_attacks_has_the_scores_that_it_has_alone(alone: Contest, contest: Contest) -> None:
    honest = contest.evaluation("honest")
    assert honest.state == EvaluationState.SCORED
    assert honest.outcome_counts == {"ok": CASES}
    assert honest.predictions_sha256 == alone.evaluation("honest").predictions_sha256
    assert contest.scores("honest") == alone.scores("honest") != []

    ((began, ended),) = contest.times("honest")
    for name, outcomes in COSTS.items():
        evaluation = contest.evaluation(name)
        assert evaluation.state == EvaluationState.SCORED, name
        assert evaluation.outcome_counts is not None
        assert evaluation.outcome_counts.keys() - {"ok"} <= outcomes, name
        assert evaluation.outcome_counts["ok"] >= CASES - 1, "an attack costs its own case"
        assert evaluation.outcome_counts["ok"] == CASES or outcomes, name
    for name in ("memory", "flood", "disk", "fork"):
        first, last = contest.times(name)[0]
        assert first < ended, f"{name} was not played beside the honest one"
        assert last > began, f"{name} was not played beside the honest one"


def test_attack_34_exit_codes_and_delays(contest: Contest, witness: Witness) -> None:
    digest = contest.evaluation("exit").cases_sha256
    assert digest is not None
    rows = {row["case"]: row for row in read_table(contest.roots.results, digest).to_pylist()}
    assert (rows["c0002"]["outcome"], rows["c0002"]["reason"]) == ("crashed", "signal_37"), "0xA5 is 128 + 37"
    assert len({row["latency_seconds"] for row in rows.values()}) == CASES
    witness.without_guard("the host itself knows each exit code, and each latency to the microsecond")
    documents = [json.loads(path.read_bytes()) for path in (contest.home / "public").rglob("*") if path.is_file()]
    latest = max(documents, key=lambda document: len(document["entries"]))
    (entry,) = [each for each in latest["entries"] if each["vendor"] == "exit"]
    assert entry["outcomes"] == {"ok": CASES - 1, "crashed": 1}
    for latency in (entry["latency"]["median_seconds"], entry["latency"]["p95_seconds"]):
        assert latency == float(f"{latency:.2g}")
    assert not any(word in contest.public() for word in (b"signal_", b"exit_"))
    witness.with_guard("public are the counts of outcomes and two latencies of two digits, never an exit code")
    witness.open("counts and rounded latencies stay a channel: a few hundred bits of a run, as stated above")
