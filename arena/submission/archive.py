"""An image archive as a file of named parts: read by seeking in it, nothing in it is followed or extracted.

Headers, members and bytes are capped, and no name in it becomes a path here.
"""

from __future__ import annotations

import gzip
import io
import posixpath
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NoReturn, cast

from arena.errors import ArchiveUnreadable, ArchiveUnsupported, ImageTooLarge
from arena.submission.caps import ImageCaps, shown_bytes
from arena.submission.layers import REBUILD, SMALLER, damaged

SAVE = (
    "Save one image with `docker save IMAGE -o FILE`, `podman save --format docker-archive`, or as an OCI archive "
    "with gzip layers."
)
_GZIP, _ZSTD, _XZ = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"\xfd7zX"
_CHUNK = 2**20


@dataclass(frozen=True, slots=True)
class Part:
    """Where a part lies in the archive."""

    offset: int
    size: int


class Archive:
    """The parts of an open archive by their names; links between layers are resolved."""

    def __init__(self, stream: BinaryIO, caps: ImageCaps) -> None:
        """Read the headers of an archive.

        Raises:
            MalformedSubmission: It is no tar, damaged, has too many or too large headers, or a part that is no file.
        """
        self._stream = stream
        self._caps = caps
        self._parts = _parts(stream, caps)

    def __contains__(self, name: str) -> bool:
        """Say whether a part of this name is there."""
        return name in self._parts

    def part(self, name: str, what: str) -> Part:
        """Return where a part lies.

        Raises:
            ArchiveUnreadable: There is none of this name; `what` tells the vendor which.
        """
        if name not in self._parts:
            raise ArchiveUnreadable(reason=f"it names {what} that it does not hold", next_step=SAVE)
        return self._parts[name]

    def document(self, name: str, what: str) -> bytes:
        """Return the bytes of a description.

        Raises:
            ArchiveUnreadable: It is not there.
            ImageTooLarge: It has more bytes than a description may.
        """
        part = self.part(name, what)
        if part.size > self._caps.json_bytes:
            reason = f"{what} has {part.size} bytes, more than {self._caps.json_bytes}"
            raise ImageTooLarge(reason=reason, next_step=REBUILD)
        self._stream.seek(part.offset)
        return self._stream.read(part.size)

    def is_gzip(self, part: Part, number: int) -> bool:
        """Say whether a layer is compressed with gzip; without that it is plain.

        Raises:
            ArchiveUnsupported: It is compressed otherwise.
        """
        self._stream.seek(part.offset)
        start = self._stream.read(min(4, part.size))
        for magic, name in ((_ZSTD, "zstd"), (_XZ, "xz"), (b"BZh", "bzip2")):
            if start.startswith(magic):
                reason = f"layer {number} is compressed with {name}, which not every engine loads"
                step = f"Build with gzip or without compression (buildx: `--output type=docker`). {SAVE}"
                raise ArchiveUnsupported(reason=reason, next_step=step)
        return start.startswith(_GZIP)


def require_file(path: Path, caps: ImageCaps) -> None:
    """Make sure that an archive is a file that is not too large.

    Raises:
        ArchiveUnreadable: There is no such file.
        ImageTooLarge: It is too large.
    """
    if not path.is_file():
        _unreadable("there is no such file" if not path.exists() else "it is not a file")
    size = path.stat().st_size
    if size > caps.archive_bytes:
        reason = f"the archive has {size} bytes, more than {caps.archive_bytes} ({shown_bytes(caps.archive_bytes)})"
        raise ImageTooLarge(reason=reason, next_step=SMALLER)


class _Bounded:
    """The archive as tarfile may read it: headers only, and not many. A header may claim any size for a name."""

    def __init__(self, stream: BinaryIO, budget: int) -> None:
        self._stream = stream
        self._left = budget

    def read(self, size: int = -1) -> bytes:
        self._left -= size
        if size < 0 or self._left < 0:
            _unreadable("its headers are larger than any image's")
        return self._stream.read(size)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()


def _parts(stream: BinaryIO, caps: ImageCaps) -> dict[str, Part]:
    start = stream.read(4)
    stream.seek(0)
    if start.startswith((_GZIP, _ZSTD, _XZ, b"BZh")):
        step = "Unpack it first: `gunzip FILE`, `unzstd FILE`."
        raise ArchiveUnsupported(reason="the whole archive is compressed", next_step=step)
    files: dict[str, Part] = {}
    links: dict[str, str] = {}
    try:
        headers = cast("BinaryIO", _Bounded(stream, caps.header_bytes))
        with tarfile.open(fileobj=headers, mode="r:") as archive:
            for count, member in enumerate(archive, start=1):
                if count > caps.members:
                    _unreadable(f"it has more than {caps.members} members")
                _sort_in(member, files, links)
    except (tarfile.TarError, EOFError, OverflowError, ValueError, RecursionError) as error:
        raise ArchiveUnreadable(reason="it is not a whole tar archive", next_step=SAVE) from error
    size = stream.seek(0, io.SEEK_END)
    if any(part.offset + part.size > size for part in files.values()):
        raise ArchiveUnreadable(reason="it ends in the middle of a member", next_step=f"Copy it again whole. {SAVE}")
    for name, target in links.items():
        if target not in files:
            _unreadable("it links to what it does not hold")
        files[name] = files[target]
    return files


def _sort_in(member: tarfile.TarInfo, files: dict[str, Part], links: dict[str, str]) -> None:
    # OCI archives made with `tar -C folder .` have ./ before every name.
    name = member.name.removeprefix("./")
    if member.isdir():
        return
    if name != posixpath.normpath(name) or name.startswith(("/", "..")) or "\\" in name or not name.isprintable():
        _unreadable("a member's name is not a plain relative path")
    if name in files or name in links:
        _unreadable("two of its members have one name")
    if member.isreg() and not member.issparse() and member.size >= 0:
        files[name] = Part(member.offset_data, member.size)
    elif member.issym() and name.endswith("/layer.tar"):
        # Older `docker save` writes a layer that occurs twice as a link to its first copy.
        links[name] = posixpath.normpath(posixpath.join(posixpath.dirname(name), member.linkname))
    else:
        _unreadable("it holds a device, a link or another special member")


def layer_chunks(stream: BinaryIO, part: Part, *, is_gzip: bool) -> Iterator[bytes]:
    """Yield a layer's bytes, uncompressed.

    Raises:
        ArchiveUnreadable: Its compression is damaged.
    """
    window = cast("BinaryIO", io.BufferedReader(_Window(stream, part), _CHUNK))
    source = gzip.GzipFile(fileobj=window) if is_gzip else window
    try:
        while chunk := source.read(_CHUNK):
            yield chunk
    except (zlib.error, EOFError, gzip.BadGzipFile) as error:
        raise damaged("a compressed layer is damaged") from error


class _Window(io.RawIOBase):
    """A part of a file as a file."""

    def __init__(self, stream: BinaryIO, part: Part) -> None:
        super().__init__()
        self._stream, self._at, self._left = stream, part.offset, part.size

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


def _unreadable(reason: str) -> NoReturn:
    raise ArchiveUnreadable(reason=reason, next_step=SAVE)
