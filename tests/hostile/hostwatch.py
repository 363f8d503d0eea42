"""The witness outside: what the host's kernel, disks and process list say of containers while they run."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from runners.engine import Engine

GROUPS = Path("/sys/fs/cgroup")
PROC = Path("/proc")
_PAUSE_SECONDS = 0.02
_NEWS_SECONDS = 0.08


def _number(path: Path) -> int:
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return 0


def _fields(path: Path) -> dict[str, int]:
    try:
        return {key: int(value) for key, value in map(str.split, path.read_text(encoding="ascii").splitlines())}
    except (OSError, ValueError):
        return {}


def size_of(folder: Path) -> int:
    """Return the bytes of the plain files under a folder of the host; what vanishes meanwhile counts as nothing."""
    total = 0
    for path in _walk(folder):
        with suppress(OSError):
            about = path.lstat()
            total += about.st_size if path.is_file() and not path.is_symlink() else 0
    return total


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _walk(folder: Path) -> Iterator[Path]:
    with suppress(OSError):
        yield from folder.rglob("*")


@dataclass
class Sight:
    """The most that was seen of one container: tasks, bytes of memory, its layer and its log on the host's disk."""

    container: str
    groups: dict[str, Path]
    layer: Path | None
    log: Path
    tasks: int = 0
    memory: int = 0
    cpu_seconds: float = 0.0
    throttled: int = 0
    layer_bytes: int = 0
    log_bytes: int = 0
    packet_sockets: int = 0
    processes: set[int] = field(default_factory=set)
    user_namespaces: set[str] = field(default_factory=set)
    health: bool = False

    def look(self) -> None:
        """Look once more."""
        pids, memory, cpu, account = (self.groups.get(name) for name in ("pids", "memory", "cpu", "cpuacct"))
        if pids is not None:
            self.tasks = max(self.tasks, _number(pids / "pids.current"))
            with suppress(OSError, ValueError):
                self.processes |= set(map(int, (pids / "cgroup.procs").read_text(encoding="ascii").split()))
        if memory is not None:
            files = ("memory.max_usage_in_bytes", "memory.usage_in_bytes", "memory.peak", "memory.current")
            self.memory = max(self.memory, *(_number(memory / name) for name in files))
        if cpu is not None:
            stat = _fields(cpu / "cpu.stat")
            self.throttled = max(self.throttled, stat.get("nr_throttled", 0))
            self.cpu_seconds = max(self.cpu_seconds, stat.get("usage_usec", 0) / 1e6)
        if account is not None:
            self.cpu_seconds = max(self.cpu_seconds, _number(account / "cpuacct.usage") / 1e9)

    def look_closely(self) -> None:
        """Look at what takes longer: disks, sockets, namespaces."""
        if self.layer is not None:
            self.layer_bytes = max(self.layer_bytes, size_of(self.layer))
        self.log_bytes = max(self.log_bytes, size_of(self.log / "local-logs"), *map(_size, self.log.glob("*.log")))
        for pid in list(self.processes)[:50]:
            with suppress(OSError):
                self.user_namespaces.add(str((PROC / str(pid) / "ns" / "user").readlink()))
        for pid in list(self.processes)[:3]:
            for name in ("packet", "raw", "raw6"):
                with suppress(OSError):
                    lines = (PROC / str(pid) / "net" / name).read_text(encoding="ascii").splitlines()
                    self.packet_sockets = max(self.packet_sockets, len(lines) - 1)

    def alive(self) -> set[int]:
        """Return those of the container's processes that the host still has."""
        return {pid for pid in self.processes if (PROC / str(pid)).exists() and self._is_ours(pid)}

    def _is_ours(self, pid: int) -> bool:
        try:
            return self.container in (PROC / str(pid) / "cgroup").read_text(encoding="ascii")
        except OSError:
            return False


def sight_of(engine: Engine, root: Path, container: str) -> Sight | None:
    """Find where the host shows a container; None where it does not run (any more)."""
    try:
        about: dict[str, Any] = engine.inspect(container)
        pid = int(about["State"].get("Pid") or 0)
        membership = (PROC / str(pid) / "cgroup").read_text(encoding="ascii")
    except Exception:  # noqa: BLE001 - it has gone in the meantime, in one of many ways
        return None
    groups: dict[str, Path] = {}
    for line in membership.splitlines():
        _, controllers, path = line.split(":", 2)
        if container in path:
            for name in controllers.split(",") if controllers else ("pids", "memory", "cpu"):
                groups.setdefault(name, GROUPS / (name if controllers else "") / path.lstrip("/"))
    upper = (about.get("GraphDriver") or {}).get("Data", {}).get("UpperDir")
    sight = Sight(container, groups, Path(upper) if upper else None, root / "containers" / container)
    sight.health = bool(about["State"].get("Health"))
    return sight if groups else None


class Watch:
    """Looks at a runner's containers from a thread of its own, as long as it is open."""

    def __init__(self, engine: Engine, runner_id: str) -> None:
        self._engine, self._runner_id = engine, runner_id
        self.root = docker_root(engine)
        self.sights: dict[str, Sight] = {}
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def most(self, of: Callable[[Sight], float]) -> float:
        """Return the most of something that one of the containers had; there must have been one."""
        assert self.sights, "no container was seen from outside"
        return max(of(sight) for sight in self.sights.values())

    def alive(self) -> set[int]:
        """Return the processes of the containers that the host still has."""
        return set().union(*(sight.alive() for sight in self.sights.values()))

    def _run(self) -> None:
        news = 0.0
        while not self._done.wait(_PAUSE_SECONDS):
            if time.monotonic() >= news:
                self.find()
                for sight in list(self.sights.values()):
                    sight.look_closely()
                news = time.monotonic() + _NEWS_SECONDS
            for sight in list(self.sights.values()):
                sight.look()
        self._engine.close()  # this thread's connection

    def find(self) -> None:
        """Take up the containers that run now."""
        for container, labels in self._engine.containers_of(self._runner_id).items():
            if container not in self.sights and labels:
                sight = sight_of(self._engine, self.root, container)
                if sight is not None:
                    sight.look()
                    sight.look_closely()
                    self.sights[container] = sight


def docker_root(engine: Engine) -> Path:
    """Return where the engine keeps its containers, on this host."""
    return Path(engine._api.info()["DockerRootDir"])
