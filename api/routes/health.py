"""Whether the service lives, whether it can work, and its figures."""

from fastapi import APIRouter, Request, Response, status
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from api.dependencies import TheStore
from api.problems import RefusedError
from api.schemas import State
from nas.errors import StoreError

router = APIRouter(tags=["service"])


@router.get("/healthz")
def is_alive() -> State:
    """The process answers."""
    return State()


@router.get("/readyz", responses={503: {"description": "The database does not answer, or is not migrated."}})
def is_ready(store: TheStore) -> State:
    """The database answers and its tables are those of this version."""
    try:
        store.check()
    except StoreError as error:
        raise RefusedError(status.HTTP_503_SERVICE_UNAVAILABLE, str(error)) from error
    return State()


@router.get("/metrics", response_class=Response)
def figures(request: Request) -> Response:
    """Figures for Prometheus."""
    return Response(generate_latest(request.app.state.metrics.registry), media_type=CONTENT_TYPE_LATEST)
