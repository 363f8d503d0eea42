"""One study on disk → the stripped, deterministic archive that is stored: one folder per series, numbered files.

The bytes depend on the study's content alone: not on file names, times, their order on disk or the version of the
library that wrote them. Names and identifiers inside are derived from the pixels, so they carry nothing.
"""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydicom import dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian

from arena.vault.dicom import clean_pixels, parsing, pixel_form, read_bytes, read_image, refusal
from arena.vault.headers import strip
from arena.vault.images import picture_kind, read_picture

#: A study with more files or bytes than this is refused.
MAX_FILES = 2_000
MAX_STUDY_BYTES = 1 << 30

#: Arena's mark in the file meta information; fixed here, lest a library's version change every digest.
IMPLEMENTATION_UID = UID("2.25.297384650938465093846509384650938")
IMPLEMENTATION_NAME = "ARENA_1"

_PER_YEAR = {"Y": 1, "M": 12, "W": 52, "D": 365}
_OLDEST = 130


@dataclass(frozen=True, slots=True)
class Attributes:
    """What is kept of a study beside its archive, for subgroups; None where the header does not say."""

    sex: str | None = None
    age_years: int | None = None
    site: str | None = None
    manufacturer: str | None = None


@dataclass(frozen=True, slots=True)
class Study:
    """A stripped study: its archive, what its header said, and the digests by which its images are recognised.

    `image_digests` leaves out images of one grey value alone: blank slices of different patients are equal.
    """

    archive: bytes
    sha256: str
    image_digests: tuple[str, ...]
    attributes: Attributes


@dataclass(frozen=True, slots=True)
class _Image:
    """One image, stripped, with what orders it and what ties it to its series."""

    stripped: Dataset
    pixels: bytes
    pixel_digest: str
    series: str
    series_number: int
    instance_number: int
    frame: str
    study: str
    patient: str
    attributes: Attributes


def read_study(folder: Path, study: str, *, modality: str, headers: Collection[str] = ()) -> Study:
    """Read a study, a file or a folder of files, and return it stripped.

    Args:
        folder: The folder that the label table's paths start from.
        study: Path of the study under it, as the table has it; messages name files by it.
        modality: DICOM modality that the challenge declares.
        headers: Keywords that the challenge shows besides the published list.

    Raises:
        InvalidStudy: A file is no image, damaged, or of another modality; or the files are not one study.
    """
    images: list[_Image] = []
    total = 0
    for path in study_files(folder / study, study):
        file = path.relative_to(folder).as_posix()
        content = read_bytes(path, file)
        total += len(content)
        if total > MAX_STUDY_BYTES:
            raise refusal(study, f"it has more than {MAX_STUDY_BYTES} bytes", "Split it, or leave series out.")
        images.append(_read(content, file, modality, headers))
    for name, values in (("study", {i.study for i in images}), ("patient", {i.patient for i in images})):
        if len(values) > 1:
            raise refusal(
                study, f"its files belong to {len(values)} different {name} identifiers", "Give each its row."
            )
    series = _in_order(images)
    key = hashlib.sha256("\n".join(i.pixel_digest for group in series for i in group).encode()).hexdigest()
    archive = _archive(_members(series, key, study))
    return Study(
        archive=archive,
        sha256=hashlib.sha256(archive).hexdigest(),
        image_digests=tuple(i.pixel_digest for group in series for i in group if not _is_blank(i)),
        attributes=series[0][0].attributes,
    )


def study_files(path: Path, study: str) -> Sequence[Path]:
    """Return the files of a study, sorted by path.

    Raises:
        InvalidStudy: There is none, or there are more than `MAX_FILES`.
    """
    files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if not p.is_dir())
    if not files:
        raise refusal(study, "it holds no file", "Check the path in the table.")
    if len(files) > MAX_FILES:
        raise refusal(study, f"it has {len(files)} files, the limit is {MAX_FILES}", "Split it, or leave series out.")
    return files


def _read(content: bytes, file: str, modality: str, headers: Collection[str]) -> _Image:
    kind = picture_kind(content)
    dataset = read_picture(content, file) if kind else read_image(content, file)
    form = pixel_form(dataset, file)
    pixels = clean_pixels(dataset, form)
    shape = f"{form.rows} {form.columns} {form.samples} {form.bits_allocated}\n".encode()
    with parsing(file):
        found = str(dataset.get("Modality", ""))
        image = _Image(
            stripped=strip(dataset, headers),
            pixels=pixels,
            pixel_digest=hashlib.sha256(shape + pixels).hexdigest(),
            series=str(dataset.get("SeriesInstanceUID", "")),
            series_number=int(dataset.get("SeriesNumber") or 0),
            instance_number=int(dataset.get("InstanceNumber") or 0),
            frame=str(dataset.get("FrameOfReferenceUID", "")),
            study=str(dataset.get("StudyInstanceUID", "")),
            patient=str(dataset.get("PatientID", "")),
            attributes=_attributes(dataset),
        )
    if found != modality:
        step = "Leave it out, or declare the modality that the studies have."
        what = f"a {kind} picture becomes {found}" if kind else f"its modality is {found or 'missing'}"
        raise refusal(file, f"{what}, the challenge declares {modality}", step)
    return image


def _attributes(dataset: Dataset) -> Attributes:
    sex = str(dataset.get("PatientSex", "") or "")
    return Attributes(
        sex=sex if sex in {"M", "F", "O"} else None,
        age_years=_age_years(str(dataset.get("PatientAge", "") or "")),
        site=str(dataset.get("InstitutionName", "") or "").strip() or None,
        manufacturer=str(dataset.get("Manufacturer", "") or "").strip() or None,
    )


def _age_years(age: str) -> int | None:
    """Return full years of a DICOM age string such as 063Y or 011M; None if it has another form."""
    if len(age) != len("063Y") or not (age[:3].isascii() and age[:3].isdigit()) or age[3] not in _PER_YEAR:
        return None
    years = int(age[:3]) // _PER_YEAR[age[3]]
    return years if years <= _OLDEST else None


def _in_order(images: Sequence[_Image]) -> list[list[_Image]]:
    """Return the images by series, each in the order of its numbers; equal numbers in the order of the pixels."""
    groups: dict[str, list[_Image]] = {}
    for image in images:
        groups.setdefault(image.series, []).append(image)
    ordered = [sorted(group, key=lambda i: (i.instance_number, i.pixel_digest)) for group in groups.values()]
    return sorted(ordered, key=lambda group: (group[0].series_number, [i.pixel_digest for i in group]))


def _members(series: Sequence[Sequence[_Image]], key: str, study: str) -> Iterator[tuple[str, bytes]]:
    frames: dict[str, int] = {}
    for s, group in enumerate(series, start=1):
        for i, image in enumerate(group, start=1):
            dataset = image.stripped
            dataset.StudyInstanceUID = _uid(key, "study")
            dataset.SeriesInstanceUID = _uid(key, f"series {s}")
            dataset.SOPInstanceUID = _uid(key, f"image {s} {i}")
            dataset.SeriesNumber, dataset.InstanceNumber = s, i
            if image.frame:
                dataset.FrameOfReferenceUID = _uid(key, f"frame {frames.setdefault(image.frame, len(frames))}")
            yield f"s{s}/i{i:04d}.dcm", _encode(dataset, image.pixels, study)


def _is_blank(image: _Image) -> bool:
    first = image.pixels[: int(image.stripped.SamplesPerPixel) * int(image.stripped.BitsAllocated) // 8]
    return image.pixels == first * (len(image.pixels) // len(first))


def _uid(key: str, role: str) -> str:
    """Return a UID derived from a digest (PS3.5 B.2: 2.25 and a 128-bit number)."""
    return f"2.25.{int(hashlib.sha256(f'{key} {role}'.encode()).hexdigest()[:32], 16)}"


def _encode(dataset: Dataset, pixels: bytes, study: str) -> bytes:
    dataset.add_new("PixelData", "OB" if dataset.BitsAllocated == 8 else "OW", pixels + b"\0" * (len(pixels) % 2))  # noqa: PLR2004
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = IMPLEMENTATION_UID
    meta.ImplementationVersionName = IMPLEMENTATION_NAME
    dataset.file_meta = meta
    stream = io.BytesIO()
    with parsing(study):
        dcmwrite(stream, dataset, enforce_file_format=True)
    return stream.getvalue()


def _archive(members: Iterator[tuple[str, bytes]]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)  # time, owner and group are 0 by default
            info.size, info.mode = len(content), 0o644
            archive.addfile(info, io.BytesIO(content))
    return stream.getvalue()
