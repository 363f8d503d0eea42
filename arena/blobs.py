"""Content-addressed files over fsspec: studies, references, images, results, public documents.

A blob lies under its SHA-256 (`ab/abcdef…`), a named object under its name; both are written beside their place and
renamed into it, so that a reader sees a whole file or none.
"""

from __future__ import annotations

import hashlib
import secrets
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast

import fsspec
from fsspec.implementations.local import LocalFileSystem

from arena.errors import BlobCorrupt
from runners.values import BlobRef

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file under a root: its name relative to it, its size, and when it was written."""

    name: str
    size_bytes: int
    modified_at: datetime


def digest_file(path: Path) -> BlobRef:
    """Return the reference of a file's bytes."""
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return BlobRef(digest, path.stat().st_size)


class BlobStore:
    """One root of blobs: a folder, or any fsspec URL (`s3://bucket/prefix`)."""

    def __init__(self, root: str | Path, *, mode: int = 0o755) -> None:
        """Open a root; nothing is touched before the first write. `mode` is that of a local root's folders."""
        self._fs, self._root = fsspec.core.url_to_fs(str(root))
        self._mode = mode

    @property
    def root(self) -> str:
        """Where the blobs lie."""
        return str(self._root)

    @property
    def is_local(self) -> bool:
        """Whether the root is a folder of this machine."""
        return isinstance(self._fs, LocalFileSystem)

    def scratch(self) -> Path | None:
        """Return a folder for large files on their way into the root, on its disk; None where that is not local.

        The system's own folder may lie in memory, and a file of an image's size would then end this process.
        """
        if not self.is_local:
            return None
        folder = Path(self.root)
        folder.mkdir(parents=True, exist_ok=True, mode=self._mode)
        return folder

    def stored(self) -> list[StoredFile]:
        """Return everything under the root, also what a process that was killed left half written, by name."""
        self._fs.invalidate_cache()
        found = []
        for path, facts in self._fs.find(self._root, detail=True).items():
            moment = facts.get("mtime", facts.get("LastModified"))
            written = moment if isinstance(moment, datetime) else datetime.fromtimestamp(float(moment), UTC)
            found.append(StoredFile(str(path).removeprefix(f"{self._root}/"), int(facts["size"]), written))
        return sorted(found, key=lambda file: file.name)

    def put(self, content: bytes) -> BlobRef:
        """Store bytes under their digest."""
        ref = BlobRef(hashlib.sha256(content).hexdigest(), len(content))
        if not self.has(ref):
            self._write(self._path(ref.sha256), content)
        return ref

    def put_file(self, path: Path) -> BlobRef:
        """Store a file under its digest; a local root may take the file itself by renaming."""
        ref = digest_file(path)
        if self.has(ref):
            return ref
        target = self._path(ref.sha256)
        part = self._part(target)
        if isinstance(self._fs, LocalFileSystem):
            try:
                shutil.copyfile(path, part)
            except OSError:
                Path(part).unlink(missing_ok=True)  # a disk that is full must not stay full of halves
                raise
            self._fs.mv(part, target)
        else:
            self._fs.put_file(str(path), part)
            self._fs.mv(part, target)
        return ref

    def has(self, ref: BlobRef) -> bool:
        """Say whether the blob is there with its full size."""
        path = self._path(ref.sha256)
        return bool(self._fs.exists(path)) and self._fs.size(path) == ref.size_bytes

    def open(self, ref: BlobRef) -> BinaryIO:
        """Open a blob for reading.

        Raises:
            BlobCorrupt: The blob is missing.
        """
        try:
            return cast("BinaryIO", self._fs.open(self._path(ref.sha256), "rb"))
        except FileNotFoundError as error:
            raise BlobCorrupt(digest=ref.sha256, root=self._root, reason="no such file") from error

    def get(self, sha256: str) -> bytes:
        """Return a blob's bytes, verified.

        Raises:
            BlobCorrupt: The blob is missing, or its bytes do not have that digest.
        """
        try:
            content = cast("bytes", self._fs.cat_file(self._path(sha256)))
        except FileNotFoundError as error:
            raise BlobCorrupt(digest=sha256, root=self._root, reason="no such file") from error
        if hashlib.sha256(content).hexdigest() != sha256:
            raise BlobCorrupt(digest=sha256, root=self._root, reason="its bytes have another digest")
        return content

    def local_path(self, ref: BlobRef) -> Path:
        """Return the blob as a verified local file.

        Raises:
            BlobCorrupt: The blob is missing or damaged, or the root is not local.
        """
        if not isinstance(self._fs, LocalFileSystem):
            raise BlobCorrupt(digest=ref.sha256, root=self._root, reason="this root has no local files")
        path = Path(self._path(ref.sha256))
        if not path.is_file() or digest_file(path) != ref:
            raise BlobCorrupt(digest=ref.sha256, root=self._root, reason="missing, or its bytes have another digest")
        return path

    def put_named(self, name: str, content: bytes) -> None:
        """Store bytes under a relative name unless that name is taken."""
        path = self._named(name)
        if not self._fs.exists(path):
            self._write(path, content)

    def get_named(self, name: str) -> bytes | None:
        """Return the bytes of a name, or None."""
        try:
            return cast("bytes", self._fs.cat_file(self._named(name)))
        except FileNotFoundError:
            return None

    def remove(self, ref: BlobRef) -> None:
        """Remove a blob if it is there: for whoever stored it just now and failed before anything referred to it."""
        self._remove(self._path(ref.sha256))

    def remove_named(self, name: str) -> None:
        """Remove a named object if it is there; the same care is due."""
        self._remove(self._named(name))

    def _remove(self, path: str) -> None:
        if self._fs.exists(path):
            self._fs.rm_file(path)

    def _path(self, sha256: str) -> str:
        return f"{self._root}/{sha256[:2]}/{sha256}"

    def _named(self, name: str) -> str:
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
            msg = f"not a relative name: {name!r}"
            raise ValueError(msg)
        return f"{self._root}/{name}"

    def _part(self, target: str) -> str:
        parent = target.rsplit("/", 1)[0]
        if isinstance(self._fs, LocalFileSystem):
            Path(self._root).mkdir(parents=True, exist_ok=True, mode=self._mode)
            Path(parent).mkdir(parents=True, exist_ok=True, mode=self._mode)
        return f"{target}.{secrets.token_hex(4)}.part"

    def _write(self, target: str, content: bytes) -> None:
        part = self._part(target)
        with self._fs.open(part, "wb") as stream:
            stream.write(content)
        self._fs.mv(part, target)
