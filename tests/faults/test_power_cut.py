"""The power fails: what was moved is whole, what the ledger calls filed is there, and nothing that was safe is gone.

The cut is real: the EXT4_IOC_SHUTDOWN call drops whatever the journal has not committed, as a cut would.
"""

import fcntl
import os
import random
import struct
import subprocess
import time
from contextlib import contextmanager

import pytest
from daemon_process import Daemon, wait_until
from disks import mount, needs_root
from trees import census, frame, make_files, names

from nebulift_daemon.ledger import Ledger

SHUTDOWN = 0x8004587D  # EXT4_IOC_SHUTDOWN
WITHOUT_FLUSHING_THE_LOG = 2
MOVE = {"clean": "move", "contaminated": "move", "review": "move"}


@contextmanager
def card(image, place):
    """A memory card with ext4, in a file; ``cut()`` takes the power away."""
    place.mkdir(exist_ok=True)
    if not image.exists():
        with image.open("wb") as file:
            file.truncate(64 << 20)
        if subprocess.run(["mkfs.ext4", "-q", str(image)], check=False, capture_output=True).returncode:
            pytest.skip("no mkfs.ext4 here")
    mount("-o", "loop", image, place)
    try:
        yield lambda: cut(place)
    finally:
        subprocess.run(["umount", str(place)], check=False)


def cut(place):
    descriptor = os.open(place, os.O_RDONLY)
    try:
        fcntl.ioctl(descriptor, SHUTDOWN, struct.pack("I", WITHOUT_FLUSHING_THE_LOG))
    finally:
        os.close(descriptor)


@needs_root
@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("everything_on_the_card", [True, False])
def test_no_frame_is_lost_to_a_power_cut(tmp_path, everything_on_the_card):
    dice = random.Random(5)
    place = tmp_path / "card"
    base = place / "night" if everything_on_the_card else tmp_path
    folders = {} if everything_on_the_card else {"output": {"root": str(place / "out"), "state": str(place / "state")}}
    written = {}
    for turn in range(6):
        with card(tmp_path / "card.img", place) as cut_power:
            base.mkdir(exist_ok=True)
            daemon = Daemon(base, filing=MOVE, **folders)
            daemon.output, daemon.state = (
                (base / "out", base / "state") if not folders else (place / "out", place / "state")
            )
            daemon.log = tmp_path / "log"
            for number in range(20):
                content = frame(b"CLEAN %d %d" % (turn, number), 100)
                make_files(daemon.capture, {f"{turn}-{number:02}.fits": content})
                written[f"{turn}-{number:02}.fits"] = content
            os.sync()  # the capture program's frames are on the card; what we do with them is not
            with daemon:
                done = len(daemon.filed())
                wait_until(lambda: len(daemon.filed()) > done + dice.randrange(1, 15))  # noqa: B023
                cut_power()
                time.sleep(0.1)
                daemon.kill()
        with card(tmp_path / "card.img", place):
            found = {name.rsplit("/", 1)[-1]: daemon.output / name for name in daemon.filed()}
            left = {name.rsplit("/", 1)[-1]: daemon.capture / name for name in names(daemon.capture)}
            assert set(written) <= set(found) | set(left)
            for name, path in found.items():
                assert path.read_bytes() == written[name]
            ledger = Ledger.open(daemon.state, check=True)
            for row in ledger.frames.newest(1000):
                if row.state == "filed":
                    assert row.destination.read_bytes() == written[row.path.name]
            ledger.close()
            assert not list(daemon.state.glob("*.damaged-*"))
    with card(tmp_path / "card.img", place), daemon:
        wait_until(lambda: len(daemon.filed()) == len(written))
        assert names(daemon.capture) == []
        assert max(census(daemon.output).values()) == 1
        daemon.stop()
