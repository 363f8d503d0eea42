"""Image archives with whatever is wrong in them that a test wants: layers by their members, and OCI layouts."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.bundles import FakeImage, add_member

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"


def entry(name: str, kind: bytes = tarfile.REGTYPE, target: str = "", **changes: Any) -> tarfile.TarInfo:
    """Return a member without content."""
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    member.mode = 0o755 if kind == tarfile.DIRTYPE else 0o644
    for key, value in changes.items():
        setattr(member, key, value)
    return member


def layer_of(*members: tarfile.TarInfo | tuple[str, bytes], form: int = tarfile.PAX_FORMAT) -> bytes:
    """Return a layer of these members, a file being a name and its bytes."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as archive:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                archive.addfile(member)
            else:
                add_member(archive, *member)
    return buffer.getvalue()


@dataclass
class Layout:
    """An OCI image layout around an image."""

    image: FakeImage = field(default_factory=FakeImage)
    compress: bool = True
    layer_changes: dict[str, Any] = field(default_factory=dict)
    attested: bool = False
    nested: bool = False
    copies: int = 1
    dropped: Iterable[str] = ()
    blobs: dict[str, bytes] = field(default_factory=dict)

    def write(self, path: Path, *, prefix: str = "") -> Path:
        """Write the layout as a tar and return its path."""
        layers = [gzip.compress(content, mtime=0) if self.compress else content for content in self.image.layers]
        kind = LAYER + ("+gzip" if self.compress else "")
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": self.describe(self.image.config(), CONFIG),
            "layers": [self.describe(content, kind) | self.layer_changes for content in layers],
        }
        listed = [self.describe(json.dumps(manifest | {"annotations": {"n": str(n)}}).encode(), MANIFEST) for n in range(self.copies)]  # fmt: skip
        if self.attested:
            note = {"vnd.docker.reference.type": "attestation-manifest"}
            nowhere = {"architecture": "unknown", "os": "unknown"}
            listed.append(self.describe(b"{}", MANIFEST) | {"annotations": note, "platform": nowhere})
        index = {"schemaVersion": 2, "manifests": listed}
        if self.nested:
            index = {"schemaVersion": 2, "manifests": [self.describe(json.dumps(index).encode(), INDEX)]}
        with tarfile.open(path, "w") as archive:
            add_member(archive, f"{prefix}oci-layout", b'{"imageLayoutVersion": "1.0.0"}')
            add_member(archive, f"{prefix}index.json", json.dumps(index).encode())
            for name, content in self.blobs.items():
                if name not in set(self.dropped):
                    add_member(archive, f"{prefix}{name}", content)
        return path

    def describe(self, content: bytes, kind: str) -> dict[str, Any]:
        """Keep a blob and return its descriptor."""
        digest = hashlib.sha256(content).hexdigest()
        self.blobs[f"blobs/sha256/{digest}"] = content
        return {"mediaType": kind, "digest": f"sha256:{digest}", "size": len(content)}
