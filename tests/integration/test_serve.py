"""`arena serve`: two supervised processes, restarted with back-off, ended together."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import psutil
import pytest

from arena.cli.serve import Supervised, server_process
from arena.settings import Settings
from arena.store.session import Store


def quick(code: int) -> Supervised:
    return Supervised("child", [sys.executable, "-c", f"raise SystemExit({code})"], dict(os.environ))


def wait_until_ended(supervised: Supervised) -> None:
    assert supervised.process is not None
    supervised.process.wait(30)


def test_a_process_that_ends_is_started_again_later_each_time() -> None:
    child = quick(1)
    now, pauses = 0.0, []
    for _ in range(4):
        child.keep_running(now)
        wait_until_ended(child)
        child.keep_running(now)
        pauses.append(child.due_at - now)
        child.keep_running(child.due_at - 0.01)
        assert child.process is None, "not before its time"
        now = child.due_at
    assert pauses == [1.0, 2.0, 4.0, 8.0]


def test_a_process_that_ran_well_for_a_while_is_started_again_soon() -> None:
    child = quick(1)
    child.backoff_seconds = 32.0
    child.keep_running(0.0)
    wait_until_ended(child)
    child.keep_running(1000.0)
    assert child.due_at == 1001.0


def test_the_server_is_told_no_vault_and_no_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARENA_VAULT_REFERENCES", str(tmp_path / "secret"))
    monkeypatch.setenv("ARENA_HOME", str(tmp_path))
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere")
    environment = server_process(Settings()).environment
    assert not {"ARENA_VAULT_REFERENCES", "ARENA_HOME", "DOCKER_HOST"} & set(environment)
    assert str(tmp_path / "secret") not in environment.values()


@pytest.mark.engine
def test_serve_runs_both_restarts_a_killed_worker_and_ends_them_on_sigterm(tmp_path: Path) -> None:
    Store(f"sqlite:///{tmp_path / 'arena.db'}").migrate()
    port = "8719"
    environment = dict(os.environ) | {"ARENA_HOME": str(tmp_path), "ARENA_SERVER_PORT": port}
    with subprocess.Popen(
        [sys.executable, "-m", "arena.cli.main", "serve"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as serving:
        try:
            wait_for_health(port)
            worker = child(serving.pid, "worker")
            worker.kill()
            deadline = time.monotonic() + 30
            while child(serving.pid, "worker").pid == worker.pid:
                assert time.monotonic() < deadline, "the worker was not started again"
                time.sleep(0.2)
            children = psutil.Process(serving.pid).children(recursive=True)
        finally:
            serving.send_signal(signal.SIGTERM)
            serving.communicate(timeout=60)
    assert serving.returncode == 0
    _, alive = psutil.wait_procs(children, timeout=10)
    assert alive == []


def wait_for_health(port: str) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/health", timeout=5) as answer:
                assert answer.status == 200
                return
        except OSError:
            assert time.monotonic() < deadline, "the board does not answer"
            time.sleep(0.3)


def child(pid: int, word: str) -> psutil.Process:
    deadline = time.monotonic() + 30
    while True:
        for process in psutil.Process(pid).children():
            if process.status() != psutil.STATUS_ZOMBIE and word in process.cmdline():
                return process
        assert time.monotonic() < deadline, f"no {word}"
        time.sleep(0.1)
