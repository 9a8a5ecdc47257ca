"""The review page, served until it is stopped."""

import os
import socket
from collections.abc import Callable
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from nebulift.errors import WrongUsage
from nebulift_daemon.web.access import Access, access_for
from nebulift_daemon.web.app import make_app
from nebulift_daemon.web.connections import YieldingConnection

STOP_WITHIN_S = 3


def serve(output: Path, state: Path, listen: str, announce: Callable[[str, Access], None]) -> None:
    """Serve the page of an output folder at ``listen`` ("address:port") until SIGINT or SIGTERM.

    ``announce`` is told the address and who may use it, once the page can be opened.
    Raises ``WrongUsage`` when the address cannot be listened on, ``NebuliftError`` when the token cannot be had.
    """
    host, _, port = listen.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    access = access_for(state, host)
    with _listening(host, int(port)) as listener:
        server = server_of(make_app(output, state, access))
        announce(address_of(listener), access)
        server.run(sockets=[listener])


def server_of(app: ASGIApp) -> uvicorn.Server:
    """What serves ``app`` once it is run on a listening socket."""
    config = uvicorn.Config(
        app,
        http=YieldingConnection,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=STOP_WITHIN_S,
    )
    return uvicorn.Server(config)


def address_of(listener: socket.socket) -> str:
    """Where a browser on this machine finds the page."""
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": socket.gethostname(), "::": socket.gethostname()}.get(host, host)  # noqa: S104
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def _listening(host: str, port: int) -> socket.socket:
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family)
    except OSError as error:
        plain = isinstance(error, socket.gaierror) or error.errno is None
        cause = error.strerror if plain or error.errno is None else os.strerror(error.errno)
        raise WrongUsage(
            f"{host}:{port}: the review page cannot listen there ({cause}); stop what does, "
            "or name another place with --listen or below [web]"
        ) from error
