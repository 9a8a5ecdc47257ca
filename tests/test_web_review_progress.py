"""The page tells what was decided so far, and how many more reviews are worth it."""

import re

import pytest
from synthetic_night import make_night
from web_page import Served, visible


@pytest.fixture
def page(tmp_path):
    night = make_night(tmp_path, ["clean", "review", "contaminated", "review", "clean", "review"])
    with Served(night.output, night.state) as served:
        yield served


def told(page, path):
    """The paragraph on the reviews, as a person reads it."""
    found = re.search(r'<p class="worth">(.*?)</p>', page.get(path).text, flags=re.DOTALL)
    return visible(found[0]) if found else None


def test_the_page_tells_what_was_decided_and_how_many_more_reviews_are_worth_it(page):
    assert "decided on 0 frames so far" in told(page, "/browse?list=decided")
    assert told(page, "/browse?list=all") is None
    page.decide(2, "accept")
    page.decide(4, "reject")
    words = told(page, "/browse?list=decided")
    assert "You decided on 2 frames so far: 1 clean, 1 contaminated." in words
    assert "38 more reviews, 4 clean and 4 contaminated frames among them, and this rig can be calibrated." in words
    page.decide(6, "accept")
    assert "3 frames so far" in told(page, "/?list=queue")  # nothing waits any more
    page.undo()
    assert "2 frames so far" in told(page, "/browse?list=decided")


def test_clean_frames_that_had_been_rejected_make_more_reviews_worth_it(tmp_path):
    night = make_night(tmp_path, ["contaminated", *["review"] * 50])
    ledger = night.ledger()
    for number, frame_id in enumerate(night.ids):
        ledger.history.decided(frame_id, "contaminated" if 0 < number < 7 else "clean", None, "web")
    ledger.close()
    with Served(night.output, night.state) as page:
        words = told(page, "/browse?list=decided")
    assert "51 frames so far: 45 clean, 6 contaminated" in words
    assert "48 more reviews of clean frames would prove, if no further one had been rejected, that at most 5%" in words
    assert "nebulift calibrate" in words
