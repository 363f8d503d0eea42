"""Challenges and image archives for tests."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from arena.challenge.bundle import Bundle, read_bundle
from arena.store.session import Store
from arena.store.tables import CaseSet

OPENS = datetime(2026, 3, 1, 9, tzinfo=UTC)
CLOSES = datetime(2026, 3, 20, 9, tzinfo=UTC)
DURING = datetime(2026, 3, 2, 12, tzinfo=UTC)
AFTER = datetime(2026, 4, 1, tzinfo=UTC)

CHALLENGE = """\
slug: chest
title: {en: Chest, ru: Грудная клетка}
summary: {en: Nodules, ru: Узлы}
modality: DX
organiser: The test
source: Generated
findings:
  - code: nodule
    name: {en: Nodule, ru: Узел}
    threshold: 0.5
case_sets:
  - {name: public, split: public}
  - {name: final, split: final}
phases:
  - name: public
    title: {en: Public, ru: Открытый}
    cases: public
    opens_at: 2026-03-01T09:00:00Z
    closes_at: 2026-03-20T09:00:00Z
    quota: {per_day: 2, total: 3}
  - name: final
    title: {en: Final, ru: Финал}
    cases: final
    follows: public
"""


def write_bundle(folder: Path, text: str = CHALLENGE) -> Path:
    """Write a challenge's folder and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "challenge.yaml").write_text(text, encoding="utf-8")
    (folder / "rules.en.md").write_text("# Rules\n", encoding="utf-8")
    (folder / "rules.ru.md").write_text("# Правила\n", encoding="utf-8")
    return folder


def bundle_with(folder: Path, *changes: tuple[str, str]) -> Bundle:
    """Return the test challenge with passages replaced; each must be there."""
    text = CHALLENGE
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    return read_bundle(write_bundle(folder, text))


def case_set(name: str, **changes: Any) -> CaseSet:
    """Return an imported case set that nothing is wrong with."""
    counts = {"positive": 200, "negative": 300, "unknown": 0, "positive_patients": 200, "negative_patients": 300}
    facts = {
        "digest": f"digest-{name}",
        "challenge_slug": "chest",
        "name": name,
        "version": 1,
        "split": name,
        "references_digest": "r" * 64,
        "references_size_bytes": 10,
        "n_cases": 500,
        "n_patients": 500,
        "counts": {"nodule": counts},
        "imported_at": OPENS,
    }
    return CaseSet(**(facts | changes))


def add_case_sets(store: Store, *names: str) -> None:
    """Write case sets as an import would."""
    with store.write() as session:
        session.add_all([case_set(name) for name in names])


@dataclass
class FakeImage:
    """An image archive as `docker save` writes it, with whatever is wrong that a test wants."""

    layers: list[bytes] = field(default_factory=lambda: [layer("hello.txt", b"hello")])
    architecture: str = "amd64"
    runtime: dict[str, Any] = field(default_factory=lambda: {"Cmd": ["/run"]})
    gzip_layers: bool = False
    tags: list[str] | None = field(default_factory=lambda: ["arena-test-fake:1"])
    """Never the name of an image that somebody needs: an engine that loads the archive moves it."""
    config_name: str | None = None
    config_changes: dict[str, Any] = field(default_factory=dict)
    manifest: Any = None
    extra: list[tuple[tarfile.TarInfo, bytes]] = field(default_factory=list)

    def config(self) -> bytes:
        diff_ids = [f"sha256:{hashlib.sha256(content).hexdigest()}" for content in self.layers]
        config = {
            "architecture": self.architecture,
            "os": "linux",
            "config": self.runtime,
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
        }
        return json.dumps(config | self.config_changes).encode()

    @property
    def image_id(self) -> str:
        return f"sha256:{hashlib.sha256(self.config()).hexdigest()}"

    def write(self, path: Path) -> Path:
        """Write the archive and return its path."""
        config_name = self.config_name or f"{self.image_id.removeprefix('sha256:')}.json"
        names = [f"layer{number}/layer.tar" for number in range(len(self.layers))]
        manifest = self.manifest
        if manifest is None:
            manifest = [{"Config": config_name, "RepoTags": self.tags, "Layers": names}]
        with tarfile.open(path, "w") as archive:
            add_member(archive, config_name, self.config())
            for name, content in zip(names, self.layers, strict=True):
                add_member(archive, name, gzip.compress(content, mtime=0) if self.gzip_layers else content)
            for member, content in self.extra:
                archive.addfile(member, io.BytesIO(content))
            add_member(archive, "manifest.json", json.dumps(manifest).encode())
        return path


def add_member(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    """Add a regular file to an archive."""
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))


def layer(name: str, content: bytes) -> bytes:
    """Return a layer that holds one file."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        add_member(archive, name, content)
    return buffer.getvalue()
