"""How much an image archive may hold, and how much room submitted archives may take."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

MIB = 2**20
_STEP = 1024


@dataclass(frozen=True, slots=True)
class ImageCaps:
    """How much an archive may hold; a layer's bytes are counted uncompressed, its members as inodes.

    `ratio` bounds what a compressed layer may unpack to, and all of them together, as a multiple of their stored bytes,
    beyond `ratio_from_bytes`: programs and weights reach 2 to 10, a bomb 1,000.
    """

    archive_bytes: int = 20 * 2**30
    image_bytes: int = 20 * 2**30
    layer_bytes: int = 20 * 2**30
    ratio: int = 100
    ratio_from_bytes: int = 64 * MIB
    files: int = 300_000
    members: int = 4_000
    layers: int = 125
    header_bytes: int = 32 * MIB
    json_bytes: int = 4 * MIB
    environment_bytes: int = 64 * 2**10
    label_bytes: int = 256 * 2**10
    command_bytes: int = 64 * 2**10
    volumes: int = 32

    def unpacked_bytes(self, stored_bytes: int) -> int:
        """Return what compressed layers of so many stored bytes may unpack to."""
        return min(self.layer_bytes, max(self.ratio_from_bytes, self.ratio * stored_bytes))


def caps_of(image_mib: int, image_files: int) -> ImageCaps:
    """Return the caps of a host that takes images of up to so many MiB and so many files."""
    size = image_mib * MIB
    return ImageCaps(archive_bytes=size, image_bytes=size, layer_bytes=size, files=image_files)


def shown_bytes(size: int) -> str:
    """Return a size as people read it, to three digits."""
    if size < _STEP:
        return f"{size} bytes"
    value, unit = float(size), "bytes"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        value, unit = value / _STEP, larger
        if value < _STEP:
            break
    digits = max(0, 2 - math.floor(math.log10(value)))
    return f"{value:.{digits}f} {unit}"


def nearest_folder(path: Path) -> Path:
    """Return the path itself, or the nearest folder above it that exists: its file system is the one it will be on."""
    while not path.exists():
        path = path.parent
    return path
