"""A submission is entered whole or not at all."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlmodel import SQLModel, select

from arena.blobs import BlobStore
from arena.challenge.opening import open_challenge
from arena.errors import (
    IllegalTransition,
    MalformedSubmission,
    NameTaken,
    NotFound,
    ParticipantError,
    PhaseClosed,
    QuotaExceeded,
    UnknownCaseSet,
    UnknownChallenge,
)
from arena.store.session import Store, transition
from arena.store.tables import (
    Algorithm,
    Evaluation,
    EvaluationState,
    RulingKind,
    Submission,
    SubmissionState,
    Vendor,
)
from arena.submission.image import inspect_image
from arena.submission.intake import submit_algorithm
from arena.submission.ruling import rule
from arena.submission.states import TRANSITIONS, change_state
from runners.values import BlobRef
from tests.bundles import AFTER, CLOSES, DURING, OPENS, FakeImage, add_case_sets, bundle_with

DAY = timedelta(days=1)
ROOT = Path(__file__).parents[2]


class Desk:
    """Where vendors submit in these tests: an open challenge with its case sets, and an image archive."""

    def __init__(self, store: Store, folder: Path) -> None:
        self.store = store
        self.folder = folder
        self.images = BlobStore(folder / "images")
        self.image = FakeImage()
        self.archive = self.image.write(folder / "image.tar")
        self.version = open_challenge(store, bundle_with(folder / "chest"), OPENS - DAY)
        add_case_sets(store, "public", "final")

    def submit(
        self,
        now: datetime = DURING,
        *,
        vendor: str = "Acme",
        algorithm: str = "NoduleNet",
        challenge: str = "chest",
        phase: str = "public",
        mode: str = "serve",
    ) -> Submission:
        return submit_algorithm(
            self.store,
            self.images,
            vendor=vendor,
            algorithm=algorithm,
            challenge=challenge,
            phase=phase,
            archive=self.archive,
            mode=mode,
            now=now,
        ).submission

    def rows(self, table: type[SQLModel]) -> int:
        with self.store.read() as session:
            return len(session.exec(select(table)).all())

    def stored(self) -> list[Path]:
        return [path for path in (self.folder / "images").rglob("*") if path.is_file()]


@pytest.fixture
def desk(store: Store, tmp_path: Path) -> Desk:
    return Desk(store, tmp_path)


def test_an_archive_on_its_way_in_lies_on_the_disk_of_the_archives_and_nothing_of_it_stays(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The system's own folder may be a file system in memory, as it is in the composition.
    monkeypatch.setattr(tempfile, "tempdir", str(desk.folder / "nowhere"))
    desk.submit()
    assert [len(Path(file.name).name) for file in desk.images.stored()] == [64]
    assert not [path for path in Path(desk.images.root).iterdir() if path.name.startswith("arena-image-")]


def test_an_accepted_submission_is_queued_with_its_image_and_version(desk: Desk) -> None:
    made = desk.submit()
    with desk.store.read() as session:
        found = session.get_one(Submission, made.code)
        evaluation = session.exec(select(Evaluation)).one()
        algorithm = session.get_one(Algorithm, found.algorithm_code)
        vendor = session.get_one(Vendor, algorithm.vendor_code)
    assert (vendor.name, algorithm.name, algorithm.code) == ("Acme", "NoduleNet", "acme.nodulenet")
    assert (found.state, found.challenge_version, found.image_id) == (
        "accepted",
        desk.version.digest,
        desk.image.image_id,
    )
    assert (evaluation.submission_code, evaluation.state, evaluation.phase) == (made.code, "queued", "public")
    assert evaluation.case_set_digest == "digest-public"
    kept = desk.images.local_path(BlobRef(found.image_sha256, found.image_size_bytes))
    assert inspect_image(kept).image_id == desk.image.image_id


def test_the_same_image_is_stored_once(desk: Desk) -> None:
    assert desk.submit().image_sha256 == desk.submit().image_sha256
    assert len(desk.stored()) == 1


@pytest.mark.parametrize(("now", "words"), [(OPENS - DAY, "has not opened yet"), (CLOSES, "has closed"), (AFTER, "has closed")])  # fmt: skip
def test_a_phase_that_is_not_open_says_when_it_is(desk: Desk, now: datetime, words: str) -> None:
    with pytest.raises(PhaseClosed, match=f"{words}.*2026-03-01 09:00 UTC to 2026-03-20 09:00 UTC"):
        desk.submit(now)


def test_a_phase_that_follows_takes_no_submission(desk: Desk) -> None:
    with pytest.raises(ParticipantError, match='it evaluates the entries of "public"'):
        desk.submit(phase="final")


def test_the_quota_of_a_day_names_the_next_midnight_in_utc(desk: Desk) -> None:
    desk.submit()
    desk.submit(algorithm="Another")
    with pytest.raises(QuotaExceeded, match="2 submissions per day, 2 used; the next: 2026-03-03 00:00 UTC"):
        desk.submit()
    desk.submit(vendor="Other")
    assert desk.submit(datetime(2026, 3, 3, tzinfo=DURING.tzinfo)).phase == "public"


def test_the_total_quota_of_a_phase_ends_a_vendors_submissions(desk: Desk) -> None:
    for day in range(3):
        desk.submit(DURING + day * DAY)
    with pytest.raises(QuotaExceeded, match="3 submissions per vendor, 3 used; the next: none in this phase"):
        desk.submit(DURING + 5 * DAY)


def test_on_the_last_day_no_further_submission_is_promised(desk: Desk) -> None:
    last = CLOSES - timedelta(minutes=1)
    desk.submit(last)
    desk.submit(last)
    with pytest.raises(QuotaExceeded, match="the phase closes before"):
        desk.submit(last)


def hold(desk: Desk, submission: str) -> None:
    with desk.store.write() as session:
        code = session.exec(select(Evaluation.code).where(Evaluation.submission_code == submission)).one()
        transition(session, Evaluation, code, expected=EvaluationState.QUEUED, to=EvaluationState.RUNNING)
        transition(session, Evaluation, code, expected=EvaluationState.RUNNING, to=EvaluationState.HELD)


def test_what_the_host_holds_counts_until_the_organiser_withdraws_it(desk: Desk) -> None:
    held, other = desk.submit(), desk.submit()
    for each in (held, other):
        hold(desk, each.code)
    with pytest.raises(QuotaExceeded, match="2 submissions per day, 2 used"):
        desk.submit()
    rule(desk.store, other.code, RulingKind.REFUSED, "It breaks the rules.", DURING)
    with pytest.raises(QuotaExceeded):
        desk.submit()
    rule(desk.store, held.code, RulingKind.WITHDRAWN, "The host is to blame.", DURING)
    desk.submit()
    with pytest.raises(QuotaExceeded):
        desk.submit()


def test_what_was_withdrawn_after_its_score_was_seen_counts(desk: Desk) -> None:
    first, withdrawn = desk.submit(), desk.submit()
    with desk.store.write() as session:
        change_state(session, withdrawn.code, expected=SubmissionState.ACCEPTED, to=SubmissionState.WITHDRAWN)
    assert first.state == SubmissionState.ACCEPTED
    with pytest.raises(QuotaExceeded):
        desk.submit()


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"challenge": "chess"}, UnknownChallenge),
        ({"phase": "private"}, NotFound),
        ({"vendor": "A/B"}, MalformedSubmission),
        ({"algorithm": ""}, MalformedSubmission),
        ({"mode": "batch"}, MalformedSubmission),
        ({"vendor": "ACME"}, NameTaken),
        ({"algorithm": "nodulenet"}, NameTaken),
    ],
)
def test_a_faulty_request_is_refused_and_leaves_nothing(
    desk: Desk, changes: dict[str, str], error: type[Exception]
) -> None:
    desk.submit()
    before = [desk.rows(table) for table in (Vendor, Algorithm, Submission, Evaluation)]
    with pytest.raises(error):
        desk.submit(**changes)
    assert [desk.rows(table) for table in (Vendor, Algorithm, Submission, Evaluation)] == before


def test_a_refused_archive_leaves_nothing(desk: Desk) -> None:
    desk.archive = FakeImage(architecture="arm64").write(desk.folder / "arm.tar")
    with pytest.raises(MalformedSubmission, match="linux/amd64"):
        desk.submit()
    assert [desk.rows(table) for table in (Vendor, Algorithm, Submission, Evaluation)] == [0, 0, 0, 0]
    assert desk.stored() == []


def test_a_phase_without_its_case_set_says_so(store: Store, tmp_path: Path) -> None:
    desk = Desk(store, tmp_path)
    open_challenge(store, bundle_with(tmp_path / "2", ("slug: chest", "slug: other")), OPENS)
    with pytest.raises(UnknownCaseSet, match="arena cases import"):
        desk.submit(challenge="other")


def test_a_submission_keeps_the_version_it_was_made_under(desk: Desk) -> None:
    first = desk.submit()
    second_version = open_challenge(desk.store, bundle_with(desk.folder / "2", ("per_day: 2", "per_day: 3")), DURING)
    second = desk.submit(DURING + timedelta(hours=1))
    assert (first.challenge_version, second.challenge_version) == (desk.version.digest, second_version.digest)


def test_two_processes_cannot_share_the_last_place_of_a_quota(desk: Desk, database_url: str) -> None:
    script = Path(__file__).with_name("submission_contender.py")
    both = []
    for name in ("First", "Second"):
        command = [sys.executable, str(script), database_url, desk.images.root, str(desk.archive), "3", name]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        both.append(
            subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env=environment,
            )
        )
    for process in both:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in both:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    accepted = []
    for process in both:
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        accepted.append(int(out))
    assert sum(accepted) == 2
    assert [desk.rows(Submission), desk.rows(Evaluation)] == [2, 2]


@pytest.mark.parametrize("state", list(SubmissionState))
def test_every_state_has_its_transitions_and_no_other_works(desk: Desk, state: SubmissionState) -> None:
    made = desk.submit()
    forbidden = set(SubmissionState) - TRANSITIONS[state]
    for to in forbidden:
        with pytest.raises(IllegalTransition), desk.store.write() as session:
            change_state(session, made.code, expected=state, to=to)
    for to in TRANSITIONS[state]:
        with desk.store.write() as session:
            change_state(session, made.code, expected=state, to=to)
        with desk.store.read() as session:
            assert session.get_one(Submission, made.code).state == to
        with desk.store.write() as session:  # back, for the next one
            session.get_one(Submission, made.code).state = state
