"""Makes the table of attacks in docs/security.md out of what the tests saw.

python -m scripts.attack_table REPORTS            exit 1 if the page is not what the run saw, or a number is missing
python -m scripts.attack_table REPORTS --write    writes the table

REPORTS is a folder of JUnit XML files: those that scripts/run_tests.sh leaves in .cache/tests.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree as ET

from tests.hostile.corpus import ATTACKS, RUNTIMES, Attack

PAGE = Path(__file__).parents[1] / "docs" / "security.md"
BEGIN = "<!-- attacks: made by scripts/attack_table.py out of a test run -->\n"
END = "<!-- end of attacks -->\n"
WORDS = {"runc": "runc", "runsc": "gVisor", "podman": "Podman"}
"""Runtimes as tests name them, and in words."""
OWN_CODE = "the host's own code"
_NAME = re.compile(r"test_attack_(\d{2})_\w+(?:\[(.*)\])?")


@dataclass(slots=True)
class Seen:
    """What the tests of one attack saw: where they tried it, and on which of these they said what it does unguarded."""

    on: set[str] = field(default_factory=set)
    shown_on: set[str] = field(default_factory=set)
    without: list[str] = field(default_factory=list)
    within: list[str] = field(default_factory=list)
    open: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    def add(self, case: ET.Element, variant: str) -> None:
        """Add one test's report."""
        runtimes = {name for name in WORDS if name in re.split(r"[-\W]", variant)}
        self.on |= runtimes
        if any(case.find(kind) is not None for kind in ("failure", "error", "skipped")):
            self.failed.append(case.get("name", ""))
        for told in case.iter("property"):
            name, value = told.get("name", ""), told.get("value", "")
            kept = {"without": self.without, "with": self.within, "open": self.open}.get(name)
            if kept is not None and value not in kept:
                kept.append(value)
            self.on |= {value} if name == "on" else set()
            self.shown_on |= runtimes if name == "without" else set()


def read_reports(folder: Path) -> dict[int, Seen]:
    """Read what was seen of each attack."""
    found: dict[int, Seen] = {}
    for case in _cases(sorted(folder.glob("*.xml"))):
        name = _NAME.fullmatch(case.get("name", ""))
        if name:
            found.setdefault(int(name[1]), Seen()).add(case, name[2] or "")
    return found


def _cases(files: Iterable[Path]) -> Iterator[ET.Element]:
    for file in files:
        yield from ET.parse(file).iter("testcase")  # noqa: S314 - written by our own test run


def complaints(found: dict[int, Seen]) -> list[str]:
    """Say which attacks have no test, a failed one, none where they have to be tried, or are not shown unguarded."""
    wrong = []
    for attack in ATTACKS:
        seen = found.get(attack.number)
        if attack.postponed:
            continue
        if seen is None:
            wrong.append(f"attack {attack.number} has no test: {attack.title}")
            continue
        wrong += [f"attack {attack.number} failed: {name}" for name in seen.failed]
        wrong += [f"attack {attack.number} was not tried on {name}" for name in sorted(attack.on - seen.on)]
        wrong += [f"attack {attack.number} is not shown without its guard{where}" for where in _unshown(attack, seen)]
    return wrong


def _unshown(attack: Attack, seen: Seen) -> list[str]:
    if attack.by_runtime:
        return [f" on {name}" for name in sorted(RUNTIMES - seen.shown_on)]
    return [] if seen.without else [""]


def table(found: dict[int, Seen]) -> str:
    """Make the table; texts come from the tests in a stable order."""
    lines = ["| # | attack | without its guard | with it | tried on |", "| --: | --- | --- | --- | --- |"]
    lines += [_line(attack, found.get(attack.number, Seen())) for attack in ATTACKS]
    return "\n".join(lines) + "\n"


def _line(attack: Attack, seen: Seen) -> str:
    if attack.postponed:
        return f"| {attack.number} | {attack.title} | – | {attack.postponed} | – |"
    within = _joined(seen.within) or "held"
    if seen.open:
        within += f". **Does not hold:** {_joined(seen.open)}"
    places = [word for name, word in WORDS.items() if name in seen.on] + sorted(seen.on - WORDS.keys())
    tried = ", ".join(places) or OWN_CODE
    return f"| {attack.number} | {attack.title} | {_joined(seen.without) or '–'} | {within} | {tried} |"


def _joined(texts: list[str]) -> str:
    return "; ".join(sorted(texts)).replace("|", "\\|").replace("\n", " ")


def main() -> int:
    """Compare or write the table, and name what is missing."""
    parser = argparse.ArgumentParser(description="Make the table of attacks out of a test run.")
    parser.add_argument("reports", type=Path, help="folder of JUnit XML files")
    parser.add_argument("--write", action="store_true", help="write the table instead of comparing")
    asked = parser.parse_args()
    found = read_reports(asked.reports)
    page = PAGE.read_text(encoding="utf-8")
    before, rest = page.split(BEGIN)
    after = rest.split(END)[1]
    made = before + BEGIN + table(found) + END + after
    wrong = complaints(found)
    if asked.write:
        PAGE.write_text(made, encoding="utf-8")
    elif made != page and not wrong:
        wrong.append(f"the table in docs/{PAGE.name} is another one than this run's; write it with --write")
    for complaint in wrong:
        sys.stderr.write(f"{complaint}\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
