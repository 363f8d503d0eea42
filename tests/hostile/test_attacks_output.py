"""Attacks 7, 8, 11 and 35 to 40: what a container leaves in /output, against the host that reads it.

Each is made by the second of three cases in mode `case`, through the real runner: the first case and the third have to
end as if nothing were. Without the guard the same image runs as root on a folder of the host's that is bound to /output,
with the engine's own settings, and a plain open reads what it leaves; attack 39 alone is shown on a folder that the test
makes.
"""

from __future__ import annotations

import errno
import hashlib
import json
import logging
import os
import re
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import docker
import pytest
from docker.errors import ContainerError
from docker.types import Mount

from runners.conformance import sample_study
from runners.engine import Engine
from runners.execute import execute_attempt, receipt_name
from runners.images.build import build_from_files
from runners.images.file_probes import FILES
from runners.values import AttemptId, AttemptSpec, BlobRef, CaseInput, Limits, ShardId
from tests.hostile.corpus import Witness, witness
from tests.hostile.stored import everything, files_of
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
CRASHED: Ending = ("crashed", "exit_1")
SOMEBODY = 4321
"""An account that is neither root's nor a run's."""
PIPES = {"runc": CRASHED, "runsc": NOTHING}


@pytest.fixture
def bench(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Bench]:
    made = Bench(tmp_path, Engine(), f"output-{request.node.name[12:40]}".replace("[", "-").replace("]", ""))
    yield made
    left = made.left_behind()
    made.engine.close()
    assert left == []


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    """Return the labels of a contest, where its host keeps them; whoever comes that far may read them."""
    path = tmp_path / "references" / "labels.csv"
    path.parent.mkdir()
    path.write_bytes(SECRET)
    return path


def image_of(bench: Bench, source: str) -> str:
    """Build an image whose second case attacks; return its id."""
    files = {
        "Dockerfile": DOCKERFILE,
        "files.py": FILES.encode(),
        "attack.py": f"from files import *\ndef attack(case):\n{source}\nalone(attack)\n".encode(),
    }
    # A name of its own for each: a name that moves on leaves an image without one behind.
    name = hashlib.sha256(source.encode()).hexdigest()[:16]
    return build_from_files(bench.engine, files, f"arena-test-output:{name}", BASE_IMAGE)


def unguarded(bench: Bench, runtime: str, source: str) -> Path:
    """Let the second case attack as root, with a folder of the host's for /output; return the folder."""
    image = image_of(bench, source)
    study, folder = bench.root / "unguarded" / "input" / "c0002" / "s1", bench.root / "unguarded" / "output"
    study.mkdir(parents=True)
    folder.mkdir()
    (study / "i0001.dcm").write_bytes(b"study")
    mounts = [
        Mount("/input", str(study.parents[1]), type="bind", read_only=True), Mount("/output", str(folder), type="bind"),
    ]  # fmt: skip
    with closing(docker.from_env()) as client:
        client.containers.run(image, runtime=runtime, network_mode="none", user="0:0", mounts=mounts, remove=True)
    return folder


def attack(bench: Bench, runtime: str, source: str) -> Ending:
    """Let the second case attack; return how it ended, the others having ended well and nothing having leaked."""
    image = image_of(bench, source)
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
    stored = everything(*files_of(bench.root / "results"))
    assert b'\n "case": "c0003"' in stored, "answers are read as they were given"
    assert not any(secret in stored for secret in (SECRET, b"root:x:0:0"))
    return lines[1]["outcome"], lines[1]["detail"]


def paths_asked_for(caplog: pytest.LogCaptureFixture) -> set[str]:
    """Return which paths but those of /input the engine was asked for, as its client logs them."""
    asked = re.findall(r"/archive\?path=([^ ]+)", caplog.text)
    return {path for path in asked if not path.startswith("%2Finput")}


def body(*lines: str) -> str:
    return "\n".join(f"    {line}" for line in lines)


@RUNTIMES
def test_attack_11_executing_from_output(bench: Bench, runtime: str, witness: Witness) -> None:
    program = "/output/program"
    source = body(
        f"shutil.copy('/bin/true', {program!r})",
        f"os.chmod({program!r}, 0o755)",
        "try:",
        f"    subprocess.run([{program!r}], check=True)",
        # Under gVisor the program starts, and dies where the host refuses to map it as something to be executed.
        "except subprocess.CalledProcessError as died:" if runtime == "runsc" else "except PermissionError:",
        "    assert died.returncode == -11" if runtime == "runsc" else "    pass",
        "    leave(case)",
    )
    assert [path.name for path in unguarded(bench, runtime, source).iterdir()] == ["program"]
    witness.without_guard("a program that was copied to /output runs")
    assert attack(bench, runtime, source) == ("ok", None)
    witness.with_guard(
        "gVisor: in /output the program dies of SIGSEGV before it does anything, as the host does not map it executable"
        if runtime == "runsc"
        else "runc: EACCES in /output as well"
    )


@RUNTIMES
def test_a_library_in_output_is_not_mapped_and_a_script_runs_by_an_interpreter_of_the_image_at_most(
    bench: Bench, runtime: str
) -> None:
    """As docs/sandbox.md says of both runtimes: gVisor 20221219 does not know that /output is mounted noexec."""
    load = "import ctypes, sys; ctypes.CDLL('/output/library')"
    source = body(
        "import _ctypes",
        "shutil.copy(_ctypes.__file__, '/output/library')",
        "open('/output/script', 'w').write('#!/bin/sh\\nexit 7\\n')",
        "os.chmod('/output/script', 0o755)",
        f"loaded = subprocess.run(['python3', '-c', {load!r}], stderr=subprocess.PIPE)",
        "try:",
        "    script = subprocess.run(['/output/script']).returncode",
        "except PermissionError:",
        "    script = 'EACCES'",
        "words = b'failed to map segment' in loaded.stderr",
        f"assert (loaded.returncode, words, script) == {(-11, False, 7) if runtime == 'runsc' else (1, True, 'EACCES')}",
        "os.remove('/output/library')",
        "leave(case)",
    )
    assert attack(bench, runtime, source) == ("ok", None)


@RUNTIMES
@pytest.mark.parametrize("what", ["bytes", "inodes"])
def test_attack_07_filling_output(bench: Bench, runtime: str, what: str, witness: Witness) -> None:
    filling = (
        "open(FILE, 'wb').write(bytes(4 << 20))"
        if what == "bytes"
        else "[os.mkdir(f'/output/n{n}') for n in range(200)]"
    )
    folder = unguarded(bench, runtime, body(filling))
    if what == "bytes":
        assert (folder / "prediction.json").stat().st_size == 4 << 20
    else:
        assert len(list(folder.iterdir())) == 200
    witness.without_guard("a folder of the host's disk takes it all: tried with 4 MiB and with 200 folders")
    filler = "fill" if what == "bytes" else "fill_inodes"
    assert attack(bench, runtime, body(f"{filler}('/output')")) == FULL
    witness.with_guard("full at the declared size and at 64 inodes a case: output_quota; the next case runs")


@RUNTIMES
def test_attack_08_sparse_and_huge_files(bench: Bench, runtime: str, witness: Witness) -> None:
    source = body(
        "with open(FILE, 'wb') as file:",
        "    for size in (1 << 40, 1 << 20, 900 << 10):",
        "        try:",
        "            file.truncate(size)",
        "            break",
        "        except OSError:",
        "            pass",
    )
    about = (unguarded(bench, runtime, source) / "prediction.json").stat()
    assert (about.st_size, about.st_blocks) == (1 << 40, 0)
    witness.without_guard("1 TiB to whoever reads it, and no block on disk")
    assert attack(bench, runtime, source) == ("invalid_answer", "overlong_file")
    witness.with_guard("EFBIG beyond /output; what remains is refused by its size before it is read")


@RUNTIMES
@pytest.mark.parametrize(
    "target",
    ["labels", "/etc/passwd", "../../../../../../etc/passwd", "/input/c0002/s1/i0001.dcm"],
    ids=["labels", "absolute", "relative", "input"],
)
def test_attack_35_symbolic_links(bench: Bench, runtime: str, target: str, witness: Witness, labels: Path) -> None:
    source = body(f"os.symlink({(str(labels) if target == 'labels' else target)!r}, FILE)")
    if target == "labels":
        assert (unguarded(bench, runtime, source) / "prediction.json").read_bytes() == SECRET
        witness.without_guard("a plain open reads the labels of the contest")
    assert attack(bench, runtime, source) == REFUSED
    witness.with_guard("refused: a link in the archive is no plain file")


@RUNTIMES
def test_attack_36_a_pipe_in_the_place_of_the_answer(bench: Bench, runtime: str, witness: Witness) -> None:
    source = body("os.mkfifo(FILE)")
    pipe = unguarded(bench, runtime, source) / "prediction.json"
    if runtime == "runsc":
        assert not os.path.lexists(pipe)
        witness.without_guard("gVisor: the pipe stays in its own kernel even so, and nobody finds one")
    else:
        assert pipe.is_fifo()
        reader = threading.Thread(target=pipe.read_bytes, daemon=True)
        reader.start()
        reader.join(0.3)
        assert reader.is_alive()
        witness.without_guard("runc: a plain open waits for ever")
        pipe.write_bytes(b"")
        reader.join(10)
    assert attack(bench, runtime, source) == PIPES[runtime]
    witness.with_guard("runc: it cannot be made; gVisor: it stays in the container's own memory; nobody waits")


@RUNTIMES
@pytest.mark.parametrize(
    ("making", "reading", "ending"),
    [
        ("os.symlink(FILE, FILE)", errno.ENOENT, REFUSED),
        ("os.symlink('prediction.json', FILE)", errno.ELOOP, REFUSED),
        ("os.symlink('loop', '/output/loop'); os.symlink('loop/x', FILE)", errno.ELOOP, REFUSED),
        ("os.mkdir(FILE, 0)", errno.EISDIR, REFUSED),
    ],
    ids=["absolute", "loop", "folder-loop", "unreadable"],
)
def test_attack_37_loops_and_unreadable_folders(
    bench: Bench, runtime: str, making: str, reading: int, ending: Ending, witness: Witness,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    folder = unguarded(bench, runtime, body(making))
    with pytest.raises(OSError) as caught:  # noqa: PT011 - the number is looked at
        (folder / "prediction.json").read_bytes()
    assert caught.value.errno == reading
    witness.without_guard("an error in whoever reads it")
    with caplog.at_level(logging.DEBUG):
        assert attack(bench, runtime, body(making)) == ending
    assert paths_asked_for(caplog) == {"%2Foutput"}
    witness.with_guard("refused; the engine is asked for the folder only, never for a path in it")


@RUNTIMES
def test_attack_37_a_socket(bench: Bench, runtime: str, witness: Witness, caplog: pytest.LogCaptureFixture) -> None:
    source = body("socket.socket(socket.AF_UNIX).bind(FILE)")
    left = unguarded(bench, runtime, source) / "prediction.json"
    if runtime == "runsc":
        assert not os.path.lexists(left)
        witness.without_guard("gVisor: the socket stays in its own kernel even so")
    else:
        with pytest.raises(OSError, match="No such device or address"):
            left.read_bytes()
        witness.without_guard("runc: an error in whoever reads it")
    with caplog.at_level(logging.DEBUG):
        assert attack(bench, runtime, source) == NOTHING
    assert paths_asked_for(caplog) == {"%2Foutput"}
    witness.with_guard("a socket is no answer: it is in no archive of the folder")


@RUNTIMES
@pytest.mark.parametrize(
    "making",
    [
        "os.link('/input/c0002/s1/i0001.dcm', FILE)",
        "os.link('/etc/passwd', FILE)",
        "os.mknod(FILE, 0o666 | stat.S_IFCHR, os.makedev(1, 5))",
        "os.mknod(FILE, 0o666 | stat.S_IFBLK, os.makedev(254, 0))",
        f"leave(case); os.chown(FILE, {SOMEBODY}, {SOMEBODY})",
    ],
    ids=["input", "etc", "zero", "disk", "chown"],
)
def test_attack_38_hard_links_devices_and_owners(bench: Bench, runtime: str, making: str, witness: Witness) -> None:
    why = "Errno 18" if "os.link" in making else "Errno 1]" if "mknod" in making and runtime == "runsc" else None
    if why is not None:
        with pytest.raises(ContainerError, match=re.escape(why)):
            unguarded(bench, runtime, body(making))
        witness.without_guard(
            "a link to another mount cannot be made even so"
            if "os.link" in making
            else "gVisor: no node of a device can be made even so"
        )
    else:
        path = unguarded(bench, runtime, body(making)) / "prediction.json"
        made = path.stat()
        path.unlink()  # none of these is left for others to find
        if "mknod" in making:
            assert made.st_rdev in {os.makedev(1, 5), os.makedev(254, 0)}
            witness.without_guard("runc: nodes of devices lie on the host's disk")
        else:
            assert made.st_uid == made.st_gid == SOMEBODY
            witness.without_guard("a file of any account lies on the host's disk")
    assert attack(bench, runtime, body(making)) == CRASHED
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
def test_attack_40_names(bench: Bench, runtime: str, witness: Witness, caplog: pytest.LogCaptureFixture) -> None:
    names = (b"a\nb", b"$(id)", b"<img onerror=x>", b"\x1b[31m", b"\xff\xfe", b"n" * 255, b"prediction.json\n")
    source = body("leave(case)", f"for name in {names!r}:", "    open(b'/output/' + name, 'w').close()")
    listed = {os.fsencode(path.name) for path in unguarded(bench, runtime, source).iterdir()}
    assert listed == {*names, b"prediction.json"}
    witness.without_guard("reach whoever lists the folder")
    with caplog.at_level(logging.DEBUG):
        assert attack(bench, runtime, source) == ("ok", None)
    assert caplog.text, "the engine's requests are seen, and what the runner would log"
    for place in (everything(*files_of(bench.root / "results")), caplog.text.encode(errors="surrogateescape")):
        assert not any(name in place for name in (b"$(id)", b"onerror", b"\x1b[31m", b"n" * 255))
    witness.with_guard("only the fixed name is read; no other is stored or logged")
