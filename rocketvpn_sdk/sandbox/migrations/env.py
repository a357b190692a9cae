"""Run by Alembic: migrates over the connection that ``schema.upgrade`` gives it, in its transaction."""

from __future__ import annotations

from alembic import context

from rocketvpn_sdk.sandbox.tables import metadata

connection = context.config.attributes["connection"]
# SQLite changes few things of a table in place; `op.batch_alter_table` makes a new one there.
context.configure(connection=connection, target_metadata=metadata, render_as_batch=connection.dialect.name == "sqlite")
context.run_migrations()
