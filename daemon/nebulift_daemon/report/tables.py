"""The tables of the page: exposure by target and filter, causes, all frames, what could not be judged."""

from collections.abc import Sequence

from nebulift_daemon.report.frame_line import FrameLine
from nebulift_daemon.report.markup import Markup, element, joined
from nebulift_daemon.report.night_report import NightReport
from nebulift_daemon.report.totals import LABELS, Total, causes, label_counts, lights, totals, usable_s, watched_counts
from nebulift_daemon.report.words import counted, duration, kind_words

DASH = "\N{EN DASH}"
BAR_WIDTH = 120.0


def totals_table(frames: Sequence[FrameLine]) -> Markup:
    """Usable exposure and verdicts of each target and filter."""
    found = totals(frames)
    head = ("Target", "Filter", "Usable", "", "Frames", "Clean", "Contaminated", "Review", "FWHM")
    rows = [_total_row(total) for total in found]
    if len(found) > 1:
        rows.append(_sum_row(frames))
    return _table(head, rows, "totals")


def _total_row(total: Total) -> Markup:
    fwhm = f"{total.fwhm_arcsec:.1f}\N{DOUBLE PRIME}" if total.fwhm_arcsec is not None else _number(total.fwhm_px, 2)
    return _row(
        element("th", total.target, scope="row"),
        element("td", total.filter_name),
        element("td", duration(total.usable_s), class_="number strong"),
        element("td", _share_bar(total)),
        _cell(total.frames),
        *(_cell(total.counts[label]) for label in ("clean", "contaminated", "review")),
        element("td", fwhm, class_="number"),
    )


def _sum_row(frames: Sequence[FrameLine]) -> Markup:
    counts = label_counts(frames)
    return element(
        "tr",
        element("th", "All", scope="row"),
        element("td"),
        element("td", duration(usable_s(frames)), class_="number strong"),
        element("td"),
        _cell(len(lights(frames))),
        *(_cell(counts[label]) for label in ("clean", "contaminated", "review")),
        element("td"),
        class_="sum",
    )


def _share_bar(total: Total) -> Markup:
    """Usable, undecided and lost exposure as one bar."""
    seconds = {"clean": total.usable_s, "review": total.review_s, "contaminated": total.contaminated_s}
    whole = sum(seconds.values())
    if not whole:
        return joined([])
    parts, x = [], 0.0
    for label, part in seconds.items():
        width = BAR_WIDTH * part / whole
        parts.append(element("rect", class_=label, x=f"{x:.1f}", y=0, width=f"{width:.1f}", height=8))
        x += width
    told = ", ".join(f"{label} {duration(part)}" for label, part in seconds.items())
    return element(
        "svg", element("title", told), *parts, class_="share", role="img", view_box=f"0 0 {BAR_WIDTH:g} 8", width=120
    )


def causes_table(frames: Sequence[FrameLine]) -> Markup:
    """How many frames each cause cost."""
    found = causes(frames)
    if not found:
        return element("p", "Every frame is clean.", class_="nothing")
    most = max(cause.frames for cause in found)
    rows = []
    for cause in found:
        lost, asked = BAR_WIDTH * 2 * cause.contaminated / most, BAR_WIDTH * 2 * cause.review / most
        bar = element(
            "svg",
            element("title", f"{cause.contaminated} contaminated, {cause.review} to review"),
            element("rect", class_="contaminated", x=0, y=0, width=f"{lost:.1f}", height=10),
            element("rect", class_="review", x=f"{lost:.1f}", y=0, width=f"{asked:.1f}", height=10),
            class_="share",
            role="img",
            view_box=f"0 0 {BAR_WIDTH * 2:g} 10",
            width=240,
        )
        name = element("th", kind_words(cause.kind), scope="row")
        rows.append(_row(name, _cell(cause.frames), element("td", bar)))
    return _table(("Main cause", "Frames", ""), rows, "causes")


def watched_tables(frames: Sequence[FrameLine]) -> list[Markup]:
    """For each model that only watches: the verdicts that counted beside those it would have given."""
    tables = []
    for model, counts in watched_counts(frames).items():
        told = sum(counts.values())
        other = sum(number for (label, watched), number in counts.items() if label != watched)
        text = f"{model} watches: on {other} of {counted(told, 'frame')} it would have decided otherwise."
        rows = [
            _row(element("th", label, scope="row"), *(_cell(counts[label, watched]) for watched in LABELS))
            for label in LABELS
        ]
        tables.append(joined([element("p", text, class_="note"), _table(("Verdict", *LABELS), rows, "watched")]))
    return tables


def frames_table(report: NightReport) -> Markup:
    """Every light frame in a line, folded away."""
    head = ("Time", "Frame", "Target", "Filter", "Verdict", "Score", "Stars", "FWHM px", "Elong.", "Weight", "Reason")
    rows = [_frame_row(report, frame) for frame in lights(report.frames)]
    summary = element("summary", counted(len(rows), "frame"))
    return element("details", summary, _table(head, rows, "frames"))


def _frame_row(report: NightReport, frame: FrameLine) -> Markup:
    measured = frame.measured
    return _row(
        element("td", f"{report.local(frame.taken_at):%H:%M:%S}", class_="number"),
        element("td", frame.name, class_="name"),
        element("td", frame.group.target),
        element("td", frame.group.filter_name),
        element("td", element("span", frame.label, class_=f"badge {frame.label}")),
        _cell(frame.score, 2),
        _cell(measured.stars),
        _cell(measured.fwhm_px, 2),
        _cell(measured.elongation, 2),
        _cell(report.weights[frame.frame_id] if frame.is_usable else None, 2),
        element("td", frame.reason, class_="reason"),
    )


def troubles_list(report: NightReport) -> Markup:
    """What could not be read, what was passed over, what has vanished since; nothing when there is none of it."""
    frames = report.frames
    groups = [
        ("Could not be read", [(frame, frame.error or "") for frame in frames if frame.error]),
        (
            "No light frames, passed over",
            [(frame, frame.reason) for frame in frames if frame.label == "skipped"],
        ),
        ("No longer where they were filed", [(frame, "") for frame in frames if frame.state == "gone"]),
        ("Judged and not filed yet", [(frame, "") for frame in frames if frame.state == "judged"]),
    ]
    parts = [
        joined([element("h3", f"{title}: {len(found)}"), element("ul", *map(_trouble, found), class_="plainlist")])
        for title, found in groups
        if found
    ]
    return element("section", element("h2", "Besides"), *parts) if parts else joined([])


def _trouble(found: tuple[FrameLine, str]) -> Markup:
    frame, why = found
    return element("li", element("span", frame.name, class_="name"), element("span", f" {why}", class_="reason"))


def _table(head: Sequence[str], rows: Sequence[Markup], kind: str) -> Markup:
    titles = element("tr", *(element("th", title, scope="col") for title in head))
    table = element("table", element("thead", titles), element("tbody", *rows), class_=kind)
    return element("div", table, class_="scroll")


def _row(*cells: Markup) -> Markup:
    return element("tr", *cells)


def _cell(value: float | None, digits: int = 0) -> Markup:
    return element("td", _number(value, digits), class_="number")


def _number(value: float | None, digits: int) -> str:
    return DASH if value is None else f"{value:.{digits}f}"
