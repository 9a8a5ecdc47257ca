"""The session as the daemon keeps it, with the real judge: through a restart, and with the share that people set."""

import os
from dataclasses import replace

import daemon_process
import pytest
from daemon_process import REAL_JUDGE, Daemon, wait_until

from nebulift.batch import Rules, judge_all
from nebulift.simulate.causes import Motion
from nebulift.simulate.headers import header_cards
from nebulift.simulate.night import plan_night, rendered
from nebulift.simulate.obstacles import Obstacle
from nebulift.simulate.tracking import drift
from nebulift.simulate.writer import fits_bytes
from nebulift.verdict import DISTRUST_NOTE
from nebulift_daemon.ledger import Ledger

CLEAR, SPOILT = 5, 8


def put_night(folder, causes_of):
    """Files of a night in order of time, ``causes_of(frame's number, plan)`` in each; their paths."""
    paths = []
    for number, plan in enumerate(plan_night(6, CLEAR + SPOILT, scenario="clear", size=(640, 480))):
        spoilt = replace(plan, scene=replace(plan.scene, causes=causes_of(number, plan)))
        path = folder / f"{number:02d}.fits"
        path.write_bytes(fits_bytes(rendered(spoilt).pixels, header_cards(spoilt), "none"))
        os.utime(path, (1_700_000_000 + number, 1_700_000_000 + number))  # the backlog is taken in this order
        paths.append(path)
    return paths


def risen_roof(number, plan):
    reach = 0.08 * (number - CLEAR + 1)
    return (Obstacle("dome", reach, 90.0, 0.1, 0.9, 0.3),) if number >= CLEAR else ()


def moved_mount(number, plan):
    return (Motion(drift(4.0 * plan.scene.air.fwhm_px, 30.0)),)


def verdicts(state):
    ledger = Ledger.open(state)
    try:
        return {row.path.name: (row.label, round(row.score, 4)) for row in ledger.frames.newest(100)}
    finally:
        ledger.close()


@pytest.fixture(autouse=True)
def roomy(monkeypatch):
    """A real judge on a busy machine needs more than the second that is enough for the one of the other tests."""
    monkeypatch.setitem(daemon_process.FAST, "judge", {"timeout_s": 60.0, "memory_mb": 1500})


def real_daemon(base, **sections):
    return Daemon(base, judge=REAL_JUDGE, model={"path": "none"}, **sections)


@pytest.mark.timeout(120)
def test_a_restart_in_the_middle_of_a_night_changes_no_verdict(tmp_path):
    """A roof rises: what was seen of it before the restart counts after it as well."""
    daemon = real_daemon(tmp_path)
    paths = put_night(daemon.capture, risen_roof)
    told = [one.verdict for one in judge_all(paths, Rules(), sessions={})]
    assert {str(one.label) for one in told[:CLEAR]} == {"clean"}
    assert "clean" not in {str(one.label) for one in told[CLEAR + 2 :]}
    later = tmp_path / "later"
    later.mkdir()
    for path in paths[CLEAR + 2 :]:
        path.rename(later / path.name)
    with daemon:
        wait_until(lambda: len(daemon.filed()) == CLEAR + 2, 60)
        assert daemon.stop() == 0
    for path in paths[CLEAR + 2 :]:
        (later / path.name).rename(path)
    with daemon:
        wait_until(lambda: len(daemon.filed()) == CLEAR + SPOILT, 60)
        assert daemon.stop() == 0
    without = {path.name: (str(one.label), round(one.score, 4)) for path, one in zip(paths, told, strict=True)}
    assert verdicts(daemon.state) == without


@pytest.mark.timeout(120)
@pytest.mark.parametrize("share", [0.5, 1.0])
def test_a_night_that_would_be_rejected_as_a_whole_is_believed_as_far_as_people_set(tmp_path, share):
    daemon = real_daemon(tmp_path, policy={"distrust_share": share})
    put_night(daemon.capture, moved_mount)
    with daemon:
        wait_until(lambda: len(daemon.filed()) == CLEAR + SPOILT, 60)
        assert daemon.stop() == 0
    labels = [label for _, (label, _) in sorted(verdicts(daemon.state).items())]
    assert labels[:9].count("contaminated") > 6  # before the tenth nobody knows whether most of the night is like that
    assert ("contaminated" in labels[9:]) == (share == 1.0)
    assert daemon.text().count(DISTRUST_NOTE) == (share < 1.0)  # said once
