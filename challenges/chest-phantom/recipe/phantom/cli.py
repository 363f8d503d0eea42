"""The recipe's command line."""

from __future__ import annotations

import argparse
from pathlib import Path

from .make import make_set
from .plan import CASE_SETS
from .sheet import write_sheet


def main(arguments: list[str] | None = None) -> int:
    """Make one case set, or the contact sheet; return the exit code."""
    parser = argparse.ArgumentParser(prog="recipe", description="Generate the chest phantom's studies.")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--set", choices=sorted(CASE_SETS), help="the case set to make")
    what.add_argument("--contact-sheet", type=Path, metavar="PATH", help="write the picture of true and false cases")
    parser.add_argument("--out", type=Path, help="the folder to make (with --set)")
    parser.add_argument("--n", type=int, help="number of studies in place of the set's own")
    parser.add_argument("--processes", type=int, help="how many studies to draw at once")
    options = parser.parse_args(arguments)
    if options.contact_sheet is not None:
        write_sheet(options.contact_sheet)
        print(f"contact sheet: {options.contact_sheet}")
        return 0
    if options.out is None:
        parser.error("--set needs --out")
    try:
        made = make_set(options.set, options.out, count=options.n, processes=options.processes)
    except (FileExistsError, ValueError) as problem:
        parser.error(str(problem))
    print(f"{options.set}: {made} studies in {options.out}")
    return 0
