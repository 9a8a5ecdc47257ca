"""The session around a frame as curves over time: stars, FWHM, sky, transparency, each frame a mark, one marked."""

import itertools
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from nebulift_daemon.ledger import FrameRow, Ledger
from nebulift_daemon.nights import Zone
from nebulift_daemon.report.axes import TimeAxis, time_axis, value_axis
from nebulift_daemon.report.markup import Markup, element, joined

EACH_SIDE = 300  # frames: a long night of one target; further ones are not drawn
MOST_KNOWN = 20_000  # frames whose values are kept in memory: 4 MB
WIDTH, LEFT, RIGHT = 1000.0, 96.0, 990.0
PANEL, GAP, TICKS = 34.0, 8.0, 16.0
MARK = 2.4
Values = tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Quantity:
    """What one curve shows, read from the judgement's record."""

    name: str
    value: Callable[[dict[str, Any]], float | None]
    digits: int
    per_cent: bool = False

    def written(self, value: float) -> str:
        return f"{100 * value:.0f} %" if self.per_cent else f"{value:.{self.digits}f}"


def _measured(part: str, name: str) -> Callable[[dict[str, Any]], float | None]:
    def value(record: dict[str, Any]) -> float | None:
        found = ((record.get("measurements") or {}).get(part) or {}).get(name)
        return None if found is None else float(found)

    return value


def _transparency(record: dict[str, Any]) -> float | None:
    found = (record.get("session") or {}).get("transparency")
    return None if found is None else float(found)


QUANTITIES = (
    Quantity("stars", _measured("stars", "count"), 0),
    Quantity("FWHM, px", _measured("stars", "fwhm_px"), 2),
    Quantity("sky, ADU", _measured("sky", "level_adu"), 0),
    Quantity("transparency", _transparency, 0, per_cent=True),
)


@dataclass(frozen=True, slots=True)
class Moment:
    """One frame of the session."""

    frame_id: int
    label: str
    at: datetime
    values: Values


class SessionValues:
    """The values of frames, kept in memory: a record is unpacked once, not for every frame that is looked at."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[int, str | None], Values] = OrderedDict()

    def around(self, ledger: Ledger, frame: FrameRow) -> list[Moment]:
        """The frames of the session around ``frame``, in order of time. Raises ``LedgerError``."""
        rows = ledger.browsing.rows_around(frame, EACH_SIDE)
        return [
            Moment(row.id, row.label or "review", datetime.fromisoformat(row.taken_at), self._of(ledger, row))
            for row in rows
            if row.taken_at is not None
        ]

    def _of(self, ledger: Ledger, row: FrameRow) -> Values:
        key = row.id, row.judged_at
        found = self._known.get(key)
        if found is None:
            record = ledger.frames.record(row.id) or {}
            found = self._known[key] = tuple(quantity.value(record) for quantity in QUANTITIES)
            if len(self._known) > MOST_KNOWN:
                self._known.popitem(last=False)
        return found


def session_strip(moments: Sequence[Moment], frame_id: int, zone: Zone, query: str) -> Markup:
    """The drawing as SVG, each frame a link to its page; nothing where there is no session."""
    if len(moments) < 2:
        return joined([])
    axis = time_axis(moments[0].at.astimezone(zone), moments[-1].at, LEFT, RIGHT)
    shown = [at for at in range(len(QUANTITIES)) if any(moment.values[at] is not None for moment in moments)]
    height = len(shown) * (PANEL + GAP) + TICKS
    here = next((moment for moment in moments if moment.frame_id == frame_id), None)
    return element(
        "svg",
        element("title", f"{len(moments)} frames of this session over time"),
        *_ticks(axis, height),
        *(_panel(moments, at, number * (PANEL + GAP), axis, here) for number, at in enumerate(shown)),
        *_here(here, axis, height),
        *_links(moments, axis, height, query),
        class_="curves",
        view_box=f"0 0 {WIDTH:g} {height:g}",
        role="img",
    )


def _panel(moments: Sequence[Moment], at: int, top: float, axis: TimeAxis, here: Moment | None) -> Markup:
    quantity = QUANTITIES[at]
    known = [(moment, value) for moment in moments if (value := moment.values[at]) is not None]
    scale = value_axis([value for _, value in known], top + PANEL - MARK, top + MARK)
    own = None if here is None else here.values[at]
    points = " ".join(f"{axis.x(moment.at):.1f},{scale.y(value):.1f}" for moment, value in known)
    marks = [
        element(
            "circle", class_=f"mark {moment.label}", cx=f"{axis.x(moment.at):.1f}", cy=f"{scale.y(value):.1f}", r=MARK
        )
        for moment, value in known
    ]
    return element(
        "g",
        element("rect", class_="panel", x=LEFT, y=top, width=RIGHT - LEFT, height=PANEL),
        element("polyline", points=points),
        *marks,
        element("text", quantity.name, class_="what", x=LEFT - 8, y=top + 14),
        element("text", quantity.written(own), class_="own", x=LEFT - 8, y=top + 29) if own is not None else None,
    )


def _here(here: Moment | None, axis: TimeAxis, height: float) -> list[Markup]:
    """The line that marks the frame."""
    if here is None:
        return []
    x = f"{axis.x(here.at):.1f}"
    return [element("line", class_="here", x1=x, x2=x, y1=0, y2=height - TICKS)]


def _ticks(axis: TimeAxis, height: float) -> list[Markup]:
    drawn: list[Markup] = []
    for tick in axis.ticks():
        x = f"{axis.x(tick):.1f}"
        drawn.append(element("line", class_="tick", x1=x, x2=x, y1=0, y2=height - TICKS))
        drawn.append(element("text", f"{tick:%H:%M}", class_="time", x=x, y=height - 3))
    return drawn


def _links(moments: Sequence[Moment], axis: TimeAxis, height: float, query: str) -> list[Markup]:
    """A column above each frame, as wide as it is far to its neighbours, that leads to its page."""
    at = [axis.x(moment.at) for moment in moments]
    edges = [LEFT, *((left + right) / 2 for left, right in itertools.pairwise(at)), RIGHT]
    return [
        element(
            "a",
            element("title", f"{moment.at.astimezone(axis.begin.tzinfo):%H:%M} {moment.label}"),
            element("rect", x=f"{left:.1f}", y=0, width=f"{max(right - left, 0.5):.1f}", height=height - TICKS),
            href=f"/frame/{moment.frame_id}{query}",
            tabindex="-1",
        )
        for moment, left, right in zip(moments, edges, edges[1:], strict=False)
    ]
