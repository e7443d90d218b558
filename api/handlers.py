"""Turns every exception of a request into a problem document."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request, status
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from api.problems import Offence, RefusedError, kind_of, problem_response, shown
from nas.errors import LanguageError, NasError
from nas.requests import FieldError, explain

_PLACES = frozenset({"body", "query", "path", "header"})
_log = logging.getLogger(__name__)


def install(app: FastAPI) -> None:
    """Answer every error of `app` by a problem document."""

    @app.exception_handler(RefusedError)
    def refused(request: Request, error: RefusedError) -> JSONResponse:
        return problem_response(request.url.path, error.status, str(error), headers=error.headers)

    app.exception_handler(NasError)(_known)
    app.exception_handler(RequestValidationError)(_misshapen)
    app.exception_handler(HTTPException)(_unrouted)
    app.exception_handler(Exception)(_unexpected)


def _known(request: Request, error: NasError) -> JSONResponse:
    if error.status >= status.HTTP_500_INTERNAL_SERVER_ERROR:
        _log.error("%s %s failed: %s", request.method, request.url.path, error)
    errors = []
    if isinstance(error, LanguageError | FieldError):
        errors = [Offence(path=error.path, detail=error.sentence)]
    return problem_response(request.url.path, error.status, str(error), kind=kind_of(type(error)), errors=errors)


def _misshapen(request: Request, error: RequestValidationError) -> JSONResponse:
    path, found = request.url.path, error.errors()
    if found[0]["type"] == "json_invalid":
        why = f"{found[0]['ctx']['error']} at character {found[0]['loc'][-1]}"
        return problem_response(path, status.HTTP_400_BAD_REQUEST, f"The body is not JSON: {why}.")
    if tuple(found[0]["loc"]) == ("body",) and found[0]["type"] == "missing":
        return problem_response(path, status.HTTP_422_UNPROCESSABLE_CONTENT, "The body is empty; send a JSON object.")
    if _lacks_json_type(request, found):
        sent = shown(request.headers.get("content-type", ""))
        detail = f"The body must be sent with content type 'application/json', got {sent}."
        return problem_response(path, status.HTTP_415_UNSUPPORTED_MEDIA_TYPE, detail)
    errors = [_offence_of(one) for one in found]
    kind = ("/docs#validation", "The request does not have the shape of its schema")
    detail = _sentence(errors)
    return problem_response(path, status.HTTP_422_UNPROCESSABLE_CONTENT, detail, kind=kind, errors=errors)


def _lacks_json_type(request: Request, found: Sequence[Mapping[str, Any]]) -> bool:
    media = request.headers.get("content-type", "").split(";")[0].strip().lower()
    is_json = media == "application/json" or media.endswith("+json")
    whole_body = any(tuple(one["loc"]) == ("body",) and one["type"] != "missing" for one in found)
    return whole_body and not is_json


def _offence_of(error: Mapping[str, Any]) -> Offence:
    place, *rest = error["loc"]
    path = rest if place in _PLACES else [place, *rest]
    return Offence(path=".".join(map(str, path)), detail=explain(error))


def _sentence(errors: Sequence[Offence]) -> str:
    first = f"{errors[0].path}: {errors[0].detail}" if errors[0].path else errors[0].detail
    return first if len(errors) == 1 else f"{first} ({len(errors) - 1} more in 'errors'.)"


def _unrouted(request: Request, error: HTTPException) -> JSONResponse:
    path = request.url.path
    known = {
        status.HTTP_404_NOT_FOUND: f"Nothing is served at {shown(path)}; /docs lists what is.",
        status.HTTP_405_METHOD_NOT_ALLOWED: f"{request.method} is not served at {shown(path)}.",
        status.HTTP_400_BAD_REQUEST: "The body could not be read as JSON: it is not UTF-8, is nested too deeply, "
        "or holds a number of thousands of digits.",
    }
    detail = known.get(error.status_code, str(error.detail))
    return problem_response(path, error.status_code, detail, headers=error.headers)


def _unexpected(request: Request, error: Exception) -> JSONResponse:
    _log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    detail = "The service failed on this request; its log says why. It may be tried again."
    return problem_response(request.url.path, status.HTTP_500_INTERNAL_SERVER_ERROR, detail)
