"""``nebulift regrade``: what it prints, and who else tells of what it found."""

import json
from datetime import UTC, datetime

import pytest
from clouded_night import CLOUDED, CloudedNight, measured_once  # noqa: F401 - a fixture
from command_line import nebulift  # noqa: F401 - a fixture
from daemon_process import toml

from nebulift_daemon.report.json_document import as_json
from nebulift_daemon.report.night_report import gather
from nebulift_daemon.report.page import as_html
from nebulift_daemon.state_folder import REGRADE_LOCK_NAME, StateLock


@pytest.fixture
def night(tmp_path):
    night = CloudedNight(tmp_path)
    yield night
    night.ledger.close()


@pytest.fixture
def config(night):
    """A configuration for the command line, without a model."""
    file = night.base / "nebulift.toml"
    sections = {
        "watch": {"folders": [str(night.capture)]},
        "output": {"root": str(night.root), "state": str(night.state)},
        "model": {"path": "none"},
    }
    file.write_text(toml(sections))
    return ["--config", file]


def test_the_command_says_each_change_in_a_line_and_a_sum(nebulift, night, config):  # noqa: F811
    called = nebulift("regrade", *config)
    lines = called.out.splitlines()
    assert called.status == 0
    assert [
        line for line in lines if line.startswith("clean -> contaminated") and CLOUDED[1] in line and "cloud" in line
    ]
    assert "3 of 10 frames of the night of" in lines[-1]
    assert lines[-1].endswith("would be graded otherwise; nothing was changed, --apply does it")
    called = nebulift("regrade", "--apply", *config)
    assert "3 of 10 frames" in called.out
    assert "graded otherwise" in called.out
    assert nebulift("regrade", *config).out.startswith("none of 10 frames of the night of")
    assert nebulift("undo", "--since", "1m", *config).status == 0


def test_the_document_says_what_the_lines_say(nebulift, night, config):  # noqa: F811
    document = json.loads(nebulift("regrade", "--json", "--apply", *config).out)
    assert (document["frames"], document["applied"], document["left_alone"]) == (10, 3, [])
    first = document["changes"][0]
    assert first["path"] == str(night.capture / "M31" / CLOUDED[0])
    assert first["file"] == str(night.root / "contaminated/M31" / CLOUDED[0])
    assert (first["after"], first["applied"], first["trouble"]) == ("contaminated", True, None)
    assert first["score_after"] < first["score_before"]


def test_folders_choose_frames_and_their_sessions_are_still_the_witness(nebulift, night, config):  # noqa: F811
    night.put("M33/c.fits", "clean")
    called = nebulift("regrade", night.capture / "M31", *config)
    assert "3 of 10 frames" in called.out
    (night.base / "elsewhere").mkdir()
    called = nebulift("regrade", night.base / "elsewhere", *config)
    assert (called.status, called.err.count("\n")) == (2, 1)


def test_another_night_is_named_by_its_evening(nebulift, night, config):  # noqa: F811
    assert "none of 0 frames of the night of 2001-01-01" in nebulift("regrade", "--night", "2001-01-01", *config).out
    assert nebulift("regrade", "--night", "2001-01-01", night.capture, *config).status == 2


def test_two_at_a_time_are_one_too_many(nebulift, night, config):  # noqa: F811
    with StateLock(night.state, REGRADE_LOCK_NAME):
        called = nebulift("regrade", *config)
    assert called.status == 1
    assert "is looking back with this state folder already" in called.err


def test_proposals_are_not_forgotten_and_told_by_status_and_report(nebulift, night, config):  # noqa: F811
    night.regrade()
    (waiting,) = night.ledger.regrades.waiting()
    evening = waiting[0]
    assert waiting == (evening, 3)
    told = f"3 frames of the night of {evening} would be graded otherwise: `nebulift regrade --night {evening} --apply`"
    assert told in nebulift("status", *config).out
    assert json.loads(nebulift("status", "--json", *config).out)["regrade"] == [{"night": evening, "frames": 3}]
    (wanted,) = night.wanted().nights
    report = gather(night.ledger, wanted, None, datetime.now(UTC))
    assert "3 frames would be graded otherwise" in as_html(report)
    assert json.loads(as_json(report))["regrades_proposed"] == 3
