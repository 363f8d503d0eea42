"""The last lines of a test run: what did not run is said with its reason."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
REPORT = """<testsuites><testsuite tests="4" failures="0" errors="0" skipped="3">
<testcase name="a"/><testcase name="b"><skipped message="no folder"/></testcase>
<testcase name="c"><skipped message="no folder"/></testcase><testcase name="d"><skipped message="no engine"/></testcase>
</testsuite></testsuites>"""


def printed(folder: Path) -> tuple[int, list[str]]:
    done = subprocess.run(
        [sys.executable, "scripts/test_totals.py", str(folder)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout.splitlines()


def test_each_reason_for_not_running_stands_above_the_totals(tmp_path: Path) -> None:
    (tmp_path / "outside.xml").write_text(REPORT, encoding="utf-8")
    assert printed(tmp_path) == (
        0,
        ["NOT RUN: 2 tests: no folder", "NOT RUN: 1 test: no engine", "1 passed, 0 failed, 3 skipped"],
    )


def test_a_run_without_skips_prints_the_totals_alone_and_one_without_tests_fails(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text('<testsuite tests="2" failures="1"><testcase/></testsuite>', encoding="utf-8")
    assert printed(tmp_path) == (1, ["1 passed, 1 failed, 0 skipped"])
    (tmp_path / "a.xml").unlink()
    assert printed(tmp_path) == (1, ["0 passed, 0 failed, 0 skipped"])
