"""What every runner does in modes `batch` and `case`, and with files beside answers: behaviours as in `conformance`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from runners.conformance import Behaviour, Ending, Rule, Seen
from runners.values import Detail, Outcome, OutputFile

_OK: Ending = (Outcome.OK, None)
_REPORT = (OutputFile("report.dcm", 64),)
_MIB: Mapping[str, Any] = {"output_mib": 1}
_SHORT: Mapping[str, Any] = {"startup_seconds": 1.0, "case_seconds": 0.5}
_INVALID, _NOT_REACHED = Outcome.INVALID_ANSWER, Outcome.NOT_REACHED
_REFUSED: Ending = (_INVALID, Detail.OUTPUT_REFUSED)
# The filter of system calls lets nobody make a pipe with a name; gVisor makes one, in its own memory only.
_NO_PIPE: tuple[Ending, ...] = ((Outcome.CRASHED, "exit_1"), (Outcome.NO_ANSWER, "exit_0"))
_FULL: Ending = (Outcome.OUTPUT_QUOTA, Detail.OUTPUT_FULL)


def _each(*endings: Ending) -> tuple[tuple[Ending, ...], ...]:
    return tuple((ending,) for ending in endings)


def _second(outcome: Outcome, detail: str | None) -> tuple[tuple[Ending, ...], ...]:
    return _each(_OK, (outcome, detail), _OK)


def _containers(count: int) -> Rule:
    def rule(seen: Seen) -> Iterable[str]:
        if seen.receipt["containers_started"] != count:
            yield f"{seen.receipt['containers_started']} containers were started, not {count}"

    return rule


def _all(*rules: Rule) -> Rule:
    def rule(seen: Seen) -> Iterable[str]:
        for each in rules:
            yield from each(seen)

    return rule


def _world(cases: Iterable[Iterable[str]], *, mib: int, inodes: int) -> Rule:
    expected = {
        "tmp": [],
        "output": [],
        "owner": True,
        "mode": 0o700,
        "mib": mib,
        "not_executable": True,
        "no_link_to_input": True,
        "no_device": True,
        "no_chown": True,
        "stdin": "",
    }

    def rule(seen: Seen) -> Iterable[str]:
        for number, shown in enumerate(cases):
            facts = json.loads(seen.answer(number))["facts"]
            for name, value in {**expected, "input_now": list(shown)}.items():
                if facts.get(name) != value:
                    yield f"in case {number + 1} the container saw {name} = {facts.get(name)!r}, not {value!r}"
            # gVisor tells no number of inodes; the host's file system holds it all the same.
            if facts.get("inodes") not in {inodes, 0}:
                yield f"in case {number + 1} the container saw {facts.get('inodes')} inodes, not {inodes}"

    return rule


def _latency(*, known: bool) -> Rule:
    def rule(seen: Seen) -> Iterable[str]:
        for case in seen.cases:
            if (case["latency_seconds"] is not None) != known:
                yield f"case {case['case']} has latency {case['latency_seconds']}"

    return rule


def _reports(seen: Seen) -> Iterable[str]:
    for case in seen.cases:
        content = case["case"].encode()
        expected = {"report.dcm": {"sha256": hashlib.sha256(content).hexdigest(), "size_bytes": len(content)}}
        if case.get("files") != expected:
            yield f"of case {case['case']} these files were kept: {case.get('files')}"


def _no_output(seen: Seen) -> Iterable[str]:
    for number in range(len(seen.cases)):
        if json.loads(seen.answer(number))["facts"] != {"output": False}:
            yield f"in case {number + 1} there was an /output"


def _behaviour(
    probe: str, claim: str, endings: tuple[tuple[Ending, ...], ...], *rules: Rule,
    limits: Mapping[str, Any] | None = None,
) -> Behaviour:  # fmt: skip
    """Return a behaviour in the mode that the probe's name begins with."""
    mode = probe.partition("_")[0]
    return Behaviour(
        probe,
        claim,
        endings,
        {**_MIB, **(limits or {})},
        _all(*rules),
        mode=mode if mode in {"batch", "case"} else "serve",
        outputs=_REPORT if mode == "beside" else (),
    )


_BATCH = (
    _behaviour(
        "batch_world",
        "In mode batch a container sees all cases, writes to its own bounded /output, and orders its lines freely.",
        _each(_OK, _OK, _OK),
        _world([["c0001", "c0002", "c0003"]] * 3, mib=48, inodes=192),
        _latency(known=False),
        _containers(1),
        limits={"output_mib": 16},
    ),
    _behaviour(
        "batch_exit_3",
        "A crash costs the first case without a line; a fresh container gets the others.",
        _second(Outcome.CRASHED, "exit_3"),
        _containers(2),
    ),
    _behaviour(
        "batch_exit_0",
        "Who exits with 0 has said all: a case without a line has no answer.",
        _second(Outcome.NO_ANSWER, "exit_0"),
        _containers(1),
    ),
    _behaviour(
        "batch_memory",
        "Running out of memory is told apart from a crash.",
        _second(Outcome.OUT_OF_MEMORY, Detail.OUT_OF_MEMORY),
        _containers(2),
        limits={"memory_mib": 48},
    ),
    _behaviour(
        "batch_late",
        "The time of all its cases ends a container, and costs one of them.",
        _second(Outcome.TIMED_OUT, Detail.CASE_SECONDS),
        _containers(2),
        limits=_SHORT,
    ),
    _behaviour("batch_full", "A full /output costs the first case without a line.", _each(_OK, _FULL, _OK)),
    _behaviour("batch_twice", "Two lines for a case are none.", _second(_INVALID, Detail.DUPLICATE_LINE)),
    _behaviour("batch_cut", "Half a line is no line.", _second(Outcome.CRASHED, "exit_1")),
    _behaviour(
        "batch_stranger", "A line for a case that was not given belongs to none.", _second(Outcome.NO_ANSWER, "exit_0")
    ),
    _behaviour("batch_long_line", "A long line costs its case.", _second(_INVALID, Detail.OVERLONG_LINE)),
    _behaviour(
        "batch_nothing",
        "Two containers in a row without any line end the shard.",
        _each((Outcome.CRASHED, "exit_3"), (Outcome.CRASHED, "exit_3"), (_NOT_REACHED, "exit_3")),
        _containers(2),
    ),
    _behaviour("batch_symlink", "A link in the place of the lines is not followed.", _each(_REFUSED, _REFUSED)),
    _behaviour(
        "batch_fifo",
        "A pipe in the place of the lines keeps nobody waiting.",
        ((_REFUSED, *_NO_PIPE), (_REFUSED, *_NO_PIPE)),
    ),
    _behaviour("batch_folder", "A folder in the place of the lines is refused.", _each(_REFUSED, _REFUSED)),
    _behaviour(
        "batch_flood",
        "A flood on stdout ends the container.",
        _each((Outcome.NO_ANSWER, Detail.STDOUT_FLOOD), (Outcome.NO_ANSWER, Detail.STDOUT_FLOOD)),
        _containers(2),
    ),
    _behaviour("batch_closes_stdout", "A closed stdout ends nothing.", _each(_OK, _OK)),
)
_CASE = (
    _behaviour(
        "case_world",
        "In mode case each container sees one case and nothing that another one left.",
        _each(_OK, _OK),
        _world([["c0001"], ["c0002"]], mib=16, inodes=64),
        _latency(known=True),
        _containers(2),
        limits={"output_mib": 16},
    ),
    _behaviour(
        "case_exit_3", "A crash costs its case, whatever it left.", _second(Outcome.CRASHED, "exit_3"), _containers(3)
    ),
    _behaviour("case_exit_0", "No file is no answer.", _second(Outcome.NO_ANSWER, "exit_0")),
    _behaviour(
        "case_memory",
        "Running out of memory is told apart from a crash.",
        _second(Outcome.OUT_OF_MEMORY, Detail.OUT_OF_MEMORY),
        limits={"memory_mib": 48},
    ),
    _behaviour(
        "case_late",
        "Who does not end in time has no answer.",
        _second(Outcome.TIMED_OUT, Detail.CASE_SECONDS),
        limits=_SHORT,
    ),
    _behaviour("case_full", "A full /output costs its case.", _each(_OK, _FULL, _OK)),
    _behaviour("case_inodes", "An /output without inodes costs its case.", _each(_OK, _FULL, _OK)),
    _behaviour("case_long", "A file beyond its size costs its case.", _second(_INVALID, Detail.OVERLONG_FILE)),
    _behaviour("case_sparse", "A sparse file costs what it seems to hold.", _second(_INVALID, Detail.OVERLONG_FILE)),
    _behaviour("case_symlink", "A link is not followed.", _each(_OK, _REFUSED, _OK)),
    _behaviour("case_loop", "A link to itself is not followed.", _each(_OK, _REFUSED, _OK)),
    _behaviour("case_fifo", "A pipe keeps nobody waiting.", ((_OK,), (_REFUSED, *_NO_PIPE), (_OK,))),
    _behaviour(
        "case_socket",
        "A socket is no file.",
        # Docker leaves sockets out of its archives.
        ((_OK,), ((Outcome.NO_ANSWER, "exit_0"), _REFUSED), (_OK,)),
    ),
    _behaviour("case_folder", "A folder that nobody may enter is no file.", _each(_OK, _REFUSED, _OK)),
    _behaviour("case_names", "Odd names beside the file are never used.", _each(_OK, _OK, _OK)),
    _behaviour("case_deep", "Folders in folders end where the inodes do, and are removed.", _each(_OK, _OK, _OK)),
    _behaviour(
        "case_crashes",
        "Failures use up the restarts, then the cases are not reached.",
        _each((Outcome.CRASHED, "exit_3"), (Outcome.CRASHED, "exit_3"), (_NOT_REACHED, Detail.RESTARTS)),
        _containers(2),
        limits={"restarts": 1},
    ),
)
_BESIDE = (
    _behaviour("no_output", "There is no /output where nothing asks for it.", _each(_OK, _OK), _no_output),
    _behaviour("beside", "Files beside answers are kept with their cases, by digest.", _each(_OK, _OK), _reports),
    _behaviour("beside_symlink", "A link beside an answer is not followed.", _each(_OK, _REFUSED, _OK)),
    _behaviour("beside_folder", "A link in the place of a case's folder leads nowhere.", _each(_OK, _OK, _OK)),
    _behaviour(
        "beside_large", "A file beyond its size costs its case.", _second(Outcome.OUTPUT_QUOTA, Detail.OVERLONG_FILE)
    ),
    _behaviour("beside_full", "A file that is missing where /output is full costs its case.", _each(_OK, _FULL, _FULL)),
)

FILE_BEHAVIOURS: tuple[Behaviour, ...] = (*_BATCH, *_CASE, *_BESIDE)
"""Every behaviour, with a probe of its own."""
