"""What the pages load: pictures of frames, the style sheet, the script; and two answers for programs."""

import json
from collections.abc import Awaitable
from importlib.resources import files

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from nebulift.errors import NebuliftError
from nebulift_daemon.ledger import FrameRow, Ledger
from nebulift_daemon.state_folder import read_status, running_process
from nebulift_daemon.vital_signs import health_in_short, vital_signs
from nebulift_daemon.web.metrics import CONTENT_TYPE, metrics_text
from nebulift_daemon.web.previews import SIZES, key_of
from nebulift_daemon.web.selection import numbers_in
from nebulift_daemon.web.site import site_of
from nebulift_daemon.web.static_files import TYPES, content_of, version_of

FOR_EVER = {"cache-control": "private, max-age=31536000, immutable"}  # another picture has another address


async def preview(request: Request) -> Response:
    """A frame's picture, addressed by its key (see ``previews.key_of``) and size."""
    size = request.path_params["size"]
    if size not in SIZES:
        raise HTTPException(404)
    row = await _frame_of(request)
    return await _picture(site_of(request).previews.jpeg(row, size))


async def detail(request: Request) -> Response:
    """A part of a frame at its own size, addressed by the frame's key and its upper left corner."""
    row = await _frame_of(request)
    place = request.path_params["left"], request.path_params["top"]
    return await _picture(site_of(request).previews.detail(row, *place))


async def _frame_of(request: Request) -> FrameRow:
    """The measured frame that the key in the address names. Raises ``HTTPException``."""
    key = request.path_params["key"]
    number = next(iter(numbers_in(key.split("-")[0])), None)
    if number is None:
        raise HTTPException(404)

    def find(ledger: Ledger) -> FrameRow | None:
        row = ledger.frames.get(number)
        # what could not be measured is not opened here either
        measured = row is not None and (ledger.frames.record(row.id) or {}).get("measurements")
        return row if measured else None

    row = await site_of(request).desk.ask(find)
    if row is None or key_of(row) != key:
        raise HTTPException(404)
    return row


async def _picture(made: Awaitable[bytes]) -> Response:
    try:
        content = await made
    except (NebuliftError, OSError, ValueError) as error:
        raise HTTPException(404) from error
    return Response(content, media_type="image/jpeg", headers=FOR_EVER)


async def static(request: Request) -> Response:
    """One of our own files."""
    name = request.path_params["name"]
    if name not in TYPES:
        raise HTTPException(404)
    headers = FOR_EVER if request.url.query == version_of(name) else {"cache-control": "no-cache"}
    return Response(content_of(name), media_type=TYPES[name], headers=headers)


async def openapi(request: Request) -> Response:
    """What the JSON interface offers, as OpenAPI."""
    del request
    content = (files(__package__) / "static" / "openapi.json").read_bytes()
    return Response(content, media_type="application/json")


async def news(request: Request) -> Response:
    """Counts of the lists, for pages that stay open."""
    counts = await site_of(request).desk.ask(lambda ledger: ledger.browsing.counts())
    return Response(json.dumps(counts), media_type="application/json")


async def metrics(request: Request) -> Response:
    """How things are, in Prometheus' text format."""
    desk = site_of(request).desk
    state = desk.root.state_folder
    lists, verdicts = await desk.ask(lambda ledger: (ledger.browsing.counts(), ledger.frames.counts()))
    text = metrics_text(lists, verdicts, read_status(state), up=running_process(state) is not None)
    return PlainTextResponse(text, media_type=CONTENT_TYPE)


async def healthz(request: Request) -> Response:
    """How the daemon is doing, in numbers; status 503 when frames do not come out or something is wrong."""
    desk = site_of(request).desk
    facts = await desk.ask(lambda ledger: vital_signs(desk.root.path, desk.root.state_folder, ledger))
    health = health_in_short(facts)
    return Response(json.dumps(health) + "\n", 200 if health["ok"] else 503, media_type="application/json")
