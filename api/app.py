"""Assembles the service: an entry point, imported by nothing but the command line."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

from fastapi import Depends, FastAPI

from api import handlers
from api.dependencies import authorise
from api.guard import Guard, is_loopback
from api.metrics import Count, Metrics
from api.problems import Problem
from api.routes import exports, health, library, measurements, networks, page, searches
from nas.errors import RequestError
from nas.store import Store, keys

DESCRIPTION = "Hardware-aware neural architecture search for efficient super-resolution."
PROBLEM: dict[str, Any] = {
    "model": Problem,
    "description": "A problem document.",
    "content": {"application/problem+json": {}},
}


def create_app(store_url: str, *, host: str = "127.0.0.1") -> FastAPI:
    """The service on the store at `store_url`, its tables brought up to date.

    Args:
        store_url: ``sqlite:///FILE`` or ``postgresql://USER:PASSWORD@HOST/DATABASE``.
        host: The address it will be bound to.

    Raises:
        RequestError: the URL is wrong, or others can reach `host` and no key protects the service.
        StoreError: the database cannot be reached or written.
    """
    store = Store(store_url)
    store.migrate()
    loopback = is_loopback(host)
    _refuse_open_service(store, host, loopback)
    app = FastAPI(
        title="nas-esr",
        version=version("nas-esr"),
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        lifespan=_closing,
    )
    app.state.store, app.state.loopback, app.state.metrics = store, loopback, Metrics(store)
    app.add_middleware(Guard, loopback=loopback)
    app.add_middleware(Count, metrics=app.state.metrics)
    handlers.install(app)
    for part in (searches, exports, networks, measurements, library):
        app.include_router(part.router, dependencies=[Depends(authorise)], responses={"4XX": PROBLEM})
    app.include_router(health.router)
    page.install(app)
    return app


def _refuse_open_service(store: Store, host: str, loopback: bool) -> None:
    with store.reading() as session:
        if loopback or keys.any_usable(session):
            return
    raise RequestError(
        f"Other machines can reach {host}, and no key protects the service. Make one with 'nas keys create NAME', "
        "or use --host 127.0.0.1."
    )


@asynccontextmanager
async def _closing(app: FastAPI) -> AsyncIterator[None]:
    yield
    app.state.store.close()
