"""The log of a container is kept where the attempt asks for it, bounded whatever is written, and nowhere else."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from runners.engine import Engine
from runners.keptlog import HEAD_BYTES, TAIL_BYTES
from tests.hostile.surroundings import Bench
from tests.images import build_algorithm
from tests.integration.test_runner_local import LIMITS, run, spec_for

pytestmark = pytest.mark.engine

SPEAKING = b"""
import json, sys
from pathlib import Path
print("on stdout")
print("on stderr", file=sys.stderr)
with open("/output/predictions.jsonl", "w") as out:
    for case in sorted(Path("/input").iterdir()):
        out.write(json.dumps({"case": case.name, "findings": {"nodule": 0.5}}) + "\\n")
"""

FLOODING = b"""
import os, sys, threading
def flood():
    while True:
        os.write(2, b"x" * 65536)
os.write(2, b"first words\\n")
threading.Thread(target=flood, daemon=True).start()
os.write(1, b'{"ready": true}\\n')
for request in sys.stdin:
    case = request.split('"')[3]
    os.write(1, ('{"case": "%s", "findings": {}}\\n' % case).encode())
os.write(2, b"\\nlast words\\n")
os._exit(0)
"""


@pytest.fixture
def bench(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Bench]:
    made = Bench(tmp_path, Engine(), f"log-{request.node.name[:40]}".replace("[", "-").replace("]", ""))
    yield made
    left = made.left_behind()
    made.engine.close()
    assert left == []


def logs(bench: Bench, receipt: dict[str, Any]) -> list[tuple[bytes, int, bytes]]:
    """Return head, left out and tail of each container."""
    document = json.loads(bench.results.get(receipt["log"]["sha256"]))
    assert document["not_kept"] == 0
    return [
        (base64.b64decode(each["head"]), each["left_out_bytes"], base64.b64decode(each["tail"]))
        for each in document["containers"]
    ]


def test_without_a_conversation_stdout_is_part_of_the_log(bench: Bench) -> None:
    image = build_algorithm("arena-test-speaking", SPEAKING)
    spec = replace(spec_for(bench, image, limits=replace(LIMITS, output_mib=1)), mode="batch", keep_log=True)
    ((head, left_out, tail),) = logs(bench, run(bench, spec))
    assert sorted(head.splitlines()) == [b"on stderr", b"on stdout"]
    assert (left_out, tail) == (0, b"")


def test_nothing_of_a_log_is_stored_where_it_is_not_asked_for(bench: Bench) -> None:
    image = build_algorithm("arena-test-speaking", SPEAKING)
    spec = replace(spec_for(bench, image, limits=replace(LIMITS, output_mib=1)), mode="batch")
    receipt = run(bench, spec)
    assert receipt["output"] is not None
    assert receipt["log"] is None
    stored = b"".join(path.read_bytes() for path in (bench.root / "results").rglob("*") if path.is_file())
    for spoken in (b"on stderr", b"on stdout", base64.b64encode(b"on std")):
        assert spoken not in stored


def test_a_flood_on_stderr_delays_nothing_and_is_kept_in_part(bench: Bench) -> None:
    image = build_algorithm("arena-test-flooding", FLOODING)
    began = time.monotonic()
    receipt = run(bench, replace(spec_for(bench, image, cases=3), keep_log=True))
    assert time.monotonic() - began < 60
    seen = [json.loads(line) for line in bench.results.get(receipt["output"]["sha256"]).splitlines()]
    assert [line["outcome"] for line in seen] == ["ok"] * 3
    ((head, left_out, tail),) = logs(bench, receipt)
    assert head.startswith(b"first words\n")
    assert (len(head), len(tail)) == (HEAD_BYTES, TAIL_BYTES)
    assert left_out > 0
