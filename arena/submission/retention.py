"""Which archives and engine images are kept, why, and what may go.

An archive is kept while anybody may still need it: an evaluation of it is not scored, it stands on a board, or its
contest goes on and it may come to stand on one. After that, and for withdrawn and refused submissions, it is kept for a
number of days since its last use, for whoever asks again. An engine's image is a copy that can be loaded once more, so
it goes by age and by budget, least recently used first, unless an evaluation of it is to run.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from sqlmodel import Session

from arena.blobs import BlobStore, StoredFile
from arena.challenge.phases import BoundaryAction
from arena.challenge.schema import Declaration
from arena.store import boards
from arena.store.images import ImageUse, image_uses
from arena.store.session import Store
from arena.store.tables import SubmissionState

ORPHAN_AGE = timedelta(days=1)
"""How old a file that no submission names has to be: an intake under way stores first and writes its row then."""


class Why(StrEnum):
    """Why something is kept; the first that holds is named."""

    PENDING = "an evaluation is not scored yet"
    ON_BOARD = "it stands on a leaderboard"
    CONTEST = "its contest goes on"
    RECENT = "it was used lately"
    BEING_STORED = "it may be on its way in"
    UNKNOWN_AGE = "the engine does not say how old it is"


@dataclass(frozen=True, slots=True)
class Rules:
    """For how long, and up to which size, what nobody needs at once is kept."""

    archive_age: timedelta
    image_age: timedelta
    images_bytes: int


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A file among the archives; `kept` is None where it may go. `submissions` are the codes that name it."""

    name: str
    size_bytes: int
    submissions: tuple[str, ...]
    last_used_at: datetime
    kept: Why | None


@dataclass(frozen=True, slots=True)
class ShelfImage:
    """An image in the engine; `submissions` is empty where it belongs to another state on the same engine."""

    image_id: str
    name: str
    size_bytes: int
    submissions: tuple[str, ...]
    last_used_at: datetime | None
    kept: Why | None


class EngineImage(Protocol):
    """What the engine says of a submitted image."""

    @property
    def image_id(self) -> str:
        """`sha256:` and its digest."""

    @property
    def name(self) -> str:
        """The name that it stands there under."""

    @property
    def size_bytes(self) -> int:
        """Its size, with layers that it shares with others."""

    @property
    def loaded_at(self) -> datetime | None:
        """When it was loaded, where the engine knows."""


def survey_archives(session: Session, images: BlobStore, rules: Rules, now: datetime) -> list[KeptFile]:
    """Look through the archives, the least recently used first."""
    goes_on = _phases_that_go_on(session)
    uses: dict[str, list[ImageUse]] = defaultdict(list)
    for use in image_uses(session):
        uses[use.submission.image_sha256].append(use)
    found = [_survey(file, uses.get(_digest(file), []), goes_on, rules, now) for file in images.stored()]
    return sorted(found, key=lambda file: (file.last_used_at, file.name))


def _digest(file: StoredFile) -> str:
    """Return the digest that a blob's name is; no digest for any other file."""
    return file.name.rpartition("/")[2]


def _survey(
    file: StoredFile, uses: Sequence[ImageUse], goes_on: set[tuple[str, str]], rules: Rules, now: datetime
) -> KeptFile:
    if not uses:
        kept = Why.BEING_STORED if now - file.modified_at < ORPHAN_AGE else None
        return KeptFile(file.name, file.size_bytes, (), file.modified_at, kept)
    last = max(use.last_used_at for use in uses)
    kept = _needed(uses, goes_on) or (Why.RECENT if now - last < rules.archive_age else None)
    return KeptFile(file.name, file.size_bytes, tuple(use.submission.code for use in uses), last, kept)


def _needed(uses: Iterable[ImageUse], goes_on: set[tuple[str, str]]) -> Why | None:
    reasons = {reason for use in uses for reason in _reasons(use, goes_on)}
    return next((reason for reason in Why if reason in reasons), None)


def _reasons(use: ImageUse, goes_on: set[tuple[str, str]]) -> Iterable[Why]:
    if use.is_pending:
        yield Why.PENDING
    if use.is_on_board:
        yield Why.ON_BOARD
    submission = use.submission
    if submission.state == SubmissionState.ACCEPTED and (submission.challenge_slug, submission.phase) in goes_on:
        yield Why.CONTEST


def _phases_that_go_on(session: Session) -> set[tuple[str, str]]:
    """Return the (challenge, phase) pairs whose entries may still come to stand on a board, there or in a final."""
    found = set()
    for slug in boards.challenge_slugs(session):
        version = boards.newest_version(session, slug)
        if version is None:
            continue
        done = boards.done_actions(session, slug)
        for phase in Declaration.model_validate(version.declaration).phases:
            ending = BoundaryAction.CLOSE if phase.follows is None else BoundaryAction.PUBLISH
            if (phase.name, ending) not in done:
                found |= {(slug, phase.name), (slug, phase.follows or phase.name)}
    return found


def survey_engine(session: Session, images: Iterable[EngineImage], rules: Rules, now: datetime) -> list[ShelfImage]:
    """Look through the engine's images, the least recently used first: what may go is old, or over the budget.

    Images of another state on the same engine, of which nothing is known here, count as used when they were loaded.
    """
    uses: dict[str, list[ImageUse]] = defaultdict(list)
    for use in image_uses(session):
        uses[use.submission.image_id].append(use)
    aged = [_aged(image, uses.get(image.image_id, []), rules, now) for image in images]
    aged.sort(key=lambda image: (image.last_used_at or now, image.name))
    excess = sum(image.size_bytes for image in aged if image.kept is not None) - rules.images_bytes
    found = []
    for image in aged:
        over = excess > 0 and image.kept is Why.RECENT
        excess -= image.size_bytes if over else 0
        found.append(_without_reason(image) if over else image)
    return found


def survey_for_room(
    images: Iterable[ShelfImage], rules: Rules, size_bytes: int, in_use: Collection[str]
) -> list[ShelfImage]:
    """Return which images have to go, and may, so that one more of that size stays within the budget.

    At first those go that may go anyway, then those that were used lately, then those that an evaluation waits for,
    which can be loaded again from their archives; each time the least recently used first.

    Args:
        images: What `survey_engine` gave.
        rules: The budget.
        size_bytes: The size of the image that comes.
        in_use: Ids of images that attempts are running now.
    """
    found = list(images)
    excess = sum(image.size_bytes for image in found) + size_bytes - rules.images_bytes
    order = (None, Why.RECENT, Why.PENDING)
    may_go = [each for why in order for each in found if each.kept is why and each.image_id not in in_use]
    gone = []
    for image in may_go:
        if image.kept is None or excess > 0:
            gone.append(image)
            excess -= image.size_bytes
    return gone


def _aged(image: EngineImage, uses: Sequence[ImageUse], rules: Rules, now: datetime) -> ShelfImage:
    moments = [use.last_used_at for use in uses]
    if image.loaded_at is not None:
        moments.append(image.loaded_at)
    last = max(moments, default=None)
    if any(use.is_pending for use in uses):
        kept: Why | None = Why.PENDING
    elif last is None:
        kept = Why.UNKNOWN_AGE
    else:
        kept = Why.RECENT if now - last < rules.image_age else None
    codes = tuple(use.submission.code for use in uses)
    return ShelfImage(image.image_id, image.name, image.size_bytes, codes, last, kept)


def _without_reason(image: ShelfImage) -> ShelfImage:
    return ShelfImage(image.image_id, image.name, image.size_bytes, image.submissions, image.last_used_at, None)


def remove_archives(store: Store, images: BlobStore, rules: Rules, now: datetime) -> list[KeptFile]:
    """Remove the archives that nobody needs, and return them.

    It happens inside a write transaction, although no row changes: an intake that finds its archive stored looks again
    in a transaction of its own, so that none is accepted whose archive is being removed.
    """
    with store.write() as session:
        gone = [file for file in survey_archives(session, images, rules, now) if file.kept is None]
        for file in gone:
            images.remove_named(file.name)
    return gone


def sizes(files: Iterable[KeptFile | ShelfImage]) -> Mapping[str, int]:
    """Return how many bytes there are in all, and how many of them may go."""
    found = list(files)
    return {
        "bytes": sum(file.size_bytes for file in found),
        "removable_bytes": sum(file.size_bytes for file in found if file.kept is None),
    }
