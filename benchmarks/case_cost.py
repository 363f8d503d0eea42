"""What Arena adds to the cost of a case, beside what a user would do instead and beside the bare limit.

    python -m benchmarks.case_cost

On the same 100 kB studies and the same no-op container, at 300 and at 3,000 cases:

(a) one container per case with plain `docker run` (at 300 only),
(b) Arena, from queued to scorecard stored: warm (worker and scoring child running, image loaded), and cold beside it,
(c) the same lines fed to the same container over a bare attach, all studies visible from the start.

Fixed cost and slope are those of the straight line through the two sizes, of medians of the repetitions.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from rich.console import Console
from rich.table import Table
from sqlmodel import select

from arena.settings import Settings
from arena.store.session import Store
from arena.store.tables import Evaluation, EvaluationState
from arena.wiring import open_host
from arena.worker import Worker
from benchmarks.scoring import peak_mib
from runners.archived import kept_name
from runners.engine import Engine
from tests.images import build_algorithm, store_archive
from tests.seeding import NOW, Roots, declaration, seed_case_set, seed_challenge, seed_submission

SIZES = (300, 3_000)
STUDY_BYTES = 100_000
REPETITIONS = 3
TAG = "arena-bench-noop:1"
NOOP = b"""
import sys
print('{"ready": true}', flush=True)
for line in sys.stdin:
    case = line[10:line.index('"', 10)]
    print('{"case": "%s", "findings": {"nodule": 0.5, "effusion": 0.25}}' % case, flush=True)
"""


def main() -> None:
    """Measure and print; with an argument, be one measured process of (b)."""
    if len(sys.argv) > 1:
        print(json.dumps(_arena(int(sys.argv[1]))))
        return
    console = Console(width=130)
    image = build_algorithm(TAG, NOOP)
    per_container = _one_container_per_case(image, SIZES[0])
    bare = {n: statistics.median(_bare_attach(image, n) for _ in range(REPETITIONS)) for n in SIZES}
    runs = {n: _arena_in_a_process_of_its_own(n) for n in SIZES}
    warm = {n: statistics.median(runs[n]["warm"]) for n in SIZES}
    _print(console, per_container, bare, warm, runs)


def _print(
    console: Console,
    per_container: float,
    bare: dict[int, float],
    warm: dict[int, float],
    runs: dict[int, dict[str, list[float]]],
) -> None:
    small, large = SIZES
    table = Table(title=f"Cost of a case: {STUDY_BYTES // 1000} kB studies, no-op container, {os.cpu_count()} cores")
    for column in ("", f"{small} cases", f"{large} cases", "fixed", "per case", "peak memory"):
        table.add_column(column, justify="left" if not column else "right")
    table.add_row(
        "(a) docker run, one container a case", f"{per_container:.1f} s", "", "", _ms(per_container / small), ""
    )
    memory = " / ".join(f"{runs[n]['peak_mib'][0]:.0f}" for n in SIZES)
    table.add_row("(b) Arena, warm", *_line(warm), f"{memory} MiB")
    cold = " / ".join(f"{runs[n]['cold'][0]:.2f}" for n in SIZES)
    table.add_row("(b) Arena, cold: image loaded, caches empty", *(f"{s} s" for s in cold.split(" / ")), "", "", "")
    table.add_row("(c) bare attach", *_line(bare), "")
    console.print(table)
    fixed_b, slope_b = _fit(warm)
    fixed_c, slope_c = _fit(bare)
    console.print(f"(a)/(b) at {small} cases: {per_container / warm[small]:.0f}×   aim ≥ 100×")
    console.print(f"fixed cost of (b) over (c): {fixed_b - fixed_c:+.2f} s   aim ≤ 0.3 s")
    console.print(f"slope of (b): {_ms(slope_b)} a case, of (c): {_ms(slope_c)}   aim ≤ 1 ms")


def _fit(seconds: dict[int, float]) -> tuple[float, float]:
    small, large = SIZES
    slope = (seconds[large] - seconds[small]) / (large - small)
    return seconds[small] - slope * small, slope


def _line(seconds: dict[int, float]) -> tuple[str, str, str, str]:
    fixed, slope = _fit(seconds)
    return f"{seconds[SIZES[0]]:.2f} s", f"{seconds[SIZES[1]]:.2f} s", f"{fixed:.2f} s", _ms(slope)


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:.2f} ms"


def _studies(folder: Path, n: int) -> None:
    for number in range(1, n + 1):
        case = folder / f"c{number:04d}" / "s1"
        case.mkdir(parents=True)
        (case / "i0001.dcm").write_bytes(f"public-{number}\n".encode().ljust(STUDY_BYTES, b"."))


def _request(number: int) -> bytes:
    return f'{{"case": "c{number:04d}", "path": "/input/c{number:04d}"}}\n'.encode()


def _docker_run(image: str, folder: Path) -> list[str]:
    return ["docker", "run", "--rm", "-i", "--network", "none", "-v", f"{folder}:/input:ro", image]


def _one_container_per_case(image: str, n: int) -> float:
    with tempfile.TemporaryDirectory() as scratch:
        _studies(Path(scratch), n)
        started = time.perf_counter()
        for number in range(1, n + 1):
            done = subprocess.run(
                _docker_run(image, Path(scratch)), input=_request(number), capture_output=True, check=True
            )
            assert done.stdout.count(b"\n") == 2
        return time.perf_counter() - started


def _bare_attach(image: str, n: int) -> float:
    with tempfile.TemporaryDirectory() as scratch:
        _studies(Path(scratch), n)
        started = time.perf_counter()
        with subprocess.Popen(
            _docker_run(image, Path(scratch)), stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as container:
            assert container.stdin is not None
            assert container.stdout is not None
            container.stdout.readline()
            for number in range(1, n + 1):
                container.stdin.write(_request(number))
                container.stdin.flush()
                container.stdout.readline()
            container.stdin.close()
        return time.perf_counter() - started


def _arena_in_a_process_of_its_own(n: int) -> dict[str, list[float]]:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.case_cost", str(n)], stdout=subprocess.PIPE, text=True, check=True
    )
    measured: dict[str, list[float]] = json.loads(done.stdout)
    return measured


def _arena(n: int) -> dict[str, list[float]]:
    """Run the contest's queue for one submission, cold and then warm."""
    engine = Engine()
    with tempfile.TemporaryDirectory(prefix="arena-bench-") as scratch:
        home = Path(scratch)
        roots, store = Roots(home), Store(f"sqlite:///{home / 'arena.db'}")
        store.migrate()
        image_id = build_algorithm(TAG, NOOP)
        image = store_archive(image_id, roots.images, home)
        # All cases are one shard; its answers together have to stay within what a worker keeps.
        limits = {
            "cases_per_shard": n, "answer_kib": 16, "memory_mib": 128, "case_seconds": 10, "startup_seconds": 30,
        }  # fmt: skip
        version = seed_challenge(store, declaration(limits=limits))
        cases = seed_case_set(store, roots, "public", n, study_bytes=STUDY_BYTES)
        engine.remove_image(TAG)
        engine.remove_image(image_id)
        _drop_caches()
        worker = Worker(open_host(Settings(home=home)), clock=lambda: NOW)
        times: list[float] = []
        queued_at: list[float] = []

        def turn(_progress: object) -> bool:
            """Queue the next submission when the one before has its scorecard."""
            if _scored(store) == len(queued_at):
                if queued_at:
                    times.append(time.perf_counter() - queued_at[-1])
                if len(times) == REPETITIONS + 1:
                    return True
                at = NOW + timedelta(seconds=len(times))
                seed_submission(store, f"v{len(times)}", cases, version, image_id=image_id, image=image, at=at)
                queued_at.append(time.perf_counter())
            return False

        try:
            worker.run(until=turn)
        finally:
            engine.remove_image(kept_name(image_id))
        peak = peak_mib()
        return {"cold": times[:1], "warm": times[1:], "peak_mib": [peak]}


def _scored(store: Store) -> int:
    with store.read() as session:
        return len(session.exec(select(Evaluation.code).where(Evaluation.state == EvaluationState.SCORED)).all())


def _drop_caches() -> None:
    """Empty the page cache, where this process may."""
    os.sync()
    control = Path("/proc/sys/vm/drop_caches")
    if os.access(control, os.W_OK):
        try:
            control.write_text("1", encoding="ascii")
        except OSError as error:
            print(f"page cache not emptied: {error}", file=sys.stderr)


if __name__ == "__main__":
    main()
