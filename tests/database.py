"""Databases for tests: a SQLite file, and a PostgreSQL that the tests start and stop themselves."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import make_url

from arena.store.session import Store


class PostgresServer:
    """A PostgreSQL of our own in a temporary folder: reached by a Unix socket there, without durability, never as root."""

    def __init__(self) -> None:
        self._programs = _find_programs()
        self._folder = Path(tempfile.mkdtemp(prefix="arena-pg-"))
        self._user = _unprivileged_user()
        self._databases = 0
        self._free: list[str] = []
        if self._user is not None:
            os.chown(self._folder, self._user.pw_uid, self._user.pw_gid)
        self._run("initdb", "-D", "data", "-U", "arena", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        options = ("listen_addresses=", "fsync=off", "full_page_writes=off", "shared_buffers=16MB", "jit=off")
        settings = [part for option in options for part in ("-c", option)]
        with (self._folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [self._programs / "postgres", "-D", "data", "-k", self._folder, *settings],
                stdout=log,
                stderr=log,
                **self._as_user(),
            )
        self._wait_until_ready()

    def new_database(self) -> str:
        """Return the URL of an empty database: one that was given back, or a new one."""
        if self._free:
            return self._free.pop()
        self._databases += 1
        name = f"arena_{self._databases}"
        with self._connect("postgres") as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return f"postgresql+psycopg://arena@/{name}?host={self._folder}"

    def give_back(self, url: str) -> None:
        """Empty a database for the next test: a new one would cost 7 MB of files each time."""
        name = make_url(url).database
        with self._connect(str(name)) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()",
                [name],
            )
            connection.execute("DROP SCHEMA public CASCADE")
            connection.execute("CREATE SCHEMA public")
        self._free.append(url)

    def _connect(self, database: str) -> psycopg.Connection:
        return psycopg.connect(f"host={self._folder} user=arena dbname={database}", autocommit=True)

    def stop(self) -> None:
        """Stop the server and remove its folder."""
        self._process.send_signal(signal.SIGQUIT)  # the "immediate" shutdown: what it would still write is thrown away
        self._process.wait(timeout=30)
        shutil.rmtree(self._folder)

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [self._programs / program, *arguments], capture_output=True, text=True, check=False, **self._as_user()
        )
        if done.returncode != 0:
            pytest.fail(f"{program} failed: {done.stderr.strip()}")

    def _as_user(self) -> dict[str, object]:
        common: dict[str, object] = {"cwd": self._folder}
        if self._user is not None:
            common |= {"user": self._user.pw_uid, "group": self._user.pw_gid, "extra_groups": []}
        return common

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                self._connect("postgres").close()
            except psycopg.OperationalError:
                if self._process.poll() is not None:
                    break
                time.sleep(0.05)
            else:
                return
        pytest.fail(f"PostgreSQL did not start: {(self._folder / 'log').read_text()[-2000:]}")


def _find_programs() -> Path:
    def version(folder: Path) -> int:
        return int(folder.parent.name) if folder.parent.name.isdigit() else 0

    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=version, reverse=True)
    on_path = [Path(found).resolve().parent for found in [shutil.which("initdb")] if found]
    for folder in [*debian, *on_path]:
        if (folder / "initdb").is_file() and (folder / "postgres").is_file():
            return folder
    pytest.fail("PostgreSQL's programs are missing: install them, on Debian with `apt-get install postgresql`.")


def _unprivileged_user() -> pwd.struct_passwd | None:
    """Return whom to become: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return pwd.getpwnam("postgres" if "postgres" in names else "nobody")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """One PostgreSQL for the whole run."""
    server = PostgresServer()
    yield server
    server.stop()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Return the URL of a database of its own: the test runs once on SQLite and once on PostgreSQL."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'arena.db'}"
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    url = server.new_database()
    yield url
    server.give_back(url)


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    """Return a migrated store, on SQLite and on PostgreSQL."""
    opened = Store(database_url)
    opened.migrate()
    yield opened
    opened.close()


@pytest.fixture
def sqlite_store(tmp_path: Path) -> Iterator[Store]:
    """Return a migrated store on SQLite, for tests of other things than the store."""
    opened = Store(f"sqlite:///{tmp_path / 'arena.db'}")
    opened.migrate()
    yield opened
    opened.close()
