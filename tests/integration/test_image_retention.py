"""Submitted images are kept while anybody may need them, and no longer; the disk that they take is bounded and shown."""

from __future__ import annotations

import csv
import errno
import io
import json
import logging
import os
import shutil
import subprocess
import sys
import time
from collections import namedtuple
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import docker
import pytest
from docker.errors import APIError, ImageNotFound
from sqlmodel import select

from arena import wiring
from arena.blobs import BlobStore
from arena.challenge.opening import open_challenge
from arena.cli.main import main
from arena.errors import QuotaExceeded, StorageFull
from arena.schedule import Clockwork
from arena.settings import Settings
from arena.store.boards import add_action
from arena.store.session import Store, transition
from arena.store.tables import (
    Evaluation,
    EvaluationState,
    Leaderboard,
    LeaderboardEntry,
    SubmissionState,
)
from arena.submission import intake
from arena.submission.intake import Accepted, submit_algorithm
from arena.submission.retention import (
    ORPHAN_AGE,
    Rules,
    Why,
    remove_archives,
    survey_archives,
    survey_engine,
)
from arena.submission.room import Room
from arena.submission.states import change_state
from arena.worker import Worker
from runners.engine import Engine
from runners.faults import EngineUnavailable
from runners.shelf import KeptImage, Shelf
from runners.values import BlobRef
from tests.archives import layer_of
from tests.bundles import CLOSES, DURING, OPENS, FakeImage, add_case_sets, bundle_with
from tests.images import BASE_IMAGE

ROOT = Path(__file__).parents[2]
DAY = timedelta(days=1)
RULES = Rules(archive_age=30 * DAY, image_age=timedelta(hours=72), images_bytes=10_000)
LATER = DURING + 400 * DAY
PLENTY = Room(2**40, 0)


def image(word: str) -> FakeImage:
    return FakeImage(layers=[layer_of(("word", word.encode()))])


@dataclass
class Shop:
    """A contest with submissions, and the archives that they left."""

    store: Store
    folder: Path
    images: BlobStore

    def submit(self, word: str, *, vendor: str = "Acme", room: Room | None = None, now: datetime = DURING) -> Accepted:
        path = image(word).write(self.folder / f"{word}.tar")
        return submit_algorithm(
            self.store, self.images, vendor=vendor, algorithm="Net", challenge="chest", phase="public", archive=path,
            now=now, room=room,
        )  # fmt: skip

    def finish(self, code: str) -> None:
        """Let a submission's evaluation be scored."""
        states = [EvaluationState.QUEUED, EvaluationState.RUNNING, EvaluationState.RECORDED, EvaluationState.SCORED]
        with self.store.write() as session:
            key = session.exec(select(Evaluation.code).where(Evaluation.submission_code == code)).one()
            for expected, to in pairwise(states):
                transition(session, Evaluation, key, expected=expected, to=to)

    def do(self, phase: str, action: str) -> None:
        with self.store.write() as session:
            add_action(session, "chest", phase, action, CLOSES)

    def board(self, revision: int, *codes: str) -> None:
        with self.store.write() as session:
            session.add(
                Leaderboard(
                    code=f"b{revision}", challenge_slug="chest", phase="public", revision=revision, as_of=CLOSES,
                    document_sha256="0" * 64, document_size_bytes=1,
                )
            )  # fmt: skip
            session.flush()
            for position, code in enumerate(codes):
                session.add(LeaderboardEntry(leaderboard_code=f"b{revision}", position=position, submission_code=code))

    def kept(self, now: datetime = LATER, rules: Rules = RULES) -> dict[str, Why | None]:
        """Why the archive of each submission is kept, by its code; files that no submission names by their names."""
        with self.store.read() as session:
            found = survey_archives(session, self.images, rules, now)
        return {name: file.kept for file in found for name in (file.submissions or [file.name])}


@pytest.fixture
def shop(store: Store, tmp_path: Path) -> Shop:
    open_challenge(store, bundle_with(tmp_path / "chest"), OPENS)
    add_case_sets(store, "public", "final")
    return Shop(store, tmp_path, BlobStore(tmp_path / "images"))


def test_an_archive_is_kept_while_its_evaluation_is_not_scored(shop: Shop) -> None:
    code = shop.submit("a").submission.code
    with shop.store.write() as session:
        change_state(session, code, expected=SubmissionState.ACCEPTED, to=SubmissionState.WITHDRAWN)
    assert shop.kept() == {code: Why.PENDING}, "its evaluation runs on, whoever has withdrawn it"
    shop.finish(code)
    assert shop.kept() == {code: None}


def test_an_archive_is_kept_until_the_final_that_follows_is_published(shop: Shop) -> None:
    code = shop.submit("a").submission.code
    shop.finish(code)
    assert shop.kept() == {code: Why.CONTEST}
    shop.do("public", "close")
    shop.do("final", "nominate")
    assert shop.kept() == {code: Why.CONTEST}
    shop.do("final", "publish")
    assert shop.kept() == {code: None}
    assert shop.kept(DURING + 29 * DAY) == {code: Why.RECENT}


def test_an_archive_is_kept_while_it_stands_on_the_newest_board(shop: Shop) -> None:
    first, second = shop.submit("a").submission.code, shop.submit("b").submission.code
    for code in (first, second):
        shop.finish(code)
    for phase, action in (("public", "close"), ("final", "publish")):
        shop.do(phase, action)
    shop.board(1, first)
    assert shop.kept() == {first: Why.ON_BOARD, second: None}
    shop.board(2, second)
    assert shop.kept() == {first: None, second: Why.ON_BOARD}


def test_a_refused_archive_goes_after_its_days_although_the_contest_goes_on(shop: Shop) -> None:
    code = shop.submit("a").submission.code
    shop.finish(code)
    with shop.store.write() as session:
        change_state(session, code, expected=SubmissionState.ACCEPTED, to=SubmissionState.REFUSED)
    assert shop.kept(DURING + 29 * DAY) == {code: Why.RECENT}
    assert shop.kept(DURING + 31 * DAY) == {code: None}


def test_an_archive_of_two_submissions_is_kept_for_either(shop: Shop) -> None:
    mine, theirs = shop.submit("a").submission.code, shop.submit("a", vendor="Other").submission.code
    shop.finish(mine)
    with shop.store.write() as session:
        change_state(session, mine, expected=SubmissionState.ACCEPTED, to=SubmissionState.WITHDRAWN)
    assert shop.kept() == {mine: Why.PENDING, theirs: Why.PENDING}


def test_what_no_submission_names_goes_after_a_day(shop: Shop) -> None:
    ref = shop.images.put(b"left by a process that was killed")
    half = Path(shop.images.root) / "ab" / "abc.1234.part"
    half.parent.mkdir()
    half.write_bytes(b"half")
    now = datetime.now(UTC)
    assert set(shop.kept(now).values()) == {Why.BEING_STORED}
    remove_archives(shop.store, shop.images, RULES, now)
    assert len(shop.images.stored()) == 2
    gone = remove_archives(shop.store, shop.images, RULES, now + ORPHAN_AGE + timedelta(minutes=1))
    assert {file.name for file in gone} == {f"{ref.sha256[:2]}/{ref.sha256}", "ab/abc.1234.part"}
    assert shop.images.stored() == []


def test_removing_takes_what_nothing_keeps_and_leaves_the_rest(shop: Shop) -> None:
    kept, gone = shop.submit("a").submission, shop.submit("b").submission
    shop.finish(gone.code)
    with shop.store.write() as session:
        change_state(session, gone.code, expected=SubmissionState.ACCEPTED, to=SubmissionState.WITHDRAWN)
    (removed,) = remove_archives(shop.store, shop.images, RULES, LATER)
    assert removed.submissions == (gone.code,)
    assert [file.name[3:] for file in shop.images.stored()] == [kept.image_sha256]
    assert remove_archives(shop.store, shop.images, RULES, LATER) == []


def test_an_archive_that_is_removed_while_it_is_handed_in_again_is_stored_again(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_file = BlobStore.put_file

    def put_and_lose(self: BlobStore, path: Path) -> BlobRef:
        ref = put_file(self, path)
        monkeypatch.setattr(BlobStore, "put_file", put_file)
        self.remove(ref)  # as retention may, before the row is written
        return ref

    monkeypatch.setattr(BlobStore, "put_file", put_and_lose)
    made = shop.submit("a").submission
    assert shop.images.has(BlobRef(made.image_sha256, made.image_size_bytes))


def test_a_refusal_after_storing_takes_the_archive_away_unless_another_has_it(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    admit, asked = intake._admit, []

    def late(session: Any, request: Any) -> Any:
        asked.append(request)
        if len(asked) % 2 == 0:  # the second look, inside the transaction that writes
            raise QuotaExceeded(phase="public", challenge="chest", limit=1, period="day", used=1, next_at="never")
        return admit(session, request)

    monkeypatch.setattr(intake, "_admit", late)
    with pytest.raises(QuotaExceeded):
        shop.submit("a")
    assert shop.images.stored() == []
    monkeypatch.setattr(intake, "_admit", admit)
    shop.submit("a", vendor="Other")
    monkeypatch.setattr(intake, "_admit", late)
    with pytest.raises(QuotaExceeded):
        shop.submit("a")
    assert len(shop.images.stored()) == 1


def shelf_image(word: str, hours: float | None, size: int = 1_000) -> KeptImage:
    loaded = None if hours is None else LATER - timedelta(hours=hours)
    return KeptImage(image(word).image_id, f"arena-submission:{word}", size, loaded)


def reasons(shop: Shop, *images: KeptImage, rules: Rules = RULES) -> dict[str, Why | None]:
    with shop.store.read() as session:
        found = survey_engine(session, images, rules, LATER)
    return {each.name.rpartition(":")[2]: each.kept for each in found}


def test_an_engines_image_goes_by_age_unless_an_evaluation_is_to_run(shop: Shop) -> None:
    shop.submit("pending")
    done = shop.submit("done").submission.code
    shop.finish(done)
    images = [shelf_image("pending", 500), shelf_image("done", 500), shelf_image("foreign", 500)]
    assert reasons(shop, *images) == {"pending": Why.PENDING, "done": None, "foreign": None}
    assert reasons(shop, shelf_image("foreign", 71), shelf_image("ageless", None)) == {
        "foreign": Why.RECENT,
        "ageless": Why.UNKNOWN_AGE,
    }


def test_over_the_budget_the_least_recently_used_images_go_first(shop: Shop) -> None:
    shop.submit("pending")
    images = [shelf_image("pending", 60), shelf_image("old", 50), shelf_image("newer", 40), shelf_image("new", 1)]
    rules = replace(RULES, images_bytes=2_500)
    kept = reasons(shop, *images, rules=rules)
    assert kept == {"pending": Why.PENDING, "old": None, "newer": None, "new": Why.RECENT}
    assert set(reasons(shop, *images, rules=replace(RULES, images_bytes=4_000)).values()) == {Why.PENDING, Why.RECENT}


def test_an_archive_beyond_the_budget_is_refused_before_it_is_written(shop: Shop) -> None:
    with pytest.raises(StorageFull, match=r"the limit for all is 1\.00 MiB \(ARENA_ARCHIVES_MIB"):
        shop.submit("a", room=Room(2**20, 0))
    assert shop.images.stored() == []
    assert list(Path(shop.images.root).rglob("*")) == []
    assert shop.submit("a", room=Room(2 * 2**20, 0)).submission.code


def test_a_full_host_does_not_tell_what_another_vendor_has_handed_in(shop: Shop) -> None:
    shop.submit("theirs", vendor="Other")
    full = Room(2**20 + 500, 0)
    said = []
    for word in ("theirs", "mine"):
        with pytest.raises(StorageFull) as caught:
            shop.submit(word, room=full)
        said.append(str(caught.value))
    assert said[0] == said[1]


def test_free_space_on_the_disk_is_left_alone(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")  # noqa: PYI024 - as shutil gives it
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage(0, 0, 3 * 2**20))
    with pytest.raises(StorageFull, match="ARENA_FREE_MIB"):
        shop.submit("a", room=Room(2**40, 2 * 2**20))
    assert shop.images.stored() == []
    assert shop.submit("a", room=Room(2**40, 2**19)).submission.code


def test_a_disk_that_fills_up_meanwhile_leaves_no_half(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(source: Path, target: str) -> None:
        Path(target).write_bytes(Path(source).read_bytes()[:100])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(shutil, "copyfile", full)
    with pytest.raises(StorageFull, match="filled up"):
        shop.submit("a", room=PLENTY)
    assert shop.images.stored() == []


def test_a_vendor_is_told_of_its_own_earlier_submissions_only(shop: Shop) -> None:
    theirs = shop.submit("same", vendor="Other")
    first = shop.submit("same")
    second = shop.submit("same", now=DURING + timedelta(hours=1))
    other = shop.submit("another", now=DURING + DAY)
    assert (theirs.earlier, first.earlier, other.earlier) == ((), (), ())
    assert [old.code for old in second.earlier] == [first.submission.code]
    left = [(made.left_today, made.left_in_phase) for made in (theirs, first, second, other)]
    assert left == [(1, 2), (1, 2), (0, 1), (0, 0)]


def test_another_vendors_digest_changes_no_word_of_an_acceptance(shop: Shop) -> None:
    shop.submit("theirs", vendor="Other")
    replayed, fresh = shop.submit("theirs"), shop.submit("mine", vendor="Third")
    for name in ("earlier", "left_today", "left_in_phase", "warnings"):
        assert getattr(replayed, name) == getattr(fresh, name)


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ARENA_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def arena(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run `arena …` in this process and return its exit code, stdout and stderr."""

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["arena", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out, err

    return run


@pytest.fixture
def own(home: Path) -> Iterator[Shop]:
    """A contest in ARENA_HOME that is open now."""
    store = Store(Settings().database)
    store.migrate()
    now = datetime.now(UTC)
    windows = (("2026-03-01T09:00:00Z", (now - DAY).isoformat()), ("2026-03-20T09:00:00Z", (now + DAY).isoformat()))
    open_challenge(store, bundle_with(home / "chest", *windows), now - DAY)
    add_case_sets(store, "public", "final")
    yield Shop(store, home, BlobStore(Settings().images_root))
    store.close()


class EmptyShelf(Shelf):
    """An engine without submitted images: what stands in the shared one is not this test's."""

    def kept(self) -> list[KeptImage]:
        return []


def test_the_command_lists_sizes_last_use_and_reasons(own: Shop, arena: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wiring, "Shelf", EmptyShelf)
    made = own.submit("a", now=datetime.now(UTC)).submission
    code, out, _err = arena("images")
    assert code == 0
    for words in ("archive", made.image_sha256[:12], made.code, Why.PENDING, "of 100 GiB", "of 50.0 GiB", "must stay"):
        assert words in out, words
    document = json.loads(arena("images", "--json")[1])
    assert document["archives"] == {
        "bytes": made.image_size_bytes,
        "removable_bytes": 0,
        "budget_bytes": 100 * 2**30,
    }
    (row,) = csv.DictReader(io.StringIO(arena("images", "--csv")[1]))
    assert (row["where"], row["size_bytes"], row["submissions"]) == ("archive", str(made.image_size_bytes), made.code)


def test_the_command_prunes_only_when_told_to(own: Shop, arena: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wiring, "Shelf", EmptyShelf)
    ref = own.images.put(b"an orphan")
    path = own.images.local_path(ref)
    long_ago = (datetime.now(UTC) - 3 * DAY).timestamp()
    os.utime(path, (long_ago, long_ago))
    kept = own.submit("a", now=datetime.now(UTC)).submission
    for arguments in (("images",), ("images", "--prune", "--dry-run")):
        assert ref.sha256[:12] in arena(*arguments)[1]
        assert path.exists()
    code, out, _err = arena("images", "--prune")
    assert (code, path.exists()) == (0, False)
    assert ref.sha256[:12] in out
    assert kept.image_sha256[:12] not in out
    assert own.images.has(BlobRef(kept.image_sha256, kept.image_size_bytes))
    assert "Removed: none." in arena("images", "--prune")[1]
    assert arena("images", "--dry-run")[0] == 2


def test_the_command_lists_archives_where_no_engine_answers(own: Shop) -> None:
    own.submit("a", now=datetime.now(UTC))
    environment = os.environ | {"DOCKER_HOST": f"unix://{own.folder}/nobody.sock"}
    # In a process of its own: the client library leaves the socket of a failed connection to the garbage collector.
    listed, pruned = (
        subprocess.run(
            [sys.executable, "-m", "arena.cli.main", *arguments],
            cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False,
        )
        for arguments in (["images"], ["images", "--prune"])
    )  # fmt: skip
    assert (listed.returncode, "archive" in listed.stdout) == (0, True)
    assert "engine does not answer" in listed.stderr
    assert pruned.returncode == 6
    assert "container engine does not answer" in pruned.stderr


def test_submitting_an_image_again_is_told_with_what_is_left(own: Shop, arena: Run) -> None:
    path = image("a").write(own.folder / "a.tar")
    said = [arena("submit", "chest", "--phase", "public", "--vendor", "Acme", "--algorithm", "Net", "--archive", path)[1] for _ in range(2)]  # fmt: skip
    first = said[0].split()[2]
    assert "you have submitted this very image before" not in said[0]
    assert f"you have submitted this very image before: {first} (chest, public," in said[1]
    assert ["1 today, 2 in all" in said[0], "0 today, 1 in all" in said[1]] == [True, True]


def test_limits_of_the_settings_hold_for_the_command(own: Shop, arena: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    path = image("a").write(own.folder / "a.tar")
    arguments = ("submit", "chest", "--phase", "public", "--vendor", "A1", "--algorithm", "Net", "--archive", path)
    for name, value, exit_code, words in (
        ("ARENA_IMAGE_FILES", "1", 0, "Accepted"),
        ("ARENA_ARCHIVES_MIB", "1", 6, "no room for the image"),
        ("ARENA_FREE_MIB", "100000000", 6, "no room for the image"),
    ):
        with monkeypatch.context() as patch:
            patch.setenv(name, value)
            code, out, err = arena(*arguments)
        assert (code, words in out + err) == (exit_code, True), name


def test_the_schedule_sweeps_at_once_and_every_hour(sqlite_store: Store) -> None:
    swept: list[datetime] = []
    clockwork = Clockwork(lambda: None, sqlite_store, lambda: swept.append(datetime.now(UTC)))
    clockwork.start()
    try:
        job = clockwork._scheduler.get_job("sweep")
        assert job is not None
        assert job.trigger.interval == timedelta(hours=1)
    finally:
        for _ in range(300):
            if not swept:
                time.sleep(0.05)
        clockwork.stop()
    assert len(swept) == 1


class OldShelf(Shelf):
    """An engine with two images that nobody has used for long, one of them in a container's use."""

    def kept(self) -> list[KeptImage]:
        return [KeptImage(f"sha256:{word}", f"arena-submission:{word}", 5, OPENS) for word in ("free", "used")]

    def take_down(self, image: KeptImage) -> bool:
        return image.name.endswith("free")


class DeadShelf(Shelf):
    """An engine that has gone away."""

    def kept(self) -> list[KeptImage]:
        raise EngineUnavailable("The container engine does not list images: it is gone")


def test_a_sweep_removes_from_both_places_what_nothing_keeps(own: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wiring, "Shelf", OldShelf)
    own.images.put(b"an orphan")
    swept = wiring.sweep_images(wiring.open_host(Settings()), datetime.now(UTC) + 2 * DAY)
    assert [image.name for image in swept.images] == ["arena-submission:free"], "one in use is not said to be removed"
    assert (len(swept.archives), own.images.stored()) == (1, [])


def test_a_worker_goes_on_and_says_so_when_the_sweep_meets_no_engine(
    own: Shop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(wiring, "Shelf", DeadShelf)
    own.images.put(b"an orphan")
    worker = Worker(wiring.open_host(Settings()), clock=lambda: datetime.now(UTC) + 2 * DAY)
    with caplog.at_level(logging.INFO, logger="arena.worker"):
        worker._sweep()
    (record,) = [record for record in caplog.records if record.name == "arena.worker"]
    assert (record.levelname, record.getMessage()) == ("WARNING", "sweep_failed")
    assert own.images.stored() == [], "archives do not wait for the engine"
    worker._end()


@pytest.fixture
def loaded(tmp_path: Path) -> Iterator[str]:
    """An image that a runner has loaded into the real engine."""
    made = replace(image(f"shelf {os.getpid()}"), tags=None)
    engine = Engine()
    with closing(docker.from_env()) as client:
        engine.ensure_image(made.image_id, made.write(tmp_path / "shelf.tar"))
        try:
            yield made.image_id
        finally:
            engine.close()
            with suppress(ImageNotFound):
                client.api.remove_image(made.image_id, force=True)


def test_the_real_engine_lists_a_loaded_image_and_takes_it_down(loaded: str) -> None:
    shelf = Shelf()
    (found,) = [kept for kept in shelf.kept() if kept.image_id == loaded]
    assert found.name.rpartition("/")[2] == f"arena-submission:{loaded[7:47]}"
    assert found.loaded_at is not None
    assert abs(datetime.now(UTC) - found.loaded_at) < timedelta(minutes=5)
    assert shelf.take_down(found)
    assert loaded not in {kept.image_id for kept in shelf.kept()}
    assert shelf.take_down(found), "one that is gone is well"
    shelf.close()


def test_an_image_that_a_container_uses_stays(loaded: str) -> None:
    shelf = Shelf()
    with closing(docker.from_env()) as client:
        container = client.api.create_container(loaded, command=["/never"])["Id"]
        try:
            (found,) = [kept for kept in shelf.kept() if kept.image_id == loaded]
            assert not shelf.take_down(found)
            assert loaded in {kept.image_id for kept in shelf.kept()}
        finally:
            with suppress(APIError):
                client.api.remove_container(container, force=True, v=True)
    shelf.close()


def test_retention_takes_nothing_that_no_runner_has_loaded(loaded: str) -> None:
    strangers = ["arena-submission:1", f"arena-submission:{'0' * 40}", "arena-test-stranger:1"]
    shelf = Shelf()
    with closing(docker.from_env()) as client:
        base = client.images.get(BASE_IMAGE).id
        for name in strangers:
            client.api.tag(BASE_IMAGE, *name.split(":"))
        client.api.tag(loaded, "arena-test-second", "1")
        try:
            kept = shelf.kept()
            assert not {image.name.rpartition("/")[2] for image in kept} & set(strangers)
            assert base not in {image.image_id for image in kept}
            (found,) = [each for each in kept if each.image_id == loaded]
            assert shelf.take_down(found)
            assert client.images.get("arena-test-second:1").id == loaded, "another name of it is not ours to remove"
            assert {client.images.get(name).id for name in (*strangers, BASE_IMAGE)} == {base}
        finally:
            for name in (*strangers, "arena-test-second:1"):
                client.api.remove_image(name, noprune=True)
            shelf.close()
