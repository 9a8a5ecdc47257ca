"""The ledger: what it keeps, what becomes of it when it is damaged, locked, deleted."""

import os
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from nebulift.errors import LedgerError
from nebulift_daemon.ledger import (
    LEDGER_NAME,
    Judged,
    Ledger,
    RowLost,
    has_ledger,
    new_ledger_in_memory,
    remembered_folders,
    utc_now,
)
from nebulift_daemon.ledger.schema import MIGRATIONS
from nebulift_daemon.sighting import Sighting

ROOT = Path("/cap")


def seen(name="a.fits", *, inode=1, size=10, mtime_ns=5, folder=ROOT):
    return Sighting(folder / name, 1, inode, size, mtime_ns)


def judged(sha256="aa", label="clean", **record):
    return Judged(
        sha256, {"verdict": label, "score": 0.9, "kinds": {}, "reason": "fine", "model": None} | record, label
    )


def judge_and_file(ledger, sighting, at=None, label="clean", sha256="aa"):
    """Walk one frame all the way."""
    claim = ledger.progress.claim(sighting, ROOT)
    at = at or seen(sighting.path.name, folder=Path("/out") / label)
    ledger.progress.judged(claim.frame_id, judged(sha256, label), "link", at.path)
    ledger.progress.filed(claim.frame_id, at, "link")
    return claim.frame_id


@pytest.fixture
def ledger(tmp_path):
    ledger = Ledger.open(tmp_path)
    yield ledger
    ledger.close()


def test_a_frame_goes_from_seen_to_filed_and_is_known_from_then_on(ledger):
    assert ledger.frames.unknown(ROOT, [seen()]) == [seen()]
    claim = ledger.progress.claim(seen(), ROOT)
    assert ledger.frames.get(claim.frame_id).state == "seen"
    ledger.progress.judged(
        claim.frame_id, judged(kinds={"streak": 0.9, "cloud": 0.2}), "link", Path("/out/clean/a.fits")
    )
    row = ledger.frames.get(claim.frame_id)
    assert (row.state, row.label, row.score, row.kinds) == ("judged", "clean", 0.9, ("streak", "cloud"))
    assert row.planned == Path("/out/clean/a.fits")
    assert ledger.frames.waiting_to_file() == [row]
    ledger.progress.filed(claim.frame_id, seen(folder=Path("/out/clean")), "link")
    row = ledger.frames.get(claim.frame_id)
    assert (row.state, row.destination) == ("filed", Path("/out/clean/a.fits"))
    assert ledger.frames.unknown(ROOT, [seen()]) == []
    assert ledger.progress.claim(seen(), ROOT) is None


def test_the_same_name_with_other_bytes_is_another_frame(ledger):
    first = judge_and_file(ledger, seen())
    for other in (seen(inode=2), seen(size=11), seen(mtime_ns=6)):
        assert ledger.frames.unknown(ROOT, [other]) == [other]
    claim = ledger.progress.claim(seen(inode=2), ROOT)
    assert claim.frame_id != first
    assert claim.known_sha256 == ("aa",)


def test_the_same_bytes_again_keep_their_first_verdict(ledger):
    first = judge_and_file(ledger, seen())
    claim = ledger.progress.claim(seen(inode=2), ROOT)
    ledger.progress.same_again(claim.frame_id, "aa")
    assert ledger.frames.get(claim.frame_id) is None
    assert ledger.frames.get(first).state == "filed"
    assert ledger.frames.unknown(ROOT, [seen(inode=2)]) == []


def test_tries_are_counted_and_survive_a_crash(tmp_path):
    ledger = Ledger.open(tmp_path)
    assert ledger.progress.claim(seen(), ROOT).tries == 0
    ledger.close()
    ledger = Ledger.open(tmp_path)
    again = ledger.progress.claim(seen(), ROOT)
    assert again.tries == 1
    ledger.progress.fail(again.frame_id, "crashed")
    third = ledger.progress.claim(seen(), ROOT)
    assert (third.tries, third.error) == (2, "crashed")
    ledger.progress.give_back(third.frame_id)
    assert ledger.progress.claim(seen(), ROOT).tries == 2
    ledger.close()


def test_a_frame_that_changed_before_it_was_judged_never_was(ledger):
    claim = ledger.progress.claim(seen(), ROOT)
    ledger.progress.forget(claim.frame_id)
    assert ledger.frames.get(claim.frame_id) is None


@pytest.mark.parametrize(
    "name", ["M31 \u2605.fits", "a\nb.fits", os.fsdecode(b"\xff\xfe.fits"), "'; DROP TABLE frames;--.fits"]
)
def test_every_name_a_disk_can_hold_is_kept(ledger, name):
    frame_id = judge_and_file(ledger, seen(name))
    row = ledger.frames.get(frame_id)
    assert row.path == ROOT / name
    assert row.destination.name == name
    assert ledger.frames.filed_at(row.destination) == row
    assert ledger.frames.unknown(ROOT, [seen(name)]) == []


def test_absurd_numbers_are_kept(ledger):
    absurd = seen(inode=2**64 - 1, mtime_ns=-(2**70))
    judge_and_file(ledger, absurd)
    assert ledger.frames.unknown(ROOT, [absurd]) == []


def test_the_whole_record_can_be_read_back(ledger):
    claim = ledger.progress.claim(seen(), ROOT)
    record = {"verdict": "review", "score": None, "kinds": {}, "notes": ["\udcff", "\u2605"], "path": "x"}
    ledger.progress.judged(claim.frame_id, Judged("aa", record, "review"), "link", Path("/out/review/a.fits"))
    assert ledger.frames.record(claim.frame_id) == record


def test_skipped_frames_are_recorded_and_not_filed(ledger):
    claim = ledger.progress.claim(seen(), ROOT)
    ledger.progress.judged(claim.frame_id, Judged("aa", {"skipped": "a dark frame"}, None), None, None)
    row = ledger.frames.get(claim.frame_id)
    assert (row.state, row.label, row.reason) == ("skipped", None, "a dark frame")
    assert ledger.frames.waiting_to_file() == []
    assert ledger.frames.counts()["skipped"] == 1


def test_counts_tell_labels_and_what_waits(ledger):
    judge_and_file(ledger, seen("a.fits"))
    judge_and_file(ledger, seen("b.fits"), label="review", sha256="bb")
    claim = ledger.progress.claim(seen("c.fits"), ROOT)
    ledger.progress.judged(claim.frame_id, judged("cc", "review", kinds={"unreadable": 1.0}), "link", Path("/out/c"))
    assert ledger.frames.counts() == {"clean": 1, "review": 2, "waiting": 1, "unreadable": 1}
    assert ledger.frames.counts(since="2999") == {"waiting": 0, "unreadable": 0}
    assert [row.path.name for row in ledger.frames.in_review()] == ["b.fits"]
    assert [row.path.name for row in ledger.frames.newest(2)] == ["c.fits", "b.fits"]


def test_the_last_decision_of_a_person_holds_until_it_is_withdrawn(ledger):
    at_review = seen(folder=Path("/out/review"))
    at_clean = seen(folder=Path("/out/clean"))
    frame_id = judge_and_file(ledger, seen(), at_review, "review")
    assert ledger.history.refiled(frame_id, "clean", None, "terminal", at_review.path, at_clean)
    (label,) = ledger.history.labels()
    assert (label.label, label.source, label.sha256, label.file) == ("clean", "terminal", "aa", at_clean.path)
    assert ledger.frames.get(frame_id).state == "reviewed"
    move, link = ledger.history.actions_of(frame_id)
    assert (move.act, link.act) == ("move", "link")
    ledger.history.refiling_undone(move, at_review, "review")
    assert ledger.history.labels() == []
    assert ledger.frames.get(frame_id).label == "review"
    assert ledger.history.actions_of(frame_id) == [link]


def test_a_move_that_somebody_else_has_noted_is_not_noted_twice(ledger):
    at_review = seen(folder=Path("/out/review"))
    frame_id = judge_and_file(ledger, seen(), at_review, "review")
    arguments = (frame_id, "clean", None, "hand", at_review.path, seen(folder=Path("/out/clean")))
    assert ledger.history.refiled(*arguments) is True
    assert ledger.history.refiled(*arguments) is False
    assert len(ledger.history.labels()) == 1


def test_session_states_are_kept_and_only_the_newest(ledger):
    for number in range(30):
        ledger.memory.keep_sessions({f"group {number:02}": {"frames": number}}, 16)
    kept = ledger.memory.sessions(16)
    assert len(kept) == 16
    assert kept["group 29"] == {"frames": 29}
    ledger.memory.keep_sessions({"group 29": {"frames": 30}}, 16)
    assert ledger.memory.sessions(16)["group 29"] == {"frames": 30}


def test_it_has_one_name_for_life_and_remembers_folders(tmp_path):
    assert remembered_folders(tmp_path) == frozenset()
    ledger = Ledger.open(tmp_path)
    name = ledger.memory.identity()
    odd = Path(os.fsdecode(b"/media/\xff"))
    ledger.memory.keep_folders([Path("/media/usb"), odd])
    ledger.memory.keep_folders([Path("/media/usb")])
    assert ledger.memory.has_folder(Path("/media/usb"))
    assert not ledger.memory.has_folder(Path("/media"))
    ledger.close()
    assert remembered_folders(tmp_path) == {Path("/media/usb"), odd}
    ledger = Ledger.open(tmp_path)
    assert ledger.memory.identity() == name
    ledger.close()


def test_a_copy_in_memory_leaves_the_original_alone(ledger):
    frame_id = judge_and_file(ledger, seen())
    copy = ledger.copied_to_memory()
    copy.progress.gone(frame_id, "only in thought")
    assert copy.frames.get(frame_id).state == "gone"
    assert ledger.frames.get(frame_id).state == "filed"
    copy.close()


def test_an_empty_ledger_in_memory_writes_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ledger = new_ledger_in_memory()
    judge_and_file(ledger, seen())
    ledger.close()
    assert list(tmp_path.iterdir()) == []


# -- what can happen to the file --------------------------------------------------------------------------------------


def garbage(path):
    path.write_bytes(b"this is no database at all " * 500)


def half(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def zeroed_page(path):
    content = bytearray(path.read_bytes())
    content[4096:12288] = bytes(8192)
    path.write_bytes(content)


def empty(path):
    path.write_bytes(b"")


@pytest.mark.parametrize("damage", [garbage, half, zeroed_page, empty])
def test_a_damaged_ledger_is_set_aside_and_a_new_one_begun(tmp_path, damage):
    ledger = Ledger.open(tmp_path)
    for number in range(50):
        judge_and_file(ledger, seen(f"{number}.fits"), sha256=str(number))
    ledger.close()
    damage(tmp_path / LEDGER_NAME)
    ledger = Ledger.open(tmp_path, check=True)
    judge_and_file(ledger, seen("new.fits"))
    assert ledger.frames.counts()["clean"] == 1
    ledger.close()
    assert list(tmp_path.glob("*.damaged-*")) or damage is empty


def test_damage_that_shows_only_during_work_is_set_aside_too(tmp_path, ledger):
    for number in range(50):
        judge_and_file(ledger, seen(f"{number}.fits"), sha256=str(number))
    ledger.close()
    zeroed_page(tmp_path / LEDGER_NAME)
    for _ in range(3):
        try:
            judge_and_file(ledger, seen("new.fits"))
            break
        except LedgerError:
            continue
    assert ledger.frames.get(1) is not None
    assert list(tmp_path.glob("*.damaged-*"))


def test_a_ledger_that_was_deleted_under_us_is_made_anew(tmp_path, ledger):
    judge_and_file(ledger, seen())
    for path in tmp_path.glob("ledger*"):
        path.unlink()
    judge_and_file(ledger, seen("b.fits"))
    assert has_ledger(tmp_path)
    with sqlite3.connect(tmp_path / LEDGER_NAME) as other:
        assert other.execute("SELECT count(*) FROM frames").fetchone() == (1,)
    other.close()


def test_a_state_folder_that_was_deleted_under_us_is_made_anew(tmp_path):
    ledger = Ledger.open(tmp_path / "state")
    judge_and_file(ledger, seen())
    for path in (tmp_path / "state").iterdir():
        path.unlink()
    (tmp_path / "state").rmdir()
    judge_and_file(ledger, seen("b.fits"))
    assert has_ledger(tmp_path / "state")
    ledger.close()


def test_a_row_that_was_lost_with_the_old_ledger_is_told_from_a_lock(tmp_path, ledger):
    claim = ledger.progress.claim(seen(), ROOT)
    for path in tmp_path.glob("ledger*"):
        path.unlink()
    with pytest.raises(RowLost):
        ledger.progress.judged(claim.frame_id, judged(), "link", Path("/out/clean/a.fits"))


def test_a_locked_ledger_is_waited_for(tmp_path):
    ledger = Ledger.open(tmp_path, busy_timeout_s=10)
    blocker = sqlite3.connect(tmp_path / LEDGER_NAME, isolation_level=None, check_same_thread=False)
    blocker.execute("BEGIN EXCLUSIVE")
    timer = threading.Timer(0.5, lambda: blocker.execute("COMMIT"))
    timer.start()
    judge_and_file(ledger, seen())
    timer.join()
    blocker.close()
    ledger.close()


def test_a_ledger_that_stays_locked_is_one_plain_sentence_and_works_again_later(tmp_path):
    ledger = Ledger.open(tmp_path, busy_timeout_s=0.05)
    with sqlite3.connect(tmp_path / LEDGER_NAME, isolation_level=None) as blocker:
        blocker.execute("BEGIN EXCLUSIVE")
        with pytest.raises(LedgerError, match=r"the ledger cannot be used .*frames wait"):
            judge_and_file(ledger, seen())
        blocker.execute("COMMIT")
    blocker.close()
    judge_and_file(ledger, seen())
    ledger.close()


def test_two_processes_may_write(tmp_path):
    ledger = Ledger.open(tmp_path)
    script = (
        "import sys; sys.path[:0] = sys.argv[2:]\n"
        "from pathlib import Path\nfrom nebulift_daemon.ledger import Ledger\nimport test_ledger as t\n"
        "ledger = Ledger.open(Path(sys.argv[1]))\n"
        "for n in range(40): t.judge_and_file(ledger, t.seen(f'other{n}.fits'), sha256=f'o{n}')\n"
    )
    with subprocess.Popen([sys.executable, "-c", script, tmp_path, Path(__file__).parent]) as other:
        for number in range(40):
            judge_and_file(ledger, seen(f"{number}.fits"), sha256=str(number))
    assert other.returncode == 0
    assert ledger.frames.counts()["clean"] == 80
    ledger.close()


def test_a_killed_writer_leaves_a_ledger_without_damage(tmp_path):
    script = (
        "import sys; sys.path[:0] = sys.argv[2:]\n"
        "from pathlib import Path\nfrom nebulift_daemon.ledger import Ledger\nimport test_ledger as t, itertools\n"
        "ledger = Ledger.open(Path(sys.argv[1]))\n"
        "for n in itertools.count(): t.judge_and_file(ledger, t.seen(f'{n}.fits'), sha256=str(n)); print(flush=True)\n"
    )
    command = [sys.executable, "-c", script, tmp_path, Path(__file__).parent]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as writer:
        for _ in range(20):
            writer.stdout.readline()
        writer.kill()
    ledger = Ledger.open(tmp_path, check=True)
    assert not list(tmp_path.glob("*.damaged-*"))
    assert ledger.frames.counts()["clean"] >= 20
    ledger.close()


def test_migrations_are_applied_once_and_in_order(tmp_path, monkeypatch):
    Ledger.open(tmp_path).close()
    monkeypatch.setattr(
        "nebulift_daemon.ledger.database.MIGRATIONS",
        [*MIGRATIONS, ("m999_later", "ALTER TABLE frames ADD COLUMN later")],
    )
    for _ in range(2):
        Ledger.open(tmp_path).close()
    with sqlite3.connect(tmp_path / LEDGER_NAME) as plain:
        assert [name for (name,) in plain.execute("SELECT name FROM migrations ORDER BY rowid")] == [
            *(name for name, _ in MIGRATIONS),
            "m999_later",
        ]
    plain.close()


def test_a_frame_that_failed_at_first_counts_when_it_gets_its_verdict(ledger):
    first = ledger.progress.claim(seen("first.fits"), ROOT)
    ledger.progress.fail(first.frame_id, "crashed")
    second = ledger.progress.claim(seen("second.fits", inode=2), ROOT)
    ledger.progress.judged(second.frame_id, judged(), "link", Path("/out/clean/second.fits"))
    time.sleep(0.002)  # times are kept to the millisecond
    since = utc_now()
    ledger.progress.judged(first.frame_id, judged(label="review"), "link", Path("/out/review/first.fits"))
    assert ledger.frames.counts(since) == {"review": 1, "waiting": 1, "unreadable": 0}
    assert ledger.browsing.last_judged() >= since
