"""The real server as a process of its own, started as `arena serve` starts it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

_START_SECONDS = 60
_STOP_SECONDS = 10


def free_port() -> int:
    """Return a port of the loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def served(home: Path, **environment: str) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Run the server on a state folder; yields its address and its process, and stops it by SIGTERM."""
    port = free_port()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ARENA_", "STREAMLIT_"))}
    variables = kept | {"ARENA_HOME": str(home), "ARENA_SERVER_PORT": str(port), **environment}
    log = home.parent / f"{home.name}-server.log"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "arena.server"], env=variables, stdout=stream, stderr=subprocess.STDOUT
        )
        try:
            _wait(f"http://127.0.0.1:{port}", process, log)
            yield f"http://127.0.0.1:{port}", process
        finally:
            process.terminate()
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise


def _wait(base: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            httpx.get(f"{base}/_stcore/health", timeout=2).raise_for_status()
        except httpx.HTTPError:
            time.sleep(0.2)
        else:
            return
    raise AssertionError(f"the server did not start: {log.read_text(encoding='utf-8')}")
