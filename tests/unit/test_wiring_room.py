"""Before an image is loaded the engine is swept, and what does not fit is refused in words that say what to do."""

from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest

from arena import wiring
from arena.settings import Settings
from arena.submission.retention import ShelfImage, Why
from runners.faults import NoRoomForImage
from runners.shelf import KeptImage

GIB = 1 << 30


class FakeShelf:
    """Ten gibibytes each of `old`, `late` and `runs`; a container uses `late` if that is said."""

    used = False

    def __init__(self) -> None:
        self.there = {name: KeptImage(name, f"n:{name}", 10 * GIB, None) for name in ("old", "late", "runs")}
        self.asked: list[tuple[int, int]] = []
        shelves.append(self)

    def kept(self) -> list[KeptImage]:
        return list(self.there.values())

    def take_down(self, image: KeptImage) -> bool:
        if self.used and image.image_id == "late":
            return False
        del self.there[image.image_id]
        return True

    def require_free(self, size_bytes: int, free_bytes: int) -> None:
        self.asked.append((size_bytes, free_bytes))

    def close(self) -> None:
        pass


shelves: list[FakeShelf] = []
REASONS = {"old": None, "late": Why.RECENT, "runs": Why.PENDING}


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Any:
    def survey(_session: object, kept: list[KeptImage], _rules: object, _now: object) -> list[ShelfImage]:
        return [ShelfImage(e.image_id, e.name, e.size_bytes, (), None, REASONS[e.image_id]) for e in kept]

    monkeypatch.setattr(wiring, "Shelf", FakeShelf)
    monkeypatch.setattr(wiring, "survey_engine", survey)
    store = SimpleNamespace(read=nullcontext)
    return SimpleNamespace(settings=Settings(engine_images_mib=30 * 1024, free_mib=7), store=store)


@pytest.mark.parametrize(("gib", "left"), [(9, {"late", "runs"}), (11, {"runs"}), (20, {"runs"})])
def test_what_can_be_spared_goes_before_a_load(host: Any, gib: int, left: set[str]) -> None:
    wiring.make_room(host, gib * GIB, frozenset({"runs"}))
    assert set(shelves[-1].there) == left
    assert shelves[-1].asked == [(gib * GIB, 7 << 20)]


@pytest.mark.parametrize(
    ("gib", "may_pass", "words"),
    [
        (
            21,
            True,
            r"take 10240 MiB in the engine and this one has 21504 MiB; the limit for all is 30720 MiB .*: it is",
        ),
        (31, False, r"this one has 31744 MiB; the limit for all is 30720 MiB \(ARENA_ENGINE_IMAGES_MIB\): raise it"),
    ],
)
def test_what_does_not_fit_waits_if_others_will_end_and_is_refused_if_not(
    host: Any, gib: int, may_pass: bool, words: str
) -> None:
    with pytest.raises(NoRoomForImage, match=words) as refused:
        wiring.make_room(host, gib * GIB, frozenset({"runs"}))
    assert refused.value.may_pass is may_pass


def test_an_image_that_a_container_uses_counts_as_there(host: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FakeShelf, "used", True)
    with pytest.raises(NoRoomForImage, match="take 20480 MiB"):
        wiring.make_room(host, 11 * GIB, frozenset({"runs"}))
