"""The one way into the database: short transactions on SQLite or PostgreSQL, and changes of state that cannot race.

A write holds the only write lock from its first moment: `BEGIN IMMEDIATE` on SQLite, an advisory lock on PostgreSQL.
So what a transaction reads before it writes (a quota, a version number) is still true when it commits, on both alike.
Two sessions that read first and take the lock later would overwrite each other silently.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from psycopg.errors import UndefinedTable
from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, make_url, text, update
from sqlalchemy.exc import DatabaseError, DBAPIError, InterfaceError, OperationalError
from sqlmodel import Session

from arena.errors import IllegalTransition, StoreUnavailable
from arena.store.states import check_transition
from arena.store.tables import Base

BUSY_SECONDS = 10
"""How long a transaction waits for another one's write lock before the store counts as unavailable."""

_MODE = "arena_mode"
_READ, _WRITE, _MIGRATE = "read", "write", "migrate"
_WRITE_LOCK = 0x4152454E41  # "ARENA": the key of PostgreSQL's advisory lock that stands in for BEGIN IMMEDIATE
_MIGRATIONS = Path(__file__).parent / "migrations"
_CODE_LETTERS = "23456789abcdefghjkmnpqrstuvwxyz"  # no 0/o, 1/l/i: codes are read aloud and typed


def new_code(prefix: str = "") -> str:
    """Return a new random code for a permalink: 10 letters and digits (49 bits) after the prefix and a hyphen."""
    word = "".join(secrets.choice(_CODE_LETTERS) for _ in range(10))
    return f"{prefix}-{word}" if prefix else word


class Store:
    """A database by URL. Nothing is opened before the first use.

    Example:
        >>> store = Store("sqlite:////tmp/example/arena.db")
        >>> store.engine.dialect.name
        'sqlite'
    """

    def __init__(self, url: str) -> None:
        """Prepare the store of `url`: `sqlite:///PATH` or `postgresql://USER:PASSWORD@HOST/NAME`.

        Raises:
            StoreUnavailable: The URL cannot be read, or names another kind of database.
        """
        self._url = _read_url(url)
        self.engine = _engine(self._url)

    @property
    def url(self) -> str:
        """The URL without its password: for messages and logs."""
        return self._url.render_as_string(hide_password=True)

    def read(self) -> AbstractContextManager[Session]:
        """Open a session for reading; writing through it is an error.

        Raises:
            StoreUnavailable: The database is missing, cannot be reached, or fails.
        """
        return self._session(_READ)

    def write(self) -> AbstractContextManager[Session]:
        """Open one short write transaction: committed at the block's end, rolled back by any error.

        Nothing is retried: whoever calls knows whether its work may be done twice.

        Raises:
            StoreUnavailable: The database is missing, cannot be reached, fails, or was locked for `BUSY_SECONDS`.
        """
        return self._session(_WRITE)

    def migrate(self) -> None:
        """Create the database if it is missing and bring its schema to the newest revision; safe to repeat.

        Raises:
            StoreUnavailable: The database cannot be reached or written.
        """
        path = _sqlite_path(self._url)
        if path is not None:
            self._create_file(path)
        config = _alembic_config()
        with self._connection(_MIGRATE) as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            if connection.dialect.name == "sqlite":
                broken = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
                if broken is not None:
                    raise self._unavailable(f"a migration left a dangling reference in table {broken[0]}")

    def check(self) -> None:
        """Make sure that the database is there and its schema is the newest.

        Raises:
            StoreUnavailable: It is not; the message says what to do.
        """
        head = ScriptDirectory.from_config(_alembic_config()).get_current_head()
        with self._connection(_READ) as connection:
            found = MigrationContext.configure(connection).get_current_revision()
        if found != head:
            reason = f"its schema is at revision {found or 'none'}, this version of Arena needs {head}"
            raise self._unavailable(reason)

    def close(self) -> None:
        """Close every pooled connection."""
        self.engine.dispose()

    @contextmanager
    def _session(self, mode: str) -> Iterator[Session]:
        with self._connection(mode) as connection, Session(bind=connection, expire_on_commit=False) as session:
            yield session
            if mode == _WRITE:
                session.commit()

    @contextmanager
    def _connection(self, mode: str) -> Iterator[Connection]:
        try:
            with self.engine.execution_options(**{_MODE: mode}).begin() as connection:
                yield connection
        except (OperationalError, InterfaceError) as error:
            if mode == _READ and "readonly database" in str(error.orig):
                raise  # our own bug: a write through a session for reading
            raise self._unavailable(_plain(error)) from error
        except DatabaseError as error:
            # A table that is missing is PostgreSQL's ProgrammingError; a damaged file SQLite's bare DatabaseError.
            if type(error.orig) is sqlite3.DatabaseError or isinstance(error.orig, UndefinedTable):
                raise self._unavailable(_plain(error)) from error
            raise

    def _create_file(self, path: Path) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        except OSError as error:
            raise self._unavailable(str(error)) from error

    def _unavailable(self, reason: str) -> StoreUnavailable:
        if _sqlite_path(self._url) is None:
            step = "Start PostgreSQL, check ARENA_DATABASE_URL, then run `arena init`."
        else:
            step = "Check ARENA_HOME and free disk space; `arena init` creates the database or updates its schema."
        return StoreUnavailable(url=self.url, reason=reason, next_step=step)


def transition(
    session: Session, table: type[Base], key: str, *, expected: StrEnum, to: StrEnum, **changes: Any
) -> None:
    """Change one row's state, provided that it is still the expected one.

    Args:
        session: A session of `Store.write`.
        table: A table with one primary key column and a column `state`.
        key: The row's primary key.
        expected: The state that the row must be in.
        to: The state that it gets.
        changes: Further columns to set in the same statement.

    Raises:
        IllegalTransition: No such row is in the expected state; nothing was changed.
        ValueError: The table of transitions (arena/store/states.py) has no such step.
    """
    check_transition(expected, to)
    (primary,) = inspect(table).primary_key
    statement = (
        update(table)
        .where(primary == key, inspect(table).columns["state"] == expected.value)
        .values(state=to.value, **changes)
    )
    result = session.connection().execute(statement)
    if result.rowcount != 1:
        raise IllegalTransition(kind=table.__name__.lower(), code_given=key, expected=expected.value)
    loaded = session.identity_map.get(session.identity_key(table, key))
    if loaded is not None:
        session.refresh(loaded)


def _read_url(url: str) -> URL:
    try:
        parsed = make_url(url)
    except Exception as error:
        reason = "it is not a database URL"
        raise StoreUnavailable(url="ARENA_DATABASE_URL", reason=reason, next_step=_URL_FORMS) from error
    if parsed.drivername in {"postgresql", "postgres", "postgresql+psycopg"}:
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername == "sqlite" and parsed.database not in {None, "", ":memory:"}:
        return parsed
    shown = parsed.render_as_string(hide_password=True)
    raise StoreUnavailable(url=shown, reason="this kind of database is not supported", next_step=_URL_FORMS)


_URL_FORMS = "Use sqlite:///PATH or postgresql://USER:PASSWORD@HOST/NAME."


def _sqlite_path(url: URL) -> Path | None:
    return Path(url.database or "") if url.drivername == "sqlite" else None


def _engine(url: URL) -> Engine:
    if url.drivername == "sqlite":
        # isolation_level None: the driver starts no transaction of its own, `_begin_sqlite` does.
        engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS, "isolation_level": None})
        event.listen(engine, "do_connect", _refuse_missing_file)
        event.listen(engine, "connect", _configure_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    engine = create_engine(url, pool_pre_ping=True, connect_args={"connect_timeout": BUSY_SECONDS})
    event.listen(engine, "begin", _begin_postgresql)
    return engine


def _refuse_missing_file(_dialect: Any, _record: Any, arguments: list[str], _options: Any) -> None:
    # SQLite would create an empty database: a mistyped ARENA_HOME must not look like an empty leaderboard.
    if not Path(arguments[0]).is_file():
        raise sqlite3.OperationalError(f"there is no database file {arguments[0]}")


def _configure_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    for pragma in (f"busy_timeout={BUSY_SECONDS * 1000}", "journal_mode=WAL", "synchronous=NORMAL"):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin_sqlite(connection: Connection) -> None:
    mode = connection.get_execution_options().get(_MODE, _READ)
    # Alembic's batch mode rebuilds tables, which foreign keys would forbid; `migrate` checks them at its end.
    connection.exec_driver_sql(f"PRAGMA foreign_keys={'OFF' if mode == _MIGRATE else 'ON'}")
    connection.exec_driver_sql(f"PRAGMA query_only={'ON' if mode == _READ else 'OFF'}")
    connection.exec_driver_sql("BEGIN" if mode == _READ else "BEGIN IMMEDIATE")


def _begin_postgresql(connection: Connection) -> None:
    if connection.get_execution_options().get(_MODE, _READ) == _READ:
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        return
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{BUSY_SECONDS}s'")
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _WRITE_LOCK})


def _alembic_config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    return config


def _plain(error: DBAPIError) -> str:
    """Return the driver's first line: without SQL and without parameters, which may hold names."""
    return (str(error.orig).strip().splitlines() or [type(error.orig).__name__])[0]
