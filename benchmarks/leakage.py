"""What an attacker learns of the hidden labels from the public scores of an open phase, against its submissions.

    python -m benchmarks.leakage            prints the table
    python -m benchmarks.leakage --write    also puts tables and figure into docs/

A vendor without any knowledge hands in guesses. After each one it forms an opinion of the labels out of all that it has
been told; that opinion's macro AUC on the hidden labels is what it has learned, 0.5 being nothing. Each defence is met
by every attack that we know, and the best of them counts. So is each public document of an open phase under the
defaults, read alone. Seeds are fixed: two runs print the same.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.acceptance.probing_simulation import (
    Attack,
    BestStands,
    Exact,
    Floats,
    Ladder,
    Neighbours,
    Nothing,
    OneBit,
    Row,
    Size,
    Told,
    Verdict,
    curves_reached,
    reached,
)

DOCS = Path(__file__).parents[1] / "docs"
MARKS = (1, 2, 5, 10, 20, 30, 60, 100, 200, 300)
CURVE_MARKS = (1, 2, 5, 10)
CONTESTS = 100
SIZE = Size()
SEED = 20260401
QUOTA = 30
"""The declared total of a vendor and phase, `quota.total`."""

BEGIN, END = "<!-- leakage: made by `python -m benchmarks.leakage --write` -->", "<!-- leakage: end -->"


@dataclass(frozen=True)
class Defence:
    """What is public of each attempt, and how the line is drawn."""

    name: str
    verdict: Callable[[], Verdict]
    colour: str
    dash: str = ""


DEFENCES = (
    Defence("none: exact score", Exact, "#7a7a7a"),
    Defence("rounded to 0.01", lambda: Exact(0.01), "#b5651d", "6 3"),
    Defence("rounded to 0.05", lambda: Exact(0.05), "#c98b1b", "2 3"),
    Defence("best stands, 0.01", BestStands, "#3a7d44"),
    Defence("Ladder 0.01 without chance", lambda: Ladder(0.01, chance=False), "#7b4fa3", "6 3"),
    Defence("Ladder 0.01", lambda: Ladder(0.01), "#1f5fa8"),
)


@dataclass(frozen=True)
class Document:
    """Something public of an open phase: what of labels it holds, and in which ways an attacker reads it."""

    name: str
    holds: str
    readings: tuple[type[Told], ...]


DOCUMENTS = (
    Document("row of the board, plain page, an entry's page and API", "the shown best: value and limits", (Row,)),
    Document("leaderboard document: JSON, CSV", "the same, rank and rank set", (Row, Neighbours)),
    Document("ranks alone", "rank and rank set among five other vendors", (Neighbours,)),
    Document("feedback on an entry", "that it stands, or is not better", (OneBit,)),
    Document("ledger, which the organiser prints", "which scores were shown or held back", (OneBit,)),
    Document("scorecard, tables, curves", "not there before the phase has closed", (Nothing,)),
    Document("queue, rules, challenge, schemas, health", "nothing: equal to the byte for all labels", (Nothing,)),
)
"""Under the defaults; what each address gives is read by tests/acceptance/probing_public.py."""

DOCUMENT_MARKS = (1, 2, 10, QUOTA)
BEGIN_DOCUMENTS = "<!-- documents: made by `python -m benchmarks.leakage --write` -->"
END_DOCUMENTS = "<!-- documents: end -->"


@dataclass(frozen=True)
class Line:
    """The attacker's AUC after each number of attempts: mean over contests, and what 95 of 100 stay below."""

    defence: str
    mean: dict[int, float]
    upper: dict[int, float]


def measure(defence: Defence, marks: tuple[int, ...] = MARKS, *, contests: int = CONTESTS, size: Size = SIZE) -> Line:
    """Meet a defence with every attack; after each number of attempts the best one counts."""
    found = [reached(defence.verdict, attack, marks, contests=contests, seed=SEED, size=size) for attack in Attack]
    return _best(defence.name, found, marks)


def measure_curves(*, contests: int = CONTESTS // 2, size: Size = SIZE) -> Line:
    """Measure a board whose ROC curves are public while the phase is open."""
    found = curves_reached(CURVE_MARKS, contests=contests, seed=SEED, size=size)
    return _best("ROC curves public", [found], CURVE_MARKS)


def measure_documents(*, contests: int = CONTESTS, marks: tuple[int, ...] = DOCUMENT_MARKS) -> list[Line]:
    """Let every attack read each public document alone; of several ways to read it the best one counts."""
    readings = dict.fromkeys(reading for document in DOCUMENTS for reading in document.readings)
    found = {
        reading: [reached(reading, attack, marks, contests=contests, seed=SEED, size=SIZE) for attack in Attack]
        for reading in readings
    }
    return [_best(each.name, [one for way in each.readings for one in found[way]], marks) for each in DOCUMENTS]


def document_table(lines: list[Line], unprotected: Line) -> str:
    """Return the Markdown table of the documents, and beside them a scorecard that is shown all the same."""
    rows = ["| document | of labels it holds | " + " | ".join(map(str, DOCUMENT_MARKS)) + " |"]
    rows.append("|---|---|" + "---|" * len(DOCUMENT_MARKS))
    rows += [
        f"| {each.name} | {each.holds} | {_cells(line, DOCUMENT_MARKS)} |"
        for each, line in zip(DOCUMENTS, lines, strict=True)
    ]
    shown = "a scorecard that is shown all the same"
    return "\n".join([*rows, f"| {shown} | curves | {_cells(unprotected, DOCUMENT_MARKS)} |"])


def _cells(line: Line, marks: tuple[int, ...]) -> str:
    return " | ".join(f"{line.mean[m]:.2f} ({line.upper[m]:.2f})" if m in line.mean else "" for m in marks)


def _best(name: str, found: list[dict[int, Floats]], marks: tuple[int, ...]) -> Line:
    best = {mark: max((attack[mark] for attack in found), key=lambda values: float(values.mean())) for mark in marks}
    return Line(
        name,
        {mark: float(values.mean()) for mark, values in best.items()},
        {mark: float(np.quantile(values, 0.95)) for mark, values in best.items()},
    )


def table(lines: list[Line]) -> str:
    """Return the Markdown table: mean, and in brackets what 95 of 100 contests stay below."""
    shown = (1, 2, 10, QUOTA, 100, 300)
    head = "| public of each attempt | " + " | ".join(str(mark) for mark in shown) + " |"
    rows = [head, "|---|" + "---|" * len(shown)]
    rows += [f"| {line.defence} | {_cells(line, shown)} |" for line in lines]
    return "\n".join(rows)


WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 760, 420, 60, 200, 30, 50
_AXIS = "#555555"


def figure(lines: list[Line]) -> str:
    """Return the picture as SVG: attempts on a logarithmic axis, the AUC from 0.5 to 1."""
    shapes = [_frame(), _note(0.60, "0.60"), _quota()]
    looks = {defence.name: (defence.colour, defence.dash) for defence in DEFENCES}
    ends = _spread([(line, _y(line.mean[max(line.mean)])) for line in lines])
    for line, label_at in ends:
        colour, dash = looks.get(line.defence, ("#a3262a", ""))
        points = " ".join(f"{_x(mark):.1f},{_y(mean):.1f}" for mark, mean in line.mean.items())
        style = f' stroke-dasharray="{dash}"' if dash else ""
        last = max(line.mean)
        shapes.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"{style}/>')
        at = _x(last) if last < max(MARKS) else _x(max(MARKS))
        shapes.append(f'<text x="{at + 8:.1f}" y="{label_at + 4:.1f}" fill="{colour}">{line.defence}</text>')
    body = "\n".join(shapes)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
        f'font-size="12" role="img">\n<title>AUC of an attacker on the hidden labels, by submissions</title>\n'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>\n{body}\n</svg>\n'
    )


def _x(attempts: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * float(np.log(attempts) / np.log(max(MARKS)))


def _y(auc: float) -> float:
    return TOP + (HEIGHT - TOP - BOTTOM) * (1 - (auc - 0.5) / 0.5)


def _frame() -> str:
    shapes = []
    for auc in (0.5, 0.6, 0.7, 0.8, 0.9, 1.0):
        y = _y(auc)
        shapes.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#e2e2e2"/>')
        shapes.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end" fill="{_AXIS}">{auc:.1f}</text>')
    for attempts in (1, 2, 5, 10, QUOTA, 100, 300):
        x = _x(attempts)
        shapes.append(f'<text x="{x:.1f}" y="{HEIGHT - 28}" text-anchor="middle" fill="{_AXIS}">{attempts}</text>')
    middle = (LEFT + WIDTH - RIGHT) / 2
    shapes.append(f'<text x="{middle}" y="{HEIGHT - 8}" text-anchor="middle" fill="{_AXIS}">submissions</text>')
    shapes.append(f'<text x="{LEFT - 40}" y="18" fill="{_AXIS}">attacker&#8217;s macro AUC on the hidden labels</text>')
    return "\n".join(shapes)


def _note(auc: float, text: str) -> str:
    y = _y(auc)
    return (
        f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#333333" stroke-dasharray="1 3"/>'
        f'<text x="{LEFT + 4}" y="{y - 4:.1f}" fill="#333333">stated: {text} within the quota</text>'
    )


def _quota() -> str:
    x = _x(QUOTA)
    return (
        f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}" stroke="#333333" stroke-dasharray="1 3"/>'
        f'<text x="{x + 4:.1f}" y="{TOP + 40}" fill="#333333">quota: {QUOTA}</text>'
    )


def _spread(ends: list[tuple[Line, float]], gap: float = 15) -> list[tuple[Line, float]]:
    """Move labels apart that would lie on each other."""
    placed: list[tuple[Line, float]] = []
    for line, y in sorted(ends, key=lambda end: end[1]):
        placed.append((line, max(y, placed[-1][1] + gap) if placed and max(line.mean) == max(MARKS) else y))
    return placed


def main(arguments: list[str] | None = None) -> None:
    """Measure, print and, if asked, write; by default the command line's arguments."""
    parser = argparse.ArgumentParser(description="What public scores of an open phase teach an attacker.")
    parser.add_argument("--write", action="store_true", help="put table and figure into docs/")
    write = parser.parse_args(arguments).write
    lines = [*(measure(defence) for defence in DEFENCES), measure_curves()]
    text, documents = table(lines), document_table(measure_documents(), lines[-1])
    print(
        f"Attacker's macro AUC on hidden labels: 100 cases, 3 findings, 38 % positive; {CONTESTS} contests, mean (95 %)"
    )
    print(text)
    print(documents)
    if write:
        page = DOCS / "security.md"
        written = _between(page.read_text(encoding="utf-8"), BEGIN, END, text)
        page.write_text(_between(written, BEGIN_DOCUMENTS, END_DOCUMENTS, documents), encoding="utf-8")
        (DOCS / "images" / "leakage.svg").write_text(figure(lines), encoding="utf-8")


def _between(page: str, begin: str, end: str, text: str) -> str:
    before, found, rest = page.partition(begin)
    _, ended, after = rest.partition(end)
    if not (found and ended):
        msg = f"the page has no {begin} … {end}"
        raise ValueError(msg)
    return f"{before}{begin}\n\n{text}\n\n{end}{after}"


if __name__ == "__main__":
    main()
