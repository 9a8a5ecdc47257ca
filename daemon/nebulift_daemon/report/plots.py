"""Curves of one group of frames over the night, one quantity below the other."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from nebulift_daemon.report.axes import TimeAxis, ValueAxis, time_axis, value_axis
from nebulift_daemon.report.frame_line import FrameLine, Measured
from nebulift_daemon.report.markup import Markup, element, joined
from nebulift_daemon.report.night_report import NightReport

WIDTH = 600.0
LEFT, RIGHT = 56.0, 548.0
PANEL_HEIGHT, PANEL_GAP = 62.0, 12.0
TICKS_HEIGHT = 18.0


@dataclass(frozen=True, slots=True)
class Quantity:
    """What one panel shows."""

    name: str
    unit: str
    value: Callable[[Measured], float | None]
    digits: int

    def written(self, value: float) -> str:
        return f"{value:.{self.digits}f}"


QUANTITIES = (
    Quantity("stars", "", lambda measured: measured.stars, 0),
    Quantity("FWHM", "px", lambda measured: measured.fwhm_px, 2),
    Quantity("HFR", "px", lambda measured: measured.hfr_px, 2),
    Quantity("elongation", "", lambda measured: measured.elongation, 2),
    Quantity("sky", "ADU", lambda measured: measured.sky_adu, 0),
    Quantity("noise", "ADU", lambda measured: measured.noise_adu, 1),
    Quantity("transparency", "", lambda measured: measured.transparency, 2),
)


def group_plots(report: NightReport, frames: Sequence[FrameLine]) -> Markup:
    """The panels of one group, as SVG. ``frames`` is not empty."""
    axis = time_axis(report.local(frames[0].taken_at), frames[-1].taken_at, LEFT, RIGHT)
    shown = [quantity for quantity in QUANTITIES if any(_known(frames, quantity))]
    panels = [_panel(frames, quantity, axis, number) for number, quantity in enumerate(shown)]
    height = len(shown) * (PANEL_HEIGHT + PANEL_GAP) + TICKS_HEIGHT
    return element(
        "svg",
        element("title", f"{frames[0].group.title}: {', '.join(quantity.name for quantity in shown)} over time"),
        *panels,
        *_ticks(report, axis, height),
        class_="plots",
        role="img",
        view_box=f"0 0 {WIDTH:g} {height:g}",
    )


def _panel(frames: Sequence[FrameLine], quantity: Quantity, axis: TimeAxis, number: int) -> Markup:
    top = number * (PANEL_HEIGHT + PANEL_GAP) + PANEL_GAP
    known = [(frame, value) for frame in frames if (value := quantity.value(frame.measured)) is not None]
    scale = value_axis([value for _, value in known], top + PANEL_HEIGHT, top)
    clean = [value for frame, value in known if frame.label == "clean"]
    middle = statistics.median(clean or [value for _, value in known])
    return element(
        "g",
        element("rect", class_="panel", x=LEFT, y=top, width=RIGHT - LEFT, height=PANEL_HEIGHT),
        _middle_line(middle, scale, quantity),
        *(_mark(frame, value, axis, scale, quantity) for frame, value in known),
        element("text", f"{quantity.name} {quantity.unit}".rstrip(), class_="name", x=LEFT + 6, y=top + 12),
    )


def _middle_line(middle: float, scale: ValueAxis, quantity: Quantity) -> Markup:
    """The median of the clean frames, with its value; the ends of the scale on the other side."""
    y = scale.y(middle)
    limits = ((scale.high, scale.top + 9), (scale.low, scale.bottom - 2))
    return joined(
        [
            element("line", class_="median", x1=LEFT, x2=RIGHT, y1=f"{y:.1f}", y2=f"{y:.1f}"),
            element("text", quantity.written(middle), class_="value", x=LEFT - 6, y=f"{y + 3:.1f}"),
            *(element("text", quantity.written(value), class_="limit", x=RIGHT + 6, y=at) for value, at in limits),
        ]
    )


def _mark(frame: FrameLine, value: float, axis: TimeAxis, scale: ValueAxis, quantity: Quantity) -> Markup:
    """A dot, a cross or a diamond by verdict; a triangle at the edge for a value far out."""
    x, y = axis.x(frame.taken_at), scale.y(value)
    told = element("title", f"{frame.name}: {quantity.written(value)} {quantity.unit}".rstrip())
    if scale.is_outside(value):
        away = -5 if value > scale.high else 5
        path = f"M{x - 3.5:.1f} {y - away:.1f}h7l-3.5 {away}z"
    elif frame.label == "contaminated":
        path = f"M{x - 3:.1f} {y - 3:.1f}l6 6m0 -6l-6 6"
        return element("path", told, class_="cross", d=path)
    elif frame.label == "review":
        path = f"M{x - 3.5:.1f} {y:.1f}l3.5 -3.5l3.5 3.5l-3.5 3.5z"
    else:
        return element("circle", told, class_="clean", cx=f"{x:.1f}", cy=f"{y:.1f}", r=2.2)
    return element("path", told, class_=frame.label, d=path)


def _ticks(report: NightReport, axis: TimeAxis, height: float) -> list[Markup]:
    drawn: list[Markup] = []
    for tick in axis.ticks():
        x = f"{axis.x(tick):.1f}"
        drawn.append(element("line", class_="tick", x1=x, x2=x, y1=PANEL_GAP, y2=height - TICKS_HEIGHT))
        drawn.append(element("text", f"{report.local(tick):%H:%M}", class_="time", x=x, y=height - 4))
    return drawn


def _known(frames: Sequence[FrameLine], quantity: Quantity) -> list[bool]:
    return [quantity.value(frame.measured) is not None for frame in frames]
