"""What stands before every route: which hosts and pages may call, how large a body may be, which headers go out."""

import re
from collections.abc import Iterable
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.status import (
    HTTP_400_BAD_REQUEST,
    HTTP_403_FORBIDDEN,
    HTTP_413_CONTENT_TOO_LARGE,
    HTTP_421_MISDIRECTED_REQUEST,
)
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import problem_response, shown

BODY_LIMIT_BYTES = 1024 * 1024
# PostgreSQL keeps no text with this character, and no honest text has it.
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_NUL_DETAIL = "The character U+0000 is not accepted, neither in an address nor in a body; leave it out."
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
# The hash is of nothing: plotly makes an empty style element and puts its rules in one by one.
_STYLE = "style-src 'self' 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"
_HEADERS = {
    "Content-Security-Policy": f"default-src 'none'; script-src 'self'; {_STYLE}; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def is_loopback(host: str) -> bool:
    """Whether a server bound to `host` can be reached from this machine only."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


class Guard:
    """ASGI middleware that refuses rebound names, other sites' pages, oversized bodies and NUL characters.

    Args:
        app: What it stands before.
        loopback: The server is bound to a loopback address: then only loopback names may call, since a page
            elsewhere can point a name of its own at this machine (DNS rebinding).
    """

    def __init__(self, app: ASGIApp, *, loopback: bool) -> None:
        self._app = app
        self._loopback = loopback

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = with_headers(send, _HEADERS.items())
        refusal = self._refusal(scope, Headers(scope=scope))
        if refusal:
            await problem_response(scope["path"], *refusal)(scope, receive, answer)
            return
        try:
            body = await _body(receive, scope)
        except ClientDisconnect:
            return
        if body is None:
            detail = f"The body is larger than the {BODY_LIMIT_BYTES} bytes that are accepted."
            response = problem_response(scope["path"], HTTP_413_CONTENT_TOO_LARGE, detail)
            await response(scope, receive, answer)
            return
        if _NUL.search(body):
            await problem_response(scope["path"], HTTP_400_BAD_REQUEST, _NUL_DETAIL)(scope, receive, answer)
            return
        await self._app(scope, _replay(body, receive), answer)

    def _refusal(self, scope: Scope, headers: Headers) -> tuple[int, str] | None:
        host = headers.get("host", "")
        if self._loopback and not is_loopback(urlsplit(f"//{host}").hostname or ""):
            detail = f"The Host header {shown(host)} is not a loopback name; call 127.0.0.1 or localhost."
            return HTTP_421_MISDIRECTED_REQUEST, detail
        origin = headers.get("origin")
        if scope["method"] not in _SAFE_METHODS and origin and urlsplit(origin).netloc != host:
            return HTTP_403_FORBIDDEN, f"Pages of {shown(origin)} may not change anything here."
        if "\0" in scope["path"] or b"%00" in scope["query_string"]:
            return HTTP_400_BAD_REQUEST, _NUL_DETAIL
        return None


def with_headers(send: Send, headers: Iterable[tuple[str, str]]) -> Send:
    """`send`, with headers added to the start of the response unless it sets them itself."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            out = MutableHeaders(scope=message)
            for name, value in headers:
                out.setdefault(name, value)
        await send(message)

    return sending


async def _body(receive: Receive, scope: Scope) -> bytes | None:
    """The whole body, or nothing when it is too large."""
    announced = Headers(scope=scope).get("content-length", "0")
    if not announced.isdecimal() or int(announced) > BODY_LIMIT_BYTES:
        return None
    body = b""
    async for chunk in Request(scope, receive).stream():
        body += chunk
        if len(body) > BODY_LIMIT_BYTES:
            return None
    return body


def _replay(body: bytes, receive: Receive) -> Receive:
    """A receive channel that gives the body that was read, then goes on with the original."""
    waiting = [body]

    async def receiving() -> Message:
        if waiting:
            return {"type": "http.request", "body": waiting.pop(), "more_body": False}
        return await receive()

    return receiving
