"""Files that algorithms leave beside answers: what becomes of each, found out in a process that may die of it.

This side never parses. It copies bytes from the store into a spool and starts a child that knows neither vault nor
database; a child that dies has named the file that killed it by the number of lines it wrote, and another goes on with
the next one. A defect is of the file alone and changes no answer: scores follow from answers (docs/contract.md).

One process scores for everybody, so the files of an evaluation together have an allowance of processor time as well:
what is left when it is used up is not read.
"""

from __future__ import annotations

import hashlib
import json
import os
import resource
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from arena.blobs import BlobStore
from arena.errors import BlobCorrupt, HostError
from arena.evaluation.output_kinds import FRAME, READY, Examined, OutputDefect, OutputKind
from runners.values import BlobRef

_PIECE = 1 << 20
_LINE_BYTES = 100
_START_SECONDS = 60
_SPOOL_BYTES = 256 << 20
"""Bytes of files that one child is given, but for a single larger one."""
_CHILD = "arena.evaluation.output_child"
_KINDS = tuple(OutputKind)
_UNREAD = OutputKind.BYTES
OK = "ok"
"""How a file without a defect is counted."""


@dataclass(frozen=True, slots=True)
class ChildLimits:
    """What children may take: address space of one, processor seconds for one file and for all of an evaluation's."""

    memory_mib: int = 768
    seconds: int = 10
    total_seconds: int = 600


@dataclass(frozen=True, slots=True)
class DeclaredOutput:
    """A file that the challenge lets an algorithm leave for each case."""

    name: str
    kind: OutputKind


@dataclass(frozen=True, slots=True)
class LeftFile:
    """A file of a case; `ref` is None where the case has none of that name."""

    case: str
    name: str
    kind: OutputKind
    ref: BlobRef | None


@dataclass(frozen=True, slots=True, order=True)
class _Job:
    """Bytes to examine, and as what."""

    sha256: str
    size_bytes: int
    kind: OutputKind


@dataclass(frozen=True, slots=True)
class OutputRow:
    """What is kept of a file of a case."""

    file: LeftFile
    examined: Examined


def examine_outputs(
    results: BlobStore, files: Sequence[LeftFile], limits: ChildLimits = ChildLimits()
) -> list[OutputRow]:
    """Examine files, each once, in the order given.

    Args:
        results: Where their bytes are.
        files: What cases left, the missing ones too.
        limits: What each may cost.

    Raises:
        HostError: The child could not be started, or did not end although it has to.
        BlobCorrupt: A file's bytes are not there any more.
    """
    jobs = sorted({_Job(f.ref.sha256, f.ref.size_bytes, f.kind) for f in files if f.ref and f.kind is not _UNREAD})
    found = dict(zip(jobs, _examined(results, jobs, limits), strict=True))

    def of(file: LeftFile) -> Examined:
        if file.ref is None:
            return Examined(OutputDefect.MISSING)
        if file.kind is _UNREAD:
            return Examined(None)
        return found[_Job(file.ref.sha256, file.ref.size_bytes, file.kind)]

    return [OutputRow(file, of(file)) for file in files]


def count_outputs(rows: Iterable[OutputRow]) -> dict[str, dict[str, int]]:
    """Return how many files of each name have which defect; `ok` stands for none."""
    counts: dict[str, Counter[str]] = {}
    for row in rows:
        counts.setdefault(row.file.name, Counter())[row.examined.defect or OK] += 1
    return {name: dict(sorted(found.items())) for name, found in sorted(counts.items())}


def _examined(results: BlobStore, jobs: Sequence[_Job], limits: ChildLimits) -> list[Examined]:
    """Examine the bytes of each job, with as many children as it takes and as their time allows."""
    found: list[Examined] = []
    began = _childrens_seconds()
    while len(found) < len(jobs) and (left := limits.total_seconds - int(_childrens_seconds() - began)) > 0:
        batch = _batch(jobs[len(found) :])
        seen = _run_child(results, batch, limits, left)
        found += seen
        if len(seen) < len(batch):
            found.append(Examined(OutputDefect.TOO_COSTLY))
    return found + [Examined(OutputDefect.TOO_COSTLY)] * (len(jobs) - len(found))


def _childrens_seconds() -> float:
    """Return the processor time of all children of this process that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _batch(jobs: Sequence[_Job]) -> Sequence[_Job]:
    """Return the first jobs whose bytes fill a spool; always one."""
    size = 0
    for number, job in enumerate(jobs):
        size += job.size_bytes
        if number and size > _SPOOL_BYTES:
            return jobs[:number]
    return jobs


def _run_child(results: BlobStore, jobs: Sequence[_Job], limits: ChildLimits, left: int) -> list[Examined]:
    """Return what a child said before it ended: a line for each file, or for those before the one that killed it.

    It has `left` seconds of the processor for all of them.
    """
    with tempfile.TemporaryFile(dir=results.scratch()) as spool, tempfile.TemporaryFile() as said:
        for job in jobs:
            spool.write(FRAME.pack(_KINDS.index(job.kind), job.size_bytes))
            _copy(results, job, spool)
        spool.seek(0)
        seconds = _START_SECONDS + 3 * limits.seconds * len(jobs)
        try:
            done = subprocess.run(
                [sys.executable, "-m", _CHILD, str(limits.memory_mib), str(limits.seconds), str(left)],
                stdin=spool, stdout=said, stderr=subprocess.DEVNULL, timeout=seconds, env=_environment(), cwd="/",
                check=False,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as error:
            raise HostError(reason=f"output files cannot be examined ({type(error).__name__})") from error
        said.seek(0)
        first, *lines = said.read(_LINE_BYTES * (1 + len(jobs))).split(b"\n")[:-1] or [b""]
    if first != READY:
        raise HostError(reason=f"output files cannot be examined: their process ended with {done.returncode}")
    return [_read(line) for line in lines[: len(jobs)]]


def _copy(results: BlobStore, job: _Job, spool: IO[bytes]) -> None:
    """Copy a file's bytes piece by piece, so that this process never holds them."""
    digest, left = hashlib.sha256(), job.size_bytes
    with results.open(BlobRef(job.sha256, job.size_bytes)) as stream:
        while left and (piece := stream.read(min(left, _PIECE))):
            digest.update(piece)
            left -= len(piece)
            spool.write(piece)
        more = bool(stream.read(1))
    if left or more or digest.hexdigest() != job.sha256:
        raise BlobCorrupt(digest=job.sha256, root=results.root, reason="its bytes have another digest")


def _environment() -> dict[str, str]:
    """Return what the child finds this package by, and nothing that says where the vault or the database is."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "PYTHONPATH": os.pathsep.join(path or str(Path.cwd()) for path in sys.path),
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
    }


def _read(line: bytes) -> Examined:
    defect, items = json.loads(line)
    return Examined(None if defect is None else OutputDefect(defect), int(items))
