"""``systemd/nebulift.service``: understood by systemd, closed to everything it does not need, never giving up."""

import re
import shutil
import subprocess
import tomllib
from collections import defaultdict

import pytest
from boxes import CHECKOUT

from nebulift.config_sample import keys, sample_toml
from nebulift.settings import SECTIONS
from nebulift_daemon.service_folders import STATE_DIRECTORY, Reach, drop_in

UNIT = CHECKOUT / "systemd" / "nebulift.service"
SAMPLE = CHECKOUT / "systemd" / "nebulift.toml"
PROGRAM = "/opt/nebulift/venv/bin/nebulift"
MOST_EXPOSED = 1.0  # of 10; what systemd itself ships lies between 2 and 4
needs_analyze = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")


def settings_of(unit=UNIT):
    """Every setting of the unit by section; of one that is given several times, all values."""
    found, section = defaultdict(lambda: defaultdict(list)), None
    for line in unit.read_text().splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found[section][key].append(value)
    return found


def verified(folder, unit_text, drop_in_text=None):
    """What systemd-analyze says about a unit, with a program that is there."""
    unit = folder / "nebulift.service"
    unit.write_text(unit_text.replace(PROGRAM, "/bin/true"))
    if drop_in_text is not None:
        (folder / "nebulift.service.d").mkdir()
        (folder / "nebulift.service.d" / "folders.conf").write_text(drop_in_text)
    return subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)],
        capture_output=True,
        text=True,
        env={"SYSTEMD_UNIT_PATH": f"{folder}:", "PATH": "/usr/bin:/bin"},
        check=False,
    )


def complaints(done):
    """Lines about our unit; what else is installed on this machine is not our business."""
    return [line for line in done.stderr.splitlines() if "nebulift" in line or "folders.conf" in line]


@needs_analyze
def test_systemd_understands_every_line(tmp_path):
    done = verified(tmp_path, UNIT.read_text())

    assert complaints(done) == []
    assert done.returncode == 0, done.stderr


@needs_analyze
def test_a_line_that_systemd_does_not_understand_would_be_noticed(tmp_path):
    done = verified(tmp_path, UNIT.read_text().replace("Nice=5", "Niceness=5"))

    assert any("Unknown key" in line and "Niceness" in line for line in complaints(done))


@needs_analyze
def test_systemd_understands_the_drop_in_with_the_oddest_names(tmp_path):
    odd = tmp_path / 'night "sky": 100% \\o/'
    reach = Reach("pi", "because", (odd,), (tmp_path,), (odd / ".ssh",), (tmp_path / "a disk",), ())

    done = verified(tmp_path, UNIT.read_text(), drop_in(reach, tmp_path / "nebulift.toml"))

    assert complaints(done) == []
    assert done.returncode == 0, done.stderr


@needs_analyze
def test_it_is_closed_to_all_that_it_does_not_need(tmp_path):
    shutil.copy(UNIT, tmp_path)

    done = subprocess.run(
        ["systemd-analyze", "security", "--no-pager", "--offline=true", f"--threshold={MOST_EXPOSED * 10:.0f}",
         str(tmp_path / "nebulift.service")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout
    (level,) = re.findall(r"exposure level for nebulift\.service: ([0-9.]+)", done.stdout)
    assert float(level) <= MOST_EXPOSED


@pytest.mark.parametrize(
    ("section", "key", "values"),
    [
        ("Unit", "StartLimitIntervalSec", ["0"]),
        ("Unit", "ConditionPathExists", ["/etc/nebulift/nebulift.toml"]),
        ("Service", "Type", ["notify"]),
        ("Service", "WatchdogSec", ["60"]),
        ("Service", "Restart", ["on-failure"]),
        ("Service", "RestartPreventExitStatus", ["2"]),
        ("Service", "User", ["nebulift"]),
        ("Service", "ProtectSystem", ["strict"]),
        ("Service", "StateDirectory", [STATE_DIRECTORY.name]),
        ("Service", "NoNewPrivileges", ["yes"]),
        ("Service", "CapabilityBoundingSet", [""]),
        ("Service", "PrivateNetwork", ["yes"]),
        ("Install", "WantedBy", ["multi-user.target"]),
    ],
)
def test_what_a_year_without_a_visit_needs(section, key, values):
    assert settings_of()[section][key] == values


def test_it_runs_what_a_person_would_run():
    assert settings_of()["Service"]["ExecStart"] == [f"{PROGRAM} watch --config /etc/nebulift/nebulift.toml"]


def test_the_capture_program_comes_first():
    service = settings_of()["Service"]
    assert int(service["Nice"][0]) > 0
    assert {"MemoryMax", "TasksMax", "LimitNOFILE"} <= set(service)


def test_nothing_phones_home_and_nothing_onnxruntime_needs_is_forbidden():
    service = settings_of()["Service"]
    assert "ORT_DISABLE_TELEMETRY=1" in service["Environment"]
    assert "ProcSubset" not in service  # it reads /proc/cpuinfo
    assert not any("@resources" in line for line in service["SystemCallFilter"])  # its threads set their affinity


def test_every_line_of_the_unit_is_explained():
    """A reader who wonders why finds a comment above each group of settings."""
    for group in re.split(r"\n\n|\n(?=#)", UNIT.read_text()):
        lines = [line for line in group.splitlines() if line and not line.startswith("#")]
        explained = [line for line in group.splitlines() if line.startswith("#")]
        unexplained = [line for line in lines if not line.startswith(("[", "Description=", "WantedBy="))]
        assert explained or not unexplained, group


def test_the_sample_configuration_is_the_one_that_the_settings_give():
    assert SAMPLE.read_text(encoding="utf-8") == sample_toml()


@pytest.mark.parametrize("key", list(keys()), ids=lambda key: key.full_name)
def test_every_key_of_the_sample_is_explained_and_shows_its_default(key):
    text = SAMPLE.read_text(encoding="utf-8")
    section = text[text.index(f"[{key.section}]") :].partition("\n\n")[0]
    (line,) = re.findall(rf"^#? ?{key.name} = .*$", section, re.MULTILINE)
    above = section[: section.index(line)].rstrip().splitlines()[-1]

    assert above.startswith("# ")
    assert len(key.text) > 20
    if key.default is not None:
        shown = tomllib.loads(line.removeprefix("# "))[key.name]
        shown = tuple(shown) if isinstance(shown, list) else shown
        assert key.default in (shown, ()), "an empty list shows an example"
        assert line.startswith("# "), "a default need not be in force"


def test_the_sample_knows_every_section():
    assert re.findall(r"^\[(\w+)\]$", SAMPLE.read_text(encoding="utf-8"), re.MULTILINE) == list(SECTIONS)
