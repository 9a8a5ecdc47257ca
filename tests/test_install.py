"""``systemd/install.sh``: refuses plainly, and changes nothing when asked not to. (For real: test_install_box.py.)"""

import os
import shutil
import subprocess

import pytest
from boxes import CHECKOUT

INSTALLER = CHECKOUT / "systemd" / "install.sh"
PLACES = ("/opt/nebulift", "/etc/nebulift", "/etc/systemd/system/nebulift.service", "/usr/local/bin/nebulift")
needs_systemd = pytest.mark.skipif(shutil.which("systemctl") is None, reason="the installer refuses without systemd")


def install(*arguments, script=INSTALLER, **environment):
    return subprocess.run(
        [script, *map(str, arguments)],
        capture_output=True,
        text=True,
        env=os.environ | environment,
        timeout=60,
        check=False,
    )


def program(folder, name, text):
    """A program of our own that the script finds first."""
    file = folder / name
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


def existing():
    return [place for place in PLACES if os.path.lexists(place)]


@needs_systemd
@pytest.mark.parametrize("arguments", [(), ("--uninstall",), ("--uninstall", "--purge")])
def test_a_dry_run_names_every_step_and_does_none(arguments):
    before = existing()

    done = install("--dry-run", *arguments)

    assert done.returncode == 0, done.stderr
    assert "would: " in done.stdout
    assert done.stderr == ""
    assert existing() == before


@needs_systemd
@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("getconf", "echo 32", "install the 64-bit Raspberry Pi OS"),
        ("uname", "echo Darwin", "needs Linux with systemd"),
        (
            "python3",
            '[ "$1" = -V ] && echo Python 3.9.2; exit 1',
            "Python 3.9.2 is too old; Nebulift needs Python 3.11",
        ),
        ("df", "printf 'h\\n/dev/x 1 1 12 1 /\\n'", "has 12 MB left, but 700 MB are needed; make room"),
    ],
)
def test_a_machine_that_will_not_do_is_told_why_in_one_line(tmp_path, name, text, complaint):
    done = install("--dry-run", PATH=program(tmp_path, name, text))

    assert done.returncode == 1
    assert complaint in done.stderr
    assert done.stderr.count("\n") == 1
    assert "would: " not in done.stdout


@needs_systemd
def test_a_wheel_that_is_not_there_is_named(tmp_path):
    done = install("--dry-run", "--wheel", tmp_path / "no.whl")

    assert (done.returncode, done.stderr) == (
        1, f"install.sh: {tmp_path}/no.whl: no such file; name the wheel to install\n"
    )  # fmt: skip


@needs_systemd
def test_a_script_torn_from_its_checkout_says_what_it_misses(tmp_path):
    lonely = shutil.copy(INSTALLER, tmp_path)

    done = install("--dry-run", script=lonely)

    assert done.returncode == 1
    assert done.stderr == f"install.sh: {tmp_path}/nebulift.service is missing; call install.sh where it belongs\n"


@pytest.mark.parametrize("arguments", [("--no-such-thing",), ("--wheel",)])
def test_wrong_usage_shows_the_right_one(arguments):
    done = install(*arguments)

    assert done.returncode == 2
    assert "sudo systemd/install.sh --uninstall" in done.stderr


@pytest.mark.parametrize("arguments", [("--purge",), ("--uninstall", "--wheel", "x.whl")])
def test_contradicting_options_are_refused(arguments):
    assert install(*arguments).returncode == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody else")
def test_without_root_it_asks_for_sudo(tmp_path):
    readable = shutil.copytree(CHECKOUT / "systemd", tmp_path / "systemd")
    for place in (tmp_path, *tmp_path.parents[:-2]):
        place.chmod(0o755)

    done = subprocess.run(
        [readable / "install.sh"], capture_output=True, text=True, user="nobody", env={}, cwd="/", check=False
    )

    assert (done.returncode, done.stderr) == (1, "install.sh: this changes the system; call it with sudo\n")


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
@pytest.mark.parametrize("script", ["systemd/install.sh", "tests/systemd_box.sh", "tests/wheel_check.sh"])
def test_the_scripts_have_no_known_traps(script):
    done = subprocess.run(["shellcheck", CHECKOUT / script], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout
