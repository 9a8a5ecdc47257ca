"""The review page as an ASGI application."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from nebulift.errors import LedgerError
from nebulift_daemon.web import acts, files, json_api, pages
from nebulift_daemon.web.access import Access
from nebulift_daemon.web.guard import Guard
from nebulift_daemon.web.site import site_for, site_of

ROUTES = [
    Route("/", pages.start),
    Route("/browse", pages.browse),
    Route("/frame/{frame_id:int}", pages.frame),
    Route("/frame/{frame_id:int}/decide", acts.decide, methods=["POST"]),
    Route("/decide", acts.decide_many, methods=["POST"]),
    Route("/undo", acts.undo, methods=["POST"]),
    Route("/undo/these", acts.undo_many, methods=["POST"]),
    Route("/login", acts.login, methods=["GET", "POST"]),
    Route("/preview/{key}/{size}.jpg", files.preview),
    Route("/detail/{key}/{left:int}-{top:int}.jpg", files.detail),
    Route("/static/{name}", files.static),
    Route("/frame/{frame_id:int}/session", pages.session),
    Route("/api/frames", json_api.frames),
    Route("/api/frames/{frame_id:int}", json_api.frame),
    Route("/api/frames/{frame_id:int}/decision", json_api.decide, methods=["POST"]),
    Route("/api/frames/{frame_id:int}/undo", json_api.undo, methods=["POST"]),
    Route("/api/nights", json_api.nights),
    Route("/api/labels", json_api.labels),
    Route("/api/status", json_api.status),
    Route("/api/openapi.json", files.openapi),
    Route("/news", files.news),
    Route("/metrics", files.metrics),
    Route("/healthz", files.healthz),
]
WORDS = {404: "There is no such page or frame.", 413: "The form is too large.", 405: "That cannot be done here."}


def make_app(output: Path, state: Path, access: Access) -> Starlette:
    """The page of an output folder; the application closes its ledger when it ends."""
    site = site_for(output, state, access)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        site.desk.close()

    app = Starlette(
        routes=ROUTES,
        lifespan=lifespan,
        middleware=[Middleware(Guard, access=access)],
        exception_handlers={HTTPException: _refused, LedgerError: _no_ledger, OverflowError: _no_such_number},
    )
    app.state.site = site
    return app


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    words = error.detail if error.status_code == 403 else WORDS.get(error.status_code, "That was not understood.")
    if json_api.is_for_programs(request):
        known = error.status_code in {400, 409, 415}
        return json_api.trouble(error.status_code, error.detail if known else words)
    return site_of(request).page("trouble.html", error.status_code, words=words)


async def _no_ledger(request: Request, error: Exception) -> Response:
    if json_api.is_for_programs(request):
        return json_api.trouble(503, str(error))
    return site_of(request).page("trouble.html", 503, words=str(error))


async def _no_such_number(request: Request, error: Exception) -> Response:
    """A frame's number that no database holds."""
    del error
    if json_api.is_for_programs(request):
        return json_api.trouble(404, WORDS[404])
    return site_of(request).page("trouble.html", 404, words=WORDS[404])
