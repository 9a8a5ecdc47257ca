"""Filing never loses, replaces or tears anything: plans decide, acts are exclusive, undo restores exactly."""

import errno
import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from disks import needs_root, tmpfs
from hypothesis import given
from hypothesis import strategies as st
from trees import census, make_files, names, read_files

from nebulift.errors import FilingError
from nebulift_daemon import placing
from nebulift_daemon.filing import Act, OutputTrouble, carry_out, explained, plan, spelled_safely
from nebulift_daemon.naming import accepted_everywhere, belongs_at, numbered, subfolder_names
from nebulift_daemon.placing import (
    SourceChanged,
    is_abandoned,
    link_exclusive,
    make_folders,
    move_exclusive,
    rename_exclusive,
    sha256_of,
    temporary_name,
)
from nebulift_daemon.sighting import look

OWNER = "f" * 32


@pytest.fixture(params=["same disk", "other disk"])
def out(request, tmp_path):
    """An output root, on the disk of the frames and on another."""
    place = tmp_path / "out"
    if request.param == "same disk":
        place.mkdir()
        yield place
        return
    if os.geteuid() != 0:
        pytest.skip("mounting needs root")
    with tmpfs(place):
        yield place


@pytest.fixture
def cap(tmp_path):
    make_files(tmp_path / "cap", {"a.fits": b"frame one"})
    return tmp_path / "cap"


def file_it(source, wanted, act, root):
    """Plan and act, as the daemon does."""
    seen = look(source)
    step = plan(seen, sha256_of(source), wanted, act)
    return carry_out(step, root, OWNER)


@pytest.mark.parametrize("act", [Act.LINK, Act.COPY, Act.SYMLINK, Act.MOVE])
def test_a_frame_is_filed_under_its_path(cap, out, act):
    done = file_it(cap / "a.fits", out / "clean/M31/L/a.fits", act, out)
    assert (out / "clean/M31/L/a.fits").read_bytes() == b"frame one"
    assert (cap / "a.fits").exists() == (act is not Act.MOVE)
    assert done.at.path == out / "clean/M31/L/a.fits"
    assert names(out) == ["clean/M31/L/a.fits"]  # no temporary file is left


def test_leaving_leaves(cap, out):
    step = plan(look(cap / "a.fits"), None, out / "clean/a.fits", Act.LEAVE)
    assert carry_out(step, out, OWNER).at is None
    assert read_files(out) == {}


def test_planning_touches_nothing(cap, out):
    before = read_files(cap, hidden=True), read_files(out, hidden=True)
    for act in Act:
        plan(look(cap / "a.fits"), None, out / "clean/x/a.fits", act)
    assert (read_files(cap, hidden=True), read_files(out, hidden=True)) == before


def test_a_link_is_a_link_where_there_can_be_one_and_a_copy_elsewhere(cap, out):
    done = file_it(cap / "a.fits", out / "clean/a.fits", Act.LINK, out)
    same_disk = look(cap / "a.fits").device == look(out / "clean/a.fits").device
    assert done.act is (Act.LINK if same_disk else Act.COPY)


@pytest.mark.parametrize("act", [Act.LINK, Act.COPY, Act.SYMLINK, Act.MOVE])
def test_a_taken_name_is_never_replaced(cap, out, act):
    make_files(out, {"clean": {"a.fits": b"another night's", "a~2.fits": b"and another's"}})
    file_it(cap / "a.fits", out / "clean/a.fits", act, out)
    assert (out / "clean/a.fits").read_bytes() == b"another night's"
    assert (out / "clean/a~2.fits").read_bytes() == b"and another's"
    assert (out / "clean/a~3.fits").read_bytes() == b"frame one"


@pytest.mark.parametrize("taken", ["folder", "dangling link", "fifo", "link to the frame"])
def test_whatever_has_the_name_keeps_it(cap, out, taken):
    place = out / "clean/a.fits"
    place.parent.mkdir()
    if taken == "folder":
        place.mkdir()
    elif taken == "fifo":
        os.mkfifo(place)
    else:
        place.symlink_to(cap / "a.fits" if taken.endswith("frame") else "/nowhere")
    file_it(cap / "a.fits", place, Act.MOVE, out)
    assert (out / "clean/a~2.fits").read_bytes() == b"frame one"


def test_the_same_bytes_already_there_leave_nothing_to_do(cap, out):
    make_files(out, {"clean": {"a.fits": b"frame one"}})
    for act in (Act.LINK, Act.COPY, Act.MOVE):
        done = file_it(cap / "a.fits", out / "clean/a.fits", act, out)
        assert (done.act, done.at.path) == (Act.LEAVE, out / "clean/a.fits")
    assert names(out) == ["clean/a.fits"]
    assert names(cap) == ["a.fits"]  # nobody's copy is deleted


def test_a_move_that_was_cut_short_after_the_copy_is_finished(cap, out):
    make_files(out, {"clean": {"a.fits": b"frame one"}})
    step = plan(look(cap / "a.fits"), sha256_of(cap / "a.fits"), out / "clean/a.fits", Act.MOVE, unfinished=True)
    assert step.half_done
    carry_out(step, out, OWNER)
    assert names(cap) == []
    assert names(out) == ["clean/a.fits"]


def test_a_name_that_is_taken_between_plan_and_act_is_planned_anew(cap, out):
    step = plan(look(cap / "a.fits"), None, out / "clean/a.fits", Act.MOVE)
    make_files(out, {"clean": {"a.fits": b"a person's own"}})
    with pytest.raises(FileExistsError):
        carry_out(step, out, OWNER)
    assert names(cap) == ["a.fits"]
    assert read_files(out)["clean"] == {"a.fits": b"a person's own"}


@pytest.mark.parametrize("act", [Act.LINK, Act.COPY, Act.MOVE])
def test_a_file_that_changed_since_it_was_judged_is_not_filed(cap, out, act):
    step = plan(look(cap / "a.fits"), None, out / "clean/a.fits", act)
    (cap / "a.fits").write_bytes(b"other bytes")
    with pytest.raises(SourceChanged):
        carry_out(step, out, OWNER)
    assert names(out) == []
    assert names(cap) == ["a.fits"]


def test_a_copy_of_other_bytes_than_were_judged_never_appears(cap, out):
    step = replace(plan(look(cap / "a.fits"), None, out / "clean/a.fits", Act.COPY), sha256="0" * 64)
    with pytest.raises(SourceChanged):
        carry_out(step, out, OWNER)
    assert names(out) == []


def test_a_copy_keeps_time_and_rights(cap, out):
    os.utime(cap / "a.fits", ns=(1, 1_700_000_000_120_000_000))
    (cap / "a.fits").chmod(0o640)
    file_it(cap / "a.fits", out / "clean/a.fits", Act.COPY, out)
    status = (out / "clean/a.fits").stat()
    assert (status.st_mtime_ns, status.st_mode & 0o777) == (1_700_000_000_120_000_000, 0o640)


def test_a_file_in_the_way_of_a_folder_is_one_plain_sentence(cap, out):
    make_files(out, {"clean": b"a file"})
    with pytest.raises(FilingError, match="filing is tried again"):
        file_it(cap / "a.fits", out / "clean/M31/a.fits", Act.MOVE, out)
    assert names(cap) == ["a.fits"]


def test_an_output_root_that_vanished_is_not_made_anew(cap, tmp_path):
    with pytest.raises(OutputTrouble, match="vanished"):
        file_it(cap / "a.fits", tmp_path / "gone/clean/a.fits", Act.MOVE, tmp_path / "gone")
    assert not (tmp_path / "gone").exists()


@needs_root
def test_a_full_disk_is_trouble_for_all_frames_and_leaves_no_half_one(cap, tmp_path):
    make_files(cap, {"big.fits": bytes(2_000_000)})
    with tmpfs(tmp_path / "small", "size=1m") as out:
        with pytest.raises(OutputTrouble, match="the disk is full; make room"):
            file_it(cap / "big.fits", out / "clean/big.fits", Act.MOVE, out)
        assert names(out) == []
    assert (cap / "big.fits").stat().st_size == 2_000_000


@needs_root
def test_a_disk_without_room_for_another_name_is_full_too(cap, tmp_path):
    with tmpfs(tmp_path / "small", "nr_inodes=4") as out, pytest.raises(OutputTrouble, match="full"):
        file_it(cap / "a.fits", out / "clean/M31/L/a.fits", Act.COPY, out)


@needs_root
def test_a_read_only_disk_is_trouble_for_all_frames(cap, tmp_path):
    with tmpfs(tmp_path / "ro", "ro") as out, pytest.raises(OutputTrouble, match="read-only; mount it writable"):
        file_it(cap / "a.fits", out / "clean/a.fits", Act.LINK, out)


@needs_root
def test_an_immutable_file_is_linked_by_a_copy_and_not_moved(cap, out):
    if subprocess.run(["chattr", "+i", cap / "a.fits"], check=False, capture_output=True).returncode:
        pytest.skip("this disk knows no immutable files")
    try:
        file_it(cap / "a.fits", out / "clean/a.fits", Act.LINK, out)
        with pytest.raises(FilingError, match="immutable"):
            file_it(cap / "a.fits", out / "review/a.fits", Act.MOVE, out)
    finally:
        subprocess.run(["chattr", "-i", cap / "a.fits"], check=True)
    assert (out / "clean/a.fits").read_bytes() == b"frame one"
    assert (cap / "a.fits").exists()


def test_every_error_of_a_disk_is_one_plain_sentence():
    for code in errno.errorcode:
        text = str(explained(OSError(code, os.strerror(code)), Path("/out/a.fits")))
        assert text.startswith("/out/a.fits: ")
        assert "\n" not in text


# -- the acts themselves ----------------------------------------------------------------------------------------------


def exchange_not_supported(*_):
    raise OSError(errno.EINVAL, "as on NFS")


def links_not_supported(*_, **__):
    raise OSError(errno.EPERM, "as on exFAT")


@pytest.mark.parametrize("poor", ["", "no renameat2", "no renameat2, no links"])
def test_a_rename_is_exclusive_on_every_kind_of_disk(tmp_path, monkeypatch, poor):
    make_files(tmp_path, {"a": b"a", "taken": b"t"})
    if poor:
        monkeypatch.setattr(placing, "_renameat2", exchange_not_supported)
    if "links" in poor:
        monkeypatch.setattr(os, "link", links_not_supported)
    with pytest.raises(FileExistsError):
        rename_exclusive(tmp_path / "a", tmp_path / "taken")
    assert read_files(tmp_path) == {"a": b"a", "taken": b"t"}
    rename_exclusive(tmp_path / "a", tmp_path / "b")
    assert read_files(tmp_path) == {"b": b"a", "taken": b"t"}


def test_a_claim_that_could_not_be_used_is_taken_away(tmp_path, monkeypatch):
    make_files(tmp_path, {"a": b"a"})
    monkeypatch.setattr(placing, "_renameat2", exchange_not_supported)
    monkeypatch.setattr(os, "link", links_not_supported)
    monkeypatch.setattr(Path, "rename", exchange_not_supported)
    with pytest.raises(OSError, match="as on NFS"):
        rename_exclusive(tmp_path / "a", tmp_path / "b")
    assert read_files(tmp_path) == {"a": b"a"}


def test_a_link_is_never_made_through_a_link(tmp_path):
    make_files(tmp_path, {"secret": b"s", "a.fits": tmp_path / "secret"})
    link_exclusive(tmp_path / "a.fits", tmp_path / "b.fits")
    assert (tmp_path / "b.fits").is_symlink()


def test_a_move_to_another_disk_shows_no_name_before_the_bytes_are_complete(tmp_path, out, cap, monkeypatch):
    seen_before_rename = []

    def watched(source, destination, real=placing.rename_exclusive):
        seen_before_rename.append(destination.exists())
        real(source, destination)

    monkeypatch.setattr(placing, "rename_exclusive", watched)
    (out / "clean").mkdir()
    move_exclusive(look(cap / "a.fits"), out / "clean/a.fits", None, OWNER)
    assert seen_before_rename[0] is False
    assert read_files(out / "clean") == {"a.fits": b"frame one"}


def test_folders_are_made_below_the_root_and_nowhere_else(tmp_path):
    (tmp_path / "root").mkdir()
    make_folders(tmp_path / "root/a/b/c", tmp_path / "root")
    assert (tmp_path / "root/a/b/c").is_dir()
    with pytest.raises(FileNotFoundError):
        make_folders(tmp_path / "none/a", tmp_path / "none")


def test_abandoned_copies_are_ours_and_of_a_process_that_is_no_more():
    ours = temporary_name(OWNER)
    assert is_abandoned(ours, OWNER)  # this very process sweeps before it copies anything
    assert not is_abandoned(ours, "e" * 32)
    assert is_abandoned(ours.replace(f"-{os.getpid()}-", "-4194303-"), OWNER)
    assert not is_abandoned(ours.replace(f"-{os.getpid()}-", "-1-"), OWNER)
    assert not is_abandoned(".nebulift-x.part", OWNER)


# -- names ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "second"),
    [
        ("a.fits", "a~2.fits"),
        ("a.fits.fz", "a~2.fits.fz"),
        ("a.fit.gz", "a~2.fit.gz"),
        ("M31_2026-01-01T01.02.03.fits", "M31_2026-01-01T01.02.03~2.fits"),
        ("x" * 251 + ".fits"[:4], "x" * 249 + "~2" + ".fit"),
    ],
)
def test_a_second_frame_of_a_name_is_numbered_before_its_suffix(name, second):
    assert numbered(Path("/out") / name, 2).name == second
    assert numbered(Path("/out") / name, 1).name == name


@given(st.text(st.characters(exclude_characters="/\0"), min_size=1, max_size=300), st.integers(2, 10_000))
def test_numbered_names_fit_every_disk_and_differ(name, number):
    if name in {".", ".."} or len(os.fsencode(name.encode("utf-8", "replace").decode())) > 255:
        return
    name = name.encode("utf-8", "replace").decode()
    first, second = numbered(Path(name), number).name, numbered(Path(name), number + 1).name
    assert len(os.fsencode(first)) <= 255
    assert first != second
    assert first != name


@given(
    st.lists(st.binary(min_size=1, max_size=255).filter(lambda part: not {0, 47} & set(part)), min_size=1, max_size=4)
)
def test_a_safe_spelling_is_accepted_by_fat_and_never_leaves_the_folder(parts):
    path = Path(*(os.fsdecode(part) for part in parts if part not in {b".", b".."}))
    safe = accepted_everywhere(path)
    assert len(safe.parts) == len(path.parts)
    for part in safe.parts:
        assert not set(part) & set('<>:"|?*\\/\0\r\n')
        assert part not in {"", ".", ".."}
        assert not part.endswith((".", " "))
        assert len(part.encode("utf-8")) <= 140


def test_a_safe_spelling_changes_only_what_it_must():
    assert accepted_everywhere(Path("M31/Light/a_001.fits")) == Path("M31/Light/a_001.fits")
    assert spelled_safely(Path("/out/clean/M 31:1.fits"), Path("/out")) == Path("/out/clean/M 31_1.fits")
    long_one, long_two = (accepted_everywhere(Path("x" * 200 + tail + ".fits")) for tail in "ab")
    assert long_one != long_two


def test_frames_mirror_the_capture_folder_and_several_folders_keep_apart():
    one = [Path("/cap")]
    assert belongs_at(Path("/out/clean"), subfolder_names(one)[one[0]], Path("/cap/M31/a.fits"), one[0]) == Path(
        "/out/clean/M31/a.fits"
    )
    two = [Path("/a/Pictures"), Path("/b/Pictures"), Path("/")]
    assert list(subfolder_names(two).values()) == ["Pictures", "Pictures~2", "root"]


def test_no_bytes_are_lost_when_a_whole_night_has_one_name(tmp_path, out):
    for number in range(20):
        make_files(tmp_path / "cap", {"Light_001.fits": f"frame {number}".encode()})
        file_it(tmp_path / "cap/Light_001.fits", out / "clean/Light_001.fits", Act.MOVE, out)
    assert len(census(out)) == 20
