"""The steps that bring a database from one set of tables to the next (Alembic)."""
