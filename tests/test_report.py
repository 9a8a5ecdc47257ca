"""The night's report: one file that needs nothing else, says what happened and why, and never lies about a number."""

import csv
import io
import json
import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import numpy as np
import pytest
from command_line import nebulift  # noqa: F401 - a fixture
from hypothesis import given
from hypothesis import strategies as st
from synthetic_night import EVENING, make_night

from nebulift.frame import frame_from_array
from nebulift.pictures import stretched
from nebulift.verdict import Label
from nebulift_daemon.ledger import Ledger
from nebulift_daemon.nights import last_night, night_of, night_on, zone_of_longitude
from nebulift_daemon.output_root import OutputRoot
from nebulift_daemon.report.axes import time_axis, value_axis
from nebulift_daemon.report.csv_table import as_csv
from nebulift_daemon.report.json_document import as_json
from nebulift_daemon.report.night_report import gather
from nebulift_daemon.report.page import as_html
from nebulift_daemon.report.thumbnails import MOST_PICTURES
from nebulift_daemon.report.words import duration, evening
from nebulift_daemon.reviews import decide

MIXED = ["clean", "clean", "contaminated", "clean", "review", "clean"]
HOSTILE = "<img src=x onerror=alert(1)>"
VOID = {"meta", "br", "img", "link"}


class Page(HTMLParser):
    """Elements and text of a page; complains about what is not closed."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.words, self.open = [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self):
        return " ".join(self.words)

    def tags(self, wanted):
        return [attributes for tag, attributes in self.elements if tag == wanted]


def report_of(night):
    ledger = night.ledger()
    try:
        return gather(ledger, last_night(ledger, UTC), UTC, EVENING + timedelta(hours=12))
    finally:
        ledger.close()


def page_of(night):
    return Page(as_html(report_of(night)))


# -- the page ----------------------------------------------------------------------------------------------------------


def test_the_page_names_every_frame_that_is_not_clean_with_cause_reason_and_place(tmp_path):
    page = page_of(make_night(tmp_path, MIXED))
    assert "Night of 14 / 15 March 2026" in page.text
    for words in ("Trail", "trail, 90 px long", "Trailed stars", "stars 1.6 times as elongated", "M31_Light_0002.fits"):
        assert words in page.text
    pictures = [image["href"] for image in page.tags("image")]
    assert len(pictures) == 2
    assert all(picture.startswith("data:image/jpeg;base64,") for picture in pictures)
    assert page.tags("ellipse"), "the shape of the stars is drawn"
    assert len([line for line in page.tags("line") if line.get("x1") == "4"]) == 1, "the trail is framed where it is"


def test_the_page_needs_no_network_and_runs_nothing(tmp_path):
    text = as_html(report_of(make_night(tmp_path, MIXED)))
    assert not re.search(r"https?:|//[a-z]|<script|url\(|@import|\bon[a-z]+=", text)
    assert "default-src 'none'" in Page(text).tags("meta")[1]["content"]


def test_names_and_headers_from_outside_stay_text(tmp_path):
    night = make_night(
        tmp_path,
        MIXED,
        name="<script>alert({0})<:script>\x1b[2J.fits",
        exposure=lambda _: {"target": HOSTILE, "filter_name": '"><script>', "camera": HOSTILE},
    )
    page = page_of(night)
    assert page.tags("script") == page.tags("img") == []
    assert HOSTILE in page.text
    assert "\x1b" not in page.text


def test_usable_exposure_counts_clean_frames_only_by_target_and_filter(tmp_path):
    filters = ["L", "L", "R", "R", "R", "R"]
    page = page_of(make_night(tmp_path, MIXED, exposure=lambda number: {"filter_name": filters[number]}))
    assert "4 min" in page.text  # of 60 s each
    document = json.loads(as_json(report_of(make_night(tmp_path / "again", MIXED))))
    assert document["usable_s"] == 240.0


def test_a_night_of_one_frame_is_a_whole_page(tmp_path):
    page = page_of(make_night(tmp_path, ["clean"]))
    assert "Every frame is clean." in page.text
    assert "60 s" in page.text


def test_a_night_of_a_thousand_frames_stays_small_and_shows_the_worst(tmp_path):
    text = as_html(report_of(make_night(tmp_path, (MIXED * 167)[:1000], every_s=30.0)))
    page = Page(text)
    assert len(page.tags("image")) == MOST_PICTURES
    assert len(text) < 3_000_000
    assert f"{MOST_PICTURES} of 333" in page.text


def test_a_frame_whose_file_is_gone_is_told_and_shown_without_a_picture(tmp_path):
    night = make_night(tmp_path, ["contaminated"])
    (night.output / "contaminated/M31_Light_0000.fits").unlink()
    assert "The file is not where it was filed." in page_of(night).text


def test_what_a_person_decided_counts_and_is_told(tmp_path):
    night = make_night(tmp_path, MIXED)
    ledger = night.ledger()
    decide(
        ledger,
        OutputRoot(night.output, night.state),
        ledger.frames.get(night.ids[1]),
        Label.CONTAMINATED,
        "cloud",
        "web",
    )
    ledger.close()
    report = report_of(night)
    assert [(frame.label, frame.cause, frame.decided_by) for frame in report.frames[:2]] == [
        ("clean", None, "measurements"),
        ("contaminated", "cloud", "a person"),
    ]
    assert "a person: 1 frame" in Page(as_html(report)).text


def test_a_constant_frame_has_a_dull_picture_and_no_warning():
    picture = stretched(frame_from_array(np.full((40, 60), 500, np.uint16)), 60)
    assert picture.min() == picture.max() == 56


# -- table and document ------------------------------------------------------------------------------------------------


def test_the_table_has_one_row_a_frame_and_weights_only_for_clean_ones(tmp_path):
    rows = list(csv.DictReader(io.StringIO(as_csv(report_of(make_night(tmp_path, MIXED))))))
    assert [row["Verdict"] for row in rows] == MIXED
    assert [row["Approved"] for row in rows] == ["true" if label == "clean" else "false" for label in MIXED]
    assert all((float(row["Weight"]) > 0) == (row["Verdict"] == "clean") for row in rows)
    assert max(float(row["Weight"]) for row in rows) == 1.0
    assert rows[0]["Taken at (UTC)"] == "2026-03-14T19:30:00"


@pytest.mark.parametrize("name", ["=cmd|x.fits", "+1.fits", "@SUM.fits", "-2.fits"])
def test_no_cell_of_the_table_is_a_formula(tmp_path, name):
    table = as_csv(report_of(make_night(tmp_path, ["clean"], name=name, exposure=lambda _: {"target": "=1+1"})))
    cells = [cell for row in csv.reader(io.StringIO(table)) for cell in row]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "@"))]
    assert name not in cells


def test_the_document_says_what_the_page_says(tmp_path):
    document = json.loads(as_json(report_of(make_night(tmp_path, MIXED))))
    assert document["night"] == "2026-03-14"
    assert document["counts"] == {"clean": 4, "contaminated": 1, "review": 1, "skipped": 0}
    assert document["causes"] == [
        {"kind": "streak", "contaminated": 1, "review": 0},
        {"kind": "trailed", "contaminated": 0, "review": 1},
    ]
    assert document["frames"][2]["findings"][0]["geometry"]["shape"] == "line"


# -- the command -------------------------------------------------------------------------------------------------------


def test_the_command_writes_the_page_where_nobody_said_to_the_state_folder(nebulift, tmp_path):  # noqa: F811
    night = make_night(tmp_path, MIXED)
    done = nebulift("report", "--output", night.output)
    (page,) = (night.state / "reports").iterdir()
    assert (done.status, page.name) == (0, "2026-03-14.html")
    assert str(page) in done.err


def test_table_and_document_go_to_standard_output_on_demand(nebulift, tmp_path):  # noqa: F811
    night = make_night(tmp_path, MIXED)
    assert len(nebulift("report", "--output", night.output, "--csv", "-").out.splitlines()) == 7
    assert json.loads(nebulift("report", "2026-03-14", "--output", night.output, "--json", "-").out)["frames"]


def test_where_nothing_was_sorted_or_judged_the_command_says_so_in_one_sentence(nebulift, tmp_path):  # noqa: F811
    nothing = nebulift("report", "--output", tmp_path / "nowhere")
    assert nothing.status == 2
    assert "there is no ledger here" in nothing.err
    night = make_night(tmp_path, [])
    empty = nebulift("report", "--output", night.output)
    assert (empty.status, len(empty.err.splitlines())) == (2, 1)
    assert "no frame was judged yet" in empty.err
    assert not (night.state / "reports").exists()


def test_a_night_without_frames_is_refused_with_the_nights_there_are(nebulift, tmp_path):  # noqa: F811
    done = nebulift("report", "2020-01-01", "--output", make_night(tmp_path, ["clean"]).output)
    assert done.status == 2
    assert "2026-03-14" in done.err


def test_an_older_report_is_renewed_and_nothing_else_is_ever_replaced(nebulift, tmp_path):  # noqa: F811
    night = make_night(tmp_path, MIXED)
    page, precious = tmp_path / "night.html", tmp_path / "letter.html"
    precious.write_text("dear diary")
    assert nebulift("report", "--output", night.output, "--html", page).status == 0
    assert nebulift("report", "--output", night.output, "--html", page).status == 0
    refused = nebulift("report", "--output", night.output, "--html", precious)
    assert refused.status == 2
    assert precious.read_text() == "dear diary"


def test_the_clean_frames_are_laid_out_for_siril_and_the_folder_is_never_reused(nebulift, tmp_path):  # noqa: F811
    night = make_night(tmp_path, MIXED)
    done = nebulift("report", "--output", night.output, "--siril", tmp_path / "siril")
    links = sorted((tmp_path / "siril/M_31_L_60s/lights").iterdir())
    assert done.status == 0
    assert [link.name for link in links] == [f"M31_Light_{number:04d}.fits" for number in (0, 1, 3, 5)]
    assert all(link.resolve().is_file() for link in links)
    assert "link light" in (tmp_path / "siril/nebulift.ssf").read_text()
    assert nebulift("report", "--output", night.output, "--siril", tmp_path / "siril").status == 2


# -- nights, scales, words ---------------------------------------------------------------------------------------------


def test_a_night_goes_from_noon_to_noon_by_the_clock_of_the_site():
    hawaii = zone_of_longitude(-155.5)
    night = night_of(datetime(2026, 3, 15, 12, 30, tzinfo=UTC), hawaii)  # half past two in the morning there
    assert (str(night.evening), night.begin) == ("2026-03-14", "2026-03-14T22:00:00.000Z")
    assert zone_of_longitude(None) is None
    assert zone_of_longitude(float("nan")) is None
    assert night_on(night.evening, hawaii) == night


def test_the_night_of_an_empty_ledger_is_none(tmp_path):
    ledger = Ledger.open(tmp_path)
    assert last_night(ledger, UTC) is None
    ledger.close()


@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=50))
def test_every_value_has_a_place_within_the_panel(values):
    axis = value_axis(values, 100.0, 0.0)
    assert axis.low < axis.high
    assert all(0.0 <= axis.y(value) <= 100.0 for value in values)


@given(st.floats(0, 86400 * 300))
def test_the_axis_of_time_has_ticks_that_fit_beside_each_other(seconds):
    axis = time_axis(EVENING, EVENING + timedelta(seconds=seconds), 0.0, 1000.0)
    assert all(0.0 <= axis.x(tick) <= 1000.0 for tick in axis.ticks())
    assert seconds > 86400 or 1 <= len(axis.ticks()) <= 12


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0 s"), (90, "90 s"), (125, "2 min"), (3600, "1 h 00 min"), (12345, "3 h 26 min")]
)
def test_durations_are_read_at_a_glance(seconds, words):
    assert duration(seconds) == words


def test_a_night_that_crosses_a_year_names_both(tmp_path):
    assert evening(datetime(2025, 12, 31, tzinfo=UTC).date()) == "31 December 2025 / 1 January 2026"
