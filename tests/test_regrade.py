"""Looking back: early frames under thin cloud are found by the later ones, filed anew, and put back as they were."""

import pytest
from clouded_night import CLEAR, CLOUDED, NO_MODEL, CloudedNight, measured_once  # noqa: F401 - a fixture
from command_line import nebulift  # noqa: F401 - a fixture
from hypothesis import given
from hypothesis import strategies as st
from trees import census, frame, names, read_files

from nebulift.cli.calibrate import reviews_in_ledger
from nebulift.errors import NebuliftError
from nebulift.verdict import Label
from nebulift_daemon import regrade_judging
from nebulift_daemon.filing import Act
from nebulift_daemon.judge_messages import JudgeOptions
from nebulift_daemon.regrade import look_back
from nebulift_daemon.reviews import OutputTree, decide
from nebulift_daemon.sighting import look
from nebulift_daemon.undo import undo_decision

ACTS = [Act.LINK, Act.COPY, Act.MOVE, Act.SYMLINK]


@pytest.fixture
def night(tmp_path):
    night = CloudedNight(tmp_path)
    yield night
    night.ledger.close()


@pytest.fixture(params=ACTS)
def filed_by(request, tmp_path):
    night = CloudedNight(tmp_path, request.param)
    yield night
    night.ledger.close()


def changed(found):
    return {change.frame.path.name for change in found.changes}


def done(found):
    return {change.frame.path.name for change in found.changes if change.is_done}


# ---- what is proposed


def test_clouds_that_only_later_frames_reveal_are_proposed_and_nothing_is_changed(night):
    tree, rows = read_files(night.root), night.rows()
    found = night.regrade()
    assert changed(found) == set(CLOUDED)
    assert {change.regrade.after for change in found.changes} == {"contaminated"}
    assert all("cloud" in change.regrade.reason for change in found.changes)
    assert (found.frames, found.troubles) == (len(CLOUDED + CLEAR), [])
    assert (read_files(night.root), night.rows()) == (tree, rows)


def test_what_was_looked_back_on_is_not_measured_again(night, monkeypatch):
    night.regrade()
    monkeypatch.setattr(regrade_judging, "judge_retrospectively", None)
    assert changed(night.regrade()) == set(CLOUDED)


def test_another_frame_of_the_night_has_its_group_looked_back_on_again(night):
    night.regrade()
    before = night.ledger._database.rows("SELECT fingerprint FROM lookbacks")
    (night.root / "clean/M31" / CLEAR[-1]).unlink()
    night.regrade()
    assert night.ledger._database.rows("SELECT fingerprint FROM lookbacks") != before


def test_without_the_model_that_is_wanted_nothing_is_said(night):
    with pytest.raises(NebuliftError, match="nothing is regraded until"):
        look_back(night.ledger, night.wanted(), JudgeOptions(model="/nowhere.onnx"), night.places())
    assert night.ledger.regrades.waiting() == []


@given(frames=st.integers(0, 5000), memory_mb=st.integers(200, 4000))
def test_long_sessions_are_judged_in_pieces_that_fit_and_hold_each_frame_once(frames, memory_mb):
    most = regrade_judging.piece_frames(memory_mb)
    pieces = list(regrade_judging.pieces(frames, most))
    assert [number for _, begin, end, _ in pieces for number in range(begin, end)] == list(range(frames))
    assert all(0 <= start <= begin < end <= stop <= frames for start, begin, end, stop in pieces)
    assert all(stop - start <= most + 2 * regrade_judging.MARGIN_FRAMES for start, _, _, stop in pieces)


def test_a_session_in_pieces_finds_the_same_clouds(night, monkeypatch):
    monkeypatch.setattr(regrade_judging, "MOST_FRAMES", 5)
    assert changed(night.regrade()) == set(CLOUDED)


# ---- filed anew, and back


def test_sort_regrade_apply_undo_and_everything_is_as_before(filed_by):
    night = filed_by
    everything = census(night.base / "cap", night.root)
    tree, rows, capture = read_files(night.root), night.rows(), read_files(night.capture)
    found = night.regrade(apply=True)
    assert done(found) == set(CLOUDED)
    assert [name for name in names(night.root) if name.startswith("contaminated/")] == [
        f"contaminated/M31/{name}" for name in CLOUDED
    ]
    assert {night.labels()[name] for name in CLOUDED} == {"contaminated"}
    assert census(night.base / "cap", night.root) == everything
    assert changed(night.regrade(apply=True)) == set()  # a second run proposes nothing
    assert night.tree.notice() == []
    assert night.undo(night.regrades()) == []
    assert read_files(night.root) == tree
    assert read_files(night.capture) == capture
    assert night.rows() == rows
    assert night.regrades() == []


def test_the_new_judgement_is_in_the_ledger_with_its_whole_record(night):
    before = night.ledger.frames.record(night.row(f"M31/{CLOUDED[1]}").id)
    night.regrade(apply=True)
    row = night.row(f"M31/{CLOUDED[1]}")
    record = night.ledger.frames.record(row.id)
    assert (row.label, row.state) == ("contaminated", "filed")
    assert (record["verdict"], record["score"], record["reason"]) == ("contaminated", row.score, row.reason)
    assert record["path"] == before["path"]
    assert regrade_judging.HINDSIGHT in record["notes"]
    assert row.kinds == tuple(record["kinds"])


def test_undo_of_everything_ends_in_the_capture_folder(filed_by):
    capture = {f"M31/{name}" for name in CLOUDED + CLEAR}
    filed_by.regrade(apply=True)
    assert filed_by.undo() == []
    assert set(names(filed_by.capture)) == capture
    assert names(filed_by.root) == []


def test_what_was_taken_back_is_left_alone_by_the_daemon_and_proposed_to_a_person(night):
    night.regrade(apply=True)
    night.undo(night.regrades())
    assert changed(night.regrade(undone_too=False)) == set()
    assert night.ledger.regrades.waiting() == []
    assert changed(night.regrade()) == set(CLOUDED)
    assert done(night.regrade(apply=True)) == set(CLOUDED)


def test_a_name_that_is_taken_is_gone_round(night):
    (night.root / "contaminated/M31").mkdir()
    taken = night.root / "contaminated/M31" / CLOUDED[0]
    taken.write_bytes(frame(b"somebody's"))
    before = night.row(f"M31/{CLOUDED[0]}")
    night.regrade(apply=True)
    assert taken.read_bytes() == frame(b"somebody's")
    assert night.row(f"M31/{CLOUDED[0]}").destination == taken.with_name("M0~2.fits")
    assert night.undo(night.regrades()) == []
    assert night.row(f"M31/{CLOUDED[0]}") == before


# ---- policy


def test_a_label_that_is_left_leaves_the_frame_where_it_lies(night):
    tree, rows = read_files(night.root), night.rows()
    assert done(night.regrade(apply=True, contaminated=Act.LEAVE)) == set(CLOUDED)
    assert read_files(night.root) == tree
    assert night.labels()[CLOUDED[0]] == "contaminated"
    assert night.tree.notice() == []
    assert changed(night.regrade(apply=True, contaminated=Act.LEAVE)) == set()
    assert night.undo(night.regrades()) == []
    assert night.rows() == rows


@pytest.mark.parametrize("act", ACTS)
def test_a_frame_that_was_left_is_filed_as_its_new_label_says_and_put_back(tmp_path, act):
    night = CloudedNight(tmp_path, Act.LEAVE)
    capture, rows = read_files(night.capture), night.rows()
    assert done(night.regrade(apply=True, contaminated=act)) == set(CLOUDED)
    assert names(night.root) == [f"contaminated/M31/{name}" for name in CLOUDED]
    left = CLEAR if act is Act.MOVE else CLOUDED + CLEAR
    assert names(night.capture) == [f"M31/{name}" for name in left]
    assert night.tree.notice() == []
    assert night.undo(night.regrades()) == []
    assert (read_files(night.capture), names(night.root)) == (capture, [])
    assert night.rows() == rows
    night.ledger.close()


def test_a_person_who_agrees_with_where_a_left_frame_lies_moves_nothing(night):
    tree = read_files(night.root)
    night.regrade(apply=True, contaminated=Act.LEAVE)
    row = night.row(f"M31/{CLOUDED[1]}")
    assert decide(night.ledger, night.output, row, Label.CLEAN, None, "web") == row.destination
    assert read_files(night.root) == tree
    other = night.row(f"M31/{CLOUDED[2]}").destination
    other.rename(other.with_name("renamed.fits"))
    assert night.tree.notice() == []  # within its folder: no decision
    assert [label.path.name for label in night.ledger.history.labels()] == [CLOUDED[1]]


# ---- people come first


def test_a_frame_that_a_person_has_decided_is_never_regraded(night):
    by_hand, in_place, moved = CLOUDED
    row = night.row(f"M31/{by_hand}")
    another = "review" if row.label == "clean" else "clean"
    (night.root / another / "M31").mkdir(parents=True, exist_ok=True)
    row.destination.rename(night.root / another / "M31/mine.fits")
    night.tree.notice()
    decide(night.ledger, night.output, night.row(f"M31/{in_place}"), Label.CLEAN, None, "web")
    decide(night.ledger, night.output, night.row(f"M31/{moved}"), Label.REVIEW, None, "terminal")
    rows = night.rows()
    assert changed(night.regrade(apply=True)) == set()
    assert night.rows() == rows


def test_a_person_who_decides_after_the_proposal_is_heard(night):
    night.regrade()
    decide(night.ledger, night.output, night.row(f"M31/{CLOUDED[1]}"), Label.CLEAN, None, "web")
    assert done(night.regrade(apply=True)) == {CLOUDED[0], CLOUDED[2]}
    assert night.labels()[CLOUDED[1]] == "clean"


def test_a_regrade_is_no_human_label_and_never_reaches_training(night):
    night.regrade(apply=True)
    night.tree.notice()
    assert night.ledger.history.labels() == []
    assert reviews_in_ledger(night.state) == []
    assert {row.state for row in night.ledger.frames.newest(100)} == {"filed"}


def test_a_decision_about_a_regraded_frame_is_taken_back_alone(night):
    night.regrade(apply=True)
    row = night.row(f"M31/{CLOUDED[0]}")
    decide(night.ledger, night.output, row, Label.CONTAMINATED, "cloud", "web")
    undo_decision(night.ledger, row.id, night.root, night.owner)
    assert night.row(f"M31/{CLOUDED[0]}") == row


def test_a_regraded_frame_that_a_person_moved_by_hand_stays_theirs(night):
    night.regrade(apply=True)
    row = night.row(f"M31/{CLOUDED[1]}")
    row.destination.rename(night.root / "clean/M31" / CLOUDED[1])
    assert [move.label for move in night.tree.notice()] == [Label.CLEAN]
    (trouble,) = [trouble for trouble in night.undo(night.regrades()) if trouble]
    assert "a person moved this frame by hand since" in trouble
    assert night.ledger.history.labels()[0].label == "clean"


# ---- files that are not as they were


def test_files_that_vanished_or_changed_are_left_alone_with_a_sentence(night):
    night.regrade()
    gone, rewritten = (night.row(f"M31/{name}").destination for name in CLOUDED[:2])
    content = rewritten.read_bytes()
    rewritten.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))  # a link: the capture program wrote it again
    gone.unlink()
    found = look_back(night.ledger, night.wanted(apply=True), NO_MODEL, night.places())
    assert done(found) == {CLOUDED[2]}
    assert [trouble for trouble in found.troubles if "was changed since it was judged" in trouble]
    assert rewritten.is_file()


def test_a_frame_that_is_being_filed_is_left_alone(night):
    row = night.row(f"M31/{CLOUDED[0]}")
    with night.ledger._database.transaction() as writing:
        writing.change("UPDATE frames SET state = 'judged' WHERE id = ?", (row.id,))
    assert done(night.regrade(apply=True)) == set(CLOUDED[1:])


def test_without_the_output_disk_nothing_is_moved(night):
    night.regrade()
    night.output.marker.rename(night.base / "marker")
    found = look_back(night.ledger, night.wanted(apply=True), NO_MODEL, night.places())
    assert all("is its disk plugged in?" in change.trouble for change in found.changes)
    assert done(found) == set()
    (night.base / "marker").rename(night.output.marker)
    assert done(night.regrade(apply=True)) == set(CLOUDED)


def test_a_frame_that_another_process_entered_first_is_entered_once(night):
    (proposal, *_) = night.regrade().changes
    regrade, row = proposal.regrade, proposal.frame
    planned = night.root / "contaminated/M31" / row.path.name
    assert night.ledger.regrades.begin(regrade, row.destination, planned, "regrade")
    planned.parent.mkdir(exist_ok=True)
    row.destination.rename(planned)
    assert night.tree.notice() == []  # the daemon looks just then: no hand has moved it
    assert night.ledger.regrades.applied(regrade, row.destination, look(planned)) is True
    assert len(night.ledger.history.actions_of(row.id)) == 2  # the link, the regrade


@pytest.mark.parametrize("folder", ["clean/M31", "contaminated/M31", "review/M31"])
def test_a_look_for_hand_moves_that_is_overtaken_by_a_regrade_concludes_nothing(night, folder):
    (night.root / "contaminated/M31").mkdir()
    (night.root / "review/M31").mkdir(exist_ok=True)
    night.regrade()
    filed_in, places = night.ledger.frames.filed_in, night.places()

    def overtaken(place, names):
        """The folder has been listed; before the ledger is read the frames move."""
        if place == night.root / folder:
            look_back(night.ledger, night.wanted(apply=True), NO_MODEL, places)
        return filed_in(place, names)

    night.ledger.frames.filed_in = overtaken
    assert OutputTree(night.ledger, night.output).notice() == []
    night.ledger.frames.filed_in = filed_in
    assert OutputTree(night.ledger, night.output).notice() == []
    assert {row.state for row in night.ledger.frames.newest(100)} == {"filed"}
    assert len(night.rows()) == len(CLOUDED + CLEAR)  # no ghosts
    assert night.ledger.history.labels() == []


def test_what_was_proposed_for_another_label_is_void(night):
    (first, *_) = night.regrade().changes
    with night.ledger._database.transaction() as writing:
        writing.change("UPDATE frames SET label = 'contaminated' WHERE id = ?", (first.frame.id,))
    assert first.frame.id not in {regrade.frame_id for regrade in night.ledger.regrades.proposed(first.regrade.night)}


def test_a_person_who_was_quicker_finds_the_frame_where_they_saw_it(night):
    (proposal, *_) = night.regrade().changes
    regrade, row = proposal.regrade, proposal.frame
    assert night.ledger.regrades.begin(regrade, row.destination, None, "regrade")
    decide(night.ledger, night.output, row, Label(row.label), None, "web")
    assert night.ledger.regrades.applied(regrade, row.destination, None) is False
    assert night.ledger.regrades.begin(regrade, row.destination, None, "regrade") is False
    assert night.row(f"M31/{row.path.name}").state == "reviewed"
