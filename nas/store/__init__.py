"""The store: searches and all they did, in one SQLite or PostgreSQL database.

Open it with ``Store(url)``, bring its tables up to date with ``migrate()``, and call the functions of the
modules named here inside ``with store.session() as session:`` (or ``reading()``, which cannot write).
"""

from nas.store import (
    architectures,
    blobs,
    changes,
    datasets,
    events,
    exports,
    fidelities,
    keys,
    measurements,
    qualities,
    searches,
    trials,
    workers,
)
from nas.store.claim import Claim
from nas.store.page import Page
from nas.store.store import Store
from nas.store.tables import (
    ApiKey,
    Architecture,
    Blob,
    Dataset,
    Event,
    Export,
    FidelityReport,
    Measurement,
    Quality,
    Search,
    Trial,
    Worker,
)

__all__ = [
    "ApiKey",
    "Architecture",
    "Blob",
    "Claim",
    "Dataset",
    "Event",
    "Export",
    "FidelityReport",
    "Measurement",
    "Page",
    "Quality",
    "Search",
    "Store",
    "Trial",
    "Worker",
    "architectures",
    "blobs",
    "changes",
    "datasets",
    "events",
    "exports",
    "fidelities",
    "keys",
    "measurements",
    "qualities",
    "searches",
    "trials",
    "workers",
]
