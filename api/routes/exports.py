"""``/v1/exports``: what became of an export, and its file."""

from fastapi import APIRouter, Response

from api.dependencies import Reading
from api.schemas import ExportView
from api.services import exports

router = APIRouter(prefix="/v1/exports", tags=["exports"])


@router.get("/{export_id}")
def get_export(export_id: str, session: Reading) -> ExportView:
    """One export; `file` is there once its status is done."""
    return exports.get(session, export_id)


@router.get("/{export_id}/file", response_class=Response, responses={200: {"content": {"application/zip": {}}}})
def download_export(export_id: str, session: Reading) -> Response:
    """The export as a zip."""
    name, data = exports.file(session, export_id)
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(data, media_type="application/zip", headers=headers)
