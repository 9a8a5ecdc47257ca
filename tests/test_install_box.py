"""The service as an observer has it: installed by install.sh on a real systemd, worked, killed, hung, updated, removed.

The tests share one box and follow one another like the days of an installation.
"""

import pytest
from boxes import Box, needs_box

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600), needs_box]
ODD = '/srv/night "sky" 100%: x'
SSH_KEY = "/home/stargazer/.ssh/id_ed25519"
INSTALL = "/opt/src/systemd/install.sh"
DROP_INS = "/run/systemd/system/nebulift.service.d"
# The box's control groups do not tell systemd when the last process of a killed service has gone, so that it waits for
# as long as a stop may take; on a machine of its own it goes on at once.
IMPATIENT = "TimeoutStopSec=5"


@pytest.fixture(scope="module")
def box(tmp_path_factory):
    """A box with an observer, in which Nebulift has been installed and set up."""
    with Box(tmp_path_factory.mktemp("box") / "box") as box:
        box.bring_checkout("/opt/src")
        box.does("useradd --create-home stargazer; cd /home/stargazer; mkdir Pictures .ssh; touch .ssh/id_ed25519")
        box.does("chown -R stargazer: /home/stargazer")
        assert "next         sudo nebulift init" in box.does(INSTALL)
        assert box.does("systemctl is-enabled nebulift; systemctl start nebulift") == "enabled\n"
        assert box.run("systemctl is-active nebulift").stdout == "inactive\n"  # nobody has said which folders
        box.does("nebulift init --watch /home/stargazer/Pictures --output /home/stargazer/sorted --yes")
        box.does(f"mkdir -p {DROP_INS}; printf '[Service]\\n{IMPATIENT}\\n' > {DROP_INS}/box.conf")
        box.does("systemctl daemon-reload; systemctl restart nebulift")
        yield box


def shown(box, *names):
    """Properties of the service."""
    lines = box.does(f"systemctl show nebulift --property={','.join(names)}").splitlines()
    facts = dict(line.split("=", 1) for line in lines)
    return tuple(facts[name] for name in names)


def shoot(box, frames, folder, seed):
    """Frames that the observer's capture program takes."""
    box.does(f"cd /; runuser -u stargazer -- nebulift simulate {folder} --frames {frames} --seed {seed}")


def wait_for(box, condition, timeout_s=60):
    """Wait until a shell command succeeds."""
    box.does(f"for _ in $(seq {timeout_s}); do ! ({condition}) > /dev/null 2>&1 || exit 0; sleep 1; done; exit 1")


def inside(box, command):
    """What a command meets that sees the world as the service does, but as root."""
    (process,) = shown(box, "MainPID")
    return box.run(f"nsenter --target {process} --mount --root --wd {command}")


def test_it_runs_as_the_observer_and_links_frames_into_the_sorted_folder(box):
    assert shown(box, "User", "ActiveState", "NRestarts") == ("stargazer", "active", "0")

    shoot(box, 2, "/home/stargazer/Pictures/first", seed=3)

    wait_for(box, "[ $(find /home/stargazer/sorted -name '*.fit*' | wc -l) = 2 ]")
    assert box.does("find /home/stargazer/sorted -name '*.fit*' -printf '%n %u\\n'") == "2 stargazer\n2 stargazer\n"


def test_how_it_is_doing_lies_in_memory_and_every_user_of_the_state_folder_reads_it(box):
    assert box.does("readlink /var/lib/nebulift/status.json") == "/run/nebulift/status.json\n"
    assert '"clean"' in box.does("cat /var/lib/nebulift/status.json")
    assert "not running" not in box.does("runuser -u stargazer -- nebulift status")


def test_a_command_has_it_commit_what_it_has_noted(box):
    box.does("test -p /var/lib/nebulift/ledger.sqlite3-bell")
    box.does("runuser -u stargazer -- nebulift review --list")
    box.does("test ! -s /var/lib/nebulift/ledger.sqlite3-redo")


def test_it_can_write_nowhere_else_and_see_no_secrets(box):
    assert "Read-only file system" in inside(box, "touch /etc/nebulift/x").stdout
    assert "Read-only file system" in inside(box, "touch /opt/nebulift/x").stdout
    assert "Permission denied" in inside(box, f"runuser -u stargazer -- cat {SSH_KEY}").stdout
    assert inside(box, "ls /home /root").stdout.split() == ["/home:", "stargazer", "/root:"]


def test_the_bundled_model_works_in_the_closed_service_and_keeps_quiet(box):
    if (
        "No such file"
        in box.run("ls /opt/nebulift/venv/lib/python3*/site-packages/nebulift/models/default.onnx").stdout
    ):
        pytest.skip("no model is bundled yet")
    journal = box.does("journalctl -u nebulift --no-pager")
    assert "model: " in journal
    assert "no model" not in journal
    (process,) = shown(box, "MainPID")
    assert "socket:" not in box.does(f"ls -l /proc/$(pgrep -P {process})/fd")
    assert box.does("find /var/lib/nebulift -name '.cache' -o -name deviceid") == ""


def test_the_doctor_and_the_status_find_it_well(box):
    doctor = box.does("nebulift doctor")
    assert "checked as stargazer, who runs the service" in doctor
    assert "0 failed" in doctor
    assert "running (process" in box.run("runuser -u stargazer -- nebulift status").stdout


def test_installing_again_restarts_nothing_and_overwrites_nothing(box):
    before = box.does("sha256sum /etc/nebulift/nebulift.toml"), shown(box, "MainPID")

    again = box.does(INSTALL)

    assert "up to date" in again
    assert (box.does("sha256sum /etc/nebulift/nebulift.toml"), shown(box, "MainPID")) == before


def test_killed_it_comes_back_and_sorts_on(box):
    box.does("systemctl kill --kill-whom=main --signal=KILL nebulift")
    shoot(box, 1, "/home/stargazer/Pictures/second", seed=4)
    wait_for(box, "[ $(find /home/stargazer/sorted -name '*.fit*' | wc -l) = 3 ]")
    assert shown(box, "ActiveState", "NRestarts") == ("active", "1")


def test_hung_it_is_killed_by_the_watchdog_and_comes_back(box):
    box.does(f"printf '[Service]\\nWatchdogSec=2\\nTimeoutAbortSec=1\\n' > {DROP_INS}/watchdog.conf")
    box.does("systemctl daemon-reload; systemctl restart nebulift")
    (process,) = shown(box, "MainPID")

    box.does(f"kill -STOP {process}")

    wait_for(box, f"[ $(systemctl show nebulift -P MainPID) != {process} ] && systemctl is-active nebulift")
    assert "Watchdog timeout" in box.does("journalctl -u nebulift --no-pager")
    box.does(f"rm {DROP_INS}/watchdog.conf; systemctl daemon-reload; systemctl restart nebulift")


def test_asked_to_stop_it_stops_in_time_and_tidily(box):
    box.does("timeout 10 systemctl stop nebulift")
    assert shown(box, "Result", "ExecMainStatus") == ("success", "0")
    assert "stays stopped" in box.does(INSTALL)
    box.does("systemctl start nebulift")


def test_wrong_configuration_stops_it_with_a_plain_line_and_without_a_loop(box):
    box.does("cp /etc/nebulift/nebulift.toml /root/; echo 'nonsense = 1' >> /etc/nebulift/nebulift.toml")

    assert box.run("systemctl restart nebulift").returncode != 0

    assert shown(box, "ActiveState", "ExecMainStatus") == ("failed", "2")
    assert "nonsense: unknown" in box.does("journalctl -u nebulift --no-pager -n 5")
    box.does("cp /root/nebulift.toml /etc/nebulift/; systemctl restart nebulift")


def test_folders_of_the_oddest_names_are_reached_and_linked(box):
    box.does(f"mkdir -p '{ODD}/cap'; chown -R stargazer: '{ODD}'; mv /etc/nebulift/nebulift.toml /root/")
    box.does(f"nebulift init --watch '{ODD}/cap' --output '{ODD}/out' --yes; systemctl restart nebulift")

    shoot(box, 1, f"'{ODD}/cap/third'", seed=5)

    wait_for(box, f"[ $(find '{ODD}/out' -name '*.fit*' -links 2 | wc -l) = 1 ]")
    box.does("mv /root/nebulift.toml /etc/nebulift/; nebulift init --service; systemctl restart nebulift")


def test_an_update_that_does_not_start_is_taken_back(box):
    before = box.does("readlink /opt/nebulift/venv")
    box.does("cp /opt/src/daemon/nebulift_daemon/service.py /root/")
    box.does("echo 'raise SystemExit(3)' >> /opt/src/daemon/nebulift_daemon/service.py")
    box.does("cp /opt/src/systemd/nebulift.service /root/; echo '# newer' >> /opt/src/systemd/nebulift.service")

    broken = box.run(INSTALL)

    assert broken.returncode == 1
    assert "the old one is in force again" in broken.stdout
    assert box.does("readlink /opt/nebulift/venv; systemctl is-active nebulift") == f"{before}active\n"
    box.does("cmp /root/nebulift.service /etc/systemd/system/nebulift.service")


def test_without_a_network_an_update_leaves_what_runs(box):
    before = box.does("readlink /opt/nebulift/venv")
    box.does("cp /root/service.py /opt/src/daemon/nebulift_daemon/; echo >> /opt/src/nebulift/errors.py")

    cut_off = box.run(f"PIP_CONFIG_FILE=/dev/null PIP_INDEX_URL=http://127.0.0.1:9/simple PIP_RETRIES=0 {INSTALL}")

    assert cut_off.returncode == 1
    assert "is the network there?" in cut_off.stdout
    assert box.does("readlink /opt/nebulift/venv; systemctl is-active nebulift") == f"{before}active\n"


def test_an_update_restarts_the_service_and_removes_the_old_program(box):
    before = box.does("readlink /opt/nebulift/venv"), shown(box, "MainPID")

    assert "service      running" in box.does(INSTALL)

    after = box.does("readlink /opt/nebulift/venv"), shown(box, "MainPID")
    assert after[0] != before[0]
    assert after[1] != before[1]
    assert box.does("ls -d /opt/nebulift/releases/*") == after[0]


def test_uninstalled_it_leaves_no_residue_but_data(box):
    box.does(f"{INSTALL} --uninstall")

    assert box.run("systemctl cat nebulift").returncode != 0
    residue = box.run("ls -d /opt/nebulift* /usr/local/bin/nebulift* /etc/systemd/system/nebulift*")
    assert residue.stdout.count("cannot access") == len(residue.stdout.splitlines()) == 3
    assert box.does("ls /etc/nebulift") == "nebulift.toml\n"
    assert "ledger.sqlite3" in box.does("ls /var/lib/nebulift")


def test_purged_it_leaves_the_frames_alone(box):
    box.does(f"{INSTALL} --uninstall --purge")

    assert box.run("ls -d /etc/nebulift /var/lib/nebulift").stdout.count("cannot access") == 2
    assert box.run("getent passwd nebulift").returncode != 0
    assert (
        box.does(
            "find /home/stargazer/Pictures -name '*.fit*' | wc -l; find /home/stargazer/sorted -name '*.fit*' | wc -l"
        )
        == "3\n3\n"
    )
