"""Exports: asked for here, made by workers."""

from sqlalchemy.orm import Session

from api.schemas import ExportView, NewExport
from nas.errors import ConflictError
from nas.store import Export, blobs, exports


def queue(session: Session, search_id: str, wanted: NewExport) -> ExportView:
    """Queue the export of a finished trial.

    Raises:
        NotFoundError: no such search, or no finished trial with this hash.
        ConflictError: ``best`` of a search without a finished trial.
    """
    return _view(exports.create(session, search_id, wanted.trial, wanted.format))


def get(session: Session, export_id: str) -> ExportView:
    """One export."""
    return _view(exports.get(session, export_id))


def file(session: Session, export_id: str) -> tuple[str, bytes]:
    """Name and bytes of the zip.

    Raises:
        ConflictError: it is not done.
    """
    export = exports.get(session, export_id)
    if export.blob is None:
        why = f": {export.error}" if export.error else ""
        raise ConflictError(f"Export {export_id} is {export.status}{why}. There is a file once its status is done.")
    short = export.hash.partition(":")[2][:10]
    return f"{export.format}-{short}.zip", blobs.get(session, export.blob)


def _view(export: Export) -> ExportView:
    file = f"/v1/exports/{export.id}/file" if export.blob else None
    fields = {name: getattr(export, name) for name in ExportView.model_fields if name != "file"}
    return ExportView(file=file, **fields)
