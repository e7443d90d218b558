"""Architectures: what they cost, and what was measured of those that some search met."""

from dataclasses import asdict
from io import StringIO
from typing import Any

from ruamel.yaml import YAML
from sqlalchemy.orm import Session

from api.schemas import ArchitectureToCost, ArchitectureView, CostView
from nas.costing import cost
from nas.errors import UnknownNameError
from nas.language import Architecture, load_architecture, system_names
from nas.requests import located
from nas.store import Measurement, architectures, changes, measurements, qualities
from nas.store.changes import Change

_SYSTEM, _HASH = "system:", "a1:"


def count(session: Session, wanted: ArchitectureToCost) -> CostView:
    """Count an architecture on an image.

    Raises:
        LanguageError, FieldError: the document breaks a rule, or nothing has this name.
    """
    with located("architecture"):
        found = _find(session, wanted.architecture)
        counted = cost(found, wanted.height, wanted.width)
    return CostView(hash=found.hash, deployed_hash=found.deployed_hash, **asdict(counted))


def _find(session: Session, source: str | dict[str, Any]) -> Architecture:
    if isinstance(source, dict):
        return load_architecture(source)
    if source.startswith(_HASH):
        return load_architecture(architectures.get(session, source).document)
    known = [_SYSTEM + name for name in system_names()]
    if source not in known:
        raise UnknownNameError("architecture", source, known)
    return load_architecture(source)


def get(session: Session, architecture_hash: str) -> ArchitectureView:
    """One architecture with everything that was measured of it.

    Raises:
        NotFoundError: no search met it.
    """
    row = architectures.get(session, architecture_hash)
    measured = measurements.of_architecture(session, row.deployed_hash)
    changed = changes.of(session, measured)
    trained = qualities.of_architecture(session, row.hash)
    return ArchitectureView(
        hash=row.hash,
        deployed_hash=row.deployed_hash,
        document=row.document,
        cost=row.cost,
        measurements=[_measured(one, changed.get(one.id)) for one in measured],
        qualities=[{"step": one.step, "seed": one.seed, "psnr_db": one.psnr_db, **one.record} for one in trained],
        created_at=row.created_at,
    )


def _measured(row: Measurement, change: Change | None) -> dict[str, Any]:
    told = None if change is None else change.to_dict()
    return {"id": row.id, "key": row.key, "status": row.status, "change": told, **row.record}


def as_yaml(session: Session, architecture_hash: str) -> str:
    """The document of one architecture as YAML.

    Raises:
        NotFoundError: no search met it.
    """
    writer, text = YAML(), StringIO()
    writer.width = 100
    writer.dump(architectures.get(session, architecture_hash).document, text)
    return text.getvalue()
