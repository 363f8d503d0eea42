"""An image archive, looked into without extracting or loading it, and written anew without what we did not ask for.

An archive is hostile. `archive` reads it as named parts, `layout` finds the one image among them, `configuration` and
`layers` say what an image may be. What is kept is a new archive of the checked configuration and layers alone: its tags
are gone (a tag such as `base:1` would otherwise replace another image of that name in the engine), and equal images
give equal bytes whichever tool saved them.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from arena.errors import ArchiveAltered, ArchiveUnreadable, ImageTooLarge
from arena.submission.archive import SAVE, Archive, Part, layer_chunks, require_file
from arena.submission.caps import ImageCaps
from arena.submission.configuration import Configuration, read_configuration, warnings_about
from arena.submission.layers import LayerCheck
from arena.submission.layout import Contents, read_contents
from arena.submission.mountpoints import MountPoints

__all__ = ["ImageCaps", "ImageFacts", "Layer", "inspect_image", "write_clean"]


@dataclass(frozen=True, slots=True)
class Layer:
    """Where a layer lies in the archive; `diff_id` and `size_bytes` are those of the uncompressed layer."""

    diff_id: str
    size_bytes: int
    offset: int
    stored_bytes: int
    is_gzip: bool


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """A checked image. `image_id` is `sha256:` and the digest of its configuration, which is kept as it came.

    `files` counts the layers' members, `privileged` those of them that are setuid, setgid or have capabilities, which
    count for nothing in the sandbox. `warnings` are sentences for the vendor.
    """

    image_id: str
    config: bytes
    layers: tuple[Layer, ...]
    files: int = 0
    privileged: int = 0
    warnings: tuple[str, ...] = ()

    @property
    def clean_bytes(self) -> int:
        """How large the clean archive will be, to a megabyte."""
        layers = {layer.diff_id: layer.size_bytes for layer in self.layers}
        return sum(layers.values()) + len(self.config) + 2**20


def inspect_image(path: Path, caps: ImageCaps | None = None) -> ImageFacts:
    """Check an archive, as `docker save` or an OCI layout has it, and return what it holds; each byte is read once.

    Checked are its size and form, that it holds one image, that every digest is right, linux/amd64, that there is
    something to start, that no setting is odd, every member of every layer, and what lies where the sandbox mounts.

    Raises:
        MalformedSubmission: Any of it is not so; the class says what kind of fault it is, the message what to do.
    """
    caps = caps or ImageCaps()
    require_file(path, caps)
    with path.open("rb") as stream:
        archive = Archive(stream, caps)
        contents = read_contents(archive)
        config = read_configuration(contents.config, caps)
        check = LayerCheck(caps, MountPoints(config.config.volumes or ()))
        layers = _layers(stream, archive, contents, config, check)
        check.points.refuse()
    return ImageFacts(contents.image_id, contents.config, layers, check.files, check.privileged, warnings_about(config))


def _layers(
    stream: BinaryIO, archive: Archive, contents: Contents, config: Configuration, check: LayerCheck
) -> tuple[Layer, ...]:
    names, claims, most = contents.layers, config.rootfs.diff_ids, check.caps.layers
    if len(names) > most:
        reason = f"it has {len(names)} layers; 1 to {most} are run"
        raise ImageTooLarge(reason=reason, next_step="Join RUN and COPY lines, or build with `--squash`.")
    if not names or len(names) != len(claims):
        reason = f"it has {len(names)} layers and names {len(claims)}; 1 to {most}, as named, are run"
        raise ArchiveUnreadable(reason=reason, next_step=SAVE)
    found: list[Layer] = []
    parts = [archive.part(name, f"layer {number}") for number, name in enumerate(names, start=1)]
    packed = {part for number, part in enumerate(parts, start=1) if archive.is_gzip(part, number)}
    left = check.caps.unpacked_bytes(sum(part.size for part in packed))
    for number, (part, claim) in enumerate(zip(parts, claims, strict=True), start=1):
        is_gzip = part in packed
        cap = min(check.caps.unpacked_bytes(part.size), left) if is_gzip else check.caps.layer_bytes
        digest, size = check.check(number, layer_chunks(stream, part, is_gzip=is_gzip), cap)
        left -= size if is_gzip else 0
        if f"sha256:{digest}" != claim:
            reason = f"layer {number} does not have the digest that the configuration names"
            raise ArchiveAltered(reason=reason, next_step=f"Copy it again whole. {SAVE}")
        found.append(Layer(digest, size, part.offset, part.size, is_gzip))
    return tuple(found)


def write_clean(path: Path, facts: ImageFacts, to: Path) -> None:
    """Write the checked image as a new archive: configuration, uncompressed layers, a manifest without tags.

    Raises:
        ArchiveAltered: The archive has changed since it was inspected.
    """
    config_name = f"{facts.image_id.removeprefix('sha256:')}.json"
    names = [f"{layer.diff_id}.tar" for layer in facts.layers]
    manifest = json.dumps([{"Config": config_name, "RepoTags": None, "Layers": names}]).encode()
    with path.open("rb") as stream, tarfile.open(to, "w", format=tarfile.GNU_FORMAT) as archive:
        _add(archive, config_name, len(facts.config), io.BytesIO(facts.config))
        for diff_id, layer in {layer.diff_id: layer for layer in facts.layers}.items():
            part = Part(layer.offset, layer.stored_bytes)
            content = _Chunks(layer_chunks(stream, part, is_gzip=layer.is_gzip))
            try:
                _add(archive, f"{diff_id}.tar", layer.size_bytes, content)
            except (OSError, ArchiveUnreadable) as error:
                if isinstance(error, OSError) and not content.ended:
                    raise
                raise _changed() from error
            if content.digest.hexdigest() != diff_id:
                raise _changed()
        _add(archive, "manifest.json", len(manifest), io.BytesIO(manifest))


def _changed() -> ArchiveAltered:
    step = "Submit it again, and do not write to it meanwhile."
    return ArchiveAltered(reason="it changed while it was read", next_step=step)


def _add(archive: tarfile.TarFile, name: str, size: int, content: io.RawIOBase | io.BytesIO) -> None:
    member = tarfile.TarInfo(name)
    member.size = size
    archive.addfile(member, content)


class _Chunks(io.RawIOBase):
    """Chunks as a file, which is what tarfile copies from; `digest` is that of what has been read."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        super().__init__()
        self._chunks, self._rest = chunks, b""
        self.digest = hashlib.sha256()
        self.ended = False

    def read(self, size: int = -1) -> bytes:
        while len(self._rest) < size and not self.ended:
            chunk = next(self._chunks, b"")
            self.ended = not chunk
            self._rest += chunk
        part, self._rest = self._rest[:size], self._rest[size:]
        self.digest.update(part)
        return part
