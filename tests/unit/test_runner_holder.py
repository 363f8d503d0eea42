"""The holder's image is built once by a process, and again where the engine has lost it."""

from collections.abc import Mapping
from typing import Any

from runners.engine import Engine, ImageFacts
from runners.images.holder import HOLDER_TAG, build_holder


class Builder(Engine):
    """An engine that only builds, and forgets what it is told to."""

    def __init__(self) -> None:
        super().__init__(base_url="unix:///nowhere")
        self.has: list[str] = []
        self.built = 0

    def image(self, image_id: str) -> ImageFacts | None:
        return ImageFacts(image_id, ()) if image_id in self.has else None

    def build(self, context: Any, *, tag: str, arguments: Mapping[str, str]) -> str:
        assert (tag, arguments) == (HOLDER_TAG, {})
        assert context.read(1)
        self.built += 1
        self.has.append(f"sha256:{self.built}")
        return self.has[-1]


def test_the_holder_is_built_once_for_an_engine() -> None:
    engine, another = Builder(), Builder()
    assert [build_holder(engine), build_holder(engine)] == ["sha256:1", "sha256:1"]
    assert (engine.built, another.built) == (1, 0)
    build_holder(another)
    assert another.built == 1


def test_a_holder_that_the_engine_has_lost_is_built_again() -> None:
    engine = Builder()
    build_holder(engine)
    engine.has.clear()
    assert build_holder(engine) == "sha256:2"
