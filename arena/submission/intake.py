"""Accepting a submission: names, window, quota and image are checked, then everything is written at once or nothing."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlmodel import Session

from arena.blobs import BlobStore
from arena.challenge.opening import version_valid_at
from arena.challenge.phases import PhaseState, phase_status
from arena.challenge.schema import Declaration, Phase
from arena.errors import (
    ArenaError,
    MalformedSubmission,
    NameTaken,
    NotFound,
    ParticipantError,
    PhaseClosed,
    QuotaExceeded,
    UnknownCaseSet,
)
from arena.store import queries
from arena.store.images import archive_is_named, own_submissions_of_image
from arena.store.session import Store, new_code
from arena.store.tables import Algorithm, CaseSet, ChallengeVersion, Evaluation, Submission, Vendor
from arena.submission.image import ImageCaps, ImageFacts, inspect_image, write_clean
from arena.submission.names import clean_name, code_of
from arena.submission.room import Room, require_room, writing
from runners.values import BlobRef


@dataclass(frozen=True, slots=True)
class _Request:
    """What a vendor asks for, its names in one form."""

    vendor: str
    algorithm: str
    challenge: str
    phase: str
    mode: str
    now: datetime

    @property
    def vendor_code(self) -> str:
        return code_of(self.vendor)

    @property
    def algorithm_code(self) -> str:
        return f"{self.vendor_code}.{code_of(self.algorithm)}"  # no slug holds a dot: no two pairs share a code


@dataclass(frozen=True, slots=True)
class _Place:
    """Where an accepted submission goes, and how many more its vendor may make after it."""

    version: ChallengeVersion
    case_set: CaseSet
    left_today: int
    left_in_phase: int


@dataclass(frozen=True, slots=True)
class Accepted:
    """An accepted submission and what its vendor is told.

    `earlier` are the submissions of the same image that this vendor itself made before, the oldest first; whether any
    other vendor has handed it in is told to nobody. `warnings` are sentences about the image.
    """

    submission: Submission
    earlier: tuple[Submission, ...]
    left_today: int
    left_in_phase: int
    warnings: tuple[str, ...]


def submit_algorithm(
    store: Store,
    images: BlobStore,
    *,
    vendor: str,
    algorithm: str,
    challenge: str,
    phase: str,
    archive: Path,
    now: datetime,
    mode: str = "serve",
    caps: ImageCaps | None = None,
    room: Room | None = None,
) -> Accepted:
    """Check an image archive and enter it in a phase: a submission and its queued evaluation.

    Window and quota are asked first, so that a late vendor need not wait for its image to be read, and again in the
    transaction that writes: of two submissions that race for the last place one is refused.

    Raises:
        UnknownChallenge: No such challenge is open here.
        NotFound: The challenge has no such phase.
        ParticipantError: The phase takes no submissions itself.
        PhaseClosed: The phase is not open at `now`.
        QuotaExceeded: The vendor has used its submissions of the day or of the phase.
        MalformedSubmission: A name, the mode or the archive is not as it must be.
        NameTaken: A vendor or algorithm of a name that reads alike exists.
        UnknownCaseSet: The organiser has not imported the phase's studies yet.
        StorageFull: The archives' budget, or the disk, has no room for the image.
    """
    request = _Request(clean_name("vendor", vendor), clean_name("algorithm", algorithm), challenge, phase, mode, now)
    with store.read() as session:
        _admit(session, request)
    facts = inspect_image(archive, caps)
    with _cleaned(images, archive, facts, room) as clean:
        with writing(facts.clean_bytes):
            ref = images.put_file(clean)
        try:
            with store.write() as session:
                place = _admit(session, request)
                if not images.has(ref):  # retention took an equal one away in between
                    with writing(facts.clean_bytes):
                        images.put_file(clean)
                earlier = own_submissions_of_image(session, request.vendor_code, facts.image_id)
                submission = _insert(session, request, place, facts, ref)
        except ArenaError:
            _discard(store, images, ref)
            raise
    return Accepted(submission, tuple(earlier), place.left_today, place.left_in_phase, facts.warnings)


@contextmanager
def _cleaned(images: BlobStore, archive: Path, facts: ImageFacts, room: Room | None) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="arena-image-", dir=images.scratch()) as scratch:
        if room is not None:
            require_room(images, room, facts.clean_bytes, Path(scratch))
        clean = Path(scratch) / "image.tar"
        with writing(facts.clean_bytes):
            write_clean(archive, facts, clean)
        yield clean


def _discard(store: Store, images: BlobStore, ref: BlobRef) -> None:
    """Take an archive away again whose submission was refused, unless another submission has the same."""
    with store.write() as session:
        if not archive_is_named(session, ref.sha256):
            images.remove(ref)


def _admit(session: Session, request: _Request) -> _Place:
    """Make sure that the phase takes this vendor's submission now."""
    version = version_valid_at(session, request.challenge, request.now)
    declaration = Declaration.model_validate(version.declaration)
    phase = declaration.phase(request.phase)
    if phase is None:
        known = ", ".join(found.name for found in declaration.phases)
        raise NotFound(kind=f'phase of "{request.challenge}" (it has: {known}) with the name', code_given=request.phase)
    _check_window(declaration, phase, request.now)
    _check_names(session, request)
    left_today, left_in_phase = _check_quota(session, phase, request)
    if request.mode not in declaration.modes:
        step = f"This challenge runs: {', '.join(declaration.modes)}."
        raise MalformedSubmission(what=f'Mode "{request.mode[:20]}"', reason="it is not offered", next_step=step)
    case_set = queries.newest_case_set(session, request.challenge, phase.cases)
    if case_set is None:
        known = ", ".join(found.name for found in queries.case_sets(session, request.challenge)) or "none"
        raise UnknownCaseSet(slug=request.challenge, name=phase.cases, known=known)
    return _Place(version, case_set, left_today, left_in_phase)


def _check_window(declaration: Declaration, phase: Phase, now: datetime) -> None:
    if phase.follows is not None:
        reason = (
            f'phase "{phase.name}" takes none itself: it evaluates the entries of "{phase.follows}" when that closes'
        )
        raise ParticipantError(reason=reason)
    status = phase_status(declaration, phase.name, now)
    if status.accepts_submissions or status.opens_at is None:
        return
    raise PhaseClosed(
        phase=phase.name,
        challenge=declaration.slug,
        state="has not opened yet" if status.state is PhaseState.UPCOMING else "has closed",
        opens_at=_shown(status.opens_at),
        closes_at=_shown(status.closes_at),
        now=_shown(now),
    )


def _check_quota(session: Session, phase: Phase, request: _Request) -> tuple[int, int]:
    """Return how many submissions are left after this one: today, and in the phase."""
    times = queries.submission_times(session, slug=request.challenge, phase=phase.name, vendor_code=request.vendor_code)
    today = request.now.astimezone(UTC).date()
    used_today = sum(time.astimezone(UTC).date() == today for time in times)
    facts = {"phase": phase.name, "challenge": request.challenge}
    if len(times) >= phase.quota.total:
        raise QuotaExceeded(
            **facts, limit=phase.quota.total, period="vendor", used=len(times), next_at="none in this phase"
        )
    if used_today >= phase.quota.per_day:
        midnight = datetime(today.year, today.month, today.day, tzinfo=UTC) + timedelta(days=1)
        ends = phase.closes_at is not None and midnight >= phase.closes_at
        next_at = "none: the phase closes before" if ends else _shown(midnight)
        raise QuotaExceeded(**facts, limit=phase.quota.per_day, period="day", used=used_today, next_at=next_at)
    left = phase.quota.total - len(times) - 1
    return min(left, phase.quota.per_day - used_today - 1), left


def _insert(session: Session, request: _Request, place: _Place, facts: ImageFacts, ref: BlobRef) -> Submission:
    algorithm = _algorithm(session, request)
    submission = Submission(
        code=new_code("s"),
        algorithm_code=algorithm.code,
        challenge_slug=request.challenge,
        phase=request.phase,
        challenge_version=place.version.digest,
        image_id=facts.image_id,
        image_sha256=ref.sha256,
        image_size_bytes=ref.size_bytes,
        mode=request.mode,
        submitted_at=request.now,
    )
    session.add(submission)
    session.flush()
    evaluation = Evaluation(
        code=new_code("e"),
        submission_code=submission.code,
        phase=request.phase,
        case_set_digest=place.case_set.digest,
        challenge_version=place.version.digest,
        queued_at=request.now,
    )
    session.add(evaluation)
    return submission


def _check_names(session: Session, request: _Request) -> None:
    vendor = session.get(Vendor, request.vendor_code)
    if vendor is not None and vendor.name != request.vendor:
        raise NameTaken(kind="vendor's name", name=request.vendor, owner=vendor.name)
    algorithm = session.get(Algorithm, request.algorithm_code)
    if algorithm is not None and algorithm.name != request.algorithm:
        raise NameTaken(kind="algorithm's name", name=request.algorithm, owner=algorithm.name)


def _algorithm(session: Session, request: _Request) -> Algorithm:
    """Return the algorithm, written with its vendor if either is new."""
    if session.get(Vendor, request.vendor_code) is None:
        session.add(Vendor(code=request.vendor_code, name=request.vendor, created_at=request.now))
        session.flush()
    found = session.get(Algorithm, request.algorithm_code)
    if found is not None:
        return found
    algorithm = Algorithm(
        code=request.algorithm_code,
        vendor_code=request.vendor_code,
        name=request.algorithm,
        created_at=request.now,
    )
    session.add(algorithm)
    session.flush()
    return algorithm


def _shown(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
