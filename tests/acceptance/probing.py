"""A contest that only probes its hidden labels: ten containers whose answers are keyed hashes of the studies.

The labels are drawn by a seed and stand in no study, so every bit that an attacker has of them came from what was
public. `Season` runs the containers through the real worker and reads all that is public after each of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from arena.blobs import BlobStore
from arena.settings import Settings
from arena.store.session import Store
from arena.store.tables import Case, CaseSet
from arena.wiring import open_host
from arena.worker import Progress, Worker
from runners.engine import Engine
from runners.images.build import build_from_files
from tests.acceptance.probing_public import Seen, see
from tests.images import BASE_IMAGE, DOCKERFILE, STARTER_KIT
from tests.seeding import NOW, Roots, declaration, seed_challenge, seed_submission, study_tar

FINDINGS = ("nodule", "effusion", "pneumothorax")
CASES = 100
ATTEMPTS = 10
PREVALENCE = 0.38
"""As in the public sets of the chest phantom."""

VENDOR = "prober"
Labels = NDArray[np.bool_]
"""(case, finding)."""

PROBE = b"""
import hashlib, sys
sys.path.insert(0, "/opt/algorithm")
from arena_algorithm import serve

KEY = open("/opt/algorithm/key", "rb").read()

def predict(folder):
    study = b"".join(path.read_bytes() for path in sorted(folder.rglob("*.dcm")))
    def level(finding):
        return int.from_bytes(hashlib.sha256(KEY + finding.encode() + study).digest()[:8], "big") % 10001
    return {finding: level(finding) / 10000 for finding in ("nodule", "effusion", "pneumothorax")}

serve(predict)
"""


def key_of(attempt: int) -> bytes:
    """Return the key that the image of an attempt holds in a file."""
    return f"probe-{attempt}".encode()


def study(number: int) -> bytes:
    """Return the bytes of a study's only file: nothing about its labels."""
    return f"study-{number}\n".encode().ljust(500, b".")


def answers(attempt: int) -> NDArray[np.int64]:
    """Return what a probe answers: (case, finding), in levels; its vendor can compute them, for it wrote the probe."""

    def level(finding: str, content: bytes) -> int:
        digest = hashlib.sha256(key_of(attempt) + finding.encode() + content).digest()
        return int.from_bytes(digest[:8], "big") % 10001

    return np.array([[level(finding, study(case)) for finding in FINDINGS] for case in range(1, CASES + 1)])


def draw_labels(seed: int) -> Labels:
    """Draw the hidden labels."""
    return np.random.default_rng(seed).random((CASES, len(FINDINGS))) < PREVALENCE


def references(labels: Labels) -> bytes:
    """Return the references blob of these labels."""
    lines = [",".join(("case", "patient", *FINDINGS))]
    lines += [
        ",".join((f"c{number:04d}", f"p{number:04d}", *("1" if held else "0" for held in row)))
        for number, row in enumerate(labels, start=1)
    ]
    return ("\n".join(lines) + "\n").encode()


def probe_image(attempt: int) -> str:
    """Build the image of a probe and return its id."""
    files = {
        "Dockerfile": DOCKERFILE,
        "main.py": PROBE,
        "key": key_of(attempt),
        "arena_algorithm.py": STARTER_KIT.read_bytes(),
    }
    return build_from_files(Engine(), files, f"arena-test-probe:{attempt}", BASE_IMAGE)


def rules(entry_rule: str) -> dict[str, object]:
    """Return a declaration's fields: one phase, open for years, whose quota is the ten attempts."""
    return {
        "findings": [{"code": code, "name": {"en": code, "ru": code}, "threshold": 0.5} for code in FINDINGS],
        "phases": [
            {
                "name": "season",
                "title": {"en": "Season", "ru": "Сезон"},
                "cases": "public",
                "opens_at": NOW - timedelta(days=1),
                "closes_at": NOW + timedelta(days=3650),
                "entry_rule": entry_rule,
                "quota": {"per_day": ATTEMPTS, "total": ATTEMPTS},
                # Every attempt is shown, the most that one can be told; the Ladder is laid over it in a replay.
                "feedback": {"ladder": False},
            }
        ],
        "limits": {"cases_per_shard": 100, "case_seconds": 5, "startup_seconds": 60, "memory_mib": 128},
        "min_per_class": 20,
    }


def seed_cases(store: Store, roots: Roots, labels: Labels) -> str:
    """Insert the case set, one patient a study, and return its digest."""
    digest = hashlib.sha256(b"probing").hexdigest()
    cases = []
    for number in range(1, CASES + 1):
        ref = roots.studies.put(study_tar(study(number)))
        cases.append(
            Case(
                case_set_digest=digest,
                name=f"c{number:04d}",
                patient_key=f"p{number:04d}",
                study_sha256=ref.sha256,
                study_size_bytes=ref.size_bytes,
            )
        )
    held = roots.references.put(references(labels))
    with store.write() as session:
        session.add(
            CaseSet(
                digest=digest,
                challenge_slug="small",
                name="public",
                version=1,
                split="public",
                references_digest=held.sha256,
                references_size_bytes=held.size_bytes,
                n_cases=CASES,
                n_patients=CASES,
                counts={},
                imported_at=NOW,
            )
        )
        session.flush()
        session.add_all(cases)
    return digest


@dataclass
class Season:
    """An open phase in which one vendor hands in its ten probes, one after the other."""

    home: Path
    labels: Labels
    entry_rule: str = "last"
    submissions: list[str] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.roots = Roots(self.home)
        self.store = Store(f"sqlite:///{self.home / 'arena.db'}")
        self.store.migrate()
        self.version = seed_challenge(self.store, declaration(**rules(self.entry_rule)))
        self.case_set = seed_cases(self.store, self.roots, self.labels)

    @property
    def public(self) -> BlobStore:
        return self.roots.public

    @property
    def settings(self) -> Settings:
        return Settings(home=self.home)

    def run(self, image_of: Callable[[int], str] = probe_image) -> None:
        """Work off ten submissions with the real worker; the next is made when the one before is on the board."""

        def next_attempt(progress: Progress) -> bool:
            if progress.unfinished:
                return False
            if self.submissions:
                self.seen.append(see(self.store, self.public, self.submissions))
            if len(self.submissions) == ATTEMPTS:
                return True
            self.submit(image_of(len(self.submissions)))
            return False

        Worker(open_host(self.settings)).run(next_attempt)

    def submit(self, image_id: str) -> None:
        code, _ = seed_submission(
            self.store,
            VENDOR,
            self.case_set,
            self.version,
            image_id=image_id,
            at=datetime.now(UTC),
        )
        self.submissions.append(code)
