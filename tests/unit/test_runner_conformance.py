"""The conformance checks complain when a runner does not do as it should."""

import base64
import json
from typing import Any

import pytest

from runners.behaviours import SERVE_BEHAVIOURS
from runners.conformance import Behaviour, Seen
from runners.images.probes import PROBES
from runners.values import Outcome

BY_PROBE = {each.probe: each for each in SERVE_BEHAVIOURS}


def seen(
    *cases: tuple[str, str | None, bytes | None], containers: int = 1, end: str = "exit_0", fault: str | None = None
) -> Seen:
    receipt: dict[str, Any] = {
        "host_fault": fault,
        "containers_started": containers,
        "manifest": {"containers": [{"end": end}], "runtime": {"gvisor": False}},
    }
    lines = [
        {"outcome": outcome, "detail": detail, "answer_base64": answer and base64.b64encode(answer).decode()}
        for outcome, detail, answer in cases
    ]
    return Seen(receipt, tuple(lines))


def test_every_probe_has_one_claim() -> None:
    assert sorted(BY_PROBE) == sorted(PROBES)
    assert len(BY_PROBE) == len(SERVE_BEHAVIOURS)


def test_every_outcome_that_a_runner_can_give_in_serve_mode_is_shown() -> None:
    shown = {outcome for each in SERVE_BEHAVIOURS for allowed in each.endings for outcome, _ in allowed}
    # Abstentions are read by the parser, output quotas belong to challenges with outputs, and a fault of the host
    # gives no output at all.
    assert set(Outcome) - shown == {Outcome.ABSTAINED, Outcome.OUTPUT_QUOTA, Outcome.NOT_RUN}


CRASH = BY_PROBE["exit_3"]
OK = ("ok", None, b"{}")


def test_a_crash_reported_as_it_should_be_is_accepted() -> None:
    assert CRASH.complaints(seen(OK, ("crashed", "exit_3", None), OK, containers=2)) == []


@pytest.mark.parametrize(
    "wrong",
    [
        seen(OK, OK, OK, containers=2),
        seen(OK, ("crashed", "exit_4", None), OK, containers=2),
        seen(OK, ("crashed", "exit_3", None), containers=2),
        seen(OK, ("crashed", "exit_3", None), OK, containers=1),
        seen(OK, ("crashed", "exit_3", None), ("not_reached", None, None), containers=2),
        seen(fault="the engine is gone"),
    ],
)
def test_a_crash_reported_otherwise_is_complained_of(wrong: Seen) -> None:
    assert CRASH.complaints(wrong)


def test_an_answer_that_was_changed_is_complained_of() -> None:
    garbage: Behaviour = BY_PROBE["garbage"]
    assert garbage.complaints(seen(OK, ("ok", None, b"\xff\x00 no JSON"), OK)) == []
    assert garbage.complaints(seen(OK, ("ok", None, b"\xff no JSON"), OK))


def test_a_container_that_sees_more_than_it_should_is_complained_of() -> None:
    world: Behaviour = BY_PROBE["world"]
    facts = {"interfaces": ["lo", "eth0"]}
    answer = json.dumps({"facts": facts}).encode()
    complaints = world.complaints(seen(("ok", None, answer), ("ok", None, answer)))
    assert any("eth0" in each for each in complaints)
    assert any("capabilities" in each for each in complaints), "what was not observed is not taken for granted"
