"""Small DICOM studies full of identity, and label tables for them, for the tests of the vault."""

from __future__ import annotations

import csv
import io
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydicom import dcmread, dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian, generate_uid

from arena.blobs import BlobStore
from arena.store.session import Store
from arena.store.tables import CaseSet
from arena.vault.importing import import_case_set

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)

#: Values that must not leave the vault: each stands somewhere in the header that `radiograph` writes.
SECRETS = {
    "PatientName": "Ivanova^Anna",
    "PatientID": "MRN-4711",
    "PatientBirthDate": "19610203",
    "OtherPatientIDs": "POLIS-99",
    "InstitutionName": "Clinic No 7",
    "InstitutionAddress": "Lesnaya street 5",
    "Manufacturer": "Rayco",
    "ManufacturerModelName": "Shadow 3000",
    "DeviceSerialNumber": "SN-31337",
    "StationName": "ROOM-B",
    "StudyDate": "20240517",
    "AcquisitionDate": "20240518",
    "AccessionNumber": "ACC-0815",
    "ReferringPhysicianName": "House^Gregory",
    "StudyDescription": "follow-up of effusion",
    "SeriesDescription": "chest, suspected mass",
    "ProtocolName": "thorax-x",
    "ImageComments": "see mark",
    "PatientComments": "wife of a colleague",
    "RequestingPhysician": "Cox^Perry",
    "OperatorsName": "Dorian^John",
    "WindowCenterWidthExplanation": "set by Cox",
}


def noise(seed: int, rows: int = 24, columns: int = 20, bits: int = 12) -> NDArray[np.uint16]:
    """Return random 16-bit pixels of the given stored bits."""
    return np.random.default_rng(seed).integers(0, 1 << bits, (rows, columns), dtype=np.uint16)


def radiograph(seed: int = 0, **changes: object) -> Dataset:
    """Return a DX image with identity all over its header; `changes` set elements, None deletes them."""
    pixels = noise(seed)
    dataset = Dataset()
    for keyword, value in SECRETS.items():
        setattr(dataset, keyword, value)
    dataset.SOPClassUID = DigitalXRayImageStorageForPresentation
    dataset.SOPInstanceUID = generate_uid(entropy_srcs=["image", str(seed)])
    dataset.StudyInstanceUID = generate_uid(entropy_srcs=["study", str(seed)])
    dataset.SeriesInstanceUID = generate_uid(entropy_srcs=["series", str(seed)])
    dataset.StudyTime, dataset.StudyID = "101112", "STUDY-5"
    dataset.PatientSex, dataset.PatientAge = "F", "063Y"
    dataset.SeriesNumber, dataset.InstanceNumber = 7, 9
    dataset.Modality, dataset.PresentationIntentType = "DX", "FOR PRESENTATION"
    dataset.ImageType = ["DERIVED", "PRIMARY"]
    dataset.BodyPartExamined, dataset.ViewPosition = "CHEST", "PA"
    dataset.PatientOrientation, dataset.ImageLaterality = ["L", "F"], "U"
    dataset.ImagerPixelSpacing = [0.5, 0.5]
    dataset.BurnedInAnnotation = "NO"
    dataset.DetectorType, dataset.AcquisitionContextSequence = "DIRECT", []
    region = Dataset()
    region.CodeValue, region.CodingSchemeDesignator, region.CodeMeaning = "51185008", "SCT", "chest of Mrs Ivanova"
    dataset.AnatomicRegionSequence = [region]
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.Rows, dataset.Columns = pixels.shape
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 12, 11, 0
    dataset.PixelIntensityRelationship, dataset.PixelIntensityRelationshipSign = "LOG", -1
    dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType = 0, 1, "US"
    dataset.WindowCenter, dataset.WindowWidth = 2048, 4096
    dataset.PresentationLUTShape, dataset.LossyImageCompression = "IDENTITY", "00"
    private = dataset.private_block(0x0011, "RAYCO PRIVATE", create=True)
    private.add_new(0x01, "LO", "private secret")
    dataset.add_new("PixelData", "OW", pixels.tobytes())
    for keyword, value in changes.items():
        if value is None:
            del dataset[keyword]
        else:
            setattr(dataset, keyword, value)
    return dataset


def encode(dataset: Dataset, syntax: str = ExplicitVRLittleEndian) -> bytes:
    """Return a dataset as a DICOM file whose preamble holds a secret."""
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.preamble = b"preamble secret".ljust(128, b"\0")
    stream = io.BytesIO()
    dcmwrite(stream, dataset, enforce_file_format=True)
    return stream.getvalue()


def write_png(path: Path, seed: int) -> None:
    """Write a small grey picture."""
    Image.fromarray(noise(seed, bits=8).astype(np.uint8)).save(path)


def members(archive: bytes) -> dict[str, Dataset]:
    """Return the images of a study's archive by name."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return {m.name: dcmread(io.BytesIO(tar.extractfile(m).read())) for m in tar}  # type: ignore[union-attr]


@dataclass(frozen=True)
class DeclaredFinding:
    """A finding as the vault needs it."""

    code: str


@dataclass(frozen=True)
class DeclaredCaseSet:
    """A case set as the vault needs it."""

    name: str
    split: str


@dataclass(frozen=True)
class DeclaredSubgroups:
    """Subgroups as the vault needs them."""

    columns: tuple[str, ...] = ("sex", "age")


@dataclass(frozen=True)
class Declared:
    """A challenge as the vault needs it."""

    slug: str = "cxr-test"
    modality: str = "DX"
    findings: tuple[DeclaredFinding, ...] = (DeclaredFinding("nodule"), DeclaredFinding("effusion"))
    case_sets: tuple[DeclaredCaseSet, ...] = (DeclaredCaseSet("public", "public"), DeclaredCaseSet("final", "final"))
    headers: tuple[str, ...] = ()
    layout: str = "arena"
    subgroups: DeclaredSubgroups = DeclaredSubgroups()


class Desk:
    """An organiser's desk: a folder of studies, a table, an empty vault."""

    def __init__(self, root: Path, store: Store, declared: Declared | None = None) -> None:
        """Prepare the folders under `root`."""
        self.root, self.store, self.declared = root, store, declared or Declared()
        self.folder, self.table = root / "studies", root / "labels.csv"
        self.folder.mkdir()
        self.studies = BlobStore(root / "vault" / "studies")
        self.references = BlobStore(root / "vault" / "references", mode=0o700)
        self.header = ["study", "patient", "nodule", "effusion"]
        self.rows: list[list[str]] = []

    def add(
        self, study: str, patient: str, *labels: str, content: bytes | None = None, seed: int | None = None
    ) -> None:
        """Write one study and its row."""
        path = self.folder / study
        path.parent.mkdir(parents=True, exist_ok=True)
        number = len(self.rows) if seed is None else seed
        path.write_bytes(encode(radiograph(number)) if content is None else content)
        self.rows.append([study, patient, *labels])

    def write_table(self, text: str | None = None) -> None:
        """Write the table of the rows, or a text instead."""
        with self.table.open("w", encoding="utf-8", newline="") as stream:
            if text is not None:
                stream.write(text)
                return
            csv.writer(stream, lineterminator="\n").writerows([self.header, *self.rows])

    def load(self, set_name: str = "public", *, correct_labels: bool = False) -> CaseSet:
        """Import what lies on the desk."""
        return import_case_set(
            store=self.store,
            studies=self.studies,
            references=self.references,
            declaration=self.declared,
            set_name=set_name,
            folder=self.folder,
            labels=self.table,
            now=NOW,
            correct_labels=correct_labels,
        )

    def vault_files(self) -> set[str]:
        """Return every file of the vault."""
        vault = self.root / "vault"
        return {p.relative_to(vault).as_posix() for p in vault.rglob("*") if p.is_file()}


def fill(desk: Desk, studies: Sequence[int] = range(6)) -> None:
    """Put studies on the desk, two for each patient, with all kinds of labels, and write the table."""
    kinds = (("1", "0"), ("0", "1"), ("0", "0"), ("unknown", "1"), ("1", ""), ("0", "0"))
    for seed in studies:
        desk.add(f"study-{seed}.dcm", f"patient-{seed // 2}", *kinds[seed % len(kinds)], seed=seed)
    desk.write_table()
