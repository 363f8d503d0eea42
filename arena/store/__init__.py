"""The database: one page of tables, sessions, queries, migrations, and the schemas of stored documents."""
