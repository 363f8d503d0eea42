"""A Docker daemon of the test's own, which may be killed without touching anybody else's."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import closing
from pathlib import Path

import psutil

from runners.engine import Engine

_PATIENCE_SECONDS = 60


class OwnEngine:
    """A dockerd with its own data, sockets and containerd, and in a network without a bridge."""

    def __init__(self, *options: str, disk_mib: int | None = None) -> None:
        """Name its folder; `options` are added to the daemon's own, and `disk_mib` makes its disk a small one."""
        self._options = options
        self._disk_mib = disk_mib
        self.folder = Path(tempfile.mkdtemp(prefix="arena-engine-"))
        self.address = f"unix://{self.folder}/docker.sock"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the daemon and wait until it answers."""
        program = shutil.which("dockerd", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
        assert program, "dockerd is missing; install docker.io"
        if self._disk_mib is not None and not (self.folder / "data").exists():
            (self.folder / "data").mkdir()
            small = ["mount", "-t", "tmpfs", "-o", f"size={self._disk_mib}m", "tmpfs", str(self.folder / "data")]
            subprocess.run(small, check=True)
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                # Where it shared the usual engine's network it would take down that one's bridge, docker0.
                [
                    "unshare",
                    "--net",
                    program,
                    f"--host={self.address}",
                    f"--data-root={self.folder}/data",
                    f"--exec-root={self.folder}/exec",
                    f"--pidfile={self.folder}/pid",
                    "--bridge=none",
                    "--iptables=false",
                    *self._options,
                ],
                stdout=log,
                stderr=log,
            )
        self._until_it_answers()

    def kill(self) -> None:
        """Kill the daemon with SIGKILL; its containers' shims live on."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        (self.folder / "pid").unlink(missing_ok=True)
        # Its containerd dies with it, but not at once; a new daemon would take the dying one for its own.
        pidfile = self.folder / "exec" / "containerd" / "containerd.pid"
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while _alive(int(pidfile.read_text(encoding="ascii"))) and time.monotonic() < deadline:
            time.sleep(0.05)
        pidfile.unlink()

    def stop(self) -> None:
        """Stop the daemon and remove all that it had."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(_PATIENCE_SECONDS)
        # A shim whose daemon was killed while its container ran stays behind for good.
        for process in psutil.process_iter(["cmdline"]):
            if any(str(self.folder) in argument for argument in process.info["cmdline"] or ()):
                process.kill()
        for line in reversed(Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()):
            mount = line.split()[1]
            if mount.startswith(str(self.folder)):
                subprocess.run(["umount", "--lazy", mount], check=True)
        shutil.rmtree(self.folder)

    def take_image(self, name: str) -> str:
        """Load an image of the machine's usual engine into this one; return its id, as its name does not come along."""
        with closing(Engine()) as usual, closing(self.engine()) as own:
            facts = usual.image(name)
            assert facts is not None, name
            usual.export(facts.image_id, self.folder / "image.tar")
            return own.ensure_image(facts.image_id, self.folder / "image.tar").image_id

    def engine(self) -> Engine:
        """Return a client of it."""
        return Engine(base_url=self.address)

    def _until_it_answers(self) -> None:
        # A plain connection is tried first: docker-py leaks the socket of each connection that is refused.
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not self._listens():
            if time.monotonic() > deadline:
                raise AssertionError((self.folder / "log").read_text(encoding="utf-8")[-2000:])
            time.sleep(0.1)
        self.engine().ping()

    def _listens(self) -> bool:
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(f"{self.folder}/docker.sock") == 0


def _alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()
