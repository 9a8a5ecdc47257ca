"""A person sorts by hand in the output folder while the daemon works there: no frame is lost, none replaced."""

import random
import time

import pytest
from daemon_process import Daemon, wait_until
from fault_lines import seconds_since
from trees import census, frame, make_files


def meddle(daemon, dice, taken):
    """One thing that a person does in the folders: move to another label, rename, put aside."""
    frames = [path for path in daemon.output.rglob("*.fits") if not path.name.startswith(".")]
    if not frames:
        return
    frame_file = dice.choice(frames)
    label = dice.choice(["clean", "contaminated", "review"])
    to = dice.choice(
        [
            daemon.output / label / frame_file.name,
            frame_file.with_name(f"mine-{frame_file.name}"),
            taken / frame_file.name,
        ]
    )
    if not to.exists():
        to.parent.mkdir(parents=True, exist_ok=True)
        frame_file.rename(to)


@pytest.mark.fault(50)
@pytest.mark.parametrize("frames", [40, pytest.param(400, marks=pytest.mark.slow)])
def test_a_person_who_sorts_along_loses_nothing(tmp_path, figures, frames):
    dice, taken = random.Random(7), tmp_path / "taken"
    taken.mkdir()
    deeds = 0
    words = [b"CLEAN", b"TRAIL", b"DOUBT"]
    night = tmp_path / "night"
    make_files(night, {f"{number}.fits": frame(words[number % 3] + b" %d" % number) for number in range(frames)})
    before = census(night)  # before the daemon gets to see them, or the first are on their way already
    with Daemon(tmp_path, filing=dict.fromkeys(("clean", "contaminated", "review"), "move")) as daemon:
        for path in night.iterdir():
            path.rename(daemon.capture / path.name)
        started = time.monotonic()
        while any(daemon.capture.iterdir()) and seconds_since(started) < 60:
            meddle(daemon, dice, taken)
            deeds += 1
            time.sleep(0.02)
        make_files(daemon.capture, {"last.fits": frame(b"CLEAN last")})
        wait_until(lambda: "clean/last.fits" in daemon.filed())
        assert daemon.stop() == 0
        assert "Traceback" not in daemon.text()
    (daemon.output / "clean/last.fits").unlink()
    after = census(daemon.output, taken, daemon.capture)
    figures(frames=frames, deeds=deeds, lost=len(before - after), doubled=len(after - before))
    assert after == before
