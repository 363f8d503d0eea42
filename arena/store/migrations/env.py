"""Alembic's environment: runs on the connection that `arena.store.session.Store.migrate` gives it."""

# ruff: noqa: INP001 -- Alembic loads this file by its path; it must not be importable as a module of arena
from __future__ import annotations

from alembic import context

from arena.store.tables import Base


def run_migrations() -> None:
    """Bring the schema of the given connection up to date, inside the caller's transaction."""
    context.configure(
        connection=context.config.attributes["connection"],
        target_metadata=Base.metadata,
        render_as_batch=True,
        compare_type=True,
        # The caller's one transaction holds all steps: SQLite's DDL is transactional once the driver keeps out of it.
        transactional_ddl=True,
        transaction_per_migration=False,
    )
    with context.begin_transaction():
        context.run_migrations()


run_migrations()
