"""The night at a glance: one bar a frame along the time, coloured by verdict, with the targets below."""

from datetime import timedelta
from itertools import groupby

from nebulift_daemon.report.axes import TimeAxis, time_axis
from nebulift_daemon.report.frame_line import FrameLine
from nebulift_daemon.report.markup import Markup, element, joined
from nebulift_daemon.report.night_report import NightReport
from nebulift_daemon.report.totals import lights

WIDTH, HEIGHT = 1200.0, 92.0
NARROW_WIDTH = 400.0  # for phones, where the wide drawing's letters would be too small to read
BAR_TOP, BAR_BOTTOM = 6.0, 46.0
TARGETS_AT, TICKS_AT = 60.0, 84.0
NARROWEST_BAR = 1.5
# heights differ so that verdicts can be told apart without colours
BAR_HEIGHTS = {"clean": 0.55, "review": 0.8, "contaminated": 1.0}
TIME_WIDTH = 32.0
LETTER_WIDTH = 6.2  # of the small type, to see whether a name fits


def verdict_strip(report: NightReport, *, narrow: bool = False) -> Markup:
    """The drawing, as SVG; nothing when the night has no light frame. The style shows the one that fits the screen."""
    frames = lights(report.frames)
    if not frames:
        return joined([])
    width = NARROW_WIDTH if narrow else WIDTH
    last = max(frame.taken_at + timedelta(seconds=frame.exposure_s) for frame in frames)
    axis = time_axis(report.local(frames[0].taken_at), last, 0.0, width)
    return element(
        "svg",
        element("title", f"Verdicts of {len(frames)} frames along the night"),
        *(_bar(frame, axis, report) for frame in frames),
        *_targets(frames, axis),
        *_ticks(axis, report),
        class_="strip narrow" if narrow else "strip wide",
        role="img",
        view_box=f"0 0 {width:g} {HEIGHT:g}",
    )


def _bar(frame: FrameLine, axis: TimeAxis, report: NightReport) -> Markup:
    height = (BAR_BOTTOM - BAR_TOP) * BAR_HEIGHTS[frame.label]
    width = max(axis.width(frame.exposure_s) - 0.5, NARROWEST_BAR)
    told = f"{report.local(frame.taken_at):%H:%M} {frame.name}: {frame.label}, {frame.reason}"
    return element(
        "rect",
        element("title", told),
        class_=frame.label,
        x=f"{axis.x(frame.taken_at):.1f}",
        y=f"{BAR_BOTTOM - height:.1f}",
        width=f"{width:.1f}",
        height=f"{height:.1f}",
    )


def _targets(frames: list[FrameLine], axis: TimeAxis) -> list[Markup]:
    """A line below the bars for each stay at a target, with its name where there is room."""
    drawn: list[Markup] = []
    for target, stay in groupby(frames, key=lambda frame: frame.group.target):
        members = list(stay)
        left = axis.x(members[0].taken_at)
        right = axis.x(members[-1].taken_at) + max(axis.width(members[-1].exposure_s), NARROWEST_BAR)
        drawn.append(element("line", class_="stay", x1=f"{left:.1f}", x2=f"{right:.1f}", y1=50, y2=50))
        if len(target) * LETTER_WIDTH < right - left:
            drawn.append(element("text", target, class_="target", x=f"{left:.1f}", y=TARGETS_AT + 4))
    return drawn


def _ticks(axis: TimeAxis, report: NightReport) -> list[Markup]:
    drawn: list[Markup] = []
    for tick in axis.ticks():
        x = f"{axis.x(tick):.1f}"
        drawn.append(element("line", class_="tick", x1=x, x2=x, y1=BAR_TOP, y2=TICKS_AT - 12))
        if axis.left + TIME_WIDTH / 2 < axis.x(tick) < axis.right - TIME_WIDTH / 2:
            drawn.append(element("text", f"{report.local(tick):%H:%M}", class_="time", x=x, y=TICKS_AT))
    return drawn
