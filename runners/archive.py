"""Reading a tar archive of hostile files as a stream: what was asked for by name, and nothing else.

The engine writes the archive, but names, kinds and sizes of its members are a container's. Nothing is written to disk
under a name of its, no link is followed, nothing is read beyond a cap, and every loop ends because each round takes
bytes from a bounded stream. A member is what its header says: an ustar header, preceded at most by one extended header
(PAX), which engines write for the large account numbers of this sandbox.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Generic, TypeVar

_BLOCK = 512
_REGULAR = (b"0", b"\0")
_EXTENDED = b"x"
_EXTENDED_BYTES = 16 * 1024
_MAX_DIGITS = 12


class Refusal(StrEnum):
    """Why a file, or a whole archive, is not read."""

    NOT_REGULAR = "not_regular"
    TOO_LARGE = "too_large"
    TWICE = "twice"
    TOO_MANY = "too_many"
    TOO_DEEP = "too_deep"
    ODD_NAME = "odd_name"
    MALFORMED = "malformed"
    LATE = "late"


class ArchiveRefusedError(Exception):
    """The archive as a whole is not as it may be; `refusal` says why. It never holds a member's name."""

    def __init__(self, refusal: Refusal) -> None:
        """Keep the reason."""
        super().__init__(str(refusal))
        self.refusal = refusal


@dataclass(frozen=True, slots=True)
class Caps:
    """What an archive may cost: its bytes with headers, its members, the depth and length of a member's path."""

    total_bytes: int
    members: int
    depth: int = 8
    name_bytes: int = 255


Held = TypeVar("Held")
"""What stands for a wanted file's bytes where they are kept: the bytes, or where they lie."""
Keep = Callable[[Iterator[memoryview]], Held]
"""Takes a wanted file's bytes, piece by piece, each valid until the next one is taken."""


@dataclass(slots=True)
class Contents(Generic[Held]):
    """What was found: each wanted file, as it is kept, or why it is refused; an absent one is in neither place.

    `used_bytes` and `members` count everything in the archive, wanted or not.
    """

    files: dict[str, Held | Refusal] = field(default_factory=dict)
    used_bytes: int = 0
    members: int = 0


Clock = Callable[[], bool]


def never_late() -> bool:
    """Never say that the time is over."""
    return False


def read_archive(
    chunks: Iterable[bytes], wanted: Mapping[str, int], caps: Caps, *, late: Clock = never_late
) -> Contents[bytes]:
    """Read wanted files, which are small, out of an archive into memory, as `read_archive_into` does."""
    return read_archive_into(b"".join, chunks, wanted, caps, late=late)


def read_archive_into(
    keep: Keep[Held], chunks: Iterable[bytes], wanted: Mapping[str, int], caps: Caps, *, late: Clock = never_late
) -> Contents[Held]:
    """Read wanted files out of an archive, no more of them at a time than a chunk.

    Args:
        keep: Called for each wanted file that is not refused, with all of its bytes.
        chunks: The archive as it comes.
        wanted: Largest size in bytes of each wanted file, by its path in the archive, without a slash at its end.
        caps: What the archive may cost.
        late: Asked between two chunks; True ends the reading.

    Returns:
        What was found. Members that are not wanted are counted and passed over, whatever they are.

    Raises:
        ArchiveRefusedError: A cap was reached, or the bytes are no such archive.
    """
    stream, found = _Stream(chunks, caps.total_bytes, late), Contents[Held]()
    names = {name.encode(): name for name in wanted}
    while (member := _next_member(stream, caps)) is not None:
        found.members += 1
        if found.members > caps.members:
            raise ArchiveRefusedError(Refusal.TOO_MANY)
        found.used_bytes += member.size
        # A folder's name ends in a slash.
        name = names.get(member.name.rstrip(b"/"))
        left = member.size
        if name is not None:
            refusal = _refusal(member, name in found.files, wanted[name])
            left = 0 if refusal is None else left
            found.files[name] = keep(stream.pieces(member.size)) if refusal is None else refusal
        stream.skip(left + -member.size % _BLOCK)
    return found


def _refusal(member: _Member, again: bool, cap: int) -> Refusal | None:
    if again:
        return Refusal.TWICE
    if member.kind not in _REGULAR:
        return Refusal.NOT_REGULAR
    return Refusal.TOO_LARGE if member.size > cap else None


@dataclass(frozen=True, slots=True)
class _Member:
    name: bytes
    kind: bytes
    size: int


class _Stream:
    """Bytes out of chunks, never more than the cap in all."""

    def __init__(self, chunks: Iterable[bytes], cap: int, late: Clock) -> None:
        self._chunks = iter(chunks)
        self._held = memoryview(b"")
        self._left = cap
        self._late = late

    def take(self, size: int) -> bytes:
        """Return exactly so many bytes."""
        taken = bytearray()
        for piece in self.pieces(size):
            taken += piece
        return bytes(taken)

    def skip(self, size: int) -> None:
        """Pass over exactly so many bytes."""
        for _ in self.pieces(size):
            pass

    def pieces(self, size: int) -> Iterator[memoryview]:
        """Yield exactly so many bytes; all of them have to be taken."""
        if size > self._left:
            raise ArchiveRefusedError(Refusal.TOO_LARGE)
        self._left -= size
        while size:
            piece = self._held[:size]
            self._held = self._held[len(piece) :]
            size -= len(piece)
            yield piece
            if size and not self._held:
                self._held = memoryview(self._next_chunk())

    def _next_chunk(self) -> bytes:
        if self._late():
            raise ArchiveRefusedError(Refusal.LATE)
        chunk = next(self._chunks, None)
        if chunk is None:
            raise ArchiveRefusedError(Refusal.MALFORMED)
        return chunk


def _next_member(stream: _Stream, caps: Caps) -> _Member | None:
    """Return the next member's header, its path and size taken from an extended header before it; None at the end."""
    extended: dict[bytes, bytes] = {}
    for _ in range(2):
        header = stream.take(_BLOCK)
        if not any(header):
            return None
        _check_sum(header)
        kind, size = header[156:157], _octal(header[124:136])
        if kind == _EXTENDED and not extended:
            if size > _EXTENDED_BYTES:
                raise ArchiveRefusedError(Refusal.ODD_NAME)
            extended = _records(stream.take(size))
            stream.skip(-size % _BLOCK)
            continue
        return _checked(_name(header, extended), kind, _size(size, extended), caps)
    raise ArchiveRefusedError(Refusal.MALFORMED)


def _checked(name: bytes, kind: bytes, size: int, caps: Caps) -> _Member:
    if not name or b"\0" in name:
        raise ArchiveRefusedError(Refusal.MALFORMED)
    if name.count(b"/") > caps.depth:
        raise ArchiveRefusedError(Refusal.TOO_DEEP)
    if len(name) > caps.name_bytes * (caps.depth + 1):
        raise ArchiveRefusedError(Refusal.ODD_NAME)
    if size and kind not in _REGULAR:
        raise ArchiveRefusedError(Refusal.MALFORMED)
    return _Member(name, kind, size)


def _check_sum(header: bytes) -> None:
    expected = sum(header) - sum(header[148:156]) + 8 * ord(" ")
    if header[257:262] != b"ustar" or _octal(header[148:156]) != expected:
        raise ArchiveRefusedError(Refusal.MALFORMED)


def _octal(digits: bytes) -> int:
    """Read a number of a header; any other notation, a negative one among them, is refused."""
    text = digits.strip(b" \0")
    if text.strip(b"01234567"):
        raise ArchiveRefusedError(Refusal.MALFORMED)
    return int(text, 8) if text else 0


def _name(header: bytes, extended: Mapping[bytes, bytes]) -> bytes:
    if b"path" in extended:
        return extended[b"path"]
    name, prefix = header[:100].split(b"\0", 1)[0], header[345:500].split(b"\0", 1)[0]
    return prefix + b"/" + name if prefix else name


def _size(size: int, extended: Mapping[bytes, bytes]) -> int:
    digits = extended.get(b"size")
    if digits is None:
        return size
    if not digits.isdigit() or len(digits) > _MAX_DIGITS:
        raise ArchiveRefusedError(Refusal.MALFORMED)
    return int(digits)


def _records(content: bytes) -> dict[bytes, bytes]:
    """Read an extended header: records of the form `<length> <key>=<value>` and a newline, the length of all of it."""
    records: dict[bytes, bytes] = {}
    while content:
        digits = content.partition(b" ")[0]
        length = int(digits) if digits.isdigit() and len(digits) <= len(str(_EXTENDED_BYTES)) else 0
        record = content[len(digits) + 1 : length]
        key, equals, value = record.partition(b"=")
        # The last comparison also holds that each round takes bytes away.
        if not equals or not value.endswith(b"\n") or length <= len(digits) + 1 or length > len(content):
            raise ArchiveRefusedError(Refusal.MALFORMED)
        records[key] = value[:-1]
        content = content[length:]
    return records
