"""A JPEG or PNG picture of a radiograph → a valid DICOM image of 8-bit grey values, modality DX.

Collections of radiographs are often published as pictures. What the picture's file says of itself (EXIF, comments,
colour profile) is not read. The storage class is secondary capture: DX Image Storage wants the detector's pixel
spacing, which a picture does not tell, and a spacing that nobody measured would mislead an algorithm.
"""

from __future__ import annotations

import warnings
from io import BytesIO

from PIL import Image, UnidentifiedImageError
from pydicom.dataset import Dataset
from pydicom.uid import SecondaryCaptureImageStorage

from arena.errors import InvalidStudy
from arena.vault.dicom import MAX_PIXEL_BYTES, refusal

_SIGNATURES = {b"\xff\xd8\xff": "JPEG", b"\x89PNG\r\n\x1a\n": "PNG"}
_MODES = ("L", "RGB")


def picture_kind(content: bytes) -> str | None:
    """Return JPEG or PNG by the bytes' first mark, never by a file's name; None if they are neither."""
    return next((kind for mark, kind in _SIGNATURES.items() if content.startswith(mark)), None)


def read_picture(content: bytes, file: str) -> Dataset:
    """Return a picture as a DICOM image.

    Args:
        content: The file's bytes.
        file: How messages name it.

    Raises:
        InvalidStudy: It cannot be decoded whole, is too large, or has other than 8-bit grey or RGB values.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(BytesIO(content), formats=("JPEG", "PNG")) as picture:
                return captured_image(*_grey(picture, file), lossy=picture.format == "JPEG")
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise refusal(file, "it declares far too many pixels", "Check the file.") from error
    except InvalidStudy:
        raise
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise refusal(file, "it is a damaged or truncated picture", "Copy it again from its source.") from error


def _grey(picture: Image.Image, file: str) -> tuple[bytes, int, int]:
    columns, rows = picture.size
    if rows < 1 or columns < 1 or rows * columns > MAX_PIXEL_BYTES:
        raise refusal(file, f"it has {rows} × {columns} pixels; the limit is {MAX_PIXEL_BYTES}", "Check the file.")
    if picture.mode not in _MODES:
        modes = "8-bit grey (L) and RGB are accepted"
        raise refusal(file, f"its pixels have mode {picture.mode}; {modes}", "Convert it, or give DICOM.")
    return picture.convert("L").tobytes(), rows, columns


def captured_image(pixels: bytes, rows: int, columns: int, *, lossy: bool) -> Dataset:
    """Return a secondary capture image of 8-bit grey values, modality DX.

    Args:
        pixels: rows × columns bytes, 0 black, 255 white.
        rows: Rows of the image.
        columns: Columns of the image.
        lossy: Whether the picture is known to have been compressed with loss.
    """
    dataset = Dataset()
    dataset.SOPClassUID = SecondaryCaptureImageStorage
    dataset.ImageType = ["DERIVED", "PRIMARY"]
    dataset.Modality = "DX"
    dataset.ConversionType = "WSD"
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.Rows, dataset.Columns = rows, columns
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 8, 8, 7
    dataset.PixelRepresentation = 0
    dataset.WindowCenter, dataset.WindowWidth = "128", "256"
    if lossy:
        dataset.LossyImageCompression = "01"
    dataset.PixelData = pixels
    return dataset
