from pathlib import Path

import pytest

from nas.errors import NotFoundError, RequestError, UnknownNameError
from nas.store import Store, datasets, keys, workers


def test_a_data_set_is_found_by_name(store: Store) -> None:
    with store.session() as session:
        datasets.add(session, "div2k", Path("/data/old"))
        datasets.add(session, "div2k", Path("/data/div2k"))
        datasets.add(session, "0_my-own", Path("/data/own"))
    with store.reading() as session:
        assert datasets.resolve(session, "div2k") == "/data/div2k"
        assert datasets.names(session) == ["embedded", "0_my-own", "div2k"]


def test_the_embedded_photographs_are_always_there(store: Store) -> None:
    with store.session() as session:
        assert datasets.resolve(session, "embedded") == "embedded"
        with pytest.raises(RequestError, match="built in"):
            datasets.add(session, "embedded", Path("/data"))


@pytest.mark.parametrize("name", ["", "../up", "a/b", "Div2k", "-a", "_a", "a" * 65, "a\n", "a b", "é"])
def test_a_bad_name_is_refused(store: Store, name: str) -> None:
    with pytest.raises(RequestError, match="not allowed"), store.session() as session:
        datasets.add(session, name, Path("/data"))


def test_a_relative_folder_is_refused(store: Store) -> None:
    with pytest.raises(RequestError, match="absolute"), store.session() as session:
        datasets.add(session, "mine", Path("photographs"))


def test_an_unregistered_name_is_unknown(store: Store) -> None:
    with store.session() as session:
        datasets.add(session, "div2k", Path("/data"))
        datasets.remove(session, "div2k")
        with pytest.raises(UnknownNameError, match=r"'div2k'.*Known: embedded"):
            datasets.resolve(session, "div2k")
        with pytest.raises(UnknownNameError):
            datasets.remove(session, "../etc")


def test_a_key_is_known_by_its_secret_until_it_is_revoked(store: Store) -> None:
    with store.session() as session:
        assert not keys.any_stored(session)
        key, secret = keys.create(session, "laptop")
        other, _ = keys.create(session)
    with store.session() as session:
        known = keys.verify(session, secret)
        assert known is not None
        assert (known.id, known.name) == (key.id, "laptop")
        assert keys.verify(session, secret[:-1]) is None
        assert keys.verify(session, key.sha256) is None
        revoked = keys.revoke(session, key.prefix)
        assert keys.revoke(session, key.prefix).revoked_at == revoked.revoked_at is not None
    with store.reading() as session:
        assert keys.verify(session, secret) is None
        assert [row.id for row in keys.every(session)] == [key.id, other.id]
        assert keys.any_usable(session)


def test_revoking_the_last_key_leaves_the_service_closed(store: Store) -> None:
    with store.session() as session:
        key, _ = keys.create(session)
        keys.revoke(session, key.prefix)
        assert (keys.any_stored(session), keys.any_usable(session)) == (True, False)
        with pytest.raises(NotFoundError, match="no key 'nas_none'"):
            keys.revoke(session, "nas_none")


def test_the_secret_of_a_key_is_not_in_the_database(sqlite_url: str) -> None:
    with Store(sqlite_url) as store, store.session() as session:
        key, secret = keys.create(session)
    stored = b"".join(path.read_bytes() for path in Path(sqlite_url.removeprefix("sqlite:///")).parent.iterdir())
    assert key.prefix.encode() in stored
    assert secret.encode() not in stored


def test_a_worker_is_alive_while_it_beats(store: Store) -> None:
    with store.session() as session:
        workers.beat(session, "first", {"cpu": {"name": "a CPU"}})
        workers.beat(session, "second")
        workers.beat(session, "first")
    with store.session() as session:
        seen = {row.name: row.devices for row in workers.alive(session)}
        assert seen == {"first": {"cpu": {"name": "a CPU"}}, "second": {}}
        assert workers.alive(session, within_s=-1) == []
        workers.remove(session, "second")
        assert [row.name for row in workers.alive(session)] == ["first"]
