"""The service in processes of its own, and the calls to it over HTTP."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import httpx

from nas.cli.processes import end
from nas.errors import NasError

START_S = 60.0
STOP_S = 40.0
"""Longer than the service gives its own worker."""


class ServiceError(NasError):
    """The service did not do what the demo needs."""

    wrong_request = False


@contextmanager
def running(database: str, log: Path) -> Iterator[httpx.Client]:
    """``nas serve`` on a free loopback port, stopped at the end; its words go to ``log``."""
    command = [sys.executable, "-m", "nas.cli", "serve", "--port", "0", "--database", database]
    # A warning about an environment variable of ours would be noise in a stranger's first minute.
    clean = {name: value for name, value in os.environ.items() if not name.startswith("NAS_")}
    with log.open("wb") as words:
        process = subprocess.Popen(command, env=clean, stdout=subprocess.PIPE, stderr=words, start_new_session=True)
        try:
            with httpx.Client(base_url=address(process, log), timeout=30, trust_env=False) as client:
                yield client
        finally:
            end(process, STOP_S)
            if process.stdout is not None:
                process.stdout.close()


def address(process: "subprocess.Popen[bytes]", log: Path) -> str:
    """The URL that the service prints once it answers."""
    assert process.stdout is not None
    line = first_line(process.stdout)
    if not line:
        words = log.read_text(errors="replace").strip().splitlines() or ["nothing"]
        raise ServiceError(f"The service did not start within {START_S:.0f} s; its last words in {log}: {words[-1]}")
    return line


def first_line(stream: IO[bytes]) -> str:
    """The first line of ``stream``, empty when none comes in time."""
    lines: list[bytes] = []
    reader = threading.Thread(target=lambda: lines.append(stream.readline()), daemon=True)
    reader.start()
    reader.join(START_S)
    return lines[0].decode().strip() if lines else ""


def answer(response: httpx.Response) -> Any:
    """The document of a successful response.

    Raises:
        ServiceError: with the detail of the problem document.
    """
    if response.is_error:
        problem = response.json() if "json" in response.headers.get("content-type", "") else {}
        raise ServiceError(
            f"{response.request.method} {response.request.url.path}: {problem.get('detail', response.text)}"
        )
    return response.json()


def every(client: httpx.Client, path: str) -> Iterator[dict[str, Any]]:
    """The items of all pages of a list."""
    cursor: str | None = None
    while True:
        page = answer(client.get(path, params={"limit": 200, **({"cursor": cursor} if cursor else {})}))
        yield from page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return


def events(client: httpx.Client, search_id: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Kind and payload of every event of a search until it has ended; a lost connection is taken up again."""
    last = "0"
    while True:
        headers = {"Last-Event-ID": last, "Accept": "text/event-stream"}
        try:
            with client.stream("GET", f"/v1/searches/{search_id}/events", headers=headers, timeout=60) as response:
                for fields in messages(response.iter_lines()):
                    last = fields.get("id", last)
                    yield fields.get("event", "message"), json.loads(fields.get("data") or "{}")
                    if fields.get("event") == "end":
                        return
        except httpx.TransportError:
            time.sleep(1)


def messages(lines: Iterator[str]) -> Iterator[dict[str, str]]:
    """The fields of each server-sent event; comments are left out."""
    fields: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        if not line and fields:
            yield fields
            fields = {}
        elif name:
            fields[name] = value.removeprefix(" ")


def exported(client: httpx.Client, search_id: str, trial: str, *, patience_s: float = 120) -> bytes:
    """Ask for a network as files, wait for the worker, and return the zip."""
    asked = answer(client.post(f"/v1/searches/{search_id}/exports", json={"trial": trial, "format": "pytorch"}))
    give_up = time.monotonic() + patience_s
    while asked["status"] not in {"done", "failed"}:
        if time.monotonic() > give_up:
            raise ServiceError(f"The export {asked['id']} is {asked['status']} after {patience_s:.0f} s.")
        time.sleep(0.3)
        asked = answer(client.get(f"/v1/exports/{asked['id']}"))
    if asked["status"] == "failed":
        raise ServiceError(f"The export failed: {asked['error']}")
    return client.get(asked["file"]).raise_for_status().content
