"""Filing is tried until it works, and found again after a crash between any two steps."""

import errno
import os

import pytest
from trees import census, frame, make_files, names
from workbench import FRAMES, Workbench

from nebulift.errors import FilingError
from nebulift_daemon.filing import Act, OutputTrouble, carry_out
from nebulift_daemon.undo import undo_all


class PowerCut(BaseException):
    """Ends everything at once."""


@pytest.fixture(params=[Act.LINK, Act.COPY, Act.MOVE, Act.SYMLINK])
def bench(request, tmp_path):
    bench = Workbench(tmp_path, request.param)
    yield bench
    bench.ledger.close()


@pytest.fixture
def moving(tmp_path):
    bench = Workbench(tmp_path, Act.MOVE)
    yield bench
    bench.ledger.close()


def cut_before(*_):
    raise PowerCut


def cut_after(*arguments):
    carry_out(*arguments)
    raise PowerCut


@pytest.mark.parametrize("cut", [cut_before, cut_after])
def test_a_crash_around_the_act_is_made_good_at_the_next_start(bench, cut):
    bench.put("M31/a.fits", "clean")
    before = census(bench.capture)
    bench.carry_out = cut
    with pytest.raises(PowerCut):
        bench.sort()
    bench.carry_out = carry_out
    bench.reopen()
    bench.tree.notice()
    assert bench.filer.next_retry_s() == 0
    assert bench.filer.retry() == 1
    assert names(bench.root) == ["clean/M31/a.fits"]
    row = bench.row("M31/a.fits")
    assert (row.state, row.destination) == ("filed", bench.root / "clean/M31/a.fits")
    (action,) = bench.ledger.history.actions_of(row.id)
    assert [undone.trouble for undone in undo_all(bench.ledger, [action], bench.root, bench.owner)] == [None]
    assert names(bench.root) == []
    assert census(bench.capture) == before


def test_a_frame_overwritten_before_it_could_be_filed_is_given_up_and_the_new_one_sorted(moving):
    moving.carry_out = cut_before
    moving.put("a.fits", "clean")
    with pytest.raises(PowerCut):
        moving.sort()
    moving.put("a.fits", "contaminated")
    moving.carry_out = carry_out
    moving.reopen()
    moving.filer.retry()
    assert names(moving.root) == []
    assert moving.sort() == {"a.fits": "FILED"}
    assert names(moving.root) == ["contaminated/a.fits"]
    assert sorted(row.state for row in moving.ledger.frames.at_path(moving.capture / "a.fits")) == ["filed", "gone"]


def test_a_frame_that_cannot_be_filed_is_tried_ever_more_seldom_and_delays_no_other(moving):
    def one_is_stuck(step, *arguments):
        if step.source.path.name == "stuck.fits":
            raise FilingError("stuck.fits: permission denied")
        return carry_out(step, *arguments)

    moving.carry_out = one_is_stuck
    moving.put("good.fits", frame(b"CLEAN good"))
    moving.put("stuck.fits", "clean")
    assert moving.sort() == {"good.fits": "FILED", "stuck.fits": "WAITING"}
    pauses = []
    for _ in range(10):
        pauses.append(round(moving.filer.next_retry_s()) or 0)
        moving.now += moving.filer.next_retry_s()
        moving.filer.retry()
    assert pauses[-8:] == [6, 12, 24, 48, 96, 192, 300, 300]
    moving.carry_out = carry_out
    moving.now += 300
    assert moving.filer.retry() == 1
    assert moving.filer.next_retry_s() is None


def test_a_full_disk_pauses_all_filing_and_is_told_until_it_is_over(moving):
    def full(*_):
        raise OutputTrouble("the disk is full")

    moving.carry_out = full
    for number in range(5):
        moving.put(f"{number}.fits", frame(b"CLEAN %d" % number))
    assert set(moving.sort().values()) == {"WAITING"}
    assert moving.filer.trouble == "the disk is full"
    pauses = []
    for _ in range(6):
        pauses.append(round(moving.filer.next_retry_s()))
        moving.now += moving.filer.next_retry_s()
        assert moving.filer.retry() == 0
    assert pauses == [3, 6, 12, 24, 30, 30]
    moving.carry_out = carry_out
    moving.now += 30
    assert moving.filer.retry() == 5
    assert moving.filer.trouble is None
    assert moving.filer.next_retry_s() is None


def test_a_name_the_disk_refuses_gets_a_spelling_it_takes(bench):
    def like_fat(step, root, owner):
        if ":" in step.destination.name:
            raise FilingError("a name with a colon") from OSError(errno.EINVAL, "Invalid argument")
        return carry_out(step, root, owner)

    bench.carry_out = like_fat
    path = bench.put("M31_01:02:03.fits", "clean")
    assert bench.sort() == {path.name: "FILED"}
    assert names(bench.root) == ["clean/M31_01_02_03.fits"]
    assert bench.row(path.name).destination == bench.root / "clean/M31_01_02_03.fits"


def test_a_name_taken_again_and_again_under_our_hands_is_gone_round(moving):
    taken = []

    def racing(step, *arguments):
        if len(taken) < 3:
            taken.append(step.destination)
            step.destination.parent.mkdir(exist_ok=True)
            step.destination.write_bytes(b"quicker")
        return carry_out(step, *arguments)

    moving.carry_out = racing
    moving.put("a.fits", "clean")
    assert moving.sort() == {"a.fits": "FILED"}
    assert (moving.root / "clean/a~4.fits").read_bytes() == FRAMES["clean"]
    assert moving.row("a.fits").destination == moving.root / "clean/a~4.fits"


def test_the_same_bytes_filed_before_are_not_filed_twice(moving):
    moving.put("a.fits", "clean")
    moving.sort()
    path = moving.put("a.fits", "clean")
    assert moving.sort() == {"a.fits": "FILED"}  # it is where it belongs
    assert path.exists()
    assert names(moving.root) == ["clean/a.fits"]
    assert moving.sort() == {"a.fits": "KNOWN"}


def test_a_touched_file_keeps_its_first_verdict(tmp_path):
    bench = Workbench(tmp_path, Act.LINK)
    path = bench.put("a.fits", "clean")
    bench.sort()
    os.utime(path, (1, 1))
    bench.sort()
    assert names(bench.root) == ["clean/a.fits"]
    bench.ledger.close()


def test_leaving_is_a_record_and_nothing_else(tmp_path):
    bench = Workbench(tmp_path, Act.LEAVE)
    bench.put("a.fits", "contaminated")
    assert bench.sort() == {"a.fits": "FILED"}
    assert names(bench.root) == []
    row = bench.row("a.fits")
    assert (row.state, row.label, row.destination) == ("filed", "contaminated", None)
    bench.ledger.close()


def test_files_in_the_way_are_never_taken_for_ours(moving):
    make_files(moving.root, {"clean": {"a.fits": b"a person's own"}})
    moving.put("a.fits", "clean")
    moving.sort()
    assert names(moving.root) == ["clean/a.fits", "clean/a~2.fits"]
    assert (moving.root / "clean/a.fits").read_bytes() == b"a person's own"
