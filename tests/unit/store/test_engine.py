import sys
from pathlib import Path

import pytest

from nas.errors import NotFoundError, RequestError, StoreError
from nas.store import Store, blobs
from nas.store.engine import parse_url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "nas.db",
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:///file:shared?mode=memory",
        "mysql://root@localhost/nas",
        "postgresql://localhost",
        "postgresql://localhost:port/nas",
        "sqlite:////no/such/folder/nas.db",
    ],
)
def test_a_bad_url_is_one_sentence(url: str) -> None:
    with pytest.raises(RequestError) as caught:
        Store(url)
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith(".")


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg", "postgresql+psycopg2"])
def test_every_spelling_of_postgresql_uses_the_same_driver(scheme: str) -> None:
    assert parse_url(f"{scheme}://host/nas").drivername == "postgresql+psycopg"


def test_a_driver_that_is_not_installed_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(RequestError, match=r"psycopg, which is not installed\. Run pip"):
        Store("postgresql://localhost/nas")


def test_an_unreachable_server_is_one_sentence_without_the_password() -> None:
    with Store("postgresql://nas:secret@127.0.0.1:1/nas") as store, pytest.raises(StoreError) as caught:
        store.migrate()
    sentence = str(caught.value)
    assert "127.0.0.1:1/nas" in sentence
    assert "secret" not in sentence
    assert "\n" not in sentence


def test_a_file_that_is_no_database_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "notes.db"
    path.write_text("these are notes, not a database, and long enough to be told apart from one" * 20)
    with Store(f"sqlite:///{path}") as store, pytest.raises(StoreError, match="not a database"):
        store.migrate()


def test_a_missing_table_is_one_sentence(tmp_path: Path) -> None:
    missing = pytest.raises(StoreError, match="no such table")
    with Store(f"sqlite:///{tmp_path / 'nas.db'}") as store, missing, store.session() as session:
        blobs.put(session, b"")


def test_a_reading_transaction_cannot_write(store: Store) -> None:
    with pytest.raises(StoreError, match=r"(?i)read-?only"), store.reading() as session:
        blobs.put(session, b"bytes")
    with store.session() as session:  # the same pool: the connection may write again
        assert blobs.get(session, blobs.put(session, b"bytes")) == b"bytes"


def test_an_error_takes_the_whole_transaction_back(store: Store) -> None:
    def put_and_fail() -> None:
        with store.session() as session:
            blobs.put(session, b"bytes")
            blobs.get(session, "0000")

    with pytest.raises(NotFoundError, match="0000"):
        put_and_fail()
    with store.reading() as session, pytest.raises(NotFoundError):
        blobs.get(session, blobs.sha256_of(b"bytes"))


def test_readers_do_not_wait_for_a_writer(store: Store) -> None:
    with store.session() as writer:
        sha256 = blobs.put(writer, b"bytes")
        with store.reading() as reader, pytest.raises(NotFoundError, match=sha256):
            blobs.get(reader, sha256)


def test_sqlite_keeps_foreign_keys_and_a_write_ahead_log(sqlite_url: str) -> None:
    with Store(sqlite_url) as store, store.session() as session:
        connection = session.connection()
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == 30_000
