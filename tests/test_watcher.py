"""Events are a hint, the scan is the truth: whatever happens to a folder, its frames are found."""

import os
import resource
import subprocess
import sys
import threading

import pytest
from daemon_process import wait_until
from trees import frame, make_files

from nebulift_daemon.folders import AT_ONCE, listings_of, walk
from nebulift_daemon.watcher import Watcher

FRAME = frame()


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def watching():
    """A function that watches folders; everything is closed at the end."""
    watchers = []

    def watch(*roots, polling="auto", rescan_s=30.0):
        clock = Clock()
        bell = threading.Event()
        watcher = Watcher(roots, rescan_s=rescan_s, polling=polling, wake=bell.set, clock=clock)
        watchers.append(watcher)
        return watcher, clock, bell

    yield watch
    for watcher in watchers:
        watcher.close()


def found(watcher):
    return sorted(seen.path.name for listing in watcher.listings() for seen in listing.frames)


def found_by_events(watcher, *expected):
    """Wait until events alone have shown these frames (the clock stands still: no scan is due)."""
    seen = set()
    wait_until(lambda: seen.update(found(watcher)) or seen >= set(expected), 5)


def test_a_folder_is_listed_by_what_it_is(tmp_path):
    make_files(
        tmp_path,
        {
            "a.fits": FRAME,
            "b.FIT": FRAME,
            "notes.txt": "x",
            ".hidden.fits": FRAME,
            "c.fits.part": FRAME,
            "BAD_d.fits": FRAME,
            ".nebulift-abc-1-1.part": "x",
            "e.fits": tmp_path / "a.fits",
            "etc.fits": tmp_path.parent,
            "sub": {},
            "rejected": {"x.fits": FRAME},
        },
    )
    os.mkfifo(tmp_path / "f.fits")
    (tmp_path / "g.fits").mkdir()
    (listing,) = listings_of(tmp_path)
    assert sorted(seen.path.name for seen in listing.frames) == ["a.fits", "b.FIT"]
    assert [folder.name for folder in listing.subfolders] == ["g.fits", "sub"]
    assert [path.name for path in listing.leftovers] == [".nebulift-abc-1-1.part"]


def test_names_that_are_no_utf8_are_found(tmp_path):
    (tmp_path / os.fsdecode(b"M31_\xff\xfe.fits")).write_bytes(FRAME)
    (listing,) = listings_of(tmp_path)
    assert len(listing.frames) == 1


def test_a_large_folder_comes_in_parts_and_nothing_twice(tmp_path):
    make_files(tmp_path, {f"{number}.fits": b"x" for number in range(AT_ONCE + 3)} | {"sub": {"last.fits": b"x"}})
    listings = list(walk(tmp_path))
    assert [len(listing.frames) for listing in listings] == [AT_ONCE, 3, 1]
    assert [listing.subfolders for listing in listings] == [(), (tmp_path / "sub",), ()]
    assert len({seen.path for listing in listings for seen in listing.frames}) == AT_ONCE + 4


def test_an_output_folder_is_never_searched(tmp_path):
    make_files(tmp_path, {"a.fits": FRAME, "sorted": {".nebulift-root": "{}", "clean": {"b.fits": FRAME}}})
    assert [seen.path.name for listing in walk(tmp_path) for seen in listing.frames] == ["a.fits"]


def test_a_folder_that_cannot_be_read_is_reported_and_the_rest_is_searched(tmp_path, watching):
    make_files(tmp_path, {"here.fits": FRAME})
    watcher, _, _ = watching(tmp_path, tmp_path / "gone", polling="always")
    assert found(watcher) == ["here.fits"]
    assert watcher.problems == {tmp_path / "gone": "No such file or directory"}


def test_the_first_look_finds_what_is_there_and_the_next_comes_after_the_rescan_time(tmp_path, watching):
    make_files(tmp_path, {"M31": {"a.fits": FRAME}})
    watcher, clock, _ = watching(tmp_path, polling="never", rescan_s=30)
    assert watcher.due_s() == 0
    assert found(watcher) == ["a.fits"]
    assert found(watcher) == []
    assert watcher.due_s() == 30
    clock.now += 30
    assert found(watcher) == ["a.fits"]


@pytest.mark.parametrize("arrive", ["write", "rename", "link", "folder", "deep folder"])
def test_events_name_what_arrived(tmp_path, watching, arrive):
    make_files(tmp_path, {"cap": {}, "else": {"new.fits": FRAME, "night": {"new.fits": FRAME}}})
    cap, elsewhere = tmp_path / "cap", tmp_path / "else"
    watcher, _, bell = watching(cap)
    found(watcher)
    assert watcher.mode == "events"
    if arrive == "write":
        (cap / "new.fits").write_bytes(FRAME)
    elif arrive == "rename":
        (elsewhere / "new.fits").rename(cap / "new.fits")
    elif arrive == "link":
        os.link(elsewhere / "new.fits", cap / "new.fits")
    elif arrive == "folder":
        (elsewhere / "night").rename(cap / "night")
    else:
        make_files(cap, {"M31": {"Light": {"L": {"new.fits": FRAME}}}})
    assert bell.wait(5)
    found_by_events(watcher, "new.fits")


def test_a_new_folder_gets_a_second_look_for_what_came_before_the_kernel_watched_it(tmp_path, watching):
    watcher, clock, bell = watching(tmp_path)
    found(watcher)
    (tmp_path / "new").mkdir()
    assert bell.wait(5)
    found(watcher)
    assert 0 < watcher.due_s() <= 2
    (tmp_path / "new" / "late.fits").write_bytes(FRAME)
    watcher._hints.take()  # as if the kernel had said nothing
    clock.now += 2
    assert found(watcher) == ["late.fits"]


def test_looking_ourselves_raises_no_event(tmp_path, watching):
    make_files(tmp_path, {"a.fits": FRAME})
    watcher, _, bell = watching(tmp_path)
    found(watcher)
    bell.clear()
    for _ in range(3):
        list(walk(tmp_path))
        (tmp_path / "a.fits").read_bytes()
    assert not bell.wait(0.5)


def test_a_root_that_was_deleted_and_made_again_is_watched_again(tmp_path, watching):
    cap = tmp_path / "cap"
    cap.mkdir()
    watcher, clock, bell = watching(cap)
    found(watcher)
    cap.rmdir()
    clock.now += 30
    assert found(watcher) == []
    assert cap in watcher.problems
    cap.mkdir()
    clock.now += 30
    assert found(watcher) == []
    assert watcher.problems == {}
    bell.clear()
    (cap / "a.fits").write_bytes(FRAME)
    assert bell.wait(5)
    found_by_events(watcher, "a.fits")


def test_more_hints_than_are_worth_single_looks_become_one_scan(tmp_path, watching, monkeypatch):
    monkeypatch.setattr("nebulift_daemon.hints.MOST_PATHS", 3)
    watcher, _, _ = watching(tmp_path)
    found(watcher)
    make_files(tmp_path, {f"{number}.fits": FRAME for number in range(9)})
    wait_until(lambda: watcher._hints._too_many)
    assert len(found(watcher)) == 9


def test_events_that_never_come_are_given_up_for_polling(tmp_path, watching, monkeypatch):
    watcher, clock, _ = watching(tmp_path)
    monkeypatch.setattr(watcher._hints, "take", list)  # a file system that sends none
    for number in range(4):
        make_files(tmp_path, {f"{number}.fits": FRAME})
        clock.now += 30
        for _ in watcher.listings():
            watcher.found_new()
    assert watcher.mode.startswith("polling (new files are found")
    assert watcher.due_s() <= 2


def test_quiet_nights_are_no_reason_to_distrust_events(tmp_path, watching):
    watcher, clock, _ = watching(tmp_path)
    for _ in range(10):
        clock.now += 30
        found(watcher)
    assert watcher.mode == "events"


def test_polling_can_be_asked_for(tmp_path, watching):
    watcher, clock, _ = watching(tmp_path, polling="always")
    found(watcher)
    (tmp_path / "a.fits").write_bytes(FRAME)
    assert watcher.due_s() <= 2
    clock.now += 2
    assert found(watcher) == ["a.fits"]
    assert watcher.mode == "polling (the configuration says so)"


def test_without_kernel_events_it_polls_and_says_so():
    script = """
import resource, tempfile
from pathlib import Path
from nebulift_daemon.watcher import Watcher
resource.setrlimit(resource.RLIMIT_NOFILE, (8, 8))
folder = Path(tempfile.mkdtemp())
held = []
try:
    while True: held.append(open('/dev/null'))
except OSError: held.pop().close()
watcher = Watcher([folder], rescan_s=30, polling='auto', wake=print)
list(watcher.listings())
print(watcher.mode)
"""
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout.startswith("polling (the kernel cannot watch")
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] > 8


def test_a_folder_shared_with_other_machines_is_polled(tmp_path, watching, monkeypatch):
    monkeypatch.setattr("nebulift_daemon.watcher.remote_devices", lambda: {tmp_path.stat().st_dev})
    watcher, _, _ = watching(tmp_path)
    found(watcher)
    assert watcher.mode == f"polling ({tmp_path} is shared with other machines)"
    assert watcher.is_remote(tmp_path.stat().st_dev)
    assert watcher.due_s() <= 2


def test_a_scan_that_takes_long_is_made_more_seldom(tmp_path, watching):
    watcher, clock, _ = watching(tmp_path, polling="never", rescan_s=30)
    for _ in watcher.listings():
        clock.now += 2  # a huge tree on a slow card
    assert watcher.due_s() == 400
