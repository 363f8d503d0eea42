"""The parts of modes batch and case that need no engine."""

import copy
import io
import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from runners.archive import Refusal
from runners.batch import LINES_PER_CASE, lines_by_case
from runners.beside import Beside
from runners.case import PREDICTION, PredictionFile
from runners.faults import EngineRefused, SandboxRefused
from runners.modes import MODES, output_space, refuse_unknown
from runners.policy import Placement, SandboxPolicy
from runners.readback import read_back
from runners.space import OutputSpace
from runners.values import (
    AttemptId,
    AttemptSpec,
    BlobRef,
    CaseInput,
    CaseResult,
    Detail,
    GrandChallengeLayout,
    Limits,
    Outcome,
    OutputFile,
    ShardId,
)

NAMES = ("c0001", "c0002", "c0003")
BLOB = BlobRef("0" * 64, 1)


def answers(content: bytes, *, whole: bool = True, limit: int = 60) -> dict[str, Any]:
    got = lines_by_case(io.BytesIO(content), NAMES, limit, whole=whole)
    return {name: result.answer or result.detail for name, result in got.items()}


def test_each_line_goes_to_the_case_that_it_names_in_any_order() -> None:
    content = b'{"case": "c0003", "x": 1}\n{"x": 2, "case":"c0001"}\n'
    assert answers(content) == {"c0003": b'{"case": "c0003", "x": 1}', "c0001": b'{"x": 2, "case":"c0001"}'}


def test_a_name_inside_a_text_is_not_the_lines_name() -> None:
    content = rb'{"x": "\"case\": \"c0002\"", "case": "c0001"}' + b"\n"
    assert list(answers(content)) == ["c0001"]


def test_lines_of_nobody_are_dropped() -> None:
    assert answers(b'\n\n{"case": "c9999"}\n{"CASE": "c0001"}\n\xff\xfe\n{"case": 1}\n{"case": "c0001x"}\n') == {}


def test_a_second_line_spoils_the_first() -> None:
    line = b'{"case": "c0001"}\n'
    assert answers(line * 2) == answers(line * 3) == {"c0001": Detail.DUPLICATE_LINE}


def test_a_line_beyond_its_limit_is_never_kept() -> None:
    assert answers(b'{"case": "c0001"' + b" " * 60 + b"}\n") == {"c0001": Detail.OVERLONG_LINE}


def test_a_line_is_as_long_as_it_may_be_or_one_byte_longer() -> None:
    longest = b'{"case": "c0001"' + b" " * 43 + b"}"
    assert len(longest) == 60
    for ending in (b"\n", b""):
        assert answers(longest + ending) == {"c0001": longest}
        assert answers(b" " + longest + ending) == {"c0001": Detail.OVERLONG_LINE}
    rest = b'\n{"case": "c0002"}\n'
    assert answers(longest + b"x" * 200_000 + rest) == {"c0001": Detail.OVERLONG_LINE, "c0002": b'{"case": "c0002"}'}


def test_a_name_beyond_the_longest_line_is_not_looked_for() -> None:
    assert answers(b" " * 61 + b'{"case": "c0001"}\n') == {}


def test_so_many_lines_are_read_and_no_more() -> None:
    before = LINES_PER_CASE * len(NAMES) - 1
    assert list(answers(b"\n" * before + b'{"case": "c0001"}\n{"case": "c0002"}\n')) == ["c0001"]


def test_a_file_of_ever_so_many_lines_costs_the_worker_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "predictions.jsonl"
    path.write_bytes(b"x\n" * (8 << 20))
    tracemalloc.start()
    try:
        with path.open("rb") as file:
            assert lines_by_case(file, NAMES, 1 << 20, whole=True) == {}
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert most < 4 << 20


def test_what_stands_behind_the_last_newline_counts_only_where_nothing_was_cut() -> None:
    assert answers(b'{"case": "c0001"}') == {"c0001": b'{"case": "c0001"}'}
    assert answers(b'{"case": "c0001"}', whole=False) == {}


def spec(mode: str, **changes: Any) -> AttemptSpec:
    cases = tuple(CaseInput(name, BLOB) for name in NAMES)
    made = AttemptSpec(AttemptId("a"), ShardId("s"), BLOB, "sha256:x", cases, Limits(output_mib=8), mode=mode)
    return replace(made, **changes)


def test_output_is_as_large_as_the_cases_that_a_container_sees() -> None:
    files = (OutputFile("report.dcm", 10),)
    assert output_space(spec("serve")) is None
    assert output_space(spec("serve", outputs=files)) == output_space(spec("batch")) == OutputSpace(8, 3)
    assert output_space(spec("case")) == OutputSpace(8, 1)
    assert (OutputSpace(8, 3).size_mib, OutputSpace(8, 3).inodes) == (24, 192)
    assert OutputSpace(8, 3).options(400_001) == {
        "type": "tmpfs",
        "device": "tmpfs",
        "o": "nr_blocks=6144,nr_inodes=192,mode=0700,uid=400001,gid=400001,nosuid,nodev,noexec",
    }


def test_unknown_modes_and_layouts_are_refused_before_anything_runs() -> None:
    for mode in MODES:
        refuse_unknown(spec(mode))
    layout = GrandChallengeLayout("x", ())
    refuse_unknown(spec("case", layout=layout))
    for wrong in (spec("swarm"), spec("serve", layout=layout), spec("batch", layout=layout)):
        with pytest.raises(EngineRefused):
            refuse_unknown(wrong)


POLICY = SandboxPolicy(Limits(tmp_mib=4, shm_mib=4), volumes=("/data", "/output"), output=OutputSpace(8, 3))
PLACEMENT = Placement(345678, (0,), "/in", (("arena.runner", "r"),), "arena-0")


def taken() -> tuple[dict[str, Any], dict[str, Any]]:
    request = POLICY.request("sha256:x", PLACEMENT)
    config = copy.deepcopy(request)
    host = config.pop("HostConfig")
    host["Mounts"][1]["VolumeOptions"]["DriverConfig"] = {}
    mounts = [
        {"Type": "volume", "Name": "arena-0", "Destination": "/output", "RW": True},
        {"Type": "bind", "Source": "/in", "Destination": "/input", "RW": False},
    ]
    return request, {"Image": "sha256:x", "Config": config, "HostConfig": host, "Mounts": mounts}


def test_a_policy_with_an_output_mounts_it_in_place_of_the_images_own_volume() -> None:
    host = POLICY.request("sha256:x", PLACEMENT)["HostConfig"]
    assert host["Mounts"][1] == {
        "Type": "volume",
        "Source": "arena-0",
        "Target": "/output",
        "ReadOnly": False,
        "VolumeOptions": {"NoCopy": True},
    }
    assert set(host["Tmpfs"]) == {"/tmp", "/data"}  # noqa: S108 - inside the container
    assert {"Name": "fsize", "Soft": 24 << 20, "Hard": 24 << 20} in host["Ulimits"]
    without = replace(POLICY, output=None).request("sha256:x", PLACEMENT)["HostConfig"]
    assert len(without["Mounts"]) == 1
    assert set(without["Tmpfs"]) == {"/tmp", "/data", "/output"}  # noqa: S108 - inside the container


def test_an_output_that_is_missing_or_elsewhere_refuses_the_run() -> None:
    request, inspected = taken()
    read_back(request, inspected)
    for change in ({"RW": False}, {"Destination": "/out"}, {"Type": "bind"}):
        wrong = copy.deepcopy(inspected)
        wrong["Mounts"][0] |= change
        with pytest.raises(SandboxRefused):
            read_back(request, wrong)
    inspected["Mounts"].pop(0)
    with pytest.raises(SandboxRefused):
        read_back(request, inspected)


def test_the_digest_of_a_policy_tells_its_output_but_not_how_many_cases_a_shard_has() -> None:
    assert replace(POLICY, output=OutputSpace(8, 1)).digest == POLICY.digest
    others = {replace(POLICY, output=output).digest for output in (None, OutputSpace(9, 3))}
    assert POLICY.digest not in others
    assert len(others) == 2


def keep(path: Path) -> BlobRef:
    return BlobRef(path.name, 1)


BESIDE = Beside((OutputFile("a.dcm", 1), OutputFile("b.dcm", 2)), keep)
ANSWERED = CaseResult("c0001", Outcome.OK, 0.5, b"{}")


def test_files_beside_an_answer_are_kept_by_their_names() -> None:
    assert BESIDE.wanted(["c0001"]) == {"c0001/a.dcm": 1024, "c0001/b.dcm": 2048}
    files = {"c0001/a.dcm": Path("1"), "c0002/b.dcm": Path("2"), "c0001/c.dcm": Path("3")}
    assert BESIDE.attach(ANSWERED, files, full=False) == replace(ANSWERED, files=(("a.dcm", keep(Path("1"))),))


@pytest.mark.parametrize(
    ("content", "full", "ending"),
    [
        (Refusal.TOO_LARGE, False, (Outcome.OUTPUT_QUOTA, Detail.OVERLONG_FILE)),
        (Refusal.TOO_MANY, True, (Outcome.OUTPUT_QUOTA, Detail.OVERLONG_FILE)),
        (Refusal.NOT_REGULAR, False, (Outcome.INVALID_ANSWER, Detail.OUTPUT_REFUSED)),
        (Refusal.TWICE, False, (Outcome.INVALID_ANSWER, Detail.OUTPUT_REFUSED)),
        (Path("1"), True, (Outcome.OUTPUT_QUOTA, Detail.OUTPUT_FULL)),
    ],
)
def test_a_file_that_is_refused_or_did_not_fit_costs_the_case(
    content: Path | Refusal, full: bool, ending: tuple[Outcome, Detail]
) -> None:
    result = BESIDE.attach(ANSWERED, {"c0001/a.dcm": content}, full=full)
    assert (result.outcome, result.detail, result.answer, result.files) == (*ending, None, ())


def test_files_change_nothing_where_there_is_no_answer() -> None:
    crashed = CaseResult("c0001", Outcome.CRASHED, detail="exit_3")
    assert BESIDE.attach(crashed, {"c0001/a.dcm": Refusal.TOO_LARGE}, full=True) == crashed


def test_arenas_own_answer_is_one_file() -> None:
    form = PredictionFile()
    assert form.wanted(Limits(answer_kib=3)) == {PREDICTION: 3072}
    assert form.answer("c0001", {PREDICTION: b"{}"}) == b"{}"
    assert form.answer("c0001", {}) is None
