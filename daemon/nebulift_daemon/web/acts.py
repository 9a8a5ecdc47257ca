"""What a person does on the page: decide, take back. Each act ends on the page of the frame that comes next."""

from collections.abc import Mapping
from functools import partial
from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from nebulift.errors import FilingError, printable
from nebulift.findings import Kind
from nebulift.verdict import Label
from nebulift_daemon.ledger import Ledger
from nebulift_daemon.report.words import counted
from nebulift_daemon.reviews import decide as enter_decision
from nebulift_daemon.undo import undo_decision
from nebulift_daemon.web.guard import with_cookie
from nebulift_daemon.web.pages import frame_page, place_in
from nebulift_daemon.web.selection import Selection, numbers_in, selection_in
from nebulift_daemon.web.site import Site, site_of

SOURCE = "web"
MOST_FORM_BYTES = 8192
MOST_FIELDS = 100  # a sheet has 60 frames
DECISIONS = {"accept": Label.CLEAN, "reject": Label.CONTAMINATED}


async def decide(request: Request) -> Response:
    """Accept or reject a frame; on to the next of the selection."""
    site, frame_id = site_of(request), request.path_params["frame_id"]
    form = await own_form(request, site)
    label, cause = _said(form)
    selection = selection_in(form)
    try:
        following = await site.desk.ask(lambda ledger: _decided(ledger, site, frame_id, label, cause, selection))
    except FilingError as error:
        return await frame_page(site, frame_id, selection, trouble=str(error), status=409)
    return RedirectResponse(f"/frame/{following}{selection.query}" if following else f"/{selection.query}", 303)


async def decide_many(request: Request) -> Response:
    """Accept or reject the frames that were chosen on a sheet; back to the sheet, which offers to take it back."""
    site = site_of(request)
    form = await own_form(request, site)
    label, cause = _said(form)
    selection = selection_in(form)
    done, troubles = list[int](), list[str]()
    for frame_id in numbers_in(form.get("frame", "")):
        try:
            await site.desk.ask(partial(enter, site=site, frame_id=frame_id, label=label, cause=cause))
        except FilingError as error:
            troubles.append(str(error))
        else:
            done.append(frame_id)
    if troubles:
        words = f"{counted(len(done), 'frame')} decided, {len(troubles)} not: " + " ".join(troubles)
        return site.page("trouble.html", 409, words=words)
    return RedirectResponse(f"/browse{selection.query}&done={'-'.join(map(str, done))}", 303)


async def undo_many(request: Request) -> Response:
    """Take back the newest decisions about these frames; back to the sheet."""
    site = site_of(request)
    form = await own_form(request, site)
    owner = await site.desk.ask(lambda ledger: ledger.memory.identity())
    for frame_id in reversed(numbers_in(form.get("frame", ""))):
        try:
            await site.desk.ask(partial(undo_decision, frame_id=frame_id, output=site.desk.root.path, owner=owner))
        except FilingError as error:
            return site.page("trouble.html", 409, words=str(error))
    return RedirectResponse(f"/browse{selection_in(form).query}", 303)


async def undo(request: Request) -> Response:
    """Take back the decision that was made last on the page, and show that frame; or the decision about one frame."""
    site = site_of(request)
    form = await own_form(request, site)
    selection = selection_in(form)
    wanted = next(iter(numbers_in(form.get("frame", ""))), None)

    def take_back(ledger: Ledger) -> int | None:
        frame_id = wanted if wanted is not None else ledger.history.last_decided_by(SOURCE)
        if frame_id is not None:
            undo_decision(ledger, frame_id, site.desk.root.path, ledger.memory.identity())
        return frame_id

    try:
        frame_id = await site.desk.ask(take_back)
    except FilingError as error:
        last = wanted or await site.desk.ask(lambda ledger: ledger.history.last_decided_by(SOURCE))
        if last is None:
            raise HTTPException(404) from error
        return await frame_page(site, last, selection, trouble=str(error), status=409)
    return RedirectResponse(f"/frame/{frame_id}{selection.query}" if frame_id else f"/{selection.query}", 303)


async def login(request: Request) -> Response:
    """The page that asks for the token, and what becomes of the answer."""
    site = site_of(request)
    if request.method != "POST":
        return site.page("login.html", wrong=False)
    form = await form_of(request)
    if not site.access.is_token(form.get("token", "")):
        return site.page("login.html", 403, wrong=True)
    return with_cookie(RedirectResponse("/", 303), site.access)


async def form_of(request: Request) -> Mapping[str, str]:
    """The fields of a form that was sent in the usual way; a field that came several times is joined by dashes.

    Raises ``HTTPException`` when there is too much of it.
    """
    content = b""
    async for part in request.stream():
        content += part
        if len(content) > MOST_FORM_BYTES:
            raise HTTPException(413)
    fields: dict[str, str] = {}
    try:
        for name, value in parse_qsl(content.decode("utf-8", "replace"), max_num_fields=MOST_FIELDS):
            fields[name] = f"{fields[name]}-{value}" if name in fields else value
    except ValueError as error:
        raise HTTPException(413) from error
    return fields


async def own_form(request: Request, site: Site) -> Mapping[str, str]:
    """The fields of a form that carries the mark of our own forms. Raises ``HTTPException`` for any other."""
    form = await form_of(request)
    if not site.access.is_form_mark(form.get("mark", "")):
        raise HTTPException(403, "This form is not one of the review page's; load the page again.")
    return form


def _said(form: Mapping[str, str]) -> tuple[Label, str | None]:
    """Label and cause that a form names. Raises ``HTTPException``."""
    label = DECISIONS.get(form.get("decision", ""))
    if label is None:
        raise HTTPException(400)
    cause = form.get("cause")
    return label, cause if label is Label.CONTAMINATED and cause in set(Kind) else None


def _decided(
    ledger: Ledger, site: Site, frame_id: int, label: Label, cause: str | None, selection: Selection
) -> int | None:
    """Enter the decision; the frame that comes next. Raises ``FilingError``, ``HTTPException``."""
    ids = ledger.browsing.ids(selection.wanted(site.desk.zone))
    _, _, after = place_in(ids, frame_id)
    enter(ledger, site=site, frame_id=frame_id, label=label, cause=cause)
    return after


def enter(ledger: Ledger, *, site: Site, frame_id: int, label: Label, cause: str | None) -> None:
    """Enter the decision about one frame. Raises ``FilingError``, ``HTTPException``."""
    row = ledger.frames.get(frame_id)
    if row is None or row.label is None:
        raise HTTPException(404)
    if row.state == "gone":
        raise FilingError(f"{printable(row.path.name)}: the frame was taken out of the output folder by a person")
    enter_decision(ledger, site.desk.root, row, label, cause, SOURCE)
