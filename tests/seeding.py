"""A small contest put into a store by its rows, for tests of what happens after submission."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from arena.blobs import BlobStore
from arena.challenge.schema import Declaration
from arena.store.session import Store, new_code
from arena.store.tables import (
    Algorithm,
    Case,
    CaseSet,
    Challenge,
    ChallengeVersion,
    Evaluation,
    Submission,
    Vendor,
)
from runners.values import BlobRef

NOW = datetime(2026, 4, 1, 12, tzinfo=UTC)
FINDINGS = ("nodule", "effusion")


def declaration(**changes: object) -> Declaration:
    """A challenge of two findings whose phase `season` is open at NOW and is followed by `season-final`."""
    fields: dict[str, object] = {
        "slug": "small",
        "title": {"en": "Small", "ru": "Малый"},
        "summary": {"en": "A small contest.", "ru": "Малый конкурс."},
        "modality": "DX",
        "organiser": "Test hospital",
        "findings": [{"code": code, "name": {"en": code, "ru": code}, "threshold": 0.5} for code in FINDINGS],
        "case_sets": [{"name": "public", "split": "public"}, {"name": "final", "split": "final"}],
        "phases": [
            {
                "name": "season",
                "title": {"en": "Season", "ru": "Сезон"},
                "cases": "public",
                "opens_at": NOW - timedelta(days=1),
                "closes_at": NOW + timedelta(days=1),
            },
            {
                "name": "season-final",
                "title": {"en": "Final", "ru": "Финал"},
                "cases": "final",
                "follows": "season",
            },
        ],
        "limits": {"cases_per_shard": 5, "case_seconds": 2, "startup_seconds": 20, "memory_mib": 128},
        "min_per_class": 2,
    }
    return Declaration.model_validate(fields | changes)


def study_tar(content: bytes) -> bytes:
    """A study blob with one file."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        member = tarfile.TarInfo("s1/i0001.dcm")
        member.size, member.mode = len(content), 0o644
        archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


@dataclass(frozen=True, slots=True)
class Roots:
    """Blob roots under one folder, as the settings would place them."""

    home: Path

    @property
    def studies(self) -> BlobStore:
        return BlobStore(self.home / "vault" / "studies")

    @property
    def references(self) -> BlobStore:
        return BlobStore(self.home / "vault" / "references", mode=0o700)

    @property
    def results(self) -> BlobStore:
        return BlobStore(self.home / "results")

    @property
    def public(self) -> BlobStore:
        return BlobStore(self.home / "public")

    @property
    def images(self) -> BlobStore:
        return BlobStore(self.home / "images")


def label(case: int, finding: int) -> int:
    """The reference of a case: alternating, differently for each finding."""
    return case // (finding + 1) % 2


def seed_challenge(store: Store, declared: Declaration) -> str:
    """Insert a challenge version and return its digest."""
    body = declared.model_dump(mode="json")
    digest = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
    with store.write() as session:
        if session.get(Challenge, declared.slug) is None:
            session.add(Challenge(slug=declared.slug, created_at=NOW))
            session.flush()
        session.add(
            ChallengeVersion(
                digest=digest,
                challenge_slug=declared.slug,
                number=1,
                judging_digest=hashlib.sha256(b"judging" + digest.encode()).hexdigest(),
                declaration=body,
                rules_markdown={"en": "Rules.", "ru": "Правила."},
                valid_from=NOW,
            )
        )
    return digest


def seed_case_set(
    store: Store, roots: Roots, name: str, n_cases: int, *, slug: str = "small", study_bytes: int = 2_000
) -> str:
    """Insert a case set of `n_cases` studies, one patient each, and return its digest."""
    lines = [",".join(("case", "patient", *FINDINGS))]
    cases = []
    digest = hashlib.sha256(f"{slug}/{name}/{n_cases}".encode()).hexdigest()
    for number in range(1, n_cases + 1):
        body = f"{name}-{number}\n".encode().ljust(study_bytes, b".")
        ref = roots.studies.put(study_tar(body))
        lines.append(
            ",".join((f"c{number:04d}", f"p{number:04d}", *(str(label(number, k)) for k in range(len(FINDINGS)))))
        )
        cases.append(
            Case(
                case_set_digest=digest,
                name=f"c{number:04d}",
                patient_key=f"p{number:04d}",
                study_sha256=ref.sha256,
                study_size_bytes=ref.size_bytes,
            )
        )
    references = roots.references.put(("\n".join(lines) + "\n").encode())
    with store.write() as session:
        session.add(
            CaseSet(
                digest=digest,
                challenge_slug=slug,
                name=name,
                version=1,
                split=name,
                references_digest=references.sha256,
                references_size_bytes=references.size_bytes,
                n_cases=n_cases,
                n_patients=n_cases,
                counts={},
                imported_at=NOW,
            )
        )
        session.flush()
        session.add_all(cases)
    return digest


def seed_submission(
    store: Store,
    vendor: str,
    case_set: str,
    version: str,
    *,
    image_id: str = "sha256:" + "0" * 64,
    image: BlobRef | None = None,
    at: datetime = NOW,
    slug: str = "small",
    phase: str = "season",
) -> tuple[str, str]:
    """Insert a vendor's submission with its queued evaluation; return both codes."""
    code, evaluation = f"s-{vendor}-{new_code()}", f"e-{vendor}-{new_code()}"
    with store.write() as session:
        if session.get(Vendor, vendor) is None:
            session.add(Vendor(code=vendor, name=vendor.title(), created_at=at))
            session.flush()
            session.add(Algorithm(code=f"{vendor}-one", vendor_code=vendor, name="One", created_at=at))
            session.flush()
        session.add(
            Submission(
                code=code,
                algorithm_code=f"{vendor}-one",
                challenge_slug=slug,
                phase=phase,
                challenge_version=version,
                image_id=image_id,
                image_sha256=image.sha256 if image else "0" * 64,
                image_size_bytes=image.size_bytes if image else 0,
                submitted_at=at,
            )
        )
        session.flush()
        session.add(
            Evaluation(
                code=evaluation,
                submission_code=code,
                phase=phase,
                case_set_digest=case_set,
                challenge_version=version,
                queued_at=at,
            )
        )
    return code, evaluation


def output_lines(results: Sequence[dict[str, object]]) -> bytes:
    """An attempt's output blob."""
    return b"".join(json.dumps(result).encode() + b"\n" for result in results)
