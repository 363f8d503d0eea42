"""`arena serve`: server and worker as two supervised processes."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field

import typer

from arena.cli.logs import log_to_stderr
from arena.settings import Settings
from arena.store.session import Store

log = logging.getLogger(__name__)

_FIRST_BACKOFF_SECONDS = 1.0
_LONGEST_BACKOFF_SECONDS = 60.0
_HEALTHY_SECONDS = 60.0
_GRACE_SECONDS = 20.0
_SECRET_PREFIXES = ("ARENA_VAULT_", "DOCKER_")


@dataclass
class Supervised:
    """One process that is started again when it ends, later each time it ends soon."""

    name: str
    command: list[str]
    environment: dict[str, str]
    process: subprocess.Popen[bytes] | None = field(default=None)
    started_at: float = 0.0
    due_at: float = 0.0
    backoff_seconds: float = _FIRST_BACKOFF_SECONDS

    def keep_running(self, now: float) -> None:
        """Start the process if it is due; if it has ended, note when it is due again."""
        if self.process is None:
            if now >= self.due_at:
                self.process = subprocess.Popen(self.command, env=self.environment)
                self.started_at = now
            return
        code = self.process.poll()
        if code is None:
            return
        if now - self.started_at > _HEALTHY_SECONDS:
            self.backoff_seconds = _FIRST_BACKOFF_SECONDS
        log.error("process_ended", extra={"child": self.name, "exit_code": code, "again_in": self.backoff_seconds})
        self.process, self.due_at = None, now + self.backoff_seconds
        self.backoff_seconds = min(2 * self.backoff_seconds, _LONGEST_BACKOFF_SECONDS)

    def ask_to_end(self) -> None:
        """Forward SIGTERM."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()

    def wait_or_kill(self) -> None:
        """Give the process its grace, then kill it."""
        if self.process is None:
            return
        try:
            self.process.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def server_process(settings: Settings) -> Supervised:
    """Return the public server: it is told the database and the public documents, and where no vault is."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(_SECRET_PREFIXES)}
    environment.pop("ARENA_HOME", None)
    environment |= {
        "ARENA_DATABASE_URL": settings.database,
        "ARENA_PUBLIC_DOCUMENTS": str(settings.public_root),
        "ARENA_SERVER_ADDRESS": settings.server_address,
        "ARENA_SERVER_PORT": str(settings.server_port),
    }
    return Supervised("server", [sys.executable, "-m", "arena.server"], environment)


def worker_process() -> Supervised:
    """Return the worker."""
    return Supervised("worker", [sys.executable, "-m", "arena.cli.main", "worker"], dict(os.environ))


def supervise(processes: list[Supervised]) -> None:
    """Keep processes running until SIGTERM or SIGINT, then end them all."""
    ending = False

    def end(_number: int, _frame: object) -> None:
        nonlocal ending
        ending = True

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    try:
        while not ending:
            for process in processes:
                process.keep_running(time.monotonic())
            time.sleep(0.2)
    finally:
        for process in processes:
            process.ask_to_end()
        for process in processes:
            process.wait_or_kill()


def serve() -> None:
    """Serve the board and work the queue until Ctrl-C: two processes, each started again if it ends.

    The board's address is ARENA_SERVER_ADDRESS and ARENA_SERVER_PORT (127.0.0.1:8501). Example:

        ARENA_SERVER_PORT=8600 arena serve
    """
    log_to_stderr()
    settings = Settings()
    store = Store(settings.database)
    store.check()
    store.close()
    typer.echo(f"Board: http://{settings.server_address}:{settings.server_port}/  (Ctrl-C ends)")
    supervise([server_process(settings), worker_process()])
