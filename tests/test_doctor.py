"""The doctor sees what is wrong, says why it matters and what to do, and changes nothing."""

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

from command_line import nebulift  # noqa: F401 - a fixture
from daemon_process import Daemon, toml
from disks import needs_root, remount, tmpfs
from strangers import stranger  # noqa: F401 - a fixture
from trees import census, frame, make_files

from nebulift.doctor.check import guarded
from nebulift.doctor.configuration import configuration_checks
from nebulift.doctor.folders import Filing as WaysOut
from nebulift.doctor.folders import folder_checks
from nebulift.doctor.ledger import ledger_checks
from nebulift.doctor.machine import card, clock, machine_checks, memory_cap
from nebulift.doctor.model import model_checks
from nebulift.doctor.output import output_checks
from nebulift.doctor.service import service_checks
from nebulift.settings import Filing, Output, Settings, Thresholds, Watch
from nebulift_daemon.ledger import Ledger
from nebulift_daemon.mounts import Mount, mount_table
from nebulift_daemon.output_root import OutputRoot
from nebulift_daemon.service_folders import drop_in, owner_name, reach_of


def settings(base, **sections):
    watched = base / "cap"
    watched.mkdir(exist_ok=True)
    output = sections.pop("output", Output(root=base / "out"))
    return Settings(watch=sections.pop("watch", Watch(folders=(watched,))), output=output, **sections)


def told(checks, state):
    """The text and remedy of every check in that state."""
    return [f"{check.text} -> {check.remedy}" for check in checks if check.state == state]


def says(checks, state, *words):
    lines = told(list(checks), state)
    assert any(all(word in line for word in words) for line in lines), lines


def all_is_well(checks):
    checks = list(checks)
    assert checks
    assert told(checks, "warn") + told(checks, "fail") == []


# ---- configuration


def test_an_ordinary_configuration_is_fine(tmp_path):
    all_is_well(configuration_checks(settings(tmp_path), tmp_path / "nebulift.toml"))


def test_an_output_inside_the_watched_folder_fails(tmp_path):
    wrong = settings(tmp_path, output=Output(root=tmp_path / "cap" / "sorted"))
    says(configuration_checks(wrong, None), "fail", "lies inside the watched folder", "choose a place outside")


def test_watched_folders_inside_each_other_fail(tmp_path):
    (tmp_path / "cap" / "M31").mkdir(parents=True)
    wrong = settings(tmp_path, watch=Watch(folders=(tmp_path / "cap", tmp_path / "cap" / "M31")))
    says(configuration_checks(wrong, None), "fail", "overlap", "keep only the outer one")


def test_moving_contaminated_frames_is_advised_against_until_the_rig_is_calibrated(tmp_path):
    hasty = settings(tmp_path, filing=Filing(contaminated="move"))
    says(configuration_checks(hasty, None), "warn", "never fitted to this rig", "nebulift calibrate")
    calibrated = settings(tmp_path, filing=Filing(contaminated="move"), thresholds=Thresholds(clean=0.6))
    all_is_well(configuration_checks(calibrated, None))


def test_moving_clean_frames_away_from_ekos_is_advised_against(tmp_path):
    wrong = settings(tmp_path, filing=Filing(clean="move"))
    says(configuration_checks(wrong, None), "warn", "Ekos counts the frames", 'clean = "link"')


def test_a_rehearsal_is_called_one(tmp_path):
    rehearsal = settings(tmp_path, filing=Filing(clean="leave", contaminated="leave", review="leave"))
    says(configuration_checks(rehearsal, None), "warn", "report only", "[filing]")


# ---- folders

LINKING = frozenset({"link"})


def folder_facts(folder, output, ways=LINKING, *, table=None, known=False, **more):
    return folder_checks(folder, WaysOut(ways, output), mount_table() if table is None else table, known=known, **more)


def test_a_folder_whose_frames_can_be_linked_is_fine(tmp_path):
    make_files(tmp_path / "cap", {"M31": {"a.fits": frame()}})
    checks = list(folder_facts(tmp_path / "cap", tmp_path / "out"))
    all_is_well(checks)
    says(checks, "ok", "1 frames in 2 folders")


def test_a_missing_folder_fails_but_one_that_was_there_before_is_waited_for(tmp_path):
    says(folder_facts(tmp_path / "none", tmp_path), "fail", "does not exist", "create it")
    says(folder_facts(tmp_path / "none", tmp_path, known=True), "warn", "waits for it", "plug its disk in")


def test_a_file_in_place_of_a_folder_fails(tmp_path):
    (tmp_path / "cap").write_text("no folder")
    says(folder_facts(tmp_path / "cap", tmp_path), "fail", "is not a folder", "correct the name")


def test_a_folder_that_may_not_be_read_fails(stranger):  # noqa: F811
    says(folder_facts(Path("/root"), Path("/usr")), "fail", "may not be read by this user", "chmod")


def test_frames_on_a_disk_without_links_are_said_to_be_copied(tmp_path):
    (tmp_path / "cap").mkdir()
    table = (Mount(Path("/"), 1, "ext4", "/dev/a", read_only=False),
             Mount(tmp_path / "cap", 2, "exfat", "/dev/b", read_only=False))  # fmt: skip
    says(folder_facts(tmp_path / "cap", tmp_path / "out", table=table), "warn", "no hard links", "take room twice")


def test_a_share_is_said_to_be_looked_through(tmp_path):
    (tmp_path / "cap").mkdir()
    table = (Mount(Path("/"), 1, "nfs4", "nas:/", read_only=False),)
    says(folder_facts(tmp_path / "cap", tmp_path / "out", table=table), "ok", "nfs4", "every few seconds")


@needs_root
def test_an_output_on_another_disk_is_said_to_cost_room(tmp_path):
    (tmp_path / "cap").mkdir()
    with tmpfs(tmp_path / "disk") as disk:
        says(folder_facts(tmp_path / "cap", disk / "out"), "warn", "another disk", "beside it")


@needs_root
def test_frames_of_another_owner_are_said_to_be_copied(stranger):  # noqa: F811
    says(folder_facts(Path("/usr/share/doc"), Path("/usr/share/sorted")), "warn", "only the owner link frames")


def test_a_tree_that_needs_more_watches_than_the_kernel_has_is_told(tmp_path):
    make_files(tmp_path, {"cap": {str(number): {} for number in range(9)}, "inotify": {"max_user_watches": "10\n"}})
    checks = folder_facts(tmp_path / "cap", tmp_path / "out", inotify=tmp_path / "inotify")
    says(checks, "warn", "kernel's 10 watches", "max_user_watches=40")


# ---- output


def test_a_place_that_can_be_made_is_fine_and_not_made(tmp_path):
    all_is_well(output_checks(Output(root=tmp_path / "a" / "out"), known=False))
    assert list(tmp_path.iterdir()) == []


def test_an_output_of_ours_is_fine_and_stays_as_it_is(tmp_path):
    root = OutputRoot(tmp_path / "out", tmp_path / "out" / ".nebulift")
    root.begin(known=False)
    before = census(tmp_path)
    all_is_well(output_checks(Output(root=root.path), known=True))
    assert census(tmp_path) == before


def test_a_folder_with_other_things_in_it_fails(tmp_path):
    make_files(tmp_path / "out", {"holiday.jpg": b"x"})
    says(output_checks(Output(root=tmp_path / "out"), known=False), "fail", "holiday.jpg", "choose an empty folder")


def test_an_output_whose_disk_is_not_plugged_in_fails(tmp_path):
    (tmp_path / "out").mkdir()
    says(output_checks(Output(root=tmp_path / "out"), known=True), "fail", "not plugged in", "plug the disk in")


def test_an_output_that_may_not_be_written_fails_with_the_command_that_mends_it(stranger):  # noqa: F811
    says(output_checks(Output(root=Path("/usr/nebulift")), known=False), "fail", "may not be written", "sudo chown")


@needs_root
def test_a_disk_that_turned_read_only_fails_and_is_not_blamed_on_rights(tmp_path):
    with tmpfs(tmp_path / "disk") as disk:
        remount(disk, "ro")
        says(output_checks(Output(root=disk / "out"), known=False), "fail", "mounted read-only", "remount,rw")


@needs_root
def test_a_full_disk_fails(tmp_path):
    with tmpfs(tmp_path / "disk", "size=1m") as disk:
        says(output_checks(Output(root=disk / "out"), known=False), "fail", "0.0 GB free", "make room")


@needs_root
def test_a_disk_without_room_for_another_name_fails(tmp_path):
    with tmpfs(tmp_path / "disk", "size=1g,nr_inodes=1") as disk:
        says(output_checks(Output(root=disk / "out"), known=False), "fail", "no room for more names")


def test_the_service_s_state_folder_is_made_by_systemd_and_anybody_else_s_must_be_writable(stranger):  # noqa: F811
    output = Output(root=Path("/tmp/nebulift-never-made"), state=Path("/var/lib/nebulift"))
    says(output_checks(output, known=False), "fail", "/var/lib", "sudo chown")
    assert told(output_checks(output, known=False, as_service=True), "fail") == []


# ---- ledger


def test_before_the_first_start_there_is_no_ledger_and_that_is_fine(tmp_path):
    all_is_well(ledger_checks(tmp_path))


def test_a_sound_ledger_without_a_daemon_is_told(tmp_path):
    Ledger.open(tmp_path).close()
    says(ledger_checks(tmp_path), "ok", "sound, 0 frames")
    says(ledger_checks(tmp_path), "warn", "no daemon is running")


def test_a_damaged_ledger_fails_and_is_not_mended_behind_anybody_s_back(tmp_path):
    Ledger.open(tmp_path).close()
    (ledger,) = tmp_path.glob("*.sqlite3")
    ledger.write_bytes(b"no database at all" * 1000)
    before = ledger.read_bytes()

    says(ledger_checks(tmp_path), "fail", "damaged", "set aside and built anew")

    assert ledger.read_bytes() == before


def test_a_running_daemon_is_seen_with_its_problems(tmp_path):
    with Daemon(tmp_path, judge="fake_judge:judge") as daemon:
        says(ledger_checks(daemon.state), "ok", f"the daemon is running (process {daemon.process.pid})")


# ---- model


def test_without_a_model_the_libraries_are_checked_all_the_same():
    all_is_well(model_checks("none", 1))


def test_a_model_that_is_missing_is_a_warning_with_its_name(tmp_path):
    says(model_checks(str(tmp_path / "none.onnx"), 1), "warn", "none.onnx: no such file", "below [model]")


def test_a_file_that_is_no_model_is_a_warning_and_no_crash(tmp_path):
    (tmp_path / "wrong.onnx").write_bytes(b"GIF89a" * 100)
    says(model_checks(str(tmp_path / "wrong.onnx"), 1), "warn", "wrong.onnx", "below [model]")


def test_the_modules_of_a_folder_that_we_happen_to_stand_in_are_not_taken(tmp_path, monkeypatch):
    make_files(tmp_path, {"numpy.py": "raise SystemExit('not this one')"})
    monkeypatch.chdir(tmp_path)
    all_is_well(model_checks("none", 1))


# ---- machine


def test_this_machine_is_described():
    checks = list(machine_checks(300, None, mount_table()))
    says(checks, "ok", f"{os.cpu_count()} cores, 64 bit")
    assert told(checks, "fail") == []


def test_a_judge_that_may_take_more_memory_than_there_is_is_warned_of():
    says(machine_checks(65_536_000, None, ()), "warn", "MB of memory", "below [judge]")


def test_a_pi_with_its_memory_controller_off_is_told_how_to_switch_it_on(tmp_path):
    make_files(tmp_path / "off", {"cgroup.controllers": "cpuset cpu io pids\n"})
    make_files(tmp_path / "on", {"cgroup.controllers": "cpuset cpu io memory pids\n"})
    says(memory_cap(tmp_path / "off"), "warn", "does not enforce", "cgroup_enable=memory")
    all_is_well(memory_cap(tmp_path / "on"))


def test_a_clock_that_nobody_sets_is_told(tmp_path):
    says(clock("no-such-program", tmp_path / "rtc"), "warn", "no hardware clock", "clock module")
    make_files(tmp_path / "rtc", {"rtc0": {}})
    all_is_well(clock("no-such-program", tmp_path / "rtc"))


def test_papers_on_a_memory_card_are_told():
    table = (Mount(Path("/"), 1, "ext4", "/dev/mmcblk0p2", read_only=False),)
    says(card(Path("/var/lib/nebulift"), table), "ok", "on a memory card")


# ---- service


def test_a_service_that_fits_its_configuration_is_fine_but_does_not_run_here(tmp_path):
    wanted = placed()
    file = tmp_path / "folders.conf"
    file.write_text(drop_in(reach_of(wanted, mount_table(), owner_name), tmp_path / "c.toml"))
    checks = list(service_checks(wanted, tmp_path / "c.toml", file))
    says(checks, "ok", "fits the configuration")


def test_a_service_made_for_other_folders_fails_with_the_command_that_fits_it(tmp_path):
    file = tmp_path / "folders.conf"
    file.write_text("[Service]\nUser=somebody\n")
    says(service_checks(placed(), tmp_path / "c.toml", file), "fail", "other folders", "init --service")


def test_a_service_without_its_folders_fails(tmp_path):
    missing = tmp_path / "folders.conf"
    says(service_checks(placed(), tmp_path / "c.toml", missing), "fail", "reaches no folder", "init --service")


def placed():
    """Settings outside /tmp, which a service cannot see."""
    return Settings(watch=Watch(folders=(Path("/usr/share"),)), output=Output(root=Path("/usr/sorted")))


# ---- the whole


def test_a_check_that_breaks_hides_no_other(tmp_path):
    def broken():
        yield from ledger_checks(tmp_path)
        raise sqlite3.OperationalError("boom")

    checks = list(guarded("ledger", broken))

    says(checks, "ok", "no ledger yet")
    says(checks, "warn", "OperationalError: boom", "report this")


def test_on_a_fresh_machine_it_is_useful_and_content(nebulift, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setattr("nebulift.config.SYSTEM_CONFIG", tmp_path / "none.toml")

    called = nebulift("doctor")

    assert called.status == 0, called.out
    assert "there is none yet" in called.out
    assert "nebulift init" in called.out
    assert "onnxruntime" in called.out
    assert "0 failed" in called.out


def test_a_good_set_up_is_exit_status_0_and_a_broken_one_1(nebulift, tmp_path):  # noqa: F811
    (tmp_path / "cap").mkdir()
    good = nebulift("doctor", tmp_path / "cap", "--output", tmp_path / "out", "--json")
    assert good.status == 0
    assert json.loads(good.out)["ok"] is True

    bad = nebulift("doctor", tmp_path / "none", "--output", tmp_path / "out", "--json")
    assert bad.status == 1
    failed = [check for check in json.loads(bad.out)["checks"] if check["state"] == "fail"]
    assert [check["topic"] for check in failed] == ["folders"]
    assert all(check["remedy"] for check in failed)


def test_every_mistake_of_a_configuration_is_a_line_of_its_own(nebulift, tmp_path):  # noqa: F811
    config = tmp_path / "nebulift.toml"
    config.write_text(toml({"watch": {"folders": [str(tmp_path)], "setle_s": 1}, "output": {"rot": "/x"}}))

    called = nebulift("doctor", "--config", config, "--json")

    assert called.status == 1
    texts = [check["text"] for check in json.loads(called.out)["checks"] if check["state"] == "fail"]
    assert any("setle_s" in text for text in texts)
    assert any("rot" in text for text in texts)
    assert len(texts) == 3  # and root is missing


def test_folders_without_an_output_are_wrong_usage(nebulift, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setattr("nebulift.config.SYSTEM_CONFIG", tmp_path / "none.toml")
    assert nebulift("doctor", tmp_path).status == 2


def test_it_changes_nothing(nebulift, tmp_path):  # noqa: F811
    make_files(tmp_path / "cap", {"a.fits": frame()})
    before = census(tmp_path)
    nebulift("doctor", tmp_path / "cap", "--output", tmp_path / "out")
    assert census(tmp_path) == before
    assert not (tmp_path / "out").exists()


def test_no_file_name_can_colour_the_terminal(tmp_path):
    evil = tmp_path / "cap\x1b[31m"
    command = [sys.executable, "-m", "nebulift", "doctor", str(evil), "--output", str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "\x1b" not in done.stdout
    assert r"cap\x1b[31m: does not exist" in " ".join(done.stdout.split()), "lines break at blanks only"
