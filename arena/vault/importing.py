"""A folder of studies and a table of labels → a sealed case set.

Everything is checked and staged before the first blob is stored; what was stored is taken away again if the set's rows
are not committed. Names of cases and patients follow the order of the study blobs' digests, so they carry nothing of
the order or the names that the organiser gave.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path

from sqlmodel import Session

from arena.blobs import BlobStore
from arena.errors import ReferenceMismatch, UnknownCaseSet
from arena.store.case_sets import (
    add_case_set,
    case_sets_of,
    has_evaluations,
    replace_references,
)
from arena.store.session import Store
from arena.store.tables import Case, CaseSet
from arena.vault.declared import DeclaredChallenge
from arena.vault.dicom import refusal
from arena.vault.headers import check_headers
from arena.vault.labels import LabelRow, match_folder, mismatch, read_labels
from arena.vault.references import write_references
from arena.vault.register import (
    Register,
    encode_register,
    keyed,
    load_key,
    make_register,
    read_register,
    register_name,
)
from arena.vault.studies import Attributes, read_study
from arena.vault.volumes import LAYOUT, headers_of, not_one_volume
from runners.values import BlobRef

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class _Staged:
    """One study, stripped and waiting in the staging folder."""

    row: LabelRow
    path: Path
    ref: BlobRef
    images: tuple[str, ...]
    attributes: Attributes


@dataclass(frozen=True, slots=True)
class _Named:
    """One case with its opaque names."""

    case: str
    patient: str
    staged: _Staged


@dataclass(slots=True)
class _Stored:
    """What this import has added to the vault and takes away again if it fails."""

    studies: list[BlobRef] = field(default_factory=list)
    references: list[BlobRef] = field(default_factory=list)
    names: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Vault:
    """The store and the two roots of one import."""

    store: Store
    studies: BlobStore
    references: BlobStore


def import_case_set(
    *,
    store: Store,
    studies: BlobStore,
    references: BlobStore,
    declaration: DeclaredChallenge,
    set_name: str,
    folder: Path,
    labels: Path,
    now: datetime,
    progress: Progress | None = None,
    correct_labels: bool = False,
) -> CaseSet:
    """Import a folder of studies (DICOM, JPEG or PNG) and a table of labels as a case set.

    The same content imported again gives the set that is there. Other studies under the same name give its next
    version; the versions before stay as they were judged.

    Args:
        store: The database.
        studies: Blob root of studies.
        references: Blob root of references.
        declaration: The challenge.
        set_name: Name of a case set that the challenge declares.
        folder: Folder of the studies; every file under it belongs to a study of the table.
        labels: The table (`arena.vault.labels`).
        now: Time of the import.
        progress: Called after each study with the number read and the number of all.
        correct_labels: Whether other labels for exactly the studies of an imported version replace its labels.

    Returns:
        The case set's row.

    Raises:
        UnknownCaseSet: The challenge declares no set of that name.
        InvalidBundle: The challenge's `headers` name an element that may not be shown.
        InvalidStudy: A study cannot be read, or not be shown in the challenge's layout; nothing was imported.
        ReferenceMismatch: The table does not fit the findings, the folder or the other sets; nothing was imported.
        BlobCorrupt: The register of another set is missing.
        StoreUnavailable: The database failed; what was stored has been removed.
    """
    vault = _Vault(store, studies, references)
    split = _split(declaration, set_name)
    check_headers(declaration.headers)
    findings = [finding.code for finding in declaration.findings]
    rows = read_labels(labels, findings, declaration.subgroups.columns)
    match_folder(folder, labels, rows)
    with tempfile.TemporaryDirectory(prefix="arena-import-") as staging:
        staged = _stage(Path(staging), folder, rows, declaration, progress)
        _refuse_repeated_images(labels, staged)
        others = _Overlap(vault, declaration.slug, set_name, labels, staged)
        others.refuse()
        cases = _name(staged)
        case_set = _unsealed(declaration.slug, set_name, split, cases, findings, now)
        with _undone_on_failure(vault) as stored:
            _store_blobs(vault, stored, cases, case_set, findings)
            return _commit(vault, others, case_set, cases, labels, correct_labels=correct_labels)


def _unsealed(
    slug: str, set_name: str, split: str, cases: Sequence[_Named], findings: Sequence[str], now: datetime
) -> CaseSet:
    """Return a set's row before its references are stored (`_store_blobs`) and its version is known (`_commit`)."""
    return CaseSet(
        digest=case_set_digest(slug, set_name, cases),
        challenge_slug=slug,
        name=set_name,
        version=0,
        split=split,
        references_digest="",
        references_size_bytes=0,
        n_cases=len(cases),
        n_patients=len({named.patient for named in cases}),
        counts=_counts(cases, findings),
        imported_at=now,
    )


def case_set_digest(challenge_slug: str, set_name: str, cases: Sequence[_Named]) -> str:
    """Return the digest of a case set: SHA-256 over canonical JSON of whose it is and of its cases by name.

    Studies, names, patients and attributes are covered, references never: corrected labels leave it as it is.
    """
    document = {
        "cases": [
            [n.case, n.patient, n.staged.ref.sha256, asdict(n.staged.attributes), *_further(n.staged.row)]
            for n in cases
        ],
        "challenge": challenge_slug,
        "name": set_name,
    }
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _further(row: LabelRow) -> list[dict[str, str]]:
    """Return what a digest covers of further columns: nothing where there is none, as before there were any."""
    return [dict(row.further)] if row.further else []


def _split(declaration: DeclaredChallenge, set_name: str) -> str:
    splits = {declared.name: declared.split for declared in declaration.case_sets}
    if set_name not in splits:
        raise UnknownCaseSet(slug=declaration.slug, name=set_name, known=", ".join(splits))
    return splits[set_name]


def _stage(
    staging: Path,
    folder: Path,
    rows: Sequence[LabelRow],
    declaration: DeclaredChallenge,
    progress: Progress | None,
) -> list[_Staged]:
    staged = []
    for number, row in enumerate(rows, start=1):
        study = read_study(folder, row.study, modality=declaration.modality, headers=declaration.headers)
        if declaration.layout == LAYOUT and (reason := not_one_volume(headers_of(study.archive, row.study))):
            step = "Leave the study or its further series out, or declare no layout."
            raise refusal(row.study, f"{reason}; the challenge declares layout {LAYOUT}", step)
        path = staging / f"{number}.tar"
        path.write_bytes(study.archive)
        given = {name: value for name, value in asdict(row.attributes).items() if value is not None}
        staged.append(
            _Staged(
                row=row,
                path=path,
                ref=BlobRef(study.sha256, len(study.archive)),
                images=study.image_digests,
                attributes=replace(study.attributes, **given),
            )
        )
        if progress is not None:
            progress(number, len(rows))
    return staged


def _refuse_repeated_images(labels: Path, staged: Sequence[_Staged]) -> None:
    first: dict[str, str] = {}
    repeated = []
    for study in sorted(staged, key=lambda s: s.row.study):
        twins = {first[image] for image in study.images if image in first}
        repeated += [f"{twin} = {study.row.study}" for twin in sorted(twins)]
        first.update({image: study.row.study for image in study.images if image not in first})
    archives: dict[str, str] = {}
    for study in staged:
        if archives.setdefault(study.ref.sha256, study.row.study) != study.row.study and not study.images:
            repeated.append(f"{archives[study.ref.sha256]} = {study.row.study}")
    if repeated:
        raise mismatch(labels, f"{len(repeated)} pairs of studies share an image, pixel for pixel", repeated)


@dataclass(frozen=True, slots=True)
class _Overlap:
    """Asks whether a staged set shares a patient or an image with another set of its challenge.

    Of another name the newest version counts, and each that has been exposed or evaluated on. Older versions of the
    same name do not: a corrected set overlaps with what it corrects.
    """

    vault: _Vault
    slug: str
    set_name: str
    labels: Path
    staged: Sequence[_Staged]

    def refuse(self) -> None:
        """Raise ReferenceMismatch if they overlap."""
        with self.vault.store.read() as session:
            self.refuse_within(session)

    def refuse_within(self, session: Session) -> None:
        """Raise ReferenceMismatch if they overlap, by what this session sees."""
        sets = [s for s in case_sets_of(session, self.slug) if s.name != self.set_name]
        newest = {s.name: s.digest for s in sets}
        for other in sets:
            if (
                other.digest == newest[other.name]
                or other.exposed_at is not None
                or has_evaluations(session, other.digest)
            ):
                self._compare(other, read_register(self.vault.references, other.digest))

    def _compare(self, other: CaseSet, register: Register) -> None:
        key = load_key(self.vault.references)
        place = f'case set "{other.name}" (version {other.version})'
        patients = [s.row.study for s in self.staged if keyed(key, "patient", s.row.patient) in register.patients]
        if patients:
            raise mismatch(self.labels, f"the patients of {len(patients)} studies are also in {place}", patients)
        images = [s.row.study for s in self.staged if any(keyed(key, "image", i) in register.images for i in s.images)]
        if images:
            raise mismatch(self.labels, f"{len(images)} studies have an image that is also in {place}", images)


def _name(staged: Sequence[_Staged]) -> list[_Named]:
    """Return the cases by name: c0001… in the order of the studies' digests, p0001… as patients first occur there."""
    ordered = sorted(staged, key=lambda s: s.ref.sha256)
    patients: dict[str, str] = {}
    for study in ordered:
        patients.setdefault(study.row.patient, f"p{len(patients) + 1:04d}")
    return [
        _Named(case=f"c{number:04d}", patient=patients[study.row.patient], staged=study)
        for number, study in enumerate(ordered, start=1)
    ]


def _counts(cases: Sequence[_Named], findings: Sequence[str]) -> dict[str, dict[str, int]]:
    counts = {}
    for column, finding in enumerate(findings):
        labels = [(named.staged.row.labels[column], named.patient) for named in cases]
        counts[finding] = {
            "positive": sum(label == 1 for label, _ in labels),
            "negative": sum(label == 0 for label, _ in labels),
            "unknown": sum(label is None for label, _ in labels),
            "positive_patients": len({patient for label, patient in labels if label == 1}),
            "negative_patients": len({patient for label, patient in labels if label == 0}),
        }
    return counts


@contextmanager
def _undone_on_failure(vault: _Vault) -> Iterator[_Stored]:
    stored = _Stored()
    try:
        yield stored
    except BaseException:
        for ref in stored.studies:
            vault.studies.remove(ref)
        for ref in stored.references:
            vault.references.remove(ref)
        for name in stored.names:
            vault.references.remove_named(name)
        raise


def _store_blobs(
    vault: _Vault, stored: _Stored, cases: Sequence[_Named], case_set: CaseSet, findings: Sequence[str]
) -> None:
    """Store studies, references and register, noting what is new; fill in the set's reference columns."""
    for named in cases:
        if not vault.studies.has(named.staged.ref):
            stored.studies.append(named.staged.ref)
            vault.studies.put_file(named.staged.path)
    content = write_references([(n.case, n.patient, n.staged.row.labels) for n in cases], findings)
    ref = BlobRef(hashlib.sha256(content).hexdigest(), len(content))
    if not vault.references.has(ref):
        stored.references.append(ref)
        vault.references.put(content)
    case_set.references_digest, case_set.references_size_bytes = ref.sha256, ref.size_bytes
    name = register_name(case_set.digest)
    if vault.references.get_named(name) is None:
        stored.names.append(name)
        register = make_register(
            load_key(vault.references),
            {n.staged.row.patient for n in cases},
            {image for n in cases for image in n.staged.images},
        )
        vault.references.put_named(name, encode_register(register))


def _commit(
    vault: _Vault,
    others: _Overlap,
    case_set: CaseSet,
    cases: Sequence[_Named],
    labels: Path,
    *,
    correct_labels: bool,
) -> CaseSet:
    with vault.store.write() as session:
        others.refuse_within(session)  # again: another import may have come between
        versions = [s for s in case_sets_of(session, case_set.challenge_slug) if s.name == case_set.name]
        for existing in versions:
            if existing.digest != case_set.digest:
                continue
            if existing.references_digest == case_set.references_digest:
                return existing
            if not correct_labels:
                raise _other_labels(labels, existing)
            return replace_references(
                session,
                existing.digest,
                sha256=case_set.references_digest,
                size_bytes=case_set.references_size_bytes,
                counts=case_set.counts,
            )
        case_set.version = 1 + max((s.version for s in versions), default=0)
        add_case_set(session, case_set, [_row(case_set, named) for named in cases])
        return case_set


def _other_labels(labels: Path, existing: CaseSet) -> ReferenceMismatch:
    reason = f'these studies are already case set "{existing.name}", version {existing.version}, with other labels'
    return mismatch(labels, reason, ["to replace them on purpose, import with `--correct-labels`"])


def _row(case_set: CaseSet, named: _Named) -> Case:
    study = named.staged
    return Case(
        case_set_digest=case_set.digest,
        name=named.case,
        patient_key=named.patient,
        study_sha256=study.ref.sha256,
        study_size_bytes=study.ref.size_bytes,
        further=dict(study.row.further),
        **asdict(study.attributes),
    )
