"""``nas serve`` and ``nas worker``: the service in the foreground, and a worker on another machine."""

import signal
import socket
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from nas.cli.options import Database
from nas.cli.output import say
from nas.cli.processes import Workers, interrupt
from nas.errors import RequestError

if TYPE_CHECKING:
    from fastapi import FastAPI

commands = typer.Typer()
Host = Annotated[str, typer.Option("--host", help="Address to listen on; another than loopback needs a stored key.")]
Port = Annotated[int, typer.Option("--port", min=0, max=65535, help="Port to listen on; 0 takes a free one.")]
Count = Annotated[int, typer.Option("--workers", min=0, help="Worker processes on this machine.")]
RayAddress = Annotated[str | None, typer.Option("--ray", help="Address of a Ray cluster; a local one without it.")]


@commands.command("serve")
def serve(database: Database, host: Host = "127.0.0.1", port: Port = 8000, workers: Count = 1) -> None:
    """Run the API, the page and the local workers until Ctrl-C."""
    from api.app import create_app

    app = create_app(database, host=host)
    listener = listen(host, port)
    say(f"Store: {app.state.store.name}")
    with Workers(database, workers):
        until_stopped(app, listener, host)
    say("Stopped.")


@commands.command("worker")
def worker(database: Database, ray: RayAddress = None) -> None:
    """Work on what the store holds until Ctrl-C: train, measure and export."""
    from workers.main import work

    work(database, ray=ray)


def listen(host: str, port: int) -> socket.socket:
    """Bind before anything starts, so that a taken port is one sentence and not a half-started service."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except (OSError, OverflowError) as error:
        listener.close()
        words = getattr(error, "strerror", None) or error
        raise RequestError(f"Cannot listen on {host}:{port}: {words}. Choose another --host or --port.") from error
    return listener


def until_stopped(app: "FastAPI", listener: socket.socket, host: str) -> None:
    """Serve ``app``; print its URL on stdout once it answers; return after SIGINT or SIGTERM."""
    import uvicorn

    class Announced(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            shown = f"[{host}]" if ":" in host else host
            sys.stdout.write(f"http://{shown}:{listener.getsockname()[1]}\n")
            sys.stdout.flush()

    # The server restores and repeats the signal that ended it; with Python's own answer to SIGTERM the process would
    # die there and leave its workers behind.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupt)
    config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=3)
    try:
        Announced(config).run(sockets=[listener])
    except KeyboardInterrupt:
        return
