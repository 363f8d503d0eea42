"""Whether the disk has room for one more archive; asked before anything is written.

An archive that is stored already counts as if it were not: otherwise a full host would accept only what somebody has
handed in before, and so tell one vendor what another has.
"""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from arena.blobs import BlobStore
from arena.errors import StorageFull
from arena.submission.caps import nearest_folder, shown_bytes

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@dataclass(frozen=True, slots=True)
class Room:
    """How much all stored archives may take together, and how much of a disk has to stay free."""

    budget_bytes: int
    free_bytes: int


def require_room(images: BlobStore, room: Room, size_bytes: int, scratch: Path) -> None:
    """Make sure that an archive of this size may be written, first to `scratch` and then to its place.

    Raises:
        StorageFull: The archives would exceed their budget, or the disk would be left with too little.
    """
    used = sum(file.size_bytes for file in images.stored())
    if used + size_bytes > room.budget_bytes:
        raise StorageFull(
            reason=f"{shown_bytes(used)} of archives are stored and it has {shown_bytes(size_bytes)}; the limit for "
            f"all is {shown_bytes(room.budget_bytes)} (ARENA_ARCHIVES_MIB; `arena images` lists them)"
        )
    folders = [nearest_folder(scratch)]
    if images.is_local:
        folders.append(nearest_folder(Path(images.root)))
    devices = [folder.stat().st_dev for folder in folders]
    for folder, device in zip(folders, devices, strict=True):
        left = shutil.disk_usage(folder).free - size_bytes * devices.count(device)
        if left < room.free_bytes:
            raise StorageFull(
                reason=f"storing its {shown_bytes(size_bytes)} would leave {shown_bytes(max(left, 0))} of the disk, "
                f"less than {shown_bytes(room.free_bytes)} (ARENA_FREE_MIB)"
            )


@contextmanager
def writing(size_bytes: int) -> Iterator[None]:
    """Turn a disk that fills up while an archive is written into our own error.

    Raises:
        StorageFull: It did.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        reason = f"the disk filled up while its {shown_bytes(size_bytes)} were written"
        raise StorageFull(reason=reason) from error
