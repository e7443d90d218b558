"""Run by Alembic with the connection that ``upgrade`` opened; its transaction is the caller's."""

from alembic import context

from nas.store.tables import Table

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Table.metadata,
    transactional_ddl=True,
    render_as_batch=True,
)
context.run_migrations()
