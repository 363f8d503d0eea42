"""The images that a test session builds: noted as they are made, and taken away when it is over.

A name that a build takes from an image of an earlier session goes back to it, so that the engine has afterwards what it
had before, and nothing that was there is ever removed: the base image, what other sessions have cached, and the images
and steps of anybody else. A session that ends while another one builds here too leaves its images to that one's cache.
"""

from __future__ import annotations

import fcntl
import tempfile
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import docker
import pytest
from docker.errors import APIError, ImageNotFound

from runners.engine import Engine
from runners.images.holder import HOLDER_TAG

KEPT = frozenset({HOLDER_TAG})
"""No image of a test: every runner makes it and keeps it."""
_NAMELESS = "<none>:<none>"

Names = dict[str, set[str]]
"""Every image of an engine, also the steps of others, with its names."""


@dataclass
class Builds:
    """What a session has built on the machine's usual engine, in order, under which names, and what had been there."""

    lock: Path = Path(tempfile.gettempdir()) / "arena-test-images.lock"
    before: Names | None = None
    built: dict[str, None] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)
    held: IO[bytes] | None = None

    def note(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let every build of this process be noted; an engine with an address of its own goes with its test."""
        real = Engine.build

        def build(engine: Engine, context: Any, *, tag: str, arguments: Mapping[str, str]) -> str:
            if engine._base_url is not None or tag in KEPT:
                return real(engine, context, tag=tag, arguments=arguments)
            if self.before is None:
                self.held = self.lock.open("wb")
                fcntl.flock(self.held, fcntl.LOCK_SH)
                self.before = _images(engine._api)
            made = real(engine, context, tag=tag, arguments=arguments)
            self.names.add(tag if ":" in tag else f"{tag}:latest")
            if made not in self.before:
                self.built[made] = None
            return made

        monkeypatch.setattr(Engine, "build", build)

    def take_away(self) -> list[str]:
        """Remove what was built, the last first, and give names back; return in words what could not be removed."""
        if self.before is None or self.held is None:
            return []
        with self.held, closing(docker.from_env()) as client:
            try:
                fcntl.flock(self.held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return []
            left = [why for image in reversed(self.built) for why in _remove(client.api, image, self.before)]
            held = {name: image for image, names in self.before.items() for name in names & self.names}
            for name, image in held.items():
                _give_back(client.api, name, image)
        self.built.clear()
        return left


def _images(api: Any) -> Names:
    return {each["Id"]: set(each.get("RepoTags") or ()) - {_NAMELESS} for each in api.images(all=True)}


def _remove(api: Any, image: str, before: Names) -> list[str]:
    """Remove an image and the steps that led to it; return what the engine has against it, such as a container of it."""
    try:
        steps = steps_of(api, image)
        for name in api.inspect_image(image)["RepoTags"]:
            api.remove_image(name, noprune=True)
        _remove_unless_gone(api, image)
    except ImageNotFound:
        return []
    except APIError as refused:
        return [f"image {image}: {refused.explanation}"]
    for step in [each for each in steps if each not in before]:
        try:
            _remove_unless_gone(api, step)
        except APIError:  # it is a step of another one as well, which will take it along
            break
    return []


def steps_of(api: Any, image: str) -> list[str]:
    """Return the images that the steps before an image's last one have made, the last of them first."""
    return [each["Id"] for each in api.history(image)[1:] if each["Id"].startswith("sha256:")]


def _remove_unless_gone(api: Any, image: str) -> None:
    try:
        api.remove_image(image, noprune=True)
    except ImageNotFound:
        return


def _give_back(api: Any, name: str, image: str) -> None:
    """Let an image have its name again, unless it is gone or somebody else has built one by that name since."""
    now = _images(api)
    if image in now and not any(name in names for names in now.values()):
        api.tag(image, *name.rsplit(":", 1))
