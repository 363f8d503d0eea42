"""What a machine holds that a container could leave behind, before and after."""

from __future__ import annotations

import os
import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Self

import docker

GROUPS = Path("/sys/fs/cgroup")
FIRST_UID = 300_000
LAST_UID = FIRST_UID + 2**29
GRACE_SECONDS = 30.0
"""How long what is just going may take to be gone."""
KEPT_IMAGES = re.compile(
    r"(localhost/|docker\.io/library/)?"  # Podman puts one of them before a name
    r"(arena-(base|holder|probe|algorithm|demo[a-z-]*|perception[a-z-]*)|arena-test-[a-z-]+|arena-[a-z-]+-test):.+"
)
"""Names of images that a session may have while its hostile tests run: those it builds, which are taken away when all of
it is over (tests/built.py), and those of the project's own that stay."""
SCRATCH = ("arena*", "canary*")
"""Names of what our programs make in the system's folder for temporary files, and take away again."""
OTHERS_SCRATCH = re.compile(r"arena-test-images\.lock|arena-fuzz-.+")
"""What no runner makes: the lock of the images that tests build, which stays, and the folders of fuzzing, which may go on
beside these tests."""
_CONTAINER = re.compile(r"[0-9a-f]{64}")
_SHIMS = ("containerd-shim", "conmon")
"""Docker's process beside each container, and Podman's."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Names of everything of a kind."""

    containers: frozenset[str]
    volumes: frozenset[str]
    networks: frozenset[str]
    tags: frozenset[str]
    untagged: frozenset[str]
    images: frozenset[str]
    mounts: frozenset[str]
    shims: frozenset[str]
    groups: frozenset[str]
    processes: frozenset[str]
    scratch: frozenset[str]

    @classmethod
    def take(cls, engine: str | None = None) -> Self:
        """Look at the machine and an engine, by default the usual one."""
        with closing(docker.DockerClient(base_url=engine) if engine else docker.from_env()) as client:
            images = client.api.images()
            tags = {tag for each in images for tag in each.get("RepoTags") or ()}
            untagged = {each["Id"] for each in images if not set(each.get("RepoTags") or ()) - {"<none>:<none>"}}
            return cls(
                containers=frozenset(
                    f"{each.name} {each.labels}" for each in client.containers.list(all=True, ignore_removed=True)
                ),
                volumes=frozenset(volume.name for volume in client.volumes.list()),
                networks=frozenset(network.name for network in client.networks.list()),
                tags=frozenset(tag for tag in tags if not KEPT_IMAGES.fullmatch(tag)),
                untagged=frozenset(untagged),
                images=frozenset(each["Id"] for each in images),
                mounts=frozenset(_mounts()),
                shims=frozenset(_shims()),
                groups=frozenset(_groups()),
                processes=frozenset(_processes()),
                scratch=frozenset(_scratch()),
            )


def left_over(before: Snapshot, temporary: Path, engine: str | None = None) -> list[str]:
    """Return what is there now and was not before, in words; what is just going is waited for."""
    until = time.monotonic() + GRACE_SECONDS
    while (left := [*_added(before, engine), *_staged(temporary)]) and time.monotonic() < until:
        time.sleep(0.5)
    return left


def _added(before: Snapshot, engine: str | None) -> Iterator[str]:
    now = Snapshot.take(engine)
    for kind in [kind.name for kind in fields(Snapshot) if kind.name not in {"images", "untagged"}]:
        for name in sorted(getattr(now, kind) - getattr(before, kind)):
            yield f"{kind}: {name}"
    # One that lost its name to a newer build of the same test was there before.
    for name in sorted(now.untagged - before.images):
        yield f"image without a name: {name}"


def _staged(temporary: Path) -> Iterator[str]:
    """Yield what attempts of this run have left in their folders: `runs/<runner>/<attempt>`."""
    for path in temporary.glob("*/runs/*/*"):
        yield f"staged: {path}"


def _scratch() -> Iterator[str]:
    folder = Path(tempfile.gettempdir())
    for pattern in SCRATCH:
        yield from (str(path) for path in folder.glob(pattern) if not OTHERS_SCRATCH.fullmatch(path.name))


def _mounts() -> Iterator[str]:
    for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines():
        source, at, kind = line.split()[:3]
        # Podman mounts its store on itself while it uses it.
        if not (at.endswith("/overlay") and kind != "overlay"):
            yield f"{source} {at} {kind}"


def _command(folder: Path) -> str:
    with suppress(OSError):
        return (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    return ""


def _shims() -> Iterator[str]:
    for folder in Path("/proc").iterdir():
        command = _command(folder) if folder.name.isdigit() else ""
        if Path(command.partition(" ")[0]).name.startswith(_SHIMS):
            found = _CONTAINER.search(command)
            yield found.group() if found else command


def _groups() -> Iterator[str]:
    """Yield the control groups that carry a container's id."""
    for folder, names, _ in os.walk(GROUPS):
        yield from (f"{folder}/{name}" for name in names if _CONTAINER.search(name))


def _processes() -> Iterator[str]:
    """Yield the processes under accounts that only containers have."""
    for folder in Path("/proc").iterdir():
        with suppress(OSError):
            if folder.name.isdigit() and FIRST_UID <= folder.stat().st_uid < LAST_UID:
                yield f"{folder.name} {_command(folder)[:80]}"
