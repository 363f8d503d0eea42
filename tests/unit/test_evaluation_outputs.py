"""Files beside answers: each is examined in a process of its own, whose death is a defect of that file alone."""

from __future__ import annotations

import base64
import json
import os
import re
import resource
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import JPEGBaseline8Bit

from arena.blobs import BlobStore
from arena.errors import BlobCorrupt, HostError
from arena.evaluation import outputs as module
from arena.evaluation.output_forms import MAX_CONTENT_DEPTH, MAX_CONTENT_ITEMS, examine
from arena.evaluation.output_kinds import Examined, OutputDefect, OutputKind
from arena.evaluation.outputs import ChildLimits, DeclaredOutput, LeftFile, count_outputs, examine_outputs
from arena.evaluation.record import OUTPUTS_SCHEMA, ShardLines, read_shard, read_table, write_record
from runners.values import BlobRef, Outcome
from tests.radiographs import encode
from tests.reports import content, deflated_bomb, many_items, nested, report, secondary_capture
from tests.seeding import FINDINGS, output_lines

SR, SC, BYTES = OutputKind.DICOM_SR, OutputKind.DICOM_SC, OutputKind.BYTES
GOOD_SR, GOOD_SC = encode(report()), encode(secondary_capture())


@pytest.fixture
def results(tmp_path: Path) -> BlobStore:
    return BlobStore(tmp_path / "results")


def left(results: BlobStore, case: str, held: bytes | None, kind: OutputKind = SR) -> LeftFile:
    return LeftFile(case, "report.dcm", kind, None if held is None else results.put(held))


@pytest.mark.parametrize(
    ("held", "kind", "found"),
    [
        (GOOD_SR, SR, Examined(None, 3)),
        (GOOD_SC, SC, Examined(None, 1)),
        (GOOD_SC, SR, Examined(OutputDefect.SOP_CLASS)),
        (GOOD_SR, SC, Examined(OutputDefect.SOP_CLASS)),
        (b"", SR, Examined(OutputDefect.NOT_DICOM)),
        (b"\x7fELF" * 100, SC, Examined(OutputDefect.NOT_DICOM)),
        (GOOD_SR[:200], SR, Examined(OutputDefect.DAMAGED)),
        (b"\0" * 128 + b"DICM", SR, Examined(OutputDefect.DAMAGED)),
        (encode(report(), JPEGBaseline8Bit), SR, Examined(OutputDefect.TRANSFER_SYNTAX)),
        (deflated_bomb(1), SC, Examined(OutputDefect.DEFLATED)),
        (nested(5000), SR, Examined(OutputDefect.TOO_DEEP)),
        (encode(report(ValueType="TEXT")), SR, Examined(OutputDefect.CONTENT)),
        (encode(report(ContentSequence=[])), SR, Examined(OutputDefect.CONTENT)),
        (encode(report(content("SCRIPT"))), SR, Examined(OutputDefect.CONTENT)),
        (many_items(MAX_CONTENT_ITEMS + 1), SR, Examined(OutputDefect.CONTENT)),
        (encode(secondary_capture(Rows=60_000, Columns=60_000)), SC, Examined(OutputDefect.PIXELS)),
        (encode(secondary_capture(NumberOfFrames=2)), SC, Examined(OutputDefect.PIXELS)),
        (encode(secondary_capture(PixelData=None)), SC, Examined(OutputDefect.PIXELS)),
        (GOOD_SC[:-100], SC, Examined(OutputDefect.PIXELS)),
    ],
)
def test_a_file_is_what_its_kind_says_or_has_a_defect(held: bytes, kind: OutputKind, found: Examined) -> None:
    assert examine(held, kind) == found


def test_a_report_may_be_as_deep_as_is_said_and_no_deeper() -> None:
    def tree(depth: int) -> Dataset:
        return content("CONTAINER", tree(depth - 1)) if depth > 1 else content("TEXT")

    assert examine(encode(report(tree(MAX_CONTENT_DEPTH - 1))), SR) == Examined(None, MAX_CONTENT_DEPTH - 1)
    assert examine(encode(report(tree(MAX_CONTENT_DEPTH))), SR) == Examined(OutputDefect.TOO_DEEP)


def test_every_file_has_its_row_and_missing_ones_are_counted(results: BlobStore) -> None:
    files = [
        left(results, "c0001", GOOD_SR),
        left(results, "c0002", None),
        left(results, "c0003", GOOD_SR),
        left(results, "c0004", b"anything", BYTES),
        left(results, "c0005", GOOD_SC),
    ]
    rows = examine_outputs(results, files)
    assert [row.file for row in rows] == files
    assert [row.examined for row in rows] == [
        Examined(None, 3),
        Examined(OutputDefect.MISSING),
        Examined(None, 3),
        Examined(None),
        Examined(OutputDefect.SOP_CLASS),
    ]
    assert count_outputs(rows) == {"report.dcm": {"missing": 1, "ok": 3, "sop_class": 1}}


def test_where_nothing_is_to_be_read_no_process_is_started(results: BlobStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "run", lambda *_a, **_k: pytest.fail("started"))
    assert examine_outputs(results, []) == []
    assert examine_outputs(results, [left(results, "c0001", b"x", BYTES)])[0].examined == Examined(None)


@pytest.mark.parametrize(
    "limits", [ChildLimits(memory_mib=300, seconds=60), ChildLimits(memory_mib=4096, seconds=1)], ids=["memory", "time"]
)
def test_a_file_that_costs_too_much_ends_its_process_and_the_others_are_read(
    results: BlobStore, limits: ChildLimits
) -> None:
    costly = many_items(2_000_000)
    files = [
        left(results, f"c000{n}", held) for n, held in enumerate((GOOD_SR, costly, encode(report(Modality="SR2"))), 1)
    ]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    rows = examine_outputs(results, files, limits)
    assert [row.examined.defect for row in rows] == [None, OutputDefect.TOO_COSTLY, None]
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024, "in KiB, in this process"


def test_files_that_each_cost_less_than_is_allowed_do_not_hold_up_the_scoring_of_others(
    results: BlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Each takes more than a second of the processor; the time of all ends in the first child.
    files = [left(results, f"c{n:04}", many_items(600_000 + n)) for n in range(8)]
    started = []
    run = subprocess.run
    monkeypatch.setattr(subprocess, "run", lambda *a, **k: (started.append(a), run(*a, **k))[1])
    began = resource.getrusage(resource.RUSAGE_CHILDREN)
    rows = examine_outputs(results, files, ChildLimits(memory_mib=2048, seconds=60, total_seconds=4))
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert len(started) == 1
    assert ended.ru_utime + ended.ru_stime - began.ru_utime - began.ru_stime < 8
    defects = {row.examined.defect for row in rows}
    assert OutputDefect.TOO_COSTLY in defects
    assert [row.examined.defect for row in rows].count(OutputDefect.TOO_COSTLY) >= 4


# The peak is read from the child's own status file, because that of getrusage is inherited by whoever is started.
_MEASURED = """
import re, runpy, sys
from pathlib import Path
sys.argv = ["output_child", "768", "10", "600"]
runpy.run_module("arena.evaluation.output_child", run_name="__main__")
peak = re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]
print(peak, file=sys.stderr)
"""


def test_a_deflated_file_of_389_kb_takes_400_mb_from_nobody(results: BlobStore) -> None:
    bomb = deflated_bomb(400)
    assert 350_000 < len(bomb) < 450_000
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    rows = examine_outputs(results, [left(results, "c0001", bomb, SC), left(results, "c0002", bomb, SR)])
    assert {row.examined.defect for row in rows} == {OutputDefect.DEFLATED}
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 16 * 1024, "in KiB, in this process"
    peaks = []
    for held in (GOOD_SC, bomb):
        frame = module.FRAME.pack(list(OutputKind).index(SC), len(held)) + held
        done = subprocess.run(
            [sys.executable, "-c", _MEASURED], input=frame, capture_output=True, check=True, timeout=60
        )
        assert done.stdout.splitlines()[0] == b"ready"
        peaks.append(int(done.stderr.split()[-1]) // 1024)
    assert peaks[1] - peaks[0] < 8, "in MiB: what the bomb takes beyond an honest file, in the child"


def test_the_child_knows_neither_vault_nor_database(results: BlobStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARENA_VAULT_REFERENCES", "/somewhere/secret")
    monkeypatch.setenv("ARENA_DATABASE_URL", "sqlite:////somewhere/secret.db")
    seen: list[dict[str, object]] = []
    run = subprocess.run

    def spy(*arguments: object, **settings: object) -> object:
        seen.append({"arguments": arguments, **settings})
        return run(*arguments, **settings)  # type: ignore[call-overload]

    monkeypatch.setattr(subprocess, "run", spy)
    examine_outputs(results, [left(results, "c0001", GOOD_SR)])
    (started,) = seen
    assert not re.search("secret|ARENA_", str(started))
    assert started["cwd"] == "/"
    assert str(results.root) not in str(started)


def test_a_child_that_does_not_start_is_the_hosts_fault(results: BlobStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_CHILD", "arena.evaluation.no_such_child")
    with pytest.raises(HostError, match="their process ended with 1"):
        examine_outputs(results, [left(results, "c0001", GOOD_SR)])


def test_bytes_that_are_lost_or_changed_are_the_hosts_fault(results: BlobStore) -> None:
    lost = LeftFile("c0001", "report.dcm", SR, BlobRef("0" * 64, 5))
    with pytest.raises(BlobCorrupt):
        examine_outputs(results, [lost])
    changed = left(results, "c0002", GOOD_SR)
    assert changed.ref is not None
    path = Path(results.local_path(changed.ref))
    os.truncate(path, path.stat().st_size - 1)
    with pytest.raises(BlobCorrupt):
        examine_outputs(results, [changed])


def test_the_record_holds_what_became_of_each_file_and_answers_stand(results: BlobStore) -> None:
    def line(case: str, held: bytes | None, outcome: Outcome = Outcome.OK) -> dict[str, object]:
        text = json.dumps({"case": case, "findings": dict.fromkeys(FINDINGS, 0.25)}).encode()
        answer = base64.b64encode(text).decode() if outcome is Outcome.OK else None
        found = {"case": case, "outcome": outcome, "latency_seconds": 0.1, "answer_base64": answer, "detail": "exit_77"}
        return found | ({"files": {"report.dcm": asdict(results.put(held))}} if held is not None else {})

    lines = [
        line("c0001", GOOD_SR), line("c0002", deflated_bomb(1)), line("c0003", None), line("c0004", None, Outcome.CRASHED)
    ]  # fmt: skip
    shard = ShardLines("a1", [str(each["case"]) for each in lines], results.put(output_lines(lines)))
    record = write_record(
        results, read_shard(results, shard, FINDINGS), (), FINDINGS, [DeclaredOutput("report.dcm", OutputKind.DICOM_SR)]
    )
    assert record.outcome_counts == {"crashed": 1, "ok": 3}, "a file's defect changes no answer"
    assert record.ending_counts == {"ok": 3, "crashed/exit_nonzero": 1}
    assert record.output_counts == {"report.dcm": {"deflated": 1, "missing": 1, "ok": 1}}
    assert record.outputs_sha256 is not None
    table = read_table(results, record.outputs_sha256)
    assert table.schema == OUTPUTS_SCHEMA
    assert [(row["case"], row["defect"], row["items"]) for row in table.to_pylist()] == [
        ("c0001", None, 3),
        ("c0002", "deflated", 0),
        ("c0003", "missing", 0),
    ]
    assert read_table(results, record.predictions_sha256).num_rows == 3 * len(FINDINGS)
