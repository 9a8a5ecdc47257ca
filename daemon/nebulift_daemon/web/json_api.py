"""The same for programs: frames, decisions, nights and the daemon's state as JSON below ``/api``.

``static/openapi.json`` describes it. What changes something takes a JSON body and nothing else: a page of somebody
else's cannot send one here without being asked first, and the answer to that question is no.
"""

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, TypeVar

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from nebulift.errors import FilingError, printable
from nebulift.findings import Kind
from nebulift.verdict import Label
from nebulift_daemon.ledger import Ledger, Recorded
from nebulift_daemon.nights import minutes_ahead
from nebulift_daemon.state_folder import read_status, running_process
from nebulift_daemon.undo import undo_decision
from nebulift_daemon.web.acts import MOST_FORM_BYTES, enter
from nebulift_daemon.web.selection import selection_in
from nebulift_daemon.web.site import Site, site_of

SOURCE = "web"
MOST_AT_ONCE = 1000
T = TypeVar("T")


async def frames(request: Request) -> Response:
    """A page of a list: ``list``, ``night``, ``kind`` as on the review page, ``offset`` and ``limit``."""
    site, selection = site_of(request), selection_in(request.query_params)
    offset, limit = _number(request, "offset", 0, 10**9), _number(request, "limit", 100, MOST_AT_ONCE)

    def question(ledger: Ledger) -> dict[str, Any]:
        wanted = selection.wanted(site.desk.zone)
        shown = ledger.browsing.listed(wanted, offset, limit)
        return {
            "total": len(ledger.browsing.ids(wanted)),
            "frames": [frame_record(Recorded(one.row, one.decision, None)) for one in shown],
        }

    return JSONResponse(await site.desk.ask(question))


async def frame(request: Request) -> Response:
    """One frame with its whole judgement."""
    return await _one(site_of(request), request.path_params["frame_id"])


async def decide(request: Request) -> Response:
    """A person's decision: ``{"label": "clean" | "contaminated", "cause": kind | null}``."""
    site, frame_id = site_of(request), request.path_params["frame_id"]
    body = await _body(request)
    if body.get("label") not in {"clean", "contaminated"}:
        raise HTTPException(400, 'label should be "clean" or "contaminated"')
    label, cause = Label(body["label"]), body.get("cause")
    if cause is not None and cause not in set(Kind):
        raise HTTPException(400, f"cause should be one of {', '.join(Kind)}, or null")
    cause = cause if label is Label.CONTAMINATED else None
    await _act(site, lambda ledger: enter(ledger, site=site, frame_id=frame_id, label=label, cause=cause))
    return await _one(site, frame_id)


async def undo(request: Request) -> Response:
    """Take back the newest decision about a frame."""
    site, frame_id = site_of(request), request.path_params["frame_id"]
    await _body(request)
    if await site.desk.ask(lambda ledger: ledger.frames.get(frame_id)) is None:
        raise HTTPException(404)
    root = site.desk.root.path
    await _act(site, lambda ledger: undo_decision(ledger, frame_id, root, ledger.memory.identity()))
    return await _one(site, frame_id)


async def nights(request: Request) -> Response:
    """The nights, newest first, with their numbers of frames."""
    site = site_of(request)
    found = await site.desk.ask(lambda ledger: ledger.browsing.nights(minutes_ahead(site.desk.zone)))
    return JSONResponse([{"night": night, "frames": number, "queue": queue} for night, number, queue in found])


async def labels(request: Request) -> Response:
    """What people have decided: the training data."""
    found = await site_of(request).desk.ask(lambda ledger: ledger.history.labels())
    record = [asdict(label) for label in found]
    for label in record:
        label["path"] = printable(label["path"])
        label["file"] = None if label["file"] is None else printable(label["file"])
    return JSONResponse(record)


async def status(request: Request) -> Response:
    """What the daemon says of itself, whether it runs, and how many frames each list holds."""
    site = site_of(request)
    state = site.desk.root.state_folder
    counts = await site.desk.ask(lambda ledger: ledger.browsing.counts())
    running = running_process(state) is not None
    return JSONResponse({"running": running, "lists": counts, "daemon": read_status(state)})


def frame_record(found: Recorded) -> dict[str, Any]:
    """A frame as JSON-ready types; the keys are stable from version to version."""
    row, decision = found.row, found.decision
    return {
        "id": row.id,
        "name": printable(row.path.name),
        "path": printable(row.destination or row.path),
        "state": row.state,
        "label": row.label,
        "score": row.score,
        "kinds": list(row.kinds),
        "reason": row.reason,
        "taken_at": row.taken_at,
        "judged_at": row.judged_at,
        "sha256": row.sha256,
        "decision": None if decision is None else asdict(decision),
    }


async def _one(site: Site, frame_id: int) -> Response:
    def question(ledger: Ledger) -> dict[str, Any] | None:
        shown = ledger.browsing.shown(frame_id)
        if shown is None or shown.row.label is None:
            return None
        record = ledger.frames.record(frame_id)
        return frame_record(Recorded(shown.row, shown.decision, None)) | {"judgement": record}

    found = await site.desk.ask(question)
    if found is None:
        raise HTTPException(404)
    return JSONResponse(found)


async def _act(site: Site, act: Callable[[Ledger], T]) -> T:
    try:
        return await site.desk.ask(act)
    except FilingError as error:
        raise HTTPException(409, str(error)) from error


async def _body(request: Request) -> dict[str, Any]:
    """The JSON object that was sent. Raises ``HTTPException`` for anything else."""
    if request.headers.get("content-type", "").partition(";")[0].strip().casefold() != "application/json":
        raise HTTPException(415, "content-type should be application/json")
    content = b""
    async for part in request.stream():
        content += part
        if len(content) > MOST_FORM_BYTES:
            raise HTTPException(413)
    try:
        body = json.loads(content or b"{}")
    except ValueError as error:
        raise HTTPException(400, "the body is no JSON") from error
    if not isinstance(body, dict):
        raise HTTPException(400, "the body should be a JSON object")
    return body


def _number(request: Request, name: str, default: int, most: int) -> int:
    given = request.query_params.get(name, "")
    return min(int(given), most) if given.isascii() and given.isdigit() and len(given) < 12 else default


def is_for_programs(request: Request) -> bool:
    """Whether an answer to this request should be JSON even when something went wrong."""
    return request.url.path.startswith("/api/")


def trouble(status_code: int, words: str) -> Response:
    """What went wrong, for programs."""
    return JSONResponse({"error": words}, status_code)
