"""The daemon commits its ledger seldom, and nobody notices: others see and write at once, a crash takes nothing."""

import os
import shutil
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from daemon_process import Daemon, wait_until
from disks import needs_root, tmpfs
from trees import frame, make_files

from nebulift.errors import LedgerError
from nebulift_daemon.ledger import LEDGER_NAME, Judged, Ledger, RowLost, utc_now
from nebulift_daemon.ledger.redo_log import HEADER, RedoLog, entries_of, state_it_builds_on
from nebulift_daemon.sighting import Sighting

REDO, BELL = f"{LEDGER_NAME}-redo", f"{LEDGER_NAME}-bell"
ROOT = Path("/cap")


def seen(number, folder=ROOT):
    return Sighting(folder / f"{number}.fits", 1, 1000 + number, 10, 5)


def file_one(ledger, number):
    """Walk one frame all the way, as the daemon does."""
    claim = ledger.progress.claim(seen(number), ROOT)
    record = {"verdict": "clean", "score": 0.9, "kinds": {}, "reason": f"frame {number}", "model": None}
    there = seen(number, Path("/out/clean"))
    ledger.progress.judged(claim.frame_id, Judged(f"{number:064x}", record, "clean"), "link", there.path)
    ledger.progress.filed(claim.frame_id, there, "link")
    return claim.frame_id


def reasons(ledger):
    return [row.reason for row in reversed(ledger.frames.newest(100))]


def committed_bytes(state):
    return {name: (state / name).stat().st_size for name in (LEDGER_NAME, f"{LEDGER_NAME}-wal")}


@pytest.fixture
def ours(tmp_path):
    ledger = Ledger.open_for_daemon(tmp_path)
    yield ledger
    ledger.close()


class AwakeDaemon:
    """A process of its own with a daemon's ledger: files the frames it is told to and hears the bell."""

    PROGRAM = """
import select
alive = True
while alive:
    ready, _, _ = select.select([sys.stdin, ledger.bell_descriptor()], [], [])
    ledger.hear()
    if sys.stdin in ready:
        alive = bool(order := sys.stdin.readline())
        if alive:
            print(file_one(ledger, int(order)), flush=True)
ledger.close()
"""

    def __init__(self, state):
        command = [sys.executable, "-c", with_a_ledger(state, self.PROGRAM)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def file(self, number):
        """The id of the frame, once it is filed."""
        self._process.stdin.write(f"{number}\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.stdin.close()
        assert self._process.wait(30) == 0
        self._process.stdout.close()


def with_a_ledger(state, code):
    program = f"import os, sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
    program += "from pathlib import Path\nfrom test_ledger_batching import *\n"
    return f"{program}ledger = Ledger.open_for_daemon(Path({str(state)!r}))\n{code}\n"


def in_a_process_that_is_killed(state, code):
    """Run ``code`` with a daemon's ledger, which then dies without a farewell."""
    command = [sys.executable, "-c", with_a_ledger(state, f"{code}\nos._exit(0)")]
    subprocess.run(command, check=True, timeout=60)


# -- alone -------------------------------------------------------------------------------------------------------------


def test_the_daemon_sees_what_it_wrote_and_the_file_of_the_ledger_is_left_alone(ours, tmp_path):
    file_one(ours, 0)
    ours.commit()
    before = committed_bytes(tmp_path)
    for number in range(1, 20):
        file_one(ours, number)
    assert reasons(ours) == [f"frame {number}" for number in range(20)]
    assert ours.frames.unknown(ROOT, [seen(5), seen(50)]) == [seen(50)]
    assert committed_bytes(tmp_path) == before
    assert 0 < ours.commit_within_s() <= 3600
    ours.commit()
    assert ours.commit_within_s() is None
    assert (tmp_path / REDO).stat().st_size == 0


def test_what_fails_in_between_takes_nothing_else_with_it(ours):
    file_one(ours, 1)
    with pytest.raises(RowLost):
        ours.progress.judged(99, Judged("aa", {}, "clean"), "link", Path("/out/x"))
    file_one(ours, 2)
    assert reasons(ours) == ["frame 1", "frame 2"]
    ours.close()
    assert reasons(ours) == ["frame 1", "frame 2"]


def test_the_log_does_not_grow_without_end(ours, tmp_path):
    for _ in range(8):
        ours.memory.keep_fact("noise", {"bytes": os.urandom(150_000).hex()})
        assert (tmp_path / REDO).stat().st_size < 1_400_000


# -- others ------------------------------------------------------------------------------------------------------------


def test_others_see_at_once_what_was_noted(tmp_path):
    with AwakeDaemon(tmp_path) as daemon:
        daemon.file(1)
        assert (tmp_path / REDO).stat().st_size > 0
        other = Ledger.open(tmp_path)
        assert reasons(other) == ["frame 1"]
        daemon.file(2)  # in company: committed by itself
        assert (tmp_path / REDO).stat().st_size == 0
        assert reasons(other) == ["frame 1", "frame 2"]
        other.close()


def test_others_write_although_the_daemon_holds_the_lock(tmp_path):
    with AwakeDaemon(tmp_path) as daemon:
        frame_id = daemon.file(1)
        other = Ledger.open(tmp_path, busy_timeout_s=10)
        other.history.decided(frame_id, "contaminated", "streak", "terminal")
        daemon.file(2)
        assert [row.state for row in other.frames.newest(5)] == ["filed", "reviewed"]
        other.close()


def test_a_daemon_that_does_not_hear_delays_readers_a_moment_and_writers_until_they_give_up(ours, tmp_path):
    frame_id = file_one(ours, 1)
    ours.commit()
    file_one(ours, 2)
    other = Ledger.open(tmp_path, busy_timeout_s=0.2)
    assert reasons(other) == ["frame 1"]
    with pytest.raises(LedgerError, match="locked"):
        other.history.decided(frame_id, "contaminated", None, "terminal")
    ours.hear()
    other.history.decided(frame_id, "contaminated", None, "terminal")
    other.close()


def test_a_sleeping_daemon_is_woken_by_whoever_wants_to_see(tmp_path):
    daemon = Daemon(tmp_path)
    with daemon:
        make_files(daemon.capture, {"a.fits": frame(b"CLEAN a")})
        daemon.has_filed("clean/a.fits")
        wait_until(lambda: (daemon.state / REDO).stat().st_size > 0)
        time.sleep(1.0)  # it sleeps now
        other = Ledger.open(daemon.state)
        assert [row.state for row in other.frames.newest(5)] == ["filed"]
        other.close()
        assert stat.S_ISFIFO((daemon.state / BELL).stat().st_mode)
        daemon.stop()
    assert not (daemon.state / BELL).exists()  # who reads a forgotten pipe waits for ever


# -- ends without a farewell -------------------------------------------------------------------------------------------


def test_what_a_killed_daemon_had_noted_is_repeated_once_by_whoever_comes_next(tmp_path):
    in_a_process_that_is_killed(tmp_path, "for number in range(5): file_one(ledger, number)")
    for _ in range(2):
        other = Ledger.open(tmp_path)
        assert reasons(other) == [f"frame {number}" for number in range(5)]
        assert len(other.history.actions_since("")) == 5
        other.close()
    ours = Ledger.open_for_daemon(tmp_path)
    file_one(ours, 5)
    ours.close()
    assert reasons(ours) == [f"frame {number}" for number in range(6)]


def test_a_copy_to_try_things_on_has_what_a_killed_daemon_had_noted(tmp_path):
    in_a_process_that_is_killed(tmp_path, "file_one(ledger, 1)")
    original = Ledger.open(tmp_path)
    copy = original.copied_to_memory()
    assert reasons(copy) == ["frame 1"]
    copy.close()
    original.close()


def test_killed_again_and_again_it_loses_and_doubles_nothing(tmp_path):
    for number in range(6):
        in_a_process_that_is_killed(tmp_path, f"file_one(ledger, {number})")
    other = Ledger.open(tmp_path)
    assert reasons(other) == [f"frame {number}" for number in range(6)]
    assert len(other.history.actions_since("")) == 6
    other.close()


def test_wherever_a_power_cut_ends_the_log_the_entries_before_are_repeated(tmp_path):
    state = tmp_path / "state"
    in_a_process_that_is_killed(state, "for number in range(2): ledger.progress.claim(seen(number), ROOT)")
    whole = (state / REDO).read_bytes()
    for length in range(len(whole)):
        copy = tmp_path / str(length)
        shutil.copytree(state, copy, ignore=shutil.ignore_patterns(BELL))
        (copy / REDO).write_bytes(whole[:length])
        after_a_cut = Ledger.open(copy)
        left = [after_a_cut.frames.at_path(seen(number).path) != [] for number in range(2)]
        after_a_cut.close()
        assert left in ([False, False], [True, False])
        assert (left[0], length > len(whole) / 2 + HEADER.size) in {(True, True), (False, False), (True, False)}


def test_a_log_is_repeated_neither_on_what_holds_it_already_nor_on_another_ledger(tmp_path):
    ours = Ledger.open_for_daemon(tmp_path)
    file_one(ours, 1)
    noted = (tmp_path / REDO).read_bytes()
    ours.close()
    (tmp_path / REDO).write_bytes(noted)  # as if the power had failed between commit and clearing
    assert reasons(ours) == ["frame 1"]
    ours.close()
    (tmp_path / LEDGER_NAME).unlink()
    (tmp_path / REDO).write_bytes(noted)
    fresh = Ledger.open(tmp_path)
    assert reasons(fresh) == []
    fresh.close()


def test_an_entry_that_does_not_fit_ends_the_repeating_and_not_the_work(tmp_path, caplog):
    in_a_process_that_is_killed(tmp_path, "file_one(ledger, 1)")
    log = RedoLog(tmp_path / "other-log")
    log.begin(state_it_builds_on(tmp_path / REDO))
    for statements in entries_of(tmp_path / REDO):
        log.append(statements, durable=False)
    log.append(
        [("INSERT INTO facts VALUES ('half', 1)", ()), ("INSERT INTO records VALUES (77, x'00')", ())], durable=True
    )
    log.close()
    (tmp_path / "other-log").replace(tmp_path / REDO)
    other = Ledger.open(tmp_path)
    assert reasons(other) == ["frame 1"]
    assert "entry 4 does not fit the ledger" in caplog.text
    file_one(other, 2)
    other.close()


# -- trouble -----------------------------------------------------------------------------------------------------------


@needs_root
def test_on_a_full_disk_nothing_is_half_noted_and_work_goes_on_when_there_is_room(tmp_path):
    place = tmp_path / "disk"
    place.mkdir()
    with tmpfs(place, "size=400k"):
        ours = Ledger.open_for_daemon(place)
        file_one(ours, 1)
        filler = place / "filler"
        with pytest.raises(OSError, match="No space left"):
            filler.write_bytes(bytes(400 << 10))
        with pytest.raises(LedgerError):
            ours.memory.keep_fact("noise", {"bytes": os.urandom(20_000).hex()})
        filler.unlink()
        file_one(ours, 2)
        assert reasons(ours) == ["frame 1", "frame 2"]
        ours.close()
        other = Ledger.open(place)
        assert reasons(other) == ["frame 1", "frame 2"]
        assert other.memory.fact("noise") == {}
        other.close()


def test_a_ledger_deleted_under_the_daemon_begins_anew(ours, tmp_path):
    file_one(ours, 1)
    for path in tmp_path.iterdir():
        path.unlink()
    assert reasons(ours) == []
    file_one(ours, 2)
    assert stat.S_ISFIFO((tmp_path / BELL).stat().st_mode)
    ours.close()
    assert reasons(ours) == ["frame 2"]


def test_where_there_can_be_no_bell_every_transaction_is_committed(tmp_path):
    (tmp_path / BELL).mkdir()
    ours = Ledger.open_for_daemon(tmp_path)
    file_one(ours, 1)
    assert ours.commit_within_s() is None
    other = Ledger.open(tmp_path)
    assert reasons(other) == ["frame 1"]
    other.close()
    ours.close()


def test_what_lies_where_the_bell_belongs_is_no_trap(tmp_path):
    (tmp_path / BELL).write_bytes(b"")
    ours = Ledger.open_for_daemon(tmp_path)
    file_one(ours, 1)
    assert stat.S_ISFIFO((tmp_path / BELL).stat().st_mode)
    ours.close()
    (tmp_path / BELL).write_bytes(b"")
    other = Ledger.open(tmp_path)
    other.history.decided(1, "clean", None, "terminal")
    other.close()
    assert (tmp_path / BELL).read_bytes() == b""


def test_hostile_words_and_bytes_come_back_as_they_were(tmp_path):
    log = RedoLog(tmp_path / "log")
    log.begin(7)
    statements = [("INSERT", ("Ω\x00\ud800\n", b"\xff\x00", 1 << 62, -0.1, None)), ("UPDATE", (utc_now(),))]
    log.append(statements, durable=True)
    log.close()
    (entry,) = entries_of(tmp_path / "log")
    assert [(sql, tuple(values)) for sql, values in entry] == statements
    assert state_it_builds_on(tmp_path / "log") == 7
