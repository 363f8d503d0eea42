"""What compiled loops promise where they run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ADD_UP = """
import sys
import numpy as np
from arena.scoring.compiled import Compiled
from arena.scoring import lanes
assert "numba" not in sys.modules, "imported before anything is called"
sums = np.zeros((4, 64), np.int64)
lanes._add_up(np.ones((2, 64), np.uint16), np.full((1, 2), 3), 0, 1, sums)
print(sums[:, 0].tolist(), lanes._add_up._compiled.stats.cache_path)
"""


def run(home: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", ADD_UP],
        env={"HOME": str(home), **environment},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


def test_nothing_is_compiled_nor_numba_imported_before_the_first_call(tmp_path: Path) -> None:
    said = run(tmp_path)
    assert said.returncode == 0, said.stderr
    assert said.stdout.startswith("[1, 1, 1, 6] ")


def test_loops_run_where_no_folder_can_be_written_for_them(tmp_path: Path) -> None:
    # A file where Numba would make its folder: not even root can write into it.
    (tmp_path / "file").touch()
    said = run(tmp_path, NUMBA_CACHE_DIR=str(tmp_path / "file"), NUMBA_CACHE_LOCATOR_CLASSES="UserProvidedCacheLocator")
    assert said.returncode == 0, said.stderr
    assert said.stdout == "[1, 1, 1, 6] None\n"
