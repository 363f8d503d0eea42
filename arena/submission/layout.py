"""Which configuration and which layers an archive's own table of contents names: Docker's form, or an OCI layout's.

Sources of the forms: Docker's image specification 1.2 (manifest.json), the OCI image layout and image manifest
specifications 1.0 and 1.1 (oci-layout, index.json, blobs/). Where an archive has both, as newer engines save it, the
first counts. Nothing is ever fetched: a layer that stands there only as an address is one that it does not hold.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Any, NoReturn

from pydantic import Field

from arena.errors import ArchiveAltered, ArchiveUnreadable, ArchiveUnsupported
from arena.submission.archive import SAVE, Archive
from arena.submission.configuration import Foreign, parsed

_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")
_ATTESTATION = "vnd.docker.reference.type"
_NESTED = 3
_MANIFESTS = frozenset(
    {"application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json"}
)
_INDEXES = frozenset(
    {"application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json"}
)


@dataclass(frozen=True, slots=True)
class Contents:
    """The names of an image's parts in its archive, and the configuration's bytes, whose digest is right."""

    config: bytes
    layers: tuple[str, ...]

    @property
    def image_id(self) -> str:
        """`sha256:` and the digest of the configuration."""
        return f"sha256:{hashlib.sha256(self.config).hexdigest()}"


class _Saved(Foreign):
    config: str = Field(alias="Config", min_length=1, max_length=400)
    layers: list[str] = Field(alias="Layers")


class _SavedList(Foreign):
    images: list[_Saved]


class _Platform(Foreign):
    architecture: str = ""
    os: str = ""


class _Descriptor(Foreign):
    media_type: str = Field(default="", alias="mediaType", max_length=200)
    digest: str = Field(max_length=200)
    size: int = Field(ge=0, lt=2**63)
    annotations: dict[str, str] | None = None
    platform: _Platform | None = None


class _Index(Foreign):
    manifests: list[_Descriptor]


class _Manifest(Foreign):
    config: _Descriptor
    layers: list[_Descriptor]


def read_contents(archive: Archive) -> Contents:
    """Find the one image of an archive.

    Raises:
        MalformedSubmission: There is none, or more than one, or a part of it is missing or altered.
    """
    if "manifest.json" in archive:
        return _from_docker(archive)
    if "index.json" not in archive or "oci-layout" not in archive:
        _unsupported("it has no manifest.json and no OCI layout")
    return _from_layout(archive)


def _from_docker(archive: Archive) -> Contents:
    content = archive.document("manifest.json", "a manifest")
    wrapped = b'{"images":' + content + b"}"
    images = parsed(_SavedList, wrapped, "its manifest.json").images
    if len(images) != 1:
        _unsupported(f"it holds {len(images)} images")
    found = images[0]
    config = archive.document(found.config, "a configuration")
    claimed = re.fullmatch(r"(?:blobs/sha256/)?([0-9a-f]{64})(?:\.json)?", found.config)
    if claimed is not None:
        _verify(config, claimed[1], "its configuration")
    return Contents(config, tuple(found.layers))


def _from_layout(archive: Archive) -> Contents:
    index = parsed(_Index, archive.document("index.json", "an index"), "its index.json")
    for _ in range(_NESTED):
        descriptor = _the_one(index)
        if descriptor.media_type not in _INDEXES:
            break
        index = parsed(_Index, _blob(archive, descriptor, "an index"), "its index")
    if descriptor.media_type not in _MANIFESTS:
        _unsupported(f"its index names {descriptor.media_type[:80]!a}, no image's manifest")
    manifest = parsed(_Manifest, _blob(archive, descriptor, "a manifest"), "its manifest")
    config = _blob(archive, manifest.config, "a configuration")
    for number, layer in enumerate(manifest.layers, start=1):
        if layer.media_type.endswith("+zstd"):
            _unsupported(f"layer {number} is compressed with zstd, which not every engine loads")
        if layer.media_type.endswith("+encrypted"):
            _unsupported(f"layer {number} is encrypted")
        if archive.part(_name(layer), f"layer {number}").size != layer.size:
            reason = f"layer {number} has another size than its manifest says"
            raise ArchiveAltered(reason=reason, next_step=SAVE)
    return Contents(config, tuple(_name(layer) for layer in manifest.layers))


def _the_one(index: Any) -> _Descriptor:
    """Return the one image of an index; what attests something about an image is none."""
    images = [each for each in index.manifests if _ATTESTATION not in (each.annotations or {})]
    if len(images) > 1:
        fitting = {each.digest: each for each in images if _is_amd64(each)}
        images = list(fitting.values()) or images
    if len(images) != 1:
        _unsupported(f"it holds {len(images)} images")
    found: _Descriptor = images[0]
    return found


def _is_amd64(descriptor: _Descriptor) -> bool:
    platform = descriptor.platform
    return platform is not None and (platform.os, platform.architecture) == ("linux", "amd64")


def _blob(archive: Archive, descriptor: _Descriptor, what: str) -> bytes:
    content = archive.document(_name(descriptor), what)
    _verify(content, _name(descriptor).rpartition("/")[2], what)
    return content


def _name(descriptor: _Descriptor) -> str:
    found = _DIGEST.fullmatch(descriptor.digest)
    if found is None:
        reason = f"it names a digest that is no SHA-256 ({descriptor.digest[:40]!a})"
        raise ArchiveUnreadable(reason=reason, next_step=SAVE)
    return f"blobs/sha256/{found[1]}"


def _verify(content: bytes, claimed: str, what: str) -> None:
    digest = hashlib.sha256(content).hexdigest()
    if digest != claimed:
        reason = f"{what} has digest {digest[:12]}…, its name says {claimed[:12]}…"
        raise ArchiveAltered(reason=reason, next_step=f"Copy it again whole. {SAVE}")


def _unsupported(reason: str) -> NoReturn:
    raise ArchiveUnsupported(reason=reason, next_step=SAVE)
