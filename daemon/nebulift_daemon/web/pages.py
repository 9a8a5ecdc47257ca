"""The pages that a person looks at; nothing is changed by looking."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from nebulift_daemon.ledger import Ledger, Recorded
from nebulift_daemon.nights import Zone, minutes_ahead
from nebulift_daemon.web.frame_facts import Card, FrameFacts, card, frame_facts
from nebulift_daemon.web.selection import Selection, numbers_in, selection_in
from nebulift_daemon.web.session_strip import Moment, session_strip
from nebulift_daemon.web.site import Site, site_of

EACH_SIDE = 12  # neighbours whose numbers are compared
NEAREST = 4  # of these, how many are shown on each side
CARDS_A_PAGE = 60
MOST_NIGHTS = 60  # in the list to choose from


@dataclass(frozen=True, slots=True)
class Head:
    """The upper edge of every page: lists with their counts, nights to choose from."""

    selection: Selection
    counts: dict[str, int]
    nights: Sequence[date]


@dataclass(frozen=True, slots=True)
class Opened:
    """One frame of a selection."""

    head: Head
    facts: FrameFacts
    number: int | None  # its place in the selection, from 1; ``None`` when it is not in it (any more)
    of: int
    before: int | None
    after: int | None


async def start(request: Request) -> Response:
    """The first frame that waits, or the page that says that none does."""
    site, selection = site_of(request), selection_in(request.query_params)
    ids = await site.desk.ask(lambda ledger: ledger.browsing.ids(selection.wanted(site.desk.zone)))
    if ids:
        return RedirectResponse(f"/frame/{ids[0]}{selection.query}", 303)
    head = await site.desk.ask(lambda ledger: head_of(ledger, selection, site.desk.zone))
    return site.page("nothing.html", head=head, reviews=await site.desk.ask(site.reviews.told))


async def frame(request: Request) -> Response:
    """One frame, large, with all that is known about it."""
    return await frame_page(site_of(request), request.path_params["frame_id"], selection_in(request.query_params))


async def frame_page(
    site: Site, frame_id: int, selection: Selection, *, trouble: str | None = None, status: int = 200
) -> HTMLResponse:
    """The page of one frame, with what went wrong when something did. Raises ``HTTPException`` for an unknown one."""
    opened = await site.desk.ask(lambda ledger: open_frame_of(ledger, frame_id, selection, site.desk.zone))
    if opened is None:
        raise HTTPException(404)
    place = next(at for at, other in enumerate(opened.facts.around) if other.frame_id == frame_id)
    near = opened.facts.around[max(place - NEAREST, 0) : place + NEAREST + 1]
    return site.page(
        "frame.html", status, head=opened.head, opened=opened, facts=opened.facts, near=near, trouble=trouble
    )


async def session(request: Request) -> Response:
    """The curves of the session around a frame; the frame's page fetches them when it is shown."""
    site, selection = site_of(request), selection_in(request.query_params)
    frame_id = request.path_params["frame_id"]

    def moments(ledger: Ledger) -> list[Moment] | None:
        row = ledger.frames.get(frame_id)
        return None if row is None or row.label is None else site.values.around(ledger, row)

    found = await site.desk.ask(moments)
    if found is None:
        raise HTTPException(404)
    curves = session_strip(found, frame_id, site.desk.zone, selection.query)
    return site.page("session.html", curves=curves, frame_id=frame_id, selection=selection)


async def browse(request: Request) -> Response:
    """A list as a contact sheet."""
    site, selection = site_of(request), selection_in(request.query_params)
    given = request.query_params.get("page", "1")
    wanted_page = int(given) if given.isascii() and given.isdigit() and len(given) < 7 else 1

    def sheet(ledger: Ledger) -> tuple[Head, list[Card], int, int]:
        zone = site.desk.zone
        wanted = selection.wanted(zone)
        total = len(ledger.browsing.ids(wanted))
        pages = max(1, -(-total // CARDS_A_PAGE))
        page = min(max(wanted_page, 1), pages)
        offset = (page - 1) * CARDS_A_PAGE
        shown = ledger.browsing.listed(wanted, offset, CARDS_A_PAGE, newest_first=selection.name != "queue")
        records = [Recorded(one.row, one.decision, ledger.frames.record(one.row.id)) for one in shown]
        return head_of(ledger, selection, zone), [card(found, zone) for found in records], page, pages

    head, cards, page, pages = await site.desk.ask(sheet)
    done = numbers_in(request.query_params.get("done", ""))[:CARDS_A_PAGE]
    reviews = await site.desk.ask(site.reviews.told) if selection.name == "decided" else None
    return site.page("browse.html", head=head, cards=cards, page=page, pages=pages, done=done, reviews=reviews)


def head_of(ledger: Ledger, selection: Selection, zone: Zone) -> Head:
    """Counts of the lists within the chosen night."""
    wanted = selection.wanted(zone)
    nights = ledger.browsing.nights(minutes_ahead(zone))[:MOST_NIGHTS]
    return Head(
        selection,
        ledger.browsing.counts(wanted.begin, wanted.end),
        [date.fromisoformat(night) for night, _, _ in nights],
    )


def open_frame_of(ledger: Ledger, frame_id: int, selection: Selection, zone: Zone) -> Opened | None:
    """A frame with its neighbours, and its place in the selection; ``None`` when there is no such frame."""
    row = ledger.frames.get(frame_id)
    if row is None or row.label is None:
        return None
    around = ledger.browsing.around(row, EACH_SIDE)
    ids = ledger.browsing.ids(selection.wanted(zone))
    number, before, after = place_in(ids, frame_id)
    return Opened(
        head_of(ledger, selection, zone), frame_facts(around, frame_id, zone), number, len(ids), before, after
    )


def place_in(ids: Sequence[int], frame_id: int) -> tuple[int | None, int | None, int | None]:
    """(number from 1, frame before, frame after) of a frame in a list; a list that it is not in begins after it."""
    if frame_id not in ids:
        return None, None, ids[0] if ids else None
    at = ids.index(frame_id)
    return at + 1, ids[at - 1] if at else None, ids[at + 1] if at + 1 < len(ids) else None
