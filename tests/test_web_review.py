"""The review page: what a person decides there is filed, remembered and can be taken back, as from the terminal."""

import contextlib
import json
import re
import subprocess
import sys
import time

import cv2
import numpy as np
import pytest
from command_line import nebulift  # noqa: F401 - a fixture
from daemon_process import Daemon, wait_until
from synthetic_night import fits_file, make_night
from trees import census, frame, make_files, names
from web_page import Served, visible

from nebulift_daemon.ledger import Ledger
from nebulift_daemon.output_root import OutputRoot
from nebulift_daemon.reviews import OutputTree
from nebulift_daemon.web.previews import Previews, key_of

MIXED = ["clean", "review", "contaminated", "review", "clean", "review"]  # ids 1..6, waiting: 2, 4, 6
REVIEW_2 = "review/M31_Light_0001.fits"
BUSY_WRITER = """
import sys
from pathlib import Path
from nebulift_daemon.ledger import Ledger

ledger = Ledger.open(Path(sys.argv[1]))
print("ready", flush=True)
for number in range(10**6):
    ledger.memory.keep_sessions({f"group {number % 9}": {"number": number}}, 5)
"""


@pytest.fixture
def night(tmp_path):
    return make_night(tmp_path, MIXED)


@pytest.fixture
def page(night):
    with Served(night.output, night.state) as served:
        yield served


def labels(night):
    ledger = night.ledger()
    found = [(label.frame_id, label.label, label.kind, label.source) for label in ledger.history.labels()]
    ledger.close()
    return found


def row(night, frame_id):
    ledger = night.ledger()
    found = ledger.frames.get(frame_id)
    ledger.close()
    return found


# -- looking -----------------------------------------------------------------------------------------------------------


def test_the_page_opens_at_the_frame_that_waits_longest(page):
    assert page.get("/").headers["location"] == "/frame/2?list=queue"


def test_a_frame_is_shown_with_cause_numbers_place_and_neighbours(page):
    shown = page.get("/frame/2?list=queue").text
    words = visible(shown)
    for expected in ("1 of 3", "Cloud or dew", "60% of the session", "FWHM, px", "M 31", "M31_Light_0001.fits"):
        assert expected in words, expected
    assert shown.count('class="cell"') == 3  # the cells of the cloud, drawn where they are
    assert shown.count("/small.jpg") == 6
    assert shown.count('class="spark"') == 7  # each number over the frames around
    assert 'href="/frame/4?list=queue"' in shown


def test_the_picture_is_the_frame_stretched_and_may_be_kept_for_ever(page, night):
    key = key_of(row(night, 4))
    large, small = (page.get(f"/preview/{key}/{size}.jpg") for size in ("large", "small"))
    assert large.headers["content-type"] == "image/jpeg"
    assert "immutable" in large.headers["cache-control"]
    picture = cv2.imdecode(np.frombuffer(large.content, np.uint8), cv2.IMREAD_COLOR)
    assert picture.shape[:2] == (64, 96)
    assert 20 < np.median(picture) < 120
    assert len(small.content) <= len(large.content)
    assert len(list((night.state / "previews").iterdir())) == 2


def test_style_and_script_may_be_kept_for_ever_under_the_address_of_their_content(page):
    text = page.get("/browse?list=all").text
    for name in ("style.css", "page.js"):
        (address,) = re.findall(rf'"(/static/{re.escape(name)}\?\w+)"', text)
        assert "immutable" in page.get(address).headers["cache-control"]
        assert page.get(f"/static/{name}?of-another-version").headers["cache-control"] == "no-cache"


def test_a_part_of_a_large_frame_is_shown_at_its_own_size(tmp_path):
    night = make_night(tmp_path, ["review"], content=lambda _: fits_file(width_px=2000, height_px=700))
    with Served(night.output, night.state) as page:
        key = key_of(row(night, 1))
        for (left, top), (width, height) in {
            (0, 0): (1536, 700),
            (512, 256): (1488, 444),
            (1792, 512): (208, 188),
        }.items():
            part = page.get(f"/detail/{key}/{left}-{top}.jpg")
            assert cv2.imdecode(np.frombuffer(part.content, np.uint8), cv2.IMREAD_COLOR).shape[:2] == (height, width)
        for place in ("2048-0", "0-768", "1-0", "99999999999999999999-0"):
            assert page.get(f"/detail/{key}/{place}.jpg").status == 404


def test_lists_are_browsed_by_verdict_night_and_cause(page):
    assert page.get("/browse?list=clean").text.count("/frame/") == 2
    assert page.get("/browse?list=all&kind=streak").text.count('href="/frame/') == 1
    assert page.get("/browse?list=all&night=2026-03-14").text.count('href="/frame/') == 6
    assert "No frame here" in page.get("/browse?list=all&night=2020-01-01").text


def test_a_long_list_has_pages(tmp_path):
    night = make_night(tmp_path, ["review"] * 130)
    with Served(night.output, night.state) as page:
        assert page.get("/browse?page=3").text.count('href="/frame/') == 10
        assert "page 3 of 3" in visible(page.get("/browse?page=99").text)
        assert page.get("/browse?page=-1x").status == 200


def test_five_thousand_waiting_frames_do_not_slow_the_page(tmp_path):
    night = make_night(tmp_path, ["review"] * 5000, every_s=5.0, content=lambda _: fits_file(1))
    with Served(night.output, night.state) as page:
        assert "2500 of 5000" in visible(page.get("/frame/2500").text)
        assert page.get("/browse?page=40").status == 200


def test_what_was_never_measured_has_no_picture_and_can_be_decided(night, page):
    ledger = night.ledger()
    with ledger._database.transaction() as writing:
        writing.change("DELETE FROM records WHERE frame_id = 2")
        writing.change("UPDATE frames SET taken_at = NULL WHERE id = 2")
    ledger.close()
    assert "There is no picture of this frame" in page.get("/frame/2").text
    assert page.get(f"/preview/{key_of(row(night, 2))}/large.jpg").status == 404
    assert page.decide(2, "reject").status == 303


def test_an_empty_queue_is_a_calm_page_and_an_empty_ledger_too(tmp_path):
    for labels_, words in (([], "No frame was judged yet"), (["clean"], "Nothing waits for you")):
        night = make_night(tmp_path / words, labels_)
        with Served(night.output, night.state) as page:
            assert words in page.get("/").text
            assert "No frame here" in page.get("/browse").text


def test_counts_and_health_are_told_to_programs(page):
    assert json.loads(page.get("/news").content) == {"queue": 3, "contaminated": 1, "clean": 2, "all": 6, "decided": 0}
    health = json.loads(page.get("/healthz").content)
    assert (health["ok"], health["running"], health["stalled"], health["queue"]) == (True, False, False, 0)
    assert 'nebulift_frames{list="queue"} 3' in page.get("/metrics").text.splitlines()


# -- deciding ----------------------------------------------------------------------------------------------------------


def test_accepting_files_the_frame_enters_a_human_label_and_goes_on(page, night):
    before = census(night.output)
    answer = page.decide(2, "accept", list="queue")
    assert (answer.status, answer.headers["location"]) == (303, "/frame/4?list=queue")
    assert (night.output / "clean/M31_Light_0001.fits").is_file()
    assert not (night.output / REVIEW_2).exists()
    assert labels(night) == [(2, "clean", None, "web")]
    assert census(night.output) == before
    assert "decided on this page" in page.get("/frame/2").text


def test_rejecting_may_name_the_cause(page, night):
    page.decide(2, "reject", cause="cloud")
    page.decide(4, "reject", cause="no such cause")
    page.decide(6, "accept", cause="cloud")
    assert labels(night) == [
        (2, "contaminated", "cloud", "web"),
        (4, "contaminated", None, "web"),
        (6, "clean", None, "web"),
    ]
    assert page.get("/").status == 200  # nothing waits any more


def test_a_wrong_verdict_is_corrected_from_the_other_lists(page, night):
    answer = page.decide(3, "accept", list="contaminated")
    assert answer.headers["location"] == "/?list=contaminated"
    assert (night.output / "clean/M31_Light_0002.fits").is_file()
    assert labels(night) == [(3, "clean", None, "web")]


def test_undo_takes_back_one_decision_after_the_other_exactly(page, night):
    before = names(night.output)
    page.decide(2, "accept")
    page.decide(4, "reject", cause="trailed")
    assert page.undo().headers["location"] == "/frame/4?list=queue"
    assert labels(night) == [(2, "clean", None, "web")]
    assert page.undo().headers["location"] == "/frame/2?list=queue"
    assert labels(night) == []
    assert names(night.output) == before
    assert page.undo().headers["location"] == "/?list=queue"
    assert row(night, 2).label == row(night, 4).label == "review"


def test_undo_of_a_confirmed_verdict_leaves_the_file_and_withdraws_the_label(page, night):
    page.decide(1, "accept")
    assert row(night, 1).state == "reviewed"
    page.undo()
    assert (labels(night), row(night, 1).state, row(night, 1).label) == ([], "filed", "clean")
    assert (night.output / "clean/M31_Light_0000.fits").is_file()


def test_undo_of_a_second_thought_restores_the_first(page, night):
    page.decide(2, "reject")
    page.decide(2, "reject", cause="cloud")
    page.undo()
    assert labels(night) == [(2, "contaminated", None, "web")]
    page.decide(2, "accept")
    page.undo(frame="2")
    assert labels(night) == [(2, "contaminated", None, "web")]
    page.undo(frame="2")
    assert labels(night) == []
    assert (night.output / REVIEW_2).is_file()


def test_several_frames_are_decided_at_once_and_taken_back_at_once(page, night):
    before = names(night.output)
    form = [("mark", page.access.form_mark), ("list", "all"), ("decision", "reject"), ("cause", "cloud")]
    answer = page.ask("POST", "/decide", form=[*form, ("frame", "1"), ("frame", "2"), ("frame", "5")])
    assert answer.headers["location"] == "/browse?list=all&done=1-2-5"
    assert labels(night) == [(frame_id, "contaminated", "cloud", "web") for frame_id in (1, 2, 5)]
    assert "3 frames decided." in visible(page.get(answer.headers["location"]).text)
    chosen = [("mark", page.access.form_mark), ("list", "all"), ("frame", "1"), ("frame", "2"), ("frame", "5")]
    assert page.ask("POST", "/undo/these", form=chosen).headers["location"] == "/browse?list=all"
    assert labels(night) == []
    assert names(night.output) == before


def test_of_several_frames_one_that_vanished_stops_no_other(page, night):
    page.get("/")
    (night.output / REVIEW_2).unlink()
    form = [("mark", page.access.form_mark), ("decision", "accept"), ("frame", "2"), ("frame", "4")]
    answer = page.ask("POST", "/decide", form=form)
    assert (answer.status, "1 frame decided, 1 not" in answer.text) == (409, True)
    assert labels(night) == [(4, "clean", None, "web")]


def test_undo_passes_over_what_others_decided_since(page, night):
    page.decide(4, "accept")
    page.decide(2, "accept")
    ledger = night.ledger()
    (night.output / "clean/M31_Light_0001.fits").rename(night.output / "contaminated/M31_Light_0001.fits")
    OutputTree(ledger, OutputRoot(night.output, night.state)).notice()
    ledger.close()
    assert page.undo().headers["location"] == "/frame/4?list=queue"
    assert labels(night) == [(2, "contaminated", None, "hand")]


def test_what_a_person_moved_by_hand_shows_and_is_not_taken_back_here(night):
    (night.output / REVIEW_2).rename(night.output / "contaminated/M31_Light_0001.fits")
    with Served(night.output, night.state) as page:
        assert json.loads(page.get("/news").content)["queue"] == 2
        assert "decided by moving the file" in page.get("/frame/2").text
        refused = page.undo(frame="2")
    assert refused.status == 409
    assert "move it back by hand" in refused.text
    assert labels(night) == [(2, "contaminated", None, "hand")]


def test_a_move_by_hand_shows_while_the_page_is_open(night, monkeypatch):
    monkeypatch.setattr("nebulift_daemon.web.desk.LOOK_EVERY_S", 0.0)
    with Served(night.output, night.state) as page:
        page.get("/")
        (night.output / REVIEW_2).rename(night.output / "clean/M31_Light_0001.fits")
        deadline = time.monotonic() + 10
        while json.loads(page.get("/news").content)["queue"] == 3:  # each question has the desk look once more
            assert time.monotonic() < deadline
    assert labels(night) == [(2, "clean", None, "hand")]


def test_a_frame_that_vanished_is_told_and_nothing_is_entered(page, night):
    page.get("/")
    (night.output / REVIEW_2).unlink()
    answer = page.decide(2, "accept")
    assert answer.status == 409
    assert "the frame is not there any more" in answer.text
    assert labels(night) == []


def test_a_frame_that_is_just_being_filed_waits(page, night):
    ledger = night.ledger()
    with ledger._database.transaction() as writing:
        writing.change("UPDATE frames SET state = 'judged', destination_folder = NULL WHERE id = 2")
    ledger.close()
    answer = page.decide(2, "accept")
    assert (answer.status, labels(night)) == (409, [])


def test_decisions_come_through_while_another_process_writes_the_ledger(page, night):
    writer = subprocess.Popen([sys.executable, "-c", BUSY_WRITER, str(night.state)], stdout=subprocess.PIPE)
    try:
        writer.stdout.readline()
        assert [page.decide(frame_id, "accept").status for frame_id in (2, 4, 6)] == [303, 303, 303]
        assert page.undo().status == 303
        assert writer.poll() is None
    finally:
        writer.kill()
        writer.wait()
        writer.stdout.close()
    assert [frame_id for frame_id, *_ in labels(night)] == [2, 4]


def test_while_the_ledger_is_locked_nothing_moves_and_the_reason_is_told(night, monkeypatch):
    monkeypatch.setattr("nebulift_daemon.web.desk.BUSY_TIMEOUT_S", 0.2)
    with Served(night.output, night.state) as page, contextlib.closing(night.ledger()) as other:
        page.get("/")
        with other._database.transaction():
            refused = page.decide(2, "accept")
            assert page.get("/frame/2").status == 200  # looking goes on
        assert refused.status == 503
        assert "the ledger cannot be used (database is locked)" in refused.text
        assert (night.output / REVIEW_2).is_file()
        assert page.decide(2, "accept").status == 303


def test_the_page_and_the_daemon_work_on_the_same_night(tmp_path):
    with Daemon(tmp_path) as daemon:
        make_files(daemon.capture, {f"{name}.fits": frame(b"DOUBT " + name.encode()) for name in "abc"})
        daemon.has_filed("review/a.fits", "review/b.fits", "review/c.fits")
        with Served(daemon.output, daemon.state) as page:
            first = int(page.get("/").headers["location"].split("/")[2].split("?")[0])
            second = int(page.decide(first, "accept").headers["location"].split("/")[2].split("?")[0])
            page.decide(second, "reject", cause="cloud")
            page.undo()
            make_files(daemon.capture, {"d.fits": frame(b"DOUBT d")})
            wait_until(lambda: json.loads(page.get("/news").content)["queue"] == 3)  # it comes in while we look
        assert len(daemon.filed("clean")) == 1
        assert len(daemon.filed("review")) == 3
        assert daemon.stop() == 0
        assert "a person says" not in daemon.text()  # the daemon does not take our moves for somebody's own
    ledger = Ledger.open(daemon.state)
    assert [(label.label, label.source) for label in ledger.history.labels()] == [("clean", "web")]
    ledger.close()


def test_the_terminal_sees_what_the_page_decided_and_the_other_way_round(nebulift, page, night):  # noqa: F811
    page.decide(2, "accept")
    assert "2 to review" in nebulift("review", "--output", night.output).err
    nebulift("review", "--output", night.output, "--reject", "M31_Light_0003.fits", "--kind", "cloud")
    assert "decided in the terminal" in page.get("/frame/4").text
    ledger = night.ledger()
    assert OutputTree(ledger, OutputRoot(night.output, night.state)).notice() == []
    ledger.close()


# -- pictures kept -----------------------------------------------------------------------------------------------------


def test_the_kept_pictures_stay_within_their_bound_and_the_last_seen_stay(night):
    ledger = night.ledger()
    rows = [ledger.frames.get(frame_id) for frame_id in night.ids]
    ledger.close()
    generous = Previews(night.state)
    each = sum(len(generous.make(rows[0], size)) for size in ("large", "small"))
    previews = Previews(night.state, most_bytes=3 * each)
    for seen in rows:
        previews.make(seen, "large")
    kept = list((night.state / "previews").iterdir())
    assert sum(path.stat().st_size for path in kept) <= 3.3 * each
    assert any(path.name.startswith(key_of(rows[-1])) for path in kept)


def test_a_picture_is_made_where_none_can_be_kept(night):
    (night.state / "previews").write_text("not a folder")
    assert Previews(night.state).make(row(night, 1), "small").startswith(b"\xff\xd8")


def test_the_ledger_is_closed_when_the_page_ends(night):
    with Served(night.output, night.state) as page:
        page.get("/")
    ledger = Ledger.open(night.state)
    assert ledger.browsing.counts()["all"] == 6
    ledger.close()
    assert not list(night.state.glob("*-wal"))
