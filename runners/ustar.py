"""The files of a study's archive, one after the other, as they come out of a stream.

A study is a plain tar: headers of 512 bytes, contents padded to that. `tarfile` reads each header and no more: left to
read the rest, it would copy what it has buffered at every step (which takes longer than hashing a large study), take in
extensions that no study has, and pass over in silence whatever stands behind a damaged header.
"""

from __future__ import annotations

import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_BLOCK = 512
_CHUNK = 1 << 20
_END = bytes(_BLOCK)
_CUT = "the archive ends in the middle of a file"
_REGULAR = frozenset({tarfile.REGTYPE, tarfile.AREGTYPE})

Read = Callable[[int], bytes]
"""Reads at most so many bytes, and none only at the end."""


class MalformedArchiveError(Exception):
    """It is not the archive that a study has to be."""


@dataclass(frozen=True, slots=True)
class Member:
    """A file of an archive; `content` yields its bytes once, and all of them before the next member is asked for."""

    name: str
    content: Iterator[bytes]


def members(read: Read) -> Iterator[Member]:
    """Yield an archive's members up to its end, which is a block of zeros or the end of the stream.

    Raises:
        MalformedArchiveError: A member is no plain file, or the archive ends in the middle of one.
        tarfile.TarError: A header is damaged.
    """
    while (header := _exactly(read, _BLOCK)) and header != _END:
        info = tarfile.TarInfo.frombuf(header, "utf-8", "surrogateescape")
        if info.type not in _REGULAR or info.size < 0:
            msg = f"member {info.name!r} is no plain file"
            raise MalformedArchiveError(msg)
        yield Member(info.name, content := _content(read, info.size))
        for _ in content:  # what nobody wanted
            pass
        padding = -info.size % _BLOCK
        if len(_exactly(read, padding)) != padding:
            raise MalformedArchiveError(_CUT)


def _content(read: Read, size: int) -> Iterator[bytes]:
    left = size
    while left:
        chunk = read(min(_CHUNK, left))
        if not chunk:
            raise MalformedArchiveError(_CUT)
        left -= len(chunk)
        yield chunk


def _exactly(read: Read, size: int) -> bytes:
    """Read so many bytes, fewer only at the stream's end."""
    held = read(size)
    while held and len(held) < size and (more := read(size - len(held))):
        held += more
    return held
