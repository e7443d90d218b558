from datetime import UTC, datetime
from typing import Any

import pytest
from alembic import command
from sqlalchemy import MetaData, Table, insert, select
from sqlalchemy.exc import InvalidRequestError

from nas.errors import NotFoundError, RequestError
from nas.store import Measurement, Store, architectures, changes, measurements, migrations
from nas.store.engine import connect
from tests.unit.store.test_results import Tree

RECORD = {"device": {"name": "a card"}, "rounds": 2, "samples_ms": {"candidate": [[9.7, 9.8]]}}


def measure(store: Store, key: str = "key", **changes: Any) -> Measurement:
    measured: dict[str, Any] = {
        "setup": "setup",
        "deployed_hash": "a1:deployed",
        "device_uuid": "GPU-1",
        "protocol": "screen/1",
        "status": "ok",
        "latency_ms": 9.75,
        "ratio": 0.5,
        "record": RECORD,
    }
    with store.session() as session:
        return measurements.add(session, key, **{**measured, **changes})


def test_the_newest_sound_measurement_of_a_key_answers_and_nothing_is_lost(store: Store) -> None:
    for status, ratio in (("ok", 0.5), ("ok", 0.51), ("unstable", 0.7), ("failed", None)):
        measure(store, status=status, ratio=ratio)
    measure(store, "other", ratio=0.9)
    with store.reading() as session:
        row = measurements.newest(session, "key")
        assert row is not None
        assert (row.ratio, row.status, row.samples) == (0.51, "ok", RECORD["samples_ms"])
        assert [one.ratio for one in measurements.page(session, key="key").items] == [None, 0.7, 0.51, 0.5]
        assert measurements.newest(session, "nothing less") is None


@pytest.mark.parametrize("status", ["unstable", "failed"])
def test_a_doubtful_measurement_never_answers(store: Store, status: str) -> None:
    measure(store, status=status)
    with store.reading() as session:
        assert measurements.newest(session, "key") is None


def test_samples_are_read_only_where_they_are_asked_for(store: Store) -> None:
    number = measure(store).id
    with store.reading() as session:
        (row,) = measurements.of_architecture(session, "a1:deployed")
        assert row.record == {"device": {"name": "a card"}, "rounds": 2}
        with pytest.raises(InvalidRequestError):
            _ = row.samples
        assert measurements.get(session, number).samples == RECORD["samples_ms"]
        with pytest.raises(NotFoundError, match="no measurement 99"):
            measurements.get(session, 99)


def test_measurements_come_in_pages_newest_first(store: Store) -> None:
    numbers = [measure(store, device_uuid=uuid).id for uuid in ("GPU-1", "GPU-2", "GPU-1", "GPU-1")]
    with store.reading() as session:
        first = measurements.page(session, device_uuid="GPU-1", limit=2)
        assert [row.id for row in first.items] == [numbers[3], numbers[2]]
        second = measurements.page(session, device_uuid="GPU-1", limit=2, cursor=first.cursor)
        assert ([row.id for row in second.items], second.cursor) == ([numbers[0]], None)
        assert measurements.page(session, protocol="strict/1").items == ()
        with pytest.raises(RequestError, match="'x' belongs to no page"):
            measurements.page(session, cursor="x")


def test_only_one_setup_is_comparable_each_network_once(store: Store) -> None:
    for name, ratio in (("a", 0.5), ("b", 0.6), ("a", 0.52)):
        measure(store, name, deployed_hash=name, ratio=ratio)
    measure(store, "a", deployed_hash="a", ratio=0.9, status="unstable")
    measure(store, "c", deployed_hash="c", setup="another")
    measure(store, "d", deployed_hash="d")  # of an architecture that the store does not hold
    with store.session() as session:
        for name in "abc":
            architectures.put(session, Tree(f"a1:{name}", name), {})
    with store.reading() as session:
        found = measurements.comparable(session, "setup")
        assert [(one.deployed_hash, one.ratio) for one in found] == [("a", 0.52), ("b", 0.6)]
        assert found[0].document == Tree("a1:a").to_dict()
        assert [one.deployed_hash for one in measurements.comparable(session, "setup", most=2)] == ["a"]


def test_devices_are_listed_with_what_was_measured_on_them(store: Store) -> None:
    for uuid, protocol, status in (("B", "screen/1", "ok"), ("A", "screen/1", "ok"), ("A", "screen/1", "ok")):
        measure(store, device_uuid=uuid, protocol=protocol, status=status)
    measure(store, device_uuid="A", protocol="strict/1", status="failed", record={"device": {"name": "newer"}})
    with store.reading() as session:
        first, second = measurements.devices(session)
    assert (first.uuid, first.counts) == ("A", {"screen/1": {"ok": 2}, "strict/1": {"failed": 1}})
    assert first.record == {"name": "newer"}
    assert first.first_at <= first.last_at
    assert (second.uuid, second.record) == ("B", {"name": "a card"})


@pytest.fixture
def of_before(empty_database_url: str) -> str:
    """A database of the first revision with two measurements in it."""
    engine = connect(empty_database_url)
    with engine.begin() as connection:
        command.upgrade(migrations.config(connection), "0001")
        table = Table("measurements", MetaData(), autoload_with=connection)
        for day, key in enumerate(("later", "first")):
            text = '{"rounds":2,"samples_ms":{"candidate":[[1.0]]}}'
            at = datetime(2026, 11, 20 - day, tzinfo=UTC)
            row = {"deployed_hash": "a", "device_uuid": "d", "protocol": "screen/1", "status": "ok", "created_at": at}
            connection.execute(insert(table).values(key=key, record=text, latency_ms=2.0, ratio=0.25, **row))
    engine.dispose()
    return empty_database_url


def test_measurements_of_before_become_history(of_before: str) -> None:
    with Store(of_before) as store:
        store.migrate()
        measure(store, "first", ratio=0.3)
        with store.reading() as session:
            rows = measurements.page(session).items
            assert [(row.key, row.ratio) for row in rows] == [("first", 0.3), ("later", 0.25), ("first", 0.25)]
            old = measurements.get(session, rows[1].id)
            assert (old.record, old.samples) == ({"rounds": 2}, {"candidate": [[1.0]]})
            assert (old.setup, old.created_at) == ("", datetime(2026, 11, 20, tzinfo=UTC))


def test_going_back_keeps_the_newest_of_each_key(of_before: str) -> None:
    with Store(of_before) as store:
        store.migrate()
        measure(store, "first", ratio=0.3)
    engine = connect(of_before)
    with engine.begin() as connection:
        command.downgrade(migrations.config(connection), "0001")
        table = Table("measurements", MetaData(), autoload_with=connection)
        rows = connection.execute(select(table.c.key, table.c.ratio, table.c.record).order_by(table.c.key)).all()
    engine.dispose()
    assert [tuple(row)[:2] for row in rows] == [("first", 0.3), ("later", 0.25)]
    assert '"samples_ms":{"candidate":[[9.7,9.8]]}' in rows[0].record


def test_a_change_is_told_from_the_newest_sound_one_before(store: Store) -> None:
    sessions = [
        ("key", "ok", 0.5, 10.0),
        ("other", "ok", 0.9, 18.0),
        ("key", "unstable", 0.7, 14.0),
        ("key", "ok", 0.509, 10.5),
        ("key", "ok", 0.51, 10.4),
        ("key", "failed", None, None),
    ]
    rows = []
    for key, status, ratio, latency_ms in sessions:
        bounds = None if ratio is None else [ratio * 0.999, ratio * 1.001]
        record = {"ratio_interval": bounds}
        rows.append(measure(store, key, status=status, ratio=ratio, latency_ms=latency_ms, record=record))
    with store.reading() as session:
        found = changes.of(session, measurements.page(session).items)
        assert set(found) == {rows[3].id, rows[4].id}
        drifted, same = found[rows[3].id], found[rows[4].id]
        assert [row.id for row in measurements.page(session, key="key", limit=2).items] == [rows[5].id, rows[4].id]
    assert (drifted.measurement, drifted.since) == (rows[0].id, rows[0].created_at)
    assert [drifted.ratio, drifted.latency] == pytest.approx([0.018, 0.05])
    assert (drifted.verdict, drifted.drifted, same.verdict, same.drifted) == ("slower", True, "cannot tell", False)
    assert "1.8% slower than on 20" in drifted.text
    assert "intervals overlap" in same.text


def test_rows_without_intervals_tell_a_change_but_no_verdict(store: Store) -> None:
    _, second = measure(store, ratio=0.5), measure(store, ratio=1.0)
    with store.reading() as session:
        assert changes.of(session, [second])[second.id].verdict == "cannot tell"


def test_the_setups_of_a_device_are_told_with_their_networks_the_most_first(store: Store) -> None:
    for setup, network, status in (
        ("few", "a1:one", "ok"),
        ("many", "a1:one", "ok"),
        ("many", "a1:two", "ok"),
        ("many", "a1:two", "ok"),
        ("none", "a1:one", "unstable"),
        ("", "a1:one", "ok"),
    ):
        measure(store, setup=setup, deployed_hash=network, status=status)
    measure(store, setup="far", device_uuid="GPU-2")
    with store.reading() as session:
        found = measurements.setups(session, "GPU-1")
    assert [(one.setup, one.networks) for one in found] == [("many", 2), ("few", 1)]
    assert found[0].record["device"] == {"name": "a card"}
