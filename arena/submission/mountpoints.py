"""What an image has, over all its layers, where the sandbox mounts something.

A runtime mounts folders on folders and files on files, and makes what is not there. Where an image has another kind of
file in that place no engine starts it; where it has a symbolic link the mount lands somewhere else. The engine would
say so at the start, in words that blame nobody: so it is said here, by path and kind, to whoever can mend it. What
cannot be followed, such as a link that leaves the paths that are kept, is left to the start.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from arena.errors import ImageMountRefused
from arena.submission.tarstream import BLOCK_DEVICE, CHARACTER, FOLDER, SYMLINK

WHITEOUT, OPAQUE = b".wh.", b".wh..wh..opq"
_FOLDERS = {
    b"tmp": "its own /tmp",
    b"input": "the cases",
    b"output": "a folder for answers",
    b"proc": "the kernel's own files",
    b"sys": "the kernel's own files",
    b"dev": "its devices",
    b"dev/shm": "shared memory",
}
# Engines put a file there. Docker takes a link away in the first three before it does, and follows those to its init.
_FILES = (b"etc/hosts", b"etc/hostname", b"etc/resolv.conf", b"sbin/docker-init", b"dev/init", b"run/podman-init")
_UNLINKED = frozenset({b"etc/hosts", b"etc/hostname", b"etc/resolv.conf"})
# Where distributions let /sbin lead.
_BEHIND_LINKS = (b"usr/sbin/docker-init", b"usr/bin/docker-init", b"bin/docker-init")
_MOUNTED = frozenset({b"tmp", b"input", b"output", b"proc", b"sys", b"dev"})
_LINKS = 40
_NEXT = "Let the Dockerfile leave that path away, or make it {wanted} there."


@dataclass(frozen=True, slots=True)
class _Entry:
    kind: bytes
    layer: int
    target: bytes = b""


class MountPoints:
    """Keeps the last kind of each path that counts, as layers go by in their order."""

    def __init__(self, volumes: Iterable[str] = ()) -> None:
        """Name the image's VOLUME paths, which have been found plain."""
        plain = (volume.strip("/").encode() for volume in volumes)
        self._volumes = tuple(sorted(path for path in plain if path not in _FOLDERS))
        kept = (*_FOLDERS, *_FILES, *_BEHIND_LINKS, *self._volumes)
        self._kept = {above for path in kept for above in _way(path)}
        self._at: dict[bytes, _Entry] = {}

    def note(self, layer: int, parts: list[bytes], kind: bytes, target: bytes = b"") -> None:
        """Take a member of a layer, of which it is known that it lies behind no link."""
        for depth in range(1, len(parts)):
            above = b"/".join(parts[:depth])
            if above not in self._kept:
                return
            self._put(above, _Entry(FOLDER, layer))
        name, folder = parts[-1], parts[:-1]
        if name == OPAQUE:
            self._remove(b"/".join(folder), layer, itself=False)
        elif name.startswith(WHITEOUT):
            self._remove(b"/".join([*folder, name.removeprefix(WHITEOUT)]), layer, itself=True)
        else:
            self._put(b"/".join(parts), _Entry(kind, layer, target))

    def refuse(self) -> None:
        """Make sure that everything the sandbox mounts can be mounted where it belongs.

        Raises:
            ImageMountRefused: The image has something else in such a place.
        """
        for path in (*_FOLDERS, *self._volumes):
            what = _FOLDERS.get(path, "an empty folder over this VOLUME")
            for above in _way(path):
                entry = self._at.get(above)
                if entry is not None and entry.kind != FOLDER:
                    raise _refusal(above, _kind(entry), what, "a folder")
        for path in _FILES:
            if (found := self._file_fault(path)) is not None:
                raise _refusal(path, found, "a file of the engine's", "a file, or nothing,")

    def _put(self, path: bytes, entry: _Entry) -> None:
        if path not in self._kept:
            return
        if entry.kind != FOLDER:
            self._remove(path, entry.layer + 1, itself=True)
        self._at[path] = entry

    def _remove(self, path: bytes, layer: int, *, itself: bool) -> None:
        """Forget a path and what lies below it, of the layers before this one."""
        if path and path not in self._kept:
            return
        below = path + b"/" if path else b""
        for found, entry in list(self._at.items()):
            if entry.layer < layer and (found.startswith(below) or (itself and found == path)):
                del self._at[found]

    def _file_fault(self, path: bytes) -> str | None:
        """Say what keeps a file from being mounted at a path; None where nothing does, or nothing is known."""
        at, ahead, links = b"", path.split(b"/"), 0
        while ahead:
            at = b"/".join((at, ahead.pop(0))) if at else ahead.pop(0)
            entry = self._at.get(at)
            if entry is None:
                return f"what leads into /{at.split(b'/')[0].decode()}" if links and _is_mounted(at) else None
            if entry.kind == SYMLINK and (ahead or path not in _UNLINKED):
                links += 1
                target = _followed(at, entry.target)
                if target is None or links > _LINKS:
                    return "a symbolic link that leads nowhere" if target is not None else None
                at, ahead = b"", [*target, *ahead]
            elif entry.kind != FOLDER:
                return f"below {_kind(entry)}" if ahead else None
        if links and _is_mounted(at):
            return f"what leads into /{at.split(b'/')[0].decode()}"
        return "a folder"


def _way(path: bytes) -> Iterator[bytes]:
    """Yield the folders on the way to a path, and the path."""
    parts = path.split(b"/")
    return (b"/".join(parts[:depth]) for depth in range(1, len(parts) + 1))


def _followed(at: bytes, target: bytes) -> list[bytes] | None:
    """Return where a link at a path leads, from the root on; None where that is not plain."""
    start = [] if target.startswith(b"/") else at.split(b"/")[:-1]
    for part in target.split(b"/"):
        if part == b"..":
            start = start[:-1]
        elif part not in {b"", b"."}:
            start = [*start, part]
    return start or None


def _is_mounted(path: bytes) -> bool:
    return path.split(b"/")[0] in _MOUNTED


def _kind(entry: _Entry) -> str:
    if entry.kind == SYMLINK:
        return "a symbolic link"
    if entry.kind in {CHARACTER, BLOCK_DEVICE}:
        return "a device"
    return "a folder" if entry.kind == FOLDER else "a file"


def _refusal(path: bytes, kind: str, what: str, wanted: str) -> ImageMountRefused:
    shown = ascii(path.decode(errors="replace"))[1:-1][:80]
    return ImageMountRefused(path=f"/{shown}", kind=kind, what=what, next_step=_NEXT.format(wanted=wanted))
