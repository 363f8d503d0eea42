"""Loading a submitted image, and whose fault it is when the engine refuses.

Intake has accepted the archive and its bytes are what was accepted, so either the image is one that this engine cannot
unpack, or the host is unwell. The image is charged only if the engine refuses it every time, in words that do not tell
of the host, and takes another archive of ours in between.
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
import re
import secrets
import tarfile
import tempfile
import time
from pathlib import Path
from typing import Protocol

from runners.archived import kept_name
from runners.engine import ImageFacts
from runners.faults import ContainerCannotStart, EngineRefused

_log = logging.getLogger(__name__)

TRIES = 3
PAUSE_SECONDS = 2.0
# What the kernel and Go's library say when it is the host that fails, at a message's end. Further to the front are the
# names of the image's own files, which are the vendor's words.
_HOSTS_WORDS = (
    "no space left on device", "disk quota exceeded", "input/output error", "read-only file system",
    "structure needs cleaning", "stale file handle", "bad file descriptor", "cannot allocate memory",
    "too many open files", "too many open files in system", "resource temporarily unavailable",
    "device or resource busy", "permission denied", "operation not permitted", "context canceled",
    "context deadline exceeded", "connection reset by peer", "connection refused", "broken pipe", "i/o timeout",
)  # fmt: skip
_KILLED = re.compile(r"[^/]*processing tar file\(signal: ", re.IGNORECASE)
_BAD_REQUEST, _SERVER_ERROR = 400, 500


class Loads(Protocol):
    """The part of an engine that loading needs."""

    def ensure_image(self, image_id: str, archive: Path | None) -> ImageFacts:
        """Return an image's facts, loaded out of its archive where it is not there."""

    def remove_image(self, image: str) -> None:
        """Remove an image or a name."""


def load_submitted(engine: Loads, image_id: str, archive: Path) -> ImageFacts:
    """Load the archive of a submitted image, whose bytes have been verified, unless the engine has the image.

    Raises:
        ContainerCannotStart: The engine refuses this image, and the host has nothing to do with it.
        RunnerFault: The host's fault: the engine is away, its disk is full, or it does not load other images either.
    """
    for number in range(1, TRIES + 1):
        try:
            return engine.ensure_image(image_id, archive)
        except EngineRefused as refused:
            if is_the_hosts(refused):
                raise
            _log.warning("image_refused", extra={"image": image_id, "number": number, "reason": refused.explanation})
            last = refused
        if number < TRIES:
            time.sleep(PAUSE_SECONDS)
        _load_another(engine)
    raise ContainerCannotStart(last.explanation) from last


def is_the_hosts(refused: EngineRefused) -> bool:
    """Say whether the engine's words, or its status, tell that it was the host that failed."""
    if refused.status not in {None, _BAD_REQUEST, _SERVER_ERROR}:
        return True
    said = refused.explanation.strip().rstrip(".").lower()
    return said.endswith(_HOSTS_WORDS) or _KILLED.match(said) is not None


def _load_another(engine: Loads) -> None:
    """Let the engine load an image of ours that nobody has loaded before, and remove it.

    Raises:
        RunnerFault: It does not: the host's fault.
    """
    with tempfile.TemporaryDirectory(prefix="arena-control-") as folder:
        path = Path(folder) / "image.tar"
        image_id = write_control(path)
        engine.ensure_image(image_id, path)
        engine.remove_image(kept_name(image_id))


def write_control(path: Path) -> str:
    """Write the archive of an image with one small file that is new every time; return the image's id."""
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        _add(tar, "control", secrets.token_bytes(4096))
    digest = hashlib.sha256(layer.getvalue()).hexdigest()
    config = json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Cmd": ["/control"]},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
        }
    ).encode()
    name = hashlib.sha256(config).hexdigest()
    manifest = [{"Config": f"{name}.json", "RepoTags": None, "Layers": [f"{digest}.tar"]}]
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as archive:
        _add(archive, f"{name}.json", config)
        _add(archive, f"{digest}.tar", layer.getvalue())
        _add(archive, "manifest.json", json.dumps(manifest).encode())
    return f"sha256:{name}"


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))
