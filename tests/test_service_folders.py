"""What the service may reach: enough for hard links from capture folder to output, and nothing else."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from nebulift.errors import ConfigError
from nebulift.settings import Filing, Model, Notify, Output, Report, Settings, Watch, Web
from nebulift_daemon.mounts import Mount
from nebulift_daemon.service_folders import SERVICE_USER, STATE_DIRECTORY, drop_in, mount_unit, owner_name, reach_of

CARD = Mount(Path("/"), 1, "ext4", "/dev/mmcblk0p2", read_only=False)
DISK = Mount(Path("/media/pi/Disk"), 2, "ext4", "/dev/sda1", read_only=False)
CONFIG = Path("/etc/nebulift/nebulift.toml")


def settings(*watched, root="/home/pi/nebulift", state=STATE_DIRECTORY, **sections):
    output = Output(root=Path(root), state=state and Path(state))
    return Settings(watch=Watch(folders=tuple(map(Path, watched))), output=output, **sections)


def reach(wanted, table=(CARD,), owner="pi"):
    return reach_of(wanted, table, lambda _folder: owner)


def lines(wanted, table=(CARD,), owner="pi"):
    text = drop_in(reach(wanted, table, owner), CONFIG)
    return [line for line in text.splitlines() if line and not line.startswith(("#", "["))]


def test_capture_and_output_are_opened_by_the_folder_above_both_so_that_links_lead_across():
    found = reach(settings("/home/pi/astro/capture", root="/home/pi/astro/sorted"))
    assert found.writable == (Path("/home/pi/astro"),)
    assert found.apart == ()


def test_of_a_home_folder_that_has_to_be_opened_the_secrets_stay_closed():
    found = reach(settings("/home/pi/Pictures"))
    assert found.writable == (Path("/home/pi"),)
    assert {Path("/home/pi/.ssh"), Path("/home/pi/.gnupg"), Path("/home/pi/.bashrc")} <= set(found.hidden)


@pytest.mark.parametrize(
    ("watched", "root"),
    [("/home/pi/Pictures", "/srv/sorted"), ("/home/pi/Pictures", "/home/ann/sorted"), ("/data", "/srv/sorted")],
)
def test_what_has_only_a_system_folder_above_both_is_kept_apart(watched, root):
    found = reach(settings(watched, root=root))
    assert found.apart == (Path(watched),)
    assert found.writable == (Path(root),)


def test_frames_on_another_disk_are_read_there_and_written_only_to_be_moved():
    wanted = settings("/media/pi/Disk/Ekos")
    assert reach(wanted, (CARD, DISK)).writable == (Path("/home/pi/nebulift"),)
    moving = settings("/media/pi/Disk/Ekos", filing=Filing(contaminated="move"))
    assert Path("/media/pi") in reach(moving, (CARD, DISK)).writable


def test_a_disk_that_comes_later_is_reached_through_the_folder_above_its_mount_point():
    found = reach(settings("/media/pi/Disk/cap", root="/media/pi/Disk/out"), (CARD, DISK))
    assert found.writable == (Path("/media/pi"),)
    assert found.mount_points == (Path("/media/pi/Disk"),)


def test_folders_beside_the_usual_ones_are_reached_too():
    extra = settings(
        "/home/pi/Pictures",
        state="/srv/state",
        report=Report(folder=Path("/srv/reports")),
        model=Model(path="/home/pi/m.onnx"),
    )
    assert {Path("/srv/state"), Path("/srv/reports")} <= set(reach(extra).writable)
    other_home = settings("/home/pi/Pictures", model=Model(path="/home/ann/m.onnx"))
    assert reach(other_home).readable == (Path("/home/ann/m.onnx"),)


def test_the_service_s_own_state_folder_needs_no_line():
    assert not any(str(STATE_DIRECTORY) in line for line in lines(settings("/home/pi/Pictures")))


def test_it_runs_as_the_owner_of_the_frames(tmp_path):
    watched = tmp_path / "capture"
    watched.mkdir()
    assert owner_name(watched) == owner_name(tmp_path)
    found = reach_of(settings("/home/pi/none", "/usr"), (CARD,), lambda folder: f"owner of {folder}")
    assert found.user == "owner of /usr"


@pytest.mark.parametrize("watched", ["/usr", "/no/such/folder"])
def test_it_never_runs_as_root(watched):
    assert reach(settings(watched), owner="root").user == SERVICE_USER


def test_a_folder_below_tmp_is_refused_because_a_service_has_its_own():
    with pytest.raises(ConfigError, match='"/tmp/frames": a service has a /tmp of its own; choose another place'):
        reach(settings("/tmp/frames"))


def test_the_drop_in_opens_what_is_needed_and_waits_for_the_disks_that_are_there():
    wanted = settings("/media/pi/Disk/cap", root="/media/pi/Disk/out")
    assert lines(wanted, (CARD, DISK)) == [
        r"After=media-pi-Disk.mount", f"User={SERVICE_USER}", 'ReadWritePaths="-/media/pi"',
    ]  # fmt: skip


def test_home_folders_are_bound_since_the_unit_empties_them():
    found = lines(settings("/home/pi/astro/capture", root="/home/pi/astro/sorted"))
    assert 'BindPaths="-/home/pi/astro"' in found


def test_odd_names_are_spelled_so_that_systemd_reads_them_as_they_are():
    text = drop_in(reach(settings('/srv/a "b"/100%: \\x/cap', root='/srv/a "b"/100%: \\x/out')), CONFIG)
    assert r'ReadWritePaths="-/srv/a \"b\"/100%%\: \\x"' in text


@pytest.mark.skipif(shutil.which("systemd-escape") is None, reason="systemd-escape is not installed")
@pytest.mark.parametrize("point", ["/mnt/nas", "/media/pi/My Disk-1", "/media/.hidden/ü", "/mnt/a.b_c:d"])
def test_the_unit_of_a_mount_is_named_as_systemd_names_it(point):
    escaped = subprocess.run(
        ["systemd-escape", "--path", "--suffix=mount", point], capture_output=True, text=True, check=True
    )
    assert mount_unit(Path(point)) == escaped.stdout.strip()


def test_what_else_lies_hidden_in_an_opened_home_folder_is_closed_as_well(tmp_path, monkeypatch):
    monkeypatch.setattr("nebulift_daemon.service_folders.HOMES", (tmp_path,))
    (tmp_path / "pi" / ".mozilla").mkdir(parents=True)
    watched, root = tmp_path / "pi" / "cap", tmp_path / "pi" / "out"
    monkeypatch.setattr("nebulift_daemon.service_folders.PRIVATE", ())

    found = reach_of(settings(watched, root=root), (CARD,), lambda _: "pi")

    assert tmp_path / "pi" / ".mozilla" in found.hidden
    assert os.fspath(tmp_path / "pi" / ".ssh") in map(os.fspath, found.hidden)


@pytest.mark.parametrize(
    ("sections", "expected"),
    [
        ({}, []),
        ({"notify": Notify(safety_file=Path("/home/pi/sky.txt"))}, []),
        ({"web": Web(serve=True)}, ["PrivateNetwork=no", "IPAddressAllow=localhost"]),
        ({"web": Web(serve=True, listen="0.0.0.0:8321")}, ["PrivateNetwork=no", "IPAddressDeny="]),
        ({"notify": Notify(urls=("ntfys://ntfy.sh/x",))}, ["PrivateNetwork=no", "IPAddressDeny="]),
    ],
)
def test_the_network_is_opened_as_far_as_messages_and_page_need_it(sections, expected):
    found = [line for line in lines(settings("/home/pi/Pictures", **sections)) if "Network" in line or "IP" in line]
    assert found == expected
