"""What people do by hand counts: moves between folders are labels, commands are labels, undo restores exactly."""

import os
import shutil
import time
import tracemalloc

import pytest
from disks import needs_root, tmpfs
from trees import census, frame, make_files, names, read_files
from workbench import FRAMES, Workbench

from nebulift.errors import FilingError
from nebulift.verdict import Label
from nebulift_daemon.filing import Act
from nebulift_daemon.folders import AT_ONCE
from nebulift_daemon.reviews import OutputTree, decide
from nebulift_daemon.sighting import look
from nebulift_daemon.undo import undo_all

ACTS = [Act.LINK, Act.COPY, Act.MOVE, Act.SYMLINK]


@pytest.fixture(params=ACTS)
def bench(request, tmp_path):
    bench = Workbench(tmp_path, request.param)
    bench.put("M31/a.fits", "review")
    bench.put("M31/b.fits", "clean")
    bench.sort()
    yield bench
    bench.ledger.close()


@pytest.fixture
def linked(tmp_path):
    bench = Workbench(tmp_path, Act.LINK)
    yield bench
    bench.ledger.close()


def labels(bench):
    return [(label.path.name, label.label, label.source) for label in bench.ledger.history.labels()]


def undo_everything(bench):
    actions = bench.ledger.history.actions_since("")
    return [result.trouble for result in undo_all(bench.ledger, actions, bench.root, bench.owner)]


def test_a_frame_moved_from_review_to_clean_is_a_human_label(bench):
    bench.tree.notice()
    (bench.root / "clean/M31").mkdir(exist_ok=True)
    (bench.root / "review/M31/a.fits").rename(bench.root / "clean/M31/a.fits")
    (move,) = bench.tree.notice()
    assert (move.label, move.frame.path.name) == (Label.CLEAN, "a.fits")
    assert labels(bench) == [("a.fits", "clean", "hand")]
    assert bench.row("M31/a.fits").state == "reviewed"
    assert bench.tree.notice() == []


def test_a_move_made_while_nobody_looked_is_noticed_at_the_next_start(bench):
    (bench.root / "review/M31/a.fits").rename(bench.root / "contaminated/renamed.fits")
    bench.reopen()
    bench.tree.notice()
    assert labels(bench) == [("a.fits", "contaminated", "hand")]
    assert bench.row("M31/a.fits").destination == bench.root / "contaminated/renamed.fits"


def test_changing_ones_mind_counts_once_and_last(bench):
    (bench.root / "clean/M31/b.fits").rename(bench.root / "contaminated/b.fits")
    bench.tree.notice()
    (bench.root / "contaminated/b.fits").rename(bench.root / "clean/M31/b.fits")
    bench.tree.notice()
    assert labels(bench) == [("b.fits", "clean", "hand")]


def test_a_frame_put_elsewhere_below_its_label_is_no_decision(bench):
    (bench.root / "review/later").mkdir()
    (bench.root / "review/M31/a.fits").rename(bench.root / "review/later/a.fits")
    bench.tree.notice()
    assert labels(bench) == []
    assert bench.row("M31/a.fits").destination == bench.root / "review/later/a.fits"


def test_a_whole_folder_moved_is_as_many_decisions(linked):
    for number in range(5):
        linked.put(f"M31/{number}.fits", frame(f"DOUBT {number}".encode()))
    linked.sort()
    (linked.root / "review/M31").rename(linked.root / "clean/M31")
    linked.tree.notice()
    assert sorted(labels(linked)) == [(f"{number}.fits", "clean", "hand") for number in range(5)]


def test_a_frame_copied_and_deleted_is_known_by_its_bytes(linked):
    linked.put("a.fits", "review")
    linked.sort()
    shutil.copy(linked.root / "review/a.fits", linked.root / "clean/a.fits")
    (linked.root / "review/a.fits").unlink()
    linked.tree.notice()
    assert labels(linked) == [("a.fits", "clean", "hand")]


def test_a_frame_taken_out_and_brought_back_later_is_known_again(linked):
    linked.put("a.fits", "review")
    linked.sort()
    (linked.root / "review/a.fits").rename(linked.base / "away.fits")
    linked.tree.notice()
    assert linked.row("a.fits").state == "gone"
    (linked.base / "away.fits").rename(linked.root / "contaminated/a.fits")
    linked.tree.notice()
    assert labels(linked) == [("a.fits", "contaminated", "hand")]


def test_a_frame_that_a_person_removed_is_not_filed_again(linked):
    linked.put("a.fits", "clean")
    linked.sort()
    (linked.root / "clean/a.fits").unlink()
    linked.tree.notice()
    linked.reopen()
    assert linked.sort() == {"a.fits": "KNOWN"}
    assert names(linked.root) == []


def test_files_of_a_person_s_own_are_left_alone(linked):
    make_files(linked.root / "clean", {"own.fits": frame(b"OWN"), "notes.txt": "x"})
    assert linked.tree.notice() == []
    assert labels(linked) == []
    assert read_files(linked.root / "clean") == {"own.fits": frame(b"OWN"), "notes.txt": b"x"}


def test_an_unplugged_output_disk_is_no_mass_decision(linked):
    linked.put("a.fits", "review")
    linked.sort()
    linked.tree.notice()
    linked.root.rename(linked.base / "unplugged")
    linked.root.mkdir()
    assert linked.tree.notice() == []
    assert linked.row("a.fits").state == "filed"
    linked.root.rmdir()
    (linked.base / "unplugged").rename(linked.root)
    assert linked.tree.notice() == []
    assert linked.row("a.fits").state == "filed"


@pytest.fixture
def later_tree(linked):
    """A tree that looks ten seconds after the last change."""
    return OutputTree(linked.ledger, linked.output, lambda: time.time_ns() + 10_000_000_000)


def test_folders_that_did_not_change_are_not_compared(linked, later_tree, monkeypatch):
    linked.put("M31/a.fits", "clean")
    linked.sort()
    later_tree.notice()
    monkeypatch.setattr(later_tree, "_compare", lambda folder: pytest.fail(f"looked into {folder}"))
    assert later_tree.notice() == []


def entered(bench, present):
    """Empty files of these names in clean/, in the ledger too."""
    clean = bench.root / "clean"
    make_files(clean, dict.fromkeys(present, b""))
    for name in present:
        bench.ledger.progress.adopt(clean, look(clean / name), "clean")
    return clean


def test_a_folder_that_grows_all_night_takes_no_more_memory(linked):
    """What a look takes are two parts of the names, however many there are."""

    def peak_of_a_look(frames):
        clean = entered(linked, [f"light_{number:05d}.fits" for number in frames])
        peaks = []
        for _ in range(3):  # the least: what other threads take meanwhile is traced, too
            os.utime(clean)  # so that it is compared again
            tracemalloc.start()
            assert linked.tree.notice() == []
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
        return min(peaks)

    two_parts = peak_of_a_look(range(2 * AT_ONCE))  # while one is dealt with the next is read
    assert peak_of_a_look(range(2 * AT_ONCE, 4 * AT_ONCE)) < 1.1 * two_parts


def test_a_frame_taken_out_of_a_large_folder_is_missed(linked):
    """Also one whose name no text holds, beyond the first part of the names."""
    present = [f"light_{number:05d}.fits" for number in range(2 * AT_ONCE)] + [os.fsdecode(b"no_utf8_\xff.fits")]
    clean = entered(linked, present)
    taken = (present[0], present[AT_ONCE + 1], present[-1])
    for name in taken:
        (clean / name).unlink()
    linked.tree.notice()
    rows = linked.ledger.frames.at_path
    assert {name for name in present if rows(clean / name)[0].state == "gone"} == set(taken)


def test_a_frame_renamed_where_names_differ_only_in_case_is_the_same(linked):
    linked.put("a.fits", "clean")
    linked.sort()
    linked.tree.notice()
    (linked.root / "clean/a.fits").rename(linked.root / "clean/A.fits")
    linked.tree.notice()
    assert linked.row("a.fits").destination == linked.root / "clean/A.fits"
    assert linked.ledger.frames.number_filed_in(linked.root / "clean") == 1


def test_below_a_folder_that_did_not_change_changes_are_seen(linked, later_tree):
    linked.put("M31/a.fits", "clean")
    linked.sort()
    later_tree.notice()
    (linked.root / "clean/M31/a.fits").rename(linked.root / "review/a.fits")
    assert [move.label for move in later_tree.notice()] == [Label.REVIEW]


def test_a_change_with_the_time_stamp_of_the_last_look_is_seen(linked):
    """FAT's stamps have steps of two seconds."""
    linked.put("a.fits", "clean")
    linked.sort()
    clean = linked.root / "clean"
    before = clean.stat()
    linked.tree.notice()
    (clean / "a.fits").rename(linked.root / "a.fits")
    os.utime(clean, ns=(before.st_atime_ns, before.st_mtime_ns))
    linked.tree.notice()
    assert linked.row("a.fits").state == "gone"


def test_after_the_ledger_was_lost_the_output_tree_is_adopted_as_it_is(linked):
    linked.put("a.fits", "review")
    linked.put("b.fits", "clean")
    linked.sort()
    (linked.root / "review/a.fits").rename(linked.root / "clean/a.fits")
    for path in linked.state.glob("ledger*"):
        path.unlink()
    linked.reopen()
    linked.tree.notice()
    before = read_files(linked.root)
    linked.sort()
    assert read_files(linked.root) == before  # no frame appears a second time
    assert linked.row("a.fits").destination == linked.root / "clean/a.fits"
    assert linked.row("a.fits").label == "clean"
    (linked.root / "clean/b.fits").rename(linked.root / "contaminated/b.fits")
    linked.tree.notice()
    assert labels(linked) == [("b.fits", "contaminated", "hand")]


# -- decisions by command ---------------------------------------------------------------------------------------------


def test_a_decision_moves_the_frame_and_is_a_label(bench):
    place = decide(bench.ledger, bench.output, bench.row("M31/a.fits"), Label.CONTAMINATED, "cloud", "terminal")
    assert place == bench.root / "contaminated/M31/a.fits"
    assert names(bench.root) == ["clean/M31/b.fits", "contaminated/M31/a.fits"]
    (label,) = bench.ledger.history.labels()
    assert (label.label, label.kind, label.source) == ("contaminated", "cloud", "terminal")
    assert bench.tree.notice() == []


def test_a_decision_never_replaces_what_lies_there(linked):
    linked.put("a.fits", "review")
    linked.sort()
    make_files(linked.root / "clean", {"a.fits": b"a person's own"})
    assert decide(linked.ledger, linked.output, linked.row("a.fits"), Label.CLEAN, None, "web").name == "a~2.fits"
    assert (linked.root / "clean/a.fits").read_bytes() == b"a person's own"


def test_agreeing_with_the_verdict_moves_nothing_and_is_a_label(linked):
    linked.put("a.fits", "clean")
    linked.sort()
    before = read_files(linked.root)
    decide(linked.ledger, linked.output, linked.row("a.fits"), Label.CLEAN, None, "web")
    assert read_files(linked.root) == before
    assert labels(linked) == [("a.fits", "clean", "web")]


def test_a_decision_about_a_frame_that_is_not_there_is_refused_in_one_sentence(linked):
    linked.put("a.fits", "review")
    linked.sort()
    row = linked.row("a.fits")
    (linked.root / "review/a.fits").unlink()
    with pytest.raises(FilingError, match="not there any more"):
        decide(linked.ledger, linked.output, row, Label.CLEAN, None, "web")
    assert labels(linked) == []


# -- undo -------------------------------------------------------------------------------------------------------------


def test_undo_restores_exactly_what_was_before(tmp_path):
    for act in ACTS:
        bench = Workbench(tmp_path / act if (tmp_path / act).mkdir() is None else None, act)
        bench.put("M31/L/a.fits", "review")
        bench.put("b.fits", "clean")
        before = read_files(bench.capture)
        bench.sort()
        assert undo_everything(bench) == [None, None]
        assert read_files(bench.capture) == before
        assert read_files(bench.root) == {"clean": {}, "contaminated": {}, "review": {}}
        assert bench.row("b.fits").state == "undone"
        assert bench.sort() == {"M31/L/a.fits": "KNOWN", "b.fits": "KNOWN"}  # left alone from now on
        bench.ledger.close()


@needs_root
def test_undo_restores_across_disks(tmp_path):
    with tmpfs(tmp_path / "out"):
        bench = Workbench(tmp_path, Act.MOVE)
        bench.put("a.fits", "clean")
        bench.sort()
        assert names(bench.capture) == []
        assert undo_everything(bench) == [None]
        assert read_files(bench.capture) == {"a.fits": FRAMES["clean"]}
        assert bench.sort() == {"a.fits": "KNOWN"}
        bench.ledger.close()


def test_undo_takes_decisions_back_too_and_their_labels(bench):
    decide(bench.ledger, bench.output, bench.row("M31/a.fits"), Label.CLEAN, None, "terminal")
    newest = bench.ledger.history.actions_since("")[0]
    assert [result.trouble for result in undo_all(bench.ledger, [newest], bench.root, bench.owner)] == [None]
    assert (bench.root / "review/M31/a.fits").exists()
    assert bench.row("M31/a.fits").label == "review"
    assert labels(bench) == []
    assert undo_everything(bench) == [None, None]
    assert names(bench.root) == []


def test_undo_finds_a_frame_that_a_person_moved_and_keeps_the_label(bench):
    (bench.root / "review/M31/a.fits").rename(bench.root / "clean/moved.fits")
    bench.tree.notice()
    assert undo_everything(bench) == [None, None]
    assert names(bench.root) == []
    assert names(bench.capture) == ["M31/a.fits", "M31/b.fits"]
    assert labels(bench) == [("a.fits", "clean", "hand")]


@pytest.mark.parametrize("act", [Act.MOVE, Act.LINK, Act.COPY])
def test_undo_never_replaces_a_frame_that_took_the_place(tmp_path, act):
    bench = Workbench(tmp_path, act)
    path = bench.put("a.fits", "clean")
    bench.sort()
    path.unlink(missing_ok=True)
    bench.put("a.fits", b"the next night's frame")
    (trouble,) = undo_everything(bench)
    assert "another file has taken this name" in trouble
    assert path.read_bytes() == b"the next night's frame"
    assert (bench.root / "clean/a.fits").read_bytes() == FRAMES["clean"]
    bench.ledger.close()


@pytest.mark.parametrize("act", [Act.LINK, Act.COPY])
def test_undo_of_a_link_whose_original_is_gone_brings_the_frame_back(tmp_path, act):
    bench = Workbench(tmp_path, act)
    path = bench.put("deep/a.fits", "clean")
    bench.sort()
    shutil.rmtree(path.parent)
    assert undo_everything(bench) == [None]
    assert path.read_bytes() == FRAMES["clean"]
    bench.ledger.close()


def test_undo_twice_is_no_more_than_once(bench):
    actions = bench.ledger.history.actions_since("")
    assert [result.trouble for result in undo_all(bench.ledger, actions, bench.root, bench.owner)] == [None, None]
    assert undo_everything(bench) == []


def test_an_undo_that_was_cut_short_is_finished_by_the_next(linked):
    path = linked.put("a.fits", "clean")
    linked.act = Act.MOVE
    linked.reopen()
    linked.sort()
    (linked.root / "clean/a.fits").rename(path)  # the move back happened, the note in the ledger did not
    assert undo_everything(linked) == [None]
    assert linked.row("a.fits").state == "undone"


def test_undo_of_a_frame_that_is_nowhere_says_so(linked):
    path = linked.put("a.fits", "clean")
    linked.sort()
    os.unlink(path)  # noqa: PTH108
    (linked.root / "clean/a.fits").unlink()
    (trouble,) = undo_everything(linked)
    assert "nothing to take back" in trouble


def test_a_rewritten_frame_takes_its_old_link_along(linked):
    path = linked.put("a.fits", "review")
    linked.sort()
    with path.open("r+b") as writer:  # in place: the link in review shows the new bytes
        writer.write(FRAMES["clean"])
    assert linked.sort() == {"a.fits": "FILED"}
    assert names(linked.root) == ["clean/a.fits"]
    assert linked.tree.notice() == []
    assert len(census(linked.root)) == 1
