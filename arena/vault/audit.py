"""What is wrong or weak in the stored studies of a case set, as data: for `arena challenge check` and for tests.

The archives are read again, so that the promise about headers is checked on what containers get, not on what the
import meant to write. Sizes and class counts need no study and are checked by `arena.challenge.lint`.
"""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from pydicom import dcmread
from pydicom.dataset import Dataset

from arena.blobs import BlobStore
from arena.store.tables import Case, CaseSet
from arena.vault.dicom import parsing
from arena.vault.headers import EMPTIED, visible_keywords
from arena.vault.volumes import LAYOUT, headers_of, not_one_volume

_EXAMPLES = 5


class Severity(StrEnum):
    """ERROR: the set must not be used. WARNING: it may, and its numbers will say less. NOTE: good to know."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class Concern(StrEnum):
    """What can be found."""

    UNPUBLISHED_ELEMENT = "unpublished_element"
    IDENTITY_LEFT = "identity_left"
    REPEATED_IMAGE = "repeated_image"
    BLANK_IMAGE = "blank_image"
    UNKNOWN_LABELS = "unknown_labels"
    MISSING_ATTRIBUTES = "missing_attributes"
    NOT_ONE_VOLUME = "not_one_volume"


@dataclass(frozen=True, slots=True)
class AuditFinding:
    """One finding: what, how bad, how many, and up to five examples (opaque names, keywords, finding codes)."""

    concern: Concern
    severity: Severity
    text: str
    count: int
    examples: tuple[str, ...] = ()


def audit_case_set(
    case_set: CaseSet,
    cases: Sequence[Case],
    *,
    studies: BlobStore,
    headers: Collection[str] = (),
    layout: str = "",
) -> tuple[AuditFinding, ...]:
    """Return what is wrong or weak about an imported case set, worst first.

    Args:
        case_set: The set's row.
        cases: Its cases.
        studies: Blob root of studies.
        headers: Keywords that the challenge shows besides the published list.
        layout: The layout in which the challenge shows studies in mode `case`.

    Raises:
        BlobCorrupt: A study is missing or damaged.
    """
    found = [
        *_archives(cases, studies, visible_keywords(headers), frozenset(headers)),
        *(_volumes(cases, studies) if layout == LAYOUT else ()),
        *_unknown(case_set),
        *_attributes(cases),
    ]
    order = list(Severity)
    return tuple(sorted(found, key=lambda f: order.index(f.severity)))


def _finding(concern: Concern, severity: Severity, text: str, examples: Sequence[str]) -> Iterator[AuditFinding]:
    if examples:
        shown = tuple(examples[:_EXAMPLES])
        yield AuditFinding(concern, severity, text.format(n=len(examples)), len(examples), shown)


def _archives(
    cases: Sequence[Case], studies: BlobStore, visible: frozenset[str], headers: frozenset[str]
) -> Iterator[AuditFinding]:
    unpublished: Counter[str] = Counter()
    identity: Counter[str] = Counter()
    images: dict[str, str] = {}
    repeated, blank = [], []
    for case in cases:
        for dataset in _datasets(studies.get(case.study_sha256), case.name):
            unpublished.update(e.keyword or str(e.tag) for e in dataset if e.keyword not in visible)
            identity.update(k for k in EMPTIED if k not in headers and str(dataset.get(k) or ""))
            pixels = bytes(dataset.PixelData)
            if len(set(pixels)) == 1:
                blank.append(case.name)
                continue
            shape = f"{dataset.Rows} {dataset.Columns} {dataset.BitsAllocated} "
            digest = hashlib.sha256(shape.encode() + pixels).hexdigest()
            other = images.setdefault(digest, case.name)
            if other != case.name:
                repeated.append(f"{other} = {case.name}")
    text = "{n} elements stand in stored studies and not in the published list"
    yield from _finding(Concern.UNPUBLISHED_ELEMENT, Severity.ERROR, text, sorted(unpublished))
    text = "{n} elements that must be empty have a value"
    yield from _finding(Concern.IDENTITY_LEFT, Severity.ERROR, text, sorted(identity))
    text = "{n} pairs of cases share an image, pixel for pixel"
    yield from _finding(Concern.REPEATED_IMAGE, Severity.ERROR, text, repeated)
    text = "{n} images have one grey value alone"
    yield from _finding(Concern.BLANK_IMAGE, Severity.WARNING, text, blank)


def _volumes(cases: Sequence[Case], studies: BlobStore) -> Iterator[AuditFinding]:
    found = {case.name: not_one_volume(headers_of(studies.get(case.study_sha256), case.name)) for case in cases}
    text = f"{{n}} studies cannot be shown in layout {LAYOUT}: each evaluation in mode case would be held"
    told = [f"{name}: {reason}" for name, reason in found.items() if reason is not None]
    yield from _finding(Concern.NOT_ONE_VOLUME, Severity.ERROR, text, told)


def _datasets(archive: bytes, case: str) -> Iterator[Dataset]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as members:
        for member in members:
            stream = members.extractfile(member)
            if stream is not None:
                with parsing(f"{case}/{member.name}"):
                    dataset = dcmread(io.BytesIO(stream.read()))
                yield dataset


def _unknown(case_set: CaseSet) -> Iterator[AuditFinding]:
    unknown = [code for code, counts in case_set.counts.items() if counts["unknown"]]
    text = "{n} findings have cases with an unknown label; those cases do not count for them"
    yield from _finding(Concern.UNKNOWN_LABELS, Severity.NOTE, text, unknown)


def _attributes(cases: Sequence[Case]) -> Iterator[AuditFinding]:
    names = ("sex", "age_years", "site", "manufacturer")
    missing = [name for name in names if all(getattr(case, name) is None for case in cases)]
    text = "{n} attributes are known of no case, so there are no subgroups by them"
    yield from _finding(Concern.MISSING_ATTRIBUTES, Severity.NOTE, text, missing)
