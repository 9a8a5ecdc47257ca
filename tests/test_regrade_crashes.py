"""Filing anew and taking it back, killed after every single step: nothing lost, nothing doubled, nobody's label."""

import signal
import subprocess
import sys

import pytest
from clouded_night import CLOUDED, CloudedNight, measured_once  # noqa: F401 - a fixture
from trees import census, names, read_files

from nebulift_daemon.filing import Act
from nebulift_daemon.regrade_filing import finish_interrupted

# A process that kills itself after a number of steps; a step is a transaction, or a name made, moved or removed.
MORTAL = """
import contextlib, os, signal, sys
from pathlib import Path
from nebulift.verdict import Label
from nebulift_daemon import filing, placing, reviews, undo
from nebulift_daemon.filing import Act
from nebulift_daemon.ledger import Ledger, database
from nebulift_daemon.output_root import OutputRoot
from nebulift_daemon.regrade_filing import Places, put_in_force

base, what, steps = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
ledger = Ledger.open(base / "state")
output = OutputRoot(base / "out", base / "state")
owner = ledger.memory.identity()

def step():
    global steps
    steps -= 1
    if steps < 0:
        os.kill(os.getpid(), signal.SIGKILL)

def mortal(function):
    def call(*arguments, **options):
        done = function(*arguments, **options)
        step()
        return done
    return call

transaction = database.Database.transaction
@contextlib.contextmanager
def mortal_transaction(self, **options):
    with transaction(self, **options) as writing:
        yield writing
    step()

database.Database.transaction = mortal_transaction
for module in (filing, undo):
    for name in ("move_exclusive", "link_exclusive", "copy_exclusive", "symlink_exclusive", "remove_same"):
        if hasattr(module, name):
            setattr(module, name, mortal(getattr(module, name)))

if what == "undo":
    actions = [one for one in ledger.history.actions_since("") if ledger.regrades.of_action(one.id)]
    for done in undo.undo_all(ledger, actions, output.path, owner):
        assert done.trouble is None, done.trouble
else:
    acts = {label: Act(what) for label in Label}
    places = Places(output, acts, {base / "cap": ""}, lambda *_: False)
    for night, _ in ledger.regrades.waiting():
        for regrade in ledger.regrades.proposed(night):
            put_in_force(ledger, places, regrade)
"""


def survives(night, what, steps):
    """Whether the process came to its end before it had to die."""
    command = [sys.executable, "-c", MORTAL, str(night.base), what, str(steps)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode in {0, -signal.SIGKILL}, done.stderr
    return done.returncode == 0


def as_after_a_crash(night, *, mended_by_the_daemon):
    night.reopen()
    if mended_by_the_daemon:
        finish_interrupted(night.ledger, night.places(contaminated=night.act))
    assert night.tree.notice() == []  # a half-finished move is nobody's decision
    assert night.ledger.history.labels() == []


@pytest.mark.parametrize("first", ["start", "look"])  # who comes by first: the daemon's start, its look for hand moves
@pytest.mark.parametrize("act", [Act.LINK, Act.MOVE])
def test_killed_after_any_step_of_filing_anew_it_goes_on_and_back(tmp_path, act, first):
    night = CloudedNight(tmp_path, act)
    night.regrade()
    everything, tree, rows = census(night.capture, night.root), read_files(night.root), night.rows()
    for steps in range(100):
        whole = survives(night, act, steps)
        as_after_a_crash(night, mended_by_the_daemon=first == "start")
        assert census(night.capture, night.root) == everything
        if not whole:
            continue_and_check(night)
        assert night.undo(night.regrades()) == []
        assert (read_files(night.root), night.rows()) == (tree, rows)
        if whole:
            break
        night.regrade()
        with night.ledger._database.transaction() as writing:
            writing.change("UPDATE regrades SET state = 'proposed' WHERE state = 'undone'")
    assert steps > 3 * len(CLOUDED)
    night.ledger.close()


def continue_and_check(night):
    finish_interrupted(night.ledger, night.places())
    night.regrade(apply=True)
    assert [name for name in names(night.root) if name.startswith("contaminated")] == [
        f"contaminated/M31/{name}" for name in CLOUDED
    ]
    assert len(night.regrades()) == len(CLOUDED)


@pytest.mark.parametrize("act", [Act.LINK, Act.COPY, Act.MOVE, Act.SYMLINK])
def test_killed_while_frames_that_were_left_are_filed(tmp_path, act):
    night = CloudedNight(tmp_path, Act.LEAVE)
    night.regrade()
    capture, rows = read_files(night.capture), night.rows()
    for steps in range(100):
        whole = survives(night, act, steps)
        night.act = act
        as_after_a_crash(night, mended_by_the_daemon=True)
        night.regrade(apply=True, clean=Act.LEAVE, review=Act.LEAVE)
        assert names(night.root) == [f"contaminated/M31/{name}" for name in CLOUDED]
        assert len(night.regrades()) == len(CLOUDED)
        assert night.undo(night.regrades()) == []
        assert (read_files(night.capture), names(night.root)) == (capture, [])
        assert night.rows() == rows
        if whole:
            break
        with night.ledger._database.transaction() as writing:
            writing.change("UPDATE regrades SET state = 'proposed' WHERE state = 'undone'")
    assert steps > 3 * len(CLOUDED)
    night.ledger.close()


@pytest.mark.parametrize("first", ["start", "look"])
def test_killed_after_any_step_of_undo_nothing_becomes_a_label(tmp_path, first):
    night = CloudedNight(tmp_path)
    everything = census(night.capture, night.root)
    tree, rows = names(night.root), night.rows()
    for steps in range(100):
        night.regrade(apply=True)
        whole = survives(night, "undo", steps)
        as_after_a_crash(night, mended_by_the_daemon=first == "start")
        assert census(night.capture, night.root) == everything
        finish_interrupted(night.ledger, night.places())
        assert night.undo(night.regrades()) == []
        assert (names(night.root), night.rows()) == (tree, rows)  # an empty folder may be left
        if whole:
            break
    assert steps > 3 * len(CLOUDED)
    night.ledger.close()
