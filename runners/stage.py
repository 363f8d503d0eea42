"""From a study's blob to the folder that the container sees, and away again.

A study is unpacked into a private folder while its digest is computed; only when the digest is right is the folder
renamed, whole, into the bound `/input`. All folders lie on one file system, so that both steps are single renames.
"""

# ruff: noqa: PTH101, PTH102, PTH104
# Paths are strings where a case passes: making a `Path` costs as much as the system call that it is made for.

from __future__ import annotations

import hashlib
import io
import os
import queue
import re
import shutil
import tarfile
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO, Protocol

from runners.faults import StudyUnavailable
from runners.policy import INPUT
from runners.protocol import BlobSource
from runners.ustar import MalformedArchiveError, members
from runners.values import CaseInput

_CHUNK = 1 << 20
_WAITING_FOR_REMOVAL = 8
_CASE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_MEMBER = re.compile(r"s[0-9]{1,6}/i[0-9]{1,8}\.dcm")


@dataclass(frozen=True, slots=True)
class StagedCase:
    """A case whose study lies ready: its name and its files' paths, with their SHA-256 where that was asked for.

    A `flat` case fills /input itself, another one a folder of its name there.
    """

    name: str
    files: Mapping[str, str]
    flat: bool = False

    @property
    def path(self) -> str:
        """Where the container sees it."""
        return INPUT if self.flat else f"{INPUT}/{self.name}"


class Arrangement(Protocol):
    """Makes of an unpacked study what an image of another host expects in /input."""

    def __call__(self, folder: Path, case: str) -> Sequence[str]:
        """Replace what is in the folder; return the new files' paths in it.

        Raises:
            ValueError: The study cannot be shown so.
            OSError: It cannot be written.
        """


class Stage:
    """The folders of one attempt: `input` is bound into its containers, one case at a time appears in it.

    `left` is where files go that containers left; no container sees it.
    """

    def __init__(self, root: Path, studies: BlobSource, arrange: Arrangement | None = None) -> None:
        """Name the folders; `root` is made by `open` and removed by `close`. `arrange` makes every case a flat one."""
        self._arrange = arrange
        self._root = root
        self._studies = studies
        self._ready = str(root / "ready")
        self._used = str(root / "used")
        self.left = root / "left"
        self.input = root / "input"
        self._input = str(self.input)
        self._remover = _Remover()

    def open(self) -> None:
        """Make the folders, the root for us alone.

        Raises:
            StudyUnavailable: They cannot be made.
        """
        try:
            self._root.mkdir(parents=True, mode=0o700)
            for folder in (self._ready, self._used, str(self.left), str(self.input)):
                os.mkdir(folder)
            # The container is some other user: it passes through the bound folder only, never through the root.
            self.input.chmod(0o755)
        except OSError as error:
            msg = f"The staging folder {self._root} cannot be made: {error}"
            raise StudyUnavailable(msg) from error
        self._remover.start()

    def close(self) -> None:
        """Remove everything.

        Raises:
            StudyUnavailable: Something of it stays.
        """
        self._remover.stop()
        remove_folder(self._root)

    def prepare(self, case: CaseInput, *, digests: bool = False) -> StagedCase:
        """Unpack a case's study where no container sees it, and verify its digest.

        Args:
            case: The case.
            digests: Whether to keep each file's digest, for `compare_with_stage`.

        Raises:
            StudyUnavailable: The blob is missing, has another digest, or is not the archive that a study has to be.
        """
        if not _CASE_NAME.fullmatch(case.case):
            msg = f"Not a case name: {case.case!r}"
            raise StudyUnavailable(msg)
        folder = f"{self._ready}/{case.case}"
        try:
            with self._studies.open(case.study) as blob:
                stream = _Hashing(blob)
                os.mkdir(folder)
                files = _unpack(stream, folder, digests=digests)
                found = stream.finish()
        except (OSError, tarfile.TarError, MalformedArchiveError) as error:
            msg = f"Study {case.study.sha256} cannot be unpacked: {error}"
            raise StudyUnavailable(msg) from error
        except Exception as error:
            # A blob store has errors of its own, of which this package knows nothing.
            msg = f"Study {case.study.sha256} cannot be fetched: {error}"
            raise StudyUnavailable(msg) from error
        if found != case.study.sha256:
            msg = f"Study {case.study.sha256} is damaged: its bytes have digest {found}."
            raise StudyUnavailable(msg)
        if self._arrange is None:
            return StagedCase(case.case, files)
        return StagedCase(case.case, self._rearranged(self._arrange, case, Path(folder), digests), flat=True)

    def reveal(self, case: StagedCase) -> None:
        """Let the container see the case."""
        self._move(case, f"{self._ready}/{case.name}", self._shown(case))

    def withdraw(self, case: StagedCase) -> None:
        """Take a revealed case away, to be revealed again later."""
        self._move(case, self._shown(case), f"{self._ready}/{case.name}")

    def discard(self, case: StagedCase) -> None:
        """Take a revealed case away for good; its folder is never used again, as a container may hold it open."""
        used = f"{self._used}/{case.name}"
        if case.flat:
            os.mkdir(used)
        self._move(case, self._shown(case), used)
        self._remover.remove(used)

    def _shown(self, case: StagedCase) -> str:
        return self._input if case.flat else f"{self._input}/{case.name}"

    def _move(self, case: StagedCase, source: str, target: str) -> None:
        if not case.flat:
            os.rename(source, target)
            return
        for entry in sorted({name.partition("/")[0] for name in case.files}):
            os.rename(f"{source}/{entry}", f"{target}/{entry}")

    def _rearranged(self, arrange: Arrangement, case: CaseInput, folder: Path, digests: bool) -> Mapping[str, str]:
        try:
            names = arrange(folder, case.case)
            return {name: _file_digest(folder / name) if digests else "" for name in names}
        except (OSError, ValueError) as error:
            msg = f"Study {case.study.sha256} cannot be shown in the layout that the challenge declares: {error}"
            raise StudyUnavailable(msg) from error


def remove_folder(root: Path) -> None:
    """Remove an attempt's folder with all that is in it; one that is gone is well.

    Raises:
        StudyUnavailable: Something of it stays.
    """
    try:
        shutil.rmtree(root)
    except FileNotFoundError:
        return
    except OSError as error:
        msg = f"The staging folder {root} cannot be removed: {error}"
        raise StudyUnavailable(msg) from error


def compare_with_stage(case: StagedCase, tar_stream: Iterable[bytes] | None) -> None:
    """Check that what a container would see of a case is what was staged, file by file.

    Args:
        case: The staged and revealed case.
        tar_stream: The case's `path` as the engine reads it through the container; None where it sees no such folder.

    Raises:
        StudyUnavailable: A file is missing, added or different.
    """
    seen = _files_seen(case.name, tar_stream) if tar_stream is not None else {}
    if seen != dict(case.files):
        wrong = sorted(name for name in seen.keys() | case.files.keys() if seen.get(name) != case.files.get(name))
        msg = (
            f"The container would not see case {case.name} as it was staged ({len(wrong)} files differ, first "
            f"{wrong[0]}). The staging folder must have the same path for this process and for the engine."
        )
        raise StudyUnavailable(msg)


def _files_seen(case: str, tar_stream: Iterable[bytes]) -> dict[str, str]:
    seen: dict[str, str] = {}
    try:
        with tarfile.open(fileobj=_Chunks(tar_stream), mode="r|", bufsize=_CHUNK) as archive:
            for member in archive:
                if member.isdir():
                    continue
                content = archive.extractfile(member) if member.isfile() else None
                seen[member.name.partition("/")[2]] = _digest(content) if content else "no regular file"
    except tarfile.TarError as error:
        msg = f"What the container would see of case {case} cannot be read: {error}"
        raise StudyUnavailable(msg) from error
    return seen


def _digest(content: IO[bytes]) -> str:
    hashed = hashlib.sha256()
    while chunk := content.read(_CHUNK):
        hashed.update(chunk)
    return hashed.hexdigest()


def _file_digest(path: Path) -> str:
    with path.open("rb") as content:
        return _digest(content)


class _Remover:
    """Deletes folders in a thread of its own: a busy disk takes longer for it than for all the rest of a case."""

    def __init__(self) -> None:
        self._folders: queue.Queue[str | None] = queue.Queue(maxsize=_WAITING_FOR_REMOVAL)
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="arena-stage", daemon=True)
        self._thread.start()

    def remove(self, folder: str) -> None:
        self._folders.put(folder)

    def stop(self) -> None:
        """Wait until everything is deleted, or was tried."""
        if self._thread is not None:
            self._folders.put(None)
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        while (folder := self._folders.get()) is not None:
            # What stays is removed with the whole root at the end, where a failure has its error.
            shutil.rmtree(folder, ignore_errors=True)


class _Hashing:
    """A reader that computes the digest of all that passes."""

    def __init__(self, blob: BinaryIO) -> None:
        self._blob = blob
        self._digest = hashlib.sha256()

    def read(self, size: int) -> bytes:
        data = self._blob.read(size)
        self._digest.update(data)
        return data

    def finish(self) -> str:
        """Read what is left and return the digest of the whole."""
        while self.read(_CHUNK):
            pass
        return self._digest.hexdigest()


def _unpack(stream: _Hashing, folder: str, *, digests: bool) -> dict[str, str]:
    """Write the archive's files; return their names and, if asked for, digests. All get the same time."""
    files: dict[str, str] = {}
    series: set[str] = set()
    for member in members(stream.read):
        if not _MEMBER.fullmatch(member.name) or member.name in files:
            msg = f"member {member.name!r} is not one file of one series"
            raise MalformedArchiveError(msg)
        parent = member.name.partition("/")[0]
        if parent not in series:
            os.mkdir(f"{folder}/{parent}")
            series.add(parent)
        files[member.name] = _write(f"{folder}/{member.name}", member.content, digests)
    if not files:
        msg = "the archive is empty"
        raise MalformedArchiveError(msg)
    for path in (*(f"{folder}/{name}" for name in series), folder):
        os.chmod(path, 0o755)  # noqa: S103 - the container is some other user and has to read it
        os.utime(path, (0, 0))
    return files


def _write(path: str, content: Iterable[bytes], digest: bool) -> str:
    hashed = hashlib.sha256()
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    try:
        for chunk in content:
            if digest:
                hashed.update(chunk)
            written = memoryview(chunk)
            while written:
                written = written[os.write(file, written) :]
        os.fchmod(file, 0o644)
        os.utime(file, (0, 0))
    finally:
        os.close(file)
    return hashed.hexdigest() if digest else ""


class _Chunks(io.RawIOBase):
    """An iterator of bytes as a file."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while not self._rest:
            try:
                self._rest = next(self._chunks)
            except StopIteration:
                return 0
        taken = self._rest[: len(buffer)]
        self._rest = self._rest[len(taken) :]
        buffer[: len(taken)] = taken
        return len(taken)
