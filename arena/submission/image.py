"""An image archive, looked into without extracting or loading it, and written anew without what we did not ask for.

An archive is hostile: it is read by seeking in it, with caps on headers, members and bytes; nothing in it is followed,
and no name in it becomes a path here. What is kept is a new archive of the checked configuration and layers alone: its
tags are gone (a tag such as `base:1` would otherwise replace another image of that name in the engine), and equal
images give equal bytes whichever tool saved them. A layer's own files are unpacked by the engine alone.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import posixpath
import re
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NoReturn, TypeVar, cast

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from arena.errors import MalformedSubmission

_T = TypeVar("_T")

SAVE = "Save one image with `docker save IMAGE -o FILE`, or `podman save --format docker-archive`."
REBUILD = "Mend the Dockerfile, build the image again and save it with `docker save`."


@dataclass(frozen=True, slots=True)
class ImageCaps:
    """How much an archive may hold; the layers' bytes are counted uncompressed."""

    archive_bytes: int = 32 * 2**30
    layer_bytes: int = 32 * 2**30
    members: int = 4_000
    layers: int = 125
    header_bytes: int = 32 * 2**20
    json_bytes: int = 4 * 2**20
    environment_bytes: int = 64 * 2**10
    label_bytes: int = 256 * 2**10


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
    """A checked image. `image_id` is `sha256:` and the digest of its configuration, which is kept as it came."""

    image_id: str
    config: bytes
    layers: tuple[Layer, ...]


class _Foreign(BaseModel):
    """What others wrote: only the keys that are needed, of the right types."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)


class _Manifest(_Foreign):
    config: str = Field(alias="Config", min_length=1, max_length=400)
    layers: list[str] = Field(alias="Layers")


class _Runtime(_Foreign):
    entrypoint: list[str] | None = Field(default=None, alias="Entrypoint")
    cmd: list[str] | None = Field(default=None, alias="Cmd")
    env: list[str] | None = Field(default=None, alias="Env")
    labels: dict[str, str] | None = Field(default=None, alias="Labels")
    working_dir: str | None = Field(default=None, alias="WorkingDir")


class _RootFs(_Foreign):
    diff_ids: list[str]


class _Config(_Foreign):
    architecture: str
    os: str
    config: _Runtime
    rootfs: _RootFs


def inspect_image(path: Path, caps: ImageCaps | None = None) -> ImageFacts:
    """Check an archive as `docker save` writes it and return what it holds.

    Checked are its size and form, that it holds one image, that the configuration has the digest its name claims, that
    every layer has the digest the configuration claims, linux/amd64, and that there is something to start.

    Raises:
        MalformedSubmission: Any of it is not so; the message says what to do.
    """
    caps = caps or ImageCaps()
    if not path.is_file():
        _refuse("there is no such file" if not path.exists() else "it is not a file", SAVE)
    if path.stat().st_size > caps.archive_bytes:
        _refuse(f"it has {path.stat().st_size} bytes, more than {caps.archive_bytes}", "Make the image smaller.")
    with path.open("rb") as stream:
        members = _members(stream, caps)
        manifest = _manifest(stream, members, caps)
        config_bytes = _json_member(stream, members, manifest.config, caps)
        digest = hashlib.sha256(config_bytes).hexdigest()
        claimed = re.fullmatch(r"(?:blobs/sha256/)?([0-9a-f]{64})(?:\.json)?", manifest.config)
        if claimed is not None and claimed[1] != digest:
            _refuse(f"its configuration has digest {digest[:12]}…, its name says {claimed[1][:12]}…", SAVE)
        config = _parse(TypeAdapter(_Config), config_bytes, "its configuration")
        _check_config(config, caps)
        layers = _layers(stream, members, manifest, config, caps)
    return ImageFacts(f"sha256:{digest}", config_bytes, layers)


def write_clean(path: Path, facts: ImageFacts, to: Path) -> None:
    """Write the checked image as a new archive: configuration, uncompressed layers, a manifest without tags.

    Raises:
        MalformedSubmission: The archive has changed since it was inspected.
    """
    config_name = f"{facts.image_id.removeprefix('sha256:')}.json"
    names = [f"{layer.diff_id}.tar" for layer in facts.layers]
    manifest = json.dumps([{"Config": config_name, "RepoTags": None, "Layers": names}]).encode()
    with path.open("rb") as stream, tarfile.open(to, "w", format=tarfile.GNU_FORMAT) as archive:
        _add(archive, config_name, len(facts.config), io.BytesIO(facts.config))
        for diff_id, layer in {layer.diff_id: layer for layer in facts.layers}.items():
            content = _Chunks(_layer_chunks(stream, layer.offset, layer.stored_bytes, is_gzip=layer.is_gzip))
            try:
                _add(archive, f"{diff_id}.tar", layer.size_bytes, content)
            except OSError as error:
                if not content.ended:
                    raise
                raise _refusal(*_CHANGED) from error
            if content.digest.hexdigest() != diff_id:
                _refuse(*_CHANGED)
        _add(archive, "manifest.json", len(manifest), io.BytesIO(manifest))


_CHANGED = ("it changed while it was read", "Submit it again, and do not write to it meanwhile.")


def _add(archive: tarfile.TarFile, name: str, size: int, content: io.RawIOBase | io.BytesIO) -> None:
    member = tarfile.TarInfo(name)
    member.size = size
    archive.addfile(member, content)


class _Bounded:
    """The archive as tarfile may read it: headers only, and not many. A header may claim any size for a name."""

    def __init__(self, stream: BinaryIO, budget: int) -> None:
        self._stream = stream
        self._left = budget

    def read(self, size: int = -1) -> bytes:
        self._left -= size
        if size < 0 or self._left < 0:
            _refuse("its headers are larger than any image's", SAVE)
        return self._stream.read(size)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()


def _members(stream: BinaryIO, caps: ImageCaps) -> dict[str, tarfile.TarInfo]:
    """Return the archive's regular files by name, and its links between layers resolved to them."""
    start = stream.read(4)
    stream.seek(0)
    if start[:2] == b"\x1f\x8b":
        _refuse("it is compressed", "Unpack it first: `gunzip FILE`.")
    files: dict[str, tarfile.TarInfo] = {}
    links: dict[str, str] = {}
    try:
        headers = cast("BinaryIO", _Bounded(stream, caps.header_bytes))
        with tarfile.open(fileobj=headers, mode="r:") as archive:
            for count, member in enumerate(archive, start=1):
                if count > caps.members:
                    _refuse(f"it has more than {caps.members} members", SAVE)
                _sort_in(member, files, links)
    except (tarfile.TarError, EOFError, OverflowError, ValueError, RecursionError) as error:
        raise _refusal("it is not a whole tar archive", SAVE) from error
    size = stream.seek(0, io.SEEK_END)
    for member in files.values():
        if member.offset_data + member.size > size:
            _refuse("it ends in the middle of a member", f"Copy it again whole. {SAVE}")
    for name, target in links.items():
        if target not in files:
            _refuse("it links to what it does not hold", SAVE)
        files[name] = files[target]
    return files


def _sort_in(member: tarfile.TarInfo, files: dict[str, tarfile.TarInfo], links: dict[str, str]) -> None:
    name = member.name
    if member.isdir():
        return
    if name != posixpath.normpath(name) or name.startswith(("/", "..")) or "\\" in name or not name.isprintable():
        _refuse("a member's name is not a plain relative path", SAVE)
    if name in files or name in links:
        _refuse("two of its members have one name", SAVE)
    if member.isreg() and not member.issparse() and member.size >= 0:
        files[name] = member
    elif member.issym() and name.endswith("/layer.tar"):
        # Older `docker save` writes a layer that occurs twice as a link to its first copy.
        links[name] = posixpath.normpath(posixpath.join(posixpath.dirname(name), member.linkname))
    else:
        _refuse("it holds a device, a link or another special member", SAVE)


def _manifest(stream: BinaryIO, members: Mapping[str, tarfile.TarInfo], caps: ImageCaps) -> _Manifest:
    if "manifest.json" not in members:
        reason = "it has no manifest.json"
        if "index.json" in members or "oci-layout" in members:
            reason += ": it is an OCI layout, which not every engine loads"
        _refuse(reason, SAVE)
    content = _json_member(stream, members, "manifest.json", caps)
    found = _parse(TypeAdapter(list[_Manifest]), content, "its manifest.json")
    if len(found) != 1:
        _refuse(f"it holds {len(found)} images", SAVE)
    return found[0]


def _json_member(stream: BinaryIO, members: Mapping[str, tarfile.TarInfo], name: str, caps: ImageCaps) -> bytes:
    member = members.get(name)
    if member is None:
        _refuse("its manifest names a configuration that it does not hold", SAVE)
    if member.size > caps.json_bytes:
        _refuse(f"a description in it has {member.size} bytes, more than {caps.json_bytes}", REBUILD)
    stream.seek(member.offset_data)
    return stream.read(member.size)


def _parse(model: TypeAdapter[_T], content: bytes, what: str) -> _T:
    try:
        return model.validate_json(content)
    except ValidationError as error:
        place = ".".join(str(part) for part in error.errors()[0]["loc"]) or "its form"
        raise _refusal(f"{what} is not as `docker save` writes it ({place})", SAVE) from error


def _check_config(config: _Config, caps: ImageCaps) -> None:
    run = config.config
    if (config.os, config.architecture) != ("linux", "amd64"):
        platform = f"{config.os[:20]}/{config.architecture[:20]}"
        _refuse(f"it is for {platform}, and cases run on linux/amd64", "Build with `--platform linux/amd64`.")
    if not run.entrypoint and not run.cmd:
        _refuse("it has neither ENTRYPOINT nor CMD, so there is nothing to start", REBUILD)
    if sum(len(entry) for entry in run.env or []) > caps.environment_bytes:
        _refuse(f"its environment has more than {caps.environment_bytes} bytes", REBUILD)
    if sum(len(key) + len(value) for key, value in (run.labels or {}).items()) > caps.label_bytes:
        _refuse(f"its labels have more than {caps.label_bytes} bytes", REBUILD)
    folder = posixpath.normpath("/" + (run.working_dir or "").lstrip("/"))
    if folder.split("/")[1] in {"proc", "sys", "dev"}:
        _refuse("its WORKDIR lies under /proc, /sys or /dev", REBUILD)


def _layers(
    stream: BinaryIO, members: Mapping[str, tarfile.TarInfo], manifest: _Manifest, config: _Config, caps: ImageCaps
) -> tuple[Layer, ...]:
    names, claims = manifest.layers, config.rootfs.diff_ids
    if not 1 <= len(names) <= caps.layers or len(names) != len(claims):
        _refuse(f"it has {len(names)} layers and names {len(claims)}; 1 to {caps.layers}, as named, are run", SAVE)
    left = caps.layer_bytes
    found: list[Layer] = []
    for name, claim in zip(names, claims, strict=True):
        member = members.get(name)
        if member is None:
            _refuse("its manifest names a layer that it does not hold", SAVE)
        stream.seek(member.offset_data)
        start = stream.read(min(4, member.size))
        if start == b"\x28\xb5\x2f\xfd":
            _refuse("a layer is compressed with zstd, which not every engine loads", SAVE)
        is_gzip = start[:2] == b"\x1f\x8b"
        digest, size = _measure(_layer_chunks(stream, member.offset_data, member.size, is_gzip=is_gzip), left)
        if f"sha256:{digest}" != claim:
            _refuse(f"layer {len(found) + 1} does not have the digest that the configuration names", SAVE)
        left -= size
        found.append(Layer(digest, size, member.offset_data, member.size, is_gzip))
    return tuple(found)


def _measure(chunks: Iterator[bytes], cap: int) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    for chunk in chunks:
        size += len(chunk)
        if size > cap:
            _refuse("its layers are larger than the limit when uncompressed", "Make the image smaller.")
        digest.update(chunk)
    return digest.hexdigest(), size


def _layer_chunks(stream: BinaryIO, offset: int, size: int, *, is_gzip: bool) -> Iterator[bytes]:
    window = cast("BinaryIO", io.BufferedReader(_Window(stream, offset, size), 2**20))
    source = gzip.GzipFile(fileobj=window) if is_gzip else window
    try:
        while chunk := source.read(2**20):
            yield chunk
    except (zlib.error, EOFError, gzip.BadGzipFile) as error:
        raise _refusal("a compressed layer is damaged", SAVE) from error


class _Window(io.RawIOBase):
    """A part of a file as a file."""

    def __init__(self, stream: BinaryIO, offset: int, size: int) -> None:
        super().__init__()
        self._stream, self._at, self._left = stream, offset, size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        view = memoryview(buffer)
        self._stream.seek(self._at)
        chunk = self._stream.read(min(len(view), self._left))
        view[: len(chunk)] = chunk
        self._at += len(chunk)
        self._left -= len(chunk)
        return len(chunk)


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


def _refusal(reason: str, next_step: str) -> MalformedSubmission:
    return MalformedSubmission(what="The image archive", reason=reason, next_step=next_step)


def _refuse(reason: str, next_step: str) -> NoReturn:
    raise _refusal(reason, next_step)
