"""What a container costs to start, and each case after that: Arena's three modes beside plain `docker run`.

    python -m benchmarks.startup [--cases N] [--repetitions R] [--write]

Under runc and under gVisor (runsc), on the same studies and by the same program, which reads a study and answers what
follows from its bytes; every way must give the same answers. Arena is measured from the attempt to its receipt: sandbox
read back, studies verified, output stored. The worker's self-test, which holds for a day, and scoring are not in it.

Every way runs with one case and with N, or ten times N where one container serves them all, as they are cheap there.
Start-up is the time with one case; the cost of a further case is the rest, divided by their number. Medians of R
repetitions, in which the ways take turns, so that a busy moment meets them all.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from arena.blobs import BlobStore
from runners.engine import Engine
from runners.execute import Host, execute_attempt
from runners.values import AttemptId, AttemptSpec, BlobRef, CaseInput, Isolation, Limits, ShardId
from tests.images import build_algorithm
from tests.seeding import study_tar

RUNTIMES = ("runc", "runsc")
MODES = ("serve", "batch", "case")
CASES, REPETITIONS = 20, 5
WARM = 10
STUDY_BYTES = 100_000
PAGE = Path(__file__).parent / "README.md"
BEGIN, END = "<!-- startup: written by benchmarks/startup.py -->\n", "<!-- /startup -->\n"
PLAIN_EACH, PLAIN_ONCE = "plain `docker run`, one container a case", "plain `docker run`, one container for all"
ONE_EACH = (PLAIN_EACH, "Arena, mode `case`")
MAIN = b"""
import hashlib, sys
sys.path.insert(0, "/opt/algorithm")
from arena_algorithm import %(mode)s

def predict(folder):
    digest = hashlib.sha256((folder / "s1" / "i0001.dcm").read_bytes()).digest()
    return {"nodule": digest[0] / 256, "effusion": digest[1] / 256}

%(mode)s(predict)
"""
LIMITS = Limits(memory_mib=128, tmp_mib=8, shm_mib=8, output_mib=1, startup_seconds=60, case_seconds=60)

Answers = dict[str, dict[str, float]]
Way = Callable[[int], Answers]


@dataclass(frozen=True, slots=True)
class Measured:
    """One way under one runtime: seconds with one case and with `n`, of each repetition."""

    way: str
    runtime: str
    n: int
    one: tuple[float, ...]
    all: tuple[float, ...]

    @property
    def startup(self) -> float:
        """Seconds with one case."""
        return statistics.median(self.one)

    @property
    def per_case(self) -> float:
        """Seconds that each further case costs."""
        return (statistics.median(self.all) - self.startup) / (self.n - 1)


class Bench:
    """Studies, images and ways of running them, under a folder of their own."""

    def __init__(self, folder: Path, engine: Engine, n: int) -> None:
        """Write studies twice, as blobs and as folders, and build the program for each mode."""
        self.folder, self.engine = folder, engine
        self.studies, self.results = BlobStore(folder / "studies"), BlobStore(folder / "results")
        bodies = [f"study {number}\n".encode().ljust(STUDY_BYTES, b".") for number in range(1, WARM * n + 1)]
        self.names = [f"c{number:04d}" for number in range(1, len(bodies) + 1)]
        self.blobs = [self.studies.put(study_tar(body)) for body in bodies]
        digests = [hashlib.sha256(body).digest() for body in bodies]
        self.expected = {
            name: {"nodule": digest[0] / 256, "effusion": digest[1] / 256}
            for name, digest in zip(self.names, digests, strict=True)
        }
        for name, body in zip(self.names, bodies, strict=True):
            path = folder / "plain" / name / "s1" / "i0001.dcm"
            path.parent.mkdir(parents=True)
            path.write_bytes(body)
        self.images = {
            mode: build_algorithm(f"arena-bench-startup:{mode}", MAIN.replace(b"%(mode)s", mode.encode()))
            for mode in MODES
        }
        self._attempts = 0

    def ways(self, runtime: str) -> dict[str, Way]:
        """Return every way of running the first so many cases under a runtime."""
        found: dict[str, Way] = {
            PLAIN_EACH: lambda n: {
                case: answer for name in self.names[:n] for case, answer in self._plain(runtime, [name]).items()
            },
            PLAIN_ONCE: lambda n: self._plain(runtime, self.names[:n]),
        }
        for mode in MODES:
            found[f"Arena, mode `{mode}`"] = lambda n, mode=mode: self._arena(runtime, mode, n)  # type: ignore[misc]
        return found

    def _plain(self, runtime: str, names: Sequence[str]) -> Answers:
        """Run one container with all studies in sight, on one CPU as Arena gives, and ask for the named."""
        command = ["docker", "run", "--rm", "-i", "--runtime", runtime, "--network", "none", "--cpuset-cpus", "0"]
        volume = ["-v", f"{self.folder / 'plain'}:/input:ro", self.images["serve"]]
        requests = "".join(f'{{"case": "{name}", "path": "/input/{name}"}}\n' for name in names)
        done = subprocess.run([*command, *volume], input=requests.encode(), capture_output=True, check=True)
        return {line["case"]: line["findings"] for line in map(json.loads, done.stdout.splitlines()[1:])}

    def _arena(self, runtime: str, mode: str, n: int) -> Answers:
        self._attempts += 1
        gvisor = runtime == "runsc"
        spec = AttemptSpec(
            attempt_id=AttemptId(f"bench-{self._attempts}"),
            shard_id=ShardId("bench"),
            image=BlobRef("0" * 64, 0),
            image_id=self.images[mode],
            cases=tuple(CaseInput(name, ref) for name, ref in zip(self.names[:n], self.blobs[:n], strict=True)),
            limits=LIMITS,
            mode=mode,
            isolation=Isolation.GVISOR if gvisor else Isolation.STANDARD,
        )
        host = Host(self.engine, self.folder / "runs", "bench-startup")
        receipt = execute_attempt(
            spec, host=host, studies=self.studies, images=self.studies, results=self.results, cpus=(0,)
        )
        assert receipt is not None
        assert receipt.output is not None, receipt.host_fault
        lines = map(json.loads, self.results.get(receipt.output.sha256).splitlines())
        answers = {line["case"]: json.loads(base64.b64decode(line["answer_base64"] or "null")) for line in lines}
        return {case: answer["findings"] for case, answer in answers.items()}


def measure(bench: Bench, n: int, repetitions: int) -> list[Measured]:
    """Run every way, in turns, and compare the answers.

    Raises:
        AssertionError: A way gave other answers.
    """
    ways = {(runtime, name): way for runtime in RUNTIMES for name, way in bench.ways(runtime).items()}
    most = {key: n if key[1] in ONE_EACH else WARM * n for key in ways}
    seconds: dict[tuple[str, str], dict[int, list[float]]] = {key: {1: [], most[key]: []} for key in ways}
    for _ in range(repetitions):
        for key, way in ways.items():
            for cases in (1, most[key]):
                began = time.perf_counter()
                answers = way(cases)
                seconds[key][cases].append(time.perf_counter() - began)
                assert answers == {name: bench.expected[name] for name in bench.names[:cases]}, key
    return [
        Measured(name, runtime, most[runtime, name], tuple(found[1]), tuple(found[most[runtime, name]]))
        for (runtime, name), found in seconds.items()
    ]


def rows(measured: Sequence[Measured]) -> list[tuple[str, ...]]:
    """Return the table: way, runtime, start-up, further case, both with their ratio to a plain container a case."""
    (base,) = [each for each in measured if (each.way, each.runtime) == (PLAIN_EACH, "runc")]
    return [
        (
            each.way,
            each.runtime,
            f"{each.startup:.2f} s",
            f"{each.startup / base.startup:.2f}",
            f"{1000 * each.per_case:.1f} ms",
            f"{each.per_case / base.per_case:.3f}",
        )
        for each in measured
    ]


COLUMNS = ("", "runtime", "start-up, one case", "×", "each further case", "×")


def section(measured: Sequence[Measured], repetitions: int) -> str:
    """Return what stands in README.md between the marks."""
    few, many = min(each.n for each in measured), max(each.n for each in measured)
    said = (
        f"{STUDY_BYTES // 1000} kB studies, {os.cpu_count()} cores, medians of {repetitions} repetitions. "
        f"Further cases: {few - 1} where each has its container,\n{many - 1} else. "
        "× is the ratio to plain `docker run` under runc with one container a case.\n\n"
    )
    lines = ["| " + " | ".join(COLUMNS) + " |", "| --- | --- | ---: | ---: | ---: | ---: |"]
    lines += ["| " + " | ".join(row) + " |" for row in rows(measured)]
    return said + "\n".join(lines) + "\n"


def write_section(page: Path, text: str) -> None:
    """Put the text between the marks of a page.

    Raises:
        ValueError: The page has not each mark once.
    """
    content = page.read_text(encoding="utf-8")
    if content.count(BEGIN) != 1 or content.count(END) != 1:
        msg = f"{page} needs each of the marks {BEGIN.strip()} and {END.strip()} once"
        raise ValueError(msg)
    before, _, rest = content.partition(BEGIN)
    page.write_text(before + BEGIN + text + END + rest.partition(END)[2], encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, and with `--write` put the table into README.md."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.startup", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--cases", type=int, default=CASES, help="at least 2")
    parser.add_argument("--repetitions", type=int, default=REPETITIONS)
    parser.add_argument("--write", action="store_true", help=f"put the table into {PAGE.name}")
    given = parser.parse_args(arguments)
    if given.cases < 2:
        parser.error("--cases: at least 2, or there is no further case")
    with tempfile.TemporaryDirectory(prefix="arena-bench-") as folder, closing(Engine()) as engine:
        bench = Bench(Path(folder), engine, given.cases)
        try:
            measured = measure(bench, given.cases, given.repetitions)
        finally:
            for mode in MODES:
                engine.remove_image(f"arena-bench-startup:{mode}")
    table = Table(title=f"Start-up and further cases: {given.cases} cases, {given.repetitions} repetitions")
    for column in COLUMNS:
        table.add_column(column, justify="left" if column in COLUMNS[:2] else "right")
    for row in rows(measured):
        table.add_row(*row)
    Console(width=130).print(table)
    if given.write:
        write_section(PAGE, section(measured, given.repetitions))


if __name__ == "__main__":
    main()
