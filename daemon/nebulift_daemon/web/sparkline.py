"""A small curve of one quantity over the frames around, with the frame itself marked."""

from collections.abc import Sequence

from nebulift_daemon.report.axes import value_axis
from nebulift_daemon.report.markup import Markup, element, joined

WIDTH, HEIGHT = 84.0, 18.0
MARGIN = 3.0
FEWEST = 3  # values that make a curve


def sparkline(values: Sequence[float | None], marked: int) -> Markup:
    """The values in order of time, that at the index ``marked`` as a dot; nothing where hardly any is known."""
    known = [value for value in values if value is not None]
    if len(known) < FEWEST:
        return joined([])
    scale = value_axis(known, HEIGHT - MARGIN, MARGIN)
    step = (WIDTH - 2 * MARGIN) / max(len(values) - 1, 1)
    points = [(MARGIN + at * step, scale.y(value)) for at, value in enumerate(values) if value is not None]
    own = values[marked]
    dot = None if own is None else (f"{MARGIN + marked * step:.1f}", f"{scale.y(own):.1f}")
    return element(
        "svg",
        element("polyline", points=" ".join(f"{x:.1f},{y:.1f}" for x, y in points)),
        element("circle", cx=dot[0], cy=dot[1], r=2.4) if dot else None,
        class_="spark",
        view_box=f"0 0 {WIDTH:g} {HEIGHT:g}",
        width=WIDTH,
        aria_hidden="true",
    )
