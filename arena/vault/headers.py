"""The published list of header elements that a container sees; everything else is removed.

`docs/headers.md` is generated from these tables and compared with them by a test. A stripped file is built anew from
the list: nothing is copied because nobody thought of removing it, and private elements, comments and free text have
no way in. A kept text must match its pattern whole; a value that does not is left out, so that a name typed into
`BodyPartExamined` does not travel.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.tag import Tag

from arena.errors import InvalidBundle

#: Defined terms of BodyPartExamined (PS3.16, annex L) that pass; others are left out.
BODY_PARTS = (
    "ABDOMEN|ANKLE|ARM|BRAIN|BREAST|CHEST|CLAVICLE|COCCYX|CSPINE|ELBOW|EXTREMITY|FACE|FEMUR|FINGER|FOOT|FOREARM|HAND|"
    "HEAD|HEART|HIP|HUMERUS|JAW|KNEE|LEG|LSPINE|LUNG|NECK|PELVIS|RIB|SCAPULA|SHOULDER|SKULL|SPINE|STERNUM|TOE|TSPINE|"
    "WHOLEBODY|WRIST"
)

#: Anatomic regions that pass: (coding scheme, code) → meaning. The meaning is written from here, never copied.
REGIONS = {
    ("SCT", "51185008"): "Chest",
    ("SRT", "T-D3000"): "Chest",
    ("SCT", "76752008"): "Breast",
    ("SRT", "T-04000"): "Breast",
    ("SCT", "69536005"): "Head",
    ("SRT", "T-D1100"): "Head",
    ("SCT", "818981001"): "Abdomen",
    ("SRT", "T-D4000"): "Abdomen",
}


@dataclass(frozen=True, slots=True)
class Kept:
    """An element that stays. `pattern` is what each of its values must match whole; None: finite numbers only."""

    keyword: str
    why: str
    pattern: str | None = None


PIXELS = "to decode the pixels"
GREY = "to interpret grey values"
GEOMETRY = "sizes and positions in mm"
SHOWN = "what is shown and how"

#: Elements whose values stay, if they have the form given here.
KEPT: tuple[Kept, ...] = (
    Kept("SamplesPerPixel", PIXELS),
    Kept("PhotometricInterpretation", PIXELS, "MONOCHROME1|MONOCHROME2|RGB"),
    Kept("PlanarConfiguration", PIXELS),
    Kept("Rows", PIXELS),
    Kept("Columns", PIXELS),
    Kept("BitsAllocated", PIXELS),
    Kept("BitsStored", PIXELS),
    Kept("HighBit", PIXELS),
    Kept("PixelRepresentation", PIXELS),
    Kept("PixelIntensityRelationship", GREY, "LIN|LOG|DISP"),
    Kept("PixelIntensityRelationshipSign", GREY),
    Kept("RescaleIntercept", GREY),
    Kept("RescaleSlope", GREY),
    Kept("RescaleType", GREY, "US|HU|OD|HU_MOD|PCT|MGML|Z_EFF|ED|EDW|UNSPECIFIED"),
    Kept("WindowCenter", GREY),
    Kept("WindowWidth", GREY),
    Kept("VOILUTFunction", GREY, "LINEAR|LINEAR_EXACT|SIGMOID"),
    Kept("PresentationLUTShape", GREY, "IDENTITY|INVERSE"),
    Kept("LossyImageCompression", GREY, "00|01"),
    Kept("LossyImageCompressionRatio", GREY),
    Kept("LossyImageCompressionMethod", GREY, "ISO_10918_1|ISO_14495_1|ISO_15444_1|ISO_13818_2|ISO_14496_10"),
    Kept("PixelSpacing", GEOMETRY),
    Kept("ImagerPixelSpacing", GEOMETRY),
    Kept("PixelSpacingCalibrationType", GEOMETRY, "GEOMETRY|FIDUCIAL"),
    Kept("EstimatedRadiographicMagnificationFactor", GEOMETRY),
    Kept("SliceThickness", GEOMETRY),
    Kept("SpacingBetweenSlices", GEOMETRY),
    Kept("ImagePositionPatient", GEOMETRY),
    Kept("ImageOrientationPatient", GEOMETRY),
    Kept("SOPClassUID", SHOWN, r"[0-9.]{1,64}"),
    Kept("ImageType", SHOWN, "ORIGINAL|DERIVED|PRIMARY|SECONDARY|AXIAL|LOCALIZER|"),
    Kept("Modality", SHOWN, "[A-Z]{2,4}"),
    Kept("ConversionType", SHOWN, "DV|DI|DF|WSD|SD|SI|DRW|SYN"),
    Kept("PresentationIntentType", SHOWN, "FOR PRESENTATION|FOR PROCESSING"),
    Kept("BodyPartExamined", SHOWN, BODY_PARTS),
    Kept("ViewPosition", SHOWN, "AP|PA|LL|RL|RLD|LLD|RLO|LLO|CC|MLO|ML|LM|LMO|XCCL|XCCM|FB|SIO"),
    Kept("PatientOrientation", SHOWN, "[AFHLPR]{1,3}"),
    Kept("Laterality", SHOWN, "L|R"),
    Kept("ImageLaterality", SHOWN, "L|R|U|B"),
    Kept("BurnedInAnnotation", SHOWN, "NO"),
)

#: Identifiers replaced by ones derived from the pixels' digests.
REPLACED_UIDS = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "FrameOfReferenceUID")

#: Numbers replaced by the place in the study, from 1.
RENUMBERED = ("SeriesNumber", "InstanceNumber")

#: Elements that the standard wants present and that are left empty.
EMPTIED = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyDate",
    "StudyTime",
    "AccessionNumber",
    "ReferringPhysicianName",
    "StudyID",
    "Manufacturer",
)

#: Holds one code out of `REGIONS`, or nothing.
REGION = "AnatomicRegionSequence"

#: Left empty in digital radiographs besides, where the standard wants them present.
EMPTIED_IN_RADIOGRAPHS = ("DetectorType", "PositionerType", "AcquisitionContextSequence", REGION)

#: Left empty in other images, where they are not known: the standard wants them present.
EMPTIED_IN_OTHERS = ("Laterality", "PatientOrientation")

#: Elements that a challenge may name in `headers`; nothing else can be named.
NAMEABLE = (
    "PatientSex",
    "PatientAge",
    "PatientSize",
    "PatientWeight",
    "Manufacturer",
    "ManufacturerModelName",
    "InstitutionName",
    "KVP",
    "Exposure",
    "ExposureTime",
    "XRayTubeCurrent",
    "DistanceSourceToDetector",
    "DistanceSourceToPatient",
    "DetectorType",
    "ConvolutionKernel",
    "MagneticFieldStrength",
    "RepetitionTime",
    "EchoTime",
)

#: DX Image Storage, for presentation and for processing; MG Image Storage, likewise.
RADIOGRAPH_CLASSES = frozenset(
    {
        "1.2.840.10008.5.1.4.1.1.1.1",
        "1.2.840.10008.5.1.4.1.1.1.1.1",
        "1.2.840.10008.5.1.4.1.1.1.2",
        "1.2.840.10008.5.1.4.1.1.1.2.1",
    }
)

_STRING_NUMBERS = frozenset({"DS", "IS"})
_TEXTS = frozenset({"LO", "SH", "CS", "AS"})


def check_headers(headers: Collection[str]) -> None:
    """Refuse keywords in a challenge's `headers` that may not be named.

    Raises:
        InvalidBundle: A keyword is not in `NAMEABLE`.
    """
    for keyword in headers:
        if keyword not in NAMEABLE:
            raise InvalidBundle(
                file="challenge.yaml",
                key="headers",
                reason="containers may not see this element",
                value=keyword,
                allowed=", ".join(NAMEABLE),
            )


def visible_keywords(headers: Collection[str] = ()) -> frozenset[str]:
    """Return every keyword that may stand in a stripped file, empty ones included."""
    kept = {element.keyword for element in KEPT}
    return frozenset(
        kept
        | set(REPLACED_UIDS)
        | set(RENUMBERED)
        | set(EMPTIED)
        | set(EMPTIED_IN_RADIOGRAPHS)
        | set(headers)
        | {"PixelData", REGION, "SpecificCharacterSet"}
    )


def strip(source: Dataset, headers: Collection[str] = ()) -> Dataset:
    """Return a new dataset with the published elements only, without pixels, identifiers and numbers.

    Args:
        source: A dataset as read; it is not changed.
        headers: Keywords out of `NAMEABLE` whose values stay besides.
    """
    result = Dataset()
    radiograph = str(source.get("SOPClassUID")) in RADIOGRAPH_CLASSES
    for keyword in (*EMPTIED, *(EMPTIED_IN_RADIOGRAPHS if radiograph else EMPTIED_IN_OTHERS)):
        result.add_new(Tag(keyword), dictionary_VR(keyword), [] if dictionary_VR(keyword) == "SQ" else None)
    for element in KEPT:
        if element.keyword in source:
            _put(result, element.keyword, _matching(source[element.keyword].value, element.pattern))
    _put_region(result, source)
    for keyword in headers:
        if keyword in source:
            pattern = r"[^\x00-\x1f]{0,64}" if dictionary_VR(keyword) in _TEXTS else None
            _put(result, keyword, _matching(source[keyword].value, pattern))
    if any(not str(result[keyword].value or "").isascii() for keyword in headers if keyword in result):
        result.SpecificCharacterSet = "ISO_IR 192"
    return result


def _matching(value: object, pattern: str | None) -> list[str | float]:
    """Return the leading values that have the form; the first that has not ends them, lest positions shift."""
    values: Iterable[object] = value if isinstance(value, MultiValue | list) else [value]
    kept: list[str | float] = []
    for item in values:
        if pattern is None:
            if item is None or isinstance(item, str | bytes) or not math.isfinite(float(item)):  # type: ignore[arg-type]
                break
            kept.append(item)  # type: ignore[arg-type]
        else:
            if not re.fullmatch(pattern, str(item or "")):
                break
            kept.append(str(item or ""))
    return kept


def _put(result: Dataset, keyword: str, values: Sequence[str | float]) -> None:
    if not values or all(value == "" for value in values):
        return
    vr = dictionary_VR(keyword)
    plain = [str(value) if vr in _STRING_NUMBERS else value for value in values]
    result.add_new(Tag(keyword), vr, plain[0] if len(plain) == 1 else plain)


def _put_region(result: Dataset, source: Dataset) -> None:
    for item in source.get(REGION) or []:
        code = (str(item.get("CodingSchemeDesignator", "")), str(item.get("CodeValue", "")))
        if code in REGIONS:
            region = Dataset()
            region.CodeValue, region.CodingSchemeDesignator, region.CodeMeaning = code[1], code[0], REGIONS[code]
            result.AnatomicRegionSequence = [region]
            return


def markdown_table() -> str:
    """Return the table of docs/headers.md."""
    rows = ["| tag | element | a container sees | for |", "|---|---|---|---|"]
    rows += [_row(e.keyword, _form(e.pattern), e.why) for e in KEPT]
    rows.append(_row(REGION, "one code of: " + ", ".join(sorted(set(REGIONS.values()))), SHOWN))
    rows.append(_row("PixelData", "the pixels; bits above BitsStored cleared", "the study itself"))
    rows += [_row(keyword, "derived from the pixels' digests", "links within the study") for keyword in REPLACED_UIDS]
    rows += [_row(keyword, "the place in the study, from 1", "order within the study") for keyword in RENUMBERED]
    rows += [_row(keyword, "present, empty", "validity of the file") for keyword in EMPTIED]
    rows += [
        _row(keyword, "present, empty (DX, MG)", "validity of the file")
        for keyword in EMPTIED_IN_RADIOGRAPHS
        if keyword != REGION
    ]
    return "\n".join(rows) + "\n"


def nameable_table() -> str:
    """Return the table of what a challenge may name, for docs/headers.md."""
    rows = ["| tag | element |", "|---|---|"]
    rows += [f"| {_tag(keyword)} | {keyword} |" for keyword in NAMEABLE]
    return "\n".join(rows) + "\n"


def _form(pattern: str | None) -> str:
    if pattern is None:
        return "the value, a number"
    if re.fullmatch(r"[A-Z0-9_ |]+", pattern):
        return "the value, out of " + ", ".join(filter(None, pattern.split("|")))
    return f"the value, of the form `{pattern}`"


def _row(keyword: str, seen: str, why: str) -> str:
    return f"| {_tag(keyword)} | {keyword} | {seen} | {why} |"


def _tag(keyword: str) -> str:
    number = tag_for_keyword(keyword)
    if number is None:
        raise ValueError(keyword)
    tag = Tag(number)
    return f"({tag.group:04X},{tag.element:04X})"
