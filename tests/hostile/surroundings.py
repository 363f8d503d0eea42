"""What tests put around a runner: blob roots, a runner on the real engine, and a look at what is left behind."""

import os
import socket
import threading
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

import docker

from arena.blobs import BlobStore
from runners.conformance import Surroundings
from runners.engine import Engine
from runners.execute import Host
from runners.local import LocalRunner

BASE_IMAGE = os.environ.get("ARENA_BASE_IMAGE", "arena-base:1")


@dataclass
class Bench:
    """A host's folders under a test's own folder, with an engine."""

    root: Path
    engine: Engine
    runner_id: str
    runtime: str = "runc"
    studies: BlobStore = field(init=False)
    images: BlobStore = field(init=False)
    results: BlobStore = field(init=False)

    def __post_init__(self) -> None:
        self.studies = BlobStore(self.root / "studies")
        self.images = BlobStore(self.root / "images")
        self.results = BlobStore(self.root / "results")

    @property
    def host(self) -> Host:
        return Host(self.engine, self.root / "runs", self.runner_id, runtime=self.runtime)

    def runner(self, **settings: object) -> LocalRunner:
        return LocalRunner(
            self.host,
            studies=self.studies,
            images=self.images,
            results=self.results,
            **settings,  # type: ignore[arg-type]
        )

    def around(self, runner: LocalRunner) -> Surroundings:
        return Surroundings(
            runner,
            self.engine,
            BASE_IMAGE,
            self.studies.put,
            lambda ref: self.results.get(ref.sha256),
            self.results.get_named,
        )

    def left_behind(self) -> list[str]:
        """Containers and volumes with this runner's label, and everything in its staging folder."""
        folder = self.root / "runs" / self.runner_id
        engines = [*self.engine.containers_of(self.runner_id), *self.engine.volumes_of(self.runner_id)]
        return [*engines, *(str(path) for path in folder.rglob("*"))]


def anonymous_volumes() -> set[str]:
    """Names of the engine's volumes that have no readable name of their own."""
    with closing(docker.from_env()) as client:
        return {volume.name for volume in client.volumes.list() if len(volume.name) == 64}


class EngineCable:
    """A socket that leads to the real engine until it is cut: to its clients the engine has died."""

    def __init__(self, path: Path) -> None:
        self.url = f"unix://{path}"
        self._path = path
        self._target = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock").removeprefix("unix://")
        self._lock = threading.Lock()
        self._ends: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._listener: socket.socket | None = None

    def plug(self) -> None:
        """Let clients reach the engine."""
        self._path.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self._path))
        self._listener.listen(16)
        self._run(self._accept, self._listener)

    def cut(self) -> None:
        """Drop every connection and refuse new ones."""
        with self._lock:
            listener, self._listener = self._listener, None
            ends, self._ends = self._ends, []
            threads, self._threads = self._threads, []
        for end in [*([listener] if listener else []), *ends]:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join(5)
        for end in [*([listener] if listener else []), *ends]:
            end.close()

    def _run(self, target: object, *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)  # type: ignore[arg-type]
        with self._lock:
            self._threads.append(thread)
        thread.start()

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                engine = socket.socket(socket.AF_UNIX)
                engine.connect(self._target)
                with self._lock:
                    self._ends += [client, engine]
                self._run(self._copy, client, engine)
                self._run(self._copy, engine, client)

    def _copy(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        with suppress(OSError):
            target.shutdown(socket.SHUT_WR)
