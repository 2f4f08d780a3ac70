"""What Alembic runs to make a step, on the connection and in the transaction of store/migrate.py."""

from alembic import context

from ringwall.core.store.schema import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
