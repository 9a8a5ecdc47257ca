"""The power fails: what was moved is whole, what the ledger calls filed is there, and nothing that was safe is gone.

The cut is real: the EXT4_IOC_SHUTDOWN call drops whatever the journal has not committed, as a cut would.
"""

import os
import random
import time
from contextlib import ExitStack, contextmanager

import pytest
from daemon_process import Daemon, wait_until
from disks import card, needs_root
from trees import census, frame, make_files, names

from nebulift_daemon.ledger import Ledger

MOVE = {"clean": "move", "contaminated": "move", "review": "move"}
CUTS = 50
FRAMES_A_TURN = 12


def daemon_on(place, log, capture_place):
    """A daemon whose papers and sorted folder lie on the card at ``place``; frames arrive at ``capture_place``."""
    capture_place.mkdir(exist_ok=True)
    daemon = Daemon(capture_place, filing=MOVE, output={"root": str(place / "out"), "state": str(place / "state")})
    daemon.output, daemon.state, daemon.log = place / "out", place / "state", log
    return daemon


@contextmanager
def cards(tmp_path, *, two):
    """The disks that lose power: of the sorted folder and, if it is another one, of the capture folder."""
    with ExitStack() as stack:
        cuts = [stack.enter_context(card(tmp_path / "card.img", tmp_path / "card"))]
        if two:
            cuts.append(stack.enter_context(card(tmp_path / "usb.img", tmp_path / "usb")))
        yield lambda: [cut() for cut in cuts]


def holds(daemon, written):
    """How many frames of ``written`` are nowhere, torn under a final name, and called filed but are not there."""
    found = {name.rsplit("/", 1)[-1]: daemon.output / name for name in daemon.filed()}
    left = {name.rsplit("/", 1)[-1]: daemon.capture / name for name in names(daemon.capture)}
    torn = sum(path.read_bytes() != written[name] for name, path in found.items())
    ledger = Ledger.open(daemon.state, check=True)
    false_claims = sum(
        row.state == "filed"
        and (not row.destination.exists() or row.destination.read_bytes() != written[row.path.name])
        for row in ledger.frames.newest(100_000)
    )
    ledger.close()
    return len(set(written) - set(found) - set(left)), torn, false_claims


@needs_root
@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    "two_disks",
    [pytest.param(False, marks=pytest.mark.fault(22)), pytest.param(True, marks=pytest.mark.fault(23))],
    ids=["one disk", "two disks"],
)
def test_no_frame_is_lost_to_a_power_cut(tmp_path, figures, two_disks):
    dice = random.Random(5)
    place, capture_place = tmp_path / "card", tmp_path / "usb" if two_disks else tmp_path / "card" / "night"
    written, lost, torn, false_claims = {}, 0, 0, 0
    for turn in range(CUTS):
        with cards(tmp_path, two=two_disks) as cut_power:
            daemon = daemon_on(place, tmp_path / "log", capture_place)
            for number in range(FRAMES_A_TURN):
                content = frame(b"CLEAN %d %d" % (turn, number), 100)
                make_files(daemon.capture, {f"{turn}-{number:02}.fits": content})
                written[f"{turn}-{number:02}.fits"] = content
            os.sync()  # the capture program's frames are on the card; what we do with them is not
            with daemon:
                done, enough = len(daemon.filed()), dice.randrange(1, FRAMES_A_TURN)
                wait_until(lambda: len(daemon.filed()) >= done + enough)  # noqa: B023
                cut_power()
                time.sleep(0.05)
                daemon.kill()
        with cards(tmp_path, two=two_disks):
            lost, torn, false_claims = map(sum, zip((lost, torn, false_claims), holds(daemon, written), strict=True))
            assert not list(daemon.state.glob("*.damaged-*"))
    with cards(tmp_path, two=two_disks), daemon:
        wait_until(lambda: len(daemon.filed()) == len(written), 60)
        doubled = sum(number - 1 for number in census(daemon.output, daemon.capture).values())
        assert names(daemon.capture) == []
        daemon.stop()
    figures(cuts=CUTS, frames=len(written), lost=lost, doubled=doubled, torn=torn, filed_but_not_there=false_claims)
    assert (lost, doubled, torn, false_claims) == (0, 0, 0, 0)
