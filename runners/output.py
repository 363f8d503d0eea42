"""`/output`: a bounded volume in memory, kept by a holder of our own, read when the container is dead.

A container's own tmpfs is gone when it exits, and a folder of the host's disk has no bounds. So the volume is a tmpfs
with a size, a number of inodes and an owner, which the engine keeps mounted as long as some container uses it: the
holder, an idle container of our own image. What is read comes as an archive from the engine, through
`runners.archive`; no path of the volume is ever opened by this process. Files go to a folder of the host's as they
come, under names of ours: all that containers may leave is more than a process should hold.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from runners.archive import ArchiveRefusedError, Caps, Contents, Refusal, read_archive_into
from runners.compare import differ, said
from runners.engine import Engine
from runners.faults import EngineUnavailable, RunnerFault, SandboxRefused
from runners.space import OUTPUT, OutputSpace, volume_mount
from runners.volumes import late_archive

READ_SECONDS = 60.0
"""How long the engine may take to hand over what one container left."""
HOLDER_MIB = 32
_PAGE = 4096
_MEMBER_BYTES = 8 * 1024
"""What a member's headers may add to an archive."""
_DEPTH = 64
_HOSTS_FAULT = (Refusal.MALFORMED, Refusal.LATE)
_MIB = 1024 * 1024

Files = Mapping[str, Path | Refusal]


@dataclass(frozen=True, slots=True)
class Left:
    """What a container left: where wanted files lie, or why one is refused; whether bytes or inodes were used up."""

    files: Files
    full: bool


@dataclass(slots=True)
class OutputFolder:
    """The volume and the holder of one container; `close` leaves nothing of them."""

    engine: Engine
    space: OutputSpace
    name: str
    holder: str | None = field(default=None)

    @classmethod
    def make(
        cls, engine: Engine, space: OutputSpace, *, uid: int, labels: Mapping[str, str], holder_image: str
    ) -> OutputFolder:
        """Make the volume for an account and start its holder.

        Raises:
            SandboxRefused: The engine did not take the bounds as asked.
            RunnerFault: The host failed.
        """
        folder = cls(engine, space, f"arena-{secrets.token_hex(16)}")
        try:
            folder._make(space.options(uid), labels, holder_image)
        except BaseException:
            folder.close()
            raise
        return folder

    def read(self, wanted: Mapping[str, int], folder: Path) -> Left:
        """Copy wanted files to a folder of the host's, and say whether the volume is full. The container must be dead.

        The engine is asked for an archive of the whole volume: a path in it, which a container may have bent by links,
        is never given to anybody.

        Args:
            wanted: Largest size in bytes of each file, by its path under /output.
            folder: Where they go, each as a file of a random name.

        Raises:
            EngineUnavailable: The engine does not hand them over, or the volume was lost.
            RunnerFault: They cannot be written.
        """
        root = OUTPUT.lstrip("/")
        try:
            seen = self._archive({f"{root}/{name}": size for name, size in wanted.items()}, folder)
        except ArchiveRefusedError as error:
            if error.refusal in _HOSTS_FAULT:
                raise late_archive() from error
            left = Left(dict.fromkeys(wanted, error.refusal), full=True)
        else:
            files = {name.removeprefix(f"{root}/"): content for name, content in seen.files.items()}
            used = seen.used_bytes + _PAGE * seen.members
            left = Left(files, full=seen.members >= self.space.inodes or used >= self.space.size_mib * _MIB)
        self._check_holder()
        return left

    def close(self) -> None:
        """Remove the holder, then the volume; each is tried whatever becomes of the other.

        Raises:
            RunnerFault: The engine could not do it; their labels let them be found later.
        """
        with ExitStack() as leaving:
            leaving.callback(self.engine.remove_volume, self.name)
            if self.holder is not None:
                leaving.callback(self.engine.remove, self.holder)
                leaving.callback(self.engine.kill, self.holder)

    def _make(self, options: Mapping[str, str], labels: Mapping[str, str], holder_image: str) -> None:
        took = self.engine.create_volume(self.name, options, labels)
        # Podman adds options of its own to those that it was given.
        took["Options"] = {key: (took.get("Options") or {}).get(key) for key in options}
        asked = {"Driver": "local", "Options": dict(options), "Labels": dict(labels)}
        wrong = [
            said(f"Volume.{key}", each, took.get(key)) for key, each in asked.items() if differ(each, took.get(key))
        ]
        request = holder_request(holder_image, self.name, labels)
        self.holder = self.engine.create_plain(request)
        if not self.engine.is_podman():  # which words it otherwise; the program is our own
            settings = self.engine.inspect(self.holder)["HostConfig"]
            wrong += [
                said(f"Holder.HostConfig.{key}", value, settings.get(key))
                for key, value in request["HostConfig"].items()
                if differ(value, settings.get(key))
            ]
        if wrong:
            msg = "The engine did not take /output as asked: " + "; ".join(wrong)
            raise SandboxRefused(msg)
        self.engine.start(self.holder)

    def _archive(self, wanted: Mapping[str, int], folder: Path) -> Contents[Path]:
        if self.holder is None:
            msg = "the output has no holder"
            raise RuntimeError(msg)
        members = self.space.inodes + 1
        caps = Caps(self.space.size_mib * _MIB + members * (_MEMBER_BYTES + _PAGE), members, _DEPTH)
        deadline = time.monotonic() + READ_SECONDS
        chunks = self.engine.read_files(self.holder, OUTPUT)
        try:
            return read_archive_into(
                lambda pieces: _written(pieces, folder), chunks, wanted, caps, late=lambda: time.monotonic() > deadline
            )
        finally:
            chunks.close()

    def _check_holder(self) -> None:
        """Make sure that what was read was the container's volume: it is lost when its holder ends."""
        if self.holder is not None and self.engine.end_of(self.holder).exit_code is not None:
            msg = "The holder of an output ended, and the output with it."
            raise EngineUnavailable(msg)


def _written(pieces: Iterator[memoryview], folder: Path) -> Path:
    path = folder / secrets.token_hex(16)
    # Where the pieces come from has errors of its own; none of them is an OSError.
    try:
        with path.open("xb") as file:
            for piece in pieces:
                file.write(piece)
    except OSError as error:
        msg = f"What a container left cannot be stored: {error}"
        raise RunnerFault(msg) from error
    return path


def unlike_asked(space: OutputSpace, seen: Mapping[str, Any]) -> list[str]:
    """Compare the size of /output with what `runners.kernel` saw of a container; in words, empty if it is as asked."""
    if not seen["seen"]:
        return []
    sizes = [mount["kib"] for mount in seen["mounts"] if mount["at"] == OUTPUT]
    return [] if sizes == [space.size_mib * 1024] else [said(f"mounts {OUTPUT} KiB", space.size_mib * 1024, sizes)]


def holder_request(image: str, volume: str, labels: Mapping[str, str]) -> dict[str, Any]:
    """Return the create request of a holder: our own program, held in as the vendor's is."""
    return {
        "Image": image,
        "User": "65534:65534",
        "Hostname": "arena",
        "Labels": dict(labels),
        "StopSignal": "SIGKILL",
        "NetworkDisabled": True,
        "HostConfig": {
            "NetworkMode": "none",
            "ReadonlyRootfs": True,
            "Privileged": False,
            "CapDrop": ["ALL"],
            "SecurityOpt": ["no-new-privileges:true"],
            # A runtime needs some of both before it hands over to the program.
            "Memory": HOLDER_MIB * _MIB,
            "MemorySwap": HOLDER_MIB * _MIB,
            "PidsLimit": 32,
            # Podman would raise some by itself, which it may not everywhere.
            "Ulimits": [{"Name": name, "Soft": 1024, "Hard": 1024} for name in ("nofile", "nproc")],
            "RestartPolicy": {"Name": "no", "MaximumRetryCount": 0},
            "LogConfig": {"Type": "none", "Config": {}},
            "Mounts": [volume_mount(volume, read_only=True)],
        },
    }
