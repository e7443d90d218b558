import subprocess
import sys

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect, text

from nas.errors import StoreError
from nas.store import Store, migrations
from nas.store.engine import connect
from nas.store.tables import Table

MIGRATE = "import sys; from nas.store import Store\nwith Store(sys.argv[1]) as store: store.migrate()"


def test_the_revisions_make_the_tables_that_the_code_expects(database_url: str) -> None:
    engine = connect(database_url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Table.metadata) == []
    engine.dispose()


def test_processes_that_start_at_once_migrate_once(empty_database_url: str) -> None:
    starts = [
        subprocess.Popen([sys.executable, "-c", MIGRATE, empty_database_url], stderr=subprocess.PIPE) for _ in range(4)
    ]
    assert [process.communicate()[1] for process in starts] == [b""] * 4
    assert [process.returncode for process in starts] == [0] * 4
    with Store(empty_database_url) as store, store.session() as session:
        assert session.execute(text("SELECT count(*) FROM alembic_version")).scalar() == 1


def test_downgrading_leaves_nothing(database_url: str) -> None:
    engine = connect(database_url)
    with engine.begin() as connection:
        command.downgrade(migrations.config(connection), "base")
    with engine.connect() as connection:
        assert inspect(connection).get_table_names() == ["alembic_version"]
    engine.dispose()


def test_a_database_of_a_newer_version_is_refused(store: Store) -> None:
    with store.session() as session:
        session.execute(text("UPDATE alembic_version SET version_num = 'from_the_future'"))
    with pytest.raises(StoreError, match=r"from_the_future.*Upgrade nas-esr"):
        store.migrate()
