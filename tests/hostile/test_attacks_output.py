"""Attacks 7, 8 and 35 to 40: what a container leaves in /output, against the host that reads it.

Each is made by the second of three cases in mode `case`, through the real runner: the first case and the third have to
end as if nothing were. What the attack does to a reader without the guard is shown on a folder of the test's own.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from runners.conformance import sample_study
from runners.engine import Engine
from runners.execute import execute_attempt, receipt_name
from runners.images.build import build_from_files
from runners.images.file_probes import FILES
from runners.values import AttemptId, AttemptSpec, BlobRef, CaseInput, Limits, ShardId
from tests.hostile.corpus import Witness, witness
from tests.hostile.surroundings import BASE_IMAGE, Bench

__all__ = ["witness"]
pytestmark = pytest.mark.engine

RUNTIMES = pytest.mark.parametrize("runtime", ["runc", "runsc"])
SECRET = b"case,patient,nodule\nc0001,p0001,1\n"
LIMITS = Limits(
    memory_mib=256, tmp_mib=8, shm_mib=8, output_mib=1, pids=32, startup_seconds=20, case_seconds=20, restarts=3
)
DOCKERFILE = b"""ARG BASE_IMAGE
FROM ${BASE_IMAGE}
COPY . /attack/
RUN chmod -R a+rX /attack
CMD []
ENTRYPOINT ["python3", "-E", "-S", "/attack/attack.py"]
"""

Ending = tuple[str, str | None]
REFUSED: Ending = ("invalid_answer", "output_refused")
FULL: Ending = ("output_quota", "output_full")
NOTHING: Ending = ("no_answer", "exit_0")


@pytest.fixture
def bench(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Bench]:
    made = Bench(tmp_path, Engine(), f"output-{request.node.name[12:40]}".replace("[", "-").replace("]", ""))
    yield made
    left = made.left_behind()
    made.engine.close()
    assert left == []


def attack(bench: Bench, runtime: str, source: str) -> Ending:
    """Let the second case attack; return how it ended, the others having ended well and nothing having leaked."""
    files = {
        "Dockerfile": DOCKERFILE,
        "files.py": FILES.encode(),
        "attack.py": f"from files import *\ndef attack(case):\n{source}\nalone(attack)\n".encode(),
    }
    # A name of its own for each: a name that moves on leaves an image without one behind.
    name = hashlib.sha256(source.encode()).hexdigest()[:16]
    image = build_from_files(bench.engine, files, f"arena-test-output:{name}", BASE_IMAGE)
    cases = tuple(CaseInput(f"c{n:04d}", bench.studies.put(sample_study(n))) for n in (1, 2, 3))
    spec = AttemptSpec(AttemptId("a1"), ShardId("s1"), BlobRef("0" * 64, 0), image, cases, LIMITS, mode="case")
    began = time.monotonic()
    execute_attempt(
        spec, host=replace(bench.host, runtime=runtime), studies=bench.studies, images=bench.images,
        results=bench.results, cpus=(0,),
    )  # fmt: skip
    assert time.monotonic() - began < 60, "nothing may wait for what a container left"
    stored = bench.results.get_named(receipt_name("a1"))
    assert stored is not None
    receipt = json.loads(stored)
    assert receipt["host_fault"] is None
    lines = [json.loads(line) for line in bench.results.get(receipt["output"]["sha256"]).splitlines()]
    assert [lines[0]["outcome"], lines[2]["outcome"]] == ["ok", "ok"]
    for secret in (SECRET, b"root:x:0:0"):
        assert all(secret not in path.read_bytes() for path in (bench.root / "results").rglob("*") if path.is_file())
    return lines[1]["outcome"], lines[1]["detail"]


def body(*lines: str) -> str:
    return "\n".join(f"    {line}" for line in lines)


@RUNTIMES
@pytest.mark.parametrize("what", ["bytes", "inodes"])
def test_attack_07_filling_output(bench: Bench, runtime: str, what: str, witness: Witness, tmp_path: Path) -> None:
    (tmp_path / "unbounded").write_bytes(b"x" * (2 << 20))
    for number in range(200):
        (tmp_path / f"n{number}").touch()
    witness.without_guard("a folder of the host's disk takes it all")
    filler = "fill" if what == "bytes" else "fill_inodes"
    assert attack(bench, runtime, body(f"{filler}('/output')")) == FULL
    witness.with_guard("full at the declared size and at 64 inodes a case: output_quota; the next case runs")


@RUNTIMES
def test_attack_08_sparse_and_huge_files(bench: Bench, runtime: str, witness: Witness, tmp_path: Path) -> None:
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(1 << 40)
    assert (tmp_path / "sparse").stat().st_size == 1 << 40
    witness.without_guard("1 TiB to whoever reads it, and no block on disk")
    ending = attack(
        bench, runtime,
        body(
            "with open(FILE, 'wb') as file:",
            "    for size in (1 << 40, 1 << 20, 900 << 10):",
            "        try:",
            "            file.truncate(size)",
            "            break",
            "        except OSError:",
            "            pass",
        ),
    )  # fmt: skip
    assert ending == ("invalid_answer", "overlong_file")
    witness.with_guard("EFBIG beyond /output; what remains is refused by its size before it is read")


@RUNTIMES
@pytest.mark.parametrize(
    "target",
    ["/etc/passwd", "../../../../../../etc/passwd", "/input/c0002/s1/i0001.dcm"],
    ids=["absolute", "relative", "input"],
)
def test_attack_35_symbolic_links(bench: Bench, runtime: str, target: str, witness: Witness, tmp_path: Path) -> None:
    labels = tmp_path / "labels.csv"
    labels.write_bytes(SECRET)
    (tmp_path / "prediction.json").symlink_to(labels)
    assert (tmp_path / "prediction.json").read_bytes() == SECRET
    witness.without_guard("a plain open reads the labels")
    assert attack(bench, runtime, body(f"os.symlink({target!r}, FILE)")) == REFUSED
    witness.with_guard("refused: a link in the archive is no plain file")


@RUNTIMES
def test_attack_36_a_pipe_in_the_place_of_the_answer(
    bench: Bench, runtime: str, witness: Witness, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "pipe")
    reader = threading.Thread(target=(tmp_path / "pipe").read_bytes, daemon=True)
    reader.start()
    reader.join(0.3)
    assert reader.is_alive()
    witness.without_guard("a plain open waits for ever")
    (tmp_path / "pipe").write_bytes(b"")
    reader.join(10)
    assert attack(bench, runtime, body("os.mkfifo(FILE)")) in {REFUSED, NOTHING, ("crashed", "exit_1")}
    witness.with_guard("runc: it cannot be made; gVisor: it stays in the container's own memory; nobody waits")


@RUNTIMES
@pytest.mark.parametrize(
    ("making", "ending"),
    [
        ("os.symlink(FILE, FILE)", {REFUSED}),
        ("os.symlink('/output', '/output/loop'); os.symlink('loop/loop/x', FILE)", {REFUSED}),
        ("os.mkdir(FILE, 0)", {REFUSED}),
        ("socket.socket(socket.AF_UNIX).bind(FILE)", {REFUSED, NOTHING, ("crashed", "exit_1")}),
    ],
    ids=["loop", "folder-loop", "unreadable", "socket"],
)
def test_attack_37_loops_sockets_and_unreadable_folders(
    bench: Bench, runtime: str, making: str, ending: set[Ending], witness: Witness, tmp_path: Path
) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(OSError, match="symbolic links"):
        (tmp_path / "loop").read_bytes()
    witness.without_guard("an error in the reader, and in Docker, when it is asked for that path")
    assert attack(bench, runtime, body(making)) in ending
    witness.with_guard("refused; the engine is asked for the folder only, never for a path in it")


@RUNTIMES
@pytest.mark.parametrize(
    "making",
    [
        "os.link('/input/c0002/s1/i0001.dcm', FILE)",
        "os.link('/etc/passwd', FILE)",
        "os.mknod(FILE, 0o666 | stat.S_IFCHR, os.makedev(1, 5))",
        "os.mknod(FILE, 0o666 | stat.S_IFBLK, os.makedev(254, 0))",
        "leave(case); os.chown(FILE, 0, 0)",
    ],
    ids=["input", "etc", "zero", "disk", "chown"],
)
def test_attack_38_hard_links_devices_and_owners(
    bench: Bench, runtime: str, making: str, witness: Witness, tmp_path: Path
) -> None:
    (tmp_path / "labels").write_bytes(SECRET)
    os.link(tmp_path / "labels", tmp_path / "prediction.json")
    assert (tmp_path / "prediction.json").read_bytes() == SECRET
    witness.without_guard("on one file system and with its capabilities each can be made")
    assert attack(bench, runtime, body(making)) == ("crashed", "exit_1")
    witness.with_guard("cannot be made")


@RUNTIMES
def test_attack_39_folders_in_folders(bench: Bench, runtime: str, witness: Witness) -> None:
    deep = Path(tempfile.mkdtemp())
    here = Path.cwd()
    try:
        os.chdir(deep)
        for _ in range(5000):
            Path("d").mkdir()
            os.chdir("d")
        os.chdir(here)
        with pytest.raises((RecursionError, OSError)):
            shutil.rmtree(deep)
    finally:
        os.chdir(here)
        subprocess.run(["rm", "-rf", deep], check=True)
    witness.without_guard("removing them recursively fails")
    source = body(
        "leave(case)", "os.chdir('/output')", "try:", "    while True:", "        os.mkdir('d')", "        os.chdir('d')",
        "except OSError:", "    pass",
    )  # fmt: skip
    assert attack(bench, runtime, source) == ("ok", None)
    witness.with_guard("end where the inodes do, and go with the volume")


@RUNTIMES
def test_attack_40_names(bench: Bench, runtime: str, witness: Witness, tmp_path: Path) -> None:
    names = (b"a\nb", b"$(id)", b"<img onerror=x>", b"\x1b[31m", b"\xff\xfe", b"n" * 255, b"prediction.json\n")
    for name in names:
        (tmp_path / os.fsdecode(name)).touch()
    assert any("\n" in path.name for path in tmp_path.iterdir())
    witness.without_guard("reach whoever lists the folder")
    source = body("leave(case)", f"for name in {names!r}:", "    open(b'/output/' + name, 'w').close()")
    assert attack(bench, runtime, source) == ("ok", None)
    everything = b"".join(path.read_bytes() for path in (bench.root / "results").rglob("*") if path.is_file())
    assert not any(name in everything for name in (b"$(id)", b"onerror", b"\x1b[31m", b"n" * 255))
    witness.with_guard("only the fixed name is read; no other is kept, shown or logged")
