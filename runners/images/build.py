"""Building an image out of a folder with a Dockerfile: no network, and the same bytes on every machine."""

from __future__ import annotations

import io
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO

from runners.engine import Engine

_IN_MEMORY = 16 * 1024 * 1024
_SKIPPED = frozenset({"__pycache__", ".git", ".DS_Store"})


def build_image(engine: Engine, folder: Path, tag: str, base: str) -> str:
    """Build an image from a folder.

    Args:
        engine: Where to build it.
        folder: Holds a Dockerfile that begins with `ARG BASE_IMAGE` and `FROM ${BASE_IMAGE}`. Links in it are followed,
            so that a folder can share files with others.
        tag: The image's name.
        base: The image that it is built on; must be there already, as nothing is fetched.

    Returns:
        The image's id.

    Raises:
        RunnerFault: The engine is not there, or the build failed.
        FileNotFoundError: There is no Dockerfile, or a link leads nowhere.
    """
    if not (folder / "Dockerfile").is_file():
        msg = f"{folder} has no Dockerfile"
        raise FileNotFoundError(msg)
    with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as context:
        pack(folder, context)
        context.seek(0)
        return engine.build(context, tag=tag, arguments={"BASE_IMAGE": base})


def build_from_files(engine: Engine, files: Mapping[str, bytes], tag: str, base: str) -> str:
    """Build an image from files in memory, the Dockerfile among them; otherwise as `build_image`."""
    context = io.BytesIO()
    with tarfile.open(fileobj=context, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name in sorted(files):
            _add(archive, name, len(files[name]), io.BytesIO(files[name]), executable=False)
    context.seek(0)
    return engine.build(context, tag=tag, arguments={"BASE_IMAGE": base})


def pack(folder: Path, target: IO[bytes]) -> None:
    """Write a folder as a tar archive: sorted, links followed, every time, owner and mode alike.

    Raises:
        FileNotFoundError: A symbolic link leads nowhere.
    """
    with tarfile.open(fileobj=target, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path in _files(folder):
            executable = bool(path.stat().st_mode & 0o100)
            with path.open("rb") as content:
                _add(archive, path.relative_to(folder).as_posix(), path.stat().st_size, content, executable=executable)


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.name in _SKIPPED:
            continue
        if path.is_dir():
            yield from _files(path)
        else:
            yield path


def _add(archive: tarfile.TarFile, name: str, size: int, content: IO[bytes], *, executable: bool) -> None:
    member = tarfile.TarInfo(name)
    member.size = size
    # The vendor's files are read by a random user.
    member.mode = 0o755 if executable else 0o644
    archive.addfile(member, content)
