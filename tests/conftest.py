"""Fixtures that every test may ask for."""

from tests.database import database_url, postgres_server, sqlite_store, store

__all__ = ["database_url", "postgres_server", "sqlite_store", "store"]
