"""A drawn study as a DICOM file: Digital X-Ray Image Storage - For Presentation (PS3.3 A.26).

Every element has a fixed or planned value, so a study's file is the same bytes each time. No header tells a label.
"""

from __future__ import annotations

import hashlib
from datetime import date, timedelta
from pathlib import Path

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import UID, DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian

from .canvas import COLUMNS, ROWS
from .exposure import WHITE
from .plan import RECIPE_SEED, StudyPlan
from .study import Study

IMPLEMENTATION = "CHEST_PHANTOM_1"
FIRST_DAY = date(2025, 1, 6)
DAYS = 360


def uid(*parts: object) -> UID:
    """Return a unique identifier under 2.25 (PS3.5 B.2), the same for the same parts."""
    digest = hashlib.sha256("|".join(map(str, (RECIPE_SEED, *parts))).encode()).digest()
    return UID(f"2.25.{int.from_bytes(digest[:16], 'big') >> 1}")


def write_study(study: Study, path: Path) -> None:
    """Write a study as one file.

    Args:
        study: What to write.
        path: The file; its folder must exist.
    """
    dataset = Dataset()
    instance = uid(study.plan.case_set.name, study.plan.study, "instance")
    _anatomy(dataset)
    for fill in (_patient, _study, _equipment, _acquisition, _image):
        fill(dataset, study)
    dataset.SOPClassUID = DigitalXRayImageStorageForPresentation
    dataset.SOPInstanceUID = instance
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.FileMetaInformationVersion = b"\x00\x01"
    dataset.file_meta.MediaStorageSOPClassUID = DigitalXRayImageStorageForPresentation
    dataset.file_meta.MediaStorageSOPInstanceUID = instance
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.ImplementationClassUID = uid("implementation")
    dataset.file_meta.ImplementationVersionName = IMPLEMENTATION
    dataset.save_as(path, enforce_file_format=True)


def _moment(plan: StudyPlan) -> tuple[str, str]:
    """Return the study's date and time; a patient's studies lie apart."""
    number = int.from_bytes(hashlib.sha256(f"{RECIPE_SEED}|moment|{plan.study}".encode()).digest()[:6], "big")
    day = FIRST_DAY + timedelta(days=number % DAYS)
    second = 7 * 3600 + (number // DAYS) % (12 * 3600)
    return day.strftime("%Y%m%d"), f"{second // 3600:02d}{second // 60 % 60:02d}{second % 60:02d}"


def _patient(dataset: Dataset, study: Study) -> None:
    plan = study.plan
    dataset.PatientName = f"PHANTOM^{plan.patient}"
    dataset.PatientID = plan.patient
    dataset.PatientBirthDate = ""
    dataset.PatientSex = plan.sex
    dataset.PatientAge = f"{plan.age:03d}Y"
    dataset.PatientIdentityRemoved = "YES"
    dataset.DeidentificationMethod = "GENERATED PHANTOM"


def _study(dataset: Dataset, study: Study) -> None:
    plan = study.plan
    day, time = _moment(plan)
    dataset.StudyInstanceUID = uid(plan.case_set.name, plan.study, "study")
    dataset.SeriesInstanceUID = uid(plan.case_set.name, plan.study, "series")
    dataset.StudyDate = dataset.SeriesDate = dataset.AcquisitionDate = dataset.ContentDate = day
    dataset.StudyTime = dataset.SeriesTime = dataset.AcquisitionTime = dataset.ContentTime = time
    dataset.AccessionNumber = ""
    dataset.ReferringPhysicianName = ""
    dataset.StudyID = "1"
    dataset.StudyDescription = "CHEST FRONTAL"
    dataset.SeriesNumber = 1
    dataset.InstanceNumber = 1
    dataset.Modality = "DX"
    dataset.PresentationIntentType = "FOR PRESENTATION"


def _equipment(dataset: Dataset, study: Study) -> None:
    device = study.plan.device
    dataset.Manufacturer = device.manufacturer
    dataset.ManufacturerModelName = device.model
    dataset.InstitutionName = study.plan.site


def _anatomy(dataset: Dataset) -> None:
    dataset.BodyPartExamined = "CHEST"
    dataset.ImageLaterality = "U"
    dataset.AnatomicRegionSequence = Sequence([_code("51185008", "SCT", "Chest")])
    dataset.ViewPosition = "PA"
    dataset.ViewCodeSequence = Sequence([_code("399348003", "SCT", "postero-anterior")])
    dataset.PatientOrientation = ["L", "F"]


def _code(value: str, scheme: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def _acquisition(dataset: Dataset, study: Study) -> None:
    spacing = study.plan.device.spacing_mm
    dataset.KVP = str(study.exposure.kvp)
    dataset.DetectorType = "DIRECT"
    dataset.DetectorConfiguration = "AREA"
    dataset.ImagerPixelSpacing = [f"{spacing:.2f}", f"{spacing:.2f}"]
    dataset.PositionerType = "NONE"
    dataset.AcquisitionContextSequence = Sequence([])


def _image(dataset: Dataset, study: Study) -> None:
    inverse = study.plan.device.monochrome1
    dataset.ImageType = ["ORIGINAL", "PRIMARY"]
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME1" if inverse else "MONOCHROME2"
    dataset.Rows, dataset.Columns = ROWS, COLUMNS
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 12, 11
    dataset.PixelRepresentation = 0
    dataset.PixelIntensityRelationship = "LOG"
    dataset.PixelIntensityRelationshipSign = 1 if inverse else -1
    dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType = "0", "1", "US"
    dataset.PresentationLUTShape = "INVERSE" if inverse else "IDENTITY"
    dataset.WindowCenter, dataset.WindowWidth = str((WHITE + 1) // 2), str(WHITE + 1)
    dataset.LossyImageCompression = "00"
    dataset.BurnedInAnnotation = "NO"
    dataset.PixelData = study.pixels.astype("<u2").tobytes()
    dataset["PixelData"].VR = "OW"
