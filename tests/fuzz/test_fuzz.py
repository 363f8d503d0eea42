"""A short run of every fuzzer, guided by coverage, from the hostile corpus on; docs/security.md says how to run longer."""

from __future__ import annotations

import importlib.util
import os
import platform
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz.seeds import SEEDS
from tests.fuzz.targets import NAIVE, TARGETS

FUZZ = Path(__file__).with_name("fuzz.py")
RUNS = {"answer": 100_000, "labels": 5_000, "readers": 5_000, "output_file": 3_000}
"""Fewer for readers that take a file, or a parser that is slow; those that are not named get 20,000."""


@pytest.mark.parametrize("name", TARGETS)
def test_every_seed_is_read_or_refused(name: str) -> None:
    for seed in SEEDS[name]():
        TARGETS[name](seed)


def test_every_target_has_seeds() -> None:
    assert SEEDS.keys() == (TARGETS | NAIVE).keys()


def fuzz(name: str, runs: int, folder: Path) -> tuple[int, str]:
    """Run a fuzzer; return its exit code and what it said. It ends without clearing up, so its scratch lies in `folder`."""
    done = subprocess.run(
        [sys.executable, str(FUZZ), name, f"-runs={runs}", "-seed=1", f"-artifact_prefix={folder}/"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, timeout=300,
        cwd=FUZZ.parents[2], env=os.environ | {"TMPDIR": str(folder)},
    )  # fmt: skip
    return done.returncode, done.stdout.decode(errors="replace")


@pytest.fixture(scope="module", autouse=True)
def _fuzzer_is_here() -> None:
    if importlib.util.find_spec("atheris") is None:
        where = (platform.system(), platform.machine())
        assert where != ("Linux", "x86_64"), "atheris is locked for this platform and not installed: `make setup`"
        pytest.skip(f"atheris has no wheel for {where}")


@pytest.mark.parametrize("name", TARGETS)
def test_no_input_breaks_a_reader(name: str, tmp_path: Path) -> None:
    runs = RUNS.get(name, 20_000)
    code, said = fuzz(name, runs, tmp_path)
    assert code == 0, f"found in {name}; the input lies in {tmp_path}:\n{said[-4000:]}"
    assert re.search(rf"Done {runs} runs", said), said[-1000:]
    coverage = [int(number) for number in re.findall(r"cov: (\d+)", said)]
    assert max(coverage, default=0) > 3, "the reader's code was instrumented"


def test_the_fuzzer_finds_what_a_naive_reader_forgets(tmp_path: Path) -> None:
    code, said = fuzz("naive_answer", 20_000, tmp_path)
    assert code == 77
    assert "RecursionError" in said or "AssertionError" in said or "UnicodeDecodeError" in said
    assert list(tmp_path.glob("crash-*")), "and keeps the input"
