"""Image archives as the engine is given them: intake has written them, and none names an image."""

from __future__ import annotations

import io
import json
import re
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from runners.faults import ImageUnavailable

_KEPT = "arena-submission"
_ID_DIGITS = 40
_KEPT_NAME = re.compile(rf"(?:[^ ]+/)?{_KEPT}:([0-9a-f]{{{_ID_DIGITS}}})")
# Where an archive may name images: Docker's two forms, and an OCI layout's index.
_MANIFEST, _REPOSITORIES, _INDEX = "manifest.json", "repositories", "index.json"
_NAMING = ("io.containerd.image.name", "org.opencontainers.image.ref.name")
_JSON_BYTES = 4 * 1024 * 1024


def kept_name(image_id: str) -> str:
    """Return the one name under which a submitted image stands in the engine."""
    return f"{_KEPT}:{image_id.removeprefix('sha256:')[:_ID_DIGITS]}"


def is_kept_name(name: str, image_id: str) -> bool:
    """Say whether a name is the one that loading gave to this very image; Podman puts a registry before it."""
    found = _KEPT_NAME.fullmatch(name)
    return found is not None and image_id.removeprefix("sha256:").startswith(found[1])


def refuse_names(archive: Path) -> None:
    """Refuse an archive by which an engine would give names to images, or move them.

    Raises:
        ImageUnavailable: It does, or it is no image archive.
    """
    try:
        with tarfile.open(archive, "r:") as tar:
            described = {
                member.name: _read(tar, member)
                for member in tar
                if member.name in {_MANIFEST, _REPOSITORIES, _INDEX} and member.isfile()
            }
        names = sorted(set(_names(described)))
    except (tarfile.TarError, OSError, ValueError, TypeError, AttributeError) as error:
        msg = f"{archive} is no image archive: {error}"
        raise ImageUnavailable(msg) from error
    if _MANIFEST not in described:
        msg = f"{archive} is no image archive: it has no {_MANIFEST}"
        raise ImageUnavailable(msg)
    if names:
        msg = f"{archive} names {', '.join(names[:3])}: loading it would move these names. Intake writes no names."
        raise ImageUnavailable(msg)


def _read(tar: tarfile.TarFile, member: tarfile.TarInfo) -> Any:
    content = tar.extractfile(member) or io.BytesIO()
    return json.loads(content.read(_JSON_BYTES))


def _names(described: dict[str, Any]) -> Iterator[str]:
    for image in described.get(_MANIFEST) or ():
        yield from image.get("RepoTags") or ()
    for repository, tags in (described.get(_REPOSITORIES) or {}).items():
        yield from (f"{repository}:{tag}" for tag in tags)
    for manifest in (described.get(_INDEX) or {}).get("manifests") or ():
        said = manifest.get("annotations") or {}
        yield from (str(said[key]) for key in _NAMING if key in said)
