"""No image is loaded before there is room for it, and none that is used is taken down for it."""

import shutil
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from arena.submission.retention import Rules, ShelfImage, Why, survey_for_room
from runners.faults import AttemptCancelled, NoRoomForImage
from runners.shard import Canceller
from runners.shelf import Shelf
from runners.shelving import Shelving

MIB = 1 << 20


class Usage(NamedTuple):
    total: int
    used: int
    free: int


def missing() -> None:
    return None


def full(*, may_pass: bool) -> NoRoomForImage:
    return NoRoomForImage("there is no room", may_pass=may_pass)


def test_room_is_made_before_each_load_and_images_in_use_are_named() -> None:
    asked: list[tuple[int, frozenset[str]]] = []
    shelving = Shelving(lambda size, in_use: asked.append((size, in_use)))
    with shelving.using("a"), shelving.using("a"), shelving.using("b"):
        assert shelving.load(7, missing, lambda: "loaded", Canceller()) == "loaded"
    shelving.load(8, missing, lambda: None, Canceller())
    assert asked == [(7, frozenset("ab")), (8, frozenset())]


def test_an_image_that_another_attempt_has_loaded_meanwhile_needs_no_room() -> None:
    shelving = Shelving(lambda _size, _in_use: pytest.fail("asked for room"))
    assert shelving.load(1, lambda: "found", lambda: pytest.fail("loaded"), Canceller()) == "found"


def image(name: str, gib: int, kept: Why | None) -> ShelfImage:
    return ShelfImage(name, f"arena-submission:{name}", gib << 30, (), None, kept)


@pytest.mark.parametrize(
    ("gib", "in_use", "gone"),
    [
        (10, "", ["old"]),
        (25, "", ["old"]),
        (26, "", ["old", "late"]),
        (36, "", ["old", "late", "waits"]),
        (36, "waits", ["old", "late", "waits too"]),
        (90, "waits", ["old", "late", "waits too"]),
        (10, "old", []),
    ],
)
def test_images_go_in_the_order_in_which_they_can_be_spared_and_no_more_than_must(
    gib: int, in_use: str, gone: list[str]
) -> None:
    shelf = [
        image("waits", 10, Why.PENDING),
        image("late", 10, Why.RECENT),
        image("waits too", 5, Why.PENDING),
        image("old", 10, None),
        image("of another state", 5, Why.UNKNOWN_AGE),
    ]
    rules = Rules(timedelta(), timedelta(), 55 << 30)
    found = survey_for_room(shelf, rules, gib << 30, {in_use})
    assert [each.image_id for each in found] == gone


def test_who_finds_no_room_waits_for_it_and_loads_then() -> None:
    tries = iter([full(may_pass=True), full(may_pass=True), None])

    def room(_size: int, _in_use: frozenset[str]) -> None:
        if (refused := next(tries)) is not None:
            raise refused

    assert (
        Shelving(room, wait_seconds=10, pause_seconds=0.01).load(1, missing, lambda: "loaded", Canceller()) == "loaded"
    )


@pytest.mark.parametrize(("may_pass", "most"), [(True, 20), (False, 1)])
def test_who_waits_in_vain_or_need_not_wait_is_refused(may_pass: bool, most: int) -> None:
    asked = []

    def room(size: int, _in_use: frozenset[str]) -> None:
        asked.append(size)
        raise full(may_pass=may_pass)

    with pytest.raises(NoRoomForImage):
        Shelving(room, wait_seconds=0.1, pause_seconds=0.02).load(
            1, missing, lambda: pytest.fail("loaded"), Canceller()
        )
    assert 1 <= len(asked) <= most
    assert (len(asked) > 1) is may_pass


def test_who_is_cancelled_waits_no_longer() -> None:
    canceller = Canceller()

    def room(_size: int, _in_use: frozenset[str]) -> None:
        canceller.cancel()
        raise full(may_pass=True)

    with pytest.raises(AttemptCancelled):
        Shelving(room, pause_seconds=0.01).load(1, missing, lambda: pytest.fail("loaded"), canceller)


def test_loads_follow_one_another() -> None:
    inside, most = 0, 0
    pause = threading.Event()

    def load() -> None:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        pause.wait(0.05)
        inside -= 1

    shelving = Shelving()
    threads = [threading.Thread(target=shelving.load, args=(1, missing, load, Canceller())) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1


class _Api:
    def __init__(self, root: Path) -> None:
        self._root = root

    def info(self) -> dict[str, Any]:
        return {"DockerRootDir": str(self._root)}


def test_a_disk_that_would_fill_up_while_an_image_is_loaded_takes_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Shelf, "_api", _Api(tmp_path))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(0, 0, 450 * MIB))
    Shelf().require_free(200 * MIB, 50 * MIB)
    with pytest.raises(NoRoomForImage, match=r"450 MiB free; .* of 200 MiB takes 451 MiB with the 51 MiB .* free some"):
        Shelf().require_free(200 * MIB, 51 * MIB)
    monkeypatch.setattr(Shelf, "_api", _Api(tmp_path / "elsewhere"))
    Shelf().require_free(200 * MIB, 51 * MIB)
