"""Adds up pytest's JUnit reports in a folder and prints one line; fails where a test failed or none ran.

Where tests were skipped, further lines say how many for which reason: a total is not read as if all had run.
"""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ET  # reads only what pytest has just written
from collections import Counter
from pathlib import Path


def totals(folder: Path) -> Counter[str]:
    """Count the tests of all reports in the folder by how they ended: passed, failed, skipped."""
    counted: Counter[str] = Counter()
    for report in sorted(folder.glob("*.xml")):
        for suite in ET.parse(report).getroot().iter("testsuite"):  # noqa: S314  our own file
            failed = int(suite.get("failures", "0")) + int(suite.get("errors", "0"))
            skipped = int(suite.get("skipped", "0"))
            counted["failed"] += failed
            counted["skipped"] += skipped
            counted["passed"] += int(suite.get("tests", "0")) - failed - skipped
    return counted


def skipped_for(folder: Path) -> Counter[str]:
    """Count the skipped tests of all reports in the folder by the reason that they gave."""
    return Counter(
        (skip.get("message") or "no reason given").partition("\n")[0]
        for report in sorted(folder.glob("*.xml"))
        for skip in ET.parse(report).getroot().iter("skipped")  # noqa: S314  our own file
    )


def main() -> int:
    """Print the totals of the folder that the command line names."""
    counted = totals(Path(sys.argv[1]))
    for reason, tests in skipped_for(Path(sys.argv[1])).most_common():
        sys.stdout.write(f"NOT RUN: {tests} {'test' if tests == 1 else 'tests'}: {reason}\n")
    sys.stdout.write(f"{counted['passed']} passed, {counted['failed']} failed, {counted['skipped']} skipped\n")
    return 0 if counted["passed"] and not counted["failed"] else 1


if __name__ == "__main__":
    raise SystemExit(main())
