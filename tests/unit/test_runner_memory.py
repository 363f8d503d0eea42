"""What containers are promised together is there: a neighbour cannot take what an attempt was promised."""

import os
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from runners import local
from runners.execute import Host
from runners.faults import EngineRefused
from runners.local import LocalRunner, must_wait
from runners.memory import HOSTS_MIB, capacity_mib, needed_mib, refuse_too_large
from runners.output import HOLDER_MIB
from runners.parent import Together
from runners.values import AttemptId, AttemptSpec, BlobRef, CaseInput, Limits, ShardId, Status

BLOB = BlobRef("0" * 64, 1)


def spec(name: str, memory_mib: int, **changes: Any) -> AttemptSpec:
    cases = (CaseInput("c0001", BLOB),)
    limits = Limits(memory_mib=memory_mib)
    return replace(AttemptSpec(AttemptId(name), ShardId("s"), BLOB, "sha256:x", cases, limits), **changes)


@pytest.fixture
def meminfo(tmp_path: Path) -> Path:
    path = tmp_path / "meminfo"
    path.write_text(f"MemTotal:       {4096 * 1024} kB\nMemFree:          100 kB\n")
    return path


def test_containers_have_their_common_limit_or_what_the_machine_can_spare(meminfo: Path) -> None:
    assert capacity_mib(Together(), meminfo=meminfo) == 4096 - HOSTS_MIB
    assert capacity_mib(Together(memory_mib=1000), meminfo=meminfo) == 1000
    assert capacity_mib(Together(memory_mib=8000), meminfo=meminfo) == 4096 - HOSTS_MIB


def test_file_systems_in_memory_are_within_a_containers_limit_and_the_holder_beside_it() -> None:
    assert needed_mib(spec("a", 300)) == 300
    assert needed_mib(spec("a", 300, mode="batch")) == 300 + HOLDER_MIB


def test_what_does_not_even_fit_alone_is_refused_with_value_limit_and_next_step(meminfo: Path) -> None:
    refuse_too_large(spec("a", 1000), Together(memory_mib=1000), meminfo=meminfo)
    with pytest.raises(EngineRefused, match=r"1001 MiB: all of them .* 1000 MiB \(ARENA_CGROUP_MEMORY_MIB\): .* lower"):
        refuse_too_large(spec("a", 1001), Together(memory_mib=1000), meminfo=meminfo)
    with pytest.raises(EngineRefused, match=rf"3600 MiB: all .* {4096 - HOSTS_MIB} MiB \(this machine less"):
        refuse_too_large(spec("a", 3600), Together(), meminfo=meminfo)


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> dict[str, threading.Event]:
    """Attempts that run until they are told to end, by their ids."""
    ends = {name: threading.Event() for name in ("first", "large", "small")}
    monkeypatch.setattr(local, "execute_attempt", lambda spec, **_: ends[spec.attempt_id].wait(20) and None)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2})
    return ends


class _Engine:
    def close(self) -> None:
        pass


def soon(condition: Callable[[], bool]) -> bool:
    pause = threading.Event()
    return any(condition() or pause.wait(0.05) for _ in range(100))


def test_attempts_wait_until_there_is_memory_and_a_large_one_gets_its_turn(
    runs: dict[str, threading.Event], tmp_path: Path
) -> None:
    host = Host(cast("Any", _Engine()), tmp_path, "r", together=Together(memory_mib=1000))
    store = cast("Any", None)
    runner = LocalRunner(host, studies=store, images=store, results=store, slots=3)

    def status(name: str) -> Status:
        return runner.status([AttemptId(name)])[AttemptId(name)]

    for name, memory_mib in (("first", 600), ("large", 900), ("small", 300)):
        runner.submit(spec(name, memory_mib))
        if name == "first":
            assert soon(lambda: status("first") is Status.RUNNING)
    assert not threading.Event().wait(1.2)
    assert [status(name) for name in runs] == [Status.RUNNING, Status.PENDING, Status.PENDING]
    runs["first"].set()
    assert soon(lambda: status("large") is Status.RUNNING)
    assert status("small") is Status.PENDING
    runs["large"].set()
    assert soon(lambda: status("small") is Status.RUNNING)
    runs["small"].set()
    runner.close()


def test_what_came_later_waits_for_what_waits_before_it_even_while_nothing_runs() -> None:
    large, small = spec("large", 900), spec("small", 300)
    assert must_wait(small, [], [large], capacity_mib=1000)
    assert not must_wait(large, [], [], capacity_mib=1000)
    assert not must_wait(small, [], [spec("middle", 700)], capacity_mib=1000)


def test_an_exclusive_attempt_waits_for_all_before_it_and_all_after_it_wait_for_it() -> None:
    alone, small = spec("alone", 300, exclusive=True), spec("small", 300)
    assert must_wait(alone, [small], [], capacity_mib=1000)
    assert must_wait(alone, [], [small], capacity_mib=1000)
    assert must_wait(small, [], [alone], capacity_mib=1000)
    assert not must_wait(alone, [], [], capacity_mib=1000)
