"""The night's report as one HTML file: no script, no network, pictures and drawings within it."""

import base64
import hashlib
from importlib.resources import files

from nebulift import __version__
from nebulift_daemon.report.markup import Markup, element, joined, verbatim
from nebulift_daemon.report.night_report import NightReport
from nebulift_daemon.report.plots import group_plots
from nebulift_daemon.report.strip import verdict_strip
from nebulift_daemon.report.tables import causes_table, frames_table, totals_table, troubles_list, watched_tables
from nebulift_daemon.report.thumbnails import MOST_PICTURES, picture, worth_a_picture
from nebulift_daemon.report.totals import deciders, label_counts, lights, usable_s
from nebulift_daemon.report.words import counted, duration, evening, kind_words

STYLE = files(__package__).joinpath("style.css").read_text(encoding="utf-8")
STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
# said by the page itself, since a file has no server that could say it: nothing is loaded, nothing runs
POLICY = f"default-src 'none'; img-src data:; style-src 'sha256-{STYLE_HASH}'"
GENERATOR = f"Nebulift {__version__}"


def as_html(report: NightReport) -> str:
    """The whole document."""
    title = f"Night of {evening(report.night.evening)}"
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=POLICY),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="generator", content=GENERATOR),
        element("meta", name="color-scheme", content="dark light"),
        element("title", f"{title} \N{MIDDLE DOT} Nebulift"),
        element("style", verbatim(STYLE)),
    )
    body = element("body", element("main", _headline(report, title), *_sections(report)), _footer(report))
    return f"<!doctype html>\n{element('html', head, body, lang='en')}\n"


def _sections(report: NightReport) -> list[Markup]:
    if not lights(report.frames):
        return [element("p", "No light frame was judged in this night.", class_="nothing"), troubles_list(report)]
    return [
        _section("The night", verdict_strip(report), verdict_strip(report, narrow=True), _legend()),
        _section("Exposure", totals_table(report.frames)),
        _section("Causes", causes_table(report.frames)),
        _section("Curves", *_curves(report)),
        _pictures(report),
        _section("Who decided", _deciders(report), _regrades(report), *watched_tables(report.frames)),
        troubles_list(report),
        _section("All frames", frames_table(report)),
    ]


def _section(title: str, *children: Markup) -> Markup:
    return element("section", element("h2", title), *children)


def _headline(report: NightReport, title: str) -> Markup:
    frames = lights(report.frames)
    counts = label_counts(frames)
    named = {frame.group.target for frame in frames}, {frame.group.camera for frame in frames if frame.group.camera}
    facts = [", ".join(sorted(names)) for names in named if names]
    if frames:
        first, last = report.local(frames[0].taken_at), report.local(frames[-1].taken_at)
        facts.append(f"{first:%H:%M} to {last:%H:%M} ({first:%Z})")
    tiles = [("usable", duration(usable_s(frames)), "usable exposure")]
    tiles += [(label, str(counts[label]), label) for label in ("clean", "contaminated", "review")]
    return element(
        "header",
        element("h1", title),
        element("p", " \N{MIDDLE DOT} ".join(facts), class_="facts"),
        element("dl", *(_tile(*tile) for tile in tiles), class_="tiles"),
    )


def _tile(kind: str, value: str, name: str) -> Markup:
    return element("div", element("dt", name), element("dd", value), class_=f"tile {kind}")


def _legend() -> Markup:
    words = [("clean", "clean"), ("review", "for a person to decide"), ("contaminated", "contaminated")]
    return element("p", *(element("span", text, class_=f"key {label}") for label, text in words), class_="legend")


def _curves(report: NightReport) -> list[Markup]:
    figures = [
        element("figure", element("figcaption", group.title), group_plots(report, frames))
        for group, frames in report.groups.items()
        if any(frame.shape_px for frame in frames)
    ]
    note = "Dots: clean. Diamonds: review. Crosses: contaminated. Triangles: far outside, drawn at the edge. "
    note += "The line is the median of the clean frames."
    return [element("div", *figures, class_="figures"), element("p", note, class_="note")]


def _pictures(report: NightReport) -> Markup:
    chosen = worth_a_picture(report.frames)
    if not chosen:
        return joined([])
    every = sum(frame.label in {"contaminated", "review"} for frame in report.frames)
    cards = [
        element(
            "figure",
            picture(frame),
            element(
                "figcaption",
                element("span", frame.label, class_=f"badge {frame.label}"),
                element("b", f"{report.local(frame.taken_at):%H:%M} {kind_words(frame.cause)}"),
                element("span", frame.reason, class_="reason"),
                element("span", frame.name, class_="name"),
            ),
        )
        for frame in chosen
    ]
    note = f"{len(chosen)} of {every}: of each cause the worst, {MOST_PICTURES} at most." if every > len(chosen) else ""
    return _section("Not clean", element("div", *cards, class_="pictures"), element("p", note, class_="note"))


def _deciders(report: NightReport) -> Markup:
    """The people, models and measurements that gave the verdicts."""
    found = deciders(report.frames)
    words = {"measurements": "measurements alone, without a model"}
    items = [element("li", f"{words.get(name, name)}: {counted(number, 'frame')}") for name, number in found.items()]
    return element("ul", *items, class_="plainlist")


def _regrades(report: NightReport) -> Markup:
    """How many verdicts hindsight would change, and what to do about it."""
    if not report.regrades_proposed:
        return joined([])
    frames = counted(report.regrades_proposed, "frame")
    command = element("code", f"nebulift regrade --night {report.night.evening} --apply")
    return element("p", f"With the whole session known, {frames} would be graded otherwise: ", command, class_="note")


def _footer(report: NightReport) -> Markup:
    made = report.made_at.astimezone(report.zone)
    text = f"{GENERATOR}, {made:%Y-%m-%d %H:%M} ({made:%Z}). A night goes from noon to noon. "
    text += "Weight = min(1, stars / median) x (median noise / noise)\N{SUPERSCRIPT TWO} x "
    text += "(median FWHM / FWHM)\N{SUPERSCRIPT TWO} within the clean frames of a group, largest = 1."
    return element("footer", text)
