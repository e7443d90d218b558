"""The page at ``/``, its files, and the reference at ``/docs``; everything comes from this machine."""

from pathlib import Path

import plotly
from fastapi import FastAPI, Request
from fastapi.responses import FileResponse, HTMLResponse
from fastapi.staticfiles import StaticFiles

from api import reference

FOLDER = Path(__file__).parent.parent / "page"
PLOTLY = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
FRESH = {"Cache-Control": "no-cache"}


def install(app: FastAPI) -> None:
    """Serve the page, its files and the reference."""

    @app.get("/", include_in_schema=False)
    def show_page() -> FileResponse:
        return FileResponse(FOLDER / "index.html", headers=FRESH)

    @app.get("/page/plotly.min.js", include_in_schema=False)
    def plotly_script() -> FileResponse:
        return FileResponse(PLOTLY, headers={"Cache-Control": "max-age=86400"})

    @app.get("/docs", include_in_schema=False)
    def show_reference(request: Request) -> HTMLResponse:
        return HTMLResponse(reference.render(request.app.openapi()))

    app.mount("/page", StaticFiles(directory=FOLDER))
