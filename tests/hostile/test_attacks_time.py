"""Attacks 13 to 17: containers that do not end, leave processes behind, and write more than anybody reads."""

from __future__ import annotations

import base64
import json
import threading
import time
from dataclasses import replace
from typing import Any

import pytest

from runners.engine import ContainerEnd
from tests.hostile.corpus import Witness, witness
from tests.hostile.stand import HONEST, Loose, Played, Stand, stand
from tests.hostile.stored import everything, files_of

__all__ = ["stand", "witness"]
pytestmark = pytest.mark.engine

MIB = 1 << 20
LOG_BYTES = 4 * MIB
"""More than the engine keeps of a log of 1 MiB, with the one that it begins next."""
SOON_SECONDS = 30.0
"""No timing: far more than a run takes, far less than for ever."""
MARKER = "PIXELS-AS-TEXT-0123456789"
UNBOUNDED_LOG = {"Type": "json-file", "Config": {}}


def attack(name: str, **given: Any) -> dict[str, Any]:
    return {"attack": name, **given}


def the_next_is_well(played: Played) -> None:
    """The honest case behind the attack is answered, and the host has none of the containers' processes."""
    assert (played.cases[-1].ending, played.cases[-1].saw) == (("ok", None), "well")
    assert played.watch.alive() == set()


def test_attack_13_sleeping_for_ever(stand: Stand, witness: Witness) -> None:
    with stand.loose() as loose:
        assert loose.ask("deaf") == "deaf"
        stand.engine._api.kill(loose.box.container, signal="SIGTERM")
        time.sleep(1.0)
        assert stand.engine.end_of(loose.box.container) == ContainerEnd(None, out_of_memory=False)
    witness.without_guard("a stop by SIGTERM, which `docker stop` sends first, is ignored")
    began = time.monotonic()
    played = stand.play(attack("ignore"), HONEST, case_seconds=1.0)
    assert time.monotonic() - began < SOON_SECONDS
    assert played.cases[0].ending == ("timed_out", "case_seconds")
    the_next_is_well(played)
    witness.with_guard("killed when its time is over: timed_out")


def test_attack_14_a_process_without_parent(stand: Stand, witness: Witness) -> None:
    with stand.loose() as loose:
        assert loose.ask("honest") == "well"
        before = loose.sight.tasks
        api = stand.engine._api
        run = api.exec_create(loose.box.container, ["python3", "-E", "-S", "/attack/attack.py", "daemon"])["Id"]
        api.exec_start(run)
        assert api.exec_inspect(run)["ExitCode"] == 0
        loose.sight.tasks = 0
        loose.sight.look()
        assert loose.sight.tasks > before
    witness.without_guard("a container that each case enters by `exec`: the process outlives its case")
    seen = attack("wait", seconds=0.8)
    played = stand.play(attack("daemon"), seen, attack("crash", code=1), seen, HONEST)
    assert [case.outcome for case in played.cases] == ["ok", "ok", "crashed", "ok", "ok"]
    first, second = played.watch.sights.values()
    assert len(first.processes) > len(second.processes), "the process was there"
    the_next_is_well(played)
    witness.with_guard("dies with its container, before the next one starts")


def _log_grows_to(loose: Loose, size: int) -> bool:
    until = time.monotonic() + SOON_SECONDS
    while loose.sight.log_bytes < size and time.monotonic() < until:
        time.sleep(0.1)
        loose.sight.look_closely()
    return loose.sight.log_bytes >= size


def test_attack_15_flood_of_stdout(stand: Stand, witness: Witness) -> None:
    with stand.loose(LogConfig=UNBOUNDED_LOG) as loose:
        assert loose.ask("flood", mib=12) is None
        assert _log_grows_to(loose, 8 * MIB)
    witness.without_guard("the engine writes all of it to the host's disk")
    began = time.monotonic()
    played = stand.play(attack("flood"), HONEST)
    assert time.monotonic() - began < SOON_SECONDS
    assert played.cases[0].ending == ("invalid_answer", "overlong_line")
    assert played.watch.most(lambda sight: sight.log_bytes) <= LOG_BYTES
    the_next_is_well(played)
    witness.with_guard("ended at the longest line that is allowed: invalid_answer; the log is bounded")


def test_attack_16_what_a_log_may_hold(stand: Stand, witness: Witness) -> None:
    with stand.loose() as loose:
        assert loose.ask("log", marker=MARKER, line_mib=0) == "logged"
        shown = stand.engine._api.logs(loose.box.container)
    assert all(each in shown for each in (MARKER.encode(), b"\x1b[2J", b"\0", b"<img src=x"))
    results, writing = stand.bench.root / "results", attack("log", marker=MARKER, line_mib=40)
    before = files_of(results)
    receipt = stand.receipt_of(replace(stand.spec([writing, HONEST]), keep_log=True))
    log = json.loads(stand.bench.results.get(receipt["log"]["sha256"]))
    assert MARKER.encode() in base64.b64decode(log["containers"][0]["head"])
    assert all(each in everything(*files_of(results) - before) for each in (MARKER.encode(), b"\x1b["))
    witness.without_guard(
        "the engine's log, and that which is kept of sample sets, is what the container wrote: pixels, control bytes, "
        "markup"
    )
    before = files_of(results)
    played = stand.play(writing, HONEST)
    assert played.cases[0].ending == ("ok", None)
    assert played.watch.most(lambda sight: sight.log_bytes) <= LOG_BYTES
    assert played.receipt["log"] is None
    stored = everything(*files_of(results) - before)
    assert b'"well"' in stored, "what is stored is read as it was said"
    assert not any(each in stored for each in (MARKER.encode(), b"\x1b["))
    the_next_is_well(played)
    witness.with_guard("bounded; of hidden cases nothing of a log is in what the runner stores")


@pytest.mark.parametrize("when", ["between", "end", "silent"])
def test_attack_17_whoever_reads_is_stalled(stand: Stand, witness: Witness, when: str) -> None:
    began = time.monotonic()
    played = stand.play(
        attack("stall", when=when), attack("wait", seconds=1.0), HONEST, shutdown_seconds=1.0, case_seconds=10.0
    )
    assert time.monotonic() - began < SOON_SECONDS
    if when == "between":
        assert played.cases[1].ending == ("invalid_answer", "overlong_line")
    else:
        assert [case.outcome for case in played.cases] == ["ok", "ok", "ok"]
        assert played.ends() == ["shutdown_seconds"]
    assert not [thread for thread in threading.enumerate() if thread.name in {"arena-attach", "arena-wait"}]
    the_next_is_well(played)
    witness.with_guard("a thread drains whatever comes and the socket is closed before the kill; every phase ends")
