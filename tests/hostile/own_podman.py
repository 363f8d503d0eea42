"""A Podman of the test's own, in a folder of its own; nobody else's containers and settings are touched."""

from __future__ import annotations

import os
import subprocess
import tempfile
from contextlib import closing, suppress
from pathlib import Path

import docker
from docker.utils import parse_repository_tag

from runners.engine import Engine
from tests.hostile.machine import GROUPS

SCRIPT = Path(__file__).parents[2] / "scripts" / "own_podman.sh"
_PATIENCE_SECONDS = 180


class OwnPodman:
    """The service of `scripts/own_podman.sh`."""

    def __init__(self) -> None:
        """Name its folder."""
        self.folder = Path(tempfile.mkdtemp(prefix="arena-podman-"))
        self.address = f"unix://{self.folder}/podman.sock"
        self._groups = _groups()

    def start(self) -> None:
        """Start it; the script waits until it answers."""
        said = _script("start", self.folder)
        assert said == f"{self.address}\n", said

    def stop(self) -> None:
        """End it; nothing of it may be left on this machine."""
        _script("stop", self.folder)
        left = [str(self.folder)] if self.folder.exists() else []
        left += sorted(_groups() - self._groups)
        left += [line for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines() if self._is_in(line)]
        left += [command for command in _commands() if self._is_in(command)]
        assert left == []

    def engine(self) -> Engine:
        """Return a client of it."""
        return Engine(base_url=self.address)

    def take_image(self, name: str) -> None:
        """Load an image of the machine's usual engine into this one, and give it its name here as well."""
        archive = self.folder / "image.tar"
        with closing(Engine()) as usual, closing(self.engine()) as own:
            facts = usual.image(name)
            assert facts is not None, name
            usual.export(facts.image_id, archive)
            loaded = own.ensure_image(facts.image_id, archive)
        archive.unlink()
        with closing(docker.DockerClient(base_url=self.address)) as client:
            assert client.api.tag(loaded.image_id, *parse_repository_tag(name))

    def _is_in(self, text: str) -> bool:
        return f"{self.folder}/" in text


def _script(action: str, folder: Path) -> str:
    done = subprocess.run(
        [SCRIPT, action, folder], capture_output=True, text=True, check=False,
        timeout=_PATIENCE_SECONDS,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def _groups() -> set[str]:
    """Return the control groups that Podman makes: that above its containers, and theirs."""
    return {f"{folder}/{name}" for folder, names, _ in os.walk(GROUPS) for name in names if name.startswith("libpod")}


def _commands() -> list[str]:
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with suppress(OSError):  # it ended meanwhile
                found.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
    return found
