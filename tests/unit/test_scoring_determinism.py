"""The same bytes whatever the number of threads, the order of entries and whatever the processor can do.

Compared are scores, resamples, whole scorecard documents and a ranking (`scoring_digest.py`); with two threads the
entries are ranked in the opposite order.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from numpy._core import _multiarray_umath as built

ROOT = Path(__file__).parents[2]


def digest(threads: int, **environment: str) -> tuple[str, int]:
    """Compute the scores in a process of its own; return their digest and how many extra features NumPy used."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "tests.unit.scoring_digest", str(threads)],
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    found, features = done.stdout.split()
    return found, int(features)


@pytest.fixture(scope="module")
def plain() -> str:
    return digest(1)[0]


@pytest.mark.parametrize("threads", ["1", "2"])
def test_scorecards_and_ranks_do_not_depend_on_the_number_of_threads_and_the_order_of_entries(
    plain: str, threads: str
) -> None:
    libraries = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), threads)
    assert digest(int(threads), **libraries)[0] == plain


def test_scorecards_and_ranks_do_not_depend_on_what_the_processor_can_do(plain: str) -> None:
    extra = [feature for feature in built.__cpu_dispatch__ if built.__cpu_features__.get(feature)]
    if not extra:
        pytest.skip("this processor has none of the features that NumPy would use if it had them")
    assert digest(2, NPY_DISABLE_CPU_FEATURES=" ".join(extra)) == (plain, 0)
