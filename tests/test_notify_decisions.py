"""When a message is worth sending: decided from verdicts, status and a clock; nothing is sent here."""

import itertools
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from synthetic_night import make_night

from nebulift.findings import Kind
from nebulift.verdict import DISTRUST_WORDS
from nebulift_daemon.notify.decisions import (
    MOST_AN_HOUR,
    Decisions,
    next_look_s,
    recalled,
    remembered,
    taken_in,
    time_passed,
)
from nebulift_daemon.notify.events import EventKind
from nebulift_daemon.notify.news import (
    Farewell,
    FrameNews,
    NightNews,
    StatusNews,
    TroubleNews,
    frame_news,
    line_of,
    news_in,
)
from nebulift_daemon.notify.options import Limits, NotifyOptions, options_in, options_line
from nebulift_daemon.notify.standing import Sky, changes_in_s, standing_of

EVENING = datetime(2026, 11, 20, 22, 0, tzinfo=UTC)
OPTIONS = NotifyOptions(Limits(bad_frames=4, of_frames=6, quiet_s=600.0, disk_low_bytes=5e9))
LABELS = {
    "c": ("clean", None),
    "x": ("contaminated", "cloud"),
    "s": ("contaminated", "streak"),
    "r": ("review", "cloud"),
}
WELL = StatusNews((), int(50e9))
ILL = StatusNews(("the judge process does not start",), int(50e9))


class Night:
    """Feeds news minute by minute and keeps what was said."""

    def __init__(self, options=OPTIONS, decisions=None):
        self.options = options
        self.decisions = decisions or Decisions()
        self.now = EVENING
        self.said = []

    def frames(self, letters, every_s=60, **facts):
        for letter in letters:
            self.now += timedelta(seconds=every_s)
            label, cause = LABELS[letter]
            taken_at = (self.now - timedelta(seconds=50)).isoformat()
            self.hear(FrameNews(taken_at, "M31_001.fits", label, cause, "stars are fainter", **facts))
        return self

    def hear(self, news):
        self.decisions, events = taken_in(self.decisions, news, self.now, self.options)
        self.said += events
        return self

    def wait(self, seconds):
        """Let time pass as the messenger's process does."""
        until = self.now + timedelta(seconds=seconds)
        while (left := next_look_s(self.decisions, self.now, self.options)) is not None:
            if self.now + timedelta(seconds=left) > until:
                break
            self.now += timedelta(seconds=left)
            self.decisions, events = time_passed(self.decisions, self.now, self.options)
            self.said += events
            if not events and left == 0:
                break
        self.now = until
        return self

    @property
    def kinds(self):
        return [str(event.kind) for event in self.said]

    @property
    def sky(self):
        return standing_of(self.decisions, self.now, self.options).sky


# -- the sky -----------------------------------------------------------------------------------------------------------


def test_clouds_are_told_once_with_cause_and_hour_and_their_end_too():
    night = Night().frames("cccccc" + "xxxx" + "xxxxxxxxxx" + "cxc" + "ccc")
    assert night.kinds == ["bad", "good"]
    begin = (EVENING + timedelta(minutes=7, seconds=-50)).astimezone()
    assert night.said[0].title == f"4 of the last 6 frames bad: cloud or dew since {begin:%H:%M}"
    assert night.said[0].facts["cause"] == "cloud"
    assert "lasted" in night.said[1].text


@pytest.mark.parametrize("letters", ["cccccc", "cxcxcxcxcx", "xxxcccccc", "ssssssss", "rrrrrrrr", "xx", ""])
def test_passing_trails_single_bad_frames_and_doubts_are_no_alarm(letters):
    assert Night().frames(letters).kinds == []


@pytest.mark.parametrize("middle", ["xrxrxr", "rrrr", "ccr", "cc"])
def test_an_alarm_ends_only_with_three_clean_frames_in_a_row(middle):
    assert Night().frames("xxxx" + middle).kinds == ["bad"]
    assert Night().frames("xxxx" + middle + "rccc").kinds == ["bad", "good"]


def test_a_sky_that_flickers_is_told_at_most_once_in_ten_minutes():
    night = Night().frames("xxxxcccc" * 12, every_s=30)
    bad = [event.at for event in night.said if event.kind is EventKind.BAD]
    assert len(bad) >= 3
    assert min(later - earlier for earlier, later in itertools.pairwise(bad)) >= timedelta(minutes=10)


def test_frames_of_another_night_that_are_judged_now_are_no_alarm():
    night = Night()
    for _ in range(10):
        night.hear(FrameNews((EVENING - timedelta(days=1)).isoformat(), "a.fits", "contaminated", "cloud", ""))
    assert night.kinds == []


def test_a_camera_whose_clock_is_wrong_is_heard_all_the_same():
    night = Night()
    for number in range(4):
        wrong = EVENING - timedelta(days=400) + timedelta(minutes=number)
        night.hear(FrameNews(wrong.isoformat(), "a.fits", "contaminated", "cloud", "", written_at=EVENING.isoformat()))
    assert night.kinds == ["bad"]


def test_an_alarm_of_yesterday_is_not_ended_tonight():
    night = Night().frames("xxxx")
    night.now += timedelta(hours=18)
    assert night.frames("cccccc").kinds == ["bad"]
    assert night.frames("xxxx").kinds == ["bad", "bad"]


@given(st.text("cxsr", max_size=80), st.integers(1, 8), st.integers(0, 8))
def test_bad_and_good_always_take_turns(letters, bad_frames, more):
    limits = Limits(bad_frames, bad_frames + more + 1, quiet_s=0.0)
    kinds = Night(NotifyOptions(limits)).frames(letters).kinds
    assert kinds == ["bad", "good"] * (len(kinds) // 2) + ["bad"] * (len(kinds) % 2)


def test_distrust_is_told_once_a_night():
    night = Night().frames("rrrr", is_distrusted=True)
    assert night.kinds == ["distrust"]
    assert night.wait(7 * 3600).frames("r", is_distrusted=True).kinds == ["distrust", "distrust"]


# -- the standing ------------------------------------------------------------------------------------------------------


def test_the_sky_is_unknown_without_frames_good_bad_and_unknown_again_when_none_comes():
    night = Night()
    assert night.sky is Sky.UNKNOWN
    assert night.frames("ccc").sky is Sky.GOOD
    assert night.frames("xxxx").sky is Sky.BAD
    assert changes_in_s(night.decisions, night.now, OPTIONS) == pytest.approx(OPTIONS.safety_hold_s)
    night.now += timedelta(seconds=OPTIONS.safety_hold_s + 1)
    assert night.sky is Sky.UNKNOWN, "a sequence that was stopped must be able to try again"
    assert changes_in_s(night.decisions, night.now, OPTIONS) is None


@pytest.mark.parametrize(
    ("letters", "sky"),
    [
        ("r", "unknown"),
        ("rrrrrr", "unknown"),
        ("xr", "unknown"),
        ("rrrcrr", "good"),
        ("s", "good"),
        ("cccrrrrrr", "unknown"),
    ],
)
def test_frames_that_nobody_could_judge_make_no_good_sky(letters, sky):
    assert Night().frames(letters).sky == sky


# -- the daemon and its disk -------------------------------------------------------------------------------------------


def test_a_problem_is_told_when_it_lasts_and_its_end_when_that_lasts():
    night = Night().hear(WELL).wait(600).hear(ILL).wait(60)
    assert night.kinds == []
    assert night.wait(90).kinds == ["unwell"]
    assert "the judge process does not start" in night.said[0].title
    assert night.wait(3600).hear(WELL).wait(60).kinds == ["unwell"]
    assert night.wait(3600).kinds == ["unwell", "well"]


def test_a_problem_of_a_minute_is_nobody_s_business():
    night = Night().hear(WELL)
    for _ in range(20):
        night.hear(ILL).wait(60).hear(WELL).wait(60)
    assert night.kinds == []


def test_a_full_disk_is_told_at_once_and_not_again_for_every_frame():
    night = Night()
    for free in (6e9, 4.9e9, 4e9, 5.1e9, 4.9e9, 7e9, 9e9):
        night.hear(StatusNews((), int(free)))
    assert night.kinds == ["disk_low", "disk_ok"]
    assert "4.9 GB" in night.said[0].title
    night.hear(StatusNews((), None))
    assert len(night.said) == 2


def test_the_end_without_a_word_a_summary_and_nothing_at_a_farewell():
    night = Night().hear(Farewell()).hear(TroubleNews("it died")).hear(NightNews("2026-11-20", "3 h\nlost", "/r.html"))
    assert [event.title for event in night.said] == ["it died", "night of 2026-11-20: 3 h"]
    assert night.said[1].text == "lost"


# -- what people can bear ----------------------------------------------------------------------------------------------


def test_never_more_than_a_dozen_an_hour():
    night = Night()
    for number in range(40):
        night.now += timedelta(seconds=10)
        night.hear(TroubleNews(f"trouble {number}"))
    assert len(night.said) == MOST_AN_HOUR
    assert night.decisions.held_back == 40 - MOST_AN_HOUR
    night.now += timedelta(hours=1, seconds=1)
    assert len(night.hear(TroubleNews("again")).said) == MOST_AN_HOUR + 1


def test_what_the_observer_does_not_want_is_not_sent_and_takes_no_room():
    options = NotifyOptions(OPTIONS.limits, events=("session",))
    night = Night(options).frames("xxxx")
    assert night.kinds == []
    assert night.decisions.sent_at == ()
    assert night.sky is Sky.BAD  # who looks still sees it


# -- from run to run ---------------------------------------------------------------------------------------------------


def test_open_alarms_are_remembered_over_a_restart_and_told_neither_twice_nor_never():
    night = Night().hear(StatusNews((), int(1e9))).frames("xxxx", is_distrusted=True)
    again = Night(decisions=recalled(json.loads(json.dumps(remembered(night.decisions)))))
    again.now = night.now
    again.hear(StatusNews((), int(1e9))).frames("xxxx", is_distrusted=True)
    assert again.kinds == []
    assert again.frames("ccc").kinds == ["good"]


@pytest.mark.parametrize(
    "news",
    [FrameNews("2026-11-20T22:00:00.000Z", "a.fits", "clean", None, ""), ILL, TroubleNews("x"), Farewell()],
)
def test_news_and_options_go_through_a_pipe_as_they_are(news):
    assert news_in(line_of(news)) == news
    assert line_of(news).count(b"\n") == 1
    assert options_in(options_line(OPTIONS)) == OPTIONS


@given(st.binary(max_size=60))
def test_what_is_no_news_is_refused(line):
    with pytest.raises(ValueError, match="not understood"):
        news_in(line)


def test_the_longest_news_fits_into_a_pipe_in_one_piece():
    text = "\N{BLACK STAR}" * 300
    assert len(line_of(FrameNews("2026", text, "contaminated", str(Kind.OFF_TARGET), text))) < 4096
    assert len(line_of(StatusNews((text,) * 5, 1))) <= 4096
    wide = "\N{TELESCOPE}" * 300
    assert len(line_of(FrameNews("2026", wide, "contaminated", "streak", wide))) <= 4096
    many = NightNews("2026-11-20", "3 h usable\n" + "\n".join(f"M {n}: {text}" for n in range(30)), "/r.html")
    assert len(line_of(many)) <= 4096
    assert news_in(line_of(many)).text.startswith("3 h usable\nM 0")


def test_what_a_row_of_the_ledger_tells(tmp_path):
    night = make_night(tmp_path, ["clean", "contaminated", "review"])
    ledger = night.ledger()
    rows = [ledger.frames.get(frame_id) for frame_id in night.ids]
    ledger.close()
    told = [frame_news(row) for row in rows]
    assert [(news.label, news.cause) for news in told] == [
        ("clean", None),
        ("contaminated", "streak"),
        ("review", "trailed"),
    ]
    assert frame_news(replace(rows[0], state="skipped")) is None
    distrusted = frame_news(replace(rows[1], label="review", reason=f"9 of 10 frames: {DISTRUST_WORDS}; a trail"))
    assert distrusted.is_distrusted
    assert told[0].written_at is not None
