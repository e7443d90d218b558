"""A search that a worker holds."""

import pytest

from nas.store import Claim, Store, searches


@pytest.fixture
def claim(store: Store) -> Claim:
    """The claim of worker ``first`` on the only search."""
    with store.session() as session:
        searches.create(session, {"space": "span"}, name="first search")
    with store.session() as session:
        search = searches.claim(session, "first")
        assert search is not None
        return search.claim
