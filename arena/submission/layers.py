"""What may lie in an image's layers: plain paths, files, folders and links that stay inside.

A layer is never unpacked here. The engine unpacks it into a folder of its own and keeps members inside it; this check
is the second wall, and it sees what the engine does not mind: devices, inodes by the million, attributes that steer
overlay file systems. Setuid files and file capabilities are let through: `no-new-privileges` and an empty capability
bound set take their meaning away, and every Debian image has some.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NoReturn

from arena.errors import ArchiveUnreadable, ImageFileRefused, ImageTooLarge
from arena.submission.caps import ImageCaps, shown_bytes
from arena.submission.mountpoints import OPAQUE, WHITEOUT, MountPoints
from arena.submission.tarstream import (
    BLOCK_DEVICE,
    CHARACTER,
    FILE,
    FOLDER,
    HARD_LINK,
    SYMLINK,
    Feed,
    Member,
    OddTarError,
    members,
)

SMALLER = "Make the image smaller: build in stages, and copy only what the program needs."
REBUILD = "Mend the Dockerfile, build the image again and save it with `docker save`."
_PATH_BYTES = 4_000
_NAME_BYTES = 255
_SETUID = 0o6000
_ATTRIBUTE_BYTES = 2_048
_CAPABILITY = b"security.capability"
_USER = b"user."
# The kernel's vfs_cap_data of revisions 2 and 3: the revision in the highest byte, and the size that goes with it.
_CAPABILITY_BYTES = {b"\x02": 20, b"\x03": 24}
_SHOWN = frozenset(range(0x21, 0x7F)) - frozenset(b'"<>&`\\')
_SHOWN_BYTES = 80
# Linux's documented numbers; engines put their own /dev over these, and bases made by debootstrap have them.
_USUAL_DEVICES = {
    b"dev/null": (1, 3),
    b"dev/zero": (1, 5),
    b"dev/full": (1, 7),
    b"dev/random": (1, 8),
    b"dev/urandom": (1, 9),
    b"dev/tty": (5, 0),
    b"dev/console": (5, 1),
    b"dev/ptmx": (5, 2),
}


@dataclass(slots=True)
class LayerCheck:
    """Checks an image's layers in their order; `files` and `privileged` count what has gone by.

    `points` keeps what lies where the sandbox mounts something, to be judged when all layers have gone by.

    Paths are kept as 64-bit hashes, which Python keys anew in each process, so that memory is bounded by the cap on
    members whatever their names are.
    """

    caps: ImageCaps
    points: MountPoints = field(default_factory=MountPoints)
    files: int = 0
    privileged: int = 0
    unpacked_bytes: int = 0
    _linked: set[int] = field(default_factory=set)

    def check(self, number: int, chunks: Iterator[bytes], cap_bytes: int) -> tuple[str, int]:
        """Read a layer, uncompressed, to its end.

        Args:
            number: The layer's place, counted from 1, for messages.
            chunks: Its bytes.
            cap_bytes: How many there may be.

        Returns:
            The SHA-256 and the number of its bytes.

        Raises:
            ImageTooLarge: It has more bytes, or the image more members, than allowed.
            ImageFileRefused: A member is not what an image needs.
        """
        digest, count = hashlib.sha256(), 0

        def counted() -> Iterator[bytes]:
            nonlocal count
            for chunk in chunks:
                count += len(chunk)
                if count > cap_bytes or self.unpacked_bytes + count > self.caps.image_bytes:
                    self._too_large(number, cap_bytes)
                digest.update(chunk)
                yield chunk

        kinds: dict[int, bytes] = {}
        try:
            for member in members(Feed(counted())):
                self.files += 1
                if self.files > self.caps.files:
                    reason = f"it has more than {self.caps.files} files and folders"
                    raise ImageTooLarge(reason=reason, next_step=SMALLER)
                fault = self._fault(number, member, kinds)
                if fault is not None:
                    _refuse(number, f'member "{shown_name(member.name)}" {fault}')
        except OddTarError as error:
            raise _refusal(number, f"it is no plain tar archive, {error}") from error
        self._linked.update(path for path, kind in kinds.items() if kind == SYMLINK)
        self.unpacked_bytes += count
        return digest.hexdigest(), count

    def _too_large(self, number: int, cap_bytes: int) -> NoReturn:
        if cap_bytes < self.caps.layer_bytes:
            reason = (
                f"layer {number} unpacks to more than {shown_bytes(cap_bytes)}, which is larger than the limit of "
                f"{self.caps.ratio} times its size in the archive, or all compressed layers unpack to more than "
                f"{self.caps.ratio} times theirs"
            )
            raise ImageTooLarge(reason=reason, next_step="Save the image with uncompressed layers: `docker save`.")
        reason = f"its layers are larger than the limit of {shown_bytes(self.caps.image_bytes)} when uncompressed"
        raise ImageTooLarge(reason=reason, next_step=SMALLER)

    def _fault(self, number: int, member: Member, kinds: dict[int, bytes]) -> str | None:
        """Return what is wrong with a member, and note its path."""
        path = _plain(member.name)
        if path is None:
            return "has a name that is not a plain relative path"
        parts = path.split(b"/") if path else []
        if len(path) > _PATH_BYTES or any(len(part) > _NAME_BYTES for part in parts):
            return "has too long a name"
        fault = _special(member, path, parts) or self._behind(parts, kinds)
        if fault is None and member.kind == HARD_LINK:
            fault = self._link_fault(member, kinds)
        if fault is None and path:
            self._note(member, path, parts, kinds)
            self.points.note(number, parts, member.kind, member.link)
        return fault

    def _note(self, member: Member, path: bytes, parts: list[bytes], kinds: dict[int, bytes]) -> None:
        key = hash(path)
        kinds[key] = member.kind
        self._linked.discard(key)
        if parts[-1].startswith(WHITEOUT):
            gone = parts[:-1] if parts[-1] == OPAQUE else [*parts[:-1], parts[-1].removeprefix(WHITEOUT)]
            self._linked.discard(hash(b"/".join(gone)))
        if member.kind == FILE and (member.mode & _SETUID or any(name == _CAPABILITY for name, _ in member.attributes)):
            self.privileged += 1

    def _behind(self, parts: list[bytes], kinds: dict[int, bytes]) -> str | None:
        """Say what on the way to a member is no folder."""
        for depth in range(1, len(parts)):
            key = hash(b"/".join(parts[:depth]))
            kind = kinds.get(key)
            if kind == SYMLINK or (kind is None and key in self._linked):
                return "lies behind a symbolic link"
            if kind not in {None, FOLDER}:
                return "lies below a file"
        return None

    def _link_fault(self, member: Member, kinds: dict[int, bytes]) -> str | None:
        target = _plain(member.link)
        if not target:
            return "is a hard link to what is not a plain relative path"
        if (fault := self._behind(target.split(b"/"), kinds)) is not None:
            return f"is a hard link to what {fault}"
        if kinds.get(hash(target)) in {None, FOLDER}:
            return "is a hard link to no file of its layer"
        return None


def _plain(name: bytes) -> bytes | None:
    """Return a name without leading `./` and closing `/`; None if it is not a plain relative path."""
    path = name.removeprefix(b"./").removesuffix(b"/")
    if path in {b"", b"."}:
        return b"" if name else None
    if path.startswith(b"/") or not {b"", b".", b".."}.isdisjoint(path.split(b"/")):
        return None
    return path


def _special(member: Member, path: bytes, parts: list[bytes]) -> str | None:
    fault = None
    if not _are_plain(member.attributes):
        fault = "has extended attributes other than capabilities and short ones of its own"
    elif not parts and member.kind != FOLDER:
        fault = "would replace the root"
    elif parts and _is_odd_whiteout(member, parts[-1]):
        fault = "marks something as removed in a way that engines do not read alike"
    elif member.kind == SYMLINK and not 0 < len(member.link) <= _PATH_BYTES:
        fault = "is a symbolic link to nothing, or with too long a target"
    elif member.kind in {CHARACTER, BLOCK_DEVICE} and (member.kind, _USUAL_DEVICES.get(path)) != (
        CHARACTER,
        member.device,
    ):
        fault = f"is a device ({member.device[0]}, {member.device[1]})"
    return fault


def _are_plain(attributes: tuple[tuple[bytes, bytes], ...]) -> bool:
    """Whether every engine can set these: one that the kernel refuses would keep the image from being loaded.

    Those of the namespace `trusted` steer the engine's own overlay file system.
    """
    if sum(len(name) + len(value) for name, value in attributes) > _ATTRIBUTE_BYTES:
        return False
    for name, value in attributes:
        if name == _CAPABILITY:
            if _CAPABILITY_BYTES.get(value[3:4]) != len(value) or value[1:3] != b"\0\0" or value[0] > 1:
                return False
        elif name != b"security.selinux" and not (name.startswith(_USER) and len(_USER) < len(name) < _NAME_BYTES):
            return False
    return True


def _is_odd_whiteout(member: Member, name: bytes) -> bool:
    if not name.startswith(WHITEOUT) or name == OPAQUE:
        return False
    hidden = name.removeprefix(WHITEOUT)
    return hidden in {b"", b".", b".."} or hidden.startswith(WHITEOUT) or member.kind != FILE


def shown_name(name: bytes) -> str:
    """Return a name as it may be shown: printable ASCII, cut."""
    text = "".join(chr(byte) if byte in _SHOWN else f"\\x{byte:02x}" for byte in name[:_SHOWN_BYTES])
    return text if len(name) <= _SHOWN_BYTES else text + "…"


def _refusal(number: int, reason: str) -> ImageFileRefused:
    return ImageFileRefused(layer=number, reason=reason, next_step=REBUILD)


def _refuse(number: int, reason: str) -> NoReturn:
    raise _refusal(number, reason)


def damaged(reason: str) -> ArchiveUnreadable:
    """Return the refusal of a layer whose compression is broken."""
    return ArchiveUnreadable(reason=reason, next_step="Copy the archive again whole, or save the image again.")
