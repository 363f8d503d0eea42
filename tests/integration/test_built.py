"""What a test session builds goes with it, and what the engine had before stays under its name."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import docker
import pytest
from docker.errors import ImageNotFound

from runners.engine import Engine
from runners.images.build import build_from_files
from tests.built import Builds, steps_of
from tests.images import BASE_IMAGE

pytestmark = pytest.mark.engine

DOCKERFILE = b"ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\nCOPY . /built/\nENV BUILT=1\n"


@pytest.fixture
def client() -> Iterator[docker.DockerClient]:
    with closing(docker.from_env()) as made:
        yield made


def build(tag: str, content: str) -> str:
    engine = Engine()
    try:
        return build_from_files(engine, {"Dockerfile": DOCKERFILE, "content": content.encode()}, tag, BASE_IMAGE)
    finally:
        engine.close()


def test_a_session_takes_its_images_away_and_gives_names_back(
    client: docker.DockerClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    own = secrets.token_hex(8)
    tag = f"arena-test-built:{own}"
    earlier = build(tag, f"earlier {own}")
    had = {each["Id"] for each in client.api.images(all=True)}
    try:
        session = Builds(tmp_path / "lock")
        session.note(monkeypatch)
        assert build(tag, f"earlier {own}") == earlier, "cached, so not this session's"
        later = [build(tag, f"later {own}"), build(f"{tag}-2", f"second {own}")]
        assert client.images.get(tag).id == later[0] != earlier, "the name has moved"
        monkeypatch.undo()
        made = {*later, *(step for image in later for step in steps_of(client.api, image))} - had
        assert len(made) == 4, "each image and one step before it"
        assert session.take_away() == []
        assert client.images.get(tag).id == earlier
        assert {each["Id"] for each in client.api.images(all=True)} & made == set(), "steps go as well"
    finally:
        with suppress(ImageNotFound):
            client.api.remove_image(tag)


def test_an_image_that_a_container_still_needs_is_named_and_not_taken_by_force(
    client: docker.DockerClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tag = f"arena-test-built:{secrets.token_hex(8)}"
    session = Builds(tmp_path / "lock")
    session.note(monkeypatch)
    image = build(tag, tag)
    monkeypatch.undo()
    container = client.api.create_container(image, command=["/never"])["Id"]
    try:
        (why,) = session.take_away()
        assert image in why
        assert client.images.get(image).id == image
    finally:
        client.api.remove_container(container, force=True, v=True)
        client.api.remove_image(image, force=True)


def test_a_session_that_ends_beside_another_one_leaves_it_the_images(
    client: docker.DockerClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tag = f"arena-test-built:{secrets.token_hex(8)}"
    sessions = [Builds(tmp_path / "lock") for _ in range(2)]
    images = []
    for session in sessions:
        with monkeypatch.context() as noting:
            session.note(noting)
            images.append(build(f"{tag}-{len(images)}", f"{tag} {len(images)}"))
    try:
        assert sessions[0].take_away() == []
        assert client.images.get(images[0]).id == images[0]
        assert sessions[1].take_away() == []
        assert {each["Id"] for each in client.api.images(all=True)} & set(images) == {images[0]}
    finally:
        client.api.remove_image(images[0], force=True)
