"""One dispatcher for each state, on SQLite and on PostgreSQL."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from arena.errors import DispatcherRunning
from arena.store.lock import only_dispatcher
from arena.store.session import Store

HOLDER = """
import sys, time
from pathlib import Path
from arena.store.lock import only_dispatcher
from arena.store.session import Store
with only_dispatcher(Store(sys.argv[1]), Path(sys.argv[2])):
    print("held", flush=True)
    time.sleep(60)
"""


def holder(url: str, home: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, "-c", HOLDER, url, str(home)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def end(process: subprocess.Popen[str]) -> None:
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()


def test_a_second_dispatcher_is_refused_and_told_which_process_is_the_first(
    store: Store, database_url: str, tmp_path: Path
) -> None:
    first = holder(database_url, tmp_path)
    try:
        with pytest.raises(DispatcherRunning, match=f"process {first.pid} on "), only_dispatcher(store, tmp_path):
            pass
    finally:
        end(first)


def test_a_killed_dispatcher_leaves_no_lock(store: Store, database_url: str, tmp_path: Path) -> None:
    end(holder(database_url, tmp_path))
    with only_dispatcher(store, tmp_path):
        pass


def test_the_lock_is_free_again_when_the_dispatcher_has_ended(store: Store, tmp_path: Path) -> None:
    for _ in range(2):
        with only_dispatcher(store, tmp_path):
            pass
