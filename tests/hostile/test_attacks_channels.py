"""Attacks 20 to 22: what two containers could tell each other, at the same time or one after the other."""

# ruff: noqa: S108 - the paths are those inside a container

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from tests.hostile.corpus import Witness, witness
from tests.hostile.hostwatch import Watch
from tests.hostile.stand import HONEST, OPEN_SECCOMP, Stand, stand
from tests.hostile.surroundings import anonymous_volumes

__all__ = ["stand", "witness"]
pytestmark = pytest.mark.engine

DOCKERS_OWN = OPEN_SECCOMP[:1]
"""No profile is named: the engine takes its own."""
SHARED = ["/sbin/docker-init", "/proc/self/ns/user", "/attack/attack.py"]
"""What every container of one host sees: the init program, the host's user namespace, a file of the image."""
PLACES = ["/tmp", "/dev/shm"]


def attack(name: str, **given: Any) -> dict[str, Any]:
    return {"attack": name, **given}


@dataclass(frozen=True, slots=True)
class Pair:
    """What two containers of parallel evaluations saw: the one that sends, and the one that listens meanwhile."""

    sent: Mapping[str, Any]
    locked: Mapping[str, Any]
    found: Mapping[str, Any]
    lockable: Mapping[str, Any]


@pytest.fixture(scope="module")
def pair(stand: Stand) -> Pair:
    """Let two evaluations run side by side: the first one leaves things and waits, the second one looks for them."""
    wait = attack("wait", seconds=25.0, until="/input/c0003/s1/go")
    sender = stand.spec([attack("meet"), attack("lock", paths=SHARED), wait, HONEST])
    listener = stand.spec([attack("find"), attack("lock", paths=SHARED), HONEST])
    with Watch(stand.engine, stand.bench.runner_id) as watch:
        runner = stand.runner(2)
        runner.submit(sender)
        waiting = stand.bench.host.folder(sender.attempt_id) / "input" / "c0003"
        until = time.monotonic() + 60.0
        while not waiting.exists():  # it is asked for its third case once it has answered the second
            assert time.monotonic() < until
            time.sleep(0.02)
        runner.submit(listener)
        stand.await_end(runner, listener.attempt_id)
        (waiting / "s1" / "go").touch()  # fails where the sender is not there any more
        stand.await_end(runner, sender.attempt_id)
    one, two = stand.result(sender, watch).cases, stand.result(listener, watch).cases
    assert [case.outcome for case in (*one, *two)] == ["ok"] * 7
    return Pair(one[0].saw, one[1].saw, two[0].saw, two[1].saw)


def test_attack_20_meeting_by_a_name(stand: Stand, pair: Pair, witness: Witness) -> None:
    with stand.loose(IpcMode="shareable") as sender:
        assert sender.ask("meet")["shared memory"] == "done"
        joined = {"IpcMode": f"container:{sender.box.container}", "NetworkMode": f"container:{sender.box.container}"}
        with stand.loose(**joined, Hostname=None, Dns=[]) as listener:
            found = listener.ask("find")
    if stand.gvisor:
        assert {name for name, saw in found.items() if saw == "done"} == {"/dev/shm"}
        witness.without_guard("gVisor: with shared namespaces they meet in /dev/shm alone, as each has its own kernel")
    else:
        assert {name for name, saw in found.items() if saw == "done"} >= {
            "abstract socket", "/dev/shm", "shared memory", "semaphore", "queue",
        }  # fmt: skip
        witness.without_guard("runc: with shared namespaces they meet by each of these names")
    assert {name for name, saw in pair.sent.items() if saw == "done"} >= {"abstract socket", "/dev/shm"}
    assert "done" not in pair.found.values()
    assert pair.sent["message queue"] in {"EPERM", "EACCES"}
    witness.with_guard("two evaluations at the same time find nothing of each other; message queues are refused")


def test_attack_21_locks_as_a_covert_channel(stand: Stand, pair: Pair, witness: Witness) -> None:
    with stand.loose(SecurityOpt=DOCKERS_OWN) as sender, stand.loose(SecurityOpt=DOCKERS_OWN) as listener:
        assert listener.ask("honest") == "well"
        assert sender.ask("lock", paths=["/sbin/docker-init"])["/sbin/docker-init"] == "done"
        bit = listener.ask("lock", paths=["/sbin/docker-init"])["/sbin/docker-init"]
    if stand.gvisor:
        assert bit == "done"
        assert set(pair.locked.values()) | set(pair.lockable.values()) == {"done"}
        witness.without_guard("gVisor: locks are its own, the other container's lock is not seen")
        witness.with_guard("gVisor: the other evaluation's locks are not seen")
        return
    assert bit == "EAGAIN"
    witness.without_guard("runc under Docker's own filter: a lock on the init program is seen by the other, bit by bit")
    assert set(pair.locked.values()) | set(pair.lockable.values()) == {"EPERM"}
    witness.with_guard("runc: locks and inotify are refused by the filter")


def test_attack_22_state_for_the_next_evaluation(stand: Stand, witness: Witness) -> None:
    with stand.loose() as loose:
        loose.ask("keep", marker="kept")
        assert loose.ask("recall") == PLACES
    witness.without_guard("a container that is used twice finds what it has left in /tmp and /dev/shm")
    volumes = anonymous_volumes()
    first = stand.play(attack("keep", marker="kept"), attack("crash", code=1), attack("recall"))
    assert [place for place, saw in first.cases[0].saw.items() if saw == "done"] == PLACES
    assert (first.cases[1].outcome, first.cases[2].saw) == ("crashed", [])
    second = stand.play(attack("recall"), HONEST)
    assert [case.saw for case in second.cases] == [[], "well"]
    assert first.watch.most(lambda sight: sight.layer_bytes) == 0
    assert anonymous_volumes() == volumes
    witness.with_guard("neither the next container nor the next evaluation finds anything")
