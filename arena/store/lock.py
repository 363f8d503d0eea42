"""One dispatcher per state: a file lock on SQLite, an advisory lock on PostgreSQL; both end with their process."""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import text

from arena.errors import DispatcherRunning
from arena.store.session import Store

_KEY = 0x4449535041544348  # "DISPATCH", one key among PostgreSQL's advisory locks


@contextmanager
def only_dispatcher(store: Store, home: Path) -> Iterator[None]:
    """Hold the right to dispatch.

    Raises:
        DispatcherRunning: Another process holds it; the message names that process.
    """
    if store.engine.dialect.name == "postgresql":
        with _advisory(store):
            yield
    else:
        with _file(home / "dispatcher.lock"):
            yield


@contextmanager
def _file(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="utf-8") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            stream.seek(0)
            raise DispatcherRunning(owner=stream.read().strip() or str(path)) from error
        stream.truncate(0)
        stream.write(f"process {os.getpid()} on {socket.gethostname()}\n")
        stream.flush()
        try:
            yield
        finally:
            stream.truncate(0)


@contextmanager
def _advisory(store: Store) -> Iterator[None]:
    # A connection of its own: the lock belongs to the database session and ends with it.
    with store.engine.connect() as connection:
        name = f"arena dispatcher, process {os.getpid()} on {socket.gethostname()}"
        connection.execute(text("SELECT set_config('application_name', :name, false)"), {"name": name})
        held = connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": _KEY}).scalar_one()
        if not held:
            owner = connection.execute(
                text(
                    "SELECT a.application_name FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid "
                    "WHERE l.locktype = 'advisory' AND l.granted AND l.classid = :high AND l.objid = :low"
                ),
                {"high": _KEY >> 32, "low": _KEY & 0xFFFFFFFF},
            ).scalar()
            raise DispatcherRunning(owner=owner or "another process on this database")
        connection.commit()
        try:
            yield
        finally:
            connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _KEY})
