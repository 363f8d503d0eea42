"""What every runner does in mode `serve`, and all behaviours together: probes, limits, and what has to be seen."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from runners.conformance import Behaviour, Ending, Rule, Seen
from runners.file_behaviours import FILE_BEHAVIOURS
from runners.values import Detail, Outcome

_OK: Ending = (Outcome.OK, None)


def _containers(count: int) -> Rule:
    def rule(seen: Seen) -> Iterable[str]:
        if seen.receipt["containers_started"] != count:
            yield f"{seen.receipt['containers_started']} containers were started, not {count}"

    return rule


def _answer_is(index: int, content: bytes) -> Rule:
    def rule(seen: Seen) -> Iterable[str]:
        if seen.answer(index) != content:
            yield f"the answer of case {index + 1} was not kept as it came"

    return rule


def _last_container_ended(how: str) -> Rule:
    def rule(seen: Seen) -> Iterable[str]:
        end = seen.receipt["manifest"]["containers"][-1]["end"]
        if end != how:
            yield f"the last container ended as {end}, not {how}"

    return rule


_WORLD: Mapping[str, Any] = {
    "input_at_start": [],
    "files": ["s1/i0001.dcm", "s2/i0001.dcm"],
    "modes": [0o644],
    "times": [0.0],
    "identity_is_fresh": True,
    "capabilities": "0" * 16,
    "bounding": "0" * 16,
    "no_new_privileges": "1",
    "seccomp": "2",
    "interfaces": ["lo"],
    "no_network": True,
    "root_read_only": True,
    "input_read_only": True,
    "volume_read_only": True,
    "tmp_writable": True,
    "tmp_not_executable": True,
    "home": "/tmp",  # noqa: S108 - inside the container
    "contract": "1",
    "proxies": [],
    "sys_is_masked": True,
}


# Of these gVisor's kernel tells its guests what is true of itself: its own filter and flags are those of its process on
# the host (`runners.kernel`), and /sys is its own.
_GVISORS_OWN = ("seccomp", "no_new_privileges", "sys_is_masked")


def _world_is_as_promised(seen: Seen) -> Iterable[str]:
    skipped = _GVISORS_OWN if seen.receipt["manifest"]["runtime"]["gvisor"] else ()
    for number in range(len(seen.cases)):
        facts = json.loads(seen.answer(number))["facts"]
        expected = {**_WORLD, "input_now": [f"c{number + 1:04d}"], **{name: facts.get(name) for name in skipped}}
        for name in sorted(expected.keys() | facts.keys()):
            if facts.get(name) != expected.get(name):
                yield f"in case {number + 1} the container saw {name} = {facts.get(name)!r}, not {expected.get(name)!r}"


def _only(outcome: Outcome, detail: str | None) -> tuple[Ending, ...]:
    return ((outcome, detail),)


def _second_of_three(outcome: Outcome, detail: str | None) -> tuple[tuple[Ending, ...], ...]:
    return ((_OK,), ((outcome, detail),), (_OK,))


_NOT_REACHED = Outcome.NOT_REACHED

SERVE_BEHAVIOURS: tuple[Behaviour, ...] = (
    Behaviour(
        "world",
        "The container sees one case, no network, and nothing to write but /tmp.",
        ((_OK,), (_OK,)),
        rule=_world_is_as_promised,
    ),
    Behaviour(
        "exit_3",
        "A crash costs its case; a fresh container takes the next.",
        _second_of_three(Outcome.CRASHED, "exit_3"),
        rule=_containers(2),
    ),
    Behaviour(
        "segfault",
        "A signal is told apart from an exit code.",
        _second_of_three(Outcome.CRASHED, "signal_11"),
        rule=_containers(2),
    ),
    Behaviour(
        "exit_0",
        "A clean exit in the middle is no answer.",
        _second_of_three(Outcome.NO_ANSWER, "exit_0"),
        rule=_containers(2),
    ),
    Behaviour(
        "half_a_line",
        "Half a line is no answer of anything.",
        _second_of_three(Outcome.CRASHED, "exit_1"),
        rule=_containers(2),
    ),
    Behaviour(
        "late",
        "A late answer never becomes the next case's.",
        _second_of_three(Outcome.TIMED_OUT, Detail.CASE_SECONDS),
        {"case_seconds": 0.7},
        _containers(2),
    ),
    Behaviour(
        "memory",
        "Running out of memory is told apart from a crash.",
        _second_of_three(Outcome.OUT_OF_MEMORY, Detail.OUT_OF_MEMORY),
        {"memory_mib": 48},
        _containers(2),
    ),
    Behaviour(
        "long_line",
        "A line beyond its limit ends the container.",
        _second_of_three(Outcome.INVALID_ANSWER, Detail.OVERLONG_LINE),
        rule=_containers(2),
    ),
    Behaviour(
        "bytes_behind",
        "Bytes behind an answer spoil it, and never reach the next case.",
        _second_of_three(Outcome.INVALID_ANSWER, Detail.BYTES_AFTER_ANSWER),
        rule=_containers(2),
    ),
    Behaviour(
        "garbage",
        "A line is kept as it came, whatever its bytes.",
        ((_OK,),) * 3,
        rule=_answer_is(1, b"\xff\x00 no JSON"),
    ),
    Behaviour(
        "other_case",
        "An answer for another case is kept with the case that was asked.",
        ((_OK,),) * 3,
        rule=_answer_is(1, b'{"case": "c0003", "facts": {}}'),
    ),
    Behaviour(
        "before_asked",
        "Who answers before being asked is never asked.",
        (_only(_NOT_REACHED, Detail.RESTARTS),) * 2,
        {"restarts": 1},
        _containers(2),
    ),
    Behaviour(
        "never_ready",
        "Two starts in a row that are not ready end the shard.",
        (_only(_NOT_REACHED, Detail.STARTUP_SECONDS),) * 2,
        {"startup_seconds": 0.7},
        _containers(2),
    ),
    Behaviour(
        "wrong_greeting",
        "Only the ready line is ready.",
        (_only(_NOT_REACHED, Detail.NOT_READY_LINE),) * 2,
        rule=_containers(2),
    ),
    Behaviour(
        "dies_at_start",
        "A container that dies at start leaves its cases unreached.",
        (_only(_NOT_REACHED, "exit_7"),) * 2,
        rule=_containers(2),
    ),
    Behaviour(
        "flood_at_start",
        "A flood instead of the ready line costs nothing.",
        (_only(_NOT_REACHED, Detail.NOT_READY_LINE),) * 2,
        rule=_containers(2),
    ),
    Behaviour("stderr_flood", "Megabytes of log harm nobody.", ((_OK,),) * 3, rule=_containers(1)),
    Behaviour(
        "closes_stdout",
        "A closed stdout is no answer.",
        ((_OK,), ((Outcome.NO_ANSWER, Detail.STDOUT_CLOSED), (Outcome.TIMED_OUT, Detail.CASE_SECONDS)), (_OK,)),
        {"case_seconds": 2.0},
        _containers(2),
    ),
    Behaviour(
        "ignores_requests",
        "Silence uses up the restarts, then the cases are not reached.",
        (_only(Outcome.TIMED_OUT, Detail.CASE_SECONDS),) * 2 + (_only(_NOT_REACHED, Detail.RESTARTS),),
        {"case_seconds": 0.5, "restarts": 1},
        _containers(2),
    ),
    Behaviour(
        "ignores_the_end",
        "Who does not end at the end of input is ended.",
        ((_OK,),) * 2,
        {"shutdown_seconds": 0.5},
        _last_container_ended("shutdown_seconds"),
    ),
    Behaviour(
        "slow",
        "The shard's time ends the case that is open, then the rest.",
        ((_OK,), *(((_OK), (Outcome.TIMED_OUT, Detail.TOTAL_SECONDS), (_NOT_REACHED, Detail.TOTAL_SECONDS)),) * 7),
        {"total_seconds": 1.5},
    ),
    Behaviour(
        "no_such_program",
        "A missing program is the vendor's, not the host's.",
        # Some init programs end with 1 where others end with 127.
        (((_NOT_REACHED, "exit_127"), (_NOT_REACHED, "exit_1"), (_NOT_REACHED, Detail.CANNOT_START)),),
    ),
    Behaviour(
        "no_program_at_all",
        "An image without program is the vendor's, not the host's.",
        (_only(_NOT_REACHED, Detail.CANNOT_START),),
    ),
    Behaviour(
        "not_a_program",
        "A file that is no program is the vendor's, not the host's.",
        (((_NOT_REACHED, "exit_126"), (_NOT_REACHED, "exit_127"), (_NOT_REACHED, Detail.CANNOT_START)),),
    ),
)
"""What is shown in mode `serve`, each behaviour with a probe of its own."""

BEHAVIOURS = (*SERVE_BEHAVIOURS, *FILE_BEHAVIOURS)
"""Every behaviour of every mode."""
