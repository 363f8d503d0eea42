"""Little algorithm images for tests, built on the base image."""

from __future__ import annotations

import os
from pathlib import Path

from arena.blobs import BlobStore
from runners.engine import Engine
from runners.images.build import build_from_files
from runners.values import BlobRef

BASE_IMAGE = os.environ.get("ARENA_BASE_IMAGE", "arena-base:1")
STARTER_KIT = Path(__file__).parents[1] / "runners" / "images" / "starter_kit" / "arena_algorithm.py"

DOCKERFILE = b"""ARG BASE_IMAGE
FROM ${BASE_IMAGE}
COPY . /opt/algorithm
ENTRYPOINT ["python3", "/opt/algorithm/main.py"]
"""

HASHING = b"""
import hashlib, sys
sys.path.insert(0, "/opt/algorithm")
from arena_algorithm import serve

def predict(folder):
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(folder.rglob("*.dcm")))).digest()
    return {"nodule": digest[0] / 256, "effusion": digest[1] / 256}

serve(predict)
"""
"""An algorithm whose answers follow from the studies' bytes alone."""


def build_algorithm(tag: str, main: bytes = HASHING) -> str:
    """Build an image around a main.py and return its id."""
    files = {"Dockerfile": DOCKERFILE, "main.py": main, "arena_algorithm.py": STARTER_KIT.read_bytes()}
    return build_from_files(Engine(), files, tag, BASE_IMAGE)


def store_archive(image_id: str, images: BlobStore, folder: Path) -> BlobRef:
    """Put an image's archive among the submitted ones."""
    path = folder / "image.tar"
    Engine().export(image_id, path)
    ref = images.put_file(path)
    path.unlink()
    return ref
