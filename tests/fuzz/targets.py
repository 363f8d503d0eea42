"""The readers of hostile bytes, each as a function that takes bytes and raises if the reader breaks a promise.

Nothing here fuzzes; `fuzz.py` does, and the tests try the seeds alone. A reader's promise is that it refuses in its own
terms, whatever the bytes are, and that what it accepts is within its bounds.
"""

from __future__ import annotations

import io
import itertools
import json
import tempfile
from collections.abc import Callable
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path

from arena.challenge.readers import read_readers
from arena.errors import InvalidBundle, ReferenceMismatch
from arena.evaluation.answers import LEVELS, Abstention, Defect, Predictions, parse_answer
from arena.evaluation.output_forms import examine
from arena.evaluation.output_kinds import OutputDefect, OutputKind
from arena.presentation.plain_log import sanitised
from arena.vault.labels import read_labels
from runners.archive import ArchiveRefusedError, Caps, Refusal, read_archive
from runners.batch import lines_by_case
from runners.values import Outcome

FINDINGS = ("nodule", "effusion")
CASE = "c0007"
WANTED = {"output/c0001/report.dcm": 4096, "output/predictions.jsonl": 512}
CAPS = Caps(1 << 16, members=32, depth=4)

Target = Callable[[bytes], None]


def answer(content: bytes) -> None:
    """Read an answer; what is accepted must be what exact arithmetic says of a plain reading."""
    found = parse_answer(content, CASE, FINDINGS)
    if isinstance(found, Predictions):
        plain = json.loads(content, parse_float=Decimal, parse_int=Decimal)
        exact = [plain["findings"][code] for code in FINDINGS]
        levels = tuple(int((value * LEVELS).quantize(Decimal(1), rounding=ROUND_HALF_EVEN)) for value in exact)
        assert found.levels == levels, (found, exact)
        assert all(0 <= level <= LEVELS for level in found.levels), found
    else:
        assert isinstance(found, Abstention | Defect), found


def archive(content: bytes) -> None:
    """Read an archive in odd pieces, and again in one; both must come to the same."""
    pieces = [content[start : start + 700] for start in range(0, len(content), 700)]
    assert _archived(pieces) == _archived([content])


def _archived(pieces: list[bytes]) -> object:
    try:
        found = read_archive(iter(pieces), WANTED, CAPS)
    except ArchiveRefusedError as refused:
        return refused.refusal
    assert set(found.files) <= set(WANTED)
    for name, held in found.files.items():
        assert isinstance(held, Refusal) or len(held) <= WANTED[name], name
    assert found.used_bytes <= CAPS.total_bytes
    assert found.members <= CAPS.members
    return found.files, found.used_bytes, found.members


def lines(content: bytes) -> None:
    """Give a file's lines to cases."""
    for whole in (True, False):
        for case, result in lines_by_case(io.BytesIO(content), ("c0001", CASE), 200, whole=whole).items():
            assert case == result.case
            assert result.outcome in {Outcome.OK, Outcome.INVALID_ANSWER}
            assert (result.answer is None) == (result.outcome is not Outcome.OK)
            assert len(result.answer or b"") <= 200


def labels(content: bytes) -> None:
    """Read a table of labels."""
    with _written(content, "labels.csv") as table:
        try:
            rows = read_labels(table, FINDINGS)
        except ReferenceMismatch:
            return
    assert rows
    assert all(label in {0, 1, None} for label in itertools.chain(*(row.labels for row in rows)))
    assert len({row.study for row in rows}) == len(rows)


def readers(content: bytes) -> None:
    """Read a table of readers."""
    with _written(content, "readers.csv") as table:
        try:
            found = read_readers(table.parent, table.name, FINDINGS)
        except InvalidBundle:
            return
    assert all(row.finding in FINDINGS for row in found.rows)


def output_file(content: bytes) -> None:
    """Examine a file as both kinds of DICOM."""
    for kind in (OutputKind.DICOM_SR, OutputKind.DICOM_SC):
        found = examine(content, kind)
        assert found.defect in {None, *OutputDefect}, found
        assert (found.defect is None) or found.items == 0, found


def log(content: bytes) -> None:
    """Make a log fit to be shown."""
    shown = sanitised(content)
    assert all(char in {"\n", "\t"} or char.isprintable() for char in shown), ascii(shown)
    shown.encode()


class _written:  # noqa: N801 - used as a function
    def __init__(self, content: bytes, name: str) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="arena-fuzz-")
        self._path = Path(self._folder.name) / name
        self._path.write_bytes(content)

    def __enter__(self) -> Path:
        return self._path

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()


def naive_answer(content: bytes) -> None:
    """Read an answer as one would at first; a fuzzer that finds nothing wrong with this one does not work."""
    try:
        found = json.loads(content)
    except ValueError:
        return
    assert isinstance(found, dict), found


TARGETS: dict[str, Target] = {
    "answer": answer,
    "archive": archive,
    "lines": lines,
    "labels": labels,
    "readers": readers,
    "output_file": output_file,
    "log": log,
}
"""What is fuzzed, by name."""

NAIVE: dict[str, Target] = {"naive_answer": naive_answer}
"""What breaks: to try the fuzzer itself on."""
