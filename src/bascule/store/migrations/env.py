"""Alembic's entry: runs the steps on the connection that it is handed, inside that connection's transaction."""

from alembic import context

from bascule.store.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
