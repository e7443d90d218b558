from dataclasses import dataclass
from typing import Any

import pytest

from nas.errors import NotFoundError, StoreError
from nas.store import Store, architectures, blobs, qualities


@dataclass(frozen=True)
class Tree:
    hash: str
    deployed_hash: str = "a1:deployed"

    def to_dict(self) -> dict[str, Any]:
        return {"scale": 4, "nodes": [{"op": "conv", "train": self.hash}]}


def train(store: Store, key: str, **changes: Any) -> None:
    trained: dict[str, Any] = {
        "architecture_hash": "a1:00",
        "recipe_hash": "demo",
        "data_fingerprint": "seven",
        "seed": 2**40,
        "step": 300,
        "code_version": "1",
        "psnr_db": 23.5,
        "record": {"per_image": {"coffee": 24.0}},
    }
    with store.session() as session:
        qualities.put(session, key, **{**trained, **changes})


def test_an_architecture_is_kept_once(store: Store) -> None:
    tree = Tree("a1:00")
    with store.session() as session:
        architectures.put(session, tree, {"params": 5})
        architectures.put(session, tree, {"params": 5})
    with store.reading() as session:
        row = architectures.get(session, "a1:00")
    assert (row.document, row.cost, row.deployed_hash) == (tree.to_dict(), {"params": 5}, "a1:deployed")


def test_architectures_are_found_by_many_hashes_or_a_beginning(store: Store) -> None:
    with store.session() as session:
        for name in ("a1:00", "a1:01", "a1:11"):
            architectures.put(session, Tree(name), {})
        assert set(architectures.many(session, ["a1:00", "a1:11", "a1:ff"])) == {"a1:00", "a1:11"}
        assert architectures.like(session, "a1:0") == ["a1:00", "a1:01"]
        assert architectures.like(session, "%") == []
        with pytest.raises(NotFoundError, match="'a1:ff'"):
            architectures.get(session, "a1:ff")


def test_a_quality_comes_back_with_its_weights(store: Store) -> None:
    with store.session() as session:
        weights = blobs.put(session, b"safetensors")
    train(store, "key", weights=weights)
    with store.reading() as session:
        row = qualities.get(session, "key")
        assert row is not None
        assert (row.psnr_db, row.seed, row.weights) == (23.5, 2**40, weights)
        assert blobs.get(session, weights) == b"safetensors"
        assert qualities.get(session, "other") is None


def test_qualities_of_an_architecture_are_in_order_of_training(store: Store) -> None:
    train(store, "long", step=900)
    train(store, "short")
    train(store, "other recipe", recipe_hash="full")
    train(store, "other", architecture_hash="a1:01")
    with store.reading() as session:
        rows = qualities.of_architecture(session, "a1:00", recipe_hash="demo")
        assert [row.key for row in rows] == ["short", "long"]
        assert len(qualities.of_architecture(session, "a1:00")) == 3


def test_weights_that_are_not_there_are_refused(store: Store) -> None:
    with pytest.raises(StoreError, match="refused"):
        train(store, "key", weights="0" * 64)


def test_bytes_come_back_by_their_hash(store: Store) -> None:
    data = bytes(range(256)) * 4096
    with store.session() as session:
        assert blobs.put(session, data) == blobs.put(session, data)
    with store.reading() as session:
        assert blobs.get(session, blobs.sha256_of(data)) == data
        with pytest.raises(NotFoundError, match="no blob"):
            blobs.get(session, "0" * 64)
