"""The images that runs leave in the engine, `arena-submission:<id>`: which they are, and taking one down.

An image is put there by `Engine.ensure_image` and can be loaded again from its archive, so that taking one down costs
time and never a result. One that a container uses stays: the engine refuses to remove it.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from runners.archived import is_kept_name
from runners.asking import asking
from runners.connection import Connection
from runners.faults import EngineRefused, NoRoomForImage

_NOT_FOUND = 404
_CONFLICT = 409
_FIRST_YEAR = 1970
_MIB = 1 << 20
_COPIES = 2
"""How often an image lies on the engine's disk while it is loaded: unpacked, and as the archive it is taken from."""


@dataclass(frozen=True, slots=True)
class KeptImage:
    """An image of the shelf. `size_bytes` counts layers that it shares with others; `loaded_at` may not be known."""

    image_id: str
    name: str
    size_bytes: int
    loaded_at: datetime | None


class Shelf(Connection):
    """The submitted images of one engine."""

    def kept(self) -> list[KeptImage]:
        """Return the images that stand there, in order of their names.

        Raises:
            EngineUnavailable: The engine does not answer.
        """
        with asking("list images"):
            found = self._api.images()
        images = [
            KeptImage(str(each["Id"]), tag, int(each["Size"]), self._loaded_at(str(each["Id"])))
            for each in found
            for tag in each.get("RepoTags") or ()
            if is_kept_name(tag, str(each["Id"]))
        ]
        return sorted(images, key=lambda image: image.name)

    def take_down(self, image: KeptImage) -> bool:
        """Remove an image's name, and its layers where nothing else needs them; False if a container uses it.

        Whatever else the image is called stays, and so does any image that it was built on.
        """
        try:
            with asking("remove an image"):
                self._api.remove_image(image.name, noprune=True)
        except EngineRefused as refused:
            if refused.status == _CONFLICT:
                return False
            if refused.status != _NOT_FOUND:
                raise
        return True

    def require_free(self, size_bytes: int, free_bytes: int) -> None:
        """Make sure that the engine's disk has room to load an image of that size, and some more.

        An engine whose folder is not seen from here, as in a container of its own, is taken at its word when it fails.

        Raises:
            NoRoomForImage: It has not.
        """
        with asking("tell its folder"):
            root = Path(str(self._api.info().get("DockerRootDir") or "/nowhere"))
        if not root.is_dir():
            return
        left, needed = shutil.disk_usage(root).free, _COPIES * size_bytes + free_bytes
        if left < needed:
            msg = (
                f"The engine's disk has {left // _MIB} MiB free; to load an image of {size_bytes // _MIB} MiB takes "
                f"{needed // _MIB} MiB with the {free_bytes // _MIB} MiB that must stay free (ARENA_FREE_MIB): free "
                f"some of the disk under {root}"
            )
            raise NoRoomForImage(msg, may_pass=True)

    def _loaded_at(self, image_id: str) -> datetime | None:
        try:
            with asking("inspect an image"):
                facts = self._api.inspect_image(image_id)
        except EngineRefused as refused:
            if refused.status == _NOT_FOUND:  # it went between two questions
                return None
            raise
        return _moment((facts.get("Metadata") or {}).get("LastTagTime"))


def _moment(text: Any) -> datetime | None:
    """Read an engine's time; one of the year 1 says that there is none."""
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return moment.astimezone(UTC) if moment.year >= _FIRST_YEAR else None
