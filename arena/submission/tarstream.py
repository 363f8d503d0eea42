"""A layer's tar, read once from front to end: headers only, and only such as every unpacker reads alike.

The engine unpacks a layer with another reader than ours. Whatever two readers could take for different things (a header
whose checksum is wrong, a file behind the end mark, a size that is given twice, a sparse file) is an error here.
The format: POSIX.1-2001 pax, ustar, and GNU's long names and large numbers, as the GNU tar manual describes them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NoReturn

BLOCK = 512
EXTENSION_BYTES = 2**20
"""The largest extended header: names, attributes."""

FILE, HARD_LINK, SYMLINK, CHARACTER, BLOCK_DEVICE, FOLDER, FIFO = b"0", b"1", b"2", b"3", b"4", b"5", b"6"
_OLD_FILE, _CONTIGUOUS = b"\0", b"7"
_LONG_NAME, _LONG_LINK, _PAX, _PAX_GLOBAL = b"L", b"K", b"x", b"g"
_EXTENSIONS = frozenset({_LONG_NAME, _LONG_LINK, _PAX, _PAX_GLOBAL})
_MEMBERS = frozenset({FILE, HARD_LINK, SYMLINK, CHARACTER, BLOCK_DEVICE, FOLDER, FIFO})
_ZEROS = bytes(BLOCK)
_POSIX, _GNU = b"ustar\x0000", b"ustar  \0"
_LARGEST_ID = 2**31
_LARGEST_SIZE = 2**63
_MOST_DIGITS = 19
_NUMBERS = ((100, 108), (108, 116), (116, 124), (329, 337), (337, 345))
"""Where mode, owner, group and a device's two numbers stand."""
_XATTR = b"SCHILY.xattr."
_NAMES = (b"path", b"linkpath", b"uname", b"gname")
_TIME = re.compile(rb"-?[0-9]{1,12}(\.[0-9]{0,12})?")
_MIXED = "two kinds of long names meet in one header"


class OddTarError(ValueError):
    """The tar is not one that every reader reads alike; the message is a clause that says why."""


@dataclass(slots=True)
class Member:
    """One member: `kind` is FILE, HARD_LINK, … ; names are bytes as they stand."""

    name: bytes
    kind: bytes
    link: bytes
    size: int
    mode: int
    device: tuple[int, int]
    attributes: tuple[tuple[bytes, bytes], ...]


class Feed:
    """Chunks as a stream that goes forward only; memory holds one chunk."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        """Read from these chunks, none of them empty."""
        self._chunks = chunks
        self._buffer = b""
        self._at = 0

    def take(self, size: int) -> bytes:
        """Return the next bytes; fewer at the end."""
        parts = []
        while size > 0 and (self._at < len(self._buffer) or self._next()):
            part = self._buffer[self._at : self._at + size]
            self._at += len(part)
            size -= len(part)
            parts.append(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def skip(self, size: int) -> bool:
        """Pass over bytes; False if the stream ends before."""
        while size > 0:
            if self._at >= len(self._buffer) and not self._next():
                return False
            step = min(size, len(self._buffer) - self._at)
            self._at += step
            size -= step
        return True

    def rest(self) -> Iterator[bytes]:
        """Yield what is left."""
        yield self._buffer[self._at :]
        self._buffer, self._at = b"", 0
        yield from self._chunks

    def _next(self) -> bool:
        self._buffer, self._at = next(self._chunks, b""), 0
        return bool(self._buffer)


@dataclass(slots=True)
class _Extended:
    """What the extended headers before a member say of it."""

    seen: set[bytes] = field(default_factory=set)
    name: bytes | None = None
    link: bytes | None = None
    size: int | None = None
    attributes: list[tuple[bytes, bytes]] = field(default_factory=list)


def members(feed: Feed) -> Iterator[Member]:
    """Yield the members of a tar; when it is exhausted, the whole stream has been read.

    Raises:
        OddTarError: It is damaged, or not one that every reader reads alike.
    """
    extended = _Extended()
    while header := feed.take(BLOCK):
        if len(header) < BLOCK:
            _odd("it ends in the middle of a header")
        if header == _ZEROS:
            break
        _check_header(header)
        kind = header[156:157]
        size = _number(header[124:136])
        if kind in _EXTENSIONS:
            _extend(extended, kind, _extension(feed, size))
            continue
        member = _member(header, kind, size, extended)
        extended = _Extended()
        padded = -(-member.size // BLOCK) * BLOCK
        if not feed.skip(padded):
            _odd("it ends in the middle of a file")
        yield member
    if extended.seen:
        _odd("it ends after an extended header")
    if any(chunk.strip(b"\0") for chunk in feed.rest()):
        _odd("there is something behind its end mark")


def _odd(reason: str) -> NoReturn:
    raise OddTarError(reason)


def _check_header(header: bytes) -> None:
    """Make sure of a header's checksum, format and numbers, also of those that do not matter here."""
    claimed = _number(header[148:156])
    if claimed != sum(header) - sum(header[148:156]) + 8 * ord(" "):
        _odd("a header's checksum is wrong")
    if header[257:265] not in {_POSIX, _GNU}:
        _odd("a header is of no known format")
    if header[257:265] == _POSIX and header[508:512] == b"tar\0":
        _odd("a header is of a format that not every reader knows")
    numbers = [_number(header[start:end]) for start, end in _NUMBERS]
    if not header[136] & 0x80:  # a time before 1970 is written as a negative number
        _number(header[136:148])
    if max(numbers) >= _LARGEST_ID:
        _odd("a number in a header is too large")


def _number(text: bytes) -> int:
    if text[0] & 0x80:
        if text[0] & 0x40:
            _odd("a number in a header is negative")
        return int.from_bytes(bytes([text[0] & 0x7F]) + text[1:])
    digits = text.strip(b" \0")
    if not digits:
        return 0
    if digits.strip(b"01234567"):
        _odd("a number in a header is none")
    return int(digits, 8)


def _extension(feed: Feed, size: int) -> bytes:
    if size > EXTENSION_BYTES:
        _odd(f"an extended header has {size} bytes, more than {EXTENSION_BYTES}")
    content = feed.take(-(-size // BLOCK) * BLOCK)
    if len(content) < size:
        _odd("it ends in the middle of a header")
    return content[:size]


def _extend(extended: _Extended, kind: bytes, content: bytes) -> None:
    if kind == _PAX_GLOBAL:
        # Unpackers of images pass over these, other readers apply them to all that follows.
        if {key for key, _ in _records(content)} - {b"comment"}:
            _odd("a header is meant for all members")
        return
    if kind in extended.seen or (extended.seen and _PAX in {kind, *extended.seen}):
        _odd(_MIXED)
    extended.seen.add(kind)
    if kind == _PAX:
        _read_pax(extended, content)
    elif kind == _LONG_NAME:
        extended.name = content.split(b"\0", 1)[0]
    else:
        extended.link = content.split(b"\0", 1)[0]


def _read_pax(extended: _Extended, content: bytes) -> None:
    records = dict(found := list(_records(content)))
    if len(records) != len(found):
        _odd("an extended header says something twice")
    if any(key.startswith((b"GNU.sparse.", b"SUN.holesdata")) for key in records):
        _odd("it holds a sparse file")
    extended.name, extended.link = (records.get(key) for key in (b"path", b"linkpath"))
    if b"" in {extended.name, extended.link} or any(b"\0" in records.get(key, b"") for key in _NAMES):
        _odd("a name in an extended header is empty, or has a NUL")
    if not all(_TIME.fullmatch(records.get(key, b"0")) for key in (b"mtime", b"atime", b"ctime")):
        _odd("a time in an extended header is none")
    if b"size" in records:
        extended.size = _decimal(records[b"size"])
    if any(_decimal(records.get(key, b"0")) >= _LARGEST_ID for key in (b"uid", b"gid")):
        _odd("an owner's number is too large")
    extended.attributes = [
        (key.removeprefix(_XATTR), value) for key, value in records.items() if key.startswith(_XATTR)
    ]


def _decimal(value: bytes) -> int:
    if not value.isdigit() or len(value) > _MOST_DIGITS:
        _odd("a number in an extended header is none")
    return int(value)


def _records(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at < len(content):
        space = content.find(b" ", at, at + 9)
        length = content[at:space] if space > at else b""
        if not length.isdigit() or length.startswith(b"0"):
            _odd("an extended header is damaged")
        end = at + int(length)
        record = content[space + 1 : end]
        key, equals, value = record[:-1].partition(b"=")
        if end > len(content) or not record.endswith(b"\n") or not equals or not key:
            _odd("an extended header is damaged")
        yield key, value
        at = end


def _member(header: bytes, kind: bytes, size: int, extended: _Extended) -> Member:
    name = _field(header[:100])
    if header[257:265] == _POSIX and (prefix := _field(header[345:500])):
        name = prefix + b"/" + name
    name = name if extended.name is None else extended.name
    link = _field(header[157:257]) if extended.link is None else extended.link
    size = size if extended.size is None else extended.size
    if kind in {_OLD_FILE, _CONTIGUOUS}:
        kind = FOLDER if kind == _OLD_FILE and name.endswith(b"/") else FILE
    if kind not in _MEMBERS:
        _odd("it holds a member of an unknown kind, or a sparse file")
    if kind == FILE and name.endswith(b"/"):
        _odd("a file has the name of a folder")
    if kind != FILE and size:
        _odd("a member that is no file has a size")
    if size >= _LARGEST_SIZE:
        _odd("a number in a header is too large")
    device = (_number(header[329:337]), _number(header[337:345]))
    return Member(name, kind, link, size, _number(header[100:108]), device, tuple(extended.attributes))


def _field(text: bytes) -> bytes:
    return text.split(b"\0", 1)[0]
