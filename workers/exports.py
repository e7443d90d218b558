"""Exports: the trained winner as files, zipped into the store."""

import io
import logging
import zipfile
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from safetensors.torch import load as from_safetensors
from sqlalchemy.orm import Session
from torch import Tensor

from nas import report
from nas.errors import ExportError, LeaseLostError, NasError
from nas.export.pytorch import export_pytorch
from nas.language import Architecture
from nas.store import Export, Store, architectures, blobs, exports, qualities, searches, trials

LOG = logging.getLogger(__name__)
BEST = "best"


def carry_out(store: Store, export: Export) -> None:
    """Make a claimed export; what goes wrong is written into its row."""
    try:
        chosen, data = _made(store, export)
        with store.session() as session:
            blob = blobs.put(session, data)
            exports.finish(session, export.claim, "done", architecture_hash=chosen, blob=blob)
    except LeaseLostError as lost:
        LOG.warning("%s", lost)
    except NasError as error:
        _give_up(store, export, str(error))
    except Exception as error:  # a network's code may raise anything, and the worker has other things to do
        LOG.exception("export %s broke", export.id)
        _give_up(store, export, f"The export broke ({type(error).__name__}: {error}); the worker's log says where.")


def _give_up(store: Store, export: Export, error: str) -> None:
    with store.session() as session:
        exports.finish(session, export.claim, "failed", error=error)


def _made(store: Store, export: Export) -> tuple[str, bytes]:
    if export.format != "pytorch":
        raise ExportError(f"There is no export format {export.format!r}; use pytorch.")
    with store.reading() as session:
        chosen = report.best(session, export.search_id) if export.trial == BEST else export.trial
        architecture = Architecture(architectures.get(session, chosen).document)
        known, trained = facts(session, export.search_id, chosen), weights(session, export.search_id, chosen)
    with TemporaryDirectory() as folder:
        files = export_pytorch(architecture, trained, Path(folder), known)
        return chosen, _zipped(files)


def weights(session: Session, search_id: str, chosen: str) -> dict[str, Tensor]:
    """Return the weights that the search's own training of this architecture gave.

    Raises:
        ExportError: They are not in the store.
    """
    trial = trials.by_hash(session, search_id, chosen)
    seed = searches.get(session, search_id).request["seed"]
    for row in reversed(qualities.of_architecture(session, chosen)):
        own = trial is not None and row.psnr_db == trial.metrics.get("psnr_db") and row.seed == seed
        if own and row.weights is not None:
            return from_safetensors(blobs.get(session, row.weights))
    raise ExportError(f"The weights of {chosen} are not in the store; only fully trained networks can be exported.")


def facts(session: Session, search_id: str, chosen: str) -> dict[str, Any]:
    """Return how an architecture was found and measured, for the record beside it."""
    search, found = searches.get(session, search_id), report.front(session, search_id)
    points = [point for point in found["points"] if point["hash"] == chosen]
    trial = trials.by_hash(session, search_id, chosen)
    measured = {name: value for name, value in points[0].items() if name != "architecture"} if points else {}
    return {
        "search": search_id,
        "trial": trial.number if trial else None,
        "metrics": dict(trial.metrics) if trial else {},
        "standing": measured,
        "device": found["device"],
        "protocol": found["protocol"],
        "baseline": found["baseline"],
        "gate_psnr_db": found["gate_psnr_db"],
        "recipe": search.request["recipe"],
        "data": search.request["data"],
        "seed": search.request["seed"],
    }


def _zipped(files: Iterable[Path]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files:
            archive.write(file, file.name)
    return target.getvalue()
