"""Write a case set: one folder a study, its label table, and beside it what only this phantom's own tests read."""

from __future__ import annotations

import csv
import multiprocessing
import shutil
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from .dicom import write_study
from .plan import CASE_SETS, Distractor, Finding, StudyPlan, plan_studies
from .study import draw_study

REFERENCES = "references.csv"
CONSPICUITY = "conspicuity.csv"


def make_set(name: str, out: Path, *, count: int | None = None, processes: int | None = None) -> int:
    """Write a case set into a folder; the folder appears whole or not at all.

    Args:
        name: One of `CASE_SETS`.
        out: The folder to make; it must not exist, or be empty.
        count: Number of studies in place of the set's own.
        processes: How many draw at once; by default as many as there are processors. It does not change a byte.

    Returns:
        The number of studies written.

    Raises:
        FileExistsError: `out` holds something.
        ValueError: `count` is below 1.
    """
    if out.exists() and any(out.iterdir()):
        msg = f"{out} is not empty: choose another folder or remove it"
        raise FileExistsError(msg)
    plans = plan_studies(CASE_SETS[name], count)
    staging = out.with_name(f".{out.name}.part")
    if staging.exists():
        shutil.rmtree(staging)
    staging.mkdir(parents=True)
    try:
        # Forked before the progress display starts its thread; a forked process need not import everything again.
        with multiprocessing.get_context("fork").Pool(processes) as pool:
            drawn = pool.imap_unordered(partial(_write, staging), plans, chunksize=4)
            for _ in _shown(f"{name}: drawing studies", drawn, len(plans)):
                pass
        _write_references(plans, staging / REFERENCES)
        _write_conspicuity(plans, staging / CONSPICUITY)
        if out.exists():
            out.rmdir()
        staging.rename(out)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return len(plans)


def _write(folder: Path, plan: StudyPlan) -> str:
    target = folder / plan.study
    target.mkdir()
    write_study(draw_study(plan), target / "image.dcm")
    return plan.study


def _shown(title: str, steps: Iterable[str], total: int) -> Iterator[str]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        yield from progress.track(steps, total=total, description=title)


def _write_references(plans: Sequence[StudyPlan], path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["study", "patient", *Finding, "sex", "age", "site", "manufacturer"])
        for plan in plans:
            labels = [int(finding in plan.conspicuity) for finding in Finding]
            maker = plan.device.manufacturer
            table.writerow([plan.study, plan.patient, *labels, plan.sex, plan.age, plan.site, maker])


def _write_conspicuity(plans: Sequence[StudyPlan], path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["study", *Finding, *Distractor])
        for plan in plans:
            values = [f"{plan.conspicuity[each]:.4f}" if each in plan.conspicuity else "" for each in Finding]
            table.writerow([plan.study, *values, *(int(each in plan.distractors) for each in Distractor)])
