"""How fast the review page, its pictures and the report are. Prints tables; asserts nothing.

    python benchmarks/page.py [--frames 5000] [--report-frames 1000] [--folder DIR]

Every figure is a median with the range of the middle 90 % over n tries on a page that is served by this process. CPU
seconds are those of all threads.
"""

import argparse
import shutil
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from synthetic_night import fits_file, make_night
from web_page import Served

from nebulift_daemon.ledger import Ledger
from nebulift_daemon.nights import last_night
from nebulift_daemon.report.csv_table import as_csv
from nebulift_daemon.report.json_document import as_json
from nebulift_daemon.report.night_report import gather
from nebulift_daemon.report.page import as_html
from nebulift_daemon.report.thumbnails import _jpeg
from nebulift_daemon.web.previews import _make

TRIES = 40


def spread(values):
    """``median (5 % - 95 %), n``."""
    low, high = np.percentile(values, [5, 95])
    return f"{statistics.median(values):.3f} ({low:.3f}-{high:.3f}), n={len(values)}"


def timed(act):
    """(wall seconds, CPU seconds, what it gave)."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = act()
    return time.perf_counter() - wall, time.process_time() - cpu, result


def page_times(base, frames):
    """The page over a queue of so many frames: first page, next frames, sheet, curves, in seconds of waiting."""
    night = make_night(base / "queue", ["review"] * frames, every_s=5.0, content=lambda _: fits_file(1))
    with Served(night.output, night.state) as page:
        first_s, first_cpu_s, answer = timed(lambda: page.get("/"))
        first = f"{first_s:.3f} s waited; {first_cpu_s:.3f} s CPU"
        print(f"| first answer of a fresh server, {frames} frames wait | {first} |")
        assert answer.status == 303
        for name, path in (
            ("a frame's page", "/frame/{}?list=queue"),
            ("a contact sheet", "/browse?list=queue&page={}"),
            ("curves of the session", "/frame/{}/session?list=queue"),
            ("news", "/news?{}"),
        ):
            numbers = np.random.default_rng(1).integers(1, 80, TRIES)
            walls, cpus = [], []
            for number in numbers:
                wall_s, cpu_s, _ = timed(lambda path=path, number=number: page.get(path.format(number)))
                walls.append(wall_s)
                cpus.append(cpu_s)
            print(f"| {name} | {spread(walls)} s waited; {spread(cpus)} s CPU |")
        walls = []
        for number in range(1, TRIES + 1):
            wall_s, _, answer = timed(lambda number=number: page.decide(number, "accept"))
            follow_s, _, _ = timed(lambda answer=answer: page.get(answer.headers["location"]))
            walls.append(wall_s + follow_s)
        print(f"| a decision and the next frame's page | {spread(walls)} s waited |")


# by the browser's own clock: the driver asks over a pipe, which takes as long again
NOTE_KEY = """() => addEventListener("keydown", event =>
    sessionStorage.setItem("pressed", performance.timeOrigin + event.timeStamp), {once: true, capture: true})"""
SHOWN_MS = """() => {
    const painted = performance.getEntriesByName("first-contentful-paint")[0].startTime;
    const loaded = performance.getEntriesByType("navigation")[0].loadEventEnd;
    return performance.timeOrigin + Math.max(painted, loaded) - Number(sessionStorage.getItem("pressed"));
}"""


def browser_times(base, frames, chromium):
    """From the key press until the next frame's words and picture are on the screen, in a real browser."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - only where there is a browser

    night = make_night(base / "browser", ["review"] * frames, every_s=5.0, content=lambda _: fits_file(1))
    with Served(night.output, night.state) as page, sync_playwright() as started:
        browser = started.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": 1440, "height": 900})
        tab.goto("data:text/html,<p>a browser that is open already</p>")
        ready_s, _, _ = timed(lambda: (tab.goto(page.address), tab.wait_for_selector("#picture image")))
        print(f"| page ready in Chromium, {frames} frames wait | {ready_s:.3f} s |")
        empty = browser.new_page()
        walls, empties = [], []
        for number in range(2, TRIES + 2):
            tab.wait_for_timeout(400)  # a person looks; the next picture is fetched meanwhile
            tab.evaluate(NOTE_KEY)
            tab.keyboard.press("s")
            tab.wait_for_function(
                "number => location.pathname === `/frame/${number}` && document.readyState === 'complete'", arg=number
            )
            tab.wait_for_timeout(100)
            walls.append(tab.evaluate(SHOWN_MS) / 1000.0)
            begun = time.perf_counter()
            empty.goto(f"{page.address}/healthz?{number}")
            empties.append(time.perf_counter() - begun)
        print(f"| next frame on key press, in Chromium | {spread(walls)} s |")
        print(f"| for comparison: a page of a few numbers (/healthz), in Chromium | {spread(empties)} s |")
        ratios = [wall / empty for wall, empty in zip(walls, empties, strict=True)]
        print(f"| ratio of the two | {spread(ratios)} |")
        browser.close()


def preview_times(base, width_px, height_px):
    """Stretched pictures of frames as they come from a 26-MP camera: grey, colour, compressed."""
    for name, cards in (("grey", ()), ("colour (RGGB)", ("BAYERPAT= 'RGGB'",))):
        path = base / f"{name[:4]}.fits"
        path.write_bytes(fits_file(1, stars=3000, width_px=width_px, height_px=height_px, cards=cards))
        _make(path)  # libraries loaded
        cpus = [timed(lambda path=path: _make(path))[1] for _ in range(10)]
        size = sum(map(len, _make(path).values()))
        thumbnails = [timed(lambda path=path: _jpeg(path))[1] for _ in range(10)]
        megapixels = width_px * height_px / 1e6
        print(f"| preview, {megapixels:.0f} MP {name} | {spread(cpus)} s CPU; {size / 1e3:.0f} kB kept |")
        print(f"| picture in the report, {megapixels:.0f} MP {name} | {spread(thumbnails)} s CPU |")


def report_times(base, frames):
    """The night's report in all its forms."""
    labels = (["clean"] * 7 + ["contaminated", "review", "contaminated"]) * (frames // 10)
    night = make_night(base / "report", labels, every_s=30.0)
    ledger = Ledger.open(night.state)
    gather_s, gather_cpu_s, found = timed(lambda: gather(ledger, last_night(ledger, UTC), UTC, datetime.now(UTC)))
    ledger.close()
    for name, form in (("HTML, 24 pictures", as_html), ("CSV", as_csv), ("JSON", as_json)):
        wall_s, cpu_s, text = timed(lambda form=form: form(found))
        figures = f"{gather_s + wall_s:.2f} s, {gather_cpu_s + cpu_s:.2f} s CPU, {len(text) / 1e6:.2f} MB"
        print(f"| report of {len(found.frames)} frames, {name} | {figures} |")


def main():
    wanted = argparse.ArgumentParser(description=__doc__)
    wanted.add_argument("--frames", type=int, default=5000)
    wanted.add_argument("--report-frames", type=int, default=1000)
    wanted.add_argument("--folder", type=Path)
    given = wanted.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        base = Path(folder)
        for part in ("queue", "browser", "report"):
            (base / part).mkdir()
        page_times(base, given.frames)
        if chromium := shutil.which("chromium"):
            browser_times(base, given.frames, chromium)
        preview_times(base, 6248, 4176)
        report_times(base, given.report_frames)


if __name__ == "__main__":
    main()
