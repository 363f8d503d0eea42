"""The schema and the file that holds it, on SQLite and on PostgreSQL."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text

from arena.errors import StoreUnavailable
from arena.store.session import Store
from arena.store.tables import Base


def test_the_migrations_make_exactly_the_declared_tables(store: Store) -> None:
    with store.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, Base.metadata) == []


def test_migrating_twice_changes_nothing(store: Store) -> None:
    store.migrate()
    store.check()


def test_a_schema_of_another_revision_is_refused_with_both_names(store: Store) -> None:
    with store.write() as session:
        session.connection().execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreUnavailable, match="at revision 9999, this version of Arena needs 0007"):
        store.check()


def test_an_empty_database_is_refused_with_the_next_step(database_url: str) -> None:
    store = Store(database_url)
    with pytest.raises(StoreUnavailable, match="arena init"):
        store.check()
    store.close()


def test_reading_does_not_create_a_missing_sqlite_file(tmp_path: Path) -> None:
    path = tmp_path / "typo" / "arena.db"
    store = Store(f"sqlite:///{path}")
    with pytest.raises(StoreUnavailable, match="no database file"), store.read():
        pass
    assert not path.parent.exists()


def test_only_the_owner_may_read_the_sqlite_files(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'arena.db'}")
    store.migrate()
    with store.write() as session:
        session.connection().execute(text("SELECT 1"))
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    store.close()
    assert modes == {"arena.db": 0o600, "arena.db-wal": 0o600, "arena.db-shm": 0o600}


def test_a_file_that_is_no_database_is_the_hosts_fault(tmp_path: Path) -> None:
    path = tmp_path / "arena.db"
    path.write_bytes(b"not a database, but long enough to be taken for one" * 100)
    store = Store(f"sqlite:///{path}")
    with pytest.raises(StoreUnavailable, match="not a database"):
        store.migrate()
    store.close()


def test_a_folder_that_cannot_be_made_is_the_hosts_fault(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnavailable, match="arena init"):
        Store(f"sqlite:///{tmp_path / 'file' / 'arena.db'}").migrate()


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("mysql://root:secret@host/arena", "not supported"),
        ("sqlite://", "not supported"),
        ("sqlite:///:memory:", "not supported"),
        ("not a url", "not a database URL"),
    ],
)
def test_other_databases_are_refused(url: str, reason: str) -> None:
    with pytest.raises(StoreUnavailable, match=reason) as caught:
        Store(url)
    assert "secret" not in str(caught.value)


def test_an_unreachable_server_is_the_hosts_fault_and_its_password_stays_hidden() -> None:
    store = Store("postgresql://arena:secret@127.0.0.1:1/arena")
    with pytest.raises(StoreUnavailable, match="Start PostgreSQL") as caught, store.read():
        pass
    assert "secret" not in str(caught.value)
